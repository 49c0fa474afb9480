/**
 * The key and hash of the pair a packet belongs to: the same whichever way it goes. The key is what is not an
 * address or a port: protocol | family << 8 | tap << 9.
 */
import { about, rowWords } from '../packet/packet.ts'

// Own copies of what hot loops use: a binding of another module is looked up anew at each use.
const rowShift = Math.log2(rowWords)
const protocolMask = about.protocolMask
const ipv6Mark = about.ipv6

/** The tap's part of a key: by address, or the number of the ENI whose tap it is plus `tapEni`. */
export const tapNobody = 0
export const tapByAddress = 1
export const tapEni = 2
export const tapShift = 9

// Odd multipliers drawn anew in each process, as those of flows: a sender cannot choose packets that collide.
const oddMultiplier = (): number => (Math.floor(Math.random() * 2 ** 31) * 2 + 1) | 0
const m0 = oddMultiplier()
const m1 = oddMultiplier()
const m2 = oddMultiplier()
const m3 = oddMultiplier()

/**
 * Keys and hashes, never 0, of the rows from `start`.
 * @param tapOf by capture interface, its part of the key
 */
export function hashPairs(
  rows: Int32Array,
  start: number,
  count: number,
  tapOf: Int32Array,
  keys: Int32Array,
  hashes: Int32Array,
): void {
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
