import assert from 'node:assert/strict'
import { test } from 'node:test'
import { about, PacketBatch, packetBatchRows, rowWords, word } from '../packet/packet.ts'
import { etherType, ethernet, ipv4, ipv6 } from '../packet/frame-writer.ts'
import { tcp, udp } from '../packet/transport-writer.ts'
import { RingFrames, type RingSide } from './ring-frames.ts'

const blockBytes = 1 << 16
const outgoing = 4
const otherHost = 3

interface TestFrame {
  readonly bytes: Uint8Array
  readonly packetType?: number
  readonly second?: number
  readonly nanosecond?: number
  readonly device?: number
  readonly etherType?: number
  /** Bytes before the IP header. */
  readonly before?: number
  readonly captured?: number
  readonly original?: number
  readonly gso?: { type: number; headers: number; bytes: number }
}

/** Writes a block as the kernel does: frames packed one behind the other, then the status. */
function writeBlock(memory: ArrayBuffer, block: number, frames: readonly TestFrame[]): void {
  const view = new DataView(memory, block * blockBytes, blockBytes)
  let at = 48
  frames.forEach((frame, i) => {
    const before = frame.before ?? 14
    const captured = frame.captured ?? frame.bytes.length
    const net = 96 + before
    const mac = 96
    const length = (mac + captured + 7) & ~7
    const last = i === frames.length - 1
    view.setUint32(at, last ? 0 : length, true)
    view.setUint32(at + 4, frame.second ?? 1_700_000_000, true)
    view.setUint32(at + 8, frame.nanosecond ?? 0, true)
    view.setUint32(at + 12, captured, true)
    view.setUint32(at + 16, frame.original ?? frame.bytes.length, true)
    view.setUint16(at + 24, mac, true)
    view.setUint16(at + 26, net, true)
    view.setUint16(at + 50, frame.etherType ?? 0)
    view.setUint16(at + 56, frame.device ?? 1, true)
    view.setUint8(at + 58, frame.packetType ?? 0)
    if (frame.gso !== undefined) {
      view.setUint8(at + mac - 9, frame.gso.type)
      view.setUint16(at + mac - 8, frame.gso.headers, true)
      view.setUint16(at + mac - 6, frame.gso.bytes, true)
    }
    new Uint8Array(memory, block * blockBytes + at + mac).set(frame.bytes.subarray(0, captured))
    at += length
  })
  view.setUint32(12, frames.length, true)
  view.setUint32(16, 48, true)
  view.setUint32(8, 1, true)
}

const status = (memory: ArrayBuffer, block: number): number =>
  new DataView(memory).getUint32(block * blockBytes + 8, true)

const udpTo = (port: number): Uint8Array =>
  ethernet(
    {},
    etherType.ipv4,
    ipv4(
      { source: '10.0.0.1', destination: '10.0.0.2' },
      udp({ sourcePort: 5000, destinationPort: port, payload: new Uint8Array(32) }),
    ),
  )

interface Row {
  source: number
  ports: string
  bytes: number
  packets: number
  second: number
  nanosecond: number
  interface: number
  direction: number
}

function rowsOf(batch: PacketBatch): Row[] {
  return Array.from({ length: batch.rows }, (_, row) => {
    const at = (name: keyof typeof word): number => batch.words[row * rowWords + word[name]]!
    return {
      source: at('source') >>> 0,
      ports: `${at('ports') >>> 16}>${at('ports') & 0xffff}`,
      bytes: at('bytes'),
      packets: at('packets'),
      second: at('second'),
      nanosecond: at('nanosecond'),
      interface: at('interface'),
      direction: (at('about') >> about.directionShift) & about.directionMask,
    }
  })
}

function read(frames: readonly TestFrame[], side: RingSide = 'guest', interfaceIndex = 0): Row[] {
  const memory = new ArrayBuffer(blockBytes * 2)
  writeBlock(memory, 0, frames)
  const batch = new PacketBatch()
  new RingFrames(memory, blockBytes, side, interfaceIndex).take(batch)
  return rowsOf(batch)
}

test('a frame becomes a row with its time, interface, bytes at the IP layer and direction', () => {
  const frame = { bytes: udpTo(53), second: 1_700_000_001, nanosecond: 999_999_999 }
  assert.deepEqual(read([frame], 'guest', 7), [
    {
      source: 0x0a000001,
      ports: '5000>53',
      bytes: 60,
      packets: 1,
      second: 1_700_000_001,
      nanosecond: 999_999_999,
      interface: 7,
      direction: 1,
    },
  ])
})

test('direction is the ring’s, and turns round at the far end of a veth or tap', () => {
  const f = (packetType: number, side: RingSide, want: number) =>
    assert.equal(read([{ bytes: udpTo(1), packetType }], side)[0]?.direction, want)
  f(outgoing, 'guest', 2)
  f(0, 'guest', 1)
  f(otherHost, 'guest', 1)
  f(outgoing, 'host', 1)
  f(0, 'host', 2)
  f(otherHost, 'host', 2)
})

