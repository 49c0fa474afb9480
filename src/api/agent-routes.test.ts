import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { signed, startServer, thingsOver } from '../../test/api-server.ts'
import { ledgerNamed, lossAt } from '../../test/ledgers.ts'
import { createLog } from '../base/log.ts'
import { FlowLogs } from '../flow-log/flow-log.ts'
import { LedgerBook } from '../ledger/ledger.ts'
import { Agents } from '../programs/agent-keeper.ts'
import { CaptureOrders } from '../programs/capture-orders.ts'
import { createApi } from './api.ts'
import type { AgentReport } from './contract.ts'

const report: AgentReport = {
  run: 'run-1',
  version: '0.1.0',
  hostname: 'h1',
  interfaces: [{ name: 'eth0', addresses: ['10.0.0.5'] }],
  taps: [
    {
      eni: { accountId: '-', eniId: 'eni-a-eth0', vmId: '-', vSwitchId: '-', vpcId: 'vpc-host' },
      tap: 'eth0',
      state: 'capturing',
      cpu: 0.01,
    },
  ],
  accounts: [],
  spool: { windows: 2, bytes: 1000, full: false, oldest: 1_700_000_000 },
  cpu: 0.02,
  problems: [],
}

/** @returns where a server listens on every address of this machine, and its ledger book */
async function start(t: TestContext) {
  const { store } = await startServer(t)
  const database = new DatabaseSync(':memory:')
  const flowLogs = new FlowLogs(database)
  const log = createLog(() => {})
  const ledger = new LedgerBook(database)
  const orders = new CaptureOrders(flowLogs, undefined)
  const agents = new Agents(database, { orders, ledger, log })
  const api = createApi({ ...thingsOver(store, log, flowLogs), agents, ledger })
  const url = await api.listen('0.0.0.0', 0)
  t.after(() => api.close(0))
  return { local: `http://127.0.0.1:${new URL(url).port}`, ledger, flowLogs }
}

async function send(url: string, body: unknown) {
  const response = await signed(`${url}/weir/v1/agents/a/report`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const { requestId: _, ...rest } = (await response.json()) as Record<string, unknown>
  return { status: response.status, body: rest }
}

test('an agent is told its orders when they changed, and is listed', async (t) => {
  const { local, flowLogs } = await start(t)
  const first = await send(local, report)
  assert.equal(first.status, 200)
  const { revision } = first.body as { revision: string }
  assert.deepEqual(first.body, { revision, orders: { flowLogs: [], topology: null } })
  assert.deepEqual((await send(local, { ...report, revision })).body, { revision })
  const made = flowLogs.create({
    resourceType: 'VPC',
    resourceId: 'vpc-host',
    project: 'weir',
    logstore: 'flow-log',
  })
  const next = (await send(local, { ...report, revision })).body as {
    revision: string
    orders: unknown
  }
  assert.notEqual(next.revision, revision)
  assert.deepEqual(next.orders, { flowLogs: [made], topology: null })
  const { agents } = (await (await signed(`${local}/weir/v1/agents`)).json()) as {
    agents: Record<string, unknown>[]
  }
  const { firstSeen, lastSeen, ...entry } = agents[0]!
  const { accounts: _, ...said } = report
  assert.deepEqual([agents.length, entry], [1, { ...said, name: 'a', address: '127.0.0.1' }])
  assert.ok(Number(firstSeen) <= Number(lastSeen))
})

test('what is no report is refused, and nothing of it is kept', async (t) => {
  const { local, ledger } = await start(t)
  const account = ledgerNamed('eni-a-eth0')
  const loss = lossAt('eni-a-eth0', 60)
  const refused = async (body: unknown): Promise<string> => {
    const { status, body: error } = await send(local, body)
    assert.deepEqual([status, error['code']], [400, 'ParameterInvalid'], JSON.stringify(error))
    return `${String(error['message'])} (${String(error['place'])})`
  }
  const withAccount = (ledgerMore: object, ...losses: object[]) => ({
    ...report,
    accounts: [{ ledger: { ...account, ...ledgerMore }, losses }],
  })
  assert.equal(
    await refused(withAccount({}, lossAt('eni-b', 60))),
    'a loss of eni-b stands in the account of eni-a-eth0 (accounts/0)',
  )
  assert.equal(
    await refused(withAccount({ opening: 'earlier' })),
    'no opening is called earlier (accounts/0)',
  )
  for (const wrong of [
    'text',
    {},
    { ...report, more: 1 },
    { ...report, taps: [{ ...report.taps[0], state: 'gone' }] },
    withAccount({ openedAt: 1.5 }),
    withAccount({ asOf: -1 }),
    withAccount({ multicast: 1e300 }),
    withAccount({ records: { frames: 1 } }),
    withAccount({ lost: { weather: { frames: 1, bytes: 1 } } }),
    withAccount({}, { ...loss, reason: 'weather' }),
    withAccount({}, { ...loss, from: 0.5 }),
    withAccount({}, { ...loss, frames: 1e19 }),
  ])
    await refused(wrong)
  assert.deepEqual([ledger.ledgers(), ledger.losses()], [[], []])
  assert.equal((await send(local, withAccount({}, loss))).status, 200)
  assert.deepEqual(ledger.ledgers(), [{ ...account, host: 'a' }])
  const kept = ledger.losses().map(({ eni, host, reason, frames }) => [eni, host, reason, frames])
  assert.deepEqual(kept, [['eni-a-eth0', 'a', 'ring', 4]])
})
