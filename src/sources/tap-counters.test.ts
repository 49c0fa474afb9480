/** The arithmetic by hand, then rings and counters at real interfaces. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite, test } from 'node:test'
import { NamespacePair, noNamespaces } from '../../test/network-namespaces.ts'
import { balanceBytes, balanceFrames } from '../../test/tap-balance.ts'
import { PacketBatch } from '../packet/packet.ts'
import { type InterfaceCounts, TapBase, type TapCounts, type TapSample } from './tap-counters.ts'
import { type MeteredRing, openMeteredRing } from './tap-meter.ts'

const skip = noNamespaces()
const counts = (frames: number, bytes = frames * 100, drops = 0): InterfaceCounts => ({
  frames,
  bytes,
  drops,
})
const tapOf = (frames: number, more: Partial<TapCounts> = {}): TapCounts => ({
  frames,
  drops: 0,
  filtered: 0,
  read: frames,
  bytes: frames * 100,
  extraPackets: 0,
  extraBytes: 0,
  ...more,
})

test('two quiet readings that agree lead back to the opening', () => {
  const base = new TapBase(counts(1000))
  // Three frames came before the ring was bound, and five until it was asked.
  const busy = base.read(counts(1006), tapOf(5), counts(1008))
  assert.deepEqual([busy.quiet, busy.exactFrames, busy.interfaceFrames], [false, false, 8])
  const first = base.read(counts(1010), tapOf(7), counts(1010))
  assert.deepEqual([first.quiet, first.exactFrames, first.interfaceFrames], [true, false, 7])
  const second = base.read(counts(1012), tapOf(9), counts(1012))
  assert.deepEqual(
    [second.exactFrames, second.interfaceFrames, second.exactBytes, second.interfaceBytes],
    [true, 9, true, 900],
  )
  // From then on the interface's own count stands.
  const later = base.read(counts(1100), tapOf(96), counts(1101))
  assert.deepEqual([later.exactFrames, later.interfaceFrames], [true, 98])
})

test('a reading with a frame on its way is not believed', () => {
  const base = new TapBase(counts(0))
  assert.equal(base.read(counts(5), tapOf(4), counts(5)).exactFrames, false)
  assert.equal(base.read(counts(5), tapOf(5), counts(5)).exactFrames, false)
  const settled = base.read(counts(6), tapOf(6), counts(6))
  assert.deepEqual([settled.exactFrames, settled.interfaceFrames], [true, 6])
})

test('bytes are only known when every frame was read', () => {
  const base = new TapBase(counts(0, 0))
  const unread = base.read(counts(4), tapOf(4, { read: 3, bytes: 300 }), counts(4))
  assert.equal(balanceBytes(unread), undefined)
  base.read(counts(4), tapOf(4), counts(4))
  const sample = base.read(counts(4), tapOf(4), counts(4))
  assert.deepEqual([sample.exactBytes, balanceBytes(sample)], [true, 0])
})

const sampleOf = (
  frames: number,
  drops: number,
  tap: Partial<TapCounts> & { readonly frames: number },
  bytes = 0,
): TapSample => ({
  interfaceFrames: frames,
  interfaceBytes: bytes,
  interfaceDrops: drops,
  now: counts(frames, bytes, drops),
  opened: { frames: 0, bytes: 0 },
  tap: tapOf(tap.frames, tap),
  quiet: true,
  exactFrames: true,
  exactBytes: true,
})

test('interface frames + drops = ring + joined + dropped before the tap + difference', () => {
  const cases: [TapSample, ReturnType<typeof balanceFrames>][] = [
    [
      sampleOf(300, 0, { frames: 300, extraPackets: 40 }),
      { joined: 0, droppedBeforeTap: 0, droppedBehindTap: 0, difference: 0 },
    ],
    [
      sampleOf(2973, 0, { frames: 146, extraPackets: 2827 }),
      { joined: 2827, droppedBeforeTap: 0, droppedBehindTap: 0, difference: 0 },
    ],
    [
      sampleOf(0, 51, { frames: 0 }),
      { joined: 0, droppedBeforeTap: 51, droppedBehindTap: 0, difference: 0 },
    ],
    [
      sampleOf(500, 301, { frames: 800 }),
      { joined: 0, droppedBeforeTap: 1, droppedBehindTap: 300, difference: 0 },
    ],
    [
      sampleOf(500, 0, { frames: 493, extraPackets: 5 }),
      { joined: 5, droppedBeforeTap: 0, droppedBehindTap: 0, difference: 2 },
    ],
    [
      sampleOf(500, 1, { frames: 503 }),
      { joined: 0, droppedBeforeTap: 0, droppedBehindTap: 1, difference: -2 },
    ],
  ]
  for (const [sample, expected] of cases) {
    const balance = balanceFrames(sample)
    assert.deepEqual(balance, expected)
    assert.equal(
      sample.interfaceFrames + sample.interfaceDrops,
      sample.tap.frames + balance.joined + balance.droppedBeforeTap + balance.difference,
    )
  }
})

test('bytes with and without link headers and repeated headers', () => {
  const tap = { frames: 10, bytes: 9000, extraPackets: 4, extraBytes: 4 * 66 }
  for (const bytes of [9000, 9000 - 140, 9264, 9264 - 14 * 14])
    assert.equal(balanceBytes(sampleOf(10, 0, tap, bytes)), 0)
  assert.equal(balanceBytes(sampleOf(10, 0, tap, 9003)), 3)
  assert.equal(balanceBytes(sampleOf(10, 0, { ...tap, read: 9 }, 9000)), undefined)
})

/** A Node in a namespace, until it ends. */
const startNode = (namespace: string, script: string) =>
  spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })

