import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unixSeconds } from '../base/time.ts'
import {
  action,
  FlowRecordBatch,
  logStatus,
  noTrafficPath,
  type EniIdentity,
} from '../record/batch.ts'
import { hostIdentity } from '../vpc/vpc.ts'
import { activeIn, keeps, keptRows, targetEnis, type RecordFilter } from './flow-log.ts'

const flowLog = (more: Partial<RecordFilter>): RecordFilter => ({
  resourceType: 'VPC',
  resourceId: 'vpc-1',
  trafficType: 'All',
  ipVersion: 'DualStack',
  scope: ['all'],
  ...more,
})

const eni = (eniId: string, vSwitchId: string, vpcId: string): EniIdentity => ({
  accountId: '-',
  eniId,
  vmId: '-',
  vSwitchId,
  vpcId,
})
const enis = [
  eni('eni-a', 'vsw-1', 'vpc-1'),
  eni('eni-b', 'vsw-2', 'vpc-1'),
  eni('eni-c', 'vsw-3', 'vpc-2'),
]

test('"If you select a VPC or vSwitch, the system monitors the traffic of all ENIs within the selected resource."', () => {
  assert.deepEqual(targetEnis(flowLog({}), enis), [0, 1])
  assert.deepEqual(targetEnis(flowLog({ resourceType: 'VSwitch', resourceId: 'vsw-2' }), enis), [1])
  const one = flowLog({ resourceType: 'NetworkInterface', resourceId: 'eni-c' })
  assert.deepEqual(targetEnis(one, enis), [2])
  assert.deepEqual(targetEnis(flowLog({ resourceId: 'eni-a' }), enis), [])
})

test('"... including those created after the flow log": the ENIs are looked up anew', () => {
  assert.deepEqual(targetEnis(flowLog({}), [...enis, eni('eni-d', 'vsw-9', 'vpc-1')]), [0, 1, 3])
})

test('host ENIs without a topology are of VPC vpc-host', () => {
  const hosts = [hostIdentity('eth0'), hostIdentity('eth1')]
  assert.deepEqual(targetEnis(flowLog({ resourceId: 'vpc-host' }), hosts), [0, 1])
})

interface TestRecord {
  readonly eni?: number
  readonly action?: number
  readonly family?: number
  readonly path?: number
  readonly status?: number
}

/** The rows a flow log keeps of some records; a record is of eni-a, ACCEPT, IPv4 and path 0 unless told. */
function kept(log: RecordFilter, records: readonly TestRecord[]): number[] {
  const batch = new FlowRecordBatch()
  for (const record of records) {
    const row = batch.rows++
    batch.eni[row] = record.eni ?? 0
    batch.action[row] = record.action ?? action.accept
    batch.family[row] = record.family ?? 4
    batch.path[row] = record.path ?? 0
    batch.status[row] = record.status ?? logStatus.ok
  }
  const rows = keptRows()
  return [...rows.subarray(0, keeps(log, enis)(batch, rows))]
}

test('a flow log keeps the records of its own ENIs', () => {
  assert.deepEqual(kept(flowLog({}), [{ eni: 2 }, { eni: 1 }, { eni: 0 }]), [1, 2])
})

test('"Select the type of traffic to capture: traffic that is allowed or rejected by access control rules"', () => {
  const records = [{ action: action.reject }, { action: action.accept }]
  assert.deepEqual(kept(flowLog({ trafficType: 'All' }), records), [0, 1])
  assert.deepEqual(kept(flowLog({ trafficType: 'Allow' }), records), [1])
  assert.deepEqual(kept(flowLog({ trafficType: 'Drop' }), records), [0])
})

test('"Select IPv4 to capture only IPv4 traffic, or select Dual-stack to capture both IPv4 and IPv6 traffic."', () => {
  const records = [{ family: 6 }, { family: 4 }]
  assert.deepEqual(kept(flowLog({ ipVersion: 'IPv4' }), records), [1])
  assert.deepEqual(kept(flowLog({ ipVersion: 'DualStack' }), records), [0, 1])
})

test('"you can capture traffic from only the following network paths": each scope and its codes', () => {
  const every = Array.from({ length: 23 }, (_, path) => ({ path }))
  const codes = (...scope: RecordFilter['scope']): number[] =>
    kept(flowLog({ scope }), [...every, { path: noTrafficPath }])
  assert.deepEqual(codes('all').length, 24)
  assert.deepEqual(codes('ipv4Gateway'), [13])
  assert.deepEqual(codes('natGateway'), [7])
  assert.deepEqual(codes('vpnGateway'), [9])
  assert.deepEqual(codes('transitRouter'), [8])
  assert.deepEqual(codes('gatewayEndpoint'), [6])
  assert.deepEqual(codes('vbr'), [10])
  assert.deepEqual(codes('ecr'), [21])
  assert.deepEqual(codes('gatewayLoadBalancerEndpoint'), [22])
  assert.deepEqual(codes('internetGateway'), [13, 14, 15]) // records.md 64
  assert.deepEqual(codes('vbr', 'internetGateway', 'natGateway'), [7, 10, 13, 14, 15])
})

test('NODATA and SKIPDATA records of its ENIs are always kept', () => {
  const records = [
    { status: logStatus.noData, family: 0, action: action.none, path: noTrafficPath },
    { status: logStatus.skipData, family: 0, action: action.none, path: noTrafficPath },
    { status: logStatus.noData, family: 0, action: action.none, path: noTrafficPath, eni: 2 },
    { action: action.accept },
  ]
  const narrow = flowLog({ trafficType: 'Drop', ipVersion: 'IPv4', scope: ['vbr'] })
  assert.deepEqual(kept(narrow, records), [0, 1])
})

const seconds = (from: number, to: number) => ({
  since: unixSeconds(from),
  until: unixSeconds(to),
})

test('a flow log has the records of every window that it was active in at any moment', () => {
  const windows = [0, 60, 120, 180, 240, 300]
  const dueOf = (flowLog: Parameters<typeof activeIn>[0]): number[] =>
    windows.filter((start) => activeIn(flowLog, { start, seconds: 60 }))
  const startedAt = unixSeconds(119)
  assert.deepEqual(dueOf({ startedAt, earlier: [] }), [60, 120, 180, 240, 300])
  assert.deepEqual(dueOf({ startedAt, stoppedAt: unixSeconds(119), earlier: [] }), [60])
  // Stopped some time in second 180.
  assert.deepEqual(dueOf({ startedAt, stoppedAt: unixSeconds(180), earlier: [] }), [60, 120, 180])
  const earlier = [seconds(10, 20), seconds(130, 130)]
  assert.deepEqual(dueOf({ startedAt: unixSeconds(299), earlier }), [0, 120, 240, 300])
})

test('a window of ten minutes is due to a flow log that was active for a second of it', () => {
  const flowLog = { startedAt: unixSeconds(599), stoppedAt: unixSeconds(599), earlier: [] }
  assert.equal(activeIn(flowLog, { start: 0, seconds: 600 }), true)
  assert.equal(activeIn(flowLog, { start: 600, seconds: 600 }), false)
})
