/** Counting in the kernel at a real veth pair, in network namespaces of the test's own. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { suite, test } from 'node:test'
import { frameLists } from '../../test/mutated-captures.ts'
import { NamespacePair, noNamespaces } from '../../test/network-namespaces.ts'
import { WeirError } from '../base/errors.ts'
import { about, PacketBatch, rowWords, word } from '../packet/packet.ts'
import { Random } from '../sample/random.ts'
import { inNetns } from './netns.ts'
import { interfaceIndexOf, openRing, type Ring } from './ring.ts'
import * as system from './syscalls.ts'
import { openTcx, type TcxCounters } from './tcx.ts'

/** Why the live tests cannot run here, or false. */
function reasonToSkip(): string | false {
  const none = noNamespaces()
  if (none !== false) return none
  try {
    openTcx({ interfaceName: 'lo', side: 'guest', mapEntries: 1 }).close()
    return false
  } catch (error) {
    if (error instanceof WeirError) return `not run: ${error.message}`
    throw error
  }
}

const skip = reasonToSkip()
const quietMs = 300

/** Flows with their sums, from rows: "in 4 17 0a630001:6000 > 0a630009:7000 firstFragment". */
class Sums {
  readonly flows = new Map<string, { packets: number; bytes: number; flags: number }>()
  packets = 0
  rows = 0
  multicastRows = 0
  readonly times: number[] = []

  readonly take = (batch: PacketBatch): void => {
    for (let row = 0; row < batch.rows; row++) this.#add(batch, row * rowWords)
  }

  #add({ words, quoted }: PacketBatch, base: number): void {
    const mark = words[base + word.about]!
    if (mark & about.multicast) return void this.multicastRows++
    const key = keyOf(words, base) + (mark & about.icmpError ? ` of ${keyOf(quoted, base)}` : '')
    const fragment = mark & (about.firstFragment | about.laterFragment)
    const whole = fragment ? `${key} ${words[base + word.identification]! >>> 0}` : key
    const sum = this.flows.get(whole) ?? { packets: 0, bytes: 0, flags: 0 }
    sum.packets += words[base + word.packets]!
    sum.bytes += words[base + word.bytes]! >>> 0
    sum.flags |= (mark >>> about.flagsShift) & 0xff
    this.flows.set(whole, sum)
    this.packets += words[base + word.packets]!
    this.rows++
    this.times.push((words[base + word.second]! >>> 0) * 1e3 + words[base + word.nanosecond]! / 1e6)
  }
}

function keyOf(words: Int32Array, base: number): string {
  const mark = words[base + word.about]!
  const hex = (at: number): string =>
    Array.from({ length: mark & about.ipv6 ? 4 : 1 }, (_, i) =>
      (words[base + at + i]! >>> 0).toString(16).padStart(8, '0'),
    ).join('')
  const ports = words[base + word.ports]!
  const direction = ['-', 'in', 'out'][(mark >> about.directionShift) & about.directionMask]!
  const marks = (['firstFragment', 'laterFragment', 'broadcast', 'neighbourDiscovery'] as const)
    .filter((each) => mark & about[each])
    .join(' ')
  const source = `${hex(word.source)}:${ports >>> 16}`
  return `${direction} ${mark & about.protocolMask} ${source} > ${hex(word.destination)}:${ports & 0xffff} ${marks}`
}

const plus = (sums: TcxCounters | undefined, more: TcxCounters): TcxCounters => {
  const total: Record<string, number> = { ...more }
  for (const [name, value] of Object.entries(sums ?? {})) total[name]! += value as number
  return { ...more, ...total }
}

function balanced(counters: TcxCounters): void {
  const { countedFrames, nonIp, malformed, multicast, filtered, refused } = counters
  const parts = countedFrames + nonIp + malformed + multicast + filtered + refused
  assert.equal(parts, counters.frames)
}

const sendUdp = (address: string, count: number, payload: number, from = 6000): string => `
  const socket = require('node:dgram').createSocket('udp${address.includes(':') ? 6 : 4}')
  const bytes = Buffer.alloc(${payload})
  const send = (left) => left === 0
    ? socket.close()
    : socket.send(bytes, 7000, '${address}', (error) => { if (error) throw error; send(left - 1) })
  socket.bind(${from}, () => send(${count}))`

