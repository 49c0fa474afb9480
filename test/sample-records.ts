/**
 * The records that the sample project must hold, from the frames of its captures by plain sums, one object a
 * packet and a record: no part of Weir between frames and records takes part. What topology and rules
 * say of these packets is worked out by hand in `expectations`.
 */
import { parse } from 'yaml'
import { sampleCaptures, sampleTopology } from '../src/sample/sample.ts'
import { type Packet, readFrames } from './sample-frames.ts'

/** A record: the page's fields, as a query prints them. */
export type SampleRecord = Readonly<Record<string, string>>

interface Expectation {
  /** The ENIs of the flow log's target. */
  readonly enis: readonly string[]
  /** Whether security groups let in what nobody inside has asked for. */
  readonly letsIn: (packet: Packet) => boolean
  /** The traffic path by the peer's address. */
  readonly path: (peer: string) => number
  /** "For Sampling Path, select Transit Router." */
  readonly keeps?: (path: number) => boolean
}

/** By logstore; the capture is called the same. */
const expectations: Readonly<Record<string, Expectation>> = {
  web: {
    enis: ['eni-web1'],
    letsIn: (packet) =>
      packet.protocol === 6 && packet.destinationPort === 80 && packet.source.startsWith('120.26.'),
    // Own public IP, IPv6 gateway, cloud service; a router's link-local address and 255.255.255.255 have none.
    path: (peer) =>
      peer.startsWith('100.')
        ? 5
        : peer.startsWith('2001:')
          ? 14
          : /^fe80|^255/.test(peer)
            ? 0
            : 15,
  },
  ecs: {
    enis: ['eni-ecs1'],
    letsIn: () => true, // only members of its own security group knock
    path: (peer) => (peer.startsWith('100.') ? 5 : 2),
  },
  peering: {
    enis: ['eni-peer1', 'eni-peer2', 'eni-peer3', 'eni-standby'],
    letsIn: (packet) => packet.protocol === 1 && packet.source.startsWith('172.16.'),
    path: (peer) => (peer.startsWith('100.') ? 5 : 17),
  },
  nat: { enis: ['eni-ngw1'], letsIn: () => true, path: () => 7 },
  express: {
    enis: ['eni-erp', 'eni-files', 'eni-mail', 'eni-logs'],
    letsIn: () => false,
    path: (peer) => (peer.startsWith('100.') ? 5 : /^10\.1\.|^2001:db8:a1:/.test(peer) ? 8 : 2),
    keeps: (path) => path === 8,
  },
}

interface Topology {
  readonly account: string
  readonly vSwitches: readonly { id: string; vpc: string }[]
  readonly enis: readonly {
    id: string
    vSwitch: string
    instance?: string
    tap?: { interface: string }
  }[]
}

const topology: Topology = parse(sampleTopology())

/** The records of the hour that ends at `end`, by logstore, `flow-log` with all of them included. */
export function sampleRecords(end: number): Map<string, SampleRecord[]> {
  const begin = end - 3600
  const found = new Map<string, SampleRecord[]>()
  for (const { fileName, chunks } of sampleCaptures(end)) {
    const name = /^sample-(.+)\.pcapng$/.exec(fileName)![1]!
    const { packets } = readFrames(chunks, begin)
    const expectation = expectations[name]!
    const records = expectation.enis.flatMap((eni) => recordsOf(eni, packets, expectation, begin))
    found.set(name, records)
  }
  found.set('flow-log', [...found.values()].flat())
  return found
}

interface Flow {
  readonly packet: Packet
  readonly window: number
  readonly action: 'ACCEPT' | 'REJECT'
  readonly path: number
  packets: number
  bytes: number
  start: number
  last: number
  flags: number
}

const multicast = /^(22[4-9]|23\d)\.|^ff/
const fin = 1
const syn = 2
const rst = 4
const ack = 16

