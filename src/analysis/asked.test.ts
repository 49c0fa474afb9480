/** Which rollup answers: "answers within 1 s on a month of rollups", with totals that stay the same to the byte. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Analyzer,
  changed,
  defaultStorage,
  droppedBy,
  type StorageChange,
} from './analyzer.ts'
import { askedOf, logstoreOf, type NisRequest } from './asked.ts'
import type { TupleKey } from './tuples.ts'

const day = 86_400
/** 2026-11-20T00:00:00Z. */
const now = 1_795_132_800
const analyzer: Analyzer = {
  id: 'nta-0',
  name: '',
  description: '',
  region: 'cn-hangzhou',
  intervalMinutes: 10,
  storage: defaultStorage,
  createdAt: 0,
  changedAt: 0,
}
const request: NisRequest = {
  TrafficAnalyzerId: 'nta-0',
  TrafficScenario: 'VpcFlowLogAll',
  RegionNo: 'cn-hangzhou',
  BeginTime: (now - 20 * day) * 1000,
  EndTime: now * 1000,
  Direction: 'in',
  TupleDimension: 'Tuple5',
  StorageInterval: 10,
  Filter: [{ Key: 'FlowAction', Value: ['ACCEPT'] }],
}

function chosen(
  change: Partial<NisRequest>,
  keys: readonly TupleKey[],
  { step = 0, of = analyzer, at = now }: { step?: number; of?: Analyzer; at?: number } = {},
): string {
  return logstoreOf(askedOf({ ...request, ...change }, of, { now: at }), keys, step, {
    analyzer: of,
    now: at,
  })
}

const longer = (of: Analyzer, storage: StorageChange, at: number): Analyzer => {
  const after = changed(of, { storage })
  return { ...after, dropped: droppedBy(of, after, at) }
}

test('the shortest tuple that has what is grouped by and filtered on, and days where they are whole', () => {
  const port = { Key: 'DestinationPort', Value: ['443'] }
  const pair = { Key: 'SourceIp', Value: ['8.8.8.8'] }
  const [accept] = request.Filter!
  const halfDay = { BeginTime: request.BeginTime + 43_200_000 }
  assert.deepEqual(
    [
      chosen({}, []),
      chosen({}, ['vpc-id', 'eni-id', 'cloud-ip']),
      chosen({}, ['srcaddr']),
      chosen({}, ['dstport']),
      chosen({ Filter: [accept!, pair] }, ['eni-id']),
      chosen({ Filter: [accept!, port] }, []),
      chosen(halfDay, ['eni-id']),
      chosen(halfDay, ['srcaddr', 'protocol']),
      chosen({}, [], { step: 3600 }),
      chosen({}, [], { step: 2 * day }),
    ],
    [
      'tuple1-1440',
      'tuple1-1440',
      'tuple2-1440',
      'tuple5-1440',
      'tuple2-1440',
      'tuple5-1440',
      'tuple1-10',
      'tuple5-10',
      'tuple1-10',
      'tuple1-1440',
    ],
  )
})

test('a rollup that has dropped a part of the time is not taken instead of one that has all', () => {
  const short = changed(analyzer, { storage: { Tuple1: { interval: 5, day: 5 } } })
  assert.equal(chosen({}, [], { of: short }), 'tuple2-1440')
  const shorter = changed(short, { storage: { Tuple2: { day: 5 }, Tuple5: { day: 5 } } })
  assert.equal(chosen({}, [], { of: shorter }), 'tuple2-10')
})

test('what was dropped while storage was shorter does not come back when it is longer', () => {
  const short = changed(analyzer, { storage: { Tuple1: { interval: 5, day: 5 } } })
  const of = longer(short, { Tuple1: { interval: 30, day: 180 } }, now)
  assert.deepEqual(of.dropped, { Tuple1: { interval: now - 5 * day, day: now - 5 * day } })
  assert.equal(chosen({}, [], { of }), 'tuple2-1440')
  assert.equal(chosen({ BeginTime: (now - 4 * day) * 1000 }, [], { of }), 'tuple1-1440')
  assert.throws(() => chosen({ TupleDimension: 'Tuple1' }, [], { of }), {
    code: 'InvalidTimeRange',
    message: /before what is kept/,
  })
  const again = longer(of, { Tuple1: { day: 365 } }, now + day)
  assert.deepEqual(again.dropped, of.dropped)
})