test('packets, bytes and directions are exact at both ends of a veth', { skip }, () => {
  using pair = new NamespacePair()
  const own = { mapEntries: 1000, cutSeconds: 3600 }
  const guest = openTcx({ ...own, interfaceName: 'eth0', side: 'guest', netns: pair.guest })
  const host = openTcx({
    ...own,
    interfaceName: 'veth0',
    side: 'host',
    netns: pair.host,
    interfaceIndex: 3,
  })
  try {
    const before = Date.now()
    pair.node(pair.guest, sendUdp('10.99.0.9', 500, 100))
    pair.node(pair.guest, sendUdp('fd99::9', 300, 200))
    pair.node(pair.host, sendUdp('10.99.0.1', 1, 40))
    const after = Date.now()
    for (const tcx of [guest, host]) {
      const sums = new Sums()
      const counters = tcx.swap(sums.take)
      const v6 = 'fd990000000000000000000000000001:6000 > fd990000000000000000000000000009:7000 '
      const udp = { flags: 0 }
      assert.deepEqual(sums.flows.get('out 17 0a630001:6000 > 0a630009:7000 '), {
        ...udp,
        packets: 500,
        bytes: 500 * 128,
      })
      assert.deepEqual(sums.flows.get(`out 17 ${v6}`), { ...udp, packets: 300, bytes: 300 * 248 })
      assert.deepEqual(sums.flows.get('in 17 0a630002:6000 > 0a630001:7000 '), {
        ...udp,
        packets: 1,
        bytes: 68,
      })
      balanced(counters)
      assert.equal(counters.refused + counters.malformed, 0)
      assert.deepEqual(
        sums.times,
        sums.times.toSorted((a, b) => a - b),
      )
      assert.ok(sums.times[0]! >= before - 1 && sums.times.at(-1)! <= after + 1, 'Unix time')
    }
  } finally {
    guest.close()
    host.close()
  }
})

/** A packet socket bound to an interface, which sends frames as they are. */
function frameSender(netns: string, name: string): number {
  const [packetFamily, raw] = [17, 3]
  const fd = inNetns(netns, () => system.socket(packetFamily, raw, 0))
  const address = new Uint8Array(20)
  new DataView(address.buffer).setUint16(0, packetFamily, true)
  new DataView(address.buffer).setInt32(4, interfaceIndexOf(fd, name), true)
  system.bind(fd, address)
  return fd
}

/** Frames of captures as they are, bytes of their headers changed, and cut off. */
function* frames(random: Random, mutations: number): Generator<Uint8Array> {
  for (const list of frameLists())
    for (const { linkType, bytes } of list) {
      const raw = linkType === 101 && bytes.length > 0
      if (linkType !== 1 && !raw) continue
      const type = raw && bytes[0]! >>> 4 === 6 ? [0x86, 0xdd] : [8, 0]
      const frame = raw ? Uint8Array.from([...new Uint8Array(12), ...type, ...bytes]) : bytes
      if (frame.length < 14) continue
      yield frame
      for (let i = 0; i < mutations; i++) {
        const mutant = Uint8Array.from(frame.subarray(0, random.whole(14, frame.length)))
        for (let changes = random.whole(0, 3); changes > 0; changes--)
          mutant[random.whole(12, Math.min(mutant.length, 100) - 1)] = random.whole(0, 255)
        yield mutant
      }
    }
}

