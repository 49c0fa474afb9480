/**
 * Requests of the log service, from the wire to a route and back. In this order, so that little is done for who may do
 * little: route, version, signature, body as it came, limits, permission, project and its policy, compression.
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { assertSignedBody, type AuditEnd, type Caller } from '../../access/access.ts'
import { WeirError } from '../../base/errors.ts'
import { compressed, headerOf, uncompressed } from './compression.ts'
import { commonHeaders, logRequestId } from './errors.ts'
import { projectOf } from './host.ts'
import { assertNotDenied } from './project-policy.ts'
import type { Room } from '../body-room.ts'
import { receiveBody } from './receive.ts'
import type { LogServiceAnswer, LogServiceRequest, LogServiceRoute } from './route.ts'
import type { LogServiceThings } from './things.ts'

/** What is known of a request before its body came. */
interface Begun {
  readonly route: LogServiceRoute
  readonly room: Room
  /** While the body is worked on, it is held, even when the client is gone. */
  working: boolean
  readonly asked: Omit<LogServiceRequest, 'body' | 'wireBytes'>
}

declare module 'fastify' {
  interface FastifyRequest {
    logService: Begun | undefined
  }
}

const apiVersion = '0.6.0'
const bodyBytesMax = 1024 * 1024
const constraints = { api: 'logService' }

/** Adds `routes`, each as the method and path of its kind; those that share them are told apart for each request. */
export function serveRoutes(
  server: FastifyInstance,
  routes: readonly LogServiceRoute[],
  things: LogServiceThings,
): void {
  const { bodies } = server
  server.decorateRequest('logService', undefined)
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', (request: FastifyRequest, payload: IncomingMessage) => {
    const { route, room } = request.logService!
    return receiveBody(payload, bytesMaxOf(route), room)
  })
  const groups = Map.groupBy(routes, ({ method, path }) => `${method} ${path}`)
  for (const variants of groups.values()) {
    const { method, path: url } = variants[0]!
    server.route({
      method,
      url,
      constraints,
      exposeHeadRoute: false,
      onRequest: (request, reply, done) => {
        void reply.headers(commonHeaders(logRequestId(request.id)))
        request.logService = begin(request, reply, variants, things, bodies.enter())
        done()
      },
      handler: (request, reply) => finish(request, reply, things),
    })
  }
  addPreflight(server)
}

/** Before its body is read: which route, and who asks. */
function begin(
  request: FastifyRequest,
  reply: FastifyReply,
  variants: readonly LogServiceRoute[],
  { endpoints, gate }: LogServiceThings,
  room: Room,
): Begun {
  const { headers, raw } = request
  const url = raw.url ?? '/'
  const mark = url.indexOf('?')
  const query = new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1))
  const project = projectOf(headers.host, endpoints)
  const route = choose(variants, project, query, headers.host)
  let caller: Caller | undefined
  if (route.unsigned !== true) {
    checkVersion(headers)
    caller = gate.verify({ method: request.method, url, headers })
  }
  const params = request.params as Readonly<Record<string, string>>
  const source = request.socket.remoteAddress ?? '-'
  const requestId = logRequestId(request.id)
  const gone = new AbortController()
  const { signal } = gone
  const asked = { project, params, query, headers, caller, source, requestId, signal }
  const begun: Begun = { route, room, working: false, asked }
  reply.raw.once('close', () => {
    if (!begun.working) room.leave()
    if (!reply.raw.writableFinished) gone.abort()
  })
  return begun
}

function choose(
  variants: readonly LogServiceRoute[],
  project: string | undefined,
  query: URLSearchParams,
  host: string | undefined,
): LogServiceRoute {
  const here = variants.filter(
    ({ host }) => host === 'any' || (host === 'project') === (project !== undefined),
  )
  if (here.length === 0)
    throw variants[0]!.host === 'project'
      ? new WeirError('ParameterInvalid', `the host ${host ?? ''} names no project`, {
          hint: 'A project is the first label of the host: my-project.localhost',
        })
      : new WeirError('ParameterInvalid', 'this is asked without a project in the host')
  const found = here
    .filter(({ where = {} }) =>
      Object.entries(where).every(([name, value]) => query.get(name) === value),
    )
    .toSorted((a, b) => conditions(b) - conditions(a))[0]
  if (found !== undefined) return found
  const names = new Set(here.flatMap(({ where = {} }) => Object.keys(where)))
  const [name = ''] = names
  throw new WeirError('ParameterInvalid', `${name} : ${query.get(name) ?? ''} pair is invalid`)
}

const conditions = ({ where = {} }: LogServiceRoute): number => Object.keys(where).length

function checkVersion(headers: IncomingMessage['headers']): void {
  const version = headerOf(headers, 'x-log-apiversion')
  if (version === apiVersion) return
  if (version === '') throw new WeirError('MissingAPIVersion', 'x-log-apiversion is missing.')
  throw new WeirError('InvalidAPIVersion', `x-log-apiversion ${version} is not supported.`)
}

