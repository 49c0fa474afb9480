import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { unixSeconds } from '../base/time.ts'
import { activeIn, FlowLogs, type NewFlowLog } from './flow-log.ts'

const target: NewFlowLog = {
  resourceType: 'VPC',
  resourceId: 'vpc-1',
  project: 'weir',
  logstore: 'flow-log',
}

function store(database = new DatabaseSync(':memory:')): FlowLogs {
  let created = 0
  return new FlowLogs(database, {
    now: () => unixSeconds(1_700_000_000 + created),
    newId: () => `fl-${++created}`,
  })
}

test("what is left out is the page's default, and collection starts automatically", () => {
  assert.deepEqual(store().create(target), {
    id: 'fl-1',
    name: '',
    description: '',
    ...target,
    trafficType: 'All',
    ipVersion: 'IPv4',
    windowSeconds: 600, // "each capture window (10 minutes by default)"
    scope: ['all'],
    status: 'Active', // "After you create the flow log, traffic information collection starts automatically."
    createdAt: 1_700_000_001,
    changedAt: 1_700_000_001,
    startedAt: 1_700_000_001,
    earlier: [],
  })
})

test('an id is fl- and 21 lowercase letters and digits, and never the same', () => {
  const flowLogs = new FlowLogs(new DatabaseSync(':memory:'))
  const ids = Array.from({ length: 20 }, () => flowLogs.create(target).id)
  for (const id of ids) assert.match(id, /^fl-[a-z0-9]{21}$/)
  assert.equal(new Set(ids).size, 20)
})

