/** Rings at a real veth pair, in two network namespaces of the test's own; skipped where there is no right. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { WeirError } from '../base/errors.ts'
import { about, PacketBatch, rowWords, word } from '../packet/packet.ts'
import { openRing, type Ring } from './ring.ts'

const run = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' })

/** Why the live tests cannot run here, or false. */
function reasonToSkip(): string | false {
  if (process.platform !== 'linux') return 'not run: needs Linux'
  if (process.getuid?.() !== 0) return 'not run: needs root to make network namespaces'
  const name = `weir-test-${process.pid}-try`
  try {
    run('netns', 'add', name)
  } catch (error) {
    const why = error instanceof Error ? error.message.trim().split('\n').at(-1) : error
    return `not run: no network namespace can be made: ${String(why)}`
  }
  run('netns', 'del', name)
  return false
}

const skip = reasonToSkip()

/**
 * Two namespaces and a veth pair: `eth0` in `guest`, `veth0` in `host`. Neighbours are fixed and IPv6
 * only there when asked for, so no packet crosses that the test did not send.
 */
class Pair implements Disposable {
  static #count = 0
  readonly guest: string
  readonly host: string

  constructor(options: { ipv6: boolean }) {
    const name = `weir-test-${process.pid}-${Pair.#count++}`
    this.guest = `${name}-guest`
    this.host = `${name}-host`
    try {
      run('netns', 'add', this.guest)
      run('netns', 'add', this.host)
      for (const each of [this.guest, this.host]) {
        const value = options.ipv6 ? 0 : 1
        for (const scope of ['all', 'default'])
          this.in(each, 'sysctl', '-qw', `net.ipv6.conf.${scope}.disable_ipv6=${value}`)
      }
      const macs = { guest: '02:00:00:00:00:01', host: '02:00:00:00:00:02' }
      const ends = `eth0 address ${macs.guest} type veth peer name veth0 address ${macs.host}`
      run('-n', this.guest, 'link', 'add', ...ends.split(' '), 'netns', this.host)
      this.#address(this.guest, 'eth0', 1, options.ipv6)
      this.#address(this.host, 'veth0', 2, options.ipv6)
      this.#neighbour(this.guest, 'eth0', 2, macs.host, options.ipv6)
      this.#neighbour(this.host, 'veth0', 1, macs.guest, options.ipv6)
      // Nobody has this address: what is sent to it is not answered.
      this.#neighbour(this.guest, 'eth0', 9, '02:00:00:00:00:09', options.ipv6)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  in(namespace: string, ...command: string[]): string {
    return run('netns', 'exec', namespace, ...command)
  }

  #address(namespace: string, device: string, last: number, ipv6: boolean): void {
    run('-n', namespace, 'link', 'set', device, 'up')
    run('-n', namespace, 'addr', 'add', `10.99.0.${last}/24`, 'dev', device)
    if (ipv6) run('-n', namespace, 'addr', 'add', `fd99::${last}/64`, 'dev', device, 'nodad')
  }

  #neighbour(namespace: string, device: string, last: number, mac: string, ipv6: boolean): void {
    for (const address of ipv6 ? [`10.99.0.${last}`, `fd99::${last}`] : [`10.99.0.${last}`])
      run('-n', namespace, 'neigh', 'replace', address, 'lladdr', mac, 'dev', device)
  }

  [Symbol.dispose](): void {
    for (const each of [this.guest, this.host])
      if (existsSync(`/run/netns/${each}`)) run('netns', 'del', each)
  }
}

/** Runs a script with this Node inside a namespace; gives its standard output. */
async function nodeIn(namespace: string, script: string): Promise<string> {
  const child = startNodeIn(namespace, script)
  const chunks: string[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => chunks.push(text))
  const [status] = (await once(child, 'close')) as [number | null]
  assert.equal(status, 0, `the script in ${namespace} succeeded`)
  return chunks.join('')
}