test('blocks are read in turn and given back when their last frame was taken', () => {
  const memory = new ArrayBuffer(blockBytes * 2)
  const frames = new RingFrames(memory, blockBytes, 'guest', 0)
  const batch = new PacketBatch()
  const many = Array.from({ length: 300 }, (_, i) => ({ bytes: udpTo(i) }))
  writeBlock(memory, 0, many)
  frames.take(batch)
  assert.equal(batch.rows, packetBatchRows)
  assert.equal(status(memory, 0), 1, 'a block half read is still ours')
  assert.equal(rowsOf(batch)[255]?.ports, '5000>255')

  writeBlock(memory, 1, [{ bytes: udpTo(1000) }])
  batch.rows = 0
  frames.take(batch)
  assert.deepEqual(
    rowsOf(batch).map((row) => row.ports),
    [...Array.from({ length: 44 }, (_, i) => `5000>${i + 256}`), '5000>1000'],
  )
  assert.deepEqual([status(memory, 0), status(memory, 1)], [0, 0])

  writeBlock(memory, 0, [{ bytes: udpTo(2000) }])
  batch.rows = 0
  frames.take(batch)
  assert.equal(rowsOf(batch)[0]?.ports, '5000>2000', 'the ring starts over')
  batch.rows = 0
  frames.take(batch)
  assert.equal(batch.rows, 0)
})

test('frames that are no packet fill no row and are counted', () => {
  const memory = new ArrayBuffer(blockBytes)
  const frames = new RingFrames(memory, blockBytes, 'guest', 0)
  const batch = new PacketBatch()
  const broken = udpTo(1)
  broken[14] = 0x41
  writeBlock(memory, 0, [
    { bytes: ethernet({}, etherType.arp, new Uint8Array(46)) },
    { bytes: broken },
    { bytes: udpTo(9) },
    { bytes: udpTo(1), captured: 20 },
  ])
  frames.take(batch)
  assert.deepEqual(
    rowsOf(batch).map((row) => row.ports),
    ['5000>9'],
  )
  assert.deepEqual([frames.nonIp, frames.malformed, frames.truncated], [1, 1, 1])
  assert.equal(status(memory, 0), 0)
})

test('a block without frames is given back', () => {
  const memory = new ArrayBuffer(blockBytes * 2)
  writeBlock(memory, 0, [])
  writeBlock(memory, 1, [{ bytes: udpTo(3) }])
  const batch = new PacketBatch()
  new RingFrames(memory, blockBytes, 'guest', 0).take(batch)
  assert.equal(batch.rows, 1)
  assert.equal(status(memory, 0), 0)
})

test('a link-layer broadcast is marked, a multicast is not', () => {
  const memory = new ArrayBuffer(blockBytes)
  const to = (destination: Uint8Array, address: string) => ({
    bytes: ethernet(
      { destination },
      etherType.ipv4,
      ipv4(
        { source: '10.0.0.1', destination: address },
        udp({ sourcePort: 1, destinationPort: 2 }),
      ),
    ),
  })
  const everyone = new Uint8Array(6).fill(0xff)
  writeBlock(memory, 0, [
    to(everyone, '10.0.0.255'),
    to(Uint8Array.of(1, 0, 0x5e, 0, 0, 1), '224.0.0.1'),
    to(Uint8Array.of(2, 0, 0, 0, 0, 1), '10.0.0.9'),
  ])
  const batch = new PacketBatch()
  new RingFrames(memory, blockBytes, 'guest', 0).take(batch)
  const marks = [0, 1, 2].map(
    (row) => batch.words[row * rowWords + word.about]! & (about.broadcast | about.multicast),
  )
  assert.deepEqual(marks, [about.broadcast, about.multicast, 0])
})

test('devices without an Ethernet header are read from where the kernel says IP begins', () => {
  const packet = ipv6(
    { source: 'fd00::1', destination: 'fd00::2' },
    udp({ sourcePort: 7, destinationPort: 8 }),
  )
  const tunDevice = 65534
  const bare = { bytes: packet, device: tunDevice, before: 0 }
  assert.equal(read([{ ...bare, etherType: 0x86dd }])[0]?.ports, '7>8')
  assert.deepEqual(read([{ ...bare, etherType: 0x0806 }]), [])
  const pppoe = new Uint8Array(8 + packet.length)
  pppoe.set(packet, 8)
  assert.equal(read([{ bytes: pppoe, device: 512, before: 8, etherType: 0x86dd }])[0]?.bytes, 48)
})

