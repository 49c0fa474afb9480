/** Capture at one ENI over minutes and hours, with an interface and a clock that the test drives. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flowLogOf, ScriptedCapture, ScriptedInterface } from '../../test/scripted-tap.ts'
import type { UnixSeconds } from '../base/time.ts'
import type { FlowLog } from '../flow-log/flow-log.ts'
import { difference, type Ledger, lostFrames } from '../ledger/ledger.ts'
import { Random } from '../sample/random.ts'
import type { TapNote } from './tap-note.ts'

const start = 1_700_000_120 // 20 s into a minute

const balanced = ({ ledger }: TapNote): Ledger => {
  assert.equal(difference(ledger), 0)
  assert.equal(ledger.interface.exact, true)
  return ledger
}

/** Sends `perSecond` packets in each second from `from` to before `to`, and lets the clock tick. */
function run(
  capture: ScriptedCapture,
  at: ScriptedInterface,
  from: number,
  to: number,
  perSecond = 1,
): void {
  for (let now = from; now < to; now++) {
    capture.tick(now)
    at.pass(now, perSecond)
  }
  capture.tick(to)
}

interface Ordered {
  readonly flowLog: FlowLog
  /** First and last second, both included. */
  readonly periods: { since: number; until: number }[]
}

const lengths = [60, 300, 600] as const

/** Flow logs as a customer changes them: created, modified, stopped, started, deleted, at whole seconds. */
class Customer {
  readonly all = new Map<string, Ordered>()
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
    this.#put(flowLogOf('always', { windowSeconds: 300, startedAt: start as UnixSeconds }), start)
  }

  get flowLogs(): FlowLog[] {
    return [...this.all.values()].map(({ flowLog }) => flowLog)
  }

  change(now: number): void {
    const ids = [...this.all.keys()]
    const id = ids[this.#random.whole(0, ids.length - 1)]!
    const { flowLog, periods } = this.all.get(id)!
    const windowSeconds = lengths[this.#random.whole(0, 2)]!
    const second = now as UnixSeconds
    const what = this.#random.whole(0, 3)
    if (what === 0 && this.all.size < 6) {
      const made = `fl-${this.all.size}`
      this.#put(flowLogOf(made, { windowSeconds, startedAt: second }), now)
    } else if (what === 1) this.all.set(id, { flowLog: { ...flowLog, windowSeconds }, periods })
    else if (id === 'always') return
    else if (flowLog.status === 'Active') {
      periods.at(-1)!.until = now
      const stopped = { ...flowLog, status: 'Inactive', stoppedAt: second } as const
      this.all.set(id, { flowLog: stopped, periods })
    } else {
      periods.push({ since: now, until: Number.POSITIVE_INFINITY })
      const { stoppedAt, startedAt, earlier, ...rest } = flowLog
      const ended = { since: startedAt, until: stoppedAt! }
      const started = { ...rest, status: 'Active', startedAt: second } as const
      this.all.set(id, { flowLog: { ...started, earlier: [...earlier, ended] }, periods })
    }
  }

  #put(flowLog: FlowLog, since: number): void {
    const periods = [{ since, until: Number.POSITIVE_INFINITY }]
    this.all.set(flowLog.id, { flowLog, periods })
  }
}

const parsed = (line: string): { start: number; end: number; status: string; packets: number } => {
  const [, from, seconds, status, packets] = /^(\d+)\+(\d+) (\w+)(?: (\d+))?$/.exec(line)!
  return {
    start: Number(from),
    end: Number(from) + Number(seconds),
    status: status!,
    packets: Number(packets ?? 0),
  }
}

