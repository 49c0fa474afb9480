/** From the frame to the first IP header: link types, tags, labels and sessions. */
import {
  etherType,
  ethernet,
  ipv4,
  ipv6,
  joined,
  tcp,
  udp,
  type VlanTag,
} from '../../src/packet/packet.ts'
import { counts, eachSecond, type CaptureCase, type Frame } from './capture-case.ts'
import { pcapFile } from './file-forms.ts'

const packet4 = ipv4(
  { source: '10.0.0.1', destination: '10.0.0.2' },
  tcp({ sourcePort: 40000, destinationPort: 80, flags: 2 }),
)
const packet6 = ipv6(
  { source: '2001:db8::1', destination: '2001:db8::2' },
  udp({ sourcePort: 5000, destinationPort: 53 }),
)
const is4 = counts(6, '10.0.0.1:40000', '10.0.0.2:80', 40, 2)
const is6 = counts(17, '[2001:db8::1]:5000', '[2001:db8::2]:53', 48)

const bytes = (...values: number[]) => Uint8Array.from(values)
const word = (value: number) => bytes(value >>> 8, value & 0xff)

function one(name: string, linkType: number, frames: readonly Frame[]): CaptureCase {
  const timed = eachSecond(frames)
  return { name, frames: timed, file: pcapFile(timed, { linkType }) }
}

/** BSD loopback: an address family of four bytes, in the byte order of the machine that captured. */
function loopback(name: string, family: (value: number) => Uint8Array): CaptureCase {
  const frame = (value: number, packet: Uint8Array, becomes: Frame['becomes']) => ({
    bytes: joined([family(value), packet]),
    becomes,
  })
  return one(name, 0, [
    frame(2, packet4, is4),
    ...[10, 24, 28, 30].map((value) => frame(value, packet6, is6)),
    frame(7, packet4, 'nonIp'),
  ])
}

/** Linux cooked capture: packet type, ARPHRD type 1, address, then the protocol. */
const sll = (protocol: number, payload: Uint8Array) =>
  joined([bytes(0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0), word(protocol), payload])

/** Version 2: the protocol first, then the interface's number. */
const sll2 = (protocol: number, payload: Uint8Array) =>
  joined([word(protocol), bytes(0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0), payload])

/** A label of the given number; the last one has the bottom bit. */
const label = (value: number, last: boolean) =>
  bytes(value >>> 12, (value >>> 4) & 0xff, ((value & 15) << 4) | (last ? 1 : 0), 64)

const pppoe = (protocol: number, payload: Uint8Array) =>
  joined([bytes(0x11, 0, 0, 7), word(payload.length + 2), word(protocol), payload])

function tagged(): CaptureCase {
  const frame = (tags: readonly VlanTag[], type: number, payload: Uint8Array) =>
    ethernet({ tags }, type, payload)
  const q = { etherType: 0x8100, id: 100 }
  const s = { etherType: 0x88a8, id: 200 }
  const old = { etherType: 0x9100, id: 300 }
  const { ipv4: four, ipv6: six } = etherType
  return one('vlan.pcap', 1, [
    { bytes: frame([q], four, packet4), becomes: is4 },
    { bytes: frame([s, q], four, packet4), becomes: is4 },
    { bytes: frame([old, q], six, packet6), becomes: is6 },
    { bytes: frame([s, s, q, q], six, packet6), becomes: is6 },
    { bytes: frame([{ ...q, id: 0xe000 | 5 }], four, packet4), becomes: is4 },
    { bytes: frame([q], etherType.arp, new Uint8Array(28)), becomes: 'nonIp' },
  ])
}

function labelled(): CaptureCase {
  const mpls = (payload: Uint8Array, ...labels: Uint8Array[]) => joined([...labels, payload])
  const two = [label(16, false), label(1048575, true)] as const
  const four = ethernet({}, 0x8847, mpls(packet4, ...two))
  const six = ethernet({}, 0x8848, mpls(packet6, label(17, true)))
  const tag = [{ etherType: 0x8100, id: 9 }]
  const inTag = ethernet({ tags: tag }, 0x8847, mpls(packet4, label(18, true)))
  // Ethernet over MPLS begins with a control word or an address: neither 4 nor 6.
  const inner = mpls(ethernet({}, etherType.ipv4, packet4), label(19, true))
  return one('mpls.pcap', 1, [
    { bytes: four, becomes: is4 },
    { bytes: six, becomes: is6 },
    { bytes: inTag, becomes: is4 },
    { bytes: ethernet({}, 0x8847, inner), becomes: 'nonIp' },
  ])
}

function sessions(): CaptureCase {
  const tag = [{ etherType: 0x8100, id: 7 }]
  return one('pppoe.pcap', 1, [
    { bytes: ethernet({}, 0x8864, pppoe(0x0021, packet4)), becomes: is4 },
    { bytes: ethernet({ tags: tag }, 0x8864, pppoe(0x0057, packet6)), becomes: is6 },
    { bytes: ethernet({}, 0x8864, pppoe(0xc021, bytes(9, 1, 0, 8, 0, 0, 0, 0))), becomes: 'nonIp' },
    { bytes: ethernet({}, 0x8863, bytes(0x11, 9, 0, 0, 0, 0)), becomes: 'nonIp' },
  ])
}

function otherEtherTypes(): CaptureCase {
  const length = (value: number) =>
    ethernet({}, value, joined([bytes(0xaa, 0xaa, 3, 0, 0, 0, 8, 0), packet4]))
  return one('not-ip.pcap', 1, [
    { bytes: length(48), becomes: 'nonIp' }, // 802.3 with LLC/SNAP
    { bytes: ethernet({}, 0x88e7, packet4), becomes: 'nonIp' }, // MAC-in-MAC
    { bytes: ethernet({}, 0x88cc, bytes(2, 7, 4, 2, 0, 0, 0, 0, 1)), becomes: 'nonIp' },
    {
      bytes: ethernet({}, etherType.ipv4, packet4).subarray(0, 13),
      becomes: 'nonIp',
      originalBytes: 54,
    },
    { bytes: ethernet({}, etherType.ipv4, packet4), becomes: is4 },
  ])
}

const both = (shape: (protocol: number, payload: Uint8Array) => Uint8Array): Frame[] => [
  { bytes: shape(0x0800, packet4), becomes: is4 },
  { bytes: shape(0x86dd, packet6), becomes: is6 },
  { bytes: shape(0x8100, joined([word(5), word(0x0800), packet4])), becomes: is4 },
  { bytes: shape(0x0806, new Uint8Array(28)), becomes: 'nonIp' },
]

const bare: readonly Frame[] = [
  { bytes: packet4, becomes: is4 },
  { bytes: packet6, becomes: is6 },
]

export const linkLayers = (): CaptureCase[] => [
  loopback('null-le.pcap', (value) => bytes(value, 0, 0, 0)),
  loopback('null-be.pcap', (value) => bytes(0, 0, 0, value)),
  one('raw.pcap', 101, bare),
  one('raw-bsd.pcap', 12, bare),
  one('raw-openbsd.pcap', 14, bare),
  one('ipv4.pcap', 228, [bare[0]!]),
  one('ipv6.pcap', 229, [bare[1]!]),
  one('sll.pcap', 113, both(sll)),
  one('sll2.pcap', 276, both(sll2)),
  tagged(),
  labelled(),
  sessions(),
  otherEtherTypes(),
  one('unknown-link.pcap', 147, [{ bytes: packet4, becomes: 'nonIp' }]),
]
