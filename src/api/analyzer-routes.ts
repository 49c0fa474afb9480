import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type {
  AnalyzerChange,
  MetricsRequest,
  NewAnalyzer,
  RankingRequest,
} from '../analysis/analysis.ts'
import type { AnalyzerKeeper } from './analyzer-contract.ts'
import { abandoned } from './abandoned.ts'
import { rightTo } from './signed.ts'

/** Longer than any value may be; which values are right, `analysis/` says with better words. */
const text = { type: 'string', maxLength: 1024 } as const
const whole = { type: 'integer' } as const
const object = (required: Record<string, object>, more: Record<string, object> = {}) => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(required),
  properties: { ...required, ...more },
})

const days = object({}, { interval: whole, day: whole })
const storage = object({}, { Tuple1: days, Tuple2: days, Tuple5: days })
const changeable = { name: text, description: text, storage }
const newAnalyzer = object({}, { ...changeable, intervalMinutes: whole })
const patch = { ...object({}, changeable), minProperties: 1 }

const filter = {
  type: 'array',
  maxItems: 50,
  items: object(
    { Key: text, Value: { type: 'array', items: text, maxItems: 100 } },
    { Operator: text },
  ),
}
const asked = { TrafficScenario: text, RegionNo: text, BeginTime: whole, EndTime: whole }
const also = {
  TupleDimension: text,
  Filter: filter,
  StorageInterval: whole,
  MaxResults: whole,
  NextToken: text,
}
const ranking = object(
  { ...asked, Direction: text, OrderBy: text },
  {
    ...also,
    GroupBy: { type: 'array', items: text, maxItems: 32 },
    Sort: text,
    TopN: whole,
    Language: text,
  },
)
const metrics = object(
  { ...asked, Direction: text, MetricName: text },
  { ...also, StepMinutes: whole, ScanBy: text },
)
const paging = object(
  {},
  { MaxResults: { type: 'string', pattern: '^\\d{1,4}$' }, NextToken: text },
)
const nothing = object({})

interface OfOne {
  readonly Params: { readonly id: string }
}
type Without<Request> = Omit<Request, 'TrafficAnalyzerId'>

/**
 * GET and POST /weir/v1/analyzers; GET, PATCH and DELETE /weir/v1/analyzers/ID; POST /weir/v1/analyzers/ID/rankings and
 * /metrics; GET /weir/v1/rankings/ID. Rankings and metrics need the right to query the project that is named as the
 * analyzer.
 */
export function addAnalyzerRoutes(server: FastifyInstance, analyzers: AnalyzerKeeper): void {
  server.register((own, _, registered) => {
    addThemselves(own, analyzers)
    addAnswers(own, analyzers)
    registered()
  })
}

const constraints = { api: 'weir' }
const all = '/weir/v1/analyzers'
const one = `${all}/:id`
const schema = { querystring: nothing }

function addThemselves(server: FastifyInstance, analyzers: AnalyzerKeeper): void {
  const list = rightTo('weir:ListAnalyzers')
  const right = (action: string) => rightTo(action, { changes: true })
  server.get(all, { constraints, config: list, schema }, (_, reply) =>
    reply.send({ analyzers: analyzers.list() }),
  )
  server.post<{ Body: NewAnalyzer }>(
    all,
    { constraints, config: right('weir:CreateAnalyzer'), schema: { ...schema, body: newAnalyzer } },
    ({ body }, reply) => reply.send(analyzers.create(body)),
  )
  server.get<OfOne>(one, { constraints, config: list, schema }, ({ params }, reply) =>
    reply.send(analyzers.get(params.id)),
  )
  server.patch<OfOne & { Body: AnalyzerChange }>(
    one,
    { constraints, config: right('weir:ModifyAnalyzer'), schema: { ...schema, body: patch } },
    ({ params, body }, reply) => reply.send(analyzers.modify(params.id, body)),
  )
  server.delete<OfOne>(
    one,
    { constraints, config: right('weir:DeleteAnalyzer'), schema },
    async ({ params }, reply) => {
      await analyzers.delete(params.id)
      return reply.send({})
    },
  )
}

function addAnswers(server: FastifyInstance, analyzers: AnalyzerKeeper): void {
  const mayAsk = (idOf: (request: FastifyRequest) => string) =>
    rightTo('weir:Query', { resource: (request) => `project/${idOf(request)}/logstore/*` })
  const ofAnalyzer = mayAsk(({ params }) => (params as OfOne['Params']).id)
  server.post<OfOne & { Body: Without<RankingRequest> }>(
    `${one}/rankings`,
    { constraints, config: ofAnalyzer, schema: { ...schema, body: ranking } },
    async ({ params, body }, reply: FastifyReply) =>
      reply.send(
        await analyzers.startRanking({ ...body, TrafficAnalyzerId: params.id }, abandoned(reply)),
      ),
  )
  server.post<OfOne & { Body: Without<MetricsRequest> }>(
    `${one}/metrics`,
    { constraints, config: ofAnalyzer, schema: { ...schema, body: metrics } },
    async ({ params, body }, reply: FastifyReply) =>
      reply.send(
        await analyzers.metrics({ ...body, TrafficAnalyzerId: params.id }, abandoned(reply)),
      ),
  )
  server.get<OfOne & { Querystring: { MaxResults?: string; NextToken?: string } }>(
    '/weir/v1/rankings/:id',
    {
      constraints,
      config: mayAsk(({ params }) => analyzers.analyzerOfRanking((params as OfOne['Params']).id)),
      schema: { querystring: paging },
    },
    ({ params, query: { MaxResults, ...page } }, reply) =>
      reply.send(
        analyzers.ranking({
          NisTrafficRankingId: params.id,
          ...page,
          ...(MaxResults === undefined ? {} : { MaxResults: Number(MaxResults) }),
        }),
      ),
  )
}
