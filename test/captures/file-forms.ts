/** The two file formats in all their forms: byte orders, resolutions, sections, damage, compression. */
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import {
  etherType,
  ethernet,
  icmp,
  ipv4,
  ipv6,
  joined,
  packetDirection,
  PcapngWriter,
  PcapWriter,
  tcp,
  udp,
} from '../../src/packet/packet.ts'
import { after, counts, eachSecond, type CaptureCase, type Frame } from './capture-case.ts'

const v4 = { source: '10.0.0.1', destination: '10.0.0.2' }
const back = { source: '10.0.0.2', destination: '10.0.0.1' }
const v6 = { source: '2001:db8::1', destination: '2001:db8::2' }
const bytes = (length: number) => new Uint8Array(length).fill(0x61)
const four = (packet: Uint8Array) => ethernet({}, etherType.ipv4, packet)
const six = (packet: Uint8Array) => ethernet({}, etherType.ipv6, packet)

/** A handshake, an exchange by UDP over IPv6, an echo, and ARP, which is not counted. */
const conversation: readonly Frame[] = [
  {
    bytes: four(ipv4(v4, tcp({ sourcePort: 40000, destinationPort: 80, flags: 2 }))),
    becomes: counts(6, '10.0.0.1:40000', '10.0.0.2:80', 40, 2),
  },
  {
    bytes: four(ipv4(back, tcp({ sourcePort: 80, destinationPort: 40000, flags: 18 }))),
    becomes: counts(6, '10.0.0.2:80', '10.0.0.1:40000', 40, 18),
  },
  {
    bytes: four(
      ipv4(v4, tcp({ sourcePort: 40000, destinationPort: 80, flags: 24, payload: bytes(10) })),
    ),
    becomes: counts(6, '10.0.0.1:40000', '10.0.0.2:80', 50, 24),
  },
  { bytes: ethernet({}, etherType.arp, bytes(28)), becomes: 'nonIp' },
  {
    bytes: six(ipv6(v6, udp({ sourcePort: 5000, destinationPort: 53, payload: bytes(7) }))),
    becomes: counts(17, '[2001:db8::1]:5000', '[2001:db8::2]:53', 55),
  },
  {
    bytes: four(ipv4(v4, icmp({ type: 8, word: 0x10001, payload: bytes(3) }))),
    becomes: counts(1, '10.0.0.1', '10.0.0.2', 31),
  },
]

/** A pcap file of frames that all have times. */
export function pcapFile(
  frames: readonly Frame[],
  more: { linkType?: number; nanoseconds?: boolean; byteOrder?: 'little' | 'big' } = {},
): Uint8Array {
  const writer = new PcapWriter({ linkType: 1, ...more })
  for (const { bytes: stored, at, originalBytes } of frames) {
    const [second, nanosecond] = moment(at!)
    writer.packet(second, nanosecond, stored, stored.length, originalBytes ?? stored.length)
  }
  return joined(writer.finish())
}

const moment = (at: bigint) => [Number(at / 1_000_000_000n), Number(at % 1_000_000_000n)] as const

function pcapForms(): CaptureCase[] {
  return [
    { name: 'pcap-us-le.pcap', nanoseconds: false, byteOrder: 'little' as const },
    { name: 'pcap-us-be.pcap', nanoseconds: false, byteOrder: 'big' as const },
    { name: 'pcap-ns-le.pcap', nanoseconds: true, byteOrder: 'little' as const },
    { name: 'pcap-ns-be.pcap', nanoseconds: true, byteOrder: 'big' as const },
  ].map(({ name, ...form }) => {
    const frames = eachSecond(conversation, form.nanoseconds ? 123_456_789 : 123_456_000)
    return { name, frames, file: pcapFile(frames, form) }
  })
}

/**
 * Two sections in different byte orders. In the first, interfaces of two link types and three
 * resolutions, blocks that are no packets, and packets without a time, cut at interface 0's snaplen.
 */
