import type { FastifyInstance, FastifyRequest } from 'fastify'
import { billGroupings, type BillRequest, trafficGroupings } from '../billing/billing.ts'
import type {
  BillKeeper,
  EstimateRequest,
  RecordsOf,
  TopUpRequest,
  TrafficRequest,
} from './billing-contract.ts'
import { accountAsked, rightTo } from './signed.ts'

const text = { type: 'string', minLength: 1, maxLength: 128 } as const
const seconds = { type: 'string', pattern: '^(0|[1-9][0-9]{0,9})$' } as const
const object = (required: Record<string, object>, more: Record<string, object> = {}) => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(required),
  properties: { ...required, ...more },
})
const recordsOf = { project: text, logstore: text, from: seconds, to: seconds }

const bill = object(
  {},
  {
    month: text,
    by: { enum: billGroupings },
    flowLog: text,
    account: text,
    region: text,
  },
)
const topUp = object({ amount: text }, { account: text })
const estimate = object(recordsOf, {
  resourceType: { enum: ['VPC', 'VSwitch', 'NetworkInterface'] },
  resourceId: text,
})
const traffic = object({ ...recordsOf, by: { enum: trafficGroupings } })

/** As it stands in a query string. */
type Asked<Request> = {
  readonly [Name in keyof Request]: Request[Name] extends number ? string : Request[Name]
}

/**
 * GET /weir/v1/bill, /weir/v1/bill/estimate and /weir/v1/bill/traffic, POST /weir/v1/bill/top-ups. What is made of records
 * needs the right to query their logstore.
 */
export function addBillingRoutes(server: FastifyInstance, bills: BillKeeper): void {
  const constraints = { api: 'weir' }
  const right = rightTo('weir:GetBill', { ofAccounts: true })
  const query = rightTo('weir:Query', { resource: logstoreOf, ofAccounts: true })
  server.get<{ Querystring: BillRequest }>(
    '/weir/v1/bill',
    { constraints, config: right, schema: { querystring: bill } },
    async (request, reply) => {
      const account = accountAsked(request as FastifyRequest, request.query.account)
      const whose = account === undefined ? {} : { account }
      return reply.send(await bills.bill({ ...request.query, ...whose }))
    },
  )
  server.get<{ Querystring: Asked<EstimateRequest> }>(
    '/weir/v1/bill/estimate',
    { constraints, config: query, schema: { querystring: estimate } },
    async ({ query: asked }, reply) => reply.send(await bills.estimate(inTime(asked))),
  )
  server.get<{ Querystring: Asked<TrafficRequest> }>(
    '/weir/v1/bill/traffic',
    { constraints, config: query, schema: { querystring: traffic } },
    async ({ query: asked }, reply) => reply.send(await bills.traffic(inTime(asked))),
  )
  server.register((own, _, registered) => {
    own.post<{ Body: TopUpRequest }>(
      '/weir/v1/bill/top-ups',
      {
        constraints,
        config: rightTo('weir:TopUp', { changes: true }),
        schema: { body: topUp, querystring: object({}) },
      },
      async (request, reply) => reply.send(await bills.topUp(request.body)),
    )
    registered()
  })
}

const inTime = <Request extends { readonly from: string; readonly to: string }>(
  asked: Request,
) => ({
  ...asked,
  from: Number(asked.from),
  to: Number(asked.to),
})

const logstoreOf = ({ query }: FastifyRequest): string => {
  const { project, logstore } = query as RecordsOf
  return `project/${project}/logstore/${logstore}`
}
