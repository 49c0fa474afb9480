/**
 * Random packets through the whole write path against a plain model of the rules: objects and maps, a packet at
 * a time, every field of every record compared. `WEIR_SEED=7 npm test -- records-model` takes another seed.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../src/sample/random.ts'
import type { WindowSeconds } from '../src/window/window.ts'
import { captureOf, recordLine } from './packet-lines.ts'
import { replayMade } from './replayed.ts'

const seed = Number(process.env['WEIR_SEED'] ?? 1)
const rounds = process.env['WEIR_LONG'] === '1' ? 20_000 : 300

interface Packet {
  /** Eighths of a second after `begin`: exact in every clock. */
  readonly eighths: number
  readonly source: string
  readonly destination: string
  readonly ports: readonly [number, number]
  readonly what: 'tcp' | 'udp' | 'icmp' | 'arp'
  readonly flags: string
  readonly payload: number
}

const secondOf = (packet: Packet): number => Math.floor(packet.eighths / 8)
const isMulticast = ({ destination }: Packet): boolean => /^(224\.|ff)/.test(destination)

/** How records must read, and how many packets were late. */
class Model {
  readonly lines: string[] = []
  late = 0
  readonly #window: number
  readonly #open = new Map<number, OpenWindow>()
  readonly #connections = new Map<string, Connection>()
  readonly #spoken = new Set<number>()
  #newest = Number.NEGATIVE_INFINITY
  #closedBefore = Number.NEGATIVE_INFINITY

  constructor(windowSeconds: number) {
    this.#window = windowSeconds
  }

  #startOf(second: number): number {
    return Math.floor(second / this.#window) * this.#window
  }

