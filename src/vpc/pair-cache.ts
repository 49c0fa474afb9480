/**
 * What a topology says of a pair: two ends with their ports, either way round, and a protocol, as seen at one
 * tap or by address. Kept from the first packet of a pair to the next version of the topology, so that an
 * ordinary packet costs one cache line here and one of its connection. Never a verdict: those come from the
 * state of connections at each packet, and what is here is the same for all of them.
 *
 * Only when its connection was last heard of is kept here in the table's place (`ConnectionTable.last`), as
 * long as one entry alone has it: `take` and `giveBack`. A hash table that forgets: a pair stands in one of
 * `ways` neighbouring entries, or it is looked up anew.
 */
import { about, protocol, rowWords, tcpFlag } from '../packet/packet.ts'
import { action } from '../record/batch.ts'
import { alignedWords } from './aligned-words.ts'
import { type ConnectionTable, forgetSeconds, standing } from './connections.ts'
import type { ObservationBatch } from './observations.ts'

/**
 * An entry is 16 words, one cache line. End `a` is the source of the packet it was made for; packets from `a`
 * to `b` are orientation 0, those back 1. A pair is seen at one or two ENIs, its views:
 *
 *      0..3   address of a (IPv4: word 0)    10   connection of view 0 (connections.ts), 0 unknown
 *      4..7   address of b                   11   view 0: ENI << 12 | bits below | traffic path
 *      8      ports: a's << 16 | b's         12, 13   the same of view 1; without it, a double: when the
 *      9      protocol | family | tap             connection of view 0 was last heard of, NaN unknown
 *                                            14   facts: a byte a view and orientation
 *                                            15   hash; 0: no entry
 *
 * A byte of facts, from bit 0, two bits each: direction (0 unknown or no such view, 3 none), what the ACL says,
 * what the groups say (action codes, 0 unknown), and the direction hint for which all that holds. The ACL's is
 * only known where direction and path are.
 */
const entryShift = 4
export const pair = { ports: 8, key: 9, connection: 10, eni: 11, facts: 14, hash: 15 } as const
export const viewWords = 2
export const pairStateful = 1 << 8
/** Of an entry that has its connection: the standing of that. */
const pairOpen = 1 << 9
const pairClosed = 1 << 10
const standingBits = pairOpen | pairClosed
/** Where the double is, of an entry at word 0. */
const heardAt = 6
/** Where the byte of a view and orientation stands in the facts. */
export const factShift = (view: number, orientation: number): number =>
  (view << 4) | (orientation << 3)

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
const tcpSeconds = forgetSeconds.tcp
const closedSeconds = forgetSeconds.tcpClosed
const otherSeconds = forgetSeconds.other
const tcp = protocol.tcp
const closed = standing.closed
const open = standing.open
const refused = standing.refused
const tcpStanding = standing.tcp
const accept = action.accept
const reject = action.reject
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
const fraction = 0x100000

/** The tap's part of a key: by address, or the number of the ENI whose tap it is plus `tapEni`. */
export const tapNobody = 0
export const tapByAddress = 1
export const tapEni = 2
const tapShift = 9

// Odd multipliers drawn anew in each process, as those of flows: a sender cannot choose packets that collide.
const oddMultiplier = (): number => (Math.floor(Math.random() * 2 ** 31) * 2 + 1) | 0
const m0 = oddMultiplier()
const m1 = oddMultiplier()
const m2 = oddMultiplier()
const m3 = oddMultiplier()

/** Of the rows of a stride: key, hash (never 0) and the entry that seems to be the pair's. */
const keys = new Int32Array(stride)
const hashes = new Int32Array(stride)
const found = new Int32Array(stride)

