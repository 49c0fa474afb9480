import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unixSeconds } from '../base/time.ts'
import type { EniIdentity } from '../record/batch.ts'
import {
  capturePlan,
  windowAt,
  windowSchedule,
  windowSecondsOf,
  type FlowLog,
  type Schedule,
} from './flow-log.ts'
import { windowLengths } from './instance.ts'

const flowLog = (more: Partial<FlowLog>): FlowLog => ({
  id: 'fl-1',
  name: '',
  description: '',
  resourceType: 'VPC',
  resourceId: 'vpc-1',
  trafficType: 'All',
  ipVersion: 'DualStack',
  windowSeconds: 600,
  scope: ['all'],
  project: 'p',
  logstore: 'l',
  status: 'Active',
  createdAt: unixSeconds(0),
  changedAt: unixSeconds(0),
  startedAt: unixSeconds(0),
  earlier: [],
  ...more,
})

const eni = (eniId: string, vSwitchId: string, vpcId: string): EniIdentity => ({
  accountId: '-',
  eniId,
  vmId: '-',
  vSwitchId,
  vpcId,
})
const a = eni('eni-a', 'vsw-1', 'vpc-1')
const b = eni('eni-b', 'vsw-2', 'vpc-1')
const c = eni('eni-c', 'vsw-3', 'vpc-2')
const enis = [a, b, c]

test('"the shortest sampling interval among all instances becomes the actual capture period"', () => {
  const wide = flowLog({ windowSeconds: 600 })
  const narrow = flowLog({ resourceType: 'VSwitch', resourceId: 'vsw-1', windowSeconds: 300 })
  const stopped = flowLog({
    resourceType: 'NetworkInterface',
    resourceId: 'eni-a',
    windowSeconds: 60,
    status: 'Inactive',
    stoppedAt: unixSeconds(5),
  })
  assert.deepEqual(capturePlan(enis, [wide, narrow, stopped]), [
    { eni: a, windowSeconds: 300, families: 'both', flowLogs: [wide, narrow, stopped] },
    { eni: b, windowSeconds: 600, families: 'both', flowLogs: [wide] },
  ])
  assert.equal(windowSecondsOf(a, [stopped, narrow, wide]), 300)
  assert.equal(windowSecondsOf(c, [stopped, narrow, wide]), undefined)
})

/** "By default, Alibaba Cloud VPC does not record network logs." */
test('no flow log, or only stopped ones: nothing is captured', () => {
  assert.deepEqual(capturePlan(enis, []), [])
  assert.deepEqual(
    capturePlan(enis, [flowLog({ status: 'Inactive', stoppedAt: unixSeconds(5) })]),
    [],
  )
  assert.deepEqual(capturePlan([], [flowLog({})]), [])
})

test('"Select IPv4 to capture only IPv4 traffic": IPv4 alone when every flow log on the ENI wants it alone', () => {
  const four = flowLog({ ipVersion: 'IPv4' })
  const both = flowLog({ resourceType: 'VSwitch', resourceId: 'vsw-2' })
  const families = (...flowLogs: FlowLog[]) =>
    capturePlan(enis, flowLogs).map((plan) => [plan.eni.eniId, plan.families])
  assert.deepEqual(families(four, both), [
    ['eni-a', 'ipv4'],
    ['eni-b', 'both'],
  ])
  assert.deepEqual(families(four, { ...both, status: 'Inactive' }), [
    ['eni-a', 'ipv4'],
    ['eni-b', 'ipv4'],
  ])
})

test('"including those created after the flow log": a new ENI is in the next plan', () => {
  const later = eni('eni-d', 'vsw-9', 'vpc-1')
  assert.deepEqual(
    capturePlan([...enis, later], [flowLog({})]).map((plan) => plan.eni.eniId),
    ['eni-a', 'eni-b', 'eni-d'],
  )
})

const at = (schedule: Schedule | undefined, seconds: 60 | 300 | 600, now: number): Schedule =>
  windowSchedule(schedule, seconds, unixSeconds(now))

