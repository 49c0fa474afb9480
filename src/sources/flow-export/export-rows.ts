/**
 * From exported flows to rows of packets: at which interfaces of the router a flow was seen, which way, and how much.
 * "A flow counts whole in the window of its first packet" (records.md 58), so a row has the time of the first.
 */
import { about, protocol, rowWords, tcpFlag, word } from '../../packet/packet.ts'
import {
  type ExportedFlow,
  flowBytesMax,
  flowPacketsMax,
  type RecordKind,
  recordKind,
} from './exported-flow.ts'
import type { Exporter } from './exporters.ts'
import { RowQueue } from './row-queue.ts'

/** Where rows were seen; what `vpc/` calls a capture interface. */
export interface ExporterInterface {
  readonly file: undefined
  readonly name: undefined
  /** `ifIndex` -1: somewhere at this exporter, at no interface that is a tap. */
  readonly exporter: { readonly address: string; readonly ifIndex: number }
}

/** Who takes the rows. */
export interface ExportTaker {
  /** Whether an interface of an exporter is an ENI's tap. Asked again after `forgetTaps`. */
  isTap(address: string, ifIndex: number): boolean
  /** What word 13 of rows holds from now on. Told before the first such row is read. */
  addInterface(index: number, from: ExporterInterface): void
  /**
   * Of the capture window, so that a connection can be told to close in it; the shortest of several, as it is now.
   * 60 unless told.
   */
  readonly windowSeconds?: number
}

/** The `about` bits of a direction as an interface sees it. */
const hint = { none: 0, in: 1 << about.directionShift, out: 2 << about.directionShift } as const
const closingFlags = tcpFlag.fin | tcpFlag.rst
/** Interfaces remembered of one exporter: the largest routers have some thousand. */
const interfacesMax = 8192
/** Exporters that have a number of their own for rows that are at no tap. */
const wholesMax = 1 << 16
const noTap = -1

/** What is known of the interfaces of one exporter. */
interface Interfaces {
  /** Interface numbers by ifIndex, `noTap` for those that are none. */
  readonly numbers: Map<number, number>
  /** Interfaces whose incoming, and whose outgoing, packets are metered there. */
  readonly meteredIn: Set<number>
  readonly meteredOut: Set<number>
}

export class ExportRows {
  readonly queue = new RowQueue()
  /** Records left out, because the same packets were metered at the other interface too. */
  secondViews = 0
  readonly #taker: ExportTaker
  #interfaces = new WeakMap<Exporter, Interfaces>()
  readonly #numbers = new Map<string, number>()
  readonly #wholes = new Map<string, number>()
  #nextNumber = 0

  constructor(taker: ExportTaker) {
    this.#taker = taker
  }

  /** The topology has changed: other interfaces may be taps. */
  forgetTaps(): void {
    this.#interfaces = new WeakMap()
  }

