import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UnixSeconds } from '../base/time.ts'
import { difference } from '../ledger/ledger.ts'
import { type OwnCounts, TapAccount } from './tap-account.ts'
import { type InterfaceReading, nothingRead, type SourceCounters } from './tap-source.ts'

const counters = (frames: number, more: Partial<SourceCounters> = {}): SourceCounters => {
  const readFrames = frames - (more.dropped ?? 0) - (more.filtered ?? 0)
  return { ...nothingRead, frames, readFrames, readBytes: readFrames * 114, ...more }
}

/** The interface counted `frames` of 114 bytes. */
const reading = (frames: number, tap: SourceCounters, opened = 0, exact = true) =>
  ({
    frames,
    bytes: frames * 114,
    drops: 0,
    quiet: exact,
    opened: { frames: opened, bytes: opened * 114, exact },
    tap,
  }) satisfies InterfaceReading

const totals = (frames: number) => ({ frames, packets: frames, bytes: frames * 100 })
const own = (open: number, multicast = 0): OwnCounts => ({
  multicast,
  unassigned: 0,
  open: totals(open),
})
const ended = (frames: number, refused = 0) => ({
  start: 960 as UnixSeconds,
  seconds: 60 as const,
  totals: totals(frames),
  refusedFrames: refused,
  refusedPackets: refused,
})

test('every frame since the tap opened is somewhere; those before it are nobody’s loss', () => {
  const account = TapAccount.begin()
  account.take(reading(1000, counters(0), 1000), own(0))
  account.take(reading(1010, counters(10, { nonIp: 2, malformed: 1 }), 1000), own(6, 1))
  assert.deepEqual(account.amounts(), {
    interface: { frames: 10, bytes: 1140, exact: true },
    frameBytes: 1140,
    records: totals(0),
    open: totals(6),
    multicast: 1,
    nonIp: 2,
    malformed: 1,
    filtered: 0,
    unassigned: 0,
    refused: 0,
    lost: {},
    inRing: 0,
  })
  account.windowEnded(ended(6, 2), { packets: 4, bytes: 400 })
  const dropped = counters(20, { nonIp: 2, malformed: 1, dropped: 3, filtered: 4 })
  account.take(reading(1020, dropped, 1000), own(3, 1))
  const amounts = account.amounts()
  assert.equal(difference(amounts), 0)
  assert.deepEqual(amounts.records, totals(4))
  assert.equal(amounts.refused, 2)
  assert.deepEqual(amounts.lost, { ring: { frames: 3, bytes: 0 } })
})

test('a tap that opened in the middle of traffic finds its base at the first quiet moment', () => {
  const account = TapAccount.begin()
  account.take(reading(1007, counters(2), 1002, false), own(2))
  assert.equal(account.amounts().interface.exact, false)
  account.take(reading(1100, counters(93), 1002, false), own(93))
  account.take(reading(1200, counters(195), 1005), own(195))
  assert.deepEqual(account.amounts().interface, { frames: 195, bytes: 195 * 114, exact: true })
  assert.equal(difference(account.amounts()), 0)
  account.take(reading(1201, counters(195), 1005), own(195))
  assert.equal(difference(account.amounts()), 1, 'a settled account shows what is missing')
})

test('frames that wait in the ring are in it', () => {
  const account = TapAccount.begin()
  account.take(reading(0, counters(0)), own(0))
  account.take(reading(10, counters(10, { readFrames: 4, readBytes: 456 })), own(4))
  assert.equal(account.amounts().inRing, 6)
  assert.equal(difference(account.amounts()), 0)
})

test('after a crash the open windows and what passed meanwhile are one loss, to the frame', () => {
  const account = TapAccount.begin()
  account.take(reading(500, counters(0), 500), own(0))
  account.take(reading(560, counters(60), 500), own(60))
  account.windowEnded(ended(50), { packets: 50, bytes: 5000 })
  account.take(reading(560, counters(60), 500), own(10))
  const noted = structuredClone(account.state)

  const again = TapAccount.resume(noted, totals(10))
  again.beginGap({ reason: 'restart', since: 960, until: 1010 })
  again.take(reading(700, counters(5), 695, false), own(5))
  assert.deepEqual(again.gap, {
    reason: 'restart',
    since: 960,
    until: 1010,
    missed: { frames: 145, bytes: 145 * 114 },
    settled: false,
  })
  again.take(reading(710, counters(14), 696), own(14))
  assert.equal(again.gap!.settled, true)
  assert.deepEqual(again.amounts().lost, { restart: { frames: 146, bytes: 146 * 114 } })
  assert.deepEqual(again.amounts().records, totals(50))
  assert.equal(difference(again.amounts()), 0)
  assert.deepEqual(noted.lost, {}, 'a note is not changed')
})

test('a tap that was closed for a while: its successor counts on', () => {
  const account = TapAccount.begin()
  account.take(reading(0, counters(0)), own(0))
  account.take(reading(10, counters(10, { nonIp: 4 })), own(6))
  account.windowEnded(ended(6), { packets: 6, bytes: 600 })
  account.take(reading(10, counters(10, { nonIp: 4 })), own(0))
  account.endTap()
  account.beginGap({ reason: 'shed', since: 1000, until: 1010 })
  account.take(reading(30, counters(0), 30), own(0))
  account.take(reading(35, counters(5, { nonIp: 1 }), 30), own(4))
  assert.deepEqual(account.amounts().lost, { shed: { frames: 20, bytes: 20 * 114 } })
  assert.equal(account.amounts().nonIp, 5)
  assert.equal(difference(account.amounts()), 0)
})

test('records that the spool refused are lost', () => {
  const account = TapAccount.begin()
  account.take(reading(0, counters(0)), own(0))
  account.take(reading(10, counters(10)), own(10))
  const kept = account.windowEnded(ended(10), { packets: 10, bytes: 1000 })
  account.take(reading(10, counters(10)), own(0))
  account.loseRecords('spoolFull', kept)
  assert.deepEqual(account.amounts().records, totals(0))
  assert.deepEqual(account.amounts().lost, { spoolFull: { frames: 10, bytes: 10 * 114 } })
  assert.equal(difference(account.amounts()), 0)
})

test('packets joined before the tap, and frames dropped behind it, are no difference', () => {
  const account = TapAccount.begin()
  account.take(reading(0, counters(0)), own(0))
  account.take(reading(40, counters(10, { extraPackets: 30 })), own(10))
  assert.equal(difference(account.amounts()), 0)
  assert.equal(account.state.joined, 30)
  account.take({ ...reading(40, counters(14, { extraPackets: 30 })), drops: 4 }, own(14))
  assert.equal(difference(account.amounts()), 0)
  assert.equal(account.state.droppedBehindTap, 4)
  account.take({ ...reading(45, counters(14, { extraPackets: 30 })), drops: 4 }, own(14))
  assert.equal(difference(account.amounts()), 5)
})
