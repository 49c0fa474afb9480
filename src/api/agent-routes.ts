import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AgentReport } from './contract.ts'
import { recordBatchOf, recordsQuery, type RecordsQuery, recordsBytesMax } from './record-batch.ts'
import { rightTo } from './signed.ts'
import type { AgentKeeper, RecordStore } from './things.ts'
import { flowLogTopic } from '../record/columns.ts'
import { WeirError } from '../base/errors.ts'
import { earlierOpenings, lossReasons } from '../ledger/ledger.ts'

/** A report of a host with a thousand ENIs that were all lossy. */
const reportBytesMax = 32 * 1024 * 1024
const binary = 'application/x-weir-batch'

const text = { type: 'string', maxLength: 1024 } as const
const number = { type: 'number' } as const
/** A count that may stand below 0 for a while, as an account's does until there was a quiet moment. */
const whole = {
  type: 'integer',
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
} as const
const time = { ...whole, minimum: 0 } as const
const strings = { type: 'array', maxItems: 10_000, items: text } as const
const counts = (...names: readonly string[]) => ({
  type: 'object',
  required: names,
  properties: Object.fromEntries(names.map((name) => [name, whole])),
})
const object = (required: Readonly<Record<string, object>>, more: Record<string, object> = {}) => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(required),
  properties: { ...required, ...more },
})
const list = (items: object) => ({ type: 'array', maxItems: 100_000, items })

const identity = object({
  accountId: text,
  eniId: text,
  vmId: text,
  vSwitchId: text,
  vpcId: text,
})
const totals = counts('frames', 'packets', 'bytes')
const ledger = object({
  eni: text,
  tap: text,
  host: text,
  opening: text,
  openedAt: time,
  asOf: time,
  interface: {
    type: 'object',
    required: ['frames', 'bytes', 'exact'],
    properties: { frames: whole, bytes: whole, exact: { type: 'boolean' } },
  },
  frameBytes: whole,
  records: totals,
  open: totals,
  multicast: whole,
  nonIp: whole,
  malformed: whole,
  filtered: whole,
  unassigned: whole,
  refused: whole,
  lost: {
    type: 'object',
    propertyNames: { enum: Object.keys(lossReasons) },
    additionalProperties: counts('frames', 'bytes'),
  },
  inRing: whole,
})
const loss = object(
  { eni: text, from: time, to: time, reason: { enum: Object.keys(lossReasons) } },
  { opening: text, frames: whole, packets: whole, bytes: whole, factor: number },
)
const states = ['capturing', 'opening', 'shed', 'absent', 'failed', 'not ordered']
const tap = object(
  { eni: identity, tap: text, state: { enum: states }, cpu: number },
  { reason: text },
)
const report = object(
  {
    run: text,
    version: text,
    hostname: text,
    interfaces: list(object({ name: text, addresses: strings })),
    taps: list(tap),
    accounts: list(object({ ledger, losses: list(loss) })),
    spool: object(
      { windows: number, bytes: number, full: { type: 'boolean' } },
      { oldest: number },
    ),
    cpu: number,
    problems: strings,
  },
  { cpuBudget: number, revision: text },
)

interface OfOne {
  readonly Params: { readonly name: string }
}

const nameOfAgent = {
  type: 'object',
  properties: { name: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' } },
} as const
const noQuery = { type: 'object', additionalProperties: false, properties: {} } as const

/**
 * For agents: POST /weir/v1/agents/NAME/report, which answers with orders, and POST /weir/v1/agents/NAME/records. GET
 * /weir/v1/agents.
 */
export function addAgentRoutes(
  server: FastifyInstance,
  agents: AgentKeeper,
  store: RecordStore,
): void {
  const constraints = { api: 'weir' }
  server.get(
    '/weir/v1/agents',
    {
      constraints,
      config: rightTo('weir:ListAgents'),
      schema: { querystring: noQuery },
    },
    (_request, reply) => reply.send({ agents: agents.list() }),
  )
  server.register((own, _, registered) => {
    own.post<OfOne & { Body: AgentReport }>(
      '/weir/v1/agents/:name/report',
      {
        constraints,
        config: rightTo('weir:Agent', { resource: agentOf }),
        bodyLimit: reportBytesMax,
        schema: { params: nameOfAgent, querystring: noQuery, body: report },
      },
      (request, reply) => {
        checkAccounts(request.body)
        return reply.send(agents.report(request.params.name, addressOf(request), request.body))
      },
    )
    own.addContentTypeParser(binary, { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    )
    own.post<OfOne & { Querystring: RecordsQuery; Body: unknown }>(
      '/weir/v1/agents/:name/records',
      {
        constraints,
        config: rightTo('weir:Agent', { resource: agentOf }),
        bodyLimit: recordsBytesMax,
        schema: { params: nameOfAgent, querystring: recordsQuery },
      },
      async (request, reply) => {
        const { project, logstore, flowLog, run, number: batchNumber } = request.query
        if (!Buffer.isBuffer(request.body))
          throw new WeirError('ParameterInvalid', `an agent's records come as ${binary}`)
        const batch = recordBatchOf(request.body)
        const id = { flowLog, run, number: Number(batchNumber) }
        const { stored } = await store.append(project, logstore, batch, { id, topic: flowLogTopic })
        return reply.send({ rows: batch.rows, stored })
      },
    )
    registered()
  })
}

const agentOf = ({ params }: FastifyRequest): string => `agent/${(params as OfOne['Params']).name}`

/** What a ledger book takes for granted of its reports. Throws ParameterInvalid. */
function checkAccounts({ accounts }: AgentReport): void {
  for (const [i, { ledger: account, losses }] of accounts.entries()) {
    const place = `accounts/${i}`
    if (account.opening === earlierOpenings)
      throw new WeirError('ParameterInvalid', `no opening is called ${earlierOpenings}`, { place })
    const other = losses.find(({ eni }) => eni !== account.eni)
    if (other !== undefined)
      throw new WeirError(
        'ParameterInvalid',
        `a loss of ${other.eni} stands in the account of ${account.eni}`,
        { place },
      )
  }
}

const addressOf = ({ socket }: FastifyRequest): string => socket.remoteAddress ?? 'unknown'
