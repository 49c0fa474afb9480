import { protocol } from './batch.ts'

/** What an IP header carries: a transport's header and payload, its checksum still 0. */
export interface Transport {
  readonly protocol: number
  readonly bytes: Uint8Array
  /** Where its checksum stands; none for bytes that have none. */
  readonly checksumAt?: number
  /** The checksum covers the addresses too (all but ICMP for IPv4). */
  readonly pseudoHeader?: boolean
}

export interface TcpFields {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly flags: number
  readonly sequence?: number
  readonly acknowledgement?: number
  readonly window?: number
  /** Option bytes, a multiple of four. */
  readonly options?: Uint8Array
  readonly payload?: Uint8Array
}

/** A TCP segment (RFC 9293). */
export function tcp(its: TcpFields): Transport {
  const options = its.options ?? noBytes
  const bytes = joined([new Uint8Array(20), options, its.payload ?? noBytes])
  const view = new DataView(bytes.buffer)
  view.setUint16(0, its.sourcePort)
  view.setUint16(2, its.destinationPort)
  view.setUint32(4, its.sequence ?? 0)
  view.setUint32(8, its.acknowledgement ?? 0)
  view.setUint8(12, ((20 + options.length) / 4) << 4)
  view.setUint8(13, its.flags)
  view.setUint16(14, its.window ?? 65535)
  return { protocol: protocol.tcp, bytes, checksumAt: 16, pseudoHeader: true }
}

/** A UDP datagram (RFC 768). */
export function udp(its: {
  sourcePort: number
  destinationPort: number
  payload?: Uint8Array
}): Transport {
  const bytes = joined([new Uint8Array(8), its.payload ?? noBytes])
  const view = new DataView(bytes.buffer)
  view.setUint16(0, its.sourcePort)
  view.setUint16(2, its.destinationPort)
  view.setUint16(4, bytes.length)
  return { protocol: protocol.udp, bytes, checksumAt: 6, pseudoHeader: true }
}

export interface IcmpFields {
  readonly type: number
  readonly code?: number
  /** The second word of the header: identifier and sequence of an echo, MTU of an error. */
  readonly word?: number
  /** An echo's payload, the packet an error quotes, a solicitation's target and options. */
  readonly payload?: Uint8Array
}

/** An ICMP message for IPv4 (RFC 792). */
export const icmp = (its: IcmpFields): Transport => icmpMessage(its, protocol.icmp)

/** An ICMPv6 message (RFC 4443). */
export const icmpv6 = (its: IcmpFields): Transport => icmpMessage(its, protocol.icmpv6)

/** Bytes of any other protocol, or bytes that are wrong on purpose. */
export const opaque = (number: number, bytes: Uint8Array): Transport => ({
  protocol: number,
  bytes,
})

function icmpMessage(its: IcmpFields, number: number): Transport {
  const bytes = joined([new Uint8Array(8), its.payload ?? noBytes])
  const view = new DataView(bytes.buffer)
  view.setUint8(0, its.type)
  view.setUint8(1, its.code ?? 0)
  view.setUint32(4, its.word ?? 0)
  const pseudoHeader = number === protocol.icmpv6
  return { protocol: number, bytes, checksumAt: 2, pseudoHeader }
}

/** The sum of 16-bit words that an internet checksum is made from (RFC 1071), not yet folded. */
export function wordSum(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let sum = 0
  for (let i = from; i < to; i += 2) sum += (bytes[i]! << 8) | (i + 1 < to ? bytes[i + 1]! : 0)
  return sum
}

/** Folds a sum into the checksum that makes it ffff. */
export function checksumOf(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}

/** A transport's bytes with the checksum filled in for these addresses. */
export function withChecksum(
  its: Transport,
  source: Uint8Array,
  destination: Uint8Array,
): Uint8Array {
  const at = its.checksumAt
  if (at === undefined) return its.bytes
  const bytes = Uint8Array.from(its.bytes)
  let sum = wordSum(bytes)
  if (its.pseudoHeader === true) {
    sum += wordSum(source) + wordSum(destination) + its.protocol + bytes.length
  }
  let checksum = checksumOf(sum)
  // RFC 768: a computed zero is sent as all ones, since zero means "no checksum".
  if (checksum === 0 && its.protocol === protocol.udp) checksum = 0xffff
  new DataView(bytes.buffer).setUint16(at, checksum)
  return bytes
}

/** Pieces, one after another. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}

const noBytes = new Uint8Array(0)
