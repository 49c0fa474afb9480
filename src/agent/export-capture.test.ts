import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Flow5, netflow5Message, sentUptime } from '../../test/flow-messages.ts'
import { unixSeconds } from '../base/time.ts'
import { decodeParcel } from '../delivery/spool-entry.ts'
import type { FlowLog } from '../flow-log/flow-log.ts'
import { difference } from '../ledger/ledger.ts'
import { PacketBatch } from '../packet/packet.ts'
import type { FlowReceiverCounters } from '../sources/sources.ts'
import { FlowDecoder } from '../sources/flow-export/flow-decoder.ts'
import { parseTopology, topologyAssigner } from '../vpc/vpc.ts'
import { ExportCapture } from './export-capture.ts'
import type { ExportMessage, ExportNote, ExportPlan } from './export-messages.ts'
import { exportPlaces } from './export-place.ts'

/** A bound of all window lengths. */
const t0 = 1_700_000_400
const lateSeconds = 90
const router = '192.0.2.1'

const topology = await parseTopology(
  `vpcs: [{ id: vpc-1, cidrs: [10.0.0.0/16] }]
vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24] }]
enis:
  - { id: eni-a, vSwitch: vsw-1, privateIps: [10.0.0.1], tap: { exporter: ${router}, ifIndex: 1 } }
  - { id: eni-b, vSwitch: vsw-1, privateIps: [10.0.0.2], tap: { exporter: ${router}, ifIndex: 2 } }
  - { id: eni-c, vSwitch: vsw-1, privateIps: [10.0.0.3], tap: { exporter: 192.0.2.9, ifIndex: 1 } }
`,
  'vpc.yaml',
)

const flowLog: FlowLog = {
  id: 'fl-1',
  name: '',
  description: '',
  resourceType: 'VPC',
  resourceId: 'vpc-1',
  trafficType: 'All',
  ipVersion: 'DualStack',
  windowSeconds: 60,
  scope: ['all'],
  project: 'p',
  logstore: 'l',
  status: 'Active',
  createdAt: unixSeconds(0),
  changedAt: unixSeconds(0),
  startedAt: unixSeconds(0),
  earlier: [],
}

type Closed = Extract<ExportMessage, { kind: 'closed' }>
type Lengths = Readonly<Record<string, 60 | 300 | 600>>

const plansOf = (lengths: Lengths): ExportPlan[] =>
  exportPlaces(topology).flatMap((place): ExportPlan[] => {
    const windowSeconds = lengths[place.eni.eniId]
    if (windowSeconds === undefined) return []
    return [{ place, windowSeconds, families: 'both', flowLogs: [flowLog] }]
  })

/** A capture thread without the thread: a router's datagrams in, lines of records out, by a clock of its own. */
class Receiver {
  now = t0
  readonly capture: ExportCapture
  readonly #decoder: FlowDecoder
  readonly #batch = new PacketBatch()
  #sequence = 0
  #said: Closed[] = []
  /** Whether the spool has room. */
  hasRoom = true
  socketDrops = 0