const sendUdp = (address: string, count: number): string => `
  const socket = require('node:dgram').createSocket('udp${address.includes(':') ? 6 : 4}')
  const send = (left) => left === 0 ? socket.close()
    : socket.send(Buffer.alloc(100), 7000, '${address}', () => send(left - 1))
  send(${count})`

async function transfer(pair: NamespacePair, bytes: number): Promise<void> {
  const server = startNode(
    pair.host,
    `require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
      socket.resume().on('end', () => socket.end()).on('close', () => process.exit(0))
    }).listen(7000, '10.99.0.2', () => console.log('ready'))`,
  )
  await once(server.stdout, 'data')
  const closed = once(server, 'close')
  pair.node(
    pair.guest,
    `const socket = require('node:net').connect(7000, '10.99.0.2')
     socket.end(Buffer.alloc(${bytes}))
     socket.resume().on('close', () => process.exit(0))`,
  )
  await closed
}

/** Reads what is there, then looks, again where a frame of the kernel's own came while the ring was opened. */
function lookAfterReading({ ring, meter }: MeteredRing): TapSample {
  const batch = new PacketBatch()
  const readAll = (): void => {
    while (ring.read(batch, 300) > 0);
  }
  readAll()
  let sample = meter.look()
  for (let again = 0; again < 4 && sample.tap.drops === 0 && !sample.exactBytes; again++) {
    readAll()
    sample = meter.look()
  }
  return sample
}

const nothing = { joined: 0, droppedBeforeTap: 0, droppedBehindTap: 0, difference: 0 }