suite('beside a ring', { skip }, () => {
  const seed = Number(process.env['WEIR_SEED'] ?? 1)
  const mutations = process.env['WEIR_LONG'] === '1' ? 40 : 2

  test(`every frame is what it is to the ring (seed ${seed})`, () => {
    using pair = new NamespacePair({ ipv6: false })
    const taps = [
      { interfaceName: 'eth0', side: 'guest', netns: pair.guest },
      { interfaceName: 'veth0', side: 'host', netns: pair.host },
    ] as const
    const sender = frameSender(pair.guest, 'eth0')
    const open = taps.map((tap) => ({
      tcx: openTcx({ ...tap, mapEntries: 20_000, cutSeconds: 3600 }),
      ring: openRing({ ...tap, ringBytes: 8 << 20, snaplen: 2048 }),
      byTcx: new Sums(),
      byRing: new Sums(),
      counters: undefined as TcxCounters | undefined,
    }))
    try {
      let sent = 0
      const random = new Random(seed)
      for (const frame of frames(random, mutations)) {
        writeSync(sender, frame)
        if (++sent % 2000 === 0)
          for (const each of open) {
            drainRing(each.ring, each.byRing, 60)
            each.counters = plus(each.counters, each.tcx.swap(each.byTcx.take))
          }
      }
      for (const { tcx, ring, byTcx, byRing, counters } of open) {
        drainRing(ring, byRing, quietMs)
        const seen = plus(counters, tcx.swap(byTcx.take))
        balanced(seen)
        // The receiving end drops what has half a VLAN tag before anyone sees it.
        if (tcx === open[0]!.tcx) assert.ok(seen.frames >= sent, `${seen.frames} of ${sent} sent`)
        const { packets, drops } = ring.stats()
        assert.equal(drops, 0)
        assert.equal(seen.frames, packets)
        assert.equal(seen.refused, 0)
        assert.deepEqual(
          [seen.nonIp, seen.malformed, seen.multicast],
          [ring.nonIp, ring.malformed, byRing.multicastRows],
        )
        assert.ok(byRing.flows.size > 500)
        assert.deepEqual(byTcx.flows, byRing.flows)
      }
    } finally {
      system.close(sender)
      for (const { tcx, ring } of open) {
        tcx.close()
        ring.close()
      }
    }
  })
})

function drainRing(ring: Ring, into: Sums, quiet: number): void {
  const batch = new PacketBatch()
  while (ring.read(batch, quiet) > 0) into.take(batch)
}