  private constructor(capture: ExportCapture) {
    this.capture = capture
    this.#decoder = new FlowDecoder({
      isTap: (address, ifIndex) => capture.isTap(address, ifIndex),
      addInterface: (index, from) => capture.addInterface(index, from),
      get windowSeconds() {
        return capture.windowSeconds
      },
    })
  }

  static async start(lengths: Lengths, now = t0, note?: ExportNote): Promise<Receiver> {
    const config = { listen: '::', port: 2055, lateSeconds }
    const plans = plansOf(lengths)
    const task = { agent: '', config, topology, plans, note }
    const assigner = await topologyAssigner(topology)
    const said: Closed[] = []
    const capture = new ExportCapture(task, assigner, unixSeconds(now), (message) => {
      if (message.kind === 'closed') said.push(message)
    })
    const receiver = new Receiver(capture)
    receiver.#said = said
    receiver.now = now
    return receiver
  }

  /** A flow of eni-a or eni-b that began at a second and is told now. */
  flow(eni: 'a' | 'b', began: number, more: Partial<Flow5> = {}): void {
    const interfaces = eni === 'a' ? { input: 1, output: 9 } : { input: 2, output: 9 }
    const first = sentUptime + (began - t0) * 1000
    const source = eni === 'a' ? '10.0.0.1' : '10.0.0.2'
    const flow = { source, destination: '203.0.113.9', first, packets: 10, bytes: 1000 }
    this.datagram([{ ...flow, ...interfaces, ...more }])
  }

  datagram(flows: readonly Flow5[], second = this.now): void {
    const uptime = sentUptime + (second - t0) * 1000
    const message = netflow5Message({ sequence: this.#sequence, second, uptime }, flows)
    this.#sequence += flows.length
    this.#decoder.take(message, router, 9999, this.now * 1000)
    this.#batch.rows = 0
    this.#decoder.giveInto(this.#batch)
    this.capture.add(this.#batch, unixSeconds(this.now))
  }

  /** Datagrams with so many flows never came. */
  loseFlows(count: number): void {
    this.#sequence += count
  }

  /** The clock goes on to this second; the records that were made. */
  until(now: number): string[] {
    this.now = now
    this.#look(now * 1000)
    this.capture.tick(unixSeconds(now))
    return this.#taken()
  }

  stop(ordered = true): string[] {
    this.#look(Number.POSITIVE_INFINITY)
    this.capture.stop(unixSeconds(this.now), ordered)
    return this.#taken()
  }

  #look(decodedUntil: number): void {
    const counters = {
      ...this.#decoder.counters,
      socketDrops: this.socketDrops,
    } as FlowReceiverCounters
    const losses = this.#decoder.takeLosses(decodedUntil)
    this.capture.look(losses, counters, unixSeconds(this.now))
  }

  #taken(): string[] {
    const lines = this.#said.splice(0).flatMap(({ closing, parcels }) => {
      this.capture.answer(closing, this.hasRoom)
      return this.hasRoom ? parcels.flatMap(linesOf) : []
    })
    const { port, accounts } = this.capture.note()
    for (const ledger of [port, ...accounts.map((each) => each.ledger)])
      assert.equal(difference(ledger), 0, ledger.eni)
    return lines.sort()
  }

  ledger(eni: string) {
    return this.capture.note().accounts.find(({ ledger }) => ledger.eni === eni)!.ledger
  }
}

/** `eni-a NODATA +0..+60`, or `eni-a out 10p +5..+60`. */
function linesOf(parcel: Closed['parcels'][number]): string[] {
  const { batch } = decodeParcel({ ...parcel, batch: Buffer.from(parcel.batch) })
  const value = (name: string, row: number): string | number => {
    const column = batch.columns.get(name)!
    return column.kind === 'integer'
      ? column.values[row]!
      : (column.dictionary[column.codes[row]! - 1] ?? '-')
  }
  return Array.from({ length: batch.rows }, (_, row) => {
    const about =
      value('log-status', row) === 'OK'
        ? `${value('direction', row)} ${value('packets', row)}p`
        : value('log-status', row)
    const [start, end] = [Number(value('start', row)) - t0, Number(value('end', row)) - t0]
    return `${value('eni-id', row)} ${about} ${start}..${end}`
  })
}

