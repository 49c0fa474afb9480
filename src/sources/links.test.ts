/** Messages of the kernel, recorded, whole and damaged; then the kernel itself, in namespaces of the test's own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../sample/random.ts'
import { NamespacePair, noNamespaces } from '../../test/network-namespaces.ts'
import { readAddress, readLink } from './link-messages.ts'
import { bootId, Links, namespaceId } from './links.ts'
import { AttributeWalk, messageType, MessageWalk, netlinkRequest } from './netlink-message.ts'

const skip = noNamespaces()
const bytesOf = (hex: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(hex, 'hex'))

// Linux 6.18: `ip link show eth0` (a veth), `ip addr`, and an interface that is not there.
const recordedLink = bytesOf(
  'e00500001000000007000000dd3b0000000001000200000043100100000000000900030065746830000000000800' +
    '0d00e803000005001000060000000500110000000000050043000000000008000400dc0500000800320044000000' +
    '08003300ffff000008001b000000000008001e000000000008003d000000000008001f000200000008002800ffff' +
    '0000080029000000010008003a000000010008003f0000000100080040000000010008003b00f8ff070008003c00' +
    'ffff0000080042000000000008002000020000000500210001000000080023000200000008002f00010000000800' +
    '3000010000000600440000000000060045000000000005002700000000000a00010002000000000100000a000200' +
    'ffffffffffff0000cc001700010000000000000001000000000000005a000000000000005a000000000000000000' +
    '00000000000000000000000000000000000000000000010000000000000000000000000000000000000000000000' +
    '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000' +
    '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000' +
    '000000000000000000000000000000000000000000000000000000006400070001000000010000005a0000005a00' +
    '00000000000000000000000000000100000000000000000000000000000000000000000000000000000000000000' +
    '0000000000000000000000000000000000000000000000000000000000000000000000000c002b00050002000000' +
    '000010001200090001007665746800000000080025000000000008000500020000000c0006006e6f717565756500' +
    '30031a008c0002008800010000000000000000000000000001000000010000000100000001000000000000000100' +
    '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000' +
    '00000000000000000000000000000000000000000000000010270000e80300000000000000000000000000000000' +
    '000001000000a0020a00080001000000008014000500ffff00003eff1200784d0000e8030000f400020000000000' +
    '40000000dc05000001000000010000000100000001000000ffffffffa00f0000e803000000000000803a09008051' +
    '01000300000058020000100000000000000001000000010000000100000060ea0000000000000000000000000000' +
    '00000000000000000000000001000000000000000000000010270000e80300000100000000000000000000000100' +
    '00000000000000000000010000000000000000000000000000000000000080ee3600000000000000000001000000' +
    '00000000000000000000000000000000000000000004000000000000ffff0000ffffffff01000000000000000000' +
    '00000000000034010300260000000000000001000000000000004c00000000000000000000000000000001000000' +
    '00000000000000000000000000000000000000000000000000000000020000000000000002000000000000009800' +
    '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000' +
    '00000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000' +
    '00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000' +
    '0000000001000000000000000200000000000000000000000000000000000000000000004c000000000000009800' +
    '00000000000000000000000000000000000000000000000000000000000000000000000000003c00060007000000' +
    '00000000000000000000000000000000000000000100000000000000000000000000000000000000000000000000' +
    '0000000000001400070000000000000000000000000000000000050008000000000024000e000000000000000000' +
    '00000000000000000000000000000000000000000000000004003e8004004180',
)
const recordedAddresses = bytesOf(
  '4c0000001400020007000000dd3b0000020880fe01000000080001007f000001080002007f000001070003006c6f' +
    '0000080008008000000014000600ffffffffffffffff39ff120039ff1200500000001400020007000000dd3b0000' +
    '0218800002000000080001000a630001080002000a63000109000300657468300000000008000800800000001400' +
    '0600ffffffffffffffff3cff12003cff1200500000001400020007000000dd3b00000a8080fe0100000014000100' +
    '0000000000000000000000000000000114000600ffffffffffffffff39ff120039ff120008000800800000000500' +
    '0b0001000000480000001400020007000000dd3b00000a4082000200000014000100fd9900000000000000000000' +
    '0000000114000600ffffffffffffffff3dff12003dff12000800080082000000500000001400020007000000dd3b' +
    '00000a40c0fd0200000014000100fe80000000000000000000fffe00000114000600ffffffffffffffff3eff1200' +
    '3eff120008000800c000000005000b0003000000',
)
const recordedRefusal = bytesOf(
  '400000000200000007000000dd3b0000edffffff2c00000012000100070000000000000000000000000000000000' +
    '000000000000090003006574683900000000',
)

function messagesOf(bytes: Uint8Array<ArrayBuffer>): { view: DataView; walk: MessageWalk } {
  const view = new DataView(bytes.buffer)
  const walk = new MessageWalk(view)
  walk.begin(bytes.length)
  return { view, walk }
}

test('an interface as the kernel tells it', () => {
  const { view, walk } = messagesOf(recordedLink)
  assert.equal(walk.next(), true)
  const { up, running, loopback, rxPackets, rxBytes, txPackets, txBytes, ...rest } = readLink(
    view,
    walk.from,
    walk.to,
  )!
  assert.deepEqual({ up, running, loopback }, { up: true, running: true, loopback: false })
  assert.deepEqual(
    { rxPackets, rxBytes, txPackets, txBytes },
    { rxPackets: 1, rxBytes: 90, txPackets: 1, txBytes: 90 },
  )
  const { index, name, address, mtu, kind, rxDropped, txDropped, multicast, rxNoHandler } = rest
  assert.deepEqual(
    { index, name, address, mtu, kind, rxDropped, txDropped, multicast, rxNoHandler },
    {
      index: 2,
      name: 'eth0',
      address: '02:00:00:00:00:01',
      mtu: 1500,
      kind: 'veth',
      rxDropped: 0,
      txDropped: 1,
      multicast: 0,
      rxNoHandler: 0,
    },
  )
  assert.equal(walk.next(), false)
  assert.equal(walk.broken, false)
})

test('addresses as the kernel tells them', () => {
  const { view, walk } = messagesOf(recordedAddresses)
  const found = []
  while (walk.next()) found.push(readAddress(view, walk.from, walk.to))
  assert.deepEqual(found, [
    { index: 1, address: '127.0.0.1', prefixLength: 8 },
    { index: 2, address: '10.99.0.1', prefixLength: 24 },
    { index: 1, address: '::1', prefixLength: 128 },
    { index: 2, address: 'fd99::1', prefixLength: 64 },
    { index: 2, address: 'fe80::ff:fe00:1', prefixLength: 64 },
  ])
})

test('of a point-to-point link the own address is told, not the other end', () => {
  const own = { type: 2, value: Uint8Array.of(10, 0, 0, 1) }
  const other = { type: 1, value: Uint8Array.of(10, 0, 0, 2) }
  for (const attributes of [
    [own, other],
    [other, own],
  ]) {
    const head = Uint8Array.of(2, 32, 0, 0, 7, 0, 0, 0)
    const { view, walk } = messagesOf(new Uint8Array(netlinkRequest(20, 0, 1, head, attributes)))
    assert.equal(walk.next(), true)
    const address = readAddress(view, walk.from, walk.to)
    assert.deepEqual(address, { index: 7, address: '10.0.0.1', prefixLength: 32 })
  }
})

test('counters beyond 32 bits', () => {
  const stats = new Uint8Array(16)
  new DataView(stats.buffer).setBigUint64(0, 0x12_3456_789an, true)
  const attributes = [
    { type: 3, value: new TextEncoder().encode('big0\0') },
    { type: 23, value: stats },
  ]
  const request = netlinkRequest(16, 0, 1, new Uint8Array(16), attributes)
  const { view, walk } = messagesOf(new Uint8Array(request))
  assert.equal(walk.next(), true)
  const link = readLink(view, walk.from, walk.to)!
  assert.deepEqual([link.name, link.rxPackets, link.txPackets], ['big0', 0x12_3456_789a, 0])
  assert.equal(link.rxBytes, 0, 'an older kernel that tells fewer counters')
})

test('a refusal carries the error number', () => {
  const { walk } = messagesOf(recordedRefusal)
  assert.equal(walk.next(), true)
  assert.deepEqual([walk.type, walk.sequence, walk.errno], [messageType.error, 7, 19])
})

test('cut and mutated messages neither crash nor hang, and are never read past their end', () => {
  const seed = 20_260_731
  const rounds = process.env['WEIR_LONG'] === '1' ? 200_000 : 4000
  const random = new Random(seed)
  for (let round = 0; round < rounds; round++) {
    const whole = [recordedLink, recordedAddresses, recordedRefusal][round % 3]!
    const bytes = whole.slice(0, random.whole(0, whole.length))
    for (let i = random.whole(0, 4); i > 0 && bytes.length > 0; i--)
      bytes[random.whole(0, bytes.length - 1)] = random.whole(0, 255)
    // Were anything read behind the datagram, the view would throw RangeError.
    const { view, walk } = messagesOf(bytes)
    let messages = 0
    while (walk.next()) {
      messages++
      const link = readLink(view, walk.from, walk.to)
      if (link !== undefined) assert.ok(link.name.length > 0, `seed ${seed} round ${round}`)
      readAddress(view, walk.from, walk.to)
      assert.ok(Number.isInteger(walk.errno))
    }
    assert.ok(messages <= bytes.length / 16, `seed ${seed} round ${round}`)
  }
})

test('an attribute that says it is shorter than its header ends the walk', () => {
  const view = new DataView(Uint8Array.of(8, 0, 1, 0, 9, 9, 9, 9, 0, 0, 0, 0).buffer)
  const walk = new AttributeWalk(view)
  walk.begin(0, 12)
  assert.deepEqual([walk.next(), walk.type, walk.length], [true, 1, 4])
  assert.deepEqual([walk.next(), walk.broken, walk.next()], [false, true, false])
})

test('interfaces, addresses and counters of another network namespace', { skip }, () => {
  using pair = new NamespacePair({ ipv6: false })
  const links = Links.open(pair.guest)
  try {
    const [lo, eth0] = links.list().filter(({ kind, loopback }) => loopback || kind === 'veth')
    assert.deepEqual([lo!.name, lo!.loopback, lo!.up], ['lo', true, true])
    assert.equal(eth0!.name, 'eth0')
    assert.equal(eth0!.address, '02:00:00:00:00:01')
    assert.deepEqual(
      links.addresses().filter(({ index }) => index === eth0!.index),
      [{ index: eth0!.index, address: '10.99.0.1', prefixLength: 24 }],
    )
    pair.node(
      pair.guest,
      `const socket = require('node:dgram').createSocket('udp4')
       const send = (left) => left === 0 ? socket.close()
         : socket.send(Buffer.alloc(100), 7000, '10.99.0.9', () => send(left - 1))
       send(25)`,
    )
    const after = links.get('eth0')!
    assert.equal(after.txPackets - eth0!.txPackets, 25)
    assert.equal(after.txBytes - eth0!.txBytes, 25 * (14 + 20 + 8 + 100))
    assert.deepEqual(links.at(after.index), after)
    pair.ip(pair.guest, 'link', 'set', 'eth0', 'down')
    assert.deepEqual([links.get('eth0')!.up, links.get('eth0')!.running], [false, false])
    pair.ip(pair.guest, 'link', 'del', 'eth0')
    assert.equal(links.get('eth0'), undefined)
    assert.equal(links.at(after.index), undefined)
    assert.equal(links.get('a-name-longer-than-15'), undefined)
  } finally {
    links.close()
  }
})

test('a dump of many interfaces is whole', { skip }, () => {
  using pair = new NamespacePair({ ipv6: false })
  const links = Links.open(pair.guest)
  try {
    const before = links.list().length
    for (let i = 0; i < 60; i++) pair.ip(pair.guest, 'link', 'add', `br${i}`, 'type', 'bridge')
    const bridges = links.list().filter(({ kind }) => kind === 'bridge')
    assert.equal(links.list().length, before + 60)
    const names = Array.from({ length: 60 }, (_, i) => `br${i}`)
    assert.deepEqual(
      bridges.map(({ name }) => name),
      names,
    )
  } finally {
    links.close()
  }
})

test('a namespace has an identity, and so has a start of the host', { skip }, () => {
  using pair = new NamespacePair({ ipv6: false })
  const [own, guest, host] = [namespaceId(), namespaceId(pair.guest), namespaceId(pair.host)]
  assert.match(own, /^\d+:\d+$/)
  assert.equal(new Set([own, guest, host]).size, 3)
  assert.equal(namespaceId(pair.guest), guest)
  assert.match(bootId(), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
})

test('there is no such namespace', () => {
  assert.throws(() => Links.open('weir-test-none'), {
    name: 'CaptureFailed',
    message: 'there is no network namespace "weir-test-none"',
  })
})