suite('at real interfaces', { skip }, () => {
  const open = (netns: string, interfaceName: string, ringBytes = 4 << 20) =>
    openMeteredRing({ netns, interfaceName, side: 'guest', ringBytes })
  const close = ({ ring, meter }: MeteredRing): void => {
    meter.close()
    ring.close()
  }

  test('frames and bytes of a veth are equal at both ends, offloaded or not', async () => {
    using pair = new NamespacePair({ ipv6: false })
    const taps = [open(pair.guest, 'eth0'), open(pair.host, 'veth0')]
    try {
      pair.node(pair.guest, sendUdp('10.99.0.9', 200))
      await transfer(pair, 2 << 20)
      for (const tap of taps) {
        const sample = lookAfterReading(tap)
        assert.equal(sample.exactFrames && sample.exactBytes && sample.quiet, true)
        assert.deepEqual(balanceFrames(sample), nothing)
        assert.equal(sample.interfaceFrames, sample.tap.frames)
        assert.equal(sample.interfaceBytes, sample.tap.bytes)
        assert.ok(sample.tap.extraPackets > 0, 'offload was on')
      }
    } finally {
      taps.forEach(close)
    }
  })

  test('frames of a family that nobody wants are in the balance', () => {
    using pair = new NamespacePair()
    const tap = openMeteredRing({
      netns: pair.guest,
      interfaceName: 'eth0',
      side: 'guest',
      ringBytes: 4 << 20,
      families: 'ipv4',
    })
    try {
      pair.node(pair.guest, sendUdp('10.99.0.9', 40))
      pair.node(pair.guest, sendUdp('fd99::9', 60))
      const sample = lookAfterReading(tap)
      assert.ok(sample.tap.filtered >= 60, `${sample.tap.filtered} frames were filtered`)
      assert.deepEqual(balanceFrames(sample), nothing)
      assert.deepEqual([sample.exactFrames, balanceBytes(sample)], [true, 0])
    } finally {
      close(tap)
    }
  })

  test('frames that found no room in the ring were counted by the interface', () => {
    using pair = new NamespacePair({ ipv6: false })
    const tap = open(pair.guest, 'eth0', 32 * 1024)
    try {
      pair.node(pair.guest, sendUdp('10.99.0.9', 3000))
      const sample = lookAfterReading(tap)
      assert.ok(sample.tap.drops > 0, 'the ring was too small')
      assert.equal(sample.interfaceFrames, 3000)
      assert.equal(sample.tap.frames - sample.tap.drops, sample.tap.read)
      assert.deepEqual(balanceFrames(sample), nothing)
      assert.equal(balanceBytes(sample), undefined)
    } finally {
      close(tap)
    }
  })

  test('a tap opened under running traffic finds its base', async () => {
    using pair = new NamespacePair({ ipv6: false })
    // Sends until it is told to stop, in bursts, and says how many it sent.
    const sender = spawn(
      'ip',
      [
        'netns',
        'exec',
        pair.guest,
        process.execPath,
        '-e',
        `const socket = require('node:dgram').createSocket('udp4')
         let sent = 0
         let stop = false
         process.stdin.on('data', () => { stop = true })
         const burst = () => {
           for (let i = 0; i < 20; i++) socket.send(Buffer.alloc(100), 7000, '10.99.0.9', () => {
             if (++sent === 100) console.log('running')
             if (sent % 20 !== 0) return
             if (stop) { socket.close(); process.stdin.destroy(); console.log(sent) }
             else setTimeout(burst, 1)
           })
         }
         burst()`,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    const ended = once(sender, 'close')
    await once(sender.stdout, 'data')
    const tap = open(pair.guest, 'eth0')
    try {
      const batch = new PacketBatch()
      while (tap.meter.look().tap.frames < 200) tap.ring.read(batch, 10)
      sender.stdin.write('stop\n')
      await ended
      let sample = lookAfterReading(tap)
      sample = tap.meter.look()
      assert.equal(sample.exactFrames && sample.exactBytes && sample.quiet, true)
      assert.deepEqual(balanceFrames(sample), nothing)
      assert.equal(sample.interfaceFrames, sample.tap.frames)
      assert.equal(balanceBytes(sample), 0)
    } finally {
      close(tap)
    }
  })

  test('what is dropped because the peer is down never reaches the tap', () => {
    using pair = new NamespacePair({ ipv6: false })
    pair.ip(pair.host, 'link', 'set', 'veth0', 'down')
    pair.ip(
      pair.guest,
      'neigh',
      'replace',
      '10.99.0.9',
      'lladdr',
      '02:00:00:00:00:09',
      'dev',
      'eth0',
    )
    const tap = open(pair.guest, 'eth0')
    try {
      pair.node(pair.guest, sendUdp('10.99.0.9', 50))
      const sample = lookAfterReading(tap)
      assert.equal(sample.interfaceFrames, 0)
      assert.deepEqual(balanceFrames(sample), { ...nothing, droppedBeforeTap: 50 })
    } finally {
      close(tap)
    }
  })

  test('a bridge port and loopback', () => {
    using pair = new NamespacePair({ ipv6: false })
    pair.ip(pair.host, 'link', 'add', 'br0', 'type', 'bridge')
    pair.ip(pair.host, 'link', 'set', 'br0', 'up')
    pair.ip(pair.host, 'link', 'set', 'veth0', 'master', 'br0')
    const taps = [open(pair.host, 'veth0'), open(pair.guest, 'lo')]
    try {
      pair.node(pair.guest, sendUdp('10.99.0.9', 100))
      pair.node(pair.guest, sendUdp('127.0.0.1', 30))
      const [port, loopback] = taps.map(lookAfterReading)
      assert.ok(port!.interfaceFrames >= 100)
      assert.equal(port!.interfaceFrames, port!.tap.frames)
      assert.equal(balanceBytes(port!), 0)
      assert.deepEqual(balanceFrames(port!), nothing)
      // Each datagram and the refusal that answers it, sent and received.
      assert.equal(loopback!.interfaceFrames, loopback!.tap.frames)
      assert.equal(loopback!.interfaceBytes, loopback!.tap.bytes - 14 * loopback!.tap.frames)
      assert.deepEqual([balanceFrames(loopback!), balanceBytes(loopback!)], [nothing, 0])
    } finally {
      taps.forEach(close)
    }
  })
})
