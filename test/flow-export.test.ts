/** softflowd exports known traffic of a network namespace to our receiver: the flows read are those that were sent. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { ipv4Text, ipv6Text } from '../src/base/ip.ts'
import { about, PacketBatch, rowWords, tcpFlag, word } from '../src/packet/packet.ts'
import { type FlowReceiver, openFlowReceiver, openRing } from '../src/sources/sources.ts'
import { temporaryFolder } from './logstore-rows.ts'
import { NamespacePair, noNamespaces } from './network-namespaces.ts'

const hasSoftflowd = spawnSync('softflowd', ['-h']).error === undefined
const skip = noNamespaces() || (hasSoftflowd ? false : 'not run: needs softflowd')
const ifIndex = 3

interface Totals {
  packets: number
  bytes: number
  flags: number
}

/** Datagrams of 100 bytes and more to neighbours that nobody is, so that nothing answers: `port` of them each. */
const sent = [
  { to: '10.99.0.9', port: 5 },
  { to: '10.99.0.9', port: 250 },
  { to: 'fd99::9', port: 7 },
  { to: 'fd99::9', port: 120 },
] as const
const requests = 20
const requestBytes = 300

/** Sends the datagrams, and holds a TCP conversation of short messages with a server in the other namespace. */
const traffic = `
  const net = require('node:net')
  const datagrams = async ({ to, port }) => {
    const socket = require('node:dgram').createSocket(to.includes(':') ? 'udp6' : 'udp4')
    await new Promise((resolve) => socket.bind(6000, resolve))
    const bytes = Buffer.alloc(100 + port)
    for (let i = 0; i < port; i++)
      await new Promise((resolve, reject) =>
        socket.send(bytes, port, to, (error) => (error ? reject(error) : resolve())))
    await new Promise((resolve) => socket.close(resolve))
  }
  const talk = () => new Promise((resolve, reject) => {
    const socket = net.connect({ host: '10.99.0.2', port: 7000, localPort: 6001, noDelay: true })
    let left = ${requests}
    const ask = () => left-- > 0 ? socket.write(Buffer.alloc(${requestBytes})) : socket.end()
    socket.on('connect', ask).on('data', ask).on('close', resolve).on('error', reject)
  })
  ;(async () => { for (const each of ${JSON.stringify(sent)}) await datagrams(each); await talk() })()`

/** libpcap gives softflowd only whole blocks of frames: these fill the block that the known traffic ends in. */
const filler = `
  const socket = require('node:dgram').createSocket('udp4')
  let left = 1500
  const next = () => left-- > 0 ? socket.send(Buffer.alloc(1000), 9, '10.99.0.9', next) : socket.close()
  next()`
const fillerKey = / 9 17$/

const server = `
  require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    socket.setNoDelay(true)
    let waiting = 0
    socket.on('data', (bytes) => {
      waiting += bytes.length
      for (; waiting >= ${requestBytes}; waiting -= ${requestBytes}) socket.write('ok')
    }).on('end', () => socket.end())
  }).listen(7000, '10.99.0.2', () => console.log('ready'))`

/** A process inside a namespace; ended when it is disposed of. */
async function started(
  namespace: string,
  program: readonly string[],
  ready: (child: ChildProcess) => Promise<unknown>,
): Promise<AsyncDisposable> {
  const args = ['netns', 'exec', namespace, ...program]
  const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const closed = once(child, 'close')
  await Promise.race([
    ready(child),
    closed.then(() => assert.fail(`${program[0]} ended before it was ready`)),
  ])
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await closed
    },
  }
}

const said = ({ stdout }: ChildProcess): Promise<unknown> => once(stdout!, 'data')
async function appears(file: string): Promise<void> {
  while (!existsSync(file)) await wait(10)
}

const control = (socket: string, command: string): string =>
  execFileSync('softflowctl', ['-c', socket, command], { encoding: 'utf8', stdio: 'pipe' })

/** Flows by `source port > destination port protocol`. */
class Flows {
  readonly totals = new Map<string, Totals>()
  readonly directions = new Set<number>()
  firstSecond = Number.POSITIVE_INFINITY
  lastSecond = 0
  readonly #batch = new PacketBatch()

