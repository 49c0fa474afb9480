import type { FastifyInstance, FastifyRequest } from 'fastify'
import { WeirError } from '../base/errors.ts'
import { prerequisiteNames } from '../flow-log/flow-log.ts'
import { accountAsked, callerOf, rightTo } from './signed.ts'
import type { FlowLogKeeper } from './things.ts'

const text = { type: 'string', minLength: 1, maxLength: 128 } as const
const account = {
  type: 'object',
  additionalProperties: false,
  properties: { account: text },
} as const
const setting = {
  type: 'object',
  required: ['value'],
  additionalProperties: false,
  properties: { value: { type: 'integer' }, account: text },
} as const

interface OfAccount {
  readonly Querystring: { readonly account?: string }
}

interface OfName extends OfAccount {
  readonly Params: { readonly name: string }
}

/**
 * What an account may have and must do first: GET /weir/v1/quotas, PUT /weir/v1/quotas/NAME; GET
 * /weir/v1/flow-log-prerequisites, PUT /weir/v1/flow-log-prerequisites/NAME. The account is the server's unless told.
 */
export function addQuotaRoutes(own: FastifyInstance, flowLogs: FlowLogKeeper): void {
  const constraints = { api: 'weir' }
  const changes = true
  const ofAccounts = true
  const { quotas, prerequisites } = flowLogs
  const of = (request: FastifyRequest<OfAccount>): string =>
    accountAsked(request as FastifyRequest, request.query.account) ?? flowLogs.ownAccount()
  own.get<OfAccount>(
    '/weir/v1/quotas',
    {
      constraints,
      config: rightTo('weir:ListQuotas', { ofAccounts }),
      schema: { querystring: account },
    },
    (request, reply) => reply.send({ quotas: quotas.list(of(request)) }),
  )
  own.put<OfName & { Body: { value: number; account?: string } }>(
    '/weir/v1/quotas/:name',
    { constraints, config: rightTo('weir:SetQuota', { changes }), schema: { body: setting } },
    (request, reply) => {
      const { value, account: whose = flowLogs.ownAccount() } = request.body
      return reply.send(quotas.set(request.params.name, whose, value, callerOf(request).keyId))
    },
  )
  own.get<OfAccount>(
    '/weir/v1/flow-log-prerequisites',
    {
      constraints,
      config: rightTo('weir:ListFlowLogs', { ofAccounts }),
      schema: { querystring: account },
    },
    (request, reply) => reply.send({ prerequisites: prerequisites.list(of(request)) }),
  )
  own.put<OfName>(
    '/weir/v1/flow-log-prerequisites/:name',
    {
      constraints,
      config: rightTo('weir:FulfilPrerequisite', { changes, ofAccounts }),
      schema: { querystring: account },
    },
    (request, reply) => {
      const name = prerequisiteNames.find((each) => each === request.params.name)
      if (name === undefined)
        throw new WeirError('NotFound', `there is no prerequisite ${request.params.name}`, {
          hint: `There are: ${prerequisiteNames.join(', ')}`,
        })
      prerequisites.fulfil(of(request), name, callerOf(request).keyId)
      return reply.send({ prerequisites: prerequisites.list(of(request)) })
    },
  )
}
