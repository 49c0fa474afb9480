/**
 * "Overdue payment policy", step by step by a clock of the test's own, as the cloud's SDK sees it: bills, the states of
 * flow logs and what may be done with them, over HTTP.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import * as models from '@alicloud/vpc20160428'
import { Nonces, verifyCloud } from '../src/access/access.ts'
import type { ColumnBatch } from '../src/base/columns.ts'
import { createLog } from '../src/base/log.ts'
import { recordSizes } from '../src/billing/record-size.ts'
import type { LogStore } from '../src/logstore/logstore.ts'
import { knownResources } from '../src/programs/flow-log-keeper.ts'
import { openFlowLogService, placesOf } from '../src/programs/flow-log-service.ts'
import { createFlowLogstore } from '../src/programs/flow-logstore.ts'
import { openBilling } from '../src/programs/open-billing.ts'
import { readStartConfig } from '../src/programs/start-config.ts'
import { openState } from '../src/programs/state.ts'
import { flowLogTopic } from '../src/record/columns.ts'
import { flowRecordFields } from '../src/record/fields.ts'
import { parseTopology } from '../src/vpc/vpc.ts'
import { access, keys, startServer, testKey } from './api-server.ts'
import { vpcClient } from './cloud-server.ts'
import { temporaryFolder } from './temporary-folder.ts'

const topology = await parseTopology(
  `account: "1"
region: cn-hangzhou
vpcs: [{ id: vpc-a, cidrs: [10.0.0.0/16] }, { id: vpc-b, cidrs: [10.1.0.0/16], account: "2" }]
`,
  'test',
)
const regionId = 'cn-hangzhou'
const hour = 3600
const day = 24 * hour
const project = 'weir'

/** A record of account 1. */
const batch: ColumnBatch = {
  rows: 1,
  columns: new Map([
    ['__time__', { kind: 'integer', values: Float64Array.of(1_800_000_000) }],
    ['account-id', { kind: 'text', codes: Uint32Array.of(1), dictionary: ['1'] }],
    ['bytes', { kind: 'integer', values: Float64Array.of(1) }],
  ]),
}
const fields = flowRecordFields.map(({ name }) => name)
const [weight] = recordSizes(batch, fields)
/** So that a batch costs 0.60. */
const priceOfGb = Math.round((0.6 * 2 ** 30) / weight!)
const prices = `name: test
currency: CNY
date: 2026-11-23
zone: UTC
items: [{ item: generation, of: generated, per: GB, tiers: [{ price: "${priceOfGb}" }] }]
`

/** What `weir start` wires together, but for the clock and the network. */
function openThings(store: LogStore, folder: string, clock: { readonly now: number }) {
  const config = join(folder, 'weir.yaml')
  writeFileSync(join(folder, 'prices.yaml'), prices)
  writeFileSync(
    config,
    'data: .\nbilling: { prices: prices.yaml, overdue: { protectionLimit: "1", graceHours: 24 } }\n',
  )
  const state = openState(folder)
  const billing = openBilling(readStartConfig({ config }), {
    store,
    state,
    topology: () => topology,
    now: () => clock.now,
    log: createLog(() => {}),
  })
  const flowLogs = openFlowLogService({
    flowLogs: state.flowLogs,
    store,
    known: () => knownResources(topology, []),
    placeOf: placesOf(() => topology, { region: regionId, account: '1' }),
    prerequisitesDone: true,
    checkPaid: (account) => billing.checkPaid(account),
  })
  const nobody = { run: () => Promise.reject(new Error('nothing is asked here')) }
  return { state, billing, keeper: billing.keeper(nobody), flowLogs }
}

