/** Messages of nftables' log rules, recorded on Linux 6.18, and damaged. Live: `nflog.live.test.ts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { about, PacketBatch, rowWords, word } from '../packet/packet.ts'
import { ipv4, ipv6 } from '../packet/frame-writer.ts'
import { tcp } from '../packet/transport-writer.ts'
import { Random } from '../sample/random.ts'
import { AttributeWalk, MessageWalk, netlinkRequest } from './netlink-message.ts'
import { NflogMessages, type NflogPlace } from './nflog-messages.ts'

const message = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex, 'hex'))

// One datagram each, of UDP from port 6000, rejected at the hook of that name at eth0, which is device 2.
const recorded = {
  netdevIngress: message(
    'cc0000000004000000000000000000000500000508000100080000000c000a0052206e642d696e000800040000' +
      '0000021000080000060000020000000002000006000f000001000006001100000e000012001000020000000001' +
      '0200000000020800000014000300000000006b0343320000000000048e0a08000b000000000008000e00000000' +
      '0008000c000000000012001500020000000001020000000002080000002500090045000021ddb640004011484d' +
      '0a6300020a63000117701b59000d14e768656c6c6f000000',
  ),
  inetIngress: message(
    'a80000000004000000000000000000000200000508000100080005000f000a005220696e65742d696e67000008' +
      '000400000000021000080000060000020000000002000006000f000001000006001100000e0000120010000200' +
      '000000010200000000020800000008000b000000000008000e000000000008000c000000000125000900450000' +
      '21ddc14000401148420a6300020a63000117701b5b000d14e768656c6c6f000000',
  ),
  preRouting: message(
    'a80000000004000000000000000000000200000508000100080000000a000a0052207072650000000800040000' +
      '0000021000080000060000020000000002000006000f000001000006001100000e000012001000020000000001' +
      '0200000000020800000014000300000000006b0343320000000000063bcf08000c000000000225000900450000' +
      '21ddcd4000401148360a6300020a63000117701b5c000d14e768656c6c6f000000',
  ),
  input4: message(
    'a800000000040000000000000000000002000005080001000800010009000a00523a696e000000000800040000' +
      '0000021000080000060000020000000002000006000f000001000006001100000e000012001000020000000001' +
      '0200000000020800000014000300000000006b034332000000000007055208000c000000000325000900450000' +
      '21ddd34000401148300a6300020a63000117701b5d000d14e768656c6c6f000000',
  ),
  input6: message(
    'bc0000000004000000000000000000000a0000050800010086dd010009000a00523a696e000000000800040000' +
      '0000021000080000060000020000000002000006000f000001000006001100000e000012001000020000000001' +
      '02000000000286dd000014000300000000006b034332000000000008006a08000c00000000043900090060050c' +
      '31000d1140fd990000000000000000000000000002fd99000000000000000000000000000117701b5d000dfb54' +
      '68656c6c6f000000',
  ),
  egress4: message(
    'a40000000004000000000000000000000500000508000100080001000c000a0052206e642d6567000800050000' +
      '00000214000300000000006b034332000000000008bd5f08000b000000000008000e000000000008000c000000' +
      '000512001500020000000002020000000001080000003300090002000000000202000000000108004500002112' +
      '8840004011137c0a6300010a63000217701b5a000d14e768656c6c6f00',
  ),
  output4: message(
    '700000000004000000000000000000000200000508000100080003000a000a00523a6f75740000000800050000' +
      '00000208000b000000000008000e000000000008000c00000000062500090045000021128940004011137b0a63' +
      '00010a63000217701b5e000d14e768656c6c6f000000',
  ),
  postRouting: message(
    '700000000004000000000000000000000200000508000100080004000b000a005220706f737400000800050000' +
      '00000208000b000000000008000e000000000008000c0000000007250009004500002112924000401113720a63' +
      '00010a63000217701b5f000d14e768656c6c6f000000',
  ),
  egress6: message(
    'b8000000000400000000000000000000050000050800010086dd01000c000a0052206e642d6567000800050000' +
      '00000214000300000000006b03433200000000000af6a708000b000000000008000e000000000008000c000000' +
      '00081200150002000000000202000000000186dd00004700090002000000000202000000000186dd6003b30800' +
      '0d1140fd990000000000000000000000000001fd99000000000000000000000000000217701b5a000dfb546865' +
      '6c6c6f00',
  ),
}

const guest: NflogPlace = {
  side: 'guest',
  turned: false,
  port: undefined,
  mtu: 1500,
  interfaceIndex: 3,
}

class Reader {
  readonly batch = new PacketBatch()
  readonly messages: NflogMessages
  readonly #bytes = new Uint8Array(64 * 1024)
  readonly #view = new DataView(this.#bytes.buffer)
  readonly #walk = new MessageWalk(this.#view)

  constructor(place: Partial<NflogPlace> = {}) {
    this.messages = new NflogMessages(this.#view, { ...guest, ...place })
  }

  /** @param now milliseconds */
  read(datagram: Uint8Array, now = 1_700_000_000_250): void {
    this.#bytes.set(datagram)
    this.#walk.begin(datagram.length)
    while (this.#walk.next()) this.messages.add(this.#walk.from, this.#walk.to, this.batch, now)
  }

  get rows(): string[] {
    const { words, rows } = this.batch
    return Array.from({ length: rows }, (_, row) => {
      const at = (index: number): number => words[row * rowWords + index]!
      const mark = at(word.about)
      const direction = ['-', 'in', 'out'][(mark >> about.directionShift) & about.directionMask]
      const time = `${at(word.second) >>> 0}.${String(at(word.nanosecond)).padStart(9, '0')}`
      const ports = `${at(word.ports) >>> 16} > ${at(word.ports) & 0xffff}`
      const size = `${at(word.packets)} x ${at(word.bytes) >>> 0}`
      return `${direction} ${mark & about.ipv6 ? 6 : 4} ${ports} ${size} at ${time} if ${at(word.interface)}`
    })
  }
}