test('ENIs of different window lengths; NODATA only when flows have had time to come', async () => {
  const receiver = await Receiver.start({ 'eni-a': 60, 'eni-b': 600, 'eni-c': 60 })
  receiver.now = t0 + 30
  receiver.flow('a', t0 + 5)
  receiver.flow('b', t0 + 6)
  receiver.now = t0 + 148
  receiver.flow('a', t0 + 59, { ports: [1, 2] })
  assert.deepEqual(receiver.until(t0 + 149), [])
  assert.deepEqual(receiver.until(t0 + 150), ['eni-a out 10p 5..60', 'eni-a out 10p 59..60'])
  assert.deepEqual(receiver.until(t0 + 209), [])
  // The router of eni-c was never heard: nobody can say that it was silent.
  assert.deepEqual(receiver.until(t0 + 210), ['eni-a NODATA 60..120'])
  receiver.now = t0 + 640
  receiver.flow('b', t0 + 599)
  const minutes = Array.from(
    { length: 8 },
    (_, i) => `eni-a NODATA ${i * 60 + 120}..${i * 60 + 180}`,
  )
  assert.deepEqual(receiver.until(t0 + 690), [...minutes, 'eni-b out 20p 6..600'].sort())
  assert.deepEqual(receiver.ledger('eni-b').records, { frames: 2, packets: 20, bytes: 2000 })
})

test('a gap reaches back to windows that were told of before, each once', async () => {
  const receiver = await Receiver.start({ 'eni-a': 60, 'eni-b': 60, 'eni-c': 60 })
  receiver.now = t0 + 290
  // This router tells of its flows after 200 s.
  receiver.flow('a', t0 + 90)
  const before = receiver.until(t0 + 300)
  assert.ok(before.includes('eni-b NODATA 120..180'), before.join())
  receiver.loseFlows(3)
  receiver.flow('a', t0 + 250)
  const skipped = (eni: string, from: number, to: number): string[] =>
    Array.from(
      { length: (to - from) / 60 },
      (_, i) => `${eni} SKIPDATA ${from + i * 60}..${from + i * 60 + 60}`,
    )
  const found = receiver.until(t0 + 310)
  // From 290 - 200 on.
  const told = [...skipped('eni-a', 60, 180), ...skipped('eni-b', 60, 180)]
  assert.deepEqual(
    found.filter((line) => line.includes('SKIPDATA')),
    told.sort(),
  )
  assert.deepEqual(
    receiver.until(t0 + 480).filter((line) => line.includes('SKIPDATA')),
    [...skipped('eni-a', 180, 360), ...skipped('eni-b', 180, 360)].sort(),
  )
  const { port, losses } = receiver.capture.note()
  assert.deepEqual(port.lost, { exporterGap: { frames: 3, bytes: 0 } })
  assert.deepEqual(
    losses.map(({ eni, reason, frames }) => [eni, reason, frames]),
    [
      ['eni-a', 'exporterGap', undefined],
      ['eni-b', 'exporterGap', undefined],
      ['-', 'exporterGap', 3],
    ],
  )
})

test('a length that changes begins at a bound of both, and no flow is in two windows', async () => {
  const receiver = await Receiver.start({ 'eni-a': 600 })
  receiver.now = t0 + 100
  receiver.flow('a', t0 + 99)
  receiver.capture.change(plansOf({ 'eni-a': 60 }), undefined, unixSeconds(receiver.now))
  receiver.now = t0 + 640
  receiver.flow('a', t0 + 599)
  receiver.flow('a', t0 + 600)
  assert.deepEqual(receiver.until(t0 + 690), ['eni-a out 20p 99..600'])
  assert.deepEqual(receiver.until(t0 + 750), ['eni-a out 10p 600..660'])
  assert.deepEqual(receiver.until(t0 + 810), ['eni-a NODATA 660..720'])
  assert.deepEqual(receiver.ledger('eni-a').records, { frames: 3, packets: 30, bytes: 3000 })
})

