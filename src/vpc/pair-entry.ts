/**
 * The layout of an entry of pair-cache.ts, and what a packet does to the connection in it.
 *
 * It is 16 words, one cache line. End `a` is the source of the packet it was made for; packets from `a`
 * to `b` are orientation 0, those back 1. A pair is seen at one or two ENIs, its views:
 *
 *      0..3   address of a (IPv4: word 0)    10   connection of view 0 (connections.ts), 0 unknown
 *      4..7   address of b                   11   view 0: ENI << 12 | bits below | traffic path
 *      8      ports: a's << 16 | b's         12, 13   the same of view 1; without it, when the connection
 *      9      protocol | family | tap               of view 0 was last heard of: second and 2^-20 s
 *                                            14   facts: a byte a view and orientation
 *                                            15   hash; 0: no entry
 *
 * A byte of facts, from bit 0, two bits each: direction (0 unknown or no such view, 3 none), what the ACL says,
 * what the groups say (action codes, 0 unknown), and the direction hint for which all that holds. The ACL's is
 * only known where direction and path are.
 */
import { protocol } from '../packet/packet.ts'
import { action } from '../record/batch.ts'
import { forgetSeconds } from './connections.ts'

export const entryShift = 4
export const pair = { ports: 8, key: 9, connection: 10, eni: 11, facts: 14, hash: 15 } as const
export const viewWords = 2
export const pairStateful = 1 << 8
/** The peer, to whom the path leads, is a. Facts are only kept of orientations where it is the same. */
export const pairPeerA = 1 << 11
/** Of an entry that has its connection: the standing of that. */
export const pairOpen = 1 << 9
export const pairClosed = 1 << 10
export const standingBits = pairOpen | pairClosed
const closedShift = Math.log2(pairClosed) - 8
/** Seconds of silence a connection outlives (records.md 29), by protocol, and from 256 on when it is closed. */
const idleSeconds = new Int32Array(512).fill(forgetSeconds.other)
idleSeconds[protocol.tcp] = forgetSeconds.tcp
idleSeconds[256 | protocol.tcp] = forgetSeconds.tcpClosed
/** Where the byte of a view and orientation stands in the facts. */
export const factShift = (view: number, orientation: number): number =>
  (view << 4) | (orientation << 3)

/** Of a second, as packetTime cuts it. */
export const fraction = 0x100000
/** Beside the fraction: the connection began anew since the entry has it, so its flags seen are none. */
export const begunAnew = fraction

// Own copies of what hot loops use: a binding of another module is looked up anew at each use.
const accept = action.accept
const reject = action.reject

/** Not 0 unless the other words of IPv6 addresses are the same. @param cross 4 compares a with the destination */
export function restDiffers(
  words: Int32Array,
  entry: number,
  rows: Int32Array,
  at: number,
  cross: 0 | 4,
): number {
  const source = at + cross
  const destination = at + 4 - cross
  return (
    (words[entry + 1]! ^ rows[source + 1]!) |
    (words[entry + 2]! ^ rows[source + 2]!) |
    (words[entry + 3]! ^ rows[source + 3]!) |
    (words[entry + 5]! ^ rows[destination + 1]!) |
    (words[entry + 6]! ^ rows[destination + 2]!) |
    (words[entry + 7]! ^ rows[destination + 3]!)
  )
}

/**
 * What judge.ts does with a packet that goes on in its connection, or opens it anew after silence.
 * @returns the action, 0 when that is for judge.ts to say; then nothing has changed
 */
export function inConnection(
  words: Int32Array,
  entry: number,
  rows: Int32Array,
  at: number,
  protocolNumber: number,
  facts: number,
): number {
  const eni = words[entry + 11]!
  const slot = words[entry + 10]!
  const acl = (facts >>> 2) & 3
  const groups = (facts >>> 4) & 3
  const second = rows[at + 11]!
  const idle = (second >>> 0) - (words[entry + 12]! >>> 0)
  const limit = idleSeconds[((eni & pairClosed) >>> closedShift) | protocolNumber]!
  // Whether a fraction of a second makes it too long is left to judge.ts too.
  if (slot === 0 || idle === limit) return 0
  const goesOn = idle < limit
  let verdict = acl
  if (!goesOn || (eni & pairOpen) === 0) {
    if (groups === 0) return 0
    verdict = (acl | groups) === accept ? accept : reject
    if (!goesOn) {
      words[entry + 11] = (eni & ~standingBits) | (verdict === accept ? pairOpen : 0)
      words[entry + 13] = begunAnew
    }
  } else if (acl !== accept) return verdict // "a rejected packet does not refresh an open connection" (29)
  words[entry + 12] = second
  words[entry + 13] = (words[entry + 13]! & begunAnew) | (rows[at + 12]! * (fraction / 1e9))
  return verdict
}
