/**
 * Running totals of the flows of one capture window: an open-addressing index over 64-byte entries, so that
 * a packet costs two cache lines.
 */
import { about, protocol, rowWords, tcpFlag } from '../packet/packet.ts'
import type { ObservationBatch } from '../vpc/vpc.ts'
import { hashEntryIpv6, hashIpv4, hashIpv6 } from './flow-hash.ts'
import { GrowingWords } from './growing-words.ts'

/**
 * An entry is one unit (IPv4) or two (IPv6) of 16 words:
 *
 *      0      source, first word          8, 9    seconds of the first and the last packet, unsigned
 *      1      destination, first word    10       TCP flags | traffic path << 8 | ipv6 bit
 *      2      ports, as in a packet row  11       connection (see closings.ts), 0 none
 *      3      owner | protocol           12       nanoseconds of the last packet
 *      4, 5   packets, as a double       16..18   IPv6: source, the other words
 *      6, 7   bytes, as a double         20..22   IPv6: destination, the other words
 *
 * Doubles count exactly to 2^53.
 */
export const unitWords = 16
const unitShift = Math.log2(unitWords)
export const entryIpv6 = 1 << 16
export const entryOwner = 3
/** Of the last packet. */
export const entrySecond = 9
export const entryNanosecond = 12
export const entryConnection = 11

/** Who is told of TCP packets that may close a connection: `closings.ts`. */
export interface ConnectionWatch {
  /** A new accepted or rejected TCP flow came in with this packet row. */
  link(table: FlowTable, entry: number, words: Int32Array, at: number): void
  /** A packet with FIN, SYN or RST, or any packet of a flow that has a connection number. */
  see(
    table: FlowTable,
    entry: number,
    words: Int32Array,
    at: number,
    flags: number,
    second: number,
  ): void
}

/** Index slots for each flow, at least: most flows then stand in the first slot looked at. */
const slotsPerFlow = 4
/** Small: a capture with wild timestamps opens many windows of a packet or two. */
const indexSlotsMin = 1 << 8
/** Up to here an index grows fourfold, so that flows are seldom placed anew; 16 MiB. */
const indexSlotsLarge = 1 << 22
/** Rows looked up together, so that their cache misses overlap instead of following each other. */
const stride = 128
/** Entries up to 1 MiB stay in the second-level cache; touching them ahead would only cost. */
const wordsInCache = 1 << 18

// Own copies of what hot loops use: a binding of another module is looked up anew at each use.
const rowShift = Math.log2(rowWords)
const protocolMask = about.protocolMask
const flagsShift = about.flagsShift
const ipv6Mark = about.ipv6

const hashes = new Int32Array(stride)
/** Entries, as offsets in words, that the index gave for the rows of a stride. */
const found = new Int32Array(stride)
/** Rows of a stride left to `#countLeft`, and their entries, 0 where none was found. */
const left = new Int32Array(stride)
const leftEntries = new Int32Array(stride)

const closingMarks = (tcpFlag.fin | tcpFlag.syn | tcpFlag.rst) << about.flagsShift

export class FlowTable {
  /** Number of flows. */
  flows = 0
  /** Packets turned away because the table held `flowsMax` flows. */
  refused = 0
  /** Rows of packet batches that these packets came in. */
  refusedRows = 0
  readonly #memory: GrowingWords
  #words: Int32Array
  #totals: Float64Array
  #index: Int32Array
  #mask: number
  /** Units in use; unit 0 is never given out, so that 0 means "none". */
  #units = 1
  readonly #flowsMax: number
  readonly #closings: ConnectionWatch
  /** Keeps the touching loop from being taken out. */
  touched = 0

