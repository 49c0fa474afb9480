import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { addressBytes } from './address-bytes.ts'
import { etherType, ethernet, fragmentIpv4, fragmentIpv6, ipv4, ipv6 } from './frame-writer.ts'
import { PcapWriter } from './pcap-writer.ts'
import { packetDirection, PcapngWriter } from './pcapng-writer.ts'
import { icmp, icmpv6, joined, opaque, tcp, udp } from './transport-writer.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const abc = new TextEncoder().encode('abc')

const v4 = { source: '10.0.0.1', destination: '10.0.0.2' }
const v6 = { source: '2001:db8::1', destination: '2001:db8::2' }
const syn = tcp({ sourcePort: 40000, destinationPort: 80, flags: 2, sequence: 1 })

test('a pcap file, in every resolution and byte order', () => {
  const file = (nanoseconds: boolean, byteOrder: 'little' | 'big', snapLength?: number) => {
    const more = snapLength === undefined ? {} : { snapLength }
    const writer = new PcapWriter({ linkType: 1, nanoseconds, byteOrder, ...more })
    writer.packet(1700000000, 123456789, abc, 2, 1500)
    return hex(joined(writer.finish()))
  }
  assert.equal(
    file(false, 'little'),
    hex(
      bytes(
        'd4c3b2a1 02000400 00000000 00000000 00000400 01000000 00f15365 40e20100 02000000 dc050000 6162',
      ),
    ),
  )
  assert.equal(
    file(true, 'big', 96),
    hex(
      bytes(
        'a1b23c4d 00020004 00000000 00000000 00000060 00000001 6553f100 075bcd15 00000002 000005dc 6162',
      ),
    ),
  )
  assert.equal(file(false, 'big').slice(0, 16), 'a1b2c3d400020004')
  assert.equal(file(true, 'little').slice(0, 16), '4d3cb2a102000400')
})

test('a pcapng file: interface options, enhanced and simple packets, padding', () => {
  const writer = new PcapngWriter({ byteOrder: 'big' })
  writer.addInterface({ name: 'web', linkType: 1, snapLength: 2, timeResolution: 9 })
  writer.packet(0, 1700000000, 123456789, abc, packetDirection.outbound, 3, 60)
  writer.simplePacket(abc)
  const want = [
    '0a0d0d0a 0000001c 1a2b3c4d 00010000 ffffffff ffffffff 0000001c',
    '00000001 00000028 00010000 00000002 0002 0003 77656200 0009 0001 09000000 0000 0000 00000028',
    // 1700000000123456789 is 17979cfe3d85cd15.
    '00000006 00000030 00000000 17979cfe 3d85cd15 00000003 0000003c 61626300',
    '0002 0004 00000002 0000 0000 00000030',
    '00000003 00000014 00000003 61620000 00000014',
  ]
  assert.equal(hex(joined(writer.finish())), want.join('').replaceAll(' ', ''))
})

test('pcapng times are exact in every resolution', () => {
  const units = (
    timeResolution: number,
    second: number,
    nanosecond: number,
    timeOffset?: number,
  ) => {
    const writer = new PcapngWriter()
    const offset = timeOffset === undefined ? {} : { timeOffset }
    writer.addInterface({ linkType: 1, timeResolution, ...offset })
    writer.takeChunks()
    writer.packet(0, second, nanosecond, new Uint8Array(0))
    const all = joined(writer.finish())
    const at = all.length - 32 + 12
    const view = new DataView(all.buffer)
    return (BigInt(view.getUint32(at, true)) << 32n) | BigInt(view.getUint32(at + 4, true))
  }
  assert.equal(units(6, 1700000000, 123456789), 1700000000123456n)
  assert.equal(units(9, 1700000000, 999999999), 1700000000999999999n)
  assert.equal(units(9, 4294967295, 1), 4294967295000000001n)
  assert.equal(units(0, 1700000000, 999999999), 1700000000n)
  assert.equal(units(3, 1700000000, 999999999), 1700000000999n)
  assert.equal(units(0x80 | 10, 1700000000, 500000000), 1700000000n * 1024n + 512n)
  assert.equal(units(0x80 | 23, 4294967295, 999999999), (4294967295n << 23n) + 8388607n)
  assert.equal(units(9, 1700000001, 5, 1700000000), 1000000005n)
})

