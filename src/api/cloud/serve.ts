/**
 * Requests of the cloud's APIs, from the wire to an action and back (alibaba-api.md 2). In this order, so that little is
 * done for who may do little: body as it came, signature, limits, action, parameters, permission.
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type AuditEnd, type Caller, isAcs3 } from '../../access/access.ts'
import { WeirError } from '../../base/errors.ts'
import { abandoned } from '../abandoned.ts'
import type { Room } from '../body-room.ts'
import { headerOf } from '../log-service/compression.ts'
import { receiveBody } from '../log-service/receive.ts'
import { type CloudAction, type Order, products, type Version } from './action.ts'
import { contentTypes, type Format, formatOf, written } from './answer.ts'
import { type CloudError, cloudError } from './errors.ts'
import { type Given, invalid, merged, missing } from './parameters.ts'
import { ownThings } from './own-things.ts'
import type { CloudGate, CloudThings } from './things.ts'

declare module 'fastify' {
  interface FastifyRequest {
    cloud: { readonly room: Room; working: boolean } | undefined
  }
}

/** A form of parameters; the longest that is asked for has 50 ids. */
const bodyBytesMax = 256 * 1024
const constraints = { api: 'cloud' }
const nothing = Buffer.alloc(0)

export function serveActions(
  server: FastifyInstance,
  actionsOf: (things: CloudThings) => readonly CloudAction[],
  things: CloudThings,
): void {
  const { bodies } = server
  const actions = actionsByAccount(actionsOf, things)
  server.decorateRequest('cloud', undefined)
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', (request: FastifyRequest, payload: IncomingMessage) =>
    receiveBody(payload, bodyBytesMax, request.cloud!.room),
  )
  server.route({
    method: ['GET', 'POST'],
    url: '/',
    constraints,
    exposeHeadRoute: false,
    onRequest: (request, reply, done) => {
      const begun = { room: bodies.enter(), working: false }
      request.cloud = begun
      reply.raw.once('close', () => {
        if (!begun.working) begun.room.leave()
      })
      done()
    },
    handler: async (request, reply) => {
      const begun = request.cloud!
      begun.working = true
      try {
        return await answer(request, reply, actions, things)
      } finally {
        begun.working = false
        begun.room.leave()
      }
    },
  })
}

/** By version and name: what a key can ask for. @param account whose key it is; undefined: the server's */
type ActionsFor = (account: string | undefined) => ReadonlyMap<string, CloudAction>

/** Made when the first key of an account asks. */
function actionsByAccount(
  actionsOf: (things: CloudThings) => readonly CloudAction[],
  things: CloudThings,
): ActionsFor {
  const made = new Map<string | undefined, ReadonlyMap<string, CloudAction>>()
  return (account) => {
    const known = made.get(account)
    if (known !== undefined) return known
    const seen = account === undefined ? things : ownThings(things, account)
    const actions = new Map(actionsOf(seen).map((each) => [`${each.version} ${each.name}`, each]))
    made.set(account, actions)
    return actions
  }
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  actionsFor: ActionsFor,
  { gate }: CloudThings,
): Promise<FastifyReply> {
  const { method, headers } = request
  const body = request.body instanceof Buffer ? request.body : nothing
  const [path = ''] = (request.raw.url ?? '/').split('?', 1)
  const query = queryOf(request)
  const form = formOf(headers, body)
  const given = merged(query, form)
  const caller = gate.verifyCloud({ method, path, query, headers, body, form })
  gate.take(caller, body.length)
  const format = formatOf(headers, given.get('Format') ?? '')
  if (format === undefined) throw invalid('Format', 'it is one of JSON, XML')
  const action = chosen(headers, given, actionsFor(caller.account))
  const order = action.prepare(given)
  const ended = action.changes ? noted(request, caller, { action, order }, gate) : undefined
  let outcome = 'ok'
  try {
    for (const resource of order.resources) caller.assertMay(permissionOf(action), resource)
    for (const { action: right, resource } of order.also) caller.assertMay(right, resource)
    const fields = await order.run({
      requestId: request.id,
      keyId: caller.keyId,
      signal: abandoned(reply),
    })
    return await reply
      .type(contentTypes[format])
      .send(written(format, `${action.name}Response`, { RequestId: request.id, ...fields }))
  } catch (error) {
    outcome = error instanceof WeirError ? error.code : 'ServerError'
    throw error
  } finally {
    ended?.(outcome)
  }
}

/** As a policy names it: `vpc:CreateFlowLog`. */
const permissionOf = ({ version, name }: CloudAction): string => `${products[version]}:${name}`

/** Before it is done. */
function noted(
  request: FastifyRequest,
  { keyId }: Caller,
  wanted: { readonly action: CloudAction; readonly order: Order },
  gate: CloudGate,
): AuditEnd {
  const source = request.socket.remoteAddress ?? '-'
  const action = permissionOf(wanted.action)
  const intent = { keyId, source, requestId: request.id, action }
  return gate.begin(wanted.order.resources.map((resource) => ({ ...intent, resource })))
}

function queryOf({ raw }: FastifyRequest): URLSearchParams {
  const url = raw.url ?? '/'
  const mark = url.indexOf('?')
  return new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1))
}

/** Throws InvalidContentType for a body that is no form: nothing here takes one. */
function formOf(headers: IncomingMessage['headers'], body: Buffer): URLSearchParams {
  if (body.length === 0) return new URLSearchParams()
  if (/^application\/x-www-form-urlencoded\b/i.test(headerOf(headers, 'content-type')))
    return new URLSearchParams(body.toString('utf8'))
  throw new WeirError('InvalidContentType', 'a body must be application/x-www-form-urlencoded')
}

/** A request that is signed in a header names its action in one; what is not signed does not count. */
function chosen(
  headers: IncomingMessage['headers'],
  given: Given,
  actions: ReadonlyMap<string, CloudAction>,
): CloudAction {
  const named = (parameter: string, header: string): string => {
    const name = isAcs3(headers) ? headerOf(headers, header) : (given.get(parameter) ?? '')
    if (name !== '') return name
    throw missing(parameter)
  }
  const name = named('Action', 'x-acs-action')
  const version = named('Version', 'x-acs-version')
  if (!isVersion(version))
    throw new WeirError(
      'ParameterInvalid',
      'The specified parameter "Action or Version" is not valid.',
    )
  const action = actions.get(`${version} ${name}`)
  if (action === undefined)
    throw new WeirError('InvalidAction.NotFound', `there is no action ${name}`)
  return action
}

const isVersion = (version: string): version is Version => Object.hasOwn(products, version)

/** For what failed, whether it reached an action or not. */
export function errorOf(request: FastifyRequest, error: unknown): CloudError {
  return cloudError(error, {
    requestId: request.id,
    host: headerOf(request.headers, 'host'),
    format: wantedFormat(request) ?? 'json',
  })
}

function wantedFormat(request: FastifyRequest): Format | undefined {
  const { headers, body } = request
  const inForm = body instanceof Buffer ? new URLSearchParams(body.toString('utf8')) : undefined
  return formatOf(headers, queryOf(request).get('Format') ?? inForm?.get('Format') ?? '')
}
