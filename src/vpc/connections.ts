/**
 * Connections seen at ENIs: "a connection is a five-tuple together with its reverse" (records.md 26),
 * kept per ENI. Flat arrays and open addressing: a table holds millions without an object each.
 * It knows when a connection is forgotten (29) and which packet closes it (47), and keeps for whoever judges
 * what was said of it.
 */
import { about, protocol, tcpFlag } from '../packet/packet.ts'

/** Seconds of silence after which a connection is forgotten (records.md 29). */
export const forgetSeconds = { tcp: 910, tcpClosed: 3, other: 30 } as const

const keyWords = 10 // two addresses of four words, ports, ENI << 9 | family << 8 | protocol
const finOfSide = [1, 2] as const
const finBoth = 3
const closedBit = 4
const flagsSeen = finBoth | closedBit

/** Bits of a connection's standing: its protocol, closed, and the verdict on it (neither: not judged). */
export const standing = { closed: closedBit, open: 8, refused: 16, tcp: 32 } as const

export class ConnectionTable {
  /** Connections live in slots 1..size; slot 0 means "none". */
  size = 0
  last: Float64Array
  /** Bits of `standing`, above those of the FINs seen. */
  standing: Uint8Array
  #keys: Int32Array
  #index: Int32Array
  #mask: number

  constructor(slots = 1 << 12) {
    this.#mask = slots * 4 - 1
    this.#index = new Int32Array(slots * 4)
    this.#keys = new Int32Array(slots * keyWords)
    this.last = new Float64Array(slots)
    this.last[0] = Number.NaN
    this.standing = new Uint8Array(slots)
  }

  /**
   * 0 when the packet goes from the lower end of the pair to the higher, else 1.
   * @param words a packet row's words (PacketBatch.words or .quoted) and `at`, where the row begins
   */
  side(words: Int32Array, at: number): 0 | 1 {
    const last = words[at + 9]! & about.ipv6 ? 4 : 1
    for (let i = 0; i < last; i++) {
      const difference = (words[at + i]! >>> 0) - (words[at + 4 + i]! >>> 0)
      if (difference !== 0) return difference < 0 ? 0 : 1
    }
    return words[at + 8]! >>> 16 <= (words[at + 8]! & 0xffff) ? 0 : 1
  }

  /** The slot of the packet's connection at ENI `eni`, 0 when it is not known. */
  find(eni: number, words: Int32Array, at: number): number {
    const side = this.side(words, at)
    let probe = this.#hash(eni, words, at, side) & this.#mask
    for (;;) {
      const slot = this.#index[probe]!
      if (slot === 0 || this.#same(slot, eni, words, at, side)) return slot
      probe = (probe + 1) & this.#mask
    }
  }

  /** Adds the packet's connection, which must not be known yet. Returns its slot. */
  insert(eni: number, words: Int32Array, at: number): number {
    if (this.size + 1 >= this.last.length) this.#grow()
    const slot = ++this.size
    const side = this.side(words, at)
    const from = side === 0 ? 0 : 4
    const key = slot * keyWords
    const width = words[at + 9]! & about.ipv6 ? 4 : 1
    for (let i = 0; i < 4; i++) {
      this.#keys[key + i] = i < width ? words[at + from + i]! : 0
      this.#keys[key + 4 + i] = i < width ? words[at + (4 - from) + i]! : 0
    }
    this.#keys[key + 8] = orderedPorts(words[at + 8]!, side)
    this.#keys[key + 9] = ownerOf(eni, words[at + 9]!)
    this.standing[slot] = (words[at + 9]! & about.protocolMask) === protocol.tcp ? standing.tcp : 0
    this.last[slot] = Number.NaN
    this.#place(slot, this.#hash(eni, words, at, side))
    return slot
  }

  /** Whether a packet at `second` comes too late to belong to the connection in `slot` (records.md 29, 34). */
  forgotten(slot: number, second: number): boolean {
    const idle = second - this.last[slot]!
    if (!(idle > forgetSeconds.tcpClosed)) return false
    const stands = this.standing[slot]!
    if ((stands & standing.tcp) === 0) return idle > forgetSeconds.other
    return (stands & closedBit) !== 0 || idle > forgetSeconds.tcp
  }

  /** Begins a connection in its slot, anew too: no FIN or packet seen. @param verdict of `standing` */
  reset(slot: number, verdict = 0): void {
    this.standing[slot] = (this.standing[slot]! & standing.tcp) | verdict
    this.last[slot] = Number.NaN
  }

  /** standing.open, standing.refused or 0: not judged. */
  verdict(slot: number): number {
    return this.standing[slot]! & (standing.open | standing.refused)
  }

  closed(slot: number): boolean {
    return (this.standing[slot]! & closedBit) !== 0
  }

  /**
   * Takes in the flags of an accepted TCP packet. "A closing packet is an accepted RST, or an accepted FIN
   * when the other direction's FIN was already seen" since the last SYN without ACK (records.md 47).
   * @returns whether this packet closes the connection
   */
  takeFlags(slot: number, flags: number, side: 0 | 1): boolean {
    if ((flags & (tcpFlag.syn | tcpFlag.ack)) === tcpFlag.syn) this.standing[slot]! &= ~flagsSeen
    if (flags & tcpFlag.fin) this.standing[slot]! |= finOfSide[side]
    const otherFin = (this.standing[slot]! & (finBoth ^ finOfSide[side])) !== 0
    const closes = (flags & tcpFlag.rst) !== 0 || ((flags & tcpFlag.fin) !== 0 && otherFin)
    if (closes) this.standing[slot]! |= closedBit
    return closes
  }

  /**
   * Forgets every connection idle at `second` unless `keep` wants it. Slots move.
   * @returns the new slot of each old one, 0 for the forgotten
   */
  sweep(second: number, keep: (slot: number) => boolean = () => false): Int32Array {
    const moved = new Int32Array(this.size + 1)
    let kept = 0
    for (let slot = 1; slot <= this.size; slot++) {
      if (this.forgotten(slot, second) && !keep(slot)) continue
      moved[slot] = ++kept
      if (kept === slot) continue
      this.#keys.copyWithin(kept * keyWords, slot * keyWords, (slot + 1) * keyWords)
      this.standing[kept] = this.standing[slot]!
      this.last[kept] = this.last[slot]!
    }
    if (kept === this.size) return moved
    this.size = kept
    this.#reindex()
    return moved
  }

  #place(slot: number, hash: number): void {
    let probe = hash & this.#mask
    while (this.#index[probe] !== 0) probe = (probe + 1) & this.#mask
    this.#index[probe] = slot
  }

  #same(slot: number, eni: number, words: Int32Array, at: number, side: 0 | 1): boolean {
    const key = slot * keyWords
    const keys = this.#keys
    if (keys[key + 9] !== ownerOf(eni, words[at + 9]!)) return false
    if (keys[key + 8] !== orderedPorts(words[at + 8]!, side)) return false
    const low = at + (side === 0 ? 0 : 4)
    const high = at + (side === 0 ? 4 : 0)
    if (keys[key] !== words[low] || keys[key + 4] !== words[high]) return false
    if ((words[at + 9]! & about.ipv6) === 0) return true
    for (let i = 1; i < 4; i++)
      if (keys[key + i] !== words[low + i] || keys[key + 4 + i] !== words[high + i]) return false
    return true
  }

