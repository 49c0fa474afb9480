import type { FastifyInstance } from 'fastify'
import { type KeyEntry, parsePolicy, permissionLevels, policyOf } from '../access/access.ts'
import { WeirError } from '../base/errors.ts'
import type { KeyAnswer, KeyChange, KeyRequest } from './contract.ts'
import { rightTo } from './signed.ts'
import type { AccessGate } from './things.ts'

const text = { type: 'string', minLength: 1, maxLength: 256 } as const
const rate = { type: 'number', exclusiveMinimum: 0 } as const
const limits = {
  type: 'object',
  additionalProperties: false,
  properties: { requestsPerSecond: rate, bytesPerSecond: rate, bodyBytesMax: rate },
} as const
/** One that is null is lifted. */
const rateOrNone = { type: ['number', 'null'], exclusiveMinimum: 0 } as const
const limitsChange = {
  type: 'object',
  additionalProperties: false,
  properties: {
    requestsPerSecond: rateOrNone,
    bytesPerSecond: rateOrNone,
    bodyBytesMax: rateOrNone,
  },
} as const
const permissions = {
  type: 'array',
  minItems: 1,
  maxItems: 500,
  items: {
    type: 'object',
    required: ['project', 'level'],
    additionalProperties: false,
    properties: { project: text, level: { enum: permissionLevels } },
  },
} as const
/** Whether a policy is one, `access/` says with better words. */
const rights = { permissions, policy: { type: 'object' }, limits } as const

const newKey = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: {
    name: text,
    ...rights,
    expiresAt: { type: 'integer', minimum: 0 },
    account: text,
  },
} as const
const change = {
  type: 'object',
  minProperties: 1,
  additionalProperties: false,
  properties: { name: text, ...rights, limits: limitsChange, enabled: { type: 'boolean' } },
} as const
const noQuery = { type: 'object', additionalProperties: false, properties: {} } as const
const seconds = { type: 'string', pattern: '^(0|[1-9][0-9]{0,11})$' } as const
const auditQuery = {
  type: 'object',
  additionalProperties: false,
  properties: {
    from: seconds,
    to: seconds,
    key: text,
    limit: { type: 'string', pattern: '^[1-9][0-9]{0,4}$' },
  },
} as const

interface OfOne {
  readonly Params: { readonly id: string }
}

interface AuditFilter {
  readonly from?: string
  readonly to?: string
  readonly key?: string
  readonly limit?: string
}

/** GET and POST /weir/v1/keys; PATCH and DELETE /weir/v1/keys/ID; POST /weir/v1/master-key; GET /weir/v1/audit. */
export function addKeyRoutes(server: FastifyInstance, gate: AccessGate): void {
  const { keys, audit } = gate
  const constraints = { api: 'weir' }
  const all = '/weir/v1/keys'
  const one = '/weir/v1/keys/:id'
  const changes = true
  server.get(
    all,
    { constraints, config: rightTo('weir:ListKeys'), schema: { querystring: noQuery } },
    (_, reply) => reply.send({ keys: keys.list().map(answerOf) }),
  )
  server.post<{ Body: KeyRequest }>(
    all,
    {
      constraints,
      config: rightTo('weir:CreateKey', { changes }),
      schema: { querystring: noQuery, body: newKey },
    },
    ({ body }, reply) => {
      const { name, limits: wanted, expiresAt, account } = body
      const policy = rightsOf(body)
      if (policy === undefined)
        throw new WeirError('ParameterInvalid', 'a key needs permissions or a policy')
      const made = keys.create({
        name,
        policy,
        ...(wanted === undefined ? {} : { limits: wanted }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(account === undefined ? {} : { account }),
      })
      return reply.send(made)
    },
  )
  server.patch<OfOne & { Body: KeyChange }>(
    one,
    {
      constraints,
      config: rightTo('weir:ChangeKey', { changes }),
      schema: { querystring: noQuery, body: change },
    },
    ({ params, body }, reply) => {
      const { permissions: _permissions, policy: _policy, ...rest } = body
      const policy = rightsOf(body)
      const changed = keys.change(params.id, {
        ...rest,
        ...(policy === undefined ? {} : { policy }),
      })
      return reply.send(answerOf(changed))
    },
  )
  server.delete<OfOne>(
    one,
    {
      constraints,
      config: rightTo('weir:DeleteKey', { changes }),
      schema: { querystring: noQuery },
    },
    ({ params }, reply) => {
      keys.delete(params.id)
      return reply.send({})
    },
  )
  addMasterKeyRoute(server, gate)
  addAuditRoute(server, audit)
}

function addMasterKeyRoute(server: FastifyInstance, gate: AccessGate): void {
  const constraints = { api: 'weir' }
  server.post(
    '/weir/v1/master-key',
    {
      constraints,
      config: rightTo('weir:ChangeMasterKey', { changes: true }),
      schema: { querystring: noQuery },
    },
    (_, reply) => reply.send({ kept: gate.changeMasterKey() }),
  )
}

function addAuditRoute(server: FastifyInstance, audit: AccessGate['audit']): void {
  const constraints = { api: 'weir' }
  server.get<{ Querystring: AuditFilter }>(
    '/weir/v1/audit',
    { constraints, config: rightTo('weir:ListAudit'), schema: { querystring: auditQuery } },
    ({ query: { from, to, key, limit } }, reply) =>
      reply.send({
        entries: audit.list({
          ...(from === undefined ? {} : { from: Number(from) * 1000 }),
          ...(to === undefined ? {} : { to: Number(to) * 1000 }),
          ...(key === undefined ? {} : { keyId: key }),
          ...(limit === undefined ? {} : { limit: Number(limit) }),
        }),
      }),
  )
}

function rightsOf({ permissions: short, policy }: Pick<KeyRequest, 'permissions' | 'policy'>) {
  if (short !== undefined && policy !== undefined)
    throw new WeirError('ParameterInvalid', 'a key has permissions or a policy, not both')
  if (short !== undefined) return policyOf(short)
  return policy === undefined ? undefined : parsePolicy(policy)
}

const answerOf = ({ usedAt, ...entry }: KeyEntry): KeyAnswer => ({
  ...entry,
  ...(usedAt === undefined ? {} : { usedAt }),
})
