import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Caller } from '../access/access.ts'
import { WeirError } from '../base/errors.ts'
import {
  checkKnown,
  flowLogDifferences,
  type FlowLogEdit,
  type FlowLogResource,
  flowLogStatuses,
  resourceTypes,
} from '../flow-log/flow-log.ts'
import type { FlowLogEntry, FlowLogFilter, FlowLogPatch, FlowLogRequest } from './contract.ts'
import {
  comparedOf,
  type DifferencesAnswer,
  differencesQuery,
  type DifferencesQuery,
} from './differences.ts'
import { addQuotaRoutes } from './quota-routes.ts'
import { assertOwnTarget, ownFlowLog, rightsToDeliver } from './owner.ts'
import { assertOfServer, callerOf, rightTo } from './signed.ts'
import type { FlowLogKeeper } from './things.ts'

/** Longer than any value may be; which values are right, `flow-log/` says with better words. */
const text = { type: 'string', maxLength: 1024 } as const
const whole = { type: 'integer' } as const
const changeable = { name: text, description: text, ipVersion: text, windowSeconds: whole } as const
const fixed = {
  resourceType: text,
  resourceId: text,
  trafficType: text,
  scope: { type: 'array', items: text, maxItems: 32 },
  project: text,
  logstore: text,
} as const

const options = { createMissing: { type: 'boolean' }, analysisReport: { type: 'boolean' } } as const

const newFlowLog = {
  type: 'object',
  required: ['resourceType', 'resourceId'],
  additionalProperties: false,
  properties: { ...changeable, ...fixed, ...options, analyzer: text },
} as const
/** What is fixed is let through, to be refused with a reason. */
const patch = {
  type: 'object',
  minProperties: 1,
  additionalProperties: false,
  properties: { ...changeable, ...fixed, status: text },
} as const
const filter = {
  type: 'object',
  additionalProperties: false,
  properties: {
    resourceType: text,
    resourceId: text,
    status: text,
    project: text,
    logstore: text,
  },
} as const
const attached = {
  type: 'object',
  required: ['analyzer'],
  additionalProperties: false,
  properties: { analyzer: { type: ['string', 'null'], maxLength: 128 } },
} as const
const noQuery = { type: 'object', additionalProperties: false, properties: {} } as const

interface OfOne {
  readonly Params: { readonly id: string }
}

const switches = [
  ['start', 'weir:StartFlowLog'],
  ['stop', 'weir:StopFlowLog'],
] as const

/**
 * GET and POST /weir/v1/flow-logs; GET, PATCH and DELETE /weir/v1/flow-logs/ID; POST
 * /weir/v1/flow-logs/ID/start, /stop and /disable-delivery, PUT /analyzer, GET /history and /differences. All answer when capture has taken
 * the order.
 */
export function addFlowLogRoutes(server: FastifyInstance, flowLogs: FlowLogKeeper): void {
  const all = '/weir/v1/flow-logs'
  const one = '/weir/v1/flow-logs/:id'
  const constraints = { api: 'weir' }
  const schema = { querystring: noQuery }
  server.register((own, _, registered) => {
    own.addHook('preHandler', (request, _reply, done) => {
      const { id } = request.params as Partial<OfOne['Params']>
      if (id !== undefined) ownFlowLog(flowLogs, id, callerOf(request).account)
      done()
    })
    own.get<{ Querystring: FlowLogFilter }>(
      all,
      { constraints, config: ofOwn('weir:ListFlowLogs'), schema: { querystring: filter } },
      (request, reply) => {
        const own = fitting(ownOf(flowLogs, callerOf(request)), request.query)
        return reply.send({ flowLogs: own.map(entryOf) })
      },
    )
    own.post<{ Body: FlowLogRequest }>(
      all,
      {
        constraints,
        config: ofOwn('weir:CreateFlowLog', true),
        schema: { ...schema, body: newFlowLog },
      },
      async (request, reply) =>
        reply.send(entryOf(await created(flowLogs, request.body, callerOf(request)))),
    )
    own.get<OfOne>(
      one,
      { constraints, config: ofOwn('weir:ListFlowLogs'), schema },
      ({ params }, reply) => reply.send(entryOf(flowLogs.get(params.id))),
    )
    own.patch<OfOne & { Body: FlowLogPatch }>(
      one,
      {
        constraints,
        config: ofOwn('weir:ModifyFlowLog', true),
        schema: { ...schema, body: patch },
      },
      async (request, reply) => {
        const { params, body } = request
        refuseFixed(Object.keys(body))
        return reply.send(entryOf(await flowLogs.modify(params.id, body, byOf(request))))
      },
    )
    own.delete<OfOne>(
      one,
      { constraints, config: ofOwn('weir:DeleteFlowLog', true), schema },
      async (request, reply) => {
        await flowLogs.delete(request.params.id, byOf(request))
        return reply.send({})
      },
    )
    for (const [to, action] of switches)
      own.post<OfOne>(
        `${one}/${to}`,
        { constraints, config: ofOwn(action, true), schema },
        async (request, reply) =>
          reply.send(entryOf(await flowLogs[to](request.params.id, byOf(request)))),
      )
    addResourceRoutes(own, flowLogs)
    addQuotaRoutes(own, flowLogs)
    registered()
  })
}