const bytesMaxOf = ({ bodyBytesMax: own }: LogServiceRoute): number => own ?? bodyBytesMax

const nothing = Buffer.alloc(0)

async function finish(
  request: FastifyRequest,
  reply: FastifyReply,
  things: LogServiceThings,
): Promise<FastifyReply> {
  const begun = request.logService!
  const { route, room, asked } = begun
  begun.working = true
  const wire = request.body instanceof Buffer ? request.body : nothing
  const came = { ...asked, body: wire, wireBytes: wire.length }
  let outcome = 'ok'
  let ended: AuditEnd | undefined
  let answer: LogServiceAnswer
  try {
    ended = noted(route, came, things)
    admit(route, came, things)
    const body = await uncompressed(asked.headers, wire, bytesMaxOf(route), room)
    answer = await route.handle({ ...came, body })
  } catch (error) {
    outcome = error instanceof WeirError ? error.code : 'ServerError'
    throw error
  } finally {
    begun.working = false
    room.leave()
    ended?.(outcome)
  }
  return await send(reply, answer, asked.headers)
}

/** Web tracking is signed by nobody: an address may send as much as a busy page of it would. */
const trackingLimits = { requestsPerSecond: 100, bytesPerSecond: 6 * 1024 * 1024 }

function admit(route: LogServiceRoute, came: LogServiceRequest, things: LogServiceThings): void {
  const { caller, project } = came
  if (caller !== undefined) {
    assertSignedBody(came.headers, came.body)
    things.gate.take(caller, came.wireBytes)
    if (route.asksEach !== true) caller.assertMay(route.action, resourceOf(route, came))
  } else things.gate.take({ keyId: `web ${came.source}`, limits: trackingLimits }, came.wireBytes)
  if (route.host !== 'project') return
  if (!things.store.projects().some(({ name }) => name === project))
    throw new WeirError('ProjectNotExist', `The Project does not exist : ${project}`)
  const policy = things.store.attribute(project!, undefined, 'policy')
  if (typeof policy === 'string')
    assertNotDenied(policy, route.action, resourceOf(route, came), came.source)
  const { logstore } = came.params
  if (
    logstore !== undefined &&
    !things.store.logstores(project!).some(({ name }) => name === logstore)
  )
    throw new WeirError('LogStoreNotExist', `logstore ${logstore} does not exist`)
}

function resourceOf({ resource }: LogServiceRoute, request: LogServiceRequest): string {
  if (resource !== undefined) return resource(request)
  const { logstore } = request.params
  const project = `project/${request.project ?? '*'}`
  return logstore === undefined ? project : `${project}/logstore/${logstore}`
}

/** Questions, records, and what a consumer says of itself are no changes to write down. */
const noChange = /^log:(Get|List|Pull|PostLogStoreLogs|ConsumerGroup)/

/** Before it is done; undefined: it is nothing to write down. */
function noted(
  route: LogServiceRoute,
  request: LogServiceRequest,
  { gate }: LogServiceThings,
): AuditEnd | undefined {
  const { caller, source, requestId } = request
  if (caller === undefined || noChange.test(route.action)) return undefined
  const { action } = route
  const resource = resourceOf(route, request)
  return gate.begin([{ keyId: caller.keyId, source, requestId, action, resource }])
}

async function send(
  reply: FastifyReply,
  { json, body, contentType, headers = {}, compressible = false }: LogServiceAnswer,
  asked: IncomingMessage['headers'],
): Promise<FastifyReply> {
  for (const [name, value] of Object.entries(headers)) void reply.header(name, headerText(value))
  const plain = json === undefined ? body : Buffer.from(JSON.stringify(json))
  if (plain === undefined) return reply.send()
  void reply.type(contentType ?? (json === undefined ? octets : 'application/json'))
  if (!compressible) return reply.send(plain)
  const small = await compressed(asked, plain)
  return reply.headers(small.headers).send(small.body)
}

const octets = 'application/octet-stream'

/** A header holds Latin-1 in one line; a query that stands in one may hold anything. */
const headerText = (value: string): string => value.replace(/[^\x20-\x7e\xa0-\xff]/g, '')

/** Browsers ask before they send what web tracking takes. */
function addPreflight(server: FastifyInstance): void {
  server.options('/logstores/:logstore/track', { constraints }, (request, reply) =>
    reply
      .headers({
        ...commonHeaders(logRequestId(request.id)),
        'access-control-allow-methods': 'GET, POST, OPTIONS',
        'access-control-allow-headers':
          'content-type, x-log-apiversion, x-log-bodyrawsize, x-log-compresstype',
        'access-control-max-age': '86400',
      })
      .send(),
  )
}
