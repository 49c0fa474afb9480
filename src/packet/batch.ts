/** The batch that decoded packets travel in, and the bits of a row. */
/** Rows a batch holds. A batch is small so that it stays in the first-level caches while it is used. */
export const packetBatchRows = 256

/**
 * A row is 16 words, one cache line, so that a packet costs one line whatever is read of it:
 *
 *      0..3   source address (IPv4: word 0 alone, words 1..3 are not cleared)
 *      4..7   destination address (IPv4: word 4 alone)
 *      8      source port << 16 | destination port
 *      9      `about`: see the bits below
 *      10     bytes at the IP layer, unsigned
 *      11     time, whole Unix seconds, unsigned
 *      12     time, nanoseconds within the second
 *      13     interface: index of the capture interface the frame was read at
 *      14     fragments: the IP identification (IPv6: the fragment header's)
 *      15     packets this row stands for: 1, or the segments of an offloaded frame
 *
 * Address words are in host order: 10.0.0.1 is 0x0a000001 | 0.
 */
export const rowWords = 16
export const word = {
  source: 0,
  destination: 4,
  ports: 8,
  about: 9,
  bytes: 10,
  second: 11,
  nanosecond: 12,
  interface: 13,
  identification: 14,
  packets: 15,
} as const

/** Bits of word 9. */
export const about = {
  protocolMask: 0xff,
  flagsShift: 8, // the eight TCP flags, 0 for other protocols and unreadable headers
  ipv6: 1 << 16,
  /** The source of the capture knows the direction (pcapng flags, ring): 0 unknown, 1 in, 2 out. */
  directionShift: 17,
  directionMask: 3,
  firstFragment: 1 << 19,
  laterFragment: 1 << 20,
  multicast: 1 << 21,
  /** IPv4 255.255.255.255 or a link-layer broadcast seen by the ring. */
  broadcast: 1 << 22,
  /** An ICMP error whose quoted packet stands in the batch's `quoted` rows. */
  icmpError: 1 << 23,
  /** ICMPv6 types 133 to 137. */
  neighbourDiscovery: 1 << 24,
} as const

/**
 * Packets decoded and not yet counted. Flat typed arrays, filled and emptied again: nothing is
 * allocated per packet. `quoted` holds, at the same row, the five-tuple quoted by an ICMP error (words
 * 0..9 as above: addresses, ports, protocol, family); it is only valid where `about.icmpError` is set.
 */
export class PacketBatch {
  rows = 0
  readonly words = new Int32Array(packetBatchRows * rowWords)
  readonly quoted = new Int32Array(packetBatchRows * rowWords)
}

/** The TCP flag bits as they stand in a record (RFC 793, RFC 3168). */
export const tcpFlag = {
  fin: 1,
  syn: 2,
  rst: 4,
  psh: 8,
  ack: 16,
  urg: 32,
  ece: 64,
  cwr: 128,
} as const
export const protocol = { icmp: 1, tcp: 6, udp: 17, gre: 47, icmpv6: 58 } as const
