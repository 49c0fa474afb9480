/**
 * What else crosses an ENI: address resolution, neighbour discovery, multicast and broadcast. Of these
 * only neighbour discovery between two hosts and the broadcasts make flow log records: "Flow logs do not
 * capture multicast traffic."
 */
import {
  addressBytes,
  etherType,
  ethernet,
  icmpv6,
  ipv4,
  ipv6,
  joined,
  mac,
  packetDirection,
  udp,
} from '../packet/packet.ts'
import { fixedLane, type Host } from './lane.ts'
import type { Tape } from './tape.ts'

const { inbound, outbound } = packetDirection
const turnNanoseconds = 25_000
const everyone = Uint8Array.of(255, 255, 255, 255, 255, 255)

/** A host asks for its neighbour's link-layer address and is told (RFC 826). */
export function resolve(tape: Tape, tap: number, host: Host, neighbour: Host, time: number): void {
  const asks = arp(1, host, neighbour, everyone)
  const tells = arp(2, neighbour, host, mac(host.mac))
  tape.put(fixedLane(tap, outbound, asks), time)
  tape.put(fixedLane(tap, inbound, tells), time + turnNanoseconds)
}

/** The same for IPv6, once the neighbour is known: a solicitation sent straight to it (RFC 4861). */
export function solicit(tape: Tape, tap: number, host: Host, neighbour: Host, time: number): void {
  const target = addressBytes(neighbour.address)
  const asks = icmpv6({ type: 135, payload: joined([target, linkLayerOption(1, host)]) })
  const tells = icmpv6({ type: 136, word: 0x60000000, payload: target })
  const between = (from: Host, to: Host, message: typeof asks) =>
    ethernet(
      { source: mac(from.mac), destination: mac(to.mac) },
      etherType.ipv6,
      ipv6({ source: from.address, destination: to.address, hopLimit: 255 }, message),
    )
  tape.put(fixedLane(tap, outbound, between(host, neighbour, asks)), time)
  tape.put(fixedLane(tap, inbound, between(neighbour, host, tells)), time + turnNanoseconds)
}

/** A multicast DNS question, in the family of the host's address (RFC 6762). */
export function multicast(
  tape: Tape,
  tap: number,
  host: Host,
  goes: 'in' | 'out',
  time: number,
): void {
  const question = udp({ sourcePort: 5353, destinationPort: 5353, payload: new Uint8Array(33) })
  const source = mac(host.mac)
  const frame = host.address.includes(':')
    ? ethernet(
        { source, destination: Uint8Array.of(0x33, 0x33, 0, 0, 0, 0xfb) },
        etherType.ipv6,
        ipv6({ source: host.address, destination: 'ff02::fb', hopLimit: 255 }, question),
      )
    : ethernet(
        { source, destination: Uint8Array.of(1, 0, 0x5e, 0, 0, 0xfb) },
        etherType.ipv4,
        ipv4({ source: host.address, destination: '224.0.0.251', ttl: 255 }, question),
      )
  tape.put(fixedLane(tap, goes === 'out' ? outbound : inbound, frame), time)
}

/** A datagram to everyone, at the sender's tap (`out`) and at those that hear it (`in`). */
export function broadcast(
  tape: Tape,
  host: Host,
  its: { destination: string; port: number; bytes: number },
  heard: readonly { tap: number; goes: 'in' | 'out' }[],
  time: number,
): void {
  const carried = udp({
    sourcePort: its.port,
    destinationPort: its.port,
    payload: new Uint8Array(its.bytes),
  })
  const packet = ipv4({ source: host.address, destination: its.destination }, carried)
  const frame = ethernet({ source: mac(host.mac), destination: everyone }, etherType.ipv4, packet)
  for (const { tap, goes } of heard) {
    const later = goes === 'in' ? turnNanoseconds : 0
    tape.put(fixedLane(tap, goes === 'out' ? outbound : inbound, frame), time + later)
  }
}

function arp(operation: number, from: Host, to: Host, destination: Uint8Array) {
  const known = operation === 2 ? mac(to.mac) : new Uint8Array(6)
  const body = joined([
    Uint8Array.of(0, 1, 8, 0, 6, 4, 0, operation),
    mac(from.mac),
    addressBytes(from.address),
    known,
    addressBytes(to.address),
  ])
  return ethernet({ source: mac(from.mac), destination }, etherType.arp, body)
}

const linkLayerOption = (type: number, host: Host): Uint8Array =>
  joined([Uint8Array.of(type, 1), mac(host.mac)])
