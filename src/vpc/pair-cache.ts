/**
 * What a topology says of a pair: two ends with their ports, either way round, and a protocol, as seen at one
 * tap or by address. Kept from the first packet of a pair to the next version of the topology, so that an
 * ordinary packet costs one cache line. Never a verdict: those come from the
 * state of connections at each packet, and what is here is the same for all of them.
 *
 * Only when its connection was last heard of is kept here in the table's place (`ConnectionTable.last`), as
 * long as one entry alone has it: `take` and `giveBack`. A hash table that forgets: a pair stands in one of
 * `ways` neighbouring entries, or it is looked up anew.
 */
import { about, rowWords, tcpFlag } from '../packet/packet.ts'
import { alignedWords } from './aligned-words.ts'
import { type ConnectionTable, standing } from './connections.ts'
import type { ObservationBatch } from './observations.ts'
import {
  begunAnew,
  entryShift,
  fraction,
  inConnection,
  pair,
  pairClosed,
  pairOpen,
  pairStateful,
  restDiffers,
  standingBits,
} from './pair-entry.ts'
import { hashPairs, tapByAddress, tapShift } from './pair-hash.ts'

const ways = 4
const slotsMin = 1 << 8
/** 64 MiB: half full with the 500,000 pairs of a million flows. */
export const pairSlotsMax = 1 << 20
/** Rows looked up together, so that their cache misses overlap (flow/flow-table.ts does the same). */
export const stride = 128

// Own copies of what hot loops use: a binding of another module is looked up anew at each use.
const rowShift = Math.log2(rowWords)
const protocolMask = about.protocolMask
const ipv6Mark = about.ipv6
const hintShift = about.directionShift
const hintMask = about.directionMask
const flagsShift = about.flagsShift
const closed = standing.closed
const open = standing.open
const refused = standing.refused
/** Packets that ask for more than the facts. */
const unusual =
  about.multicast |
  about.firstFragment |
  about.laterFragment |
  about.icmpError |
  about.neighbourDiscovery
const closing = (tcpFlag.fin | tcpFlag.rst) << flagsShift
const synShift = flagsShift + Math.log2(tcpFlag.syn)
const ackShift = flagsShift + Math.log2(tcpFlag.ack)
const byAddress = tapByAddress
const keyTapShift = tapShift
const isStateful = pairStateful
const shift = entryShift

/** Of the rows of a stride: key, hash (never 0) and the entry that seems to be the pair's. */
const keys = new Int32Array(stride)
const hashes = new Int32Array(stride)
const found = new Int32Array(stride)

export class PairCache {
  words: Int32Array
  #mask: number
  #used = 0
  #victim = 0
  /** By connection: the entry that has it, plus 1. */
  #holder = new Int32Array(1 << 8)
  readonly #connections: ConnectionTable
  readonly #slotsMax: number
  /** Keeps the touching loop from being taken out. */
  touched = 0

  constructor(connections: ConnectionTable, slotsMax = pairSlotsMax) {
    this.#connections = connections
    this.#slotsMax = slotsMax
    this.words = alignedWords(Math.min(slotsMin, slotsMax) << entryShift)
    this.#mask = (this.words.length >>> entryShift) - 1
  }

  /** Forgets everything: another version of the topology. */
  clear(): void {
    this.settle()
    this.#holder.fill(0)
    this.words.fill(0)
    this.#used = 0
  }