  /** Adds what waits at a receiver or ring. */
  take(from: { read(batch: PacketBatch, timeoutMs: number): number }): void {
    while (from.read(this.#batch, 0) > 0)
      for (let row = 0; row < this.#batch.rows; row++) this.#add(row * rowWords)
  }

  #add(base: number): void {
    const { words } = this.#batch
    const mark = words[base + word.about]!
    const address = (at: number): string =>
      mark & about.ipv6 ? ipv6Text(words, base + at) : ipv4Text(words[base + at]!)
    const ports = words[base + word.ports]!
    const from = `${address(word.source)} ${ports >>> 16}`
    const key = `${from} > ${address(word.destination)} ${ports & 0xffff} ${mark & 0xff}`
    if (fillerKey.test(key)) return
    const total = this.totals.get(key) ?? { packets: 0, bytes: 0, flags: 0 }
    total.packets += words[base + word.packets]!
    total.bytes += words[base + word.bytes]! >>> 0
    total.flags |= (mark >>> about.flagsShift) & 0xff
    this.totals.set(key, total)
    this.directions.add((mark >>> about.directionShift) & about.directionMask)
    const second = words[base + word.second]! >>> 0
    this.firstSecond = Math.min(this.firstSecond, second)
    this.lastSecond = Math.max(this.lastSecond, second)
  }

  /** Only flows of the test's own ports: not ARP, nor neighbour discovery. */
  lines(ipv6: boolean): string[] {
    return [...this.totals]
      .filter(([key]) => / 600[01] /.test(` ${key} `) && (ipv6 || !key.includes(':')))
      .map(([key, { packets, bytes, flags }]) => `${key}: ${packets} ${bytes} ${flags}`)
      .toSorted()
  }
}

interface RoundTrip {
  readonly exported: Flows
  readonly seen: Flows
  readonly receiver: FlowReceiver
  readonly interfaces: readonly string[]
}

/** Traffic, softflowd at it, and what it exports; until that is all, or half a minute is over. */
async function roundTrip(
  folder: string,
  options: readonly string[],
  ipv6: boolean,
): Promise<RoundTrip> {
  using pair = new NamespacePair()
  const interfaces: string[] = []
  const receiver = openFlowReceiver({
    host: '127.0.0.1',
    port: 0,
    netns: pair.host,
    windowSeconds: 600,
    isTap: (address, index) => address === '127.0.0.1' && index === ifIndex,
    addInterface: (index, { exporter }) => {
      interfaces[index] = `${exporter.address} ${exporter.ifIndex}`
    },
  })
  const ring = openRing({ interfaceName: 'veth0', side: 'guest', netns: pair.host })
  try {
    const socket = join(folder, 'control')
    const to = ['-n', `127.0.0.1:${receiver.port}`, '-c', socket, '-p', `${socket}.pid`, '-d']
    const program = ['softflowd', '-i', `${ifIndex}:veth0`, ...to, ...options]
    await using _listening = await started(pair.host, [process.execPath, '-e', server], said)
    await using _exporting = await started(pair.host, program, () => appears(socket))
    pair.node(pair.guest, traffic)
    const exported = new Flows()
    const seen = new Flows()
    const until = Date.now() + 30_000
    do {
      pair.node(pair.guest, filler)
      control(socket, 'expire-all')
      exported.take(receiver)
      seen.take(ring)
    } while (!isDeepStrictEqual(exported.lines(ipv6), seen.lines(ipv6)) && Date.now() < until)
    control(socket, 'shutdown')
    exported.take(receiver)
    return { exported, seen, receiver, interfaces }
  } finally {
    receiver.close()
    ring.close()
  }
}

const forms: readonly (readonly [string, readonly string[]])[] = [
  ['NetFlow v5', ['-v', '5']],
  ['NetFlow v9', ['-v', '9']],
  ['IPFIX', ['-v', '10']],
  ['IPFIX with nanoseconds', ['-v', '10', '-A', 'nano']],
  ['IPFIX of both directions', ['-v', '10', '-b']],
]
for (const [name, options] of forms)
  test(`what softflowd exports as ${name} is what was sent`, { skip }, async (t) => {
    const begun = Math.floor(Date.now() / 1000)
    // NetFlow v5 has no IPv6.
    const ipv6 = name !== 'NetFlow v5'
    const { exported, seen, receiver, interfaces } = await roundTrip(
      temporaryFolder(t),
      options,
      ipv6,
    )
    const lines = exported.lines(ipv6)
    assert.deepEqual(lines, seen.lines(ipv6))
    for (const { to, port } of sent) {
      if (to.includes(':') && !ipv6) continue
      const from = to.includes(':') ? 'fd99::1' : '10.99.0.1'
      const bytes = port * (100 + port + 8 + (to.includes(':') ? 40 : 20))
      assert.ok(
        lines.includes(`${from} 6000 > ${to} ${port} 17: ${port} ${bytes} 0`),
        lines.join('\n'),
      )
    }
    const conversation = exported.totals.get('10.99.0.1 6001 > 10.99.0.2 7000 6')
    assert.ok(conversation !== undefined && conversation.packets > requests)
    assert.equal(conversation.flags, tcpFlag.syn | tcpFlag.ack | tcpFlag.psh | tcpFlag.fin)
    assert.deepEqual(receiver.takeLosses(true), [])
    const { malformed, undecodableSets, uncountable } = receiver.counters
    assert.deepEqual([malformed, undecodableSets, uncountable], [0, 0, 0])
    const over = Math.ceil(Date.now() / 1000)
    const { firstSecond, lastSecond } = exported
    const times = `${begun} <= ${firstSecond} <= ${lastSecond} <= ${over}`
    // Headers of NetFlow v9 have whole seconds, so its times may be one early.
    assert.ok(begun - 1 <= firstSecond && lastSecond <= over, times)
    // softflowd names its one interface as input and output: it saw each packet once, nobody knows which way.
    assert.deepEqual(interfaces, [`127.0.0.1 ${ifIndex}`])
    assert.deepEqual([...exported.directions], [0])
  })
