/**
 * Weir's own routes are signed as those of the log service are (version 4). A route says in its `config` what right it
 * needs; one that says nothing is /healthz or /metrics.
 */
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest, RequestPayload } from 'fastify'
import { assertSignedBody, type AuditEnd, type Caller } from '../access/access.ts'
import { WeirError } from '../base/errors.ts'
import { BodyRoom, refusalOf, type Room } from './body-room.ts'
import type { AccessGate } from './things.ts'

export interface Right {
  /** Such as `weir:Query`. */
  readonly action: string
  /** What it is done to; everything unless told. */
  readonly resource?: (request: FastifyRequest) => string
  /** The route itself looks at what it is done to, one by one. */
  readonly each?: true
  /** Changes are written down. */
  readonly changes?: true
  /** Keys of one account may ask too: the route keeps to what is theirs. Other routes are about the whole server. */
  readonly ofAccounts?: true
}

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly right?: Right
  }
  interface FastifyRequest {
    caller: Caller | undefined
    room: Room | undefined
    /** Of a change. */
    ended: AuditEnd | undefined
  }
  interface FastifyInstance {
    readonly bodies: BodyRoom
  }
}

/** The right that a route needs, for its options. */
export const rightTo = (
  action: string,
  more: Omit<Right, 'action'> = {},
): { readonly right: Right } => ({ right: { action, ...more } })

/** Who asks; a signed route always has one. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === undefined) throw new Error(`${request.url} is served without a signature`)
  return request.caller
}

/** Throws AccessDenied to a key of one account. @param action what is about the whole server */
export function assertOfServer({ keyId, account }: Caller, action: string): void {
  if (account === undefined) return
  throw new WeirError(
    'AccessDenied',
    `key ${keyId} is of account ${account}, and ${action} is about the whole server`,
    { hint: 'Ask with a key of the server: one that was made without --account' },
  )
}

/** The account that is asked about: a key of one account asks about that. Throws AccessDenied. */
export function accountAsked(
  request: FastifyRequest,
  asked: string | undefined,
): string | undefined {
  const { keyId, account } = callerOf(request)
  if (account === undefined || asked === undefined || asked === account) return account ?? asked
  throw new WeirError('AccessDenied', `key ${keyId} is of account ${account}, not of ${asked}`)
}

/** Looks at the signature of every request for a route that needs a right, before its body is read as anything. */
export function addSignatures(server: FastifyInstance, gate: AccessGate): void {
  server.decorate('bodies', new BodyRoom())
  server.decorateRequest('caller', undefined)
  server.decorateRequest('room', undefined)
  server.decorateRequest('ended', undefined)
  server.addHook('onRequest', (request, _reply, done) => {
    const { right } = request.routeOptions.config
    if (right !== undefined) {
      const { method, headers } = request
      request.caller = gate.verify({ method, url: request.raw.url ?? '/', headers })
      request.ended = noted(right, request, gate)
    }
    done()
  })
  server.addHook('preParsing', async (request, _reply, payload) => {
    const { caller } = request
    if (caller === undefined) return payload
    request.room = server.bodies.enter()
    const body = await bodyOf(request, payload, request.room)
    assertSignedBody(request.headers, body, true)
    gate.take(caller, body.length)
    return Readable.from(body.length === 0 ? [] : [body])
  })
  // Its handler has come to an end then, whether anybody is still there to be answered or not.
  server.addHook('onSend', (request, _reply, answer, done) => {
    request.room?.leave()
    done(null, answer)
  })
  server.addHook('preHandler', (request, _reply, done) => {
    const { right } = request.routeOptions.config
    if (right !== undefined) {
      const caller = callerOf(request)
      if (right.each !== true) caller.assertMay(right.action, resourceOf(right, request))
      if (right.ofAccounts !== true) assertOfServer(caller, right.action)
    }
    done()
  })
  server.addHook('onResponse', (request, reply, done) => {
    request.ended?.(reply.statusCode < 400 ? 'ok' : String(reply.statusCode))
    done()
  })
}

/** Before it is done; undefined: it is no change. */
function noted(right: Right, request: FastifyRequest, gate: AccessGate): AuditEnd | undefined {
  if (right.changes !== true) return undefined
  const { keyId } = callerOf(request)
  const source = request.socket.remoteAddress ?? '-'
  const resource = resourceOf(right, request)
  return gate.begin([{ keyId, source, requestId: request.id, action: right.action, resource }])
}

const resourceOf = (right: Right, request: FastifyRequest): string =>
  right.resource?.(request) ?? '*'

/** A socket that is not read to its end stays open, so that the answer still finds its way. */
async function bodyOf(
  request: FastifyRequest,
  payload: RequestPayload,
  room: Room,
): Promise<Buffer> {
  const max = request.routeOptions.bodyLimit
  const told = Number(request.headers['content-length'] ?? 0)
  if (max !== undefined && told > max) throw tooLarge()
  const parts: Buffer[] = []
  let length = 0
  let refused: WeirError | undefined
  for await (const part of (payload as Readable).iterator({ destroyOnReturn: false })) {
    const bytes = part as Buffer
    length += bytes.length
    if (max !== undefined && length > max) throw tooLarge()
    refused ??= refusalOf(room, bytes.length)
    if (refused === undefined) parts.push(bytes)
    else parts.length = 0 // it is read to its end, so that its sender reads the answer
  }
  if (refused !== undefined) throw refused
  return Buffer.concat(parts)
}

const tooLarge = (): WeirError => new WeirError('RequestTooLarge', 'the request body is too large')