test('changing flow logs while running neither loses nor doubles a packet', (t) => {
  const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`seed ${seed}`)
  const random = new Random(seed)
  const customer = new Customer(random)
  const at = new ScriptedInterface()
  const capture = new ScriptedCapture({ at, now: start, flowLogs: customer.flowLogs })
  const hours = process.env['WEIR_LONG'] === '1' ? 200 : 8
  const sent = new Map<number, number>()
  const end = start + hours * 3600
  for (let now = start; now < end; now++) {
    capture.tick(now)
    if (random.whole(0, 90) === 0) {
      customer.change(now)
      capture.order(customer.flowLogs, now)
    }
    const packets = random.whole(1, 3) // a packet each second, so that a window begins with one
    at.pass(now, packets)
    sent.set(now, packets)
  }
  const ledger = balanced(capture.stop(end))
  const total = [...sent.values()].reduce((sum, each) => sum + each, 0)
  assert.equal(ledger.records.packets, total)
  assert.deepEqual(ledger.lost, {})

  const windows = capture.recordsOf('always').map(parsed)
  assert.equal(windows[0]!.start, start)
  for (const [i, window] of windows.entries()) {
    assert.equal(window.status, 'OK')
    assert.equal(window.start, i === 0 ? start : windows[i - 1]!.end, 'windows tile time')
    if (i > 0) assert.ok(lengths.some((length) => length === window.end - window.start))
    let packets = 0
    for (let second = window.start; second < window.end; second++) packets += sent.get(second) ?? 0
    assert.equal(window.packets, packets, `window ${window.start} has its packets, each once`)
  }
  // "a flow log has the records of every window that it was active in at any moment"
  for (const [id, { periods }] of customer.all)
    assert.deepEqual(
      capture.recordsOf(id).map(parsed),
      windows.filter((window) =>
        periods.some(({ since, until }) => since < window.end && until >= window.start),
      ),
      id,
    )
})

test('windows of 60 s, then 300, then 60: each length begins at a bound of both', () => {
  const at = new ScriptedInterface()
  const begin = 1_700_000_400 // a bound of 60, 300 and 600
  const always = flowLogOf('always', { windowSeconds: 60 })
  const capture = new ScriptedCapture({ at, now: begin, flowLogs: [always] })
  run(capture, at, begin, begin + 90)
  capture.order([{ ...always, windowSeconds: 300 }], begin + 90)
  run(capture, at, begin + 90, begin + 700)
  capture.order([always], begin + 700)
  run(capture, at, begin + 700, begin + 963)
  assert.deepEqual(capture.recordsOf('always'), [
    ...[0, 60, 120, 180, 240].map((second) => `${begin + second}+60 OK 60`),
    `${begin + 300}+300 OK 300`,
    `${begin + 600}+300 OK 300`,
    `${begin + 900}+60 OK 60`,
  ])
})

test('the IP version changes: what nobody wants is counted as filtered, the rest is recorded', () => {
  const at = new ScriptedInterface()
  const flowLog = flowLogOf('always')
  const capture = new ScriptedCapture({ at, now: start, flowLogs: [flowLog] })
  const both = (now: number): void => {
    capture.tick(now)
    at.pass(now, 10)
    at.pass(now, 7, { ipv6: true })
  }
  both(start)
  capture.order([{ ...flowLog, ipVersion: 'IPv4' }], start)
  both(start + 1)
  capture.order([flowLog], start + 1)
  both(start + 2)
  const ledger = balanced(capture.stop(start + 3))
  assert.equal(ledger.interface.frames, 51)
  // What waited in the ring when the order came was wanted when it passed, and is of a family left out now.
  assert.equal(ledger.filtered, 7)
  assert.equal(ledger.records.frames, 44)
})

test('an idle ENI has a NODATA record for each whole window', () => {
  const at = new ScriptedInterface()
  const capture = new ScriptedCapture({ at, now: start, flowLogs: [flowLogOf('always')] })
  run(capture, at, start, start + 170, 0)
  assert.deepEqual(capture.recordsOf('always'), [
    `${start + 40}+60 NODATA`,
    `${start + 100}+60 NODATA`,
  ])
})

