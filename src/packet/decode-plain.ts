/** The frames that make up nearly all traffic, decoded without branches on their contents. */
import { about, protocol } from './batch.ts'

// Own copies of what hot code uses: a binding of another module is looked up anew at each use.
const flagsShift = about.flagsShift
const multicastMark = about.multicast
const broadcastMark = about.broadcast
const icmp = protocol.icmp
const icmpv6 = protocol.icmpv6
const ipv6Mark = about.ipv6
const etherIpv4 = 0x0800
const etherIpv6 = 0x86dd
const etherVlan = 0x8100

/** -1 for protocols that begin with their ports, else 0; and the TCP flags as they stand in word 9. */
const portsMask = new Int32Array(256)
for (const each of [protocol.tcp, protocol.udp, 33, 132, 136]) portsMask[each] = -1
const flagsMask = new Int32Array(256)
flagsMask[protocol.tcp] = 0xff << about.flagsShift

/** Bytes behind an IP header that ports and flags are read from. */
const transportHead = 14
/** Next headers of IPv6 that are more than a number to the general way: extensions and ICMPv6. */
const plainNext = new Int32Array(256).fill(1)
for (const each of [0, 43, 44, 60, icmpv6]) plainNext[each] = 0

/**
 * The frames that make up nearly all traffic: Ethernet with one tag or none, IPv4 without options or IPv6
 * without extension headers, no fragment, the first 14 bytes of the transport kept, not ICMP. Written without
 * branches on packet contents where it can be, since a processor cannot foresee them: half the time of the
 * general way.
 * @returns whether it was such a frame; if not, nothing is written and `decodeFrame` says what it is
 */
export function decodePlain(
  view: DataView,
  at: number,
  captured: number,
  words: Int32Array,
  base: number,
): boolean {
  const end = at + captured
  let ip = at + 14
  if (ip + 4 > end) return false
  let type = view.getUint16(at + 12)
  if (type === etherVlan) {
    type = view.getUint16(at + 16)
    ip += 4
  }
  return type === etherIpv4
    ? plainIpv4(view, ip, end, words, base)
    : type === etherIpv6 && plainIpv6(view, ip, end, words, base)
}

function plainIpv4(
  view: DataView,
  ip: number,
  end: number,
  words: Int32Array,
  base: number,
): boolean {
  if (ip + 20 + transportHead > end) return false
  const first = view.getInt32(ip)
  const fragment = view.getInt32(ip + 4)
  const proto = view.getUint8(ip + 9)
  if (first >>> 24 !== 0x45 || (fragment & 0x3fff) !== 0) return false
  if ((first & 0xffff) < 20 + transportHead || proto === icmp || proto === icmpv6) return false
  const destination = view.getInt32(ip + 16)
  const multicast = (((destination >>> 28) ^ 0xe) - 1) >>> 31
  words[base] = view.getInt32(ip + 12)
  words[base + 4] = destination
  words[base + 8] = view.getInt32(ip + 20) & portsMask[proto]!
  words[base + 9] =
    proto |
    plainFlags(view.getUint16(ip + 32), proto) |
    (multicast * multicastMark) |
    (destination === -1 ? broadcastMark : 0)
  words[base + 10] = first & 0xffff
  words[base + 14] = fragment >>> 16
  words[base + 15] = 1
  return true
}

function plainIpv6(
  view: DataView,
  ip: number,
  end: number,
  words: Int32Array,
  base: number,
): boolean {
  if (ip + 40 + transportHead > end) return false
  const lengthAndNext = view.getInt32(ip + 4)
  const next = (lengthAndNext >>> 8) & 0xff
  const payload = lengthAndNext >>> 16
  if (view.getUint8(ip) >>> 4 !== 6 || payload < transportHead || plainNext[next] === 0)
    return false
  const destination = view.getInt32(ip + 24)
  words[base] = view.getInt32(ip + 8)
  words[base + 1] = view.getInt32(ip + 12)
  words[base + 2] = view.getInt32(ip + 16)
  words[base + 3] = view.getInt32(ip + 20)
  words[base + 4] = destination
  words[base + 5] = view.getInt32(ip + 28)
  words[base + 6] = view.getInt32(ip + 32)
  words[base + 7] = view.getInt32(ip + 36)
  words[base + 8] = view.getInt32(ip + 40) & portsMask[next]!
  words[base + 9] =
    next |
    ipv6Mark |
    plainFlags(view.getUint16(ip + 52), next) |
    (destination >>> 24 === 0xff ? multicastMark : 0)
  words[base + 10] = payload + 40
  words[base + 14] = 0
  words[base + 15] = 1
  return true
}

/** TCP flags as they stand in word 9, from the 16 bits that hold data offset and flags (RFC 9293 §3.1). */
const plainFlags = (offsetAndFlags: number, proto: number): number =>
  (offsetAndFlags << flagsShift) & flagsMask[proto]! & ((0x4fff - offsetAndFlags) >> 31)
