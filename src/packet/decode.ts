/**
 * From a frame to its outermost IP header, and from there to one row of a batch. Every rule is that of
 * reference oracle.md: which link types and tags lead to IP, what counts as bytes, when ports and flags
 * can be read. Nothing is allocated: the row is written in place.
 */
import { about, protocol, rowWords, type PacketBatch } from './batch.ts'

/** What became of a frame. Only `packet` fills a row. */
export const decoded = { packet: 0, nonIp: 1, truncatedIp: 2, malformedIp: 3 } as const
export type Decoded = (typeof decoded)[keyof typeof decoded]

/** Link types (LINKTYPE_ numbers of pcap and pcapng) that lead to IP. */
export const linkType = {
  null: 0,
  ethernet: 1,
  rawBsd: 12,
  rawOpenBsd: 14,
  raw: 101,
  linuxSll: 113,
  ipv4: 228,
  ipv6: 229,
  linuxSll2: 276,
} as const

/** What lies at an offset: set by the link-layer walk below. */
const network = { none: 0, ipv4: 4, ipv6: 6, byVersion: 1 } as const

const etherType = {
  ipv4: 0x0800,
  ipv6: 0x86dd,
  vlan: 0x8100,
  qinq: 0x88a8,
  qinqOld: 0x9100,
  mpls: 0x8847,
  mplsMulticast: 0x8848,
  pppoeSession: 0x8864,
} as const

/** The ARPHRD type whose SLL protocol field is a netlink family. Beside other types it is an ethertype. */
const arphrdNetlink = 824

let ipOffset = 0

/**
 * Decodes one frame into row `row` of `batch`: words 0..10, 14 and 15, but not the time and the
 * interface, which the reader of the frame knows.
 *
 * @param view the bytes the frame lies in, from `at`, of which `captured` bytes were kept of `original`
 * @returns what the frame was; the row is only valid for `decoded.packet`
 */
export function decodeFrame(
  view: DataView,
  at: number,
  captured: number,
  original: number,
  link: number,
  batch: PacketBatch,
  row: number,
): Decoded {
  const end = at + captured
  let kind: number
  if (link === linkType.ethernet && captured >= 14) {
    const type = view.getUint16(at + 12)
    if (type === etherType.ipv4) return decodeIpv4(view, at + 14, end, at + original, batch, row)
    kind = networkAfter(view, type, at + 14, end)
  } else kind = networkOf(view, at, end, link)
  if (kind === network.ipv4) return decodeIpv4(view, ipOffset, end, at + original, batch, row)
  if (kind === network.ipv6) return decodeIpv6(view, ipOffset, end, batch, row)
  if (kind === network.none) return decoded.nonIp
  if (ipOffset >= end) return decoded.truncatedIp
  const version = view.getUint8(ipOffset) >>> 4
  if (version === 4) return decodeIpv4(view, ipOffset, end, at + original, batch, row)
  if (version === 6) return decodeIpv6(view, ipOffset, end, batch, row)
  return link === linkType.ethernet ? decoded.nonIp : decoded.malformedIp
}

/** Link types other than Ethernet; sets `ipOffset`. */
function networkOf(view: DataView, at: number, end: number, link: number): number {
  ipOffset = at
  switch (link) {
    case linkType.raw:
    case linkType.rawBsd:
    case linkType.rawOpenBsd:
      return network.byVersion
    case linkType.ipv4:
      return network.ipv4
    case linkType.ipv6:
      return network.ipv6
    case linkType.null:
      return at + 4 <= end ? networkOfFamily(view, at) : network.none
    case linkType.linuxSll:
      if (at + 16 > end || view.getUint16(at + 2) === arphrdNetlink) return network.none
      return networkAfter(view, view.getUint16(at + 14), at + 16, end)
    case linkType.linuxSll2:
      if (at + 20 > end || view.getUint16(at + 8) === arphrdNetlink) return network.none
      return networkAfter(view, view.getUint16(at), at + 20, end)
    default:
      return network.none
  }
}

/** BSD loopback: the address family in the byte order of the machine that captured. */
function networkOfFamily(view: DataView, at: number): number {
  const big = view.getUint32(at)
  const family = big > 0xffff ? view.getUint32(at, true) : big
  ipOffset = at + 4
  if (family === 2) return network.ipv4
  return family === 10 || family === 24 || family === 28 || family === 30
    ? network.ipv6
    : network.none
}