export class PairCache {
  words: Int32Array
  #heard: Float64Array
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
    this.#heard = new Float64Array(this.words.buffer)
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
    this.#heard[(entry >>> 1) + heardAt] = this.#connections.last[slot]!
  }

  /** The table of connections knows again when this one was last heard of. */
  giveBack(slot: number): void {
    const holder = slot < this.#holder.length ? this.#holder[slot]! : 0
    if (holder === 0) return
    const entry = holder - 1
    this.#connections.last[slot] = this.#heard[(entry >>> 1) + heardAt]!
    this.#heard[(entry >>> 1) + heardAt] = Number.NaN
    this.words[entry + 10] = 0
    this.#holder[slot] = 0
  }

  /** The table knows of all connections when they were last heard of. */
  settle(): void {
    const holders = this.#holder
    const { last } = this.#connections
    for (let slot = 1; slot < holders.length; slot++)
      if (holders[slot] !== 0) last[slot] = this.#heard[((holders[slot]! - 1) >>> 1) + heardAt]!
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
      else if (slot === 0) this.#heard[(entry >>> 1) + heardAt] = Number.NaN
      else this.#holder[slot] = entry + 1
    }
  }

  /**
   * Looks up the rows from `start`, at most `stride` of them, for `answer` and `find`: all hashes, then the
   * entries, in short loops of independent loads.
   * @param tapOf by capture interface, its part of the key
   */
  lookUp(rows: Int32Array, start: number, count: number, tapOf: Int32Array): void {
    this.#reserve(count)
    hashRows(rows, start, count, tapOf)
    const { words } = this
    const mask = this.#mask
    let touched = 0
    for (let i = 0; i < count; i++) touched ^= words[((hashes[i]! & mask) << entryShift) + 15]!
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!
      let slot = hash & mask
      for (let way = 1; way < ways && words[(slot << entryShift) + 15] !== hash; way++)
        slot = (slot + 1) & mask
      found[i] = slot << entryShift
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
    const heard = this.#heard
    const standings = this.#connections.standing
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
        there |=
          (words[entry + 1]! ^ rows[at + 1]!) |
          (words[entry + 2]! ^ rows[at + 2]!) |
          (words[entry + 3]! ^ rows[at + 3]!) |
          (words[entry + 5]! ^ rows[at + 5]!) |
          (words[entry + 6]! ^ rows[at + 6]!) |
          (words[entry + 7]! ^ rows[at + 7]!)
        back |=
          (words[entry + 1]! ^ rows[at + 5]!) |
          (words[entry + 2]! ^ rows[at + 6]!) |
          (words[entry + 3]! ^ rows[at + 7]!) |
          (words[entry + 5]! ^ rows[at + 1]!) |
          (words[entry + 6]! ^ rows[at + 2]!) |
          (words[entry + 7]! ^ rows[at + 3]!)
      }
      const turned = (there | (0 - there)) >> 31 // all ones unless the packet goes from a to b
      const key = keys[i]!
      const facts = words[entry + 14]! >>> (turned & 8)
      const hint = key >>> tapShift === tapByAddress ? 0 : (mark >>> hintShift) & hintMask
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
      if ((eni & pairStateful) !== 0) {
        // What judge.ts does with a packet that may not open, close or relate to anything else.
        const groups = (facts >>> 4) & 3
        const second =
          (rows[at + 11]! >>> 0) + Math.floor(rows[at + 12]! * (fraction / 1e9)) * (1 / fraction)
        let seconds: number = otherSeconds
        if ((key & protocolMask) === tcp)
          seconds = (eni & pairClosed) === 0 ? tcpSeconds : closedSeconds
        if (second - heard[(entry >>> 1) + heardAt]! <= seconds) {
          if ((eni & pairOpen) === 0) {
            if (groups === 0) break
            verdict = (acl | groups) === accept ? accept : reject
            heard[(entry >>> 1) + heardAt] = second
          } else if (acl === accept) heard[(entry >>> 1) + heardAt] = second
        } else {
          const slot = words[entry + 10]!
          if (groups === 0 || slot === 0) break
          verdict = (acl | groups) === accept ? accept : reject
          heard[(entry >>> 1) + heardAt] = second
          standings[slot] = (standings[slot]! & tcpStanding) | (verdict === accept ? open : refused)
          words[entry + 11] = (eni & ~standingBits) | (verdict === accept ? pairOpen : 0)
        }
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
    this.#heard[(entry >>> 1) + heardAt] = Number.NaN
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
    this.#heard = new Float64Array(wider.buffer)
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

/** Keys and hashes; the hash is the same whichever way a packet goes. */
function hashRows(rows: Int32Array, start: number, count: number, tapOf: Int32Array): void {
  for (let i = 0; i < count; i++) {
    const at = (start + i) << rowShift
    const mark = rows[at + 9]!
    const ports = rows[at + 8]!
    let source = rows[at]!
    let destination = rows[at + 4]!
    if ((mark & ipv6Mark) !== 0)
      for (let k = 1; k < 4; k++) {
        source = Math.imul(source ^ (source >>> 16), m3) + rows[at + k]!
        destination = Math.imul(destination ^ (destination >>> 16), m3) + rows[at + 4 + k]!
      }
    const from = rows[at + 13]!
    const tap = from < tapOf.length ? tapOf[from]! : tapByAddress
    const key = (mark & protocolMask) | ((mark & ipv6Mark) >>> 8) | (tap << tapShift)
    const a = Math.imul(source, m0) ^ Math.imul(ports >>> 16, m1)
    const b = Math.imul(destination, m0) ^ Math.imul(ports & 0xffff, m1)
    const sum = Math.imul(a ^ (a >>> 15), m2) + Math.imul(b ^ (b >>> 15), m2)
    const mixed = Math.imul(sum ^ (sum >>> 16) ^ Math.imul(key, m1), m3)
    keys[i] = key
    hashes[i] = (mixed ^ (mixed >>> 15)) | 0x8000_0000
  }
}