test('what passed between two captures of a wanted ENI is a loss, of an unwanted one it is not', () => {
  for (const ordered of [true, false]) {
    const at = new ScriptedInterface()
    const flowLogs = [flowLogOf('always')]
    const first = new ScriptedCapture({ at, now: start, flowLogs })
    run(first, at, start, start + 10, 5)
    const note = first.stop(start + 10, { ordered })
    at.pass(start + 15, 33)
    const second = new ScriptedCapture({ at, now: start + 200, flowLogs, note })
    run(second, at, start + 200, start + 210, 3)
    const ended = second.stop(start + 210)
    const ledger = balanced(ended)
    if (ordered) {
      assert.deepEqual(ledger.lost, { restart: { frames: 33, bytes: 33 * 114 } })
      assert.equal(ledger.interface.frames, 50 + 33 + 30)
      assert.equal(ledger.opening, note.ledger.opening)
      assert.deepEqual(
        second.recordsOf('always').filter((line) => line.includes('SKIPDATA')),
        [-20, 40, 100, 160].map((second) => `${start + second}+60 SKIPDATA`),
      )
    } else {
      assert.deepEqual(ledger.lost, {})
      assert.equal(ledger.interface.frames, 30)
      assert.deepEqual(ended.earlier, [note.ledger])
      assert.equal(balanced(note).records.frames, 50)
      assert.deepEqual(second.recordsOf('always'), [`${start + 200}+20 OK 30`])
      assert.deepEqual(ended.losses, [])
    }
  }
})

test('an interface goes in the middle of traffic: what the tap saw counts, and its successor begins anew', () => {
  const at = new ScriptedInterface()
  const flowLogs = [flowLogOf('always')]
  const first = new ScriptedCapture({ at, now: start, flowLogs })
  run(first, at, start, start + 5, 10)
  at.gone = true
  at.pass(start + 5, 4) // counted by nobody but the tap
  const note = first.stop(start + 5, { source: 'gone' })
  assert.deepEqual(
    [note.ledger.interface, difference(note.ledger), note.ledger.records.frames],
    [{ frames: 54, bytes: 54 * 114, exact: false }, 0, 54],
  )
  assert.deepEqual(first.recordsOf('always'), [`${start}+40 OK 54`])
  const back = new ScriptedInterface()
  back.pass(start + 8, 2) // before it is captured
  const second = new ScriptedCapture({ at: back, now: start + 9, flowLogs, note, index: 2 })
  run(second, back, start + 9, start + 12, 10)
  const ended = second.stop(start + 12)
  assert.equal(balanced(ended).interface.frames, 30)
  assert.deepEqual(ended.earlier, [note.ledger])
  assert.notEqual(ended.ledger.opening, note.ledger.opening)
})

test('a full spool: what it refuses is counted, and said as soon as there is room again', () => {
  const at = new ScriptedInterface()
  const flowLogs = [flowLogOf('always')]
  const begin = start + 40 // the start of a window
  const capture = new ScriptedCapture({ at, now: begin, flowLogs })
  run(capture, at, begin, begin + 63, 5)
  capture.keeps = false
  run(capture, at, begin + 63, begin + 183, 5)
  capture.keeps = true
  run(capture, at, begin + 183, begin + 243, 5)
  assert.deepEqual(capture.recordsOf('always'), [
    `${begin}+60 OK 300`,
    `${begin + 60}+60 SKIPDATA`,
    `${begin + 120}+60 SKIPDATA`,
    `${begin + 180}+60 OK 300`,
  ])
  const note = capture.stop(begin + 243)
  const ledger = balanced(note)
  assert.deepEqual(ledger.lost, { spoolFull: { frames: 600, bytes: 600 * 114 } })
  assert.equal(ledger.records.packets + lostFrames(ledger), 5 * 243)
  const lost = { eni: 'eni-1', opening: ledger.opening, reason: 'spoolFull' }
  const window = { frames: 300, packets: 300, bytes: 30_000 }
  assert.deepEqual(note.losses, [
    { ...lost, from: begin + 60, to: begin + 120, ...window },
    { ...lost, from: begin + 120, to: begin + 180, ...window },
  ])
})