/** Follows tags, MPLS labels and PPPoE from an ethertype; sets `ipOffset`. */
function networkAfter(view: DataView, type: number, at: number, end: number): number {
  while (type === etherType.vlan || type === etherType.qinq || type === etherType.qinqOld) {
    if (at + 4 > end) return network.none
    type = view.getUint16(at + 2)
    at += 4
  }
  ipOffset = at
  if (type === etherType.ipv4) return network.ipv4
  if (type === etherType.ipv6) return network.ipv6
  if (type === etherType.mpls || type === etherType.mplsMulticast) {
    for (;;) {
      if (at + 4 > end) return network.none
      at += 4
      if (view.getUint8(at - 2) & 1) break
    }
    ipOffset = at
    return network.byVersion
  }
  if (type === etherType.pppoeSession && at + 8 <= end) {
    const ppp = view.getUint16(at + 6)
    ipOffset = at + 8
    if (ppp === 0x0021) return network.ipv4
    if (ppp === 0x0057) return network.ipv6
  }
  return network.none
}

/**
 *      0                   1                   2                   3   (RFC 791 §3.1)
 *     |Version|  IHL  |Type of service|          Total length         |
 *     |         Identification        |Flags|     Fragment offset     |
 *     |  Time to live |   Protocol    |        Header checksum        |
 *     |                         Source address                        |
 *     |                       Destination address                     |
 */
function decodeIpv4(
  view: DataView,
  at: number,
  end: number,
  frameEnd: number,
  batch: PacketBatch,
  row: number,
): Decoded {
  if (at + 20 > end) return decoded.truncatedIp
  const first = view.getUint32(at)
  const headerBytes = (first >>> 22) & 0x3c
  if (first >>> 28 !== 4 || headerBytes < 20) return decoded.malformedIp
  let bytes = first & 0xffff
  if (bytes < headerBytes) {
    if (bytes !== 0) return decoded.malformedIp
    // Segmentation offload leaves the field 0. A frame was as long as what was kept of it, whatever is said.
    bytes = Math.max(frameEnd, end) - at
  }
  const transport = at + headerBytes
  if (transport > end) return decoded.truncatedIp

  const words = batch.words
  const base = row * rowWords
  const destination = view.getInt32(at + 16)
  const fragment = view.getUint16(at + 6)
  const proto = view.getUint8(at + 9)
  let mark = proto
  words[base] = view.getInt32(at + 12)
  words[base + 4] = destination
  words[base + 8] = 0
  words[base + 10] = bytes
  words[base + 14] = view.getUint16(at + 4)
  words[base + 15] = 1
  if (destination >>> 28 === 0xe) mark |= about.multicast
  else if (destination === -1) mark |= about.broadcast
  if (fragment & 0x3fff) mark |= fragment & 0x1fff ? about.laterFragment : about.firstFragment
  words[base + 9] = mark
  if ((fragment & 0x1fff) !== 0) return decoded.packet
  const limit = at + bytes < end ? at + bytes : end
  decodeTransport(view, transport, limit, proto, batch, row)
  return decoded.packet
}

/** Ports and flags of an unfragmented packet or first fragment; `limit` is the end of what was kept of it. */
function decodeTransport(
  view: DataView,
  at: number,
  limit: number,
  proto: number,
  batch: PacketBatch,
  row: number,
): void {
  const base = row * rowWords
  if (proto === protocol.tcp) {
    if (at + 4 > limit) return
    batch.words[base + 8] = view.getInt32(at)
    if (at + 14 <= limit && view.getUint8(at + 12) >= 0x50)
      batch.words[base + 9]! |= view.getUint8(at + 13) << about.flagsShift
  } else if (hasPorts(proto)) {
    if (at + 4 <= limit) batch.words[base + 8] = view.getInt32(at)
  } else if (proto === protocol.icmp || proto === protocol.icmpv6) {
    decodeIcmp(view, at, limit, proto, batch, row)
  }
}

/** UDP, DCCP, SCTP and UDP-Lite begin with their ports, as TCP does. */
const hasPorts = (proto: number): boolean =>
  proto === 17 || proto === 6 || proto === 33 || proto === 132 || proto === 136

/**
 *      0               1               2               3               4               (RFC 8200 §3)
 *     |Version| Traffic class |           Flow label                  |
 *     |         Payload length        |  Next header  |   Hop limit   |
 *     |                    Source address, 16 bytes                   |
 *     |                 Destination address, 16 bytes                 |
 */