  /**
   * @param closings finds out which connections close; shared by the tables of all open windows
   * @param flowsExpected sizes the table for the flows of the last window, so that it need not grow
   * @param flowsMax flows it holds at most; packets of further flows are counted in `refused`
   */
  constructor(closings: ConnectionWatch, flowsExpected = 0, flowsMax = Number.MAX_SAFE_INTEGER) {
    this.#closings = closings
    this.#flowsMax = flowsMax
    let slots = indexSlotsMin
    while (slots < flowsExpected * slotsPerFlow) slots *= 2
    this.#index = new Int32Array(slots)
    this.#mask = slots - 1
    const units = indexSlotsMin / slotsPerFlow + Math.ceil(flowsExpected * 1.1)
    this.#memory = new GrowingWords(units * unitWords)
    this.#words = this.#memory.words
    this.#totals = this.#memory.doubles
  }

  /**
   * Adds packets to their flows. Hot: no allocation, except when the table grows.
   * @param words the packet batch's words
   * @param observed what they mean; `from` to `to` (exclusive) belong to this window
   */
  add(words: Int32Array, observed: ObservationBatch, from: number, to: number): void {
    for (let start = from; start < to; start += stride) {
      const count = Math.min(stride, to - start)
      this.#reserve(count)
      this.#lookUp(words, observed, start, count)
      this.#count(words, observed, start, count)
    }
  }