  /** Queues the rows of a flow. */
  addFlow(exporter: Exporter, flow: ExportedFlow): RecordKind {
    const rate = Math.max(1, flow.samplingRate)
    const packets = Math.round(flow.packets * rate)
    const bytes = Math.round(flow.bytes * rate)
    if (bytes > flowBytesMax || packets > flowPacketsMax) return recordKind.uncountable
    if (flow.samplingRate !== 1) exporter.noteSampled(flow.samplingRate, flow.firstSecond)
    const { firstSecond, lastSecond } = flow
    const closing = flow.protocol === protocol.tcp ? flow.tcpFlags & closingFlags : 0
    const inOneSecond = firstSecond === lastSecond
    // Only a packet of the window can close a connection in it; other rows would open an empty record there.
    const seconds = this.#taker.windowSeconds ?? 60
    const inOneWindow = Math.floor(firstSecond / seconds) === Math.floor(lastSecond / seconds)
    const mark = inOneSecond
      ? marksOf(flow, flow.tcpFlags)
      : marksOf(flow, flow.tcpFlags & ~closing)
    this.#eachView(exporter, flow.input, flow.output, flow.direction, (number, direction) => {
      const row = this.queue.push(packets, bytes)
      row.set(flow.source, word.source)
      row.set(flow.destination, word.destination)
      row[word.ports] = (flow.sourcePort << 16) | flow.destinationPort
      row[word.about] = mark | direction
      row[word.second] = firstSecond
      row[word.nanosecond] = flow.firstNanosecond
      row[word.interface] = number
      if (closing !== 0 && !inOneSecond && inOneWindow)
        this.queue.closeLast(closing, lastSecond, flow.lastNanosecond)
    })
    return recordKind.flow
  }

  /**
   * Queues the rows of one sampled packet that stands for `rate`.
   * @param words a decoded row at `base`, time included
   */
  addPacket(
    exporter: Exporter,
    words: Int32Array,
    base: number,
    seen: { rate: number; input: number; output: number; direction: number },
  ): void {
    const { rate } = seen
    if (rate !== 1) exporter.noteSampled(rate, words[base + word.second]! >>> 0)
    const bytes = (words[base + word.bytes]! >>> 0) * rate
    this.#eachView(exporter, seen.input, seen.output, seen.direction, (number, direction) => {
      const row = this.queue.push(rate, bytes)
      row.set(words.subarray(base, base + rowWords))
      // What an ICMP error quotes does not travel with the row.
      row[word.about]! &= ~(about.icmpError | (about.directionMask << about.directionShift))
      row[word.about]! |= direction
      row[word.interface] = number
    })
  }

  /**
   * Where a record is seen: `in` at the interface by which its packets came, `out` at that by which they left, if these
   * are taps; else somewhere at the exporter. Routers that meter both ways tell the same packets twice, once at each
   * interface; then what is told of the other interface is left out.
   */
  #eachView(
    exporter: Exporter,
    input: number,
    output: number,
    direction: number,
    give: (number: number, direction: number) => void,
  ): void {
    const known = this.#of(exporter)
    // A probe at a link, or a host that exports its own traffic, names one interface twice, or none: it saw a packet
    // once, whichever way.
    if (input === output) {
      const number = this.#numberOf(exporter, known, input)
      give(number === noTap ? this.#whole(exporter.address) : number, hint.none)
      return
    }
    if (direction === 0 && input !== 0) remember(known.meteredIn, input)
    if (direction === 1 && output !== 0) remember(known.meteredOut, output)
    const inTold = direction === 1 && known.meteredIn.has(input)
    const outTold = direction === 0 && known.meteredOut.has(output)
    const at = input === 0 ? noTap : this.#numberOf(exporter, known, input)
    const to = output === 0 ? noTap : this.#numberOf(exporter, known, output)
    if (at !== noTap && !inTold) give(at, hint.in)
    if (to !== noTap && !outTold) give(to, hint.out)
    if (inTold || (outTold && to !== noTap)) this.secondViews++
    if (at === noTap && to === noTap && !inTold) give(this.#whole(exporter.address), hint.none)
  }

  #of(exporter: Exporter): Interfaces {
    let found = this.#interfaces.get(exporter)
    if (found === undefined) {
      found = { numbers: new Map(), meteredIn: new Set(), meteredOut: new Set() }
      this.#interfaces.set(exporter, found)
    }
    return found
  }

  #numberOf({ address }: Exporter, known: Interfaces, ifIndex: number): number {
    const cached = known.numbers.get(ifIndex)
    if (cached !== undefined) return cached
    const number = this.#taker.isTap(address, ifIndex) ? this.#tapNumber(address, ifIndex) : noTap
    if (known.numbers.size >= interfacesMax) known.numbers.clear()
    known.numbers.set(ifIndex, number)
    return number
  }

  /** Taps are few, and those of the topology: they keep their numbers. */
  #tapNumber(address: string, ifIndex: number): number {
    const key = `${address} ${ifIndex}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.#nextNumber++
    this.#numbers.set(key, number)
    this.#tell(number, address, ifIndex)
    return number
  }

  #whole(address: string): number {
    const known = this.#wholes.get(address)
    if (known !== undefined) return known
    let number = this.#nextNumber
    if (this.#wholes.size >= wholesMax) {
      const [oldest, itsNumber] = this.#wholes.entries().next().value!
      this.#wholes.delete(oldest)
      number = itsNumber
    } else this.#nextNumber++
    this.#wholes.set(address, number)
    this.#tell(number, address, -1)
    return number
  }

  #tell(index: number, address: string, ifIndex: number): void {
    this.#taker.addInterface(index, {
      file: undefined,
      name: undefined,
      exporter: { address, ifIndex },
    })
  }
}

function remember(interfaces: Set<number>, ifIndex: number): void {
  if (interfaces.size < interfacesMax) interfaces.add(ifIndex)
}

/** Word 9 of a flow's rows, as the decoder of frames sets it (packet/batch.ts). */
function marksOf(flow: ExportedFlow, flags: number): number {
  const destination = flow.destination[0]!
  let mark = flow.protocol
  if (flow.protocol === protocol.tcp) mark |= flags << about.flagsShift
  if (flow.family === 6) {
    mark |= about.ipv6
    if (destination >>> 24 === 0xff) mark |= about.multicast
    if (flow.protocol === protocol.icmpv6 && flow.icmpType >= 133 && flow.icmpType <= 137)
      mark |= about.neighbourDiscovery
  } else if (destination >>> 28 === 0xe) mark |= about.multicast
  else if (destination === -1) mark |= about.broadcast
  return mark
}