function decodeIpv6(
  view: DataView,
  at: number,
  end: number,
  batch: PacketBatch,
  row: number,
): Decoded {
  if (at >= end || view.getUint8(at) >>> 4 !== 6)
    return at >= end ? decoded.truncatedIp : decoded.malformedIp
  if (at + 40 > end) return decoded.truncatedIp
  const words = batch.words
  const base = row * rowWords
  for (let i = 0; i < 8; i++) words[base + i] = view.getInt32(at + 8 + i * 4)
  const payload = view.getUint16(at + 4) || jumboPayload(view, at, end)
  const limit = Math.min(end, at + 40 + payload)
  let mark: number = about.ipv6
  if (words[base + 4]! >>> 24 === 0xff) mark |= about.multicast
  words[base + 8] = 0
  words[base + 10] = payload + 40
  words[base + 14] = 0
  words[base + 15] = 1

  // Extension headers: hop-by-hop, routing, destination options, fragment (RFC 8200 §4). "If the chain is cut
  // off, the last number seen stands": a fragment header is seen whole, of a routing header one byte is
  // enough, of the others two, as the flow-table oracle's decoder has it.
  let next = view.getUint8(at + 6)
  let here = at + 40
  for (;;) {
    if (next === 44) {
      if (here + 8 > limit) break
      next = view.getUint8(here)
      const fragment = view.getUint16(here + 2)
      words[base + 14] = view.getInt32(here + 4)
      here += 8
      if (fragment & 0xfff8) {
        words[base + 9] = mark | about.laterFragment | next
        return decoded.packet
      }
      mark |= about.firstFragment
    } else if (next === 0 || next === 43 || next === 60) {
      if (here + 2 > limit) {
        if (next === 43 && here < limit) next = view.getUint8(here)
        break
      }
      next = view.getUint8(here)
      here += (view.getUint8(here + 1) + 1) * 8
    } else {
      words[base + 9] = mark | next
      decodeTransport(view, here, limit, next, batch, row)
      return decoded.packet
    }
  }
  words[base + 9] = mark | next
  return decoded.packet
}

/** The length in a jumbo payload option of a hop-by-hop header (RFC 2675 §2), 0 without one. */
function jumboPayload(view: DataView, at: number, end: number): number {
  let here = at + 40
  if (view.getUint8(at + 6) !== 0 || here + 2 > end) return 0
  const headerEnd = Math.min(end, here + (view.getUint8(here + 1) + 1) * 8)
  here += 2
  while (here + 2 <= headerEnd) {
    const option = view.getUint8(here)
    if (option === 0) {
      here += 1
      continue
    }
    const length = view.getUint8(here + 1)
    if (option === 0xc2 && length === 4 && here + 6 <= headerEnd) return view.getUint32(here + 2)
    here += 2 + length
  }
  return 0
}

/** Marks neighbour discovery, and reads the packet that an ICMP error quotes (RFC 792, RFC 4443 §3). */
function decodeIcmp(
  view: DataView,
  at: number,
  limit: number,
  proto: number,
  batch: PacketBatch,
  row: number,
): void {
  if (at + 1 > limit) return
  const type = view.getUint8(at)
  const base = row * rowWords
  const v6 = (batch.words[base + 9]! & about.ipv6) !== 0
  if (v6 && proto === protocol.icmpv6 && type >= 133 && type <= 137) {
    batch.words[base + 9]! |= about.neighbourDiscovery
    return
  }
  const error = v6
    ? proto === protocol.icmpv6 && type >= 1 && type <= 4
    : proto === protocol.icmp &&
      (type === 3 || type === 4 || type === 5 || type === 11 || type === 12)
  if (!error) return
  const quoted = batch.quoted
  const here = at + 8
  let transport: number
  let inner: number
  if (v6) {
    if (here + 40 > limit || view.getUint8(here) >>> 4 !== 6) return
    for (let i = 0; i < 8; i++) quoted[base + i] = view.getInt32(here + 8 + i * 4)
    inner = view.getUint8(here + 6)
    transport = here + 40
  } else {
    if (here + 20 > limit || view.getUint8(here) >>> 4 !== 4) return
    quoted[base] = view.getInt32(here + 12)
    quoted[base + 4] = view.getInt32(here + 16)
    inner = view.getUint8(here + 9)
    // A quoted later fragment has no transport header to read ports from.
    const later = (view.getUint16(here + 6) & 0x1fff) !== 0
    transport = later ? limit : here + (view.getUint8(here) & 15) * 4
  }
  quoted[base + 8] = hasPorts(inner) && transport + 4 <= limit ? view.getInt32(transport) : 0
  quoted[base + 9] = inner | (v6 ? about.ipv6 : 0)
  batch.words[base + 9]! |= about.icmpError
}
