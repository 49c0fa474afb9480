/** The IP header and what follows it: lengths, fragments, extension chains, transports, broken headers. */
import {
  etherType,
  ethernet,
  fragmentIpv4,
  fragmentIpv6,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  joined,
  opaque,
  tcp,
  udp,
  type Ipv6Extension,
  type Transport,
} from '../../src/packet/packet.ts'
import {
  counts,
  countsFragment,
  eachSecond,
  type CaptureCase,
  type Frame,
  type Outcome,
} from './capture-case.ts'
import { pcapFile } from './file-forms.ts'

const a4 = { source: '10.0.0.1', destination: '10.0.0.2' }
const a6 = { source: '2001:db8::1', destination: '2001:db8::2' }
const [from4, to4, from6, to6] = ['10.0.0.1', '10.0.0.2', '[2001:db8::1]', '[2001:db8::2]']
const ports = { sourcePort: 40000, destinationPort: 80 }
const syn = tcp({ ...ports, flags: 2 })
const bytes = (...values: number[]) => Uint8Array.from(values)
const zeros = (length: number) => new Uint8Array(length)
const four = (packet: Uint8Array) => ethernet({}, etherType.ipv4, packet)
const six = (packet: Uint8Array) => ethernet({}, etherType.ipv6, packet)

function one(name: string, frames: readonly Frame[]): CaptureCase {
  const timed = eachSecond(frames)
  return { name, frames: timed, file: pcapFile(timed) }
}

/** The first `kept` bytes of a frame. */
const cut = (frame: Uint8Array, kept: number, becomes: Outcome): Frame => ({
  bytes: frame.subarray(0, kept),
  originalBytes: frame.length,
  becomes,
})

function fragments(): CaptureCase {
  const datagram = udp({ ...ports, payload: zeros(40) })
  const cut4 = fragmentIpv4(ipv4({ ...a4, identification: 7, dontFragment: false }, datagram), 16)
  const cut6 = fragmentIpv6(ipv6(a6, datagram), 32, 9)
  // A "fragment" that is the whole packet: offset 0 and no more to come (RFC 6946).
  const atomic = fragmentIpv6(ipv6(a6, syn), 64, 10)
  // The first fragment may end inside the TCP header: its ports are there, its flags are not.
  const tiny = fragmentIpv4(ipv4({ ...a4, dontFragment: false }, syn), 8)
  const first4 = counts(17, `${from4}:40000`, `${to4}:80`, 36, 0, true)
  const first6 = counts(17, `${from6}:40000`, `${to6}:80`, 80, 0, true)
  return one('fragments.pcap', [
    { bytes: four(cut4[0]!), becomes: first4 },
    { bytes: four(cut4[1]!), becomes: countsFragment(17, from4, to4, 36) },
    { bytes: four(cut4[2]!), becomes: countsFragment(17, from4, to4, 36) },
    { bytes: six(cut6[0]!), becomes: first6 },
    { bytes: six(cut6[1]!), becomes: countsFragment(17, from6, to6, 64) },
    { bytes: six(atomic[0]!), becomes: counts(6, `${from6}:40000`, `${to6}:80`, 68, 2, true) },
    { bytes: four(tiny[0]!), becomes: counts(6, `${from4}:40000`, `${to4}:80`, 28, 0, true) },
    { bytes: four(tiny[1]!), becomes: countsFragment(6, from4, to4, 28) },
    { bytes: four(tiny[2]!), becomes: countsFragment(6, from4, to4, 24) },
  ])
}