  /**
   * Hashes rows, then reads their index slots, then a word of their entries: three short loops of independent
   * loads, so that many cache misses are under way at once.
   */
  #lookUp(words: Int32Array, observed: ObservationBatch, start: number, count: number): void {
    const { packet, owner } = observed
    for (let i = 0; i < count; i++) {
      const at = packet[start + i]! << rowShift
      const mark = words[at + 9]!
      const key = owner[start + i]! | (mark & protocolMask)
      hashes[i] =
        (mark & ipv6Mark) === 0
          ? hashIpv4(words[at]!, words[at + 4]!, words[at + 8]!, key)
          : hashIpv6(words, at, 4, words[at + 8]!, key)
    }
    const index = this.#index
    const mask = this.#mask
    for (let i = 0; i < count; i++) found[i] = index[hashes[i]! & mask]! << unitShift
    const entries = this.#words
    if (entries.length <= wordsInCache) return
    let touched = 0
    for (let i = 0; i < count; i++) touched ^= entries[found[i]!]!
    this.touched = touched
  }

  /**
   * Counts the rows whose entries were found. No call stands in the loop, so that the arrays' addresses stay in
   * registers; what needs one is left, in order, to `#countLeft`.
   */
  #count(words: Int32Array, observed: ObservationBatch, start: number, count: number): void {
    const entries = this.#words
    const totals = this.#totals
    const { packet, owner } = observed
    let leftRows = 0
    for (let i = 0; i < count; i++) {
      const at = packet[start + i]! << rowShift
      const entry = found[i]!
      const mark = words[at + 9]!
      let differs =
        (entries[entry]! ^ words[at]!) |
        (entries[entry + 1]! ^ words[at + 4]!) |
        (entries[entry + 2]! ^ words[at + 8]!) |
        (entries[entry + 3]! ^ (owner[start + i]! | (mark & protocolMask))) |
        ((mark ^ entries[entry + 10]!) & ipv6Mark)
      if ((mark & ipv6Mark) !== 0)
        differs |=
          (entries[entry + 16]! ^ words[at + 1]!) |
          (entries[entry + 17]! ^ words[at + 2]!) |
          (entries[entry + 18]! ^ words[at + 3]!) |
          (entries[entry + 20]! ^ words[at + 5]!) |
          (entries[entry + 21]! ^ words[at + 6]!) |
          (entries[entry + 22]! ^ words[at + 7]!)
      if (differs !== 0 || entry === 0) {
        left[leftRows] = i
        leftEntries[leftRows++] = 0
        continue
      }
      totals[(entry >>> 1) + 2]! += words[at + 15]!
      totals[(entry >>> 1) + 3]! += words[at + 10]! >>> 0
      entries[entry + 10]! |= (mark >>> flagsShift) & 0xff
      const second = words[at + 11]!
      // A packet of the second seen last cannot tell that its connection was forgotten: its time is enough.
      if (second === entries[entry + 9]!) {
        entries[entry + 12] = words[at + 12]!
        if ((mark & closingMarks) === 0) continue
      } else if ((mark & closingMarks) === 0 && entries[entry + 11] === 0 && leftRows === 0) {
        if (second >>> 0 > entries[entry + 9]! >>> 0) {
          entries[entry + 9] = second
          entries[entry + 12] = words[at + 12]!
        } else if (second >>> 0 < entries[entry + 8]! >>> 0) entries[entry + 8] = second
        continue
      }
      left[leftRows] = i
      leftEntries[leftRows++] = entry
    }
    if (leftRows > 0) this.#countLeft(words, observed, start, leftRows)
  }

  /** New flows, and packets that a connection may close with. */
  #countLeft(words: Int32Array, observed: ObservationBatch, start: number, leftRows: number): void {
    for (let k = 0; k < leftRows; k++) {
      const row = start + left[k]!
      const at = observed.packet[row]! << rowShift
      const mark = words[at + 9]!
      const second = words[at + 11]! >>> 0
      let entry = leftEntries[k]!
      if (entry === 0) {
        const key = observed.owner[row]! | (mark & protocolMask)
        entry = this.#findOrInsert(words, at, key, hashes[left[k]!]!, observed.path[row]!, second)
        if (entry === 0) {
          this.refused += words[at + 15]!
          this.refusedRows++
          continue
        }
        this.#totals[(entry >>> 1) + 2]! += words[at + 15]!
        this.#totals[(entry >>> 1) + 3]! += words[at + 10]! >>> 0
        this.#words[entry + 10]! |= (mark >>> flagsShift) & 0xff
      }
      if ((mark & protocolMask) === protocol.tcp)
        this.#closings.see(this, entry, words, at, (mark >>> flagsShift) & 0xff, second)
      const entries = this.#words
      if (second < entries[entry + 8]! >>> 0) entries[entry + 8] = second
      const nanosecond = words[at + 12]!
      const later = second - (entries[entry + 9]! >>> 0)
      if (later > 0 || (later === 0 && nanosecond > entries[entry + 12]!)) {
        entries[entry + 9] = second
        entries[entry + 12] = nanosecond
      }
    }
  }

  /** The entry of a flow (an offset in words); a new one when there is none, 0 when the table is full. */
  #findOrInsert(
    words: Int32Array,
    at: number,
    key: number,
    hash: number,
    path: number,
    second: number,
  ): number {
    const probe = this.#probe(words, at, 4, words[at + 8]!, key, hash)
    if (probe >= 0) return this.#index[probe]! * unitWords
    if (this.flows >= this.#flowsMax) return 0
    const ipv6 = (words[at + 9]! & ipv6Mark) !== 0
    const entries = this.#words
    const entry = this.#units * unitWords
    this.#index[~probe] = this.#units
    this.#units += ipv6 ? 2 : 1
    this.flows++
    entries[entry] = words[at]!
    entries[entry + 1] = words[at + 4]!
    entries[entry + 2] = words[at + 8]!
    entries[entry + 3] = key
    this.#totals[(entry >>> 1) + 2] = 0
    this.#totals[(entry >>> 1) + 3] = 0
    entries[entry + 8] = second
    entries[entry + 9] = 0 // the packet itself brings its second
    entries[entry + 10] = (path << 8) | (ipv6 ? entryIpv6 : 0)
    entries[entry + 11] = 0
    entries[entry + 12] = 0
    if (ipv6)
      for (let i = 1; i < 4; i++) {
        entries[entry + 15 + i] = words[at + i]!
        entries[entry + 19 + i] = words[at + 4 + i]!
      }
    if ((key & 0xff) === protocol.tcp) this.#closings.link(this, entry, words, at)
    return entry
  }

  /** The index slot of a key, or the complement of the free slot where it belongs. */
  #probe(
    words: Int32Array,
    at: number,
    destinationAt: number,
    ports: number,
    key: number,
    hash: number,
  ): number {
    const entries = this.#words
    const ipv6 = (words[at + 9]! & ipv6Mark) !== 0
    const sourceAt = 4 - destinationAt
    let slot = hash & this.#mask
    for (;;) {
      const entry = this.#index[slot]! * unitWords
      if (entry === 0) return ~slot
      if (
        entries[entry] === words[at + sourceAt] &&
        entries[entry + 1] === words[at + destinationAt] &&
        entries[entry + 2] === ports &&
        entries[entry + 3] === key &&
        ((entries[entry + 10]! & entryIpv6) !== 0) === ipv6 &&
        (!ipv6 || this.#sameRest(entry, words, at + sourceAt, at + destinationAt))
      )
        return slot
      slot = (slot + 1) & this.#mask
    }
  }

  #sameRest(entry: number, words: Int32Array, source: number, destination: number): boolean {
    const entries = this.#words
    for (let i = 1; i < 4; i++)
      if (
        entries[entry + 15 + i] !== words[source + i] ||
        entries[entry + 19 + i] !== words[destination + i]
      )
        return false
    return true
  }

  /**
   * The entry of the packet's five-tuple, or of its reverse, under another owner; 0 when there is none.
   * Slow path, for `closings.ts`.
   */
  find(words: Int32Array, at: number, ownerWord: number, reversed: boolean): number {
    const mark = words[at + 9]!
    const key = ownerWord | (mark & protocolMask)
    const ports = reversed ? (words[at + 8]! << 16) | (words[at + 8]! >>> 16) : words[at + 8]!
    const destinationAt = reversed ? 0 : 4
    const hash =
      (mark & ipv6Mark) === 0
        ? hashIpv4(words[at + 4 - destinationAt]!, words[at + destinationAt]!, ports, key)
        : hashIpv6(words, at, destinationAt, ports, key)
    const probe = this.#probe(words, at, destinationAt, ports, key, hash)
    return probe < 0 ? 0 : this.#index[probe]! * unitWords
  }

  /** The entries' memory, for reading them out: walk from `unitWords` in steps of `entryWords`. */
  get words(): Int32Array {
    return this.#words
  }

  get totals(): Float64Array {
    return this.#totals
  }

  /** Where the entries end, in words. */
  get endWords(): number {
    return this.#units * unitWords
  }

  /** Makes room for `count` more flows, so that nothing moves while they are counted. */
  #reserve(count: number): void {
    if ((this.flows + count) * slotsPerFlow > this.#index.length) {
      const factor = this.#index.length < indexSlotsLarge ? 4 : 2
      this.#index = new Int32Array(this.#index.length * factor)
      this.#mask = this.#index.length - 1
      this.#reindex()
    }
    const wanted = (this.#units + 2 * count) * unitWords
    if (wanted <= this.#words.length) return
    const length = this.#words.length
    const wider = length < wordsInCache ? length * 4 : Math.ceil(length / 4) * 5
    this.#memory.grow(Math.max(wanted, wider))
    this.#words = this.#memory.words
    this.#totals = this.#memory.doubles
  }

  #reindex(): void {
    const entries = this.#words
    const index = this.#index
    for (let entry = unitWords; entry < this.endWords; entry += entryWords(entries, entry)) {
      const key = entries[entry + 3]!
      const hash =
        (entries[entry + 10]! & entryIpv6) === 0
          ? hashIpv4(entries[entry]!, entries[entry + 1]!, entries[entry + 2]!, key)
          : hashEntryIpv6(entries, entry, key)
      let slot = hash & this.#mask
      while (index[slot] !== 0) slot = (slot + 1) & this.#mask
      index[slot] = entry / unitWords
    }
  }
}

/** Words from an entry to the next. */
export const entryWords = (entries: Int32Array, entry: number): number =>
  (entries[entry + 10]! & entryIpv6) === 0 ? unitWords : 2 * unitWords