/** Starts a script with this Node inside a namespace; what it prints comes line by line. */
const start = (netns: string, script: string) =>
  spawn('ip', ['netns', 'exec', netns, process.execPath, '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })

const transferBytes = 8 * 1024 * 1024
const tcpServer = (address: string): string => `
  require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    socket.resume().on('end', () => socket.end()).on('close', () => process.exit(0))
  }).listen(7000, '${address}', () => console.log('ready'))`
const tcpClient = (address: string): string => `
  const socket = require('node:net').connect({ port: 7000, host: '${address}', localPort: 6000 })
  socket.end(Buffer.alloc(${transferBytes}))
  socket.resume().on('close', (failed) => process.exit(failed ? 1 : 0))`

for (const [version, address, ends] of [
  [4, '10.99.0.2', '0a630001:6000 > 0a630002:7000'],
  [6, 'fd99::2', `fd99${'0'.repeat(27)}1:6000 > fd99${'0'.repeat(27)}2:7000`],
] as const) {
  test(`offloaded TCP over IPv${version} counts as it does at a ring`, { skip }, async () => {
    using pair = new NamespacePair()
    const tap = { interfaceName: 'eth0', side: 'guest', netns: pair.guest } as const
    const tcx = openTcx({ ...tap, mapEntries: 1000, cutSeconds: 3600 })
    const ring = openRing({ ...tap, ringBytes: 8 << 20 })
    try {
      const server = start(pair.host, tcpServer(address))
      const closed = once(server, 'close')
      await once(server.stdout, 'data')
      pair.node(pair.guest, tcpClient(address))
      await closed
      const byRing = new Sums()
      drainRing(ring, byRing, quietMs)
      const byTcx = new Sums()
      const counters = tcx.swap(byTcx.take)
      assert.equal(ring.stats().drops, 0)
      const sent = byTcx.flows.get(`out 6 ${ends} `)!
      assert.ok(sent.bytes > transferBytes)
      assert.ok(sent.packets > transferBytes / 1500)
      assert.ok(counters.frames < sent.packets / 2, 'frames were offloaded')
      const tcp = ({ flows }: Sums) => [...flows].filter(([key]) => key.includes('7000'))
      assert.deepEqual(new Map(tcp(byTcx)), new Map(tcp(byRing)))
    } finally {
      tcx.close()
      ring.close()
    }
  })
}

test('flows that find no room are refused and counted, packet by packet', { skip }, () => {
  using pair = new NamespacePair({ ipv6: false })
  const tcx = openTcx({
    interfaceName: 'eth0',
    side: 'guest',
    netns: pair.guest,
    mapEntries: 1,
    cutSeconds: 3600,
  })
  try {
    const rounds = 40
    for (const port of [6001, 6002, 6003])
      pair.node(pair.guest, sendUdp('10.99.0.9', rounds, 20, port))
    const sums = new Sums()
    const counters = tcx.swap(sums.take)
    balanced(counters)
    assert.equal(counters.frames, 3 * rounds)
    assert.equal(counters.refused, counters.refusedPackets)
    assert.equal(sums.packets + counters.refusedPackets, 3 * rounds)
    // The kernel keeps a spare entry for each CPU, so one that is asked for may be a few.
    assert.equal(sums.packets, sums.flows.size * rounds)
    pair.node(pair.guest, sendUdp('10.99.0.9', rounds, 20, 6004))
    assert.equal(tcx.swap(new Sums().take).refused, 0, 'taking them out makes room')
  } finally {
    tcx.close()
  }
})

/** Sends datagrams of a few flows from both ends until told to stop, then says how many. */
const sendUntilTold = (address: string): string => `
  const { createSocket } = require('node:dgram')
  let sent = 0, stop = false
  process.stdin.on('data', () => { stop = true })
  console.log('ready')
  const sockets = Array.from({ length: 8 }, () => createSocket('udp4').bind())
  const bytes = Buffer.alloc(20)
  const next = (socket) => {
    if (stop) return socket.close()
    sent++
    socket.send(bytes, 7000, '${address}', () => sent % 64 === 0 ? setImmediate(next, socket) : next(socket))
  }
  for (const socket of sockets) socket.on('listening', () => next(socket))
  process.on('exit', () => console.log(sent))`

test('nothing is lost or doubled however often the sets are swapped', { skip }, async () => {
  using pair = new NamespacePair({ ipv6: false })
  const tcx = openTcx({
    interfaceName: 'eth0',
    side: 'guest',
    netns: pair.guest,
    mapEntries: 4096,
    cutSeconds: 1,
  })
  try {
    const senders = [
      start(pair.guest, sendUntilTold('10.99.0.9')),
      start(pair.host, sendUntilTold('10.99.0.1')),
    ]
    const said = senders.map((sender) => sender.stdout.setEncoding('utf8').toArray())
    const sums = new Sums()
    let counters: TcxCounters | undefined
    const swaps = process.env['WEIR_LONG'] === '1' ? 2000 : 100
    let busy = 0
    while (busy < swaps) {
      const each = tcx.swap(sums.take)
      if (each.frames > 0) busy++
      else await new Promise(setImmediate)
      counters = plus(counters, each)
    }
    for (const sender of senders) sender.stdin.end('stop')
    const sent = (await Promise.all(said)).map((lines) =>
      Number(/(\d+)\s*$/.exec(lines.join(''))![1]),
    )
    counters = plus(counters, tcx.swap(sums.take))
    balanced(counters)
    const [out, into] = sent
    const seen = (way: string) =>
      [...sums.flows].reduce(
        (sum, [key, { packets }]) => sum + (key.startsWith(`${way} 17`) ? packets : 0),
        0,
      )
    assert.deepEqual([seen('out'), seen('in')], [out, into])
    assert.equal(counters.refused, 0)
  } finally {
    tcx.close()
  }
})

/** Ethernet, IPv6, UDP 6000 > 7000 and `payload` zeros, from fd99::1 to fd99::9; its checksum is nobody's concern. */
function ipv6Frame(payload: number): Uint8Array {
  const frame = new Uint8Array(14 + 40 + 8 + payload)
  const view = new DataView(frame.buffer)
  view.setUint16(12, 0x86dd)
  view.setUint8(14, 0x60)
  view.setUint16(14 + 4, 8 + payload)
  view.setUint8(14 + 6, 17)
  for (const [at, last] of [
    [14 + 8, 1],
    [14 + 24, 9],
  ] as const) {
    view.setUint16(at, 0xfd99)
    view.setUint8(at + 15, last)
  }
  view.setUint32(14 + 40, (6000 << 16) | 7000)
  view.setUint16(14 + 44, 8 + payload)
  return frame
}

test('a family that is not wanted is filtered and counted', { skip }, () => {
  // The interfaces speak no IPv6 of their own, so the test's frames are all there is.
  using pair = new NamespacePair({ ipv6: false })
  const tap = { interfaceName: 'eth0', side: 'guest', netns: pair.guest, families: 'ipv4' } as const
  const tcx = openTcx({ ...tap, mapEntries: 1000, cutSeconds: 3600 })
  const ring = openRing({ ...tap, ringBytes: 1 << 20 })
  const both = openRing({ ...tap, families: 'both', ringBytes: 1 << 20 })
  const sender = frameSender(pair.guest, 'eth0')
  try {
    assert.equal(both.filter, undefined)
    pair.node(pair.guest, sendUdp('10.99.0.9', 50, 100))
    const frame = ipv6Frame(200)
    for (let i = 0; i < 70; i++) writeSync(sender, frame)
    const bytes = 70 * frame.length
    const all = new Sums()
    drainRing(both, all, quietMs)
    assert.deepEqual([all.packets, both.filtered], [120, { frames: 0, bytes: 0 }])
    const byRing = new Sums()
    drainRing(ring, byRing, quietMs)
    assert.equal(ring.stats().packets, 50)
    assert.deepEqual(ring.filtered, { frames: 70, bytes })
    const byTcx = new Sums()
    const counters = tcx.swap(byTcx.take)
    balanced(counters)
    assert.deepEqual([counters.frames, counters.filtered], [120, 70])
    assert.equal(counters.filteredBytes, bytes - 70 * 14)
    const kept = new Map([
      ['out 17 0a630001:6000 > 0a630009:7000 ', { packets: 50, bytes: 50 * 128, flags: 0 }],
    ])
    assert.deepEqual(byRing.flows, kept)
    assert.deepEqual(byTcx.flows, kept)
  } finally {
    system.close(sender)
    tcx.close()
    ring.close()
    both.close()
  }
})

test('closing takes the programs off, and a vanished interface is an error', { skip }, () => {
  using pair = new NamespacePair({ ipv6: false })
  const tap = {
    interfaceName: 'eth0',
    side: 'guest',
    netns: pair.guest,
    mapEntries: 100,
    cutSeconds: 3600,
  } as const
  const closed = openTcx(tap)
  const kept = openTcx(tap)
  pair.node(pair.guest, sendUdp('10.99.0.9', 5, 20))
  assert.equal(closed.swap(new Sums().take).frames, 5, 'two stand behind each other')
  closed.close()
  pair.node(pair.guest, sendUdp('10.99.0.9', 7, 20))
  pair.ip(pair.guest, 'link', 'del', 'eth0')
  try {
    const sums = new Sums()
    assert.equal(kept.swap(sums.take).frames, 12, 'what came before is taken first')
    assert.throws(() => kept.swap(sums.take), {
      name: 'InterfaceGone',
      message: 'interface "eth0" is gone',
    })
  } finally {
    kept.close()
  }
})

test('no such interface, namespace or right', { skip }, () => {
  const failure = (options: { interfaceName: string; netns?: string }, message: string) =>
    assert.throws(() => openTcx({ ...options, side: 'guest' }), { name: 'CaptureFailed', message })
  failure({ interfaceName: 'eth77' }, 'there is no interface "eth77"')
  failure(
    { interfaceName: 'lo', netns: 'weir-test-none' },
    'there is no network namespace "weir-test-none"',
  )
  const script = `
    import { openTcx } from '${import.meta.dirname}/tcx.ts'
    import { openRing } from '${import.meta.dirname}/ring.ts'
    process.setgid(65534)
    process.setuid(65534)
    try { openTcx({ interfaceName: 'lo', side: 'guest' }) }
    catch (error) { console.log(error.name, error.message, error.hint) }`
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  const missing = 'CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON'
  assert.equal(
    said,
    `CaptureNotPermitted counting in the kernel at interface "lo" needs ${missing} ` +
      'Run Weir as root, or give it the rights (under systemd: ' +
      'AmbientCapabilities=CAP_NET_RAW CAP_BPF CAP_NET_ADMIN CAP_PERFMON)\n',
  )
})