const startNodeIn = (namespace: string, script: string) =>
  spawn('ip', ['netns', 'exec', namespace, process.execPath, '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })

/** Sends `count` datagrams of `payload` bytes and prints how many the kernel took. */
const sendUdp = (address: string, count: number, payload: number): string => `
  const socket = require('node:dgram').createSocket('udp${address.includes(':') ? 6 : 4}')
  const bytes = Buffer.alloc(${payload})
  const send = (left) => left === 0
    ? socket.close(() => console.log('sent'))
    : socket.send(bytes, 7000, '${address}', (error) => { if (error) throw error; send(left - 1) })
  socket.bind(6000, () => send(${count}))`

interface Seen {
  rows: number
  packets: number
  bytes: number
}

/** What a ring saw, by "direction source port > destination port / IP version". */
class Tally {
  readonly seen = new Map<string, Seen>()
  readonly #batch = new PacketBatch()

  /** Reads until nothing has come for `quietMs`; rings hand over what they hold within that time. */
  drain(ring: Ring, quietMs: number): void {
    while (ring.read(this.#batch, quietMs) > 0) this.#add()
  }

  #add(): void {
    for (let row = 0; row < this.#batch.rows; row++) {
      const at = (index: number): number => this.#batch.words[row * rowWords + index]!
      const mark = at(word.about)
      const direction = ['-', 'in', 'out'][(mark >> about.directionShift) & about.directionMask]
      const version = mark & about.ipv6 ? 6 : 4
      const key = `${direction} ${at(word.ports) >>> 16} > ${at(word.ports) & 0xffff} / ${version}`
      const seen = this.seen.get(key) ?? { rows: 0, packets: 0, bytes: 0 }
      seen.rows++
      seen.packets += at(word.packets)
      seen.bytes += at(word.bytes)
      this.seen.set(key, seen)
    }
  }

  get packets(): number {
    return [...this.seen.values()].reduce((sum, each) => sum + each.packets, 0)
  }
}

const quietMs = 300

test('packets, bytes and directions are exact at both ends of a veth', { skip }, async () => {
  using pair = new Pair({ ipv6: true })
  const own = { ringBytes: 1 << 20 }
  const guest = openRing({ ...own, interfaceName: 'eth0', side: 'guest', netns: pair.guest })
  const host = openRing({ ...own, interfaceName: 'veth0', side: 'host', netns: pair.host })
  try {
    await nodeIn(pair.guest, sendUdp('10.99.0.9', 500, 100))
    await nodeIn(pair.guest, sendUdp('fd99::9', 300, 200))
    await nodeIn(pair.host, sendUdp('10.99.0.1', 1, 40))
    for (const ring of [guest, host]) {
      const tally = new Tally()
      tally.drain(ring, quietMs)
      const seen = (key: string) => tally.seen.get(key)
      assert.deepEqual(seen('out 6000 > 7000 / 4'), { rows: 500, packets: 500, bytes: 500 * 128 })
      assert.deepEqual(seen('out 6000 > 7000 / 6'), { rows: 300, packets: 300, bytes: 300 * 248 })
      assert.deepEqual(seen('in 6000 > 7000 / 4'), { rows: 1, packets: 1, bytes: 68 })
      assert.equal(ring.malformed, 0)
      assert.equal(ring.stats().drops, 0)
    }
  } finally {
    guest.close()
    host.close()
  }
})

test('what did not fit is counted: read + dropped = sent', { skip }, async () => {
  using pair = new Pair({ ipv6: false })
  const sent = 5000
  const ring = openRing({
    interfaceName: 'eth0',
    side: 'guest',
    netns: pair.guest,
    ringBytes: 32 * 1024,
  })
  try {
    await nodeIn(pair.guest, sendUdp('10.99.0.9', sent, 20))
    const tally = new Tally()
    tally.drain(ring, quietMs)
    const stats = ring.stats()
    assert.equal(stats.packets, sent)
    assert.ok(stats.drops > 0, 'the ring was too small')
    assert.equal(tally.packets + stats.drops, sent)
    assert.deepEqual([...tally.seen.keys()], ['out 6000 > 7000 / 4'])
    assert.deepEqual(ring.stats(), { packets: 0, drops: 0 }, 'reading starts a new count')
  } finally {
    ring.close()
  }
})

const transferBytes = 8 * 1024 * 1024
const tcpServer = (address: string): string => `
  require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0
    socket.on('data', (chunk) => { bytes += chunk.length })
    socket.on('end', () => { console.log(bytes); socket.end() })
    socket.on('close', () => process.exit(0))
  }).listen(7000, '${address}', () => console.log('ready'))`
const tcpClient = (address: string): string => `
  const socket = require('node:net').connect({ port: 7000, host: '${address}', localPort: 6000 })
  socket.end(Buffer.alloc(${transferBytes}))
  socket.resume().on('close', (failed) => process.exit(failed ? 1 : 0))`

/** A counter of the TCP of a namespace, from /proc/net/snmp: what the kernel says it put on the wire. */
function tcpCounter(pair: Pair, namespace: string, name: string): number {
  const [names, values] = pair
    .in(namespace, 'cat', '/proc/net/snmp')
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '))
  return Number(values![names!.indexOf(name)])
}

for (const [version, address, ipHeader] of [
  [4, '10.99.0.2', 20],
  [6, 'fd99::2', 40],
] as const) {
  test(`offloaded TCP over IPv${version} counts as the segments TCP sent`, { skip }, async () => {
    using pair = new Pair({ ipv6: true })
    const ring = openRing({
      interfaceName: 'eth0',
      side: 'guest',
      netns: pair.guest,
      ringBytes: 8 << 20,
    })
    try {
      const server = startNodeIn(pair.host, tcpServer(address))
      const closed = once(server, 'close')
      const lines: string[] = []
      server.stdout.setEncoding('utf8').on('data', (text: string) => lines.push(text))
      await once(server.stdout, 'data')
      await nodeIn(pair.guest, tcpClient(address))
      await closed
      assert.deepEqual(lines.join('').split('\n'), ['ready', String(transferBytes), ''])

      const tally = new Tally()
      tally.drain(ring, quietMs)
      const out = tally.seen.get(`out 6000 > 7000 / ${version}`)!
      const back = tally.seen.get(`in 7000 > 6000 / ${version}`)!
      const again = tcpCounter(pair, pair.guest, 'RetransSegs')
      assert.equal(out.packets, tcpCounter(pair, pair.guest, 'OutSegs') + again)
      assert.equal(
        back.packets,
        tcpCounter(pair, pair.host, 'OutSegs') + tcpCounter(pair, pair.host, 'RetransSegs'),
      )
      assert.ok(out.rows < out.packets / 4, `${out.rows} frames stand for ${out.packets} packets`)
      assert.equal(ring.stats().drops, 0)
      // SYN with 20 bytes of options, all else with the 12 of the timestamp. On two processors frames
      // overtake each other, and TCP sends again what is not lost: full segments or less.
      const headers = ipHeader + 40 + (out.packets - 1) * (ipHeader + 32)
      const twice = out.bytes - transferBytes - headers
      const segmentMax = 1500 - ipHeader - 32
      assert.ok(twice >= 0 && twice <= again * segmentMax, `${again} sent again, ${twice} bytes`)
    } finally {
      ring.close()
    }
  })
}

test(
  'an interface that goes down is waited for, one that vanishes is an error',
  { skip },
  async () => {
    using pair = new Pair({ ipv6: false })
    const ring = openRing({
      interfaceName: 'eth0',
      side: 'guest',
      netns: pair.guest,
      ringBytes: 1 << 20,
    })
    try {
      const tally = new Tally()
      run('-n', pair.guest, 'link', 'set', 'eth0', 'down')
      tally.drain(ring, 10)
      run('-n', pair.guest, 'link', 'set', 'eth0', 'up')
      const mac = '02:00:00:00:00:09'
      run('-n', pair.guest, 'neigh', 'replace', '10.99.0.9', 'lladdr', mac, 'dev', 'eth0')
      await nodeIn(pair.guest, sendUdp('10.99.0.9', 7, 10))
      run('-n', pair.guest, 'link', 'del', 'eth0')
      assert.throws(
        () => tally.drain(ring, quietMs),
        (error) => {
          assert.ok(error instanceof WeirError)
          assert.equal(error.code, 'InterfaceGone')
          assert.equal(error.message, 'interface "eth0" is gone')
          return true
        },
      )
      assert.equal(tally.packets, 7, 'what came before is read first')
    } finally {
      ring.close()
    }
  },
)

test('no such interface, namespace or right', { skip }, () => {
  using pair = new Pair({ ipv6: false })
  const failure = (options: { interfaceName: string; netns?: string }, message: string) =>
    assert.throws(() => openRing({ ...options, side: 'guest' }), {
      name: 'CaptureFailed',
      message,
    })
  failure({ interfaceName: 'eth7', netns: pair.guest }, 'there is no interface "eth7"')
  failure(
    { interfaceName: 'a-name-longer-than-15', netns: pair.guest },
    'there is no interface "a-name-longer-than-15"',
  )
  failure(
    { interfaceName: 'eth0', netns: 'weir-test-none' },
    'there is no network namespace "weir-test-none"',
  )
  failure(
    { interfaceName: 'eth0', netns: '/etc/hostname' },
    '"/etc/hostname" cannot be entered as a network namespace',
  )
  const script = `
    import { mayCapture, openRing } from '${import.meta.dirname}/sources.ts'
    process.setgid(65534)
    process.setuid(65534)
    try { openRing({ interfaceName: 'lo', side: 'guest' }) }
    catch (error) { console.log(error.name, error.message, error.hint) }
    console.log(mayCapture())`
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  const hint =
    'Run Weir as root, or give it the right: setpriv --inh-caps=+net_raw ' +
    '--ambient-caps=+net_raw weir start (under systemd: AmbientCapabilities=CAP_NET_RAW)'
  assert.equal(
    said,
    `CaptureNotPermitted capturing at interface "lo" needs the right CAP_NET_RAW ${hint}\n` +
      `CaptureNotPermitted: capturing at this host needs the right CAP_NET_RAW. ${hint}\n`,
  )
})

test(
  'a ring serves a worker thread, and the threads of others stay in their namespace',
  { skip },
  async () => {
    using pair = new Pair({ ipv6: false })
    const here = pathToFileURL(import.meta.dirname).href
    const script = `
    import { parentPort } from 'node:worker_threads'
    import { readlinkSync } from 'node:fs'
    import { openRing } from '${here}/sources.ts'
    import { PacketBatch } from '${here}/../packet/packet.ts'
    const before = readlinkSync('/proc/thread-self/ns/net')
    const ring = openRing({
      interfaceName: 'eth0', side: 'guest', netns: '${pair.guest}', ringBytes: 1 << 20,
    })
    parentPort.postMessage({ ready: readlinkSync('/proc/thread-self/ns/net') === before })
    const batch = new PacketBatch()
    let rows = 0
    while (rows < 20) rows += ring.read(batch, 1000)
    ring.close()
    parentPort.postMessage({ rows })`
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`))
    const exited = once(worker, 'exit')
    assert.deepEqual(await once(worker, 'message'), [{ ready: true }])
    const rows = once(worker, 'message')
    await nodeIn(pair.guest, sendUdp('10.99.0.9', 20, 10))
    assert.deepEqual(await rows, [{ rows: 20 }])
    assert.deepEqual(await exited, [0])
  },
)
