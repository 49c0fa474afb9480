import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { unixSeconds } from '../base/time.ts'
import {
  difference,
  type Ledger,
  type LedgerAmounts,
  LedgerBook,
  type Loss,
  printLedger,
  sumOf,
  unmeasuredBytes,
} from './ledger.ts'

const at = (seconds: number) => unixSeconds(1_767_322_800 + seconds)

/** 1000 frames: 50 MiB of TCP by 878 frames for 36,000 segments, and a little of everything else. */
const amounts: LedgerAmounts = {
  interface: { frames: 1000, bytes: 54_000_000, exact: true },
  frameBytes: 53_990_000,
  records: { frames: 878, packets: 36_000, bytes: 55_000_000 },
  open: { frames: 60, packets: 61, bytes: 6000 },
  multicast: 11,
  nonIp: 7,
  malformed: 1,
  filtered: 9,
  unassigned: 2,
  refused: 3,
  lost: { ring: { frames: 20, bytes: 0 }, restart: { frames: 5, bytes: 4000 } },
  inRing: 4,
}

const ledger = (more: Partial<Ledger> = {}): Ledger => ({
  eni: 'eni-a',
  tap: 'shop/eth0',
  host: 'host-1',
  opening: 'o-1',
  openedAt: at(0),
  asOf: at(60),
  ...amounts,
  ...more,
})

const loss = (from: number, reason: Loss['reason'], more: Partial<Loss> = {}): Loss => ({
  eni: 'eni-a',
  from: at(from),
  to: at(from + 60),
  reason,
  ...more,
})

const newBook = () => new LedgerBook(new DatabaseSync(':memory:'))

test('frames of the interface are in records, left out, lost, in the ring, or the difference', () => {
  assert.equal(difference(amounts), 0)
  const interfaceOf = (frames: number) => ({ ...amounts.interface, frames })
  assert.equal(difference({ ...amounts, interface: interfaceOf(1001) }), 1)
  assert.equal(difference({ ...amounts, interface: interfaceOf(998) }), -2)
  const each = ['multicast', 'nonIp', 'malformed', 'filtered', 'unassigned', 'refused', 'inRing']
  for (const name of each) assert.equal(difference({ ...amounts, [name]: 0 }) > 0, true, name)
  assert.equal(difference({ ...amounts, lost: {} }), 25)
  assert.equal(difference({ ...amounts, open: { frames: 0, packets: 0, bytes: 0 } }), 60)
})

test('bytes that no tap measured are those of dropped and filtered frames', () => {
  assert.equal(unmeasuredBytes(amounts), 54_000_000 - 53_990_000 - 4000)
})

test('sums of ledgers: the difference of a sum is the sum of the differences', () => {
  const other: LedgerAmounts = {
    ...amounts,
    interface: { frames: 1007, bytes: 1, exact: false },
    lost: { ring: { frames: 1, bytes: 0 }, shed: { frames: 24, bytes: 9 } },
  }
  const sum = sumOf([amounts, other])
  assert.equal(difference(other), 7)
  assert.equal(difference(sum), 7)
  assert.deepEqual(sum.interface, { frames: 2007, bytes: 54_000_001, exact: false })
  assert.deepEqual(sum.records, { frames: 1756, packets: 72_000, bytes: 110_000_000 })
  assert.deepEqual(sum.lost, {
    ring: { frames: 21, bytes: 0 },
    restart: { frames: 5, bytes: 4000 },
    shed: { frames: 24, bytes: 9 },
  })
  assert.equal(difference(sumOf([])), 0)
})

test('reports may be repeated and may overtake each other', () => {
  const book = newBook()
  const first = ledger()
  const second = ledger({ asOf: at(120), multicast: 12 })
  book.report(second, [loss(0, 'ring', { frames: 20 }), loss(60, 'restart')])
  book.report(first, [loss(0, 'ring', { frames: 3 })])
  book.report(second, [loss(0, 'ring', { frames: 21, packets: 30 }), loss(60, 'restart')])
  assert.deepEqual(book.ledgers(), [second])
  const of = { host: 'host-1', opening: 'o-1' }
  assert.deepEqual(book.losses(), [
    { ...loss(0, 'ring', { frames: 21, packets: 30 }), ...of },
    { ...loss(60, 'restart'), ...of },
  ])
})

test('ledgers and losses are found by ENI, host and time', () => {
  const book = newBook()
  const b = ledger({ eni: 'eni-b', host: 'host-2' })
  book.report(b, [loss(0, 'sampled', { eni: 'eni-b', factor: 100 })])
  book.report(ledger(), [loss(0, 'ring'), loss(60, 'nflog'), loss(120, 'shed')])
  assert.deepEqual(book.ledgers({ eni: 'eni-b' }), [b])
  assert.deepEqual(book.ledgers({ host: 'host-1' }), [ledger()])
  assert.deepEqual(book.ledgers({ eni: 'eni-a', host: 'host-2' }), [])
  const found = (filter: Parameters<LedgerBook['losses']>[0]) =>
    book.losses(filter).map(({ eni, reason }) => `${eni} ${reason}`)
  assert.deepEqual(found({}), ['eni-a ring', 'eni-b sampled', 'eni-a nflog', 'eni-a shed'])
  assert.deepEqual(found({ eni: 'eni-a', from: at(60), to: at(120) }), ['eni-a nflog'])
  assert.deepEqual(found({ from: at(59), to: at(61) }), [
    'eni-a ring',
    'eni-b sampled',
    'eni-a nflog',
  ])
  assert.deepEqual(found({ from: at(180) }), [])
  assert.equal(book.losses({ eni: 'eni-b' })[0]?.factor, 100)
})

