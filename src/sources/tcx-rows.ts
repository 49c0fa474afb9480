/**
 * From what tcx.bpf.c counted to rows of a batch. The kernel keeps of a flow, network order in keys and
 * little-endian in values:
 *
 *     key      ipv4      0 source   4 destination   8 ports   12 protocol   13 mark
 *              ipv6      0 source  16 destination  32 ports   36 protocol   37 mark
 *              special   as ipv6   40 identification (little-endian)   44 quoted source
 *                        60 quoted destination   76 quoted ports   80 quoted protocol
 *     value    0 packets u64   8 bytes u64   16 first   24 last   32 last SYN   40 last FIN
 *              48 last RST   56 flags of all packets u32   60 flags of the first u32
 *              times: CLOCK_TAI, ns, u64
 *
 * A flow becomes a row with all its packets at the time of the first, and rows without packets for what
 * came later and means something by its time: a SYN (records.md 28), a FIN or RST (47), the last packet
 * (29, 48). Rows come in the order of time, since verdicts are made in it.
 */
import { assert } from '../base/assert.ts'
import { about, packetBatchRows, PacketBatch, rowWords, tcpFlag, word } from '../packet/packet.ts'

export const flowKinds = ['ipv4', 'ipv6', 'special'] as const
export type FlowKind = (typeof flowKinds)[number]

const mark = {
  out: 1,
  firstFragment: 2,
  laterFragment: 4,
  broadcast: 8,
  icmpError: 16,
  neighbourDiscovery: 32,
  ipv6: 64,
} as const
const keyBytes = { ipv4: 16, ipv6: 40, special: 84 } as const
const at = {
  packets: 0,
  bytes: 8,
  first: 16,
  last: 24,
  opened: 32,
  flags: 56,
  firstFlags: 60,
} as const
const valueBytes = 64

/** Entries taken from the kernel at a time. */
export const drainEntries = 4096
/** Events a flow can have: the first packet, the last SYN without ACK, FIN and RST, the last packet. */
const events = { first: 0, opened: 1, finished: 2, reset: 3, last: 4 } as const
const eventsMax = 5
/** Events that have a time of their own in a value, one after the other, and the flag they stand for. */
const flagEvents = [
  { event: events.opened, flag: tcpFlag.syn },
  { event: events.finished, flag: tcpFlag.fin },
  { event: events.reset, flag: tcpFlag.rst },
] as const
const word32 = 2 ** 32
const rowBytesMax = word32 - 1
const rowPacketsMax = 2 ** 31 - 1
const second = 1e9

/** The flows of one kind that were taken out of the kernel. */
class Drained {
  count = 0
  readonly #kind: FlowKind
  keys = new Uint8Array(0)
  values = new Uint8Array(0)
  keyView = new DataView(new ArrayBuffer(0))
  valueView = new DataView(new ArrayBuffer(0))

  constructor(kind: FlowKind) {
    this.#kind = kind
  }

  /** Room for `drainEntries` behind the first `taken`. */
  room(taken: number): { keys: Uint8Array; values: Uint8Array } {
    const width = keyBytes[this.#kind]
    if ((taken + drainEntries) * valueBytes > this.values.length) {
      const entries = Math.ceil(taken * 1.5) + drainEntries
      const keys = new Uint8Array(entries * width)
      const values = new Uint8Array(entries * valueBytes)
      keys.set(this.keys.subarray(0, taken * width))
      values.set(this.values.subarray(0, taken * valueBytes))
      this.keys = keys
      this.values = values
      this.keyView = new DataView(keys.buffer)
      this.valueView = new DataView(values.buffer)
    }
    return {
      keys: this.keys.subarray(taken * width, (taken + drainEntries) * width),
      values: this.values.subarray(taken * valueBytes, (taken + drainEntries) * valueBytes),
    }
  }
}

/** Where a flow lies: which of its kind, and what its kind is read from. */
interface Found {
  kind: FlowKind
  entry: number
  keys: DataView
  values: DataView
}

export class TcxRows {
  readonly #drained = {
    ipv4: new Drained('ipv4'),
    ipv6: new Drained('ipv6'),
    special: new Drained('special'),
  }
  readonly #interface: number
  readonly #cutSeconds: number
  readonly #batch = new PacketBatch()
  /** Times are kept as nanoseconds since a whole second, so that they are exact as doubles. */
  #baseHigh = 0
  #baseLow = 0
  #baseSecond = 0
  #order = new Float64Array(0)
  #times = new Float64Array(0)

  /** @param cutSeconds all packets of a flow came between two multiples of it, if the kernel was asked in time */
  constructor(interfaceIndex: number, cutSeconds: number) {
    this.#interface = interfaceIndex
    this.#cutSeconds = cutSeconds
  }

  /** Where the next flows of a kind go; see `emptyMap`. */
  room(kind: FlowKind, taken: number): { keys: Uint8Array; values: Uint8Array } {
    return this.#drained[kind].room(taken)
  }

  setCount(kind: FlowKind, count: number): void {
    this.#drained[kind].count = count
  }

