/**
 * Messages of NetFlow v9 (RFC 3954) and IPFIX (RFC 7011): a header, then sets of templates and sets of records.
 *
 *     v9     version 9 | count | uptime, ms | Unix seconds | sequence: datagrams before | source id
 *     IPFIX  version 10 | bytes in all | Unix seconds | sequence: data records before | observation domain
 *     set    id | bytes in all | templates or records, padding
 *
 * "A Collecting Process SHOULD ... store the Data Records for a short period": a set that comes before its
 * template waits for it, within bounds.
 */
import type { ExportCounters } from './counters.ts'
import { ExportedFlow, type RecordKind, recordKind } from './exported-flow.ts'
import type { Domain, Exporter, Exporters, HeldSet } from './exporters.ts'
import { RecordValues, slot } from './information-elements.ts'
import { arrival, fingerprintOf, type SequenceTracker } from './sequence.ts'
import { type ExportTime, flowOf, readRecord, reverseOf } from './template-records.ts'
import type { Template } from './templates.ts'

/** Takes a flow before it returns; says what became of it. */
export type FlowTaker = (exporter: Exporter, flow: ExportedFlow) => RecordKind

/** Where a message came from, and when. */
export interface Origin {
  readonly exporter: Exporter
  readonly port: number
  /** Unix milliseconds. */
  readonly receivedAt: number
}

const netflow9HeaderBytes = 20
const ipfixHeaderBytes = 16
/** Sets that wait for a template: of one domain, in bytes; and how long. */
const heldBytesMax = 1 << 18
const heldInAllMax = 1 << 24
const heldMilliseconds = 600_000
/** An estimate of when an exporter came up that is wrong by more was of another start. */
const bootDriftMilliseconds = 3_600_000

interface Message extends Origin {
  readonly version: 9 | 10
  readonly domain: Domain
  readonly tracker: SequenceTracker
  readonly exportedAt: number
  readonly uptime: number
  /** It came before: its templates are read again, its records are not. */
  readonly repeated: boolean
}

export class TemplateMessages {
  readonly #exporters: Exporters
  readonly #counters: ExportCounters
  readonly #take: FlowTaker
  readonly #values = new RecordValues()
  readonly #flow = new ExportedFlow()
  #heldBytes = 0

  constructor(exporters: Exporters, counters: ExportCounters, take: FlowTaker) {
    this.#exporters = exporters
    this.#counters = counters
    this.#take = take
  }

  /** Reads the NetFlow v9 message at `at`. @returns where it ends: at `end`, or where another begins */
  netflow9(view: DataView, at: number, end: number, from: Origin): number {
    if (at + netflow9HeaderBytes > end) return this.#broken(from.exporter, end)
    const uptime = view.getUint32(at + 4)
    const exportedAt = view.getUint32(at + 8) * 1000
    const sequence = view.getUint32(at + 12)
    const domain = from.exporter.domain(9, view.getUint32(at + 16), 'datagrams')
    const tracker = domain.tracker(from.port)
    const verdict = tracker.arrive({
      sequence,
      fingerprint: fingerprintOf(view, at, end),
      exportedAt,
      bootedAt: exportedAt - uptime,
      receivedAt: from.receivedAt,
    })
    const repeated = verdict === arrival.repeated
    if (repeated) this.#counters.repeated++
    else tracker.cover(sequence, 1, verdict)
    if (verdict === arrival.late) this.#counters.reordered++
    const message = { ...from, version: 9, domain, tracker, exportedAt, uptime, repeated } as const
    return this.#sets(view, at + netflow9HeaderBytes, end, message).end
  }

  /** Reads the IPFIX message at `at`. @returns where it ends */
  ipfix(view: DataView, at: number, end: number, from: Origin): number {
    if (at + ipfixHeaderBytes > end) return this.#broken(from.exporter, end)
    const length = view.getUint16(at + 2)
    if (length < ipfixHeaderBytes || at + length > end) return this.#broken(from.exporter, end)
    const exportedAt = view.getUint32(at + 4) * 1000
    const sequence = view.getUint32(at + 8)
    const domain = from.exporter.domain(10, view.getUint32(at + 12), 'records')
    const tracker = domain.tracker(from.port)
    const verdict = tracker.arrive({
      sequence,
      fingerprint: fingerprintOf(view, at, at + length),
      exportedAt,
      bootedAt: Number.NaN,
      receivedAt: from.receivedAt,
    })
    const repeated = verdict === arrival.repeated
    if (repeated) this.#counters.repeated++
    if (verdict === arrival.late) this.#counters.reordered++
    const message = {
      ...from,
      version: 10,
      domain,
      tracker,
      exportedAt,
      uptime: Number.NaN,
      repeated,
    } as const
    const read = this.#sets(view, at + ipfixHeaderBytes, at + length, message)
    if (!repeated) tracker.cover(sequence, read.records, verdict, read.held)
    return at + length
  }

  /** Gives up sets that have waited too long. */
  expire(now: number): void {
    for (const exporter of this.#exporters.all())
      for (const domain of exporter.domains)
        while (domain.held[0] !== undefined && now - domain.held[0].receivedAt >= heldMilliseconds)
          this.#giveUp(exporter, domain)
  }

  #broken(exporter: Exporter, end: number): number {
    this.#counters.malformed++
    exporter.noteUnread('records', 1)
    return end
  }

