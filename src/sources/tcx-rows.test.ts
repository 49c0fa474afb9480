/** Flows as the kernel counts them become the records that their packets would have become. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostAssigner, hostIdentity } from '../vpc/vpc.ts'
import {
  about,
  packetBatchRows,
  PacketBatch,
  protocol,
  rowWords,
  tcpFlag,
  word,
} from '../packet/packet.ts'
import { Random } from '../sample/random.ts'
import { CaptureWindows } from '../window/window.ts'
import { drainEntries, TcxRows } from './tcx-rows.ts'

const { fin, syn, rst, ack, psh } = tcpFlag
const cutSeconds = 10
const windowSeconds = 60
const begin = 1_700_000_040 // a window's start

interface Packet {
  /** Milliseconds since `begin`. */
  readonly at: number
  readonly out: boolean
  readonly port: number
  readonly protocol: number
  readonly bytes: number
  readonly flags: number
}

/** What tcx.bpf.c keeps of a flow. */
interface Totals {
  packets: number
  bytes: number
  first: number
  last: number
  opened: number
  finished: number
  reset: number
  flags: number
  firstFlags: number
}

/** The flows of one set, written as the kernel would. */
function giveSet(packets: readonly Packet[], rows: TcxRows, taker: (batch: PacketBatch) => void) {
  const flows = new Map<string, { its: Packet; totals: Totals }>()
  for (const its of packets) {
    const key = `${its.out} ${its.port} ${its.protocol}`
    const { at, flags } = its
    let flow = flows.get(key)
    if (flow === undefined) {
      const times = { first: at, last: at, opened: 0, finished: 0, reset: 0 }
      const totals = { packets: 0, bytes: 0, ...times, flags, firstFlags: flags }
      flows.set(key, (flow = { its, totals }))
    }
    const { totals } = flow
    totals.packets++
    totals.bytes += its.bytes
    totals.last = at
    totals.flags |= flags
    if (flags & fin) totals.finished = at
    if (flags & rst) totals.reset = at
    if ((flags & (syn | ack)) === syn) totals.opened = at
  }
  assert.ok(flows.size <= drainEntries)
  const { keys, values } = rows.room('ipv4', 0)
  rows.setCount('ipv4', flows.size)
  const key = new DataView(keys.buffer)
  const value = new DataView(values.buffer)
  let entry = 0
  // A hash table has an order of its own.
  for (const { its, totals } of [...flows.values()].toReversed()) {
    const [source, destination] = its.out ? [0x0a000001, 0x0a000002] : [0x0a000002, 0x0a000001]
    key.setUint32(entry * 16, source!)
    key.setUint32(entry * 16 + 4, destination!)
    key.setUint32(entry * 16 + 8, its.out ? (its.port << 16) | 80 : (80 << 16) | its.port)
    key.setUint8(entry * 16 + 12, its.protocol)
    key.setUint8(entry * 16 + 13, its.out ? 1 : 0)
    const time = (at: number) => (at === 0 ? 0n : BigInt(begin * 1000 + at) * 1_000_000n)
    const { first, last, opened, finished, reset } = totals
    value.setBigUint64(entry * 64, BigInt(totals.packets), true)
    value.setBigUint64(entry * 64 + 8, BigInt(totals.bytes), true)
    for (const [i, at] of [first, last, opened, finished, reset].entries())
      value.setBigUint64(entry * 64 + 16 + i * 8, time(at), true)
    value.setUint32(entry * 64 + 56, totals.flags, true)
    value.setUint32(entry * 64 + 60, totals.firstFlags, true)
    entry++
  }
  rows.give(begin + Math.floor(packets[0]!.at / 1000), 0, taker)
}

function givePackets(packets: readonly Packet[], taker: (batch: PacketBatch) => void): void {
  const batch = new PacketBatch()
  for (const its of packets) {
    const base = batch.rows++ * rowWords
    const { words } = batch
    words[base] = its.out ? 0x0a000001 : 0x0a000002
    words[base + word.destination] = its.out ? 0x0a000002 : 0x0a000001
    words[base + word.ports] = its.out ? (its.port << 16) | 80 : (80 << 16) | its.port
    const direction = (its.out ? 2 : 1) << about.directionShift
    words[base + word.about] = its.protocol | direction | (its.flags << about.flagsShift)
    words[base + word.bytes] = its.bytes
    words[base + word.packets] = 1
    words[base + word.second] = begin + Math.floor(its.at / 1000)
    words[base + word.nanosecond] = (its.at % 1000) * 1_000_000
    words[base + word.interface] = 0
    if (batch.rows < packetBatchRows) continue
    taker(batch)
    batch.rows = 0
  }
  taker(batch)
}

/** Lines of what would be records, sorted. */
function recordsOf(give: (taker: (batch: PacketBatch) => void) => void): string[] {
  const lines: string[] = []
  const windows = new CaptureWindows(
    { windowSeconds, lateSeconds: 2, flowsMax: 10_000 },
    hostAssigner([hostIdentity('eth0')]),
    (batch, { start }) => {
      for (let row = 0; row < batch.rows; row++)
        lines.push(
          [
            start - begin,
            ['-', 'in', 'out'][batch.direction[row]!],
            batch.protocol[row],
            `${batch.sourcePort[row]}>${batch.destinationPort[row]}`,
            `${batch.packets[row]} packets ${batch.bytes[row]} bytes flags ${batch.tcpFlags[row]}`,
            `${batch.start[row]! - begin}..${batch.end[row]! - begin}`,
          ].join(' '),
        )
    },
  )
  give((batch) => windows.add(batch))
  windows.closeAll()
  return lines.toSorted()
}