  #hash(eni: number, words: Int32Array, at: number, side: 0 | 1): number {
    const low = at + (side === 0 ? 0 : 4)
    const high = at + (side === 0 ? 4 : 0)
    let hash = mix(words[low]!, ownerOf(eni, words[at + 9]!))
    hash = mix(hash, words[high]!)
    hash = mix(hash, orderedPorts(words[at + 8]!, side))
    if (words[at + 9]! & about.ipv6) {
      for (let i = 1; i < 4; i++) hash = mix(mix(hash, words[low + i]!), words[high + i]!)
    }
    return hash ^ (hash >>> 15)
  }

  #grow(): void {
    const slots = this.last.length * 2
    this.#keys = widened(this.#keys, new Int32Array(slots * keyWords))
    this.standing = widened(this.standing, new Uint8Array(slots))
    this.last = widened(this.last, new Float64Array(slots))
    this.#index = new Int32Array(slots * 4)
    this.#mask = slots * 4 - 1
    this.#reindex()
  }

  #reindex(): void {
    this.#index.fill(0)
    for (let slot = 1; slot <= this.size; slot++) {
      const key = slot * keyWords
      const keys = this.#keys
      let hash = mix(keys[key]!, keys[key + 9]!)
      hash = mix(mix(hash, keys[key + 4]!), keys[key + 8]!)
      if (keys[key + 9]! & familyBit) {
        for (let i = 1; i < 4; i++) hash = mix(mix(hash, keys[key + i]!), keys[key + 4 + i]!)
      }
      this.#place(slot, hash ^ (hash >>> 15))
    }
  }
}

const familyBit = 1 << 8

const ownerOf = (eni: number, mark: number): number =>
  (eni << 9) | (mark & about.ipv6 ? familyBit : 0) | (mark & about.protocolMask)

/** The lower end's port in the high half. */
const orderedPorts = (ports: number, side: 0 | 1): number =>
  side === 0 ? ports : (ports << 16) | (ports >>> 16)

const mix = (hash: number, value: number): number => {
  const mixed = Math.imul(hash ^ value, 0x9e3779b1)
  return mixed ^ (mixed >>> 16)
}

function widened<T extends { set(from: ArrayLike<number>): void }>(
  from: ArrayLike<number>,
  to: T,
): T {
  to.set(from)
  return to
}

/**
 * A time in seconds, its fraction cut to 2^-20 s: so differences of times are exact, and 910 s are not more
 * than 910 s.
 */
export const packetTime = (second: number, nanosecond: number): number =>
  (second >>> 0) + Math.floor(nanosecond * (0x100000 / 1e9)) / 0x100000