  /** The entry, of one view, has its connection from now on; no other does. */
  take(entry: number, slot: number): void {
    this.giveBack(slot)
    if (slot >= this.#holder.length) {
      const wider = new Int32Array(this.#connections.last.length)
      wider.set(this.#holder)
      this.#holder = wider
    }
    this.#holder[slot] = entry + 1
    const { words } = this
    const stands = this.#connections.standing[slot]!
    words[entry + 10] = slot
    words[entry + 11] =
      (words[entry + 11]! & ~standingBits) |
      ((stands & open) === 0 ? 0 : pairOpen) |
      ((stands & closed) === 0 ? 0 : pairClosed)
    const last = this.#connections.last[slot]!
    words[entry + 12] = Math.floor(last)
    words[entry + 13] = (last - Math.floor(last)) * fraction
  }

  /** The table of connections knows again what became of this one, and whoever asks it is told the truth. */
  giveBack(slot: number): void {
    const holder = slot < this.#holder.length ? this.#holder[slot]! : 0
    if (holder === 0) return
    this.#settle(slot, holder - 1)
    this.words[holder - 1 + pair.connection] = 0
    this.#holder[slot] = 0
  }

  /** The table knows what became of all connections, and entries keep them. */
  settle(): void {
    for (let slot = 1; slot < this.#holder.length; slot++)
      if (this.#holder[slot] !== 0) this.#settle(slot, this.#holder[slot]! - 1)
  }

  #settle(slot: number, entry: number): void {
    const { words } = this
    const connections = this.#connections
    if ((words[entry + 13]! & begunAnew) !== 0) {
      connections.reset(slot, (words[entry + 11]! & pairOpen) === 0 ? refused : open)
      words[entry + 13]! &= ~begunAnew
    }
    connections.last[slot] = (words[entry + 12]! >>> 0) + words[entry + 13]! / fraction
  }

  /** Connections have other slots now, 0 if they are forgotten; the table was settled before. */
  move(moved: Int32Array): void {
    const { words } = this
    this.#holder.fill(0)
    for (let entry = 0; entry < words.length; entry += 1 << entryShift) {
      if (words[entry + 15] === 0) continue
      const slot = moved[words[entry + 10]!]!
      words[entry + 10] = slot
      if (words[entry + 14]! >>> 16 !== 0) words[entry + 12] = moved[words[entry + 12]!]!
      else if (slot !== 0) this.#holder[slot] = entry + 1
    }
  }

  /**
   * Looks up the rows from `start`, at most `stride` of them, for `answer` and `find`: all hashes, then the
   * entries, in short loops of independent loads.
   * @param tapOf by capture interface, its part of the key
   */
  lookUp(rows: Int32Array, start: number, count: number, tapOf: Int32Array): void {
    this.#reserve(count)
    hashPairs(rows, start, count, tapOf, keys, hashes)
    const { words } = this
    const mask = this.#mask
    let touched = 0
    for (let i = 0; i < count; i++) touched ^= words[((hashes[i]! & mask) << shift) + 15]!
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!
      let slot = hash & mask
      for (let way = 1; way < ways && words[(slot << shift) + 15] !== hash; way++)
        slot = (slot + 1) & mask
      found[i] = slot << shift
    }
    this.touched = touched
  }

  /**
   * Answers the rows `from` to `to` of the stride that `lookUp` saw, as long as all that they ask for is known
   * and they do no more than go on in their connection or open it anew.
   * @returns the first row that asks for more, or `to`
   */
  answer(rows: Int32Array, start: number, from: number, to: number, out: ObservationBatch): number {
    const { words } = this
    const { packet, owner, path } = out
    let written = out.rows
    let i = from
    for (; i < to; i++) {
      const at = (start + i) << rowShift
      const entry = found[i]!
      const mark = rows[at + 9]!
      const ports = rows[at + 8]!
      const source = rows[at]!
      const destination = rows[at + 4]!
      let there =
        (words[entry]! ^ source) | (words[entry + 4]! ^ destination) | (words[entry + 8]! ^ ports)
      let back =
        (words[entry]! ^ destination) |
        (words[entry + 4]! ^ source) |
        (words[entry + 8]! ^ ((ports << 16) | (ports >>> 16)))
      if ((mark & ipv6Mark) !== 0) {
        there |= restDiffers(words, entry, rows, at, 0)
        back |= restDiffers(words, entry, rows, at, 4)
      }
      const turned = (there | (0 - there)) >> 31 // all ones unless the packet goes from a to b
      const key = keys[i]!
      const facts = words[entry + 14]! >>> (turned & 8)
      const hint = key >>> keyTapShift === byAddress ? 0 : (mark >>> hintShift) & hintMask
      const acl = (facts >>> 2) & 3
      if (
        ((turned & back) |
          (words[entry + 9]! ^ key) |
          (mark & (unusual | closing)) |
          ((mark >>> synShift) & ~(mark >>> ackShift) & 1) |
          (((facts >>> 6) & 3) ^ hint) |
          ((facts >>> 16) & 0xff)) !==
          0 ||
        acl === 0
      )
        break
      const eni = words[entry + 11]!
      let verdict = acl
      if ((eni & isStateful) !== 0) {
        verdict = inConnection(words, entry, rows, at, key & protocolMask, facts)
        if (verdict === 0) break
      }
      packet[written] = start + i
      owner[written] = (eni & ~0xfff) | ((facts & 3) << 10) | (verdict << 8)
      path[written++] = eni & 0xff
    }
    out.rows = written
    return i
  }

  /** The entry of row `i` of the stride, -1 when there is none. */
  find(rows: Int32Array, at: number, i: number): number {
    const { words } = this
    const hash = hashes[i]!
    for (let way = 0; way < ways; way++) {
      const entry = ((hash + way) & this.#mask) << entryShift
      if (
        words[entry + pair.hash] === hash &&
        words[entry + pair.key] === keys[i] &&
        (this.#fits(rows, at, entry, 0) || this.#fits(rows, at, entry, 1))
      )
        return entry
    }
    return -1
  }

  /** 0 when the packet goes the way of the one its entry was made for, else 1. */
  orientation(rows: Int32Array, at: number, entry: number): 0 | 1 {
    return this.#fits(rows, at, entry, 0) ? 0 : 1
  }

  /** Makes an entry without facts for row `i` of the stride, which has none, in place of another if need be. */
  insert(rows: Int32Array, at: number, i: number): number {
    const { words } = this
    const hash = hashes[i]!
    const entry = this.#room(words, hash)
    if (words[entry + pair.hash] === 0) this.#used++
    else this.giveBack(words[entry + 10]!)
    for (let k = 0; k < 1 << entryShift; k++) words[entry + k] = 0
    const width = (rows[at + 9]! & ipv6Mark) === 0 ? 1 : 4
    for (let k = 0; k < width; k++) {
      words[entry + k] = rows[at + k]!
      words[entry + 4 + k] = rows[at + 4 + k]!
    }
    words[entry + pair.ports] = rows[at + 8]!
    words[entry + pair.key] = keys[i]!
    words[entry + pair.hash] = hash
    return entry
  }

  #fits(rows: Int32Array, at: number, entry: number, orientation: 0 | 1): boolean {
    const { words } = this
    const ports = rows[at + 8]!
    const wanted = orientation === 0 ? ports : (ports << 16) | (ports >>> 16)
    if (words[entry + pair.ports] !== wanted) return false
    const cross = orientation << 2
    const width = (rows[at + 9]! & ipv6Mark) === 0 ? 1 : 4
    for (let k = 0; k < width; k++)
      if (
        words[entry + k] !== rows[at + (k ^ cross)] ||
        words[entry + 4 + k] !== rows[at + ((4 + k) ^ cross)]
      )
        return false
    return true
  }

  /** An entry that is free, else the next victim. */
  #room(words: Int32Array, hash: number): number {
    const mask = (words.length >>> entryShift) - 1
    for (let way = 0; way < ways; way++) {
      const entry = ((hash + way) & mask) << entryShift
      if (words[entry + pair.hash] === 0) return entry
    }
    this.#victim = (this.#victim + 1) & (ways - 1)
    return ((hash + this.#victim) & mask) << entryShift
  }

  /** Makes room for `count` more pairs, so that nothing moves while a stride is answered. */
  #reserve(count: number): void {
    const slots = this.#mask + 1
    if ((this.#used + count) * 2 <= slots || slots >= this.#slotsMax) return
    const old = this.words
    const wider = alignedWords(Math.min(slots * 4, this.#slotsMax) << entryShift)
    this.words = wider
    this.#mask = (wider.length >>> entryShift) - 1
    this.#holder.fill(0)
    this.#used = 0
    for (let from = 0; from < old.length; from += 1 << entryShift) {
      if (old[from + 15] === 0) continue
      const entry = this.#room(wider, old[from + 15]!)
      if (wider[entry + 15] === 0) this.#used++
      else this.giveBack(wider[entry + 10]!)
      for (let k = 0; k < 1 << entryShift; k++) wider[entry + k] = old[from + k]!
      if (wider[entry + 14]! >>> 16 === 0 && wider[entry + 10] !== 0)
        this.#holder[wider[entry + 10]!] = entry + 1
    }
  }
}