test('flow logs survive a restart, in the order they were made', () => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-flow-log-'))
  try {
    const file = join(folder, 'meta.sqlite')
    const first = new DatabaseSync(file)
    const made = [
      store(first).create({ ...target, name: 'one', scope: ['natGateway', 'internetGateway'] }),
    ]
    const flowLogs = new FlowLogs(first)
    made.push(flowLogs.create({ ...target, resourceType: 'NetworkInterface', windowSeconds: 60 }))
    made.push(flowLogs.create({ ...target, trafficType: 'Drop', ipVersion: 'DualStack' }))
    first.close()
    const second = new DatabaseSync(file)
    assert.deepEqual(new FlowLogs(second).list(), made)
    assert.deepEqual(new FlowLogs(second).get('fl-1'), made[0])
    second.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** A store whose clock the test sets. */
function timed(database = new DatabaseSync(':memory:')) {
  const clock = { now: 100 }
  let created = 0
  const flowLogs = new FlowLogs(database, {
    now: () => unixSeconds(clock.now),
    newId: () => `fl-${++created}`,
  })
  return { flowLogs, clock, database }
}

test('start, stop, modify, delete, and the moments of each', () => {
  const { flowLogs, clock } = timed()
  const made = flowLogs.create(target)
  clock.now = 200
  assert.deepEqual(flowLogs.stop(made.id), {
    ...made,
    status: 'Inactive',
    changedAt: 200,
    stoppedAt: 200,
  })
  clock.now = 300
  const stopped = flowLogs.stop(made.id)
  assert.deepEqual([stopped.stoppedAt, stopped.changedAt], [200, 200], 'it was stopped before')
  assert.deepEqual(flowLogs.modify(made.id, { windowSeconds: 60, name: 'web' }), {
    ...stopped,
    windowSeconds: 60,
    name: 'web',
    changedAt: 300,
  })
  clock.now = 400
  const started = flowLogs.start(made.id)
  assert.deepEqual(started, {
    ...made,
    windowSeconds: 60,
    name: 'web',
    changedAt: 400,
    startedAt: 400,
    earlier: [{ since: 100, until: 200 }],
  })
  assert.deepEqual(flowLogs.start(made.id), started, 'it was started before')
  flowLogs.delete(made.id)
  assert.deepEqual(flowLogs.list(), [])
  assert.throws(() => flowLogs.get(made.id), { code: 'FlowLogNotExist' })
  assert.throws(() => flowLogs.delete(made.id), { code: 'FlowLogNotExist' })
})

test('a name and a description may be changed, and taken away', () => {
  const { flowLogs } = timed()
  const { id } = flowLogs.create({ ...target, name: 'web', description: 'who knocks at port 80' })
  assert.equal(flowLogs.get(id).description, 'who knocks at port 80')
  flowLogs.modify(id, { name: '', ipVersion: 'DualStack' })
  flowLogs.modify(id, { description: '' })
  const { name, description, ipVersion } = flowLogs.get(id)
  assert.deepEqual([name, description, ipVersion], ['', '', 'DualStack'])
})

test('those that ended lately are known, deleted ones too, until they are forgotten', () => {
  const { flowLogs, clock } = timed()
  const ids = (since: number): string[] =>
    flowLogs.lately(unixSeconds(since)).map((each) => each.id)
  for (const name of ['one', 'two', 'three']) flowLogs.create({ ...target, name })
  clock.now = 200
  flowLogs.delete('fl-1')
  clock.now = 300
  flowLogs.stop('fl-2')
  assert.deepEqual(
    flowLogs.list().map(({ name }) => name),
    ['two', 'three'],
  )
  assert.deepEqual(ids(200), ['fl-1', 'fl-2', 'fl-3'])
  assert.deepEqual(ids(201), ['fl-2', 'fl-3'])
  assert.deepEqual(ids(301), ['fl-3'])
  const [deleted] = flowLogs.lately(unixSeconds(200))
  assert.deepEqual(
    [deleted?.status, deleted?.startedAt, deleted?.stoppedAt, deleted?.name],
    ['Inactive', 100, 200, 'one'],
  )
  flowLogs.forget(unixSeconds(200))
  assert.deepEqual(ids(200), ['fl-1', 'fl-2', 'fl-3'])
  flowLogs.forget(unixSeconds(10_000))
  assert.deepEqual(ids(0), ['fl-2', 'fl-3'])
  assert.equal(flowLogs.get('fl-2').stoppedAt, 300, 'the last period of one that is there stays')
})

test('stopped and started again within one window: both times are known', () => {
  const { flowLogs, clock } = timed()
  const { id } = flowLogs.create(target)
  clock.now = 179
  flowLogs.stop(id)
  clock.now = 181
  const flowLog = flowLogs.start(id)
  assert.deepEqual(flowLogs.lately(unixSeconds(180)), [flowLog])
  const due = [60, 120, 180].filter((start) => activeIn(flowLog, { start, seconds: 60 }))
  assert.deepEqual(due, [60, 120, 180])
  flowLogs.forget(unixSeconds(180))
  assert.deepEqual(flowLogs.get(id).earlier, [])
  assert.equal(flowLogs.get(id).startedAt, 181)
})

test('a clock that was set back ends no period before it began', () => {
  const { flowLogs, clock } = timed()
  const { id } = flowLogs.create(target)
  clock.now = 50
  const { startedAt, stoppedAt } = flowLogs.stop(id)
  assert.deepEqual([startedAt, stoppedAt], [100, 100])
})

test('a listener is called after each change, and not when nothing changed', () => {
  const { flowLogs } = timed()
  const seen: string[] = []
  const stop = flowLogs.onChange(() => {
    seen.push(
      flowLogs
        .list()
        .map((each) => `${each.name} ${each.status}`)
        .join(),
    )
  })
  const { id } = flowLogs.create({ ...target, name: 'a' })
  flowLogs.modify(id, { name: 'b' })
  flowLogs.start(id)
  flowLogs.stop(id)
  flowLogs.stop(id)
  flowLogs.start(id)
  assert.throws(() => flowLogs.modify(id, { name: 'http://x' }), { code: 'ParameterInvalid' })
  assert.throws(() => flowLogs.create({ ...target, resourceId: '' }), { code: 'ParameterInvalid' })
  flowLogs.delete(id)
  stop()
  flowLogs.create(target)
  assert.deepEqual(seen, ['a Active', 'b Active', 'b Inactive', 'b Active', ''])
})

/** The table as it was made before flow logs had descriptions and times of activity. */
const firstTable = `
  CREATE TABLE flow_logs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    traffic_type TEXT NOT NULL,
    ip_version TEXT NOT NULL,
    window_seconds INTEGER NOT NULL,
    scope TEXT NOT NULL,
    project TEXT NOT NULL,
    logstore TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  INSERT INTO flow_logs VALUES
    (1, 'fl-old', 'all of vpc-1', 'VPC', 'vpc-1', 'All', 'DualStack', 60, 'all', 'weir', 'flow-log',
     'Active', 1000),
    (2, 'fl-off', '', 'VSwitch', 'vsw-1', 'Drop', 'IPv4', 600, 'vbr,ecr', 'weir', 'flow-log',
     'Inactive', 2000)`

test('the table of an earlier Weir becomes one of today, once', () => {
  const database = new DatabaseSync(':memory:')
  database.exec(firstTable)
  const { flowLogs, clock } = timed(database)
  const old = {
    id: 'fl-old',
    name: 'all of vpc-1',
    description: '',
    ...target,
    trafficType: 'All',
    ipVersion: 'DualStack',
    windowSeconds: 60,
    scope: ['all'],
    status: 'Active',
    createdAt: 1000,
    changedAt: 1000,
    startedAt: 1000,
    earlier: [],
  }
  assert.deepEqual(flowLogs.list(), [
    old,
    {
      id: 'fl-off',
      name: '',
      description: '',
      resourceType: 'VSwitch',
      resourceId: 'vsw-1',
      trafficType: 'Drop',
      ipVersion: 'IPv4',
      windowSeconds: 600,
      scope: ['vbr', 'ecr'],
      project: 'weir',
      logstore: 'flow-log',
      status: 'Inactive',
      createdAt: 2000,
      changedAt: 2000,
      startedAt: 2000,
      stoppedAt: 2000, // when it was stopped was not kept
      earlier: [],
    },
  ])
  clock.now = 3000
  flowLogs.start('fl-off')
  const before = flowLogs.list()
  assert.deepEqual(timed(database).flowLogs.list(), before, 'opened again, nothing is filled in')
  assert.deepEqual(before[0], old)
  assert.deepEqual(before[1]?.earlier, [{ since: 2000, until: 2000 }])
})

test('an unknown flow log is FlowLogNotExist, whatever is wanted of it', () => {
  const flowLogs = store()
  const error = { code: 'FlowLogNotExist', message: 'there is no flow log fl-9' }
  assert.throws(() => flowLogs.get('fl-9'), error)
  assert.throws(() => flowLogs.modify('fl-9', { name: 'x' }), error)
  assert.throws(() => flowLogs.start('fl-9'), error)
  assert.throws(() => flowLogs.stop('fl-9'), error)
  assert.throws(() => flowLogs.delete('fl-9'), error)
})

test('what was probably meant: an id nearly right, or the name in place of the id', () => {
  const flowLogs = new FlowLogs(new DatabaseSync(':memory:'))
  const { id } = flowLogs.create({ ...target, name: 'web' })
  const wrong = `${id.slice(0, -1)}_`
  assert.throws(() => flowLogs.delete(wrong), {
    code: 'FlowLogNotExist',
    message: `there is no flow log ${wrong}`,
    hint: `Did you mean ${id}?`,
  })
  assert.throws(() => flowLogs.get('web'), { hint: `Did you mean ${id}?` })
  assert.throws(() => flowLogs.get(''), { hint: undefined })
})

test('values a flow log cannot have are ParameterInvalid, and nothing is kept', () => {
  const flowLogs = store()
  const refused = (more: object, message: string, hint?: string): void => {
    assert.throws(() => flowLogs.create({ ...target, ...more }), {
      code: 'ParameterInvalid',
      message,
      hint,
    })
  }
  refused({ windowSeconds: 120 }, 'unknown windowSeconds 120', 'One of 60, 300, 600.')
  refused({ trafficType: 'REJECT' }, 'unknown trafficType "REJECT"', 'One of All, Allow, Drop.')
  refused({ ipVersion: 'IPv6' }, 'unknown ipVersion "IPv6"', 'One of IPv4, DualStack.')
  refused(
    { resourceType: 'ENI' },
    'unknown resourceType "ENI"',
    'One of VPC, VSwitch, NetworkInterface.',
  )
  refused({ resourceId: '' }, 'resourceId is empty')
  refused(
    { scope: ['all', 'vbr'] },
    'the scope all cannot be combined with others',
    'Leave out all.',
  )
  refused({ scope: ['vbr', 'vbr'] }, 'a scope is given twice')
  const name = 'a name has at most 128 characters and does not begin with http:// or https://'
  refused({ name: 'x'.repeat(129) }, name)
  refused({ name: 'https://x' }, name)
  const description =
    'a description has at most 256 characters and does not begin with http:// or https://'
  refused({ description: 'x'.repeat(257) }, description)
  refused({ description: 'http://x' }, description)
  assert.throws(() => flowLogs.create({ ...target, scope: [] }), { code: 'ParameterInvalid' })
  assert.deepEqual(flowLogs.list(), [])
  const { id } = flowLogs.create(target)
  assert.throws(() => flowLogs.modify(id, { name: 'http://x' }), { code: 'ParameterInvalid' })
  assert.equal(flowLogs.get(id).name, '')
})