/** What a flow log is beside what it captures. */
function addResourceRoutes(own: FastifyInstance, flowLogs: FlowLogKeeper): void {
  const constraints = { api: 'weir' }
  const one = '/weir/v1/flow-logs/:id'
  own.get<OfOne>(
    `${one}/history`,
    { constraints, config: ofOwn('weir:ListFlowLogs'), schema: { querystring: noQuery } },
    ({ params }, reply) => reply.send({ edits: flowLogs.history(params.id) }),
  )
  own.get<OfOne & { Querystring: DifferencesQuery }>(
    `${one}/differences`,
    {
      constraints,
      config: ofOwn('weir:ListFlowLogs'),
      schema: { querystring: differencesQuery },
    },
    ({ params, query }, reply) => {
      const edits = flowLogs.history(params.id)
      const { from, to } = comparedOf(edits, query)
      const differences = flowLogDifferences(edits, from.version, to.version)
      const answer: DifferencesAnswer<FlowLogEdit> = { from, to, differences }
      return reply.send(answer)
    },
  )
  own.post<OfOne>(
    `${one}/disable-delivery`,
    {
      constraints,
      config: ofOwn('weir:ModifyFlowLog', true),
      schema: { querystring: noQuery },
    },
    async (request, reply) =>
      reply.send(entryOf(await flowLogs.disableDelivery(request.params.id, byOf(request)))),
  )
  own.put<OfOne & { Body: { analyzer: string | null } }>(
    `${one}/analyzer`,
    {
      constraints,
      config: rightTo('weir:ModifyFlowLog', { changes: true }),
      schema: { querystring: noQuery, body: attached },
    },
    (request, reply) => {
      const { params, body } = request
      const analyzer = body.analyzer ?? undefined
      return reply.send(entryOf(flowLogs.attachAnalyzer(params.id, analyzer, byOf(request))))
    },
  )
}

/** Keys of one account may ask too, about what is theirs. */
const ofOwn = (action: string, changes = false) =>
  rightTo(action, { ofAccounts: true, ...(changes ? { changes } : {}) })

const ownOf = (flowLogs: FlowLogKeeper, { account: owner }: Caller): FlowLogResource[] =>
  flowLogs.list().filter(({ account }) => (owner ?? account) === account)

function created(
  flowLogs: FlowLogKeeper,
  body: FlowLogRequest,
  caller: Caller,
): Promise<FlowLogResource> {
  assertMayCreate(caller, body)
  assertOwnTarget(flowLogs, body, caller.account)
  const { createMissing = false, analysisReport = false, ...wanted } = body
  return flowLogs.create(wanted, { createMissing, analysisReport }, caller.keyId)
}

/** Throws AccessDenied. */
function assertMayCreate(caller: Caller, wanted: FlowLogRequest): void {
  const { createMissing = false, analysisReport = false, project = '', analyzer } = wanted
  if (createMissing && project !== '') caller.assertMay('log:CreateProject', `project/${project}`)
  if (analysisReport && project !== '')
    caller.assertMay('log:CreateDashboard', `project/${project}/dashboard/*`)
  const further = [
    ...(createMissing ? ['log:CreateLogStore'] : []),
    ...(analysisReport ? ['log:CreateIndex', 'log:UpdateLogStore'] : []),
  ]
  for (const { action, resource } of rightsToDeliver(wanted, further))
    caller.assertMay(action, resource)
  if (analyzer !== undefined) assertOfServer(caller, 'attaching a traffic analyzer')
}

const byOf = (request: FastifyRequest): string => callerOf(request).keyId

function fitting(flowLogs: readonly FlowLogResource[], wanted: FlowLogFilter): FlowLogResource[] {
  if (wanted.resourceType !== undefined)
    checkKnown('resourceType', wanted.resourceType, resourceTypes)
  if (wanted.status !== undefined) checkKnown('status', wanted.status, flowLogStatuses)
  const keys = Object.keys(wanted) as (keyof FlowLogFilter)[]
  return flowLogs.filter((flowLog) => keys.every((key) => flowLog[key] === wanted[key]))
}

/** Traffic type, paths, resource and destination cannot be changed (alibaba-api.md 1.4). */
function refuseFixed(keys: readonly string[]): void {
  const key = keys.find((each) => !Object.hasOwn(changeable, each))
  if (key === undefined) return
  throw new WeirError('ParameterInvalid', `the ${key} of a flow log cannot be changed`, {
    place: 'body',
    hint:
      key === 'status'
        ? 'Start or stop the flow log'
        : `${Object.keys(changeable).join(', ')} can; for another ${key} make another flow log`,
  })
}

/** What it was active in before is for the capture. */
const entryOf = ({ earlier: _, ...entry }: FlowLogResource): FlowLogEntry => entry