test('old openings are summed up: totals stay, late reports of them change nothing', () => {
  const book = newBook()
  const openings = [0, 100, 200, 300].map((start) =>
    ledger({ opening: `o-${start}`, openedAt: at(start), asOf: at(start + 90) }),
  )
  for (const each of openings) book.report(each, [loss(each.openedAt - at(0), 'ring')])
  const before = book.totals()
  assert.equal(before.get('eni-a')?.records.packets, 144_000)
  book.prune(at(291))
  assert.deepEqual(
    book.ledgers().map(({ opening, openedAt, asOf }) => [opening, openedAt - at(0), asOf - at(0)]),
    [
      ['earlier', 200, 290],
      ['o-300', 300, 390],
    ],
  )
  assert.deepEqual(book.totals(), before)
  assert.deepEqual(
    book.losses().map(({ opening }) => opening),
    ['o-300'],
  )
  book.report(openings[1]!, [loss(100, 'ring')])
  assert.deepEqual(book.totals(), before)
  assert.equal(book.losses().length, 1)

  book.report(ledger({ opening: 'o-400', openedAt: at(400), asOf: at(490) }), [])
  book.prune(at(10_000))
  assert.deepEqual(
    book.ledgers().map(({ opening }) => opening),
    ['earlier', 'o-400'],
  )
  assert.equal(book.totals().get('eni-a')?.records.packets, 180_000)
  book.report(ledger({ opening: 'o-400', openedAt: at(400), asOf: at(500), multicast: 111 }), [])
  assert.equal(book.totals().get('eni-a')?.multicast, 4 * 11 + 111)
})

test('totals stay when a later pruning is of an earlier time: clocks are set back', () => {
  const book = newBook()
  book.report(ledger({ opening: 'o-1', openedAt: at(0), asOf: at(900) }), [])
  book.report(ledger({ opening: 'o-2', openedAt: at(100), asOf: at(190) }), [])
  book.prune(at(1000))
  book.report(ledger({ opening: 'o-3', openedAt: at(200), asOf: at(290) }), [])
  book.prune(at(500))
  assert.deepEqual(
    book.ledgers().map(({ opening, asOf }) => [opening, asOf - at(0)]),
    [
      ['earlier', 900],
      ['o-3', 290],
    ],
  )
  assert.equal(book.totals().get('eni-a')?.records.packets, 108_000)
})

test('an opening in the same second as one that was summed up goes on', () => {
  const book = newBook()
  book.report(ledger({ opening: 'o-1' }), [])
  book.report(ledger({ opening: 'o-2' }), [])
  book.prune(at(1000))
  book.report(ledger({ opening: 'o-2', asOf: at(90), multicast: 50 }), [])
  assert.deepEqual(
    book.ledgers().map(({ opening, multicast }) => [opening, multicast]),
    [
      ['earlier', 11],
      ['o-2', 50],
    ],
  )
})

test('the book is there again on the same file, and two hosts of one ENI are apart', () => {
  const database = new DatabaseSync(':memory:')
  new LedgerBook(database).report(ledger(), [])
  const book = new LedgerBook(database)
  book.report(ledger({ host: 'host-2' }), [])
  assert.deepEqual(
    book.ledgers().map(({ host }) => host),
    ['host-1', 'host-2'],
  )
})

test('the printed account has a line for everything that is not zero', () => {
  const { text, problems } = printLedger(
    [ledger()],
    [loss(0, 'ring', { frames: 20 }), loss(60, 'restart', { frames: 5, packets: 1, bytes: 4000 })],
  )
  assert.equal(
    text,
    `eni-a at host-1 shop/eth0, frames from 2026-01-02T03:00:00Z to 2026-01-02T03:01:00Z
    interface                        1,000  54,000,000 bytes
  = in records                         878  36,000 packets, 55,000,000 bytes
  + in open windows                     60  61 packets, 6,000 bytes
  + multicast                           11
  + not IP                               7
  + malformed                            1
  + of a family not wanted               9
  + of no ENI                            2
  + of flows beyond the limit            3
  + lost: the capture ring was full     20
  + lost: the agent was away             5  4,000 bytes
  + in the ring                          4
    difference                           0  6,000 bytes of the interface were not measured

Lost
  2026-01-02T03:00:00Z to 2026-01-02T03:01:00Z  eni-a  the capture ring was full: 20 frames
  2026-01-02T03:01:00Z to 2026-01-02T03:02:00Z  eni-a  the agent was away: 5 frames, 1 packet, 4,000 bytes
`,
  )
  assert.deepEqual(problems, [])
})

test('a difference is a problem when the reading is exact, and not settled when it is not', () => {
  const interfaceOf = (exact: boolean) => ({ frames: 1002, bytes: 54_000_000, exact })
  const exact = printLedger([ledger({ interface: interfaceOf(true) })], [])
  assert.deepEqual(exact.problems, [
    'eni-a at host-1 shop/eth0: 2 frames of the interface are in no record and no loss',
  ])
  const moving = printLedger(
    [ledger({ interface: interfaceOf(false), frameBytes: 53_996_000 })],
    [],
  )
  assert.deepEqual(moving.problems, [])
  assert.match(
    moving.text,
    /difference +2  not settled: packets passed while the counters were read\n$/,
  )
  assert.equal(printLedger([], []).text, 'No tap has been opened yet.\n')
})