test('a window that the spool refuses is lost, and says SKIPDATA when there is room', async () => {
  const receiver = await Receiver.start({ 'eni-a': 60 })
  receiver.now = t0 + 30
  receiver.flow('a', t0 + 5)
  receiver.hasRoom = false
  assert.deepEqual(receiver.until(t0 + 150), [])
  assert.deepEqual(receiver.ledger('eni-a').lost, { spoolFull: { frames: 1, bytes: 1000 } })
  receiver.hasRoom = true
  assert.deepEqual(receiver.until(t0 + 155), [])
  assert.deepEqual(receiver.until(t0 + 160), ['eni-a SKIPDATA 0..60'])
  assert.deepEqual(
    receiver.capture.note().losses.map(({ reason, frames }) => [reason, frames]),
    [['spoolFull', 1]],
  )
})

test('after a restart, the windows that routers may have told of meanwhile are not whole', async () => {
  const killed = await Receiver.start({ 'eni-a': 60 })
  killed.now = t0 + 390
  killed.flow('a', t0 + 385)
  killed.until(t0 + 400)
  const note = killed.capture.note()
  assert.equal(note.openSince, t0 + 360)
  const receiver = await Receiver.start({ 'eni-a': 60 }, t0 + 500, note)
  receiver.flow('a', t0 + 499)
  // 400 less 90 s on, in which flows were under way that nobody heard of.
  assert.deepEqual(receiver.until(t0 + 570), [
    'eni-a SKIPDATA 300..360',
    'eni-a SKIPDATA 360..420',
    'eni-a SKIPDATA 420..480',
  ])
  assert.deepEqual(receiver.until(t0 + 630), ['eni-a SKIPDATA 480..540', 'eni-a out 10p 499..540'])
  const ledger = receiver.ledger('eni-a')
  assert.deepEqual(ledger.lost, { restart: { frames: 1, bytes: 1000 } })
  assert.deepEqual(ledger.interface.frames, 2)
})

test('an ENI that no flow log is about any more closes its windows and is then forgotten', async () => {
  const receiver = await Receiver.start({ 'eni-a': 60, 'eni-b': 60 })
  receiver.until(t0 + 70)
  receiver.flow('a', t0 + 65)
  receiver.flow('b', t0 + 65)
  receiver.capture.change(plansOf({ 'eni-b': 60 }), undefined, unixSeconds(receiver.now))
  receiver.flow('a', t0 + 66)
  assert.equal(receiver.capture.note().port.unassigned, 0)
  receiver.until(t0 + 71)
  assert.equal(receiver.capture.note().port.unassigned, 1)
  assert.deepEqual(receiver.until(t0 + 210), ['eni-a out 10p 65..120', 'eni-b out 10p 65..120'])
  receiver.until(t0 + 300)
  const ordered = receiver.capture.note().accounts.map((each) => [each.ledger.eni, each.ordered])
  assert.deepEqual(ordered, [
    ['eni-a', false],
    ['eni-b', true],
  ])
})

test('a router whose clock is ahead: its flows count when they came', async () => {
  const receiver = await Receiver.start({ 'eni-a': 60 })
  receiver.now = t0 + 30
  const first = sentUptime + 86_400_000
  const flow = { source: '10.0.0.1', destination: '203.0.113.9', input: 1, output: 9, first }
  receiver.datagram([flow], t0 + 86_400)
  assert.deepEqual(receiver.until(t0 + 150), ['eni-a out 1p 30..60'])
})

test('a full socket: nobody knows yet whose flows they were', async () => {
  const receiver = await Receiver.start({ 'eni-a': 60, 'eni-b': 60 })
  receiver.until(t0 + 130)
  receiver.socketDrops = 7
  const found = [...receiver.until(t0 + 131), ...receiver.until(t0 + 300)]
  assert.deepEqual(
    found.filter((line) => line.startsWith('eni-b SKIPDATA')),
    ['eni-b SKIPDATA 0..60', 'eni-b SKIPDATA 120..180', 'eni-b SKIPDATA 60..120'],
  )
  const { port, losses } = receiver.capture.note()
  assert.deepEqual(port.lost, {})
  assert.deepEqual(losses.find(({ eni }) => eni === '-')?.frames, 7)
})
