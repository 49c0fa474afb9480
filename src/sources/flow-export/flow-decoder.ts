/** Datagrams of exporters in, rows out: tells the four protocols apart, and what was lost of them. */
import { PacketBatch, word } from '../../packet/packet.ts'
import { type ExportCounters, zeroCounters } from './counters.ts'
import { ExportRows, type ExportTaker } from './export-rows.ts'
import { ExportedFlow, flowBytesMax, type RecordKind, recordKind } from './exported-flow.ts'
import { type Domain, type Exporter, Exporters, type ExportLoss } from './exporters.ts'
import { netflow5, netflow5Header, netflow5Record } from './netflow5.ts'
import { arrival, fingerprintOf } from './sequence.ts'
import { flowSample, type FlowSample, sampled, samplePacket, sflowHeader } from './sflow5.ts'
import { TemplateMessages } from './template-messages.ts'

const sflowVersion = 0
const sampleRateMax = 2 ** 24

export class FlowDecoder {
  readonly counters: ExportCounters = zeroCounters()
  readonly #exporters = new Exporters()
  readonly #rows: ExportRows
  readonly #messages: TemplateMessages
  readonly #flow = new ExportedFlow()
  readonly #sampled = new PacketBatch()

  constructor(taker: ExportTaker) {
    this.#rows = new ExportRows(taker)
    this.#messages = new TemplateMessages(this.#exporters, this.counters, (exporter, flow) =>
      this.#take(exporter, flow),
    )
  }

  /** Exporters that were forgotten to make room for others. */
  get evicted(): number {
    return this.#exporters.evicted
  }

  /** Records left out, being the same packets seen at another interface. */
  get secondViews(): number {
    return this.#rows.secondViews
  }

  /** By exporter, the factor of what it sampled last; 0 where it is not known. Exporters that do not sample are absent. */
  get samplingFactors(): Map<string, number> {
    const sampling = [...this.#exporters.all()].filter((each) => each.samplingFactor !== 1)
    return new Map(sampling.map((each) => [each.address, each.samplingFactor]))
  }

  get hasRows(): boolean {
    return !this.#rows.queue.isEmpty
  }

  /** Adds rows to the batch until it is full or nothing waits. */
  giveInto(batch: PacketBatch): void {
    this.#rows.queue.giveInto(batch)
  }

  /** The topology has changed: `isTap` is asked anew. */
  forgetTaps(): void {
    this.#rows.forgetTaps()
  }

  /**
   * Decodes one datagram, or several messages that follow each other. No input makes it throw.
   * @param address of who sent it, as `base/ip.ts` writes it
   * @param receivedAt Unix milliseconds
   */
  take(bytes: Uint8Array, address: string, port: number, receivedAt: number): void {
    this.counters.datagrams++
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    let at = 0
    while (at < bytes.length) {
      const next = this.#message(view, at, bytes.length, address, port, receivedAt)
      // What follows the first message, and is none, is padding.
      if (next <= at) {
        if (at === 0) this.counters.unknown++
        return
      }
      at = next
    }
  }

  /** @returns where the message ends; `at` when there is none */
  #message(
    view: DataView,
    at: number,
    end: number,
    address: string,
    port: number,
    receivedAt: number,
  ): number {
    if (at + 4 > end) return at
    const version = view.getUint16(at)
    if (version === 0 && view.getUint16(at + 2) === 5)
      return this.#sflow(view, at, end, address, receivedAt)
    if (version !== 5 && version !== 9 && version !== 10) return at
    const exporter = this.#exporters.get(address)
    exporter.lastSecond = Math.floor(receivedAt / 1000)
    const from = { exporter, port, receivedAt }
    if (version === 9) return this.#messages.netflow9(view, at, end, from)
    if (version === 10) return this.#messages.ipfix(view, at, end, from)
    return this.#netflow5(view, at, end, exporter, port, receivedAt)
  }

  #netflow5(
    view: DataView,
    at: number,
    end: number,
    exporter: Exporter,
    port: number,
    receivedAt: number,
  ): number {
    if (at + netflow5.headerBytes > end) return this.#broken(exporter, end)
    const header = netflow5Header(view, at)
    const { count, sequence, exportedAt, uptime } = header
    const there = Math.floor((end - at - netflow5.headerBytes) / netflow5.recordBytes)
    const records = Math.min(count, there)
    const after = at + netflow5.headerBytes + records * netflow5.recordBytes
    const tracker = exporter.domain(5, header.engine, 'records').tracker(port)
    const verdict = tracker.arrive({
      sequence,
      fingerprint: fingerprintOf(view, at, after),
      exportedAt,
      bootedAt: exportedAt - uptime,
      receivedAt,
    })
    if (verdict === arrival.repeated) {
      this.counters.repeated++
      return after
    }
    if (verdict === arrival.late) this.counters.reordered++
    tracker.cover(sequence, count, verdict)
    if (records < count) {
      this.counters.malformed++
      exporter.noteUnread('records', count - records)
    }
    for (let i = 0; i < records; i++) {
      const from = at + netflow5.headerBytes + i * netflow5.recordBytes
      const kind = netflow5Record(view, from, header, this.#flow)
      this.#count(exporter, kind === recordKind.flow ? this.#take(exporter, this.#flow) : kind)
    }
    return records < count ? end : after
  }

  #count(exporter: Exporter, kind: RecordKind): void {
    if (kind === recordKind.flow) this.counters.records++
    else if (kind === recordKind.empty) this.counters.empty++
    else {
      this.counters.uncountable++
      exporter.noteUnread('records', 1)
    }
  }

  #take(exporter: Exporter, flow: ExportedFlow): RecordKind {
    const kind = this.#rows.addFlow(exporter, flow)
    if (kind !== recordKind.flow) return kind
    const age = Math.min(exporter.lastSecond - flow.firstSecond, longestFlowSeconds)
    if (age > exporter.longestSeconds) exporter.longestSeconds = age
    return kind
  }

  #broken(exporter: Exporter, end: number): number {
    this.counters.malformed++
    exporter.noteUnread('records', 1)
    return end
  }

  #sflow(view: DataView, at: number, end: number, address: string, receivedAt: number): number {
    const header = sflowHeader(view, at, end)
    if (header === undefined) return this.#broken(this.#exporters.get(address), end)
    const exporter = this.#exporters.get(header.agent === '' ? address : header.agent)
    exporter.lastSecond = Math.floor(receivedAt / 1000)
    const domain = exporter.domain(sflowVersion, header.subAgent, 'datagrams')
    const tracker = domain.tracker(0)
    const verdict = tracker.arrive({
      sequence: header.sequence,
      fingerprint: fingerprintOf(view, at, end),
      exportedAt: Number.NaN,
      bootedAt: receivedAt - header.uptime,
      receivedAt,
    })
    if (verdict === arrival.repeated) {
      this.counters.repeated++
      return end
    }
    if (verdict === arrival.late) this.counters.reordered++
    tracker.cover(header.sequence, 1, verdict)
    if (verdict === arrival.restarted) domain.forgetSamplers()
    let here = header.at
    for (let i = 0; i < header.samples; i++) {
      if (here + 8 > end || view.getUint32(here + 4) > end - here - 8)
        return this.#broken(exporter, end)
      const next = here + 8 + view.getUint32(here + 4)
      const sample = flowSample(view, view.getUint32(here), here + 8, next)
      if (sample !== undefined)
        this.#sample(view, sample, next, { exporter, domain, receivedAt, uptime: header.uptime })
      here = next
    }
    return here
  }

  #sample(
    view: DataView,
    sample: FlowSample,
    end: number,
    from: { exporter: Exporter; domain: Domain; receivedAt: number; uptime: number },
  ): void {
    const { exporter, domain, receivedAt } = from
    const sampler = domain.sampler(sample.source)
    const verdict = sampler.arrive({
      sequence: sample.sequence,
      fingerprint: fingerprintOf(view, sample.at, end) ^ sample.sequence,
      exportedAt: from.uptime,
      bootedAt: Number.NaN,
      receivedAt,
    })
    if (verdict === arrival.repeated) return
    sampler.cover(sample.sequence, 1, verdict)
    const dropped = (sample.drops - (domain.drops.get(sample.source) ?? sample.drops)) | 0
    if (dropped > 0) exporter.noteUnread('samples', dropped)
    if (domain.drops.size < dropSourcesMax || domain.drops.has(sample.source))
      domain.drops.set(sample.source, sample.drops)
    const what = samplePacket(view, sample, end, this.#sampled)
    const words = this.#sampled.words
    const bytes = words[word.bytes]! >>> 0
    const rate = sample.rate
    if (what === sampled.nonIp) this.counters.nonIp++
    else if (
      what !== sampled.packet ||
      rate < 1 ||
      rate > sampleRateMax ||
      bytes === 0 ||
      bytes * rate > flowBytesMax
    )
      this.#count(exporter, recordKind.uncountable)
    else {
      words[word.second] = Math.floor(receivedAt / 1000)
      words[word.nanosecond] = Math.floor((receivedAt % 1000) * 1_000_000)
      const { input, output, sourceIndex } = sample
      let direction = -1
      if (sourceIndex !== 0 && input !== output)
        direction = sourceIndex === input ? 0 : sourceIndex === output ? 1 : -1
      this.#rows.addPacket(exporter, words, 0, { rate, input, output, direction })
      this.counters.records++
    }
  }

  /**
   * What was lost or sampled since the last call.
   * @param now Unix milliseconds; infinite at the end, when nothing more can come
   */
  takeLosses(now: number): ExportLoss[] {
    this.#messages.expire(now)
    return this.#exporters.takeLosses(now)
  }
}

/** Losses reach back at most so far: routers export a flow that lasts after half an hour unless told. */
const longestFlowSeconds = 3600
const dropSourcesMax = 4096