function pcapngForm(name: string, byteOrder: 'little' | 'big'): CaptureCase {
  const writer = new PcapngWriter({ byteOrder })
  const frames: Frame[] = []
  writer.block(0x0bad0bad, bytes(6))
  writer.addInterface({ name: 'eth0', linkType: 1, snapLength: 50, timeResolution: 9 })
  writer.addInterface({ name: 'tun0', linkType: 101, timeResolution: 0x80 | 10 })
  writer.addInterface({ linkType: 1, timeOffset: 1_600_000_000 })
  const put = (number: number, frame: Frame, at: bigint, cut = 0) => {
    writer.packet(number, ...moment(at), frame.bytes.subarray(cut), packetDirection.inbound)
    frames.push({ ...frame, at })
  }
  put(0, conversation[0]!, after(0, 987_654_321))
  put(1, conversation[4]!, after(1, 500_000_000), 14)
  put(2, conversation[5]!, after(2, 1_000))
  writer.block(4, new Uint8Array(4)) // name resolution: the end of its records
  for (const frame of [conversation[2]!, conversation[3]!, conversation[1]!]) {
    writer.simplePacket(frame.bytes)
    frames.push(frame)
  }
  writer.section(byteOrder === 'little' ? 'big' : 'little')
  writer.addInterface({ name: 'lo', linkType: 0 })
  const loopback = joined([Uint8Array.of(0, 0, 0, 2), conversation[2]!.bytes.subarray(14)])
  put(0, { ...conversation[2]!, bytes: loopback }, after(3))
  return { name, frames, file: joined(writer.finish()) }
}

/** Nothing in the file has a time. */
function untimed(): CaptureCase {
  const writer = new PcapngWriter()
  writer.addInterface({ linkType: 1 })
  for (const { bytes: frame } of conversation) writer.simplePacket(frame)
  return { name: 'untimed.pcapng', frames: conversation, file: joined(writer.finish()) }
}

/** The last record is cut: what came before it counts. */
function damaged(): CaptureCase[] {
  const frames = eachSecond(conversation)
  const kept = frames.slice(0, -1)
  const pcap = pcapFile(frames)
  const writer = new PcapngWriter()
  writer.addInterface({ linkType: 1 })
  for (const { bytes: stored, at } of frames) writer.packet(0, ...moment(at!), stored)
  const pcapng = joined(writer.finish())
  const damage = 'the file is cut inside its last packet'
  return [
    { name: 'cut-data.pcap', frames: kept, file: pcap.subarray(0, -5), damage },
    { name: 'cut-header.pcap', frames: kept, file: pcap.subarray(0, -(45 + 7)), damage },
    { name: 'cut.pcapng', frames: kept, file: pcapng.subarray(0, -9), damage },
  ]
}

/** Frames that were captured later than they are written, as two cards in one file give them. */
function outOfOrder(): CaptureCase {
  const seconds = [5, 2, 9, 0, 7, 3]
  const frames = conversation.map((frame, i) => ({ ...frame, at: after(seconds[i]!, 1_000 * i) }))
  return { name: 'out-of-order.pcap', frames, file: pcapFile(frames) }
}

function compressed(): CaptureCase[] {
  const frames = eachSecond(conversation)
  const file = pcapFile(frames)
  // Without a search for repeats the bytes are the same on every processor; byte 9 names the system.
  const gzip = gzipSync(file, { strategy: constants.Z_HUFFMAN_ONLY })
  gzip[9] = 0xff
  return [
    { name: 'compressed.pcap.gz', frames, file: gzip },
    { name: 'compressed.pcap.zst', frames, file: zstdCompressSync(file) },
  ]
}

export const fileForms = (): CaptureCase[] => [
  ...pcapForms(),
  pcapngForm('pcapng-le.pcapng', 'little'),
  pcapngForm('pcapng-be.pcapng', 'big'),
  untimed(),
  { name: 'empty.pcap', frames: [], file: pcapFile([]) },
  ...damaged(),
  outOfOrder(),
  ...compressed(),
]