/** Both ways to the same records. */
function same(packets: readonly Packet[]): string[] {
  const inOrder = packets.toSorted((a, b) => a.at - b.at)
  const expected = recordsOf((taker) => givePackets(inOrder, taker))
  const rows = new TcxRows(0, cutSeconds)
  const sets = Map.groupBy(inOrder, ({ at }) => Math.floor(at / (cutSeconds * 1000)))
  const got = recordsOf((taker) => sets.forEach((set) => giveSet(set, rows, taker)))
  assert.deepEqual(got, expected)
  return got
}

const tcp = (at: number, out: boolean, flags: number, port = 5000, bytes = 52): Packet => ({
  at,
  out,
  port,
  protocol: protocol.tcp,
  bytes,
  flags,
})

test('"the time when a short-lived connection was closed" is that of its FINs', () => {
  const packets = [
    tcp(1000, true, syn),
    tcp(1001, false, syn | ack),
    tcp(1002, true, ack),
    tcp(1100, true, ack | psh, 5000, 500),
    tcp(3900, true, fin | ack),
    tcp(4200, false, fin | ack),
    tcp(4300, true, ack),
  ]
  assert.deepEqual(same(packets), [
    `0 in 6 80>5000 2 packets 104 bytes flags ${fin | syn | ack} 1..4`,
    `0 out 6 5000>80 5 packets 708 bytes flags ${fin | syn | ack | psh} 1..4`,
  ])
})

test('a connection opened again in the same set runs on to the end of the window', () => {
  const packets = [
    tcp(1000, true, ack),
    tcp(2000, false, rst),
    tcp(2500, true, syn),
    tcp(2501, false, syn | ack),
    tcp(2502, true, ack),
  ]
  assert.deepEqual(same(packets), [
    `0 in 6 80>5000 2 packets 104 bytes flags ${rst | syn | ack} 2..60`,
    `0 out 6 5000>80 3 packets 156 bytes flags ${syn | ack} 1..60`,
  ])
})

test('more than 32 bits hold are several rows', () => {
  const rows = new TcxRows(7, cutSeconds)
  const { keys, values } = rows.room('ipv4', 0)
  keys[12] = protocol.udp
  const value = new DataView(values.buffer)
  value.setBigUint64(0, 5_000_000_000n, true)
  value.setBigUint64(8, 7_500_000_000_001n, true)
  for (const at of [16, 24]) value.setBigUint64(at, BigInt(begin) * 1_000_000_000n + 5n, true)
  rows.setCount('ipv4', 1)
  let [packets, bytes, count] = [0, 0, 0]
  rows.give(begin, 0, (batch) => {
    for (let base = 0; base < batch.rows * rowWords; base += rowWords) {
      packets += batch.words[base + word.packets]!
      bytes += batch.words[base + word.bytes]! >>> 0
      assert.deepEqual([...batch.words.subarray(base + 11, base + 14)], [begin, 5, 7])
    }
    count += batch.rows
  })
  assert.deepEqual([packets, bytes], [5_000_000_000, 7_500_000_000_001])
  assert.equal(count, Math.ceil(7_500_000_000_001 / (2 ** 32 - 1)))
})

const seed = Number(process.env['WEIR_SEED'] ?? 1)

test(`random connections become the same records (seed ${seed})`, () => {
  const rounds = process.env['WEIR_LONG'] === '1' ? 3000 : 100
  for (let round = 0; round < rounds; round++) {
    const random = new Random(seed + round)
    const packets: Packet[] = []
    for (let port = 5000; port < 5030; port++) {
      let at = random.whole(1, 100_000)
      for (let lives = random.whole(1, 2); lives > 0; lives--) at = live(random, port, at, packets)
    }
    try {
      same(packets)
    } catch (error) {
      throw new Error(`WEIR_SEED=${seed + round}`, { cause: error })
    }
  }
})

/** One connection's life, or some datagrams; @returns when it was over. */
function live(random: Random, port: number, begun: number, packets: Packet[]): number {
  let at = begun
  const pause = () => (at += random.whole(1, random.whole(0, 5) === 0 ? 9000 : 400))
  const udp = random.whole(0, 4) === 0
  const add = (out: boolean, flags: number) => {
    const bytes = random.whole(40, 1500)
    packets.push({ at, out, port, protocol: udp ? 17 : 6, bytes, flags: udp ? 0 : flags })
    pause()
  }
  add(true, syn)
  if (random.whole(0, 9) === 0) return at
  add(false, syn | ack)
  for (let i = random.whole(0, 12); i > 0; i--)
    add(random.whole(0, 1) === 0, ack | (random.whole(0, 1) * psh))
  const first = random.whole(0, 1) === 0
  const ends = random.whole(0, 5)
  if (ends === 0) add(first, rst)
  else if (ends > 1) {
    add(first, fin | ack)
    if (random.whole(0, 3) > 0) add(!first, ack)
    add(!first, fin | ack)
    if (random.whole(0, 3) > 0) add(first, ack)
    if (random.whole(0, 6) === 0) add(first, rst)
  }
  return at
}