test('chunks are handed on while the file grows and make the same file', () => {
  const frame = new Uint8Array(1500).fill(7)
  const inOne = new PcapngWriter()
  const taken = new PcapngWriter()
  inOne.addInterface({ linkType: 1 })
  taken.addInterface({ linkType: 1 })
  const chunks: Uint8Array[] = []
  for (let i = 0; i < 200; i++) {
    inOne.packet(0, 1700000000 + i, 0, frame)
    taken.packet(0, 1700000000 + i, 0, frame)
    chunks.push(...taken.takeChunks())
  }
  assert.ok(chunks.length >= 4, 'full chunks come before the end')
  assert.equal(hex(joined([...chunks, ...taken.finish()])), hex(joined(inOne.finish())))
})

test('a piece larger than a chunk stays in one piece', () => {
  const writer = new PcapWriter({ linkType: 101 })
  writer.packet(1, 0, new Uint8Array(200_000).fill(9))
  const chunks = writer.finish()
  assert.deepEqual(
    chunks.map((chunk) => chunk.length),
    [24, 200_016],
  )
})

test('blocks of any type are written where they belong, also in the next chunk', () => {
  const writer = new PcapngWriter()
  const count = 10_000
  for (let i = 0; i < count; i++) writer.block(0x0bad, Uint8Array.of(i >> 8, i & 0xff, 1, 2))
  const all = joined(writer.finish())
  assert.equal(all.length, 28 + count * 16)
  for (let i = 0; i < count; i++)
    assert.deepEqual(
      all.slice(28 + i * 16 + 8, 28 + i * 16 + 12),
      Uint8Array.of(i >> 8, i & 0xff, 1, 2),
    )
})

test('addresses as bytes', () => {
  const is = (text: string, want: string) => assert.equal(hex(addressBytes(text)), want)
  is('10.0.0.1', '0a000001')
  is('::', '00'.repeat(16))
  is('2001:db8::1', '20010db8000000000000000000000001')
  is('fe80:1:2:3:4:5:6:7', 'fe800001000200030004000500060007')
  is('::ffff:192.0.2.1', '00000000000000000000ffffc0000201')
  assert.throws(() => addressBytes('10.0.0'), /bug: 10\.0\.0 is an address/)
})

test('an IPv4 packet, byte for byte', () => {
  assert.equal(
    hex(ipv4({ ...v4, identification: 0x1234 }, syn)),
    '45000028123440004006149a0a0000010a000002' + '9c40005000000001000000005002ffffff4e0000',
  )
  assert.equal(
    hex(ethernet({ tags: [{ etherType: etherType.vlan, id: 10 }] }, etherType.ipv4, bytes('aabb'))),
    '020000000002020000000001' + '8100000a' + '0800' + 'aabb',
  )
})

test('fragments carry their offsets, their own lengths and the more bit', () => {
  const datagram = udp({ sourcePort: 5000, destinationPort: 53, payload: new Uint8Array(30) })
  const heads = fragmentIpv4(ipv4({ ...v4, dontFragment: false }, datagram), 16).map((each) =>
    hex(each.subarray(2, 8)),
  )
  assert.deepEqual(heads, ['002400002000', '002400002002', '001a00000004'])
  const six = fragmentIpv6(ipv6(v6, datagram), 24, 7).map(
    (each) => hex(each.subarray(4, 7)) + ' ' + hex(each.subarray(40, 48)),
  )
  assert.deepEqual(six, ['00202c 1100000100000007', '00162c 1100001800000007'])
})

const tshark = spawnSync('tshark', ['--version']).status === 0
const needsTshark = tshark ? {} : { skip: 'tshark is not installed' }

