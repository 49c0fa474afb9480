/** The HTTP server that all APIs share: what holds for every request, whichever API it is for. */
import { randomUUID } from 'node:crypto'
import {
  createServer as createPlainServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  STATUS_CODES,
} from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { WeirError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { addCloud, type CloudError, cloudError } from './cloud/cloud.ts'
import { addAnalyzerRoutes } from './analyzer-routes.ts'
import { addBillingRoutes } from './billing-routes.ts'
import { addFlowLogRoutes } from './flow-log-routes.ts'
import { addLogstoreRoute } from './logstore-route.ts'
import { addExplainRoute } from './explain-route.ts'
import { addAgentRoutes } from './agent-routes.ts'
import { addHealthRoutes } from './health-routes.ts'
import { addKeyRoutes } from './key-routes.ts'
import { addLedgerRoute } from './ledger-route.ts'
import {
  addLogService,
  logRequestId,
  type LogServiceError,
  logServiceError,
  originForm,
} from './log-service/log-service.ts'
import { addRequestMetrics, type RequestMetrics } from './request-metrics.ts'
import { addQueryRoute } from './query-route.ts'
import { type ErrorReply, errorReply, requestIdHeader } from './reply.ts'
import { ruleFor } from './route-by-header.ts'
import { checksWhenAsked, schemaError } from './schema.ts'
import { addSignatures } from './signed.ts'
import { addStoreCheckRoute } from './store-check-route.ts'
import { addStoreRoutes } from './store-routes.ts'
import { addTopologyRoutes } from './topology-routes.ts'
import type { ApiThings } from './things.ts'

/** A query is text and some numbers. Routes that take more say so. */
const bodyBytesMax = 1024 * 1024
/** A request must have come whole by then: a slow sender must not hold a connection for ever. */
const requestTimeoutMs = 60_000
const keepAliveTimeoutMs = 30_000
/** Of one part of a path: the longest name of any API has 256 characters, up to three letters each when escaped. */
const paramLengthMax = 1024

export function createServer(things: ApiThings, tls?: TlsOptions): FastifyInstance {
  const metrics = addRequestMetrics(things.metrics)
  const server = Fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    forceCloseConnections: 'idle',
    requestIdHeader: false,
    genReqId: newRequestId,
    serverFactory: (handler: RequestListener): Server => nodeServer(handler, tls),
    schemaErrorFormatter: schemaError,
    rewriteUrl: ({ url = '/' }) => originForm(url),
    routerOptions: { constraints: { api: apiConstraint }, maxParamLength: paramLengthMax },
    clientErrorHandler: (error, socket) => refuseUnparsed(error, socket, metrics),
    frameworkErrors: (error, request, reply) => {
      const { status, headers, text } = rawReply(replyFor(request, error))
      reply.raw.writeHead(status, headers).end(text)
    },
  })
  server.addHook('onRequest', (request, reply, done) => {
    void reply.header(requestIdHeader, request.id)
    done(encodingError(request))
  })
  // A kept connection would keep a closing server waiting for its time-out.
  let closing = false
  server.addHook('preClose', (done) => {
    closing = true
    done()
  })
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) void reply.header('connection', 'close')
    done(null, payload)
  })
  server.setValidatorCompiler(checksWhenAsked())
  server.setErrorHandler((error, request, reply) => {
    const answer = replyFor(request, error)
    if (answer.failed) {
      metrics.failures.inc()
      things.log.error('request failed', {
        requestId: request.id,
        method: request.method,
        path: pathOf(request),
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      })
    }
    const { status, headers, text } = rawReply(answer)
    return reply.code(status).headers(headers).send(Buffer.from(text))
  })
  server.setNotFoundHandler((request) => {
    throw notFound(request, paths)
  })
  const paths: string[] = []
  server.addHook('onRoute', ({ url, constraints }) => {
    if (constraints?.['api'] === 'weir') paths.push(url)
  })
  server.addHook('onResponse', (request, reply, done) => {
    metrics.answered(request.method, request.routeOptions.url, reply.statusCode, reply.elapsedTime)
    done()
  })
  addSignatures(server, things.access)
  addRoutes(server, things)
  return server
}