  /**
   * Gives the flows as rows, in order of time.
   * @param nearSecond Unix time somewhere near that of the packets
   * @param taiOffset seconds that CLOCK_TAI is ahead of Unix time
   */
  give(nearSecond: number, taiOffset: number, taker: (batch: PacketBatch) => void): void {
    const { ipv4, ipv6, special } = this.#drained
    const flows = ipv4.count + ipv6.count + special.count
    if (flows === 0) return
    const base = BigInt(nearSecond + taiOffset) * BigInt(second)
    this.#baseHigh = Number(base >> 32n)
    this.#baseLow = Number(base & 0xffffffffn)
    this.#baseSecond = nearSecond
    const batch = this.#batch
    batch.rows = 0
    const count = this.#sortEvents(flows)
    const codes = flows * eventsMax
    for (let i = 0; i < count; i++) {
      const code = this.#order[i]! % codes
      this.#emit(Math.floor(code / eventsMax), code % eventsMax, taker)
    }
    if (batch.rows > 0) taker(batch)
    batch.rows = 0
  }

  /**
   * Fills `#order` with one number an event, time first and then which event of which flow it is, sorted.
   * @returns how many
   */
  #sortEvents(flows: number): number {
    const codes = flows * eventsMax
    if (this.#order.length < codes) {
      this.#order = new Float64Array(Math.ceil(codes * 1.25))
      this.#times = new Float64Array(this.#order.length)
    }
    const times = this.#times
    let least = Number.POSITIVE_INFINITY
    let greatest = Number.NEGATIVE_INFINITY
    for (let flow = 0; flow < flows; flow++) {
      this.#timesOf(flow, times)
      const first = times[flow * eventsMax]!
      if (first < least) least = first
      for (let event = 0; event < eventsMax; event++) {
        const time = times[flow * eventsMax + event]!
        if (time > greatest) greatest = time // NaN: no such event
      }
    }
    // As fine as 53 bits allow: a nanosecond for 100 000 flows in ten seconds.
    let unit = 1
    while (((greatest - least) / unit + 1) * codes > Number.MAX_SAFE_INTEGER) unit *= 2
    const order = this.#order
    let count = 0
    for (let code = 0; code < codes; code++) {
      const time = times[code]!
      if (!Number.isNaN(time)) order[count++] = Math.floor((time - least) / unit) * codes + code
    }
    order.subarray(0, count).sort()
    return count
  }

  /** Of each event of a flow, the time; NaN when it has none. */
  #timesOf(flow: number, times: Float64Array): void {
    const { values, entry } = this.#find(flow)
    const from = entry * valueBytes
    const first = this.#time(values, from + at.first)
    const last = this.#time(values, from + at.last)
    const into = flow * eventsMax
    const cut = this.#cutSeconds * second
    const offset = (this.#baseSecond % this.#cutSeconds) * second
    // What the kernel was not asked for in time stays in the window of its flow's packets.
    const latest = (Math.floor((first + offset) / cut) + 1) * cut - offset - 1
    times[into + events.first] = first
    const tcp = values.getUint32(from + at.flags, true) !== 0
    for (const { event } of flagEvents) {
      const time = tcp ? this.#time(values, from + at.opened + (event - events.opened) * 8) : first
      times[into + event] = time > first ? Math.min(time, latest) : Number.NaN
    }
    const later = Math.floor(last / second) > Math.floor(first / second)
    const { rest, merges } = this.#flagsOf(values, from, times, into)
    times[into + events.last] =
      later || (rest !== 0 && !merges) ? Math.min(Math.max(first, last), latest) : Number.NaN
  }

  readonly #restFlags = { rest: 0, merges: true }
  readonly #found: Found = {
    kind: 'ipv4',
    entry: 0,
    keys: new DataView(new ArrayBuffer(0)),
    values: new DataView(new ArrayBuffer(0)),
  }

  /**
   * The flags that neither the first packet nor a row of its own tells, and whether they may stand in the
   * row of the first: a SYN must not look like an answer to one.
   */
  #flagsOf(
    values: DataView,
    from: number,
    times: Float64Array,
    into: number,
  ): { rest: number; merges: boolean } {
    const first = values.getUint32(from + at.firstFlags, true)
    let rest = values.getUint32(from + at.flags, true) & ~first
    for (const { event, flag } of flagEvents) if (!Number.isNaN(times[into + event]!)) rest &= ~flag
    const result = this.#restFlags
    result.rest = rest
    result.merges = (first & (tcpFlag.syn | tcpFlag.ack)) !== tcpFlag.syn || !(rest & tcpFlag.ack)
    return result
  }

  #find(flow: number): Found {
    const { ipv4, ipv6 } = this.#drained
    const found = this.#found
    found.kind = 'ipv4'
    found.entry = flow
    if (found.entry >= ipv4.count) {
      found.entry -= ipv4.count
      found.kind = 'ipv6'
      if (found.entry >= ipv6.count) {
        found.entry -= ipv6.count
        found.kind = 'special'
      }
    }
    const drained = this.#drained[found.kind]
    found.keys = drained.keyView
    found.values = drained.valueView
    return found
  }

  #time(values: DataView, place: number): number {
    return (
      (values.getUint32(place + 4, true) - this.#baseHigh) * word32 +
      (values.getUint32(place, true) - this.#baseLow)
    )
  }

  #emit(flow: number, event: number, taker: (batch: PacketBatch) => void): void {
    const { kind, entry, keys, values } = this.#find(flow)
    const from = entry * valueBytes
    const time = this.#times[flow * eventsMax + event]!
    const { rest, merges } = this.#flagsOf(values, from, this.#times, flow * eventsMax)
    let flags: number
    if (event === events.first)
      flags = values.getUint32(from + at.firstFlags, true) | (merges ? rest : 0)
    else if (event === events.last) flags = merges ? 0 : rest
    else flags = flagEvents[event - events.opened]!.flag
    if (event !== events.first) return this.#row(kind, entry, keys, flags, time, 0, 0, taker)
    let packets = doubleAt(values, from + at.packets)
    let bytes = doubleAt(values, from + at.bytes)
    let rows = Math.max(Math.ceil(packets / rowPacketsMax), Math.ceil(bytes / rowBytesMax), 1)
    for (; rows > 0; rows--) {
      const packetsNow = Math.floor(packets / rows)
      const bytesNow = Math.floor(bytes / rows)
      this.#row(kind, entry, keys, flags, time, packetsNow, bytesNow, taker)
      packets -= packetsNow
      bytes -= bytesNow
    }
  }

  #row(
    kind: FlowKind,
    entry: number,
    keys: DataView,
    flags: number,
    time: number,
    packets: number,
    bytes: number,
    taker: (batch: PacketBatch) => void,
  ): void {
    const batch = this.#batch
    if (batch.rows === packetBatchRows) {
      taker(batch)
      batch.rows = 0
    }
    const { words } = batch
    const base = batch.rows++ * rowWords
    const key = entry * keyBytes[kind]
    const seconds = Math.floor(time / second)
    assert(packets <= rowPacketsMax && bytes <= rowBytesMax, 'a row holds 32 bits')
    let marks =
      kind === 'ipv4'
        ? this.#ipv4Key(keys, key, words, base)
        : this.#ipv6Key(keys, key, words, base)
    if ((marks & about.ipv6) === 0 && words[base + 4] === -1) marks |= about.broadcast
    words[base + word.identification] = 0
    if (kind === 'special') this.#specialKey(keys, key, marks, batch, base)
    words[base + word.about] = marks | (flags << about.flagsShift)
    words[base + word.packets] = packets
    words[base + word.bytes] = bytes
    words[base + word.second] = this.#baseSecond + seconds
    words[base + word.nanosecond] = time - seconds * second
    words[base + word.interface] = this.#interface
  }

  /** @returns the bits of the about word, without flags */
  #ipv4Key(keys: DataView, key: number, words: Int32Array, base: number): number {
    words[base] = keys.getInt32(key)
    words[base + 4] = keys.getInt32(key + 4)
    words[base + word.ports] = keys.getInt32(key + 8)
    return aboutOf(keys.getUint8(key + 12), keys.getUint8(key + 13))
  }

  #ipv6Key(keys: DataView, key: number, words: Int32Array, base: number): number {
    for (let i = 0; i < 8; i++) words[base + i] = keys.getInt32(key + i * 4)
    words[base + word.ports] = keys.getInt32(key + 32)
    return aboutOf(keys.getUint8(key + 36), keys.getUint8(key + 37))
  }

  #specialKey(
    keys: DataView,
    key: number,
    marks: number,
    { words, quoted }: PacketBatch,
    base: number,
  ): void {
    const ipv6 = marks & about.ipv6
    // IPv4 addresses stand in the first word of each.
    words[base + word.identification] = keys.getInt32(key + 40, true)
    if ((marks & about.icmpError) === 0) return
    for (let i = 0; i < 8; i++) quoted[base + i] = keys.getInt32(key + 44 + i * 4)
    quoted[base + word.ports] = keys.getInt32(key + 76)
    quoted[base + word.about] = keys.getUint8(key + 80) | ipv6
  }
}

function aboutOf(protocol: number, marks: number): number {
  let bits = protocol | ((marks & mark.out ? 2 : 1) << about.directionShift)
  if (marks === 0 || marks === mark.out) return bits
  if (marks & mark.ipv6) bits |= about.ipv6
  if (marks & mark.firstFragment) bits |= about.firstFragment
  if (marks & mark.laterFragment) bits |= about.laterFragment
  if (marks & mark.broadcast) bits |= about.broadcast
  if (marks & mark.icmpError) bits |= about.icmpError
  if (marks & mark.neighbourDiscovery) bits |= about.neighbourDiscovery
  return bits
}

const doubleAt = (view: DataView, place: number): number =>
  view.getUint32(place + 4, true) * word32 + view.getUint32(place, true)