test('a spool that stays full to the end: the next capture says what was refused', () => {
  const at = new ScriptedInterface()
  const flowLogs = [flowLogOf('always')]
  const begin = start + 40
  const first = new ScriptedCapture({ at, now: begin, flowLogs })
  first.keeps = false
  run(first, at, begin, begin + 70, 5)
  const note = first.stop(begin + 70)
  assert.deepEqual(first.recordsOf('always'), [])
  const second = new ScriptedCapture({ at, now: begin + 300, flowLogs, note })
  run(second, at, begin + 300, begin + 310, 5)
  const ledger = balanced(second.stop(begin + 310))
  assert.deepEqual(second.recordsOf('always'), [
    `${begin}+60 SKIPDATA`,
    `${begin + 60}+60 SKIPDATA`,
    `${begin + 300}+60 OK 50`,
  ])
  assert.equal(ledger.records.packets + lostFrames(ledger), 400)
})

test('an ENI that is shed: what passed meanwhile is lost to the frame, and its windows say so', () => {
  const at = new ScriptedInterface()
  const begin = start + 40
  const capture = new ScriptedCapture({ at, now: begin, flowLogs: [flowLogOf('always')] })
  run(capture, at, begin, begin + 50, 2)
  capture.shed(begin + 50)
  run(capture, at, begin + 50, begin + 130, 2)
  capture.open(begin + 130)
  run(capture, at, begin + 130, begin + 243, 2)
  assert.deepEqual(capture.recordsOf('always'), [
    `${begin}+60 OK 100`,
    `${begin}+60 SKIPDATA`,
    `${begin + 60}+60 SKIPDATA`,
    `${begin + 130}+50 OK 100`,
    `${begin + 120}+60 SKIPDATA`,
    `${begin + 180}+60 OK 120`,
  ])
  const ledger = balanced(capture.stop(begin + 243))
  assert.deepEqual(ledger.lost, { shed: { frames: 160, bytes: 160 * 114 } })
  assert.equal(ledger.records.packets + lostFrames(ledger), 2 * 243)
})

test('a ring that was full: the loss has its seconds, and its window says SKIPDATA', () => {
  const at = new ScriptedInterface()
  const begin = start + 40
  const capture = new ScriptedCapture({ at, now: begin, flowLogs: [flowLogOf('always')] })
  run(capture, at, begin, begin + 30, 2)
  capture.source!.roomFrames = 5
  at.pass(begin + 30, 100)
  capture.tick(begin + 31)
  run(capture, at, begin + 31, begin + 63, 2)
  const note = capture.stop(begin + 63)
  assert.deepEqual(balanced(note).lost, { ring: { frames: 95, bytes: 0 } })
  assert.deepEqual(note.losses, [
    {
      eni: 'eni-1',
      opening: note.ledger.opening,
      reason: 'ring',
      from: begin + 30,
      to: begin + 31,
      frames: 95,
    },
  ])
  assert.deepEqual(capture.recordsOf('always'), [
    `${begin}+60 OK 123`,
    `${begin}+60 SKIPDATA`,
    `${begin + 60}+60 OK 6`,
  ])
})

test('after a crash windows of another length do not reach back over what was told', () => {
  const at = new ScriptedInterface()
  const begin = 1_700_000_400 // a bound of ten minutes
  const flowLog = flowLogOf('always')
  const first = new ScriptedCapture({ at, now: begin, flowLogs: [flowLog] })
  run(first, at, begin, begin + 75, 2)
  const note = first.kept // and then it is killed
  const longer = [{ ...flowLog, windowSeconds: 300 as const }]
  const second = new ScriptedCapture({ at, now: begin + 80, flowLogs: longer, note })
  run(second, at, begin + 80, begin + 303, 2)
  assert.deepEqual(
    [...first.recordsOf('always'), ...second.recordsOf('always')],
    [
      `${begin}+60 OK 120`,
      `${begin + 80}+40 OK 80`,
      `${begin + 60}+60 SKIPDATA`,
      `${begin + 120}+60 OK 120`,
      `${begin + 180}+60 OK 120`,
      `${begin + 240}+60 OK 120`,
    ],
  )
  const ledger = balanced(second.stop(begin + 303))
  assert.deepEqual(ledger.lost, { restart: { frames: 30, bytes: 30 * 114 } })
  assert.equal(ledger.records.packets + lostFrames(ledger), 150 + 2 * 223)
})