test('what a rule at each hook reports', () => {
  const reader = new Reader()
  for (const each of Object.values(recorded)) reader.read(each)
  assert.deepEqual(reader.rows, [
    'in 4 6000 > 7001 1 x 33 at 1795375922.298506000 if 3',
    'in 4 6000 > 7003 1 x 33 at 1700000000.250000000 if 3',
    'in 4 6000 > 7004 1 x 33 at 1795375922.408527000 if 3',
    'in 4 6000 > 7005 1 x 33 at 1795375922.460114000 if 3',
    'in 6 6000 > 7005 1 x 53 at 1795375922.524394000 if 3',
    'out 4 6000 > 7002 1 x 33 at 1795375922.572767000 if 3',
    'out 4 6000 > 7006 1 x 33 at 1700000000.250000000 if 3',
    'out 4 6000 > 7007 1 x 33 at 1700000000.250000000 if 3',
    'out 6 6000 > 7002 1 x 53 at 1795375922.718503000 if 3',
  ])
  assert.equal(reader.messages.lost, 0)
  assert.equal(reader.messages.malformed, 0)
})

test('rules at the far end of a veth: what the port receives, the ENI sent', () => {
  const reader = new Reader({ side: 'host', port: 2 })
  for (const each of [recorded.preRouting, recorded.postRouting]) reader.read(each)
  assert.deepEqual(
    reader.rows.map((row) => row.split(' at ')[0]),
    ['out 4 6000 > 7004 1 x 33', 'in 4 6000 > 7007 1 x 33'],
  )
})

interface Made {
  readonly prefix?: string
  readonly hook?: number
  readonly sequence?: number
  readonly devices?: Readonly<Record<number, number>>
  readonly payload?: Uint8Array
}

const number = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}
const device = { in: 4, out: 5, physicalIn: 6, physicalOut: 7 } as const
const ends4 = { source: '10.0.0.1', destination: '10.0.0.2' }
const ends6 = { source: 'fd00::1', destination: 'fd00::2' }
const syn = ipv4(ends4, tcp({ sourcePort: 40000, destinationPort: 22, flags: 2 }))

const made = ({ prefix = 'R', hook = 1, sequence, devices = {}, payload = syn }: Made = {}) =>
  netlinkRequest(0x400, 0, 0, Uint8Array.of(2, 0, 0, 5), [
    { type: 1, value: Uint8Array.of(8, 0, hook, 0) },
    { type: 10, value: new TextEncoder().encode(`${prefix}\0`) },
    ...Object.entries(devices).map(([type, index]) => ({ type: +type, value: number(index) })),
    ...(sequence === undefined ? [] : [{ type: 12, value: number(sequence) }]),
    { type: 9, value: payload },
  ])

const directionOf = (what: Made, place: Partial<NflogPlace> = {}): string => {
  const reader = new Reader(place)
  reader.read(made(what))
  return reader.rows[0]?.split(' ')[0] ?? `ignored ${reader.messages.ignored}`
}

test('the direction is what the prefix says, else what port and hook say', () => {
  const forward = { hook: 2, devices: { [device.in]: 9, [device.out]: 9 } }
  assert.equal(directionOf({ prefix: 'R:out' }), 'out')
  assert.equal(directionOf({ prefix: 'R sg-web:in ', hook: 3 }), 'in')
  assert.equal(directionOf({ prefix: 'R:o' }), 'in')
  assert.equal(directionOf({ prefix: 'R:' }), 'in')
  assert.equal(directionOf({ hook: 3 }), 'out')
  assert.equal(directionOf(forward), '-')
  // In the forward hook of a bridge: in and out are the bridge, the ports are the physical devices.
  const from7 = { ...forward.devices, [device.physicalIn]: 7, [device.physicalOut]: 8 }
  assert.equal(directionOf({ hook: 2, devices: from7 }, { side: 'host', port: 7 }), 'out')
  assert.equal(directionOf({ hook: 2, devices: from7 }, { side: 'host', port: 8 }), 'in')
  assert.equal(directionOf({ hook: 2, devices: from7 }, { side: 'host', port: 4 }), 'ignored 1')
})

