/**
 * Frames for captures of our own, built from the inside out:
 *
 *     ethernet({ tags: [vlan(10)] }, etherType.ipv4,
 *       ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }, tcp({ ...ports, flags: tcpFlag.syn })))
 *
 * Lengths and checksums are right unless a field says otherwise. Transports: `transport-writer.ts`.
 */
import { assert } from '../base/assert.ts'
import { addressBytes } from './address-bytes.ts'
import { checksumOf, joined, withChecksum, wordSum, type Transport } from './transport-writer.ts'

/** The ethertypes frames are announced with. */
export const etherType = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  mpls: 0x8847,
  pppoeSession: 0x8864,
  serviceVlan: 0x88a8,
} as const

/** One 802.1Q or 802.1ad tag, outermost first in a list. */
export interface VlanTag {
  readonly etherType: number
  readonly id: number
}

export interface EthernetFields {
  readonly source?: Uint8Array
  readonly destination?: Uint8Array
  readonly tags?: readonly VlanTag[]
}

/** An Ethernet II frame without frame check sequence; not padded to 60 bytes. */
export function ethernet(
  its: EthernetFields,
  type: number,
  payload: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const tags = its.tags ?? []
  const types = [...tags.map((tag) => tag.etherType), type]
  const head = new Uint8Array(14 + 4 * tags.length)
  head.set(its.destination ?? mac(2))
  head.set(its.source ?? mac(1), 6)
  const view = new DataView(head.buffer)
  types.forEach((each, i) => view.setUint16(12 + 4 * i, each))
  tags.forEach((tag, i) => view.setUint16(14 + 4 * i, tag.id))
  return joined([head, payload])
}

/** A locally administered address that tells hosts apart by number. */
export function mac(host: number): Uint8Array {
  return Uint8Array.of(0x02, 0, host >>> 24, (host >>> 16) & 0xff, (host >>> 8) & 0xff, host & 0xff)
}

export interface Ipv4Fields {
  readonly source: string
  readonly destination: string
  readonly ttl?: number
  readonly identification?: number
  /** Option bytes, a multiple of four. */
  readonly options?: Uint8Array
  /** "Don't fragment", set unless told. */
  readonly dontFragment?: boolean
  /** What the total length says, when it is not the true one. */
  readonly totalLength?: number
}

/** An IPv4 packet (RFC 791). */
export function ipv4(its: Ipv4Fields, carried: Transport): Uint8Array<ArrayBuffer> {
  const source = addressBytes(its.source)
  const destination = addressBytes(its.destination)
  const options = its.options ?? new Uint8Array(0)
  const payload = withChecksum(carried, source, destination)
  const packet = joined([new Uint8Array(20), options, payload])
  const view = new DataView(packet.buffer)
  view.setUint8(0, 0x40 | ((20 + options.length) / 4))
  view.setUint16(2, its.totalLength ?? packet.length)
  view.setUint16(4, its.identification ?? 0)
  view.setUint16(6, its.dontFragment === false ? 0 : 0x4000)
  view.setUint8(8, its.ttl ?? 64)
  view.setUint8(9, carried.protocol)
  packet.set(source, 12)
  packet.set(destination, 16)
  sealIpv4(packet)
  return packet
}

/** Computes the header checksum of an IPv4 packet anew, after its header was changed. */
export function sealIpv4(packet: Uint8Array): void {
  packet.fill(0, 10, 12)
  const checksum = checksumOf(wordSum(packet, 0, (packet[0]! & 15) * 4))
  packet[10] = checksum >> 8
  packet[11] = checksum & 0xff
}

export interface Ipv6Fields {
  readonly source: string
  readonly destination: string
  readonly hopLimit?: number
  readonly flowLabel?: number
  /** Extension headers in their order; the next-header fields are filled in. */
  readonly extensions?: readonly Ipv6Extension[]
  /** What the payload length says, when it is not the true one. */
  readonly payloadLength?: number
}

/** An extension header: its own number, and its bytes with the first (next header) left 0. */
export interface Ipv6Extension {
  readonly number: number
  readonly bytes: Uint8Array
}

/** An IPv6 packet (RFC 8200). */
export function ipv6(its: Ipv6Fields, carried: Transport): Uint8Array<ArrayBuffer> {
  const source = addressBytes(its.source)
  const destination = addressBytes(its.destination)
  const extensions = its.extensions ?? []
  const numbers = [...extensions.map((each) => each.number), carried.protocol]
  const chain = extensions.map((each, i) => {
    const bytes = Uint8Array.from(each.bytes)
    bytes[0] = numbers[i + 1]!
    return bytes
  })
  const payload = withChecksum(carried, source, destination)
  const packet = joined([new Uint8Array(40), ...chain, payload])
  const view = new DataView(packet.buffer)
  view.setUint32(0, 0x60000000 | (its.flowLabel ?? 0))
  view.setUint16(4, its.payloadLength ?? packet.length - 40)
  view.setUint8(6, numbers[0]!)
  view.setUint8(7, its.hopLimit ?? 64)
  packet.set(source, 8)
  packet.set(destination, 24)
  return packet
}

/** Cuts an IPv4 packet into fragments that carry `payloadBytes` each, a multiple of eight. */
export function fragmentIpv4(packet: Uint8Array, payloadBytes: number): Uint8Array<ArrayBuffer>[] {
  assert(payloadBytes > 0 && payloadBytes % 8 === 0, 'fragments are cut at multiples of 8 bytes')
  const headerBytes = (packet[0]! & 15) * 4
  return pieces(packet.subarray(headerBytes), payloadBytes).map(({ offset, more, bytes }) => {
    const fragment = joined([packet.subarray(0, headerBytes), bytes])
    const view = new DataView(fragment.buffer)
    view.setUint16(2, fragment.length)
    view.setUint16(6, (more ? 0x2000 : 0) | (offset / 8))
    sealIpv4(fragment)
    return fragment
  })
}

/** Cuts an IPv6 packet without extension headers into fragments that carry `payloadBytes` each. */
export function fragmentIpv6(
  packet: Uint8Array,
  payloadBytes: number,
  identification: number,
): Uint8Array<ArrayBuffer>[] {
  assert(payloadBytes > 0 && payloadBytes % 8 === 0, 'fragments are cut at multiples of 8 bytes')
  return pieces(packet.subarray(40), payloadBytes).map(({ offset, more, bytes }) => {
    const fragment = joined([packet.subarray(0, 40), new Uint8Array(8), bytes])
    const view = new DataView(fragment.buffer)
    view.setUint16(4, fragment.length - 40)
    view.setUint8(6, 44)
    view.setUint8(40, packet[6]!)
    view.setUint16(42, offset | (more ? 1 : 0))
    view.setUint32(44, identification)
    return fragment
  })
}

function pieces(bytes: Uint8Array, size: number) {
  const cuts = []
  for (let offset = 0; offset < bytes.length; offset += size) {
    const more = offset + size < bytes.length
    cuts.push({ offset, more, bytes: bytes.subarray(offset, offset + size) })
  }
  return cuts
}