  #sets(
    view: DataView,
    at: number,
    end: number,
    message: Message,
  ): { end: number; records: number; held: number } {
    let records = 0
    let held = 0
    while (at + 4 <= end) {
      const id = view.getUint16(at)
      // A v9 message does not say its length. In a file, the next one's version stands where a set's number would.
      if (message.version === 9 && id === 9) return { end: at, records, held }
      const next = at + view.getUint16(at + 2)
      if (next < at + 4 || next > end) {
        // What is all zeros is padding.
        if (id !== 0 || next !== at) this.#broken(message.exporter, end)
        break
      }
      if (id < 256) this.#templates(view, id, at + 4, next, message)
      else if (!message.repeated) {
        const template = message.domain.templates.get(id)
        if (template === undefined) held += this.#hold(view, id, at + 4, next, message)
        else records += this.#records(view, at + 4, next, template, message)
      }
      at = next
    }
    return { end, records, held }
  }

  #templates(view: DataView, id: number, at: number, end: number, message: Message): void {
    const first = message.version === 9 ? 0 : 2
    if (id !== first && id !== first + 1) return
    const { templates } = message.domain
    const kind = message.version === 9 ? 'v9' : 'ipfix'
    const refused = templates.refused
    const changed = templates.read(
      view,
      at,
      end,
      id === first ? kind : `${kind}-options`,
      this.#exporters.templateFieldsLeft(message.exporter),
    )
    this.#counters.templates += changed.length
    this.#counters.templatesRefused += templates.refused - refused
    for (const each of changed) this.#readHeld(each, message)
  }

  #readHeld(id: number, message: Message): void {
    const { domain } = message
    const template = domain.templates.get(id)
    if (template === undefined) return
    for (const set of domain.held.filter((each) => each.id === id)) {
      this.#forget(domain, set)
      const bytes = new DataView(set.bytes.buffer)
      const was = { ...message, ...set, repeated: false }
      const records = this.#records(bytes, 0, bytes.byteLength, template, was)
      if (message.version === 10) set.tracker.release(records)
    }
  }

  /** @returns the sets that wait now, of those of this message */
  #hold(view: DataView, id: number, at: number, end: number, message: Message): number {
    const { domain, exporter, tracker, exportedAt, uptime, receivedAt } = message
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at, end - at).slice()
    domain.held.push({ id, bytes, exportedAt, uptime, receivedAt, tracker })
    domain.heldBytes += bytes.length
    this.#heldBytes += bytes.length
    while (domain.heldBytes > heldBytesMax) this.#giveUp(exporter, domain)
    if (this.#heldBytes > heldInAllMax)
      for (const other of this.#exporters.all())
        for (const each of other.domains)
          while (each.held.length > 0 && this.#heldBytes > heldInAllMax) this.#giveUp(other, each)
    return 1
  }

  #giveUp(exporter: Exporter, domain: Domain): void {
    const set = domain.held[0]!
    this.#forget(domain, set)
    this.#counters.undecodableSets++
    // In IPFIX the sequence numbers tell how many records it had; else nobody knows.
    if (Number.isNaN(set.uptime)) set.tracker.release(0)
    else exporter.noteUnread('records', 1)
  }

  #forget(domain: Domain, set: HeldSet): void {
    domain.held.splice(domain.held.indexOf(set), 1)
    domain.heldBytes -= set.bytes.length
    this.#heldBytes -= set.bytes.length
  }

  /** @returns how many records the set has */
  #records(view: DataView, at: number, end: number, template: Template, message: Message): number {
    const values = this.#values
    const { domain } = message
    if (!template.options && message.version === 10 && !domain.bootTold)
      this.#estimateBoot(view, at, end, template, message)
    const time: ExportTime = {
      exportedAt: message.exportedAt,
      uptime: message.uptime,
      bootedAt: domain.bootedAt,
    }
    let records = 0
    for (;;) {
      const next = readRecord(view, at, end, template, values)
      if (next === 0) return records
      records++
      at = next
      if (template.options) this.#options(domain, template)
      else this.#record(message, time)
    }
  }

  #options(domain: Domain, template: Template): void {
    domain.sampling.learn(this.#values, template.ofInterface)
    const booted = this.#values.get(slot.systemInit)
    if (Number.isNaN(booted)) return
    domain.bootedAt = booted
    domain.bootTold = true
  }

  #record({ exporter, domain }: Message, time: ExportTime): void {
    const values = this.#values
    const flow = this.#flow
    const kind = flowOf(values, time, flow)
    flow.samplingRate = domain.sampling.rateOf(values, flow.input, flow.output, flow.direction)
    this.#count(exporter, flow, kind)
    if (kind === recordKind.nonIp) return
    const back = reverseOf(values, flow)
    if (back !== recordKind.empty) this.#count(exporter, flow, back)
  }

  #count(exporter: Exporter, flow: ExportedFlow, read: RecordKind): void {
    const kind = read === recordKind.flow ? this.#take(exporter, flow) : read
    if (kind === recordKind.flow) this.#counters.records++
    else if (kind === recordKind.nonIp) this.#counters.nonIp++
    else if (kind === recordKind.empty) this.#counters.empty++
    else {
      this.#counters.uncountable++
      exporter.noteUnread('records', 1)
    }
  }

  /**
   * Times in IPFIX may count from when the exporter came up without saying when that was. No flow ends after it was
   * exported, so it was `exported - end` at the latest; the earliest of these is nearest to the truth.
   */
  #estimateBoot(
    view: DataView,
    at: number,
    end: number,
    template: Template,
    { domain, exportedAt }: Message,
  ): void {
    const values = this.#values
    for (;;) {
      at = readRecord(view, at, end, template, values)
      if (at === 0) return
      const up = values.get(slot.lastUptime)
      if (Number.isNaN(up)) return
      const latest = exportedAt - up
      if (!(Math.abs(latest - domain.bootedAt) <= bootDriftMilliseconds)) domain.bootedAt = latest
      else domain.bootedAt = Math.min(domain.bootedAt, latest)
    }
  }
}