  take(packet: Packet): void {
    const second = secondOf(packet)
    if (!isMulticast(packet)) this.#count(packet, second)
    if (second <= this.#newest) return
    // 54: "closes a window when a packet 60 s past its end has been read".
    this.#newest = second
    const bound = this.#startOf(second - 60)
    if (bound <= this.#closedBefore) return
    this.#closedBefore = bound
    this.#closeBefore(bound)
  }

  #count(packet: Packet, second: number): void {
    const start = this.#startOf(second)
    if (start < this.#closedBefore) this.late++
    const window = this.#open.get(start) ?? { flows: new Map(), closed: new Map() }
    this.#open.set(start, window)
    const { source, destination, ports, what, flags } = packet
    const key = `${what} ${source} ${ports[0]} ${destination} ${ports[1]}`
    const flow = window.flows.get(key) ?? {
      packet,
      packets: 0,
      bytes: 0,
      flags: '',
      first: second,
      last: second,
    }
    flow.packets++
    flow.bytes += bytesOf(packet)
    flow.flags += flags
    flow.first = Math.min(flow.first, second)
    flow.last = Math.max(flow.last, second)
    window.flows.set(key, flow)
    if (what === 'tcp') this.#follow(packet, window, second)
  }

  /** 29, 47. */
  #follow(packet: Packet, window: OpenWindow, second: number): void {
    const { flags, eighths } = packet
    const key = connectionKey(packet)
    const mine = `${packet.source} ${packet.ports[0]}`
    let connection = this.#connections.get(key)
    const limit = connection?.closed === true ? 3 : 910
    if (connection === undefined || eighths - connection.last > limit * 8)
      connection = { fins: new Set(), closed: false, last: eighths }
    this.#connections.set(key, connection)
    connection.last = Math.max(connection.last, eighths)
    const newSyn = flags.includes('S') && !flags.includes('A')
    if (newSyn) {
      connection.fins.clear()
      connection.closed = false
    }
    const others = [...connection.fins].some((side) => side !== mine)
    if (flags.includes('F')) connection.fins.add(mine)
    if (flags.includes('R') || (flags.includes('F') && others)) {
      connection.closed = true
      window.closed.set(key, second)
    } else if (newSyn) window.closed.delete(key)
  }

  #closeBefore(bound: number): void {
    for (const [start, window] of [...this.#open].sort(([a], [b]) => a - b)) {
      if (start >= bound) continue
      this.#open.delete(start)
      this.#spoken.add(start)
      for (const flow of window.flows.values()) this.lines.push(this.#line(flow, window, start))
    }
  }

  #line(flow: Flow, window: OpenWindow, start: number): string {
    const { packet } = flow
    const closed = packet.what === 'tcp' ? window.closed.get(connectionKey(packet)) : undefined
    const end = closed === undefined ? start + this.#window : Math.max(closed, flow.last)
    const six = packet.source.includes(':')
    const at = (address: string, port: number): string =>
      packet.what === 'icmp' ? address : `${six ? `[${address}]` : address}:${port}`
    const flags = 'FSRPAUEC'.split('').filter((flag) => flow.flags.includes(flag))
    const name = packet.what === 'icmp' && six ? 'icmp6' : packet.what
    return [
      `${at(packet.source, packet.ports[0])} > ${at(packet.destination, packet.ports[1])} ${name}`,
      `${flow.packets}p ${flow.bytes}B ${flags.join('') || '.'} ${flow.first}..${end}`,
    ].join(' ')
  }

  /** 56: the end of the files. */
  finish(all: readonly Packet[]): void {
    this.#closeBefore(Number.POSITIVE_INFINITY)
    const starts = all.map((packet) => this.#startOf(secondOf(packet)))
    for (let start = Math.min(...starts); start <= Math.max(...starts); start += this.#window)
      if (!this.#spoken.has(start))
        this.lines.push(`eni-capture NODATA ${start}..${start + this.#window}`)
  }
}

interface Flow {
  readonly packet: Packet
  packets: number
  bytes: number
  flags: string
  first: number
  last: number
}

interface OpenWindow {
  readonly flows: Map<string, Flow>
  /** The second of the last closing packet that no new SYN followed, by connection. */
  readonly closed: Map<string, number>
}

interface Connection {
  readonly fins: Set<string>
  closed: boolean
  last: number
}

const connectionKey = ({ source, destination, ports }: Packet): string =>
  [`${source} ${ports[0]}`, `${destination} ${ports[1]}`].sort((a, b) => (a < b ? -1 : 1)).join(' ')

const bytesOf = ({ source, what, payload }: Packet): number =>
  (source.includes(':') ? 40 : 20) + (what === 'tcp' ? 20 : 8) + payload

const families = [
  ['10.0.0.1', '10.0.0.2', '10.0.0.3', '200.1.2.3'],
  ['fd00::1', 'fd00::2', 'fd00::1:0:0:1', '2001:db8::ffff:1'],
] as const
const flagSets = [
  '',
  'A',
  'A',
  'PA',
  'PA',
  'S',
  'SA',
  'FA',
  'FA',
  'FA',
  'F',
  'R',
  'RA',
  'SF',
  'SEC',
  'FU',
]

function randomPackets(random: Random): Packet[] {
  const one = <T>(list: readonly T[]): T => list[random.whole(0, list.length - 1)]!
  const count = one([5, 20, 60, 400, 700])
  const hosts = random.whole(2, 4)
  let now = random.whole(0, 700) * 8
  return Array.from({ length: count }, (): Packet => {
    const gap = random.whole(1, 100)
    if (gap <= 30) now += random.whole(0, 8)
    else if (gap <= 40) now += random.whole(20, 28) // about the 3 s after a close
    else if (gap <= 45) now += random.whole(100, 600)
    else if (gap === 46) now += random.whole(905 * 8, 915 * 8) // about the 910 s of silence
    const addresses = one(families).slice(0, hosts)
    const what = one(['tcp', 'tcp', 'tcp', 'tcp', 'tcp', 'udp', 'icmp', 'arp'] as const)
    const source = one(addresses)
    const multicast = source.includes(':') ? 'ff02::1' : '224.0.0.1'
    const other = one(addresses.filter((address) => address !== source))
    const back = random.whole(1, 20) === 1 ? random.whole(0, what === 'udp' ? 3000 : 160) : 0
    const ports = [one([1, 80]), one([1, 80])] as const
    return {
      eighths: Math.max(0, now - back),
      source,
      destination: what !== 'tcp' && random.whole(1, 12) === 1 ? multicast : other,
      ports: what === 'icmp' ? [0, 0] : ports,
      what,
      flags: what === 'tcp' ? one(flagSets) : '',
      payload: one([0, 0, 1, 100, 1400]),
    }
  })
}

function lineOf(packet: Packet): string {
  const { source, destination, ports, what, flags, payload, eighths } = packet
  const at = `${Math.floor(eighths / 8)}.${String((eighths % 8) * 125).padStart(3, '0')}`
  if (what === 'arp') return `${at} arp`
  const six = source.includes(':')
  const end = (address: string, port: number): string =>
    what === 'icmp' ? address : `${six ? `[${address}]` : address}:${port}`
  const name = what === 'tcp' ? flags || '.' : what === 'icmp' && six ? 'icmp6' : what
  return `${at} ${end(source, ports[0])} > ${end(destination, ports[1])} ${name}+${payload}`
}

/** 62: "merged by timestamp (ties: argument order), each read in its own order"; frames that are no packets aside. */
function merged(files: readonly (readonly Packet[])[]): Packet[] {
  const rest = files.map((file) => file.filter(({ what }) => what !== 'arp'))
  const order: Packet[] = []
  for (;;) {
    const [first] = rest
      .filter((file) => file.length > 0)
      .sort((a, b) => a[0]!.eighths - b[0]!.eighths)
    if (first === undefined) return order
    order.push(first.shift()!)
  }
}

test(`records of random packets are those of a plain model (seed ${seed})`, async () => {
  for (let round = 0; round < rounds; round++) {
    const random = new Random(seed * 1_000_000 + round)
    const windowSeconds = ([60, 300, 600] as const)[random.whole(0, 2)]! satisfies WindowSeconds
    const packets = randomPackets(random)
    const files: Packet[][] = Array.from({ length: random.whole(1, 3) }, () => [])
    for (const packet of packets) files[random.whole(0, files.length - 1)]!.push(packet)

    const model = new Model(windowSeconds)
    for (const packet of merged(files)) model.take(packet)
    model.finish(packets)
    const captures = files.map((file) => ({ bytes: captureOf(file.map(lineOf)) }))
    const { records, summary } = await replayMade(captures, windowSeconds)
    const where = `WEIR_SEED=${seed}, round ${round}, windows of ${windowSeconds} s`
    assert.deepEqual(sorted(records.map(recordLine)), sorted(model.lines), where)
    assert.equal(summary.latePackets, model.late, where)
  }
})

const sorted = (lines: readonly string[]): string[] => [...lines].sort((a, b) => (a < b ? -1 : 1))
