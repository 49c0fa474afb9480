/**
 * Flow log records for `npm run bench store`: the seed alone decides them. 10 million are a day. Sessions last
 * one window, or up to a day of windows; within a cloud both ends' ENIs see them, and the NAT gateway sees what
 * goes through it. Of 1 M records: some 42 k addresses, 284 k pairs, 662 k five-tuples, 4.3 % REJECT, 2.3 % IPv6.
 */
import type { Column, ColumnBatch } from '../../src/base/columns.ts'
import { type FlowRecordField, flowRecordFields } from '../../src/record/fields.ts'
import {
  account,
  addresses,
  enisOf,
  eniTexts,
  eniV6,
  natGateway,
  privateEnis,
  publicV4,
  publicV6,
  remoteSites,
  vpcCount,
} from './store-network.ts'

export const rowsADay = 10_000_000
const rowsAMinute = Math.ceil(rowsADay / 1440)
/** Unix seconds of the first record's day: 2026-11-01, UTC. */
export const firstDay = 1_793_491_200
/** Of the rows of a minute, those of sessions that last. */
const lastingShare = 0.02

interface Session {
  source: number
  destination: number
  sourcePort: number
  destinationPort: number
  protocol: number
  reject: boolean
  path: number
  /** The ENIs that see it; -1 for none. The NAT gateway sees it turned: in what comes from the source. */
  sourceEni: number
  destinationEni: number
  gateway: boolean
  mean: number
  /** Windows to come. */
  windows: number
}

export class StoreRecords {
  #state: number
  #minute = 0
  #leftInMinute = 0
  readonly #lasting: Session[] = []
  /** Rows made and not yet handed out are at most those of one session. */
  #lastingAt = 0
  readonly #waiting: (() => void)[] = []
  #batch = new BatchWriter(0)

  constructor(seed: number) {
    this.#state = seed | 0 || 1
  }

  /** Unix seconds of the window whose records are made now. */
  get windowStart(): number {
    return firstDay + this.#minute * 60
  }

  /** The next records, in the order of their windows. */
  next(rows: number): ColumnBatch {
    this.#batch = new BatchWriter(rows)
    while (this.#batch.rows < rows) {
      const late = this.#waiting.shift()
      if (late !== undefined) late()
      else this.#emit(this.#nextSession())
    }
    return this.#batch.finish()
  }