function addRoutes(server: FastifyInstance, things: ApiThings): void {
  addHealthRoutes(server, things)
  addKeyRoutes(server, things.access)
  addQueryRoute(server, things.query, things.store)
  addAgentRoutes(server, things.agents, things.store)
  addStoreRoutes(server, things.store, things.sample)
  addFlowLogRoutes(server, things.flowLogs)
  addLogstoreRoute(server, things.flowLogs, things.store)
  addLedgerRoute(server, things.ledger)
  addStoreCheckRoute(server, things.store)
  addExplainRoute(server, things.explain)
  addTopologyRoutes(server, things.topology)
  if (things.billing !== undefined) addBillingRoutes(server, things.billing)
  if (things.analyzers !== undefined) addAnalyzerRoutes(server, things.analyzers)
  if (things.logService !== undefined) addLogService(server, things.logService)
  if (things.cloud !== undefined) addCloud(server, things.cloud)
}

function nodeServer(handler: RequestListener, tls: TlsOptions | undefined): Server {
  const server = tls === undefined ? createPlainServer(handler) : createSecureServer(tls, handler)
  server.requestTimeout = requestTimeoutMs
  server.keepAliveTimeout = keepAliveTimeoutMs
  return server
}

const newRequestId = (): string => randomUUID().toUpperCase()

/** Lets a route say for which API it is; the others do not see its path. */
const apiConstraint = {
  name: 'api',
  storage: () => {
    const handlers = new Map<unknown, never>()
    return {
      get: (api: unknown) => handlers.get(api) ?? null,
      set: (api: unknown, handler: never) => void handlers.set(api, handler),
    }
  },
  deriveConstraint: (request: IncomingMessage) => ruleFor(request)?.api ?? 'none',
  mustMatchWhenDerived: true,
}

/** Bodies are read as they are: a compressed one would only be misread. */
function encodingError(request: FastifyRequest): WeirError | undefined {
  const encoding = request.headers['content-encoding']
  if (encoding === undefined || encoding === 'identity') return undefined
  return new WeirError('ParameterInvalid', 'the request body must not be compressed', {
    place: 'header content-encoding',
  })
}

function notFound(request: FastifyRequest, paths: readonly string[]): WeirError {
  const rule = ruleFor(request.raw)
  const path = pathOf(request)
  if (rule === undefined)
    return new WeirError('NotFound', `${request.method} ${path} is for no API of this server`, {
      hint: 'Weir’s own routes are /healthz, /metrics and those under /weir/v1/',
    })
  if (rule.api === 'logService')
    return new WeirError('InvalidMethod', `invalid request method: ${path}`)
  if (rule.api === 'cloud')
    return new WeirError('InvalidAction.NotFound', `${request.method} ${path} is no action`)
  const near = nearest(path, paths)
  const hint =
    near === path
      ? `${path} is there, but not for ${request.method}`
      : near === undefined
        ? undefined
        : `Did you mean ${near}?`
  return new WeirError(
    'NotFound',
    `there is no route ${request.method} ${path}`,
    hint === undefined ? {} : { hint },
  )
}

/** For messages and the log: without the query, and not longer than anyone reads. */
function pathOf(request: FastifyRequest): string {
  const [path = ''] = request.url.split('?')
  return path.length > 200 ? `${path.slice(0, 200)}...` : path
}

type ErrorAnswer = CloudError | LogServiceError | ErrorReply

/** Every API has its own form of an error. */
function replyFor(request: FastifyRequest, error: unknown): ErrorAnswer {
  const api = ruleFor(request.raw)?.api
  if (api === 'cloud') return cloudError(request, error)
  return api === 'logService'
    ? logServiceError(error, logRequestId(request.id))
    : errorReply(error, request.id)
}

/** A reply as it is written, also to what never reached a route. */
function rawReply(answer: ErrorAnswer) {
  const text = 'text' in answer ? answer.text : JSON.stringify(answer.body)
  const about = {
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(text)),
  }
  return { status: answer.status, headers: { ...about, ...answer.headers }, text }
}

/** Answers what Node's parser could not read: there is no request then, only a socket. */
function refuseUnparsed(error: Error, socket: Socket, metrics: RequestMetrics): void {
  if (socket.destroyed || ('code' in error && error.code === 'ECONNRESET')) return // a caller that went away
  metrics.unparsed.inc()
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const { status, headers, text } = rawReply(errorReply(error, newRequestId()))
  const lines = Object.entries({ ...headers, connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${text}`)
}
