import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { unixSeconds } from '../base/time.ts'
import { FlowLogs, type NewFlowLog } from './flow-log.ts'

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
    ...target,
    trafficType: 'All',
    ipVersion: 'IPv4',
    windowSeconds: 600, // "each capture window (10 minutes by default)"
    scope: ['all'],
    status: 'Active', // "After you create the flow log, traffic information collection starts automatically."
    createdAt: 1_700_000_001,
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

test('start, stop, modify, delete', () => {
  const flowLogs = store()
  const { id } = flowLogs.create(target)
  assert.equal(flowLogs.stop(id).status, 'Inactive')
  assert.equal(flowLogs.stop(id).status, 'Inactive')
  assert.equal(flowLogs.get(id).status, 'Inactive')
  assert.deepEqual(flowLogs.modify(id, { windowSeconds: 60, name: 'web' }), flowLogs.get(id))
  assert.equal(flowLogs.get(id).windowSeconds, 60)
  assert.equal(flowLogs.get(id).status, 'Inactive')
  assert.equal(flowLogs.start(id).status, 'Active')
  flowLogs.delete(id)
  assert.deepEqual(flowLogs.list(), [])
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
  assert.throws(() => flowLogs.create({ ...target, scope: [] }), { code: 'ParameterInvalid' })
  assert.deepEqual(flowLogs.list(), [])
  const { id } = flowLogs.create(target)
  assert.throws(() => flowLogs.modify(id, { name: 'http://x' }), { code: 'ParameterInvalid' })
  assert.equal(flowLogs.get(id).name, '')
})