test('the first length is in force since ever', () => {
  const schedule = at(undefined, 300, 1_700_000_123)
  assert.deepEqual(schedule, [{ from: 0, seconds: 300 }])
  assert.deepEqual(windowAt(schedule, 0), { start: 0, seconds: 300 })
  assert.deepEqual(windowAt(schedule, 1_700_000_123), { start: 1_700_000_100, seconds: 300 })
})

test('a new length begins at the next multiple of the longer one', () => {
  const minute = at(undefined, 60, 0)
  assert.deepEqual(at(minute, 600, 1), [
    { from: 0, seconds: 60 },
    { from: 600, seconds: 600 },
  ])
  const wide = at(minute, 600, 599)
  assert.deepEqual(windowAt(wide, 599), { start: 540, seconds: 60 })
  assert.deepEqual(windowAt(wide, 600), { start: 600, seconds: 600 })
  assert.deepEqual(
    at(minute, 600, 600).at(-1),
    { from: 1200, seconds: 600 },
    'window 600..660 may have begun',
  )
  assert.deepEqual(at(wide, 60, 700), [...wide, { from: 1200, seconds: 60 }])
})

test('the same length changes nothing, and a length that never began is given up', () => {
  const minute = at(undefined, 60, 0)
  assert.deepEqual(at(minute, 60, 90), minute)
  const pending = at(minute, 600, 90)
  assert.deepEqual(at(pending, 600, 91), pending)
  assert.deepEqual(at(pending, 60, 91), minute)
  assert.deepEqual(at(pending, 300, 91), [
    { from: 0, seconds: 60 },
    { from: 300, seconds: 300 },
  ])
})

test('lengths of long ago are forgotten', () => {
  let schedule = at(undefined, 60, 0)
  for (let hour = 1; hour <= 100; hour++)
    schedule = at(schedule, hour % 2 === 0 ? 60 : 600, hour * 3600)
  assert.deepEqual(schedule, [
    { from: 98 * 3600 + 600, seconds: 60 },
    { from: 99 * 3600 + 600, seconds: 600 },
    { from: 100 * 3600 + 600, seconds: 60 },
  ])
})

const long = process.env['WEIR_LONG'] === '1'
const seed = Number(process.env['WEIR_SEED'] ?? (long ? Date.now() % 1_000_000 : 7))
const rounds = long ? 20_000 : 500

/** mulberry32 */
function generator(start: number): (below: number) => number {
  let state = start
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

test('whatever changes when: windows tile time, aligned, and no packet changes its window', () => {
  const random = generator(seed)
  for (let round = 0; round < rounds; round++) {
    const where = `seed ${seed}, round ${round}`
    const pick = () => windowLengths[random(windowLengths.length)]!
    let now = random(100_000)
    const begun = now
    let schedule = at(undefined, pick(), now)
    for (let change = 0; change < 12; change++) {
      now += random(3) === 0 ? random(2_000) : random(90)
      const wanted = pick()
      const next = at(schedule, wanted, now)
      // The window of now and those before it are as they were.
      const { start, seconds } = windowAt(schedule, now)
      for (
        let second = Math.max(begun, now - 3000);
        second < start + seconds;
        second += 1 + random(40)
      )
        assert.deepEqual(windowAt(next, second), windowAt(schedule, second), where)
      // The wanted length is in force after at most one window of the longer of the two.
      const longer = Math.max(windowAt(schedule, now).seconds, wanted)
      const from = Math.floor(now / longer) * longer + longer
      assert.equal(windowAt(next, from).seconds, wanted, where)
      schedule = next
    }
    let second: number = windowAt(schedule, Math.max(0, begun - 1000)).start
    while (second < now + 2_000) {
      const { start, seconds } = windowAt(schedule, second)
      assert.equal(start, second, where)
      assert.equal(start % seconds, 0, where)
      assert.deepEqual(windowAt(schedule, start + seconds - 1), { start, seconds }, where)
      second += seconds
    }
  }
})