test('tshark finds every checksum right', needsTshark, () => {
  const writer = new PcapngWriter()
  writer.addInterface({ linkType: 1, name: 'a', timeResolution: 9 })
  const carried = [
    [syn, syn],
    [
      udp({ sourcePort: 1, destinationPort: 2, payload: abc }),
      udp({ sourcePort: 1, destinationPort: 2 }),
    ],
    [icmp({ type: 8, word: 0x10001, payload: abc }), icmpv6({ type: 128, word: 1, payload: abc })],
  ] as const
  for (const [four, six] of carried) {
    writer.packet(0, 1700000000, 5, ethernet({}, etherType.ipv4, ipv4(v4, four)))
    writer.packet(0, 1700000000, 5, ethernet({}, etherType.ipv6, ipv6(v6, six)))
  }
  const fields = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6'].map((name) => `${name}.checksum.status`)
  const rows = readWithTshark(joined(writer.finish()), [...fields, 'frame.time_epoch'])
  const time = '1700000000.000000005'
  assert.deepEqual(rows, [
    `1|1||||${time}`,
    `|1||||${time}`,
    `1||1|||${time}`,
    `||1|||${time}`,
    `1|||1||${time}`,
    `||||1|${time}`,
  ])
})

test('tshark reads every file form back', needsTshark, () => {
  const frame = ethernet({}, etherType.ipv4, ipv4(v4, opaque(253, abc)))
  for (const byteOrder of ['little', 'big'] as const) {
    for (const nanoseconds of [false, true]) {
      const pcap = new PcapWriter({ linkType: 1, byteOrder, nanoseconds })
      pcap.packet(1700000000, 123456789, frame, 34, 1514)
      const rows = readWithTshark(joined(pcap.finish()), [
        'frame.time_epoch',
        'frame.len',
        'frame.cap_len',
      ])
      assert.deepEqual(rows, [`1700000000.123456${nanoseconds ? '789' : '000'}|1514|34`])
    }
    const writer = new PcapngWriter({ byteOrder })
    writer.addInterface({ linkType: 1, name: 'eth0', timeResolution: 9 })
    const raw = writer.addInterface({ linkType: 101, name: 'tun0', timeResolution: 0x80 | 10 })
    writer.packet(0, 1700000000, 123456789, frame, packetDirection.inbound)
    writer.packet(raw, 1700000001, 500000000, frame.subarray(14))
    const names = ['frame.interface_name', 'frame.packet_flags_direction']
    const fields = ['frame.time_epoch', 'ip.proto']
    assert.deepEqual(readWithTshark(joined(writer.finish()), [...names, ...fields]), [
      'eth0|0x00000001|1700000000.123456789|253',
      'tun0||1700000001.500000000|253',
    ])
  }
})

test('tshark follows a change of section and byte order', needsTshark, () => {
  const frame = ethernet({}, etherType.ipv4, ipv4(v4, opaque(253, abc)))
  for (const byteOrder of ['little', 'big'] as const) {
    const writer = new PcapngWriter({ byteOrder })
    writer.addInterface({ linkType: 101 })
    writer.packet(0, 1700000001, 0, frame.subarray(14))
    writer.section(byteOrder === 'big' ? 'little' : 'big')
    writer.addInterface({ linkType: 1, name: 'eth1', timeOffset: 1000 })
    writer.packet(0, 1700000002, 1000, frame)
    assert.deepEqual(readWithTshark(joined(writer.finish()), ['frame.time_epoch', 'ip.proto']), [
      '1700000001.000000000|253',
      '1700000002.000001000|253',
    ])
  }
})

function readWithTshark(file: Uint8Array, fields: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'weir-writers-'))
  try {
    const path = join(folder, 'file')
    writeFileSync(path, file)
    const sums = ['ip', 'tcp', 'udp'].flatMap((name) => ['-o', `${name}.check_checksum:TRUE`])
    const args = ['-n', '-r', path, ...sums, '-T', 'fields', '-E', 'separator=|']
    const run = spawnSync('tshark', [...args, ...fields.flatMap((field) => ['-e', field])])
    assert.equal(run.status, 0, String(run.stderr))
    return String(run.stdout).trimEnd().split('\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
}
