import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { AgentReport } from '../api/contract.ts'
import { createLog } from '../base/log.ts'
import { FlowLogs } from '../flow-log/flow-log.ts'
import { LedgerBook } from '../ledger/ledger.ts'
import { parseTopology } from '../vpc/vpc.ts'
import { ledgerNamed } from '../../test/ledgers.ts'
import { Agents } from './agent-keeper.ts'
import { CaptureOrders } from './capture-orders.ts'

const eni = (name: string) => ({
  accountId: '-',
  eniId: name,
  vmId: '-',
  vSwitchId: '-',
  vpcId: 'vpc-host',
})

const reportOf = (run: string, hostname: string, more: Partial<AgentReport> = {}): AgentReport => ({
  run,
  version: '0.1.0',
  hostname,
  interfaces: [],
  taps: [{ eni: eni('eni-a-eth0'), tap: 'eth0', state: 'capturing', cpu: 0 }],
  accounts: [],
  spool: { windows: 0, bytes: 0, full: false },
  cpu: 0,
  problems: [],
  ...more,
})

function keeper(database = new DatabaseSync(':memory:')) {
  const clock = { now: 1000 }
  const flowLogs = new FlowLogs(database)
  const orders = new CaptureOrders(flowLogs, undefined)
  const ledger = new LedgerBook(database)
  const told: string[][] = []
  const agents = new Agents(database, {
    orders,
    ledger,
    log: createLog(() => {}),
    now: () => clock.now,
    onEnis: (enis) => void told.push(enis.map(({ eniId }) => eniId)),
  })
  return { database, clock, orders, ledger, agents, told, flowLogs }
}

const names = (agents: Agents): string[] =>
  agents.list().map(({ name, hostname, run }) => `${name} ${hostname} ${run}`)

test('two agents of one name on different hosts: the second is refused while the first is there', () => {
  const { agents, clock } = keeper()
  agents.report('a', '10.0.0.1', reportOf('run-1', 'h1'))
  clock.now += 14
  assert.throws(() => agents.report('a', '10.0.0.2', reportOf('run-2', 'h2')), {
    name: 'AgentNotAllowed',
    message: 'an agent a is already here, on h1',
    hint: 'Give this one another name: --name NAME',
  })
  assert.deepEqual(names(agents), ['a h1 run-1'])
  agents.report('b', '10.0.0.2', reportOf('run-2', 'h2'))
  // Killed and started anew at once, on its own host.
  agents.report('a', '10.0.0.1', reportOf('run-3', 'h1'))
  assert.deepEqual(names(agents), ['a h1 run-3', 'b h2 run-2'])
  clock.now += 15
  agents.report('a', '10.0.0.2', reportOf('run-4', 'h2'))
  assert.deepEqual(names(agents), ['a h2 run-4', 'b h2 run-2'])
})

test('an agent that says nothing any more is a problem, and so is what it says is wrong', () => {
  const { agents, clock } = keeper()
  agents.report('a', '10.0.0.1', reportOf('run-1', 'h1', { problems: ['the spool is full'] }))
  clock.now += 60
  assert.deepEqual(agents.problems(), ['agent a: the spool is full'])
  clock.now += 1
  assert.deepEqual(agents.problems(), ['agent a has said nothing for 61 s'])
})

test('agents are known after a restart; who listens is told of ENIs that are new', () => {
  const first = keeper()
  first.agents.report('a', '10.0.0.1', reportOf('run-1', 'h1'))
  first.agents.report('a', '10.0.0.1', reportOf('run-1', 'h1'))
  const taps = [{ eni: eni('eni-a-eth1'), tap: 'eth1', state: 'absent', cpu: 0 }] as const
  first.clock.now = 1031
  first.agents.report('a', '10.0.0.1', reportOf('run-1', 'h1', { taps }))
  assert.deepEqual(first.told, [['eni-a-eth0'], ['eni-a-eth1']])
  const second = keeper(first.database)
  assert.deepEqual(second.agents.list(), first.agents.list())
  assert.deepEqual(
    second.agents.list().map(({ firstSeen, lastSeen, address }) => [firstSeen, lastSeen, address]),
    [[1000, 1031, '10.0.0.1']],
  )
  assert.deepEqual(second.agents.enis(), [eni('eni-a-eth1')])
})

test('accounts stand under the agent’s name, whatever host they say they are of', () => {
  const { agents, ledger } = keeper()
  const account = { ...ledgerNamed('eni-a-eth0'), host: 'somebody-else' }
  const accounts = [{ ledger: account, losses: [] }]
  agents.report('a', '10.0.0.1', reportOf('run-1', 'h1', { accounts }))
  assert.deepEqual(ledger.ledgers(), [{ ...account, host: 'a' }])
})

test('orders come once for each change: of a flow log, of the topology, of the server', async () => {
  const { agents, orders, flowLogs, database } = keeper()
  const ask = (revision?: string) =>
    agents.report('a', '-', reportOf('r', 'h', revision === undefined ? {} : { revision }))
  const first = ask()
  assert.deepEqual(first.orders, { flowLogs: [], topology: null })
  assert.equal(ask(first.revision).orders, undefined)
  const text = 'vpcs: [{ id: vpc-1, cidrs: [10.0.0.0/8] }]\n'
  const topology = await parseTopology(text, 'vpc.yaml')
  orders.setTopology({ topology, text })
  const second = ask(first.revision)
  const { version, loadedAt: since } = topology
  assert.deepEqual(second.orders!.topology, { file: 'vpc.yaml', text, version, since })
  const made = flowLogs.create({
    resourceType: 'VPC',
    resourceId: 'vpc-1',
    project: 'p',
    logstore: 'l',
  })
  flowLogs.stop(made.id)
  const third = ask(second.revision)
  assert.deepEqual(
    third.orders!.flowLogs.map(({ id, status }) => [id, status]),
    [[made.id, 'Inactive']],
    'one that ended is told of: it is due the window that it ended in',
  )
  assert.equal(new Set([first, second, third].map(({ revision }) => revision)).size, 3)
  const anew = new CaptureOrders(new FlowLogs(database), undefined)
  assert.notEqual(anew.revision.split(':')[0], orders.revision.split(':')[0])
})