async function start(t: TestContext) {
  const clock = { now: 1_800_000_000 }
  const folder = temporaryFolder(t)
  const nonces = new Nonces(new DatabaseSync(':memory:'))
  let things: ReturnType<typeof openThings> | undefined
  const { url, store } = await startServer(t, (logs) => {
    for (const name of ['one', 'two']) createFlowLogstore(logs, project, name, 7)
    things = openThings(logs, folder, clock)
    return {
      cloud: {
        gate: {
          verifyCloud: (request) => verifyCloud(request, keys, nonces, Date.now()),
          take: () => {},
          begin: (intents) => access.begin(intents),
        },
        region: regionId,
        account: '1',
        regions: () => [{ id: regionId, name: regionId }],
        topology: () => topology,
        sample: undefined,
        interfaces: () => [],
        flowLogs: things.flowLogs,
      },
    }
  })
  assert.ok(things !== undefined)
  const { billing, keeper, flowLogs, state } = things
  t.after(async () => {
    flowLogs.close()
    await billing.stop()
    state.close()
  })
  const client = vpcClient({ url, key: testKey })
  let number = 0
  /** Batches of a flow log that come now. */
  const generate = async (flowLog: string, batches: number): Promise<void> => {
    for (let i = 0; i < batches; i++) {
      const id = { flowLog, run: 'r', number: number++ }
      await billing.records.append(project, 'one', batch, { id, topic: flowLogTopic })
    }
    await setImmediate() // they are counted with the next commit
  }
  /** Time goes on, and what is due is done. */
  const pass = async (seconds: number): Promise<void> => {
    clock.now += seconds
    await billing.tick()
  }
  const accountState = async () => {
    const { accounts } = await keeper.bill({ account: '1' })
    return accounts[0]?.state
  }
  return { client, store, keeper, clock, generate, pass, accountState }
}

type Started = Awaited<ReturnType<typeof start>>

const create = async ({ client }: Started, resourceId: string, logStoreName: string) => {
  const { body } = await client.createFlowLog(
    new models.CreateFlowLogRequest({
      regionId,
      resourceType: 'VPC',
      resourceId,
      trafficType: 'All',
      projectName: project,
      logStoreName,
    }),
  )
  return body!.flowLogId!
}

/** What is seen of a flow log once nothing is under way; undefined: it is not there. */
async function described({ client }: Started, flowLogId: string) {
  for (;;) {
    const asked = new models.DescribeFlowLogsRequest({ regionId, flowLogId })
    const { body } = await client.describeFlowLogs(asked)
    const [row] = body!.flowLogs!.flowLog!
    if (row === undefined) return undefined
    if (!row.status!.endsWith('ing')) return [row.businessStatus, row.status]
  }
}

const goesOn = ['Normal', 'Active']
const isLocked = ['FinancialLocked', 'Inactive']

/** "you cannot perform any operations on the VPC flow log" */
async function refusesAll(started: Started, flowLogId: string): Promise<void> {
  const { client } = started
  const one = { regionId, flowLogId }
  const resource = { regionId, resourceType: 'FLOWLOG', resourceId: [flowLogId] }
  const tag = [new models.TagResourcesRequestTag({ key: 'k', value: 'v' })]
  const move = { regionId, resourceType: 'FlowLog', resourceId: flowLogId }
  const orders = [
    () => client.activeFlowLog(new models.ActiveFlowLogRequest(one)),
    () => client.deactiveFlowLog(new models.DeactiveFlowLogRequest(one)),
    () => client.deleteFlowLog(new models.DeleteFlowLogRequest(one)),
    () =>
      client.modifyFlowLogAttribute(
        new models.ModifyFlowLogAttributeRequest({ ...one, aggregationInterval: 1 }),
      ),
    () => client.tagResources(new models.TagResourcesRequest({ ...resource, tag })),
    () =>
      client.moveResourceGroup(
        new models.MoveResourceGroupRequest({ ...move, newResourceGroupId: 'rg-2' }),
      ),
    () => create(started, 'vpc-a', 'one'),
  ]
  for (const order of orders)
    await assert.rejects(order(), { code: 'FlowLogSuspended', statusCode: 403 })
}