const hopByHop: Ipv6Extension = { number: 0, bytes: bytes(0, 0, 1, 4, 0, 0, 0, 0) }
const destinationOptions: Ipv6Extension = {
  number: 60,
  bytes: bytes(0, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
}
const routing: Ipv6Extension = {
  number: 43,
  bytes: joined([bytes(0, 2, 4, 1, 0, 0, 0, 0), bytes(0x20, 1, 0xd, 0xb8), zeros(11), bytes(3)]),
}

function extensions(): CaptureCase {
  const packet = (list: Ipv6Extension[], carried: Transport) =>
    six(ipv6({ ...a6, extensions: list }, carried))
  const is = (size: number) => counts(6, `${from6}:40000`, `${to6}:80`, size, 2)
  const chain = [hopByHop, destinationOptions, routing, destinationOptions]
  const long = packet(chain, syn)
  const rest = opaque(59, zeros(4))
  return one('extensions.pcap', [
    { bytes: packet([hopByHop], syn), becomes: is(68) },
    { bytes: packet([routing], syn), becomes: is(84) },
    { bytes: long, becomes: is(124) },
    { bytes: packet([hopByHop], icmpv6({ type: 143 })), becomes: counts(58, from6, to6, 56) },
    { bytes: packet([destinationOptions], rest), becomes: counts(59, from6, to6, 60) },
    { bytes: packet([], opaque(51, zeros(12))), becomes: counts(51, from6, to6, 52) },
    { bytes: packet([], opaque(135, zeros(8))), becomes: counts(135, from6, to6, 48) },
    // The chain is cut off: the last number seen stands.
    cut(long, 14 + 40, counts(0, from6, to6, 124)),
    cut(long, 14 + 40 + 8, counts(60, from6, to6, 124)),
  ])
}

/** Lengths that the header does not say, or says otherwise than the frame. */
function lengths(): CaptureCase {
  const jumbo = { number: 0, bytes: bytes(0, 0, 0xc2, 4, 0, 1, 0x11, 0x70) } // 70000
  const jumbogram = six(ipv6({ ...a6, extensions: [jumbo], payloadLength: 0 }, syn))
  const offloaded = four(
    ipv4({ ...a4, totalLength: 0 }, tcp({ ...ports, flags: 16, payload: zeros(8) })),
  )
  const tags = [{ etherType: 0x8100, id: 3 }]
  const padded = joined([four(ipv4(a4, udp(ports))), zeros(18)])
  const believed = four(ipv4({ ...a4, totalLength: 1500 }, syn))
  const options = bytes(1, 1, 1, 0)
  const is = (size: number, flags: number) => counts(6, `${from4}:40000`, `${to4}:80`, size, flags)
  return one('lengths.pcap', [
    {
      bytes: jumbogram,
      originalBytes: 14 + 40 + 70000,
      becomes: counts(6, `${from6}:40000`, `${to6}:80`, 70040, 2),
    },
    { bytes: offloaded, originalBytes: 14 + 32768, becomes: is(32768, 16) },
    {
      bytes: ethernet({ tags }, etherType.ipv4, offloaded.subarray(14)),
      originalBytes: 18 + 5000,
      becomes: is(5000, 16),
    },
    { bytes: padded, becomes: counts(17, `${from4}:40000`, `${to4}:80`, 28) },
    { bytes: believed, becomes: is(1500, 2) },
    { bytes: four(ipv4({ ...a4, options }, syn)), becomes: is(44, 2) },
    { bytes: six(ipv6(a6, opaque(59, zeros(0)))), becomes: counts(59, from6, to6, 40) },
  ])
}

function truncated(): CaptureCase {
  const frame4 = four(ipv4({ ...a4, options: bytes(1, 1, 1, 0, 1, 1, 1, 0) }, syn)) // 14 + 28 + 20
  const frame6 = six(ipv6(a6, syn)) // 14 + 40 + 20
  const with4 = (flags: number) => counts(6, `${from4}:40000`, `${to4}:80`, 48, flags)
  const with6 = (flags: number) => counts(6, `${from6}:40000`, `${to6}:80`, 60, flags)
  return one('truncated.pcap', [
    cut(frame4, 14, 'truncatedIp'),
    cut(frame4, 14 + 19, 'truncatedIp'),
    cut(frame4, 14 + 20, 'truncatedIp'),
    cut(frame4, 14 + 27, 'truncatedIp'),
    cut(frame4, 14 + 28, counts(6, from4, to4, 48)),
    cut(frame4, 14 + 28 + 3, counts(6, from4, to4, 48)),
    cut(frame4, 14 + 28 + 4, with4(0)),
    cut(frame4, 14 + 28 + 13, with4(0)),
    cut(frame4, 14 + 28 + 14, with4(2)),
    cut(frame6, 14 + 39, 'truncatedIp'),
    cut(frame6, 14 + 40 + 3, counts(6, from6, to6, 60)),
    cut(frame6, 14 + 40 + 4, with6(0)),
    cut(frame6, 14 + 40 + 14, with6(2)),
  ])
}

/** A packet with one of its header's bytes changed. */
function changed(packet: Uint8Array, at: number, value: number): Uint8Array {
  const other = Uint8Array.from(packet)
  other[at] = value
  return other
}

function malformed(): CaptureCase {
  const packet4 = ipv4(a4, syn)
  const packet6 = ipv6(a6, syn)
  const good = counts(6, `${from4}:40000`, `${to4}:80`, 40, 2)
  return one('malformed.pcap', [
    { bytes: four(changed(packet4, 0, 0x65)), becomes: 'malformedIp' }, // version 6
    { bytes: four(changed(packet4, 0, 0x44)), becomes: 'malformedIp' }, // a header of 16 bytes
    { bytes: four(changed(packet4, 3, 19)), becomes: 'malformedIp' }, // total length below the header
    { bytes: six(changed(packet6, 0, 0x40)), becomes: 'malformedIp' }, // version 4
    { bytes: four(changed(packet4, 10, 0)), becomes: good }, // a wrong checksum is no reason
  ])
}

function tcpHeaders(): CaptureCase {
  const frame = (carried: Transport, more: { totalLength?: number } = {}) =>
    four(ipv4({ ...a4, ...more }, carried))
  const flags = [1, 2, 4, 8, 16, 32, 64, 128].map((flag, i) => ({
    bytes: frame(tcp({ sourcePort: 50000 + i, destinationPort: 80, flags: flag })),
    becomes: counts(6, `${from4}:${50000 + i}`, `${to4}:80`, 40, flag),
  }))
  const shortOffset = changed(frame(tcp({ ...ports, flags: 2 })), 14 + 20 + 12, 0x40)
  // The bytes are in the frame, but not in the IP packet.
  const outside = (totalLength: number) => frame(tcp({ ...ports, flags: 2 }), { totalLength })
  return one('tcp-headers.pcap', [
    ...flags,
    { bytes: shortOffset, becomes: counts(6, `${from4}:40000`, `${to4}:80`, 40, 0) },
    { bytes: outside(20), becomes: counts(6, from4, to4, 20) },
    { bytes: outside(23), becomes: counts(6, from4, to4, 23) },
    { bytes: outside(24), becomes: counts(6, `${from4}:40000`, `${to4}:80`, 24, 0) },
  ])
}

function transports(): CaptureCase {
  const inner = ipv4({ source: '192.0.2.1', destination: '192.0.2.2' }, syn)
  const ported = joined([bytes(0x9c, 0x40, 0, 80), zeros(12)])
  const is = (protocol: number, size: number) =>
    counts(protocol, `${from4}:40000`, `${to4}:80`, size)
  const frame = (protocol: number, payload: Uint8Array) => four(ipv4(a4, opaque(protocol, payload)))
  const error = icmp({ type: 3, code: 3, payload: inner.subarray(0, 28) })
  return one('transports.pcap', [
    ...[33, 132, 136].map((number) => ({ bytes: frame(number, ported), becomes: is(number, 36) })),
    { bytes: four(ipv4(a4, udp(ports))), becomes: is(17, 28) },
    { bytes: frame(4, inner), becomes: counts(4, from4, to4, 60) }, // IP in IP: the outer header
    { bytes: frame(47, joined([bytes(0, 0, 8, 0), inner])), becomes: counts(47, from4, to4, 64) },
    { bytes: frame(50, zeros(24)), becomes: counts(50, from4, to4, 44) },
    { bytes: frame(41, ipv6(a6, syn)), becomes: counts(41, from4, to4, 80) },
    { bytes: four(ipv4(a4, error)), becomes: counts(1, from4, to4, 56) },
    { bytes: six(ipv6(a6, opaque(4, inner))), becomes: counts(4, from6, to6, 80) },
    {
      bytes: six(ipv6(a6, icmpv6({ type: 135, payload: zeros(16) }))),
      becomes: counts(58, from6, to6, 64),
    },
    { bytes: frame(253, zeros(1)), becomes: counts(253, from4, to4, 21) },
  ])
}

function everyone(): CaptureCase {
  const to = (destination: string) => four(ipv4({ ...a4, destination }, udp(ports)))
  const to6 = (destination: string) => six(ipv6({ ...a6, destination }, udp(ports)))
  const is = (destination: string) => counts(17, `${from4}:40000`, `${destination}:80`, 28)
  return one('multicast.pcap', [
    ...['224.0.0.251', '239.255.255.250', '255.255.255.255', '10.0.0.255', '240.0.0.1'].map(
      (address) => ({ bytes: to(address), becomes: is(address) }),
    ),
    { bytes: to6('ff02::fb'), becomes: counts(17, `${from6}:40000`, '[ff02::fb]:80', 48) },
    { bytes: to6('fe80::fb'), becomes: counts(17, `${from6}:40000`, '[fe80::fb]:80', 48) },
  ])
}

export const ipShapes = (): CaptureCase[] => [
  fragments(),
  extensions(),
  lengths(),
  truncated(),
  malformed(),
  tcpHeaders(),
  transports(),
  everyone(),
]