// "segments = ceil((len - hdr_len)/gso_size)" with the headers of the frame itself (capture.md, trap 1).
test('an offloaded frame counts as the packets and bytes of the wire', () => {
  const carrying = (payload: number) =>
    tcp({
      sourcePort: 1,
      destinationPort: 2,
      flags: 16,
      options: new Uint8Array(12),
      payload: new Uint8Array(payload),
    })
  const v4 = (payload: number) =>
    ethernet(
      {},
      etherType.ipv4,
      ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }, carrying(payload)),
    )
  const v6 = (payload: number) =>
    ethernet(
      {},
      etherType.ipv6,
      ipv6({ source: 'fd00::1', destination: 'fd00::2' }, carrying(payload)),
    )
  const f = (
    bytes: Uint8Array,
    gso: { type: number; headers: number; bytes: number },
    want: { packets: number; bytes: number },
  ) => {
    const [row] = read([{ bytes, captured: 128, gso }])
    assert.deepEqual({ packets: row?.packets, bytes: row?.bytes }, want)
  }
  const tcp4 = { type: 1, headers: 66, bytes: 1448 }
  f(v4(1448), { ...tcp4, type: 0 }, { packets: 1, bytes: 1500 })
  f(v4(1448), tcp4, { packets: 1, bytes: 1500 })
  f(v4(1449), tcp4, { packets: 2, bytes: 1449 + 2 * 52 })
  f(v4(14480), tcp4, { packets: 10, bytes: 10 * 1500 })
  f(v4(14480), { ...tcp4, type: 0x81 }, { packets: 10, bytes: 10 * 1500 })
  // A driver that joined packets leaves payload in the linear part: headers are not what it says.
  f(v4(14480), { ...tcp4, headers: 1514 }, { packets: 10, bytes: 10 * 1500 })
  f(v6(4284), { type: 4, headers: 86, bytes: 1428 }, { packets: 3, bytes: 3 * 1500 })

  const datagrams = ethernet(
    {},
    etherType.ipv4,
    ipv4(
      { source: '10.0.0.1', destination: '10.0.0.2' },
      udp({ sourcePort: 1, destinationPort: 2, payload: new Uint8Array(2500) }),
    ),
  )
  f(datagrams, { type: 5, headers: 42, bytes: 1000 }, { packets: 3, bytes: 2500 + 3 * 28 })
  // TCP inside a tunnel: the outer header is not TCP's, so the kernel's length of all headers counts.
  f(datagrams, { type: 1, headers: 122, bytes: 1000 }, { packets: 3, bytes: 2420 + 3 * 108 })
})

test('all frames are counted, as the kernel counts them and what the wire has more', () => {
  const segment = tcp({
    sourcePort: 1,
    destinationPort: 2,
    flags: 16,
    payload: new Uint8Array(2921),
  })
  const joined = ethernet(
    {},
    etherType.ipv4,
    ipv4({ source: '10.0.0.1', destination: '10.0.0.2' }, segment),
  )
  const arp = ethernet({}, 0x0806, new Uint8Array(28))
  const memory = new ArrayBuffer(blockBytes * 2)
  writeBlock(memory, 0, [
    { bytes: joined, captured: 128, gso: { type: 1, headers: 54, bytes: 1460 } },
    { bytes: udpTo(53), packetType: outgoing },
    { bytes: arp },
  ])
  const frames = new RingFrames(memory, blockBytes, 'guest', 0)
  frames.take(new PacketBatch())
  assert.deepEqual(frames.counts, {
    frames: 3,
    bytes: 14 + 40 + 2921 + udpTo(53).length + arp.length,
    extraPackets: 2,
    extraBytes: 2 * (14 + 40),
  })
})

test('frames beyond 64 KiB (BIG TCP), whose length fields are 0', () => {
  const payload = 90_000
  const segment = { sourcePort: 1, destinationPort: 2, flags: 16 }
  const counted = (bytes: Uint8Array, original: number, type: number) => {
    const [row] = read([
      { bytes, captured: 110, original, gso: { type, headers: 54, bytes: 1000 } },
    ])
    return { ports: row?.ports, packets: row?.packets, bytes: row?.bytes }
  }
  const v4 = ipv4({ source: '10.0.0.1', destination: '10.0.0.2', totalLength: 0 }, tcp(segment))
  assert.deepEqual(counted(padded(etherType.ipv4, v4), 14 + 40 + payload, 1), {
    ports: '1>2',
    packets: 90,
    bytes: payload + 90 * 40,
  })
  const jumbo = new Uint8Array(8)
  new DataView(jumbo.buffer).setUint16(2, 0xc204)
  new DataView(jumbo.buffer).setUint32(4, 8 + 20 + payload)
  const v6 = ipv6(
    {
      source: 'fd00::1',
      destination: 'fd00::2',
      payloadLength: 0,
      extensions: [{ number: 0, bytes: jumbo }],
    },
    tcp(segment),
  )
  assert.deepEqual(counted(padded(etherType.ipv6, v6), 14 + 48 + 20 + payload, 4), {
    ports: '1>2',
    packets: 90,
    bytes: payload + 90 * 60,
  })
})

function padded(type: number, packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(200)
  frame.set(ethernet({}, type, packet))
  return frame
}