test('directions are turned for one who turns them back', () => {
  const forward = { hook: 2, devices: { [device.in]: 9, [device.out]: 9 } }
  const turned = { turned: true }
  assert.equal(directionOf({ prefix: 'R:out', hook: 1 }, turned), 'in')
  assert.equal(directionOf({ hook: 1 }, turned), 'out')
  assert.equal(directionOf(forward, turned), '-')
})

test('messages that are no rejects are counted, and numbered like the others', () => {
  const reader = new Reader()
  reader.read(made({ prefix: 'A:in', sequence: 0 }))
  reader.read(made({ prefix: 'R:in', sequence: 1 }))
  reader.read(made({ prefix: '', sequence: 2 }))
  assert.equal(reader.batch.rows, 1)
  assert.deepEqual([reader.messages.ignored, reader.messages.lost], [2, 0])
})

test('missing numbers are lost messages, around 2^32 too', () => {
  const reader = new Reader()
  for (const sequence of [2, 3, 7]) reader.read(made({ sequence }))
  assert.deepEqual([reader.messages.lost, reader.messages.gaps], [2 + 3, 1])
  const late = new Reader()
  for (const sequence of [0, 0xffff_fffe]) late.read(made({ sequence }))
  const before = late.messages.lost
  for (const sequence of [0xffff_ffff, 0, 3]) late.read(made({ sequence }))
  assert.deepEqual([before, late.messages.lost - before], [0xffff_fffd, 2])
})

test('TCP that was not cut yet is estimated by the largest packet, UDP is not', () => {
  const headers = 20 + 20
  const payload = new Uint8Array(3 * (1500 - headers) + 1)
  const segment = tcp({ sourcePort: 1, destinationPort: 2, flags: 16, payload })
  const big4 = ipv4(ends4, segment)
  const big6 = ipv6(ends6, segment)
  const reader = new Reader()
  for (const each of [big4, big6]) reader.read(made({ payload: each.subarray(0, 96) }))
  assert.deepEqual(
    reader.rows.map((row) => row.split(' at ')[0]),
    [
      `in 4 1 > 2 4 x ${payload.length + 4 * headers}`,
      `in 6 1 > 2 4 x ${payload.length + 4 * (40 + 20)}`,
    ],
  )
  assert.equal(reader.messages.estimated, 2)
  const datagram = big4.slice()
  datagram[9] = 17
  reader.read(made({ payload: datagram }))
  assert.equal(reader.rows[2]!.split(' at ')[0], `in 4 1 > 2 1 x ${payload.length + headers}`)
  assert.equal(reader.messages.estimated, 2)
})

test('a payload that is not IP, or none, is counted', () => {
  const reader = new Reader()
  reader.read(made({ payload: new Uint8Array(0) }))
  reader.read(made({ payload: Uint8Array.of(0x45, 0, 0) }))
  reader.read(made({ payload: new Uint8Array(28) }))
  reader.read(netlinkRequest(0x400, 0, 0, new Uint8Array(0)))
  assert.equal(reader.batch.rows, 0)
  assert.equal(reader.messages.malformed, 4)
})

test('cut and mutated messages neither crash nor hang', () => {
  const seed = 20_260_731
  const rounds = process.env['WEIR_LONG'] === '1' ? 300_000 : 5000
  const random = new Random(seed)
  const all = Object.values(recorded)
  const view = (bytes: Uint8Array<ArrayBuffer>): DataView => new DataView(bytes.buffer)
  for (let round = 0; round < rounds; round++) {
    const whole = all[round % all.length]!
    const bytes = whole.slice(0, random.whole(0, whole.length))
    for (let i = random.whole(0, 5); i > 0 && bytes.length > 0; i--)
      bytes[random.whole(0, bytes.length - 1)] = random.whole(0, 255)
    // Were anything read behind the datagram, the view would throw RangeError.
    const batch = new PacketBatch()
    const messages = new NflogMessages(view(bytes), guest)
    const walk = new MessageWalk(view(bytes))
    walk.begin(bytes.length)
    while (walk.next()) messages.add(walk.from, walk.to, batch, 0)
    const { ignored, nonIp, malformed } = messages
    const read = batch.rows + ignored + nonIp + malformed
    assert.ok(read <= 1 + bytes.length / 16, `seed ${seed} round ${round}`)
    const attributes = new AttributeWalk(view(bytes))
    attributes.begin(0, bytes.length)
    while (attributes.next()) assert.ok(attributes.to <= bytes.length)
  }
})
