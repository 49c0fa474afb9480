import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '../base/log.ts'
import { openLogStore } from '../logstore/logstore.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { parseTopology } from '../vpc/vpc.ts'
import { accountOfFlowLog, overdueEffects } from './overdue-effects.ts'
import { openState } from './state.ts'

const topology = await parseTopology(
  `account: "1"
region: cn-hangzhou
vpcs: [{ id: vpc-a, cidrs: [10.0.0.0/16] }, { id: vpc-b, cidrs: [10.1.0.0/16], account: "2" }]
vSwitches: [{ id: vsw-b, vpc: vpc-b, cidrs: [10.1.0.0/24] }]
enis: [{ id: eni-b, vSwitch: vsw-b, privateIps: [10.1.0.1] }]
`,
  'test',
)

test('a flow log is of the account of the VPC it is about', () => {
  const accountOf = accountOfFlowLog(() => topology, '-')
  const f = (resourceType: 'VPC' | 'VSwitch' | 'NetworkInterface', resourceId: string) =>
    accountOf({ resourceType, resourceId })
  assert.deepEqual(
    [f('VPC', 'vpc-a'), f('VPC', 'vpc-b'), f('VSwitch', 'vsw-b'), f('NetworkInterface', 'eni-b')],
    ['1', '2', '2', '2'],
  )
  assert.equal(f('VPC', 'vpc-gone'), '1')
  assert.equal(
    accountOfFlowLog(() => undefined, '7')({ resourceType: 'VPC', resourceId: 'vpc-host' }),
    '7',
  )
})

test('suspended, resumed and released: its own flow logs alone, and nothing twice', async (t) => {
  const dataDir = temporaryFolder(t)
  const store = await openLogStore(dataDir)
  const state = openState(dataDir)
  t.after(async () => {
    state.close()
    await store.close()
  })
  store.createProject('project', { description: '' })
  const columns = [{ name: 'bytes', kind: 'integer' as const }]
  for (const name of ['shared', 'theirs'])
    store.createLogstore('project', name, { columns, ttlDays: 7 })
  const make = (resourceId: string, logstore: string) =>
    state.flowLogs.create({ resourceType: 'VPC', resourceId, project: 'project', logstore }).id
  const other = make('vpc-a', 'shared')
  const [active, stopped, own] = [
    make('vpc-b', 'shared'),
    make('vpc-b', 'theirs'),
    make('vpc-b', 'theirs'),
  ]
  state.flowLogs.stop(stopped!)
  const accountOf = accountOfFlowLog(() => topology, '-')
  const effects = overdueEffects(
    state,
    store,
    accountOf,
    createLog(() => undefined),
  )
  const statuses = () => state.flowLogs.list().map(({ id, status }) => [id, status])

  for (let i = 0; i < 2; i++) {
    await effects.suspend('2')
    assert.deepEqual(statuses(), [
      [other, 'Active'],
      [active, 'Inactive'],
      [stopped, 'Inactive'],
      [own, 'Inactive'],
    ])
  }
  for (let i = 0; i < 2; i++) {
    await effects.resume('2')
    assert.deepEqual(statuses(), [
      [other, 'Active'],
      [active, 'Active'],
      [stopped, 'Inactive'],
      [own, 'Active'],
    ])
  }
  for (let i = 0; i < 2; i++) {
    await effects.release('2')
    assert.deepEqual(statuses(), [[other, 'Active']])
    assert.deepEqual(
      store.logstores('project').map(({ name }) => name),
      ['shared'],
    )
  }
})