  #nextSession(): Session {
    if (this.#leftInMinute <= 0) {
      if (this.#lastingAt > 0) this.#minute++
      this.#leftInMinute = rowsAMinute
      this.#lastingAt = 0
    }
    if (this.#leftInMinute > rowsAMinute * (1 - lastingShare)) {
      const at = this.#lastingAt++
      const known = this.#lasting[at]
      if (known !== undefined && known.windows-- > 0) return known
      const begun = this.#session()
      begun.windows = Math.floor(1440 ** this.#random())
      return (this.#lasting[at] = begun)
    }
    return this.#session()
  }

  /** Both directions of a session in this window, at each ENI that sees it. */
  #emit(session: Session): void {
    const { sourceEni, destinationEni, gateway, reject, mean } = session
    const packets = 1 + Math.floor(mean * (0.5 + this.#random()) ** 2)
    const start = this.windowStart + (session.windows > 0 ? 0 : this.#below(50))
    const end = session.windows > 0 || reject ? this.windowStart + 60 : start + this.#below(10)
    const there = {
      session,
      back: false,
      packets,
      bytes: packets * (40 + this.#below(200)),
      start,
      end,
    }
    this.#see(there, sourceEni, false)
    if (gateway) this.#see(there, natGateway, true)
    if (destinationEni >= 0 && !(reject && sourceEni >= 0)) this.#see(there, destinationEni, true)
    if (reject) return
    const answers = Math.max(1, Math.floor(packets * (0.6 + this.#random())))
    const back = {
      ...there,
      back: true,
      packets: answers,
      bytes: answers * (40 + this.#below(1400)),
    }
    if (destinationEni >= 0) this.#see(back, destinationEni, false)
    if (gateway) this.#see(back, natGateway, false)
    this.#see(back, sourceEni, true)
  }

  #see(half: HalfFlow, eni: number, inbound: boolean): void {
    if (eni < 0) return
    this.#leftInMinute--
    if (this.#batch.rows < this.#batch.capacity) this.#batch.add(half, eni, inbound)
    else this.#waiting.push(() => this.#batch.add(half, eni, inbound))
  }

  #session(): Session {
    const kind = this.#random()
    const ipv6 = this.#random() < 0.027
    const server = this.#random() < 0.8
    const session: Session = {
      source: 0,
      destination: 0,
      sourcePort: 32_768 + this.#below(28_232),
      destinationPort: server ? ports[this.#below(ports.length)]! : 1024 + this.#below(64_000),
      protocol: this.#random() < 0.85 ? 6 : 17,
      reject: this.#random() < 0.022,
      path: 2,
      sourceEni: -1,
      destinationEni: -1,
      gateway: false,
      mean: 1 + 20_000 ** (this.#random() * this.#random()),
      windows: 0,
    }
    if (kind < 0.41) this.#withinCloud(session, ipv6)
    else if (kind < 0.87) this.#withInternet(session, ipv6)
    else if (kind < 0.9) this.#withSite(session)
    else this.#scan(session, ipv6)
    return session
  }

  #withinCloud(session: Session, ipv6: boolean): void {
    const vpc = this.#random() < 0.6 ? 0 : this.#below(vpcCount)
    const peerVpc = vpc < 2 && this.#random() < 0.15 ? 1 - vpc : vpc
    session.sourceEni = this.#eniOf(vpc)
    session.destinationEni = this.#eniOf(peerVpc)
    if (session.destinationEni === session.sourceEni)
      session.destinationEni = enisOf[vpc]!.first + this.#below(enisOf[vpc]!.count)
    session.path = peerVpc === vpc ? 2 : 8
    session.source = session.sourceEni + (ipv6 ? eniV6.first : 0)
    session.destination = session.destinationEni + (ipv6 ? eniV6.first : 0)
  }

  #withInternet(session: Session, ipv6: boolean): void {
    const eni = this.#eniOf(this.#random() < 0.6 ? 0 : this.#below(vpcCount))
    const { first, count } = ipv6 ? publicV6 : publicV4
    const peer = first + Math.floor(count * this.#random() ** peerSkew)
    const own = eni + (ipv6 ? eniV6.first : 0)
    const outbound = eni < privateEnis || this.#random() < 0.5
    session.gateway = eni < privateEnis && !ipv6 && this.#random() < 0.4
    session.path = session.gateway ? 16 : 15
    session.source = outbound ? own : peer
    session.destination = outbound ? peer : own
    if (outbound) session.sourceEni = eni
    else session.destinationEni = eni
  }

  #withSite(session: Session): void {
    session.destinationEni = this.#eniOf(2)
    session.source = remoteSites.first + this.#below(remoteSites.count)
    session.destination = session.destinationEni
    session.path = 11
  }

  #scan(session: Session, ipv6: boolean): void {
    const { first, count } = ipv6 ? publicV6 : publicV4
    const eni = privateEnis + 1 + this.#below(139)
    session.source = first + count - 1 - this.#below(scanners)
    session.destination = eni + (ipv6 ? eniV6.first : 0)
    session.destinationEni = eni
    session.destinationPort = 1 + this.#below(10_000)
    session.protocol = 6
    session.path = 15
    session.reject = true
    session.mean = 1
  }

  #eniOf(vpc: number): number {
    const { first, count } = enisOf[vpc]!
    return first + Math.floor(count ** this.#random()) - 1
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  #random(): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) / 2 ** 32
  }
}

const ports = [443, 443, 443, 80, 80, 53, 22, 3306, 6379, 8080]
/** Of the public addresses, the last ones. */
const scanners = 2000
const peerSkew = 3.3

/** One direction of a session in one window. */
interface HalfFlow {
  readonly session: Session
  /** From the destination to the source. */
  readonly back: boolean
  readonly packets: number
  readonly bytes: number
  readonly start: number
  readonly end: number
}

const fixedTexts: readonly (readonly [FlowRecordField, readonly string[]])[] = [
  ['account-id', [account]],
  ['type', ['IPv4', 'IPv6']],
  ['direction', ['in', 'out']],
  ['action', ['ACCEPT', 'REJECT']],
  ['log-status', ['OK']],
]

/** The codes that a batch has given to numbered texts. */
class Codes {
  readonly codes: Uint32Array
  readonly dictionary: string[] = []
  readonly #texts: readonly string[]
  readonly #known: Uint32Array

  constructor(texts: readonly string[], rows: number) {
    this.#texts = texts
    this.#known = new Uint32Array(texts.length)
    this.codes = new Uint32Array(rows)
  }

  set(row: number, text: number): void {
    this.codes[row] = this.#known[text]! ||= this.dictionary.push(this.#texts[text]!)
  }
}

class BatchWriter {
  rows = 0
  readonly capacity: number
  readonly #texts = new Map<string, Codes>()
  readonly #numbers = new Map<string, Float64Array>()
  readonly #times: Float64Array

  constructor(capacity: number) {
    this.capacity = capacity
    this.#times = new Float64Array(capacity)
    const fixed = new Map(fixedTexts)
    for (const { name, kind } of flowRecordFields)
      if (kind === 'integer') this.#numbers.set(name, new Float64Array(capacity))
      else {
        const texts = fixed.get(name) ?? eniTexts.get(name) ?? addresses
        this.#texts.set(name, new Codes(texts, capacity))
      }
  }

  add(
    { session, back, packets, bytes, start, end }: HalfFlow,
    eni: number,
    inbound: boolean,
  ): void {
    const row = this.rows++
    const text = (name: FlowRecordField, value: number) => this.#texts.get(name)!.set(row, value)
    const number = (name: FlowRecordField, value: number) => {
      this.#numbers.get(name)![row] = value
    }
    text('account-id', 0)
    for (const name of eniTexts.keys()) text(name, eni)
    const source = back ? session.destination : session.source
    const destination = back ? session.source : session.destination
    text('type', isV6(source) ? 1 : 0)
    text('srcaddr', source)
    text('dstaddr', destination)
    text('direction', inbound ? 0 : 1)
    text('action', session.reject ? 1 : 0)
    text('log-status', 0)
    number('version', 1)
    number('protocol', session.protocol)
    number('srcport', back ? session.destinationPort : session.sourcePort)
    number('dstport', back ? session.sourcePort : session.destinationPort)
    number('packets', packets)
    number('bytes', bytes)
    this.#times[row] = start
    number('start', start)
    number('end', end)
    number(
      'tcp-flags',
      session.protocol !== 6 ? 0 : session.reject ? 2 : session.windows > 0 ? 24 : 27,
    )
    number('traffic_path', session.path)
  }

  finish(): ColumnBatch {
    const columns = new Map<string, Column>([
      ['__time__', { kind: 'integer', values: this.#times }],
    ])
    for (const { name, kind } of flowRecordFields) {
      if (kind === 'integer') columns.set(name, { kind, values: this.#numbers.get(name)! })
      else {
        const { codes, dictionary } = this.#texts.get(name)!
        columns.set(name, { kind, codes, dictionary })
      }
    }
    return { rows: this.rows, columns }
  }
}

const isV6 = (address: number): boolean =>
  (address >= eniV6.first && address < eniV6.first + eniV6.count) || address >= publicV6.first

/** ENI that most records are of, and the one the page calls 10.0.0.1. */
export const busiestEni = eniTexts.get('eni-id')![0]!