function recordsOf(
  eniId: string,
  packets: readonly Packet[],
  { letsIn, path, keeps = () => true }: Expectation,
  begin: number,
): SampleRecord[] {
  const eni = topology.enis.find(({ id }) => id === eniId)!
  const flows = new Map<string, Flow>()
  const asked = new Set<string>()
  const closes = new Closes()
  for (const packet of packets) {
    if (packet.tap !== eni.tap!.interface || multicast.test(packet.destination)) continue
    const out = packet.direction === 2
    const second = Number(packet.nanosecond / 1_000_000_000n)
    const window = second - (second % 60)
    const { there, back } = ends(packet)
    if (out) asked.add(there)
    const discovery = packet.protocol === 58 && packet.source.startsWith('fe80')
    const accepted = out || asked.has(back) || discovery || letsIn(packet)
    if (accepted && packet.protocol === 6) closes.see(packet, window, second)
    const action = accepted ? 'ACCEPT' : 'REJECT'
    const key = `${window} ${packet.direction} ${action} ${there}`
    let flow = flows.get(key)
    if (flow === undefined) {
      const peer = out ? packet.destination : packet.source
      const zero = { packets: 0, bytes: 0, start: second, last: second, flags: 0 }
      flows.set(key, (flow = { packet, window, action, path: path(peer), ...zero }))
    }
    flow.packets++
    flow.bytes += packet.bytes
    flow.last = second
    flow.flags |= packet.flags
  }
  const whose = identityOf(eni)
  const records = [...flows.values()]
    .filter((flow) => keeps(flow.path))
    .map((flow) => textOf(whose, flow, closes.endOf(flow)))
  const silent = Array.from({ length: 60 }, (_, minute) => begin + 60 * minute).filter(
    (window) => ![...flows.values()].some((flow) => flow.window === window),
  )
  return [...records, ...silent.map((window) => noData(whose, window))]
}

const ends = (each: Packet) => {
  const from = `${each.source} ${each.sourcePort}`
  const to = `${each.destination} ${each.destinationPort}`
  return { there: `${each.protocol} ${from} ${to}`, back: `${each.protocol} ${to} ${from}` }
}

/** When connections were closed: by a reset, or by the FIN of one side when the other's had been seen. */
class Closes {
  readonly #finished = new Set<string>()
  /** Seconds, by window and five-tuple, either way round. */
  readonly #closed = new Map<string, number>()

  see(packet: Packet, window: number, second: number): void {
    const { there, back } = ends(packet)
    const both = [`${window} ${there}`, `${window} ${back}`]
    const { flags } = packet
    if ((flags & (syn | ack)) === syn) {
      for (const each of [there, back]) this.#finished.delete(each)
      for (const each of both) this.#closed.delete(each)
    }
    if ((flags & fin) !== 0) this.#finished.add(there)
    if ((flags & rst) !== 0 || ((flags & fin) !== 0 && this.#finished.has(back)))
      for (const each of both) this.#closed.set(each, second)
  }

  /** "The end time of the capture window ..., or the time when a short-lived connection was closed." */
  endOf({ packet, window, action, last }: Flow): number {
    const closed = this.#closed.get(`${window} ${ends(packet).there}`)
    if (closed === undefined || action === 'REJECT') return window + 60
    return Math.max(closed, last)
  }
}

const identityOf = (eni: Topology['enis'][number]): SampleRecord => ({
  __topic__: 'flow_log',
  version: '1',
  'account-id': topology.account,
  'eni-id': eni.id,
  'vm-id': eni.instance ?? '-',
  'vswitch-id': eni.vSwitch,
  'vpc-id': topology.vSwitches.find(({ id }) => id === eni.vSwitch)!.vpc,
})

function textOf(whose: SampleRecord, flow: Flow, end: number): SampleRecord {
  const { packet, action } = flow
  return {
    ...whose,
    __time__: String(flow.start),
    type: packet.source.includes(':') ? 'IPv6' : 'IPv4',
    protocol: String(packet.protocol),
    srcaddr: packet.source,
    srcport: String(packet.sourcePort),
    dstaddr: packet.destination,
    dstport: String(packet.destinationPort),
    direction: packet.direction === 2 ? 'out' : 'in',
    action,
    packets: String(flow.packets),
    bytes: String(flow.bytes),
    start: String(flow.start),
    end: String(end),
    'tcp-flags': String(flow.flags),
    'log-status': 'OK',
    traffic_path: String(flow.path),
  }
}

/** "NODATA: The network interface sent or received no traffic during the capture window". */
function noData(whose: SampleRecord, window: number): SampleRecord {
  const nothing = 'type protocol srcaddr srcport dstaddr dstport direction action packets bytes'
  const absent = `${nothing} tcp-flags traffic_path`.split(' ').map((name) => [name, '-'])
  return {
    ...whose,
    ...(Object.fromEntries(absent) as Record<string, string>),
    __time__: String(window),
    start: String(window),
    end: String(window + 60),
    'log-status': 'NODATA',
  }
}