test('BusinessStatus through protection limit, suspension, top-up, grace and release', async (t) => {
  const started = await start(t)
  const { client, store, keeper, clock, generate, pass, accountState } = started
  const [own, stopped] = [
    await create(started, 'vpc-a', 'one'),
    await create(started, 'vpc-a', 'one'),
  ]
  const other = await create(started, 'vpc-b', 'two')
  for (const id of [own, stopped, other]) assert.deepEqual(await described(started, id), goesOn)
  await client.deactiveFlowLog(new models.DeactiveFlowLogRequest({ regionId, flowLogId: stopped }))

  // "If your overdue payment is within the suspension protection limit, your service continues"
  await generate(own, 1)
  await pass(5 * hour)
  assert.equal(await accountState(), 'grace')
  assert.deepEqual(await described(started, own), goesOn)
  const modified = { regionId, flowLogId: own, aggregationInterval: 1 }
  await client.modifyFlowLogAttribute(new models.ModifyFlowLogAttributeRequest(modified))
  assert.deepEqual(await described(started, own), goesOn)

  // "You are billed as normal during this grace period." "If your overdue payment exceeds the suspension protection limit,
  // the service is automatically stopped."
  await generate(own, 1)
  await pass(3 * hour)
  assert.deepEqual(await described(started, own), goesOn, 'the bill is not made yet')
  await pass(2 * hour)
  assert.equal(await accountState(), 'suspended')
  assert.deepEqual(await described(started, own), isLocked)
  assert.deepEqual(await described(started, other), goesOn, 'of another account')
  // "After the VPC flow log is stopped, billing also stops, and you cannot perform any operations on the VPC flow log."
  await refusesAll(started, own)
  // Its last windows come.
  await generate(own, 5)
  await pass(day)
  const { accounts } = await keeper.bill({ account: '1' })
  assert.equal(Math.round(Number(accounts[0]!.balance) * 100), -120)

  // "If you top up your account and pay the outstanding amount within 7 days"
  await keeper.topUp({ account: '1', amount: '1' })
  assert.deepEqual(await described(started, own), isLocked, 'it is not all')
  await pass(6 * day - 1)
  assert.deepEqual(await described(started, own), isLocked)
  await keeper.topUp({ account: '1', amount: '0.5' })
  assert.equal(await accountState(), 'normal')
  assert.deepEqual(await described(started, own), goesOn, '"the service automatically resumes"')
  assert.deepEqual(await described(started, stopped), ['Normal', 'Inactive'], 'as it was before')

  // "you can continue to use the service for a specific period or up to a certain amount"
  await generate(own, 1)
  await pass(5 * hour)
  assert.equal(await accountState(), 'grace')
  const since = clock.now
  await pass(day - 1)
  assert.deepEqual(await described(started, own), goesOn)
  await pass(1)
  assert.equal(clock.now - since, day)
  assert.equal(await accountState(), 'suspended')
  assert.deepEqual(await described(started, own), isLocked)
  await refusesAll(started, stopped)

  // "If the outstanding amount is not paid within 7 days ..., the VPC flow log is automatically released."
  await pass(7 * day - 1)
  assert.deepEqual(await described(started, own), isLocked)
  const names = () => store.logstores(project).map(({ name }) => name)
  assert.ok(names().includes('one'))
  await pass(1)
  // "After the service is released, its configurations and data are permanently deleted."
  assert.equal(await accountState(), 'released')
  for (const id of [own, stopped]) assert.equal(await described(started, id), undefined)
  assert.deepEqual(await described(started, other), goesOn)
  assert.deepEqual(
    names().filter((name) => name !== 'flow-log'),
    ['two'],
    '"and data"',
  )
  const gone = new models.DeleteFlowLogRequest({ regionId, flowLogId: own })
  await assert.rejects(client.deleteFlowLog(gone), { code: 'InvalidFlowLogId.NotFound' })
  await keeper.topUp({ account: '1', amount: '10' })
  assert.equal(await accountState(), 'normal')
  assert.equal(await described(started, own), undefined, '"permanently deleted"')
  assert.deepEqual(await described(started, await create(started, 'vpc-a', 'two')), goesOn)
})
