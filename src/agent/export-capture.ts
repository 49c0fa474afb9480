/**
 * Flows that routers export, inside their thread: rows of the receiver into the windows of ENIs, records into
 * parcels, and what was lost. Knows neither thread nor clock: `export-worker.ts` drives it.
 */
import { assert } from '../base/assert.ts'
import type { UnixSeconds } from '../base/time.ts'
import { type EncodedParcel, encodeParcel, type Sorter } from '../delivery/delivery.ts'
import type { FlowLog } from '../flow-log/flow-log.ts'
import { type PacketBatch, rowWords, word } from '../packet/packet.ts'
import { type EniIdentity, type FlowRecordBatch, logStatus } from '../record/batch.ts'
import type { ExporterInterface, ExportLoss, FlowReceiverCounters } from '../sources/sources.ts'
import { type ChangingAssigner, exporterKeyOf, type Topology } from '../vpc/vpc.ts'
import type { CaptureWindow, WindowEnd } from '../window/window.ts'
import { ExportEni } from './export-eni.ts'
import { ExportLanes } from './export-lanes.ts'
import { ExportLosses } from './export-losses.ts'
import type {
  ExportAccount,
  ExportMessage,
  ExportNote,
  ExportPlan,
  ExportTask,
} from './export-messages.ts'
import { ExportPort } from './export-port.ts'
import { flowLogSorter } from './flow-log-sorter.ts'

/** A host that was away for long tells its last windows one by one: a week of minutes. */
const awaySecondsMax = 7 * 86_400
/** Exporters tell of losses that reach an hour back; a clock that is far behind does not make more of them. */
const lossSecondsMax = 2 * 3600
/** Accounts of ENIs that flows are not received for any more, until they were told. */
const pastMax = 100

export class ExportCapture {
  readonly #task: ExportTask
  readonly #assigner: ChangingAssigner
  readonly #say: (message: ExportMessage) => void
  readonly #lanes: ExportLanes
  readonly #losses: ExportLosses
  readonly #port: ExportPort
  readonly #enis = new Map<number, ExportEni>()
  readonly #past: ExportAccount[]
  /** Exporters that flows have come from, by key. */
  readonly #heard = new Set<string>()
  #taps = new Set<string>()
  #sorter!: Sorter
  #window: CaptureWindow | undefined
  #parcels: EncodedParcel[] = []
  /** Windows that closed after they were told of. */
  #lateWindows: WindowEnd[] = []
  readonly #handed = new Map<number, (readonly [ExportEni, closing: number])[]>()
  #closings = 0
  #refusals = 0
  #looked: UnixSeconds
  #socketDrops = 0
  #ordered = true

  /** @param now Unix seconds */
  constructor(
    task: ExportTask,
    assigner: ChangingAssigner,
    now: UnixSeconds,
    say: (message: ExportMessage) => void,
  ) {
    const { note, config, agent } = task
    this.#task = task
    this.#assigner = assigner
    this.#say = say
    this.#looked = now
    this.#losses = new ExportLosses(note?.losses)
    this.#port = new ExportPort(config, agent, now, note?.port)
    this.#lanes = new ExportLanes(assigner, config.lateSeconds, (n) => this.#enis.get(n), {
      records: (records, window) => this.#take(records, window),
      ended: (end) => this.#ended(end),
    })
    const numberOf = this.#numbers()
    const accounts = new Map(note?.accounts.map((each) => [each.ledger.eni, each]))
    for (const plan of task.plans) {
      const account = accounts.get(plan.place.eni.eniId)
      accounts.delete(plan.place.eni.eniId)
      this.#add(numberOf(plan.place.eni), plan, now, account)
    }
    this.#past = [...accounts.values()].slice(-pastMax).map(ended)
    this.#sortFor()
  }

  /** The shortest window that a flow may be put into. */
  get windowSeconds(): number {
    return Math.min(600, ...[...this.#enis.values()].map(({ shortestSeconds }) => shortestSeconds))
  }

  /** As a receiver asks before the first flow of an exporter's interface. */
  isTap(address: string, ifIndex: number): boolean {
    const key = exporterKeyOf(address)
    assert(key !== undefined, `${address} is no address of an exporter`)
    if (!this.#heard.has(key)) {
      this.#heard.add(key)
      for (const eni of this.#enisOf(key)) eni.heard(this.#looked)
    }
    return this.#taps.has(`${key} ${ifIndex}`)
  }

  /** Where rows were seen. With taps, what is seen at none is nobody's. */
  addInterface(index: number, from: ExporterInterface): void {
    const atNone = from.exporter.ifIndex === -1 && this.#taps.size > 0
    this.#assigner.addInterface(index, atNone ? { file: undefined, name: undefined } : from)
  }

  /** New orders. The receiver must forget its taps. */
  change(plans: readonly ExportPlan[], topology: Topology | undefined, now: UnixSeconds): void {
    if (topology !== undefined) this.#assigner.change(topology)
    const numberOf = this.#numbers()
    const wanted = new Set<number>()
    for (const plan of plans) {
      const number = numberOf(plan.place.eni)
      wanted.add(number)
      const known = this.#enis.get(number)
      if (known === undefined) this.#add(number, plan, now)
      else known.change(plan, now)
    }
    for (const [number, eni] of this.#enis) if (!wanted.has(number)) eni.leave(now)
    this.#sortFor()
  }

  /** Counts flows in. A flow cannot begin later than now: the clock of its router is ahead. */
  add(batch: PacketBatch, now: UnixSeconds): void {
    const { words, rows } = batch
    for (let row = 0; row < rows; row++) {
      const at = row * rowWords + word.second
      if (words[at]! >>> 0 > now) words[at] = now
    }
    this.#lanes.add(batch)
  }

  /** What a receiver has lost since the last look, and its counters. */
  look(losses: readonly ExportLoss[], counters: FlowReceiverCounters, now: UnixSeconds): void {
    for (const loss of losses) this.#loseAt(loss, now)
    const dropped = counters.socketDrops - this.#socketDrops
    this.#socketDrops = counters.socketDrops
    if (dropped > 0) this.#loseDatagrams(dropped, now)
    const { unassigned } = this.#lanes
    this.#port.look(counters, { unassigned, multicast: this.#assigner.multicastRows })
    this.#looked = now
  }

  /** Once a second: windows that are over, and the note. */
  tick(now: UnixSeconds): void {
    for (const lane of this.#lanes.all) lane.closeUntil(now)
    this.#tellStatus(now, false)
    this.#handOver()
    for (const [number, eni] of this.#enis)
      if (eni.isOver) {
        this.#enis.delete(number)
        this.#past.push(eni.account(now, false))
        if (this.#past.length > pastMax) this.#past.shift()
      }
  }

  /**
   * All windows close. `answered` must become true after it.
   * @param ordered whether flows are to be received on: what comes until then is a loss
   */
  stop(now: UnixSeconds, ordered: boolean): void {
    this.#ordered = ordered
    this.#looked = now
    for (const lane of this.#lanes.all) lane.closeAll()
    this.#tellStatus(now, true)
    this.#handOver()
  }

  /** The spool has taken a closing, or not: then its records are lost. */
  answer(closing: number, kept: boolean): void {
    const handed = this.#handed.get(closing) ?? []
    this.#handed.delete(closing)
    if (!kept) this.#refusals++
    for (const [eni, own] of handed)
      for (const { window, totals } of eni.answer(own, kept, this.#looked)) {
        const span = { from: window.start, to: window.start + window.seconds }
        this.#lose(eni, 'spoolFull', span, totals.frames)
      }
  }

  /** Whether everything handed over has been answered. */
  get answered(): boolean {
    return this.#handed.size === 0
  }

  note(): ExportNote {
    const enis = [...this.#enis.values()]
    return {
      port: this.#port.ledger(this.#looked),
      accounts: [...this.#past, ...enis.map((eni) => eni.account(this.#looked, this.#ordered))],
      losses: this.#losses.all,
      openSince: this.#lanes.openSince,
      closings: this.#closings,
      refusals: this.#refusals,
    }
  }

  #add(number: number, plan: ExportPlan, now: UnixSeconds, account?: ExportAccount): void {
    const since = account?.ordered === true ? this.#missedSince(account, now) : now
    const about = { host: this.#task.agent, now, since }
    const eni = new ExportEni(number, plan, about, account)
    this.#enis.set(number, eni)
    if (
      plan.place.exporter === undefined
        ? this.#heard.size > 0
        : this.#heard.has(plan.place.exporter)
    )
      eni.heard(now)
    if (account === undefined || !account.ordered) return
    eni.lose(since, now)
    const { frames } = account.ledger.open
    this.#lose(eni, 'restart', { from: since, to: now + 1 }, frames === 0 ? undefined : frames)
  }

  /** What routers told while nobody listened may have begun as long before as a flow is told late. */
  #missedSince({ ledger }: ExportAccount, now: UnixSeconds): number {
    const { note, config } = this.#task
    const away = ledger.asOf - config.lateSeconds
    const since = Math.min(note?.openSince ?? away, away)
    return Math.max(since, ledger.openedAt, now - awaySecondsMax)
  }

  /** Of identities: an ENI that moves to another instance or vSwitch has another number. */
  #numbers(): (identity: EniIdentity) => number {
    const numbers = new Map(this.#assigner.enis.map((each, number) => [keyOf(each), number]))
    return (identity) => {
      const number = numbers.get(keyOf(identity))
      assert(number !== undefined, `${identity.eniId} is an ENI of the topology`)
      return number
    }
  }

  #enisOf(exporter: string): ExportEni[] {
    return [...this.#enis.values()].filter(
      ({ plan: { place } }) => place.exporter === undefined || place.exporter === exporter,
    )
  }

  #sortFor(): void {
    const all = [...this.#enis.values()]
    const present = all.filter(({ left }) => !left)
    this.#taps = new Set(
      present.flatMap(({ plan: { place } }) =>
        place.exporter === undefined ? [] : [`${place.exporter} ${place.ifIndex}`],
      ),
    )
    const flowLogs = new Map<string, FlowLog>()
    for (const { plan } of [...all.filter(({ left }) => left), ...present])
      for (const flowLog of plan.flowLogs) flowLogs.set(flowLog.id, flowLog)
    const windowNow = (): CaptureWindow => this.#window!
    this.#sorter = flowLogSorter(flowLogs.values(), this.#assigner.enis, windowNow)
  }

  #take(records: FlowRecordBatch, window: CaptureWindow): void {
    this.#window = window
    for (let row = 0; row < records.rows; row++)
      if (records.status[row] === logStatus.ok)
        this.#enis.get(records.eni[row]!)?.addMade(records.packets[row]!, records.bytes[row]!)
    this.#parcels.push(...this.#sorter.sort(records).map(encodeParcel))
  }

  #ended(end: WindowEnd): void {
    const { start, seconds } = end
    if (start + seconds <= this.#looked - this.#task.config.lateSeconds) this.#lateWindows.push(end)
    for (const eni of this.#enis.values()) {
      const refused = eni.windowEnded(end)
      if (refused <= 0) continue
      eni.lose(start, start + seconds - 1)
      this.#lose(eni, 'tableFull', { from: start, to: start + seconds })
    }
  }

  #loseAt(loss: ExportLoss, now: UnixSeconds): void {
    const key = exporterKeyOf(loss.exporter)
    assert(key !== undefined, `${loss.exporter} is no address of an exporter`)
    const until = Math.min(loss.until, now)
    const since = Math.max(Math.min(loss.since, until), now - lossSecondsMax)
    const sampled = loss.samplingFactor !== 1
    const span = { from: since, to: until + 1 }
    for (const eni of this.#enisOf(key)) {
      eni.lose(since, until)
      if (sampled) this.#lose(eni, 'sampled', { ...span, factor: loss.samplingFactor })
      else this.#lose(eni, 'exporterGap', span)
    }
    if (sampled) return
    const records = loss.records + loss.datagrams + loss.samples
    this.#port.lose(records)
    this.#losses.add(this.#port, 'exporterGap', span, records === 0 ? undefined : records)
  }

  /**
   * Of whom they were, numbers tell that come later, if they come: the windows say so now. Those numbers count the
   * same loss again, so it is not added up.
   */
  #loseDatagrams(count: number, now: UnixSeconds): void {
    const span = { from: this.#looked - this.#task.config.lateSeconds, to: now + 1 }
    for (const eni of this.#enis.values()) {
      eni.lose(span.from, now)
      this.#lose(eni, 'socket', span)
    }
    this.#losses.add(this.#port, 'socket', span, count)
  }

  #lose(
    { plan, opening }: ExportEni,
    reason: Parameters<ExportLosses['add']>[1],
    span: Parameters<ExportLosses['add']>[2],
    frames?: number,
  ): void {
    this.#losses.add({ eni: plan.place.eni.eniId, opening }, reason, span, frames)
  }

  #tellStatus(now: UnixSeconds, stops: boolean): void {
    const { lateSeconds } = this.#task.config
    const due = [...this.#enis.values()].flatMap((eni) =>
      eni.takeDue(now, lateSeconds, stops).map((each) => ({ eni: eni.number, ...each })),
    )
    const windows = Map.groupBy(due, ({ window }) => `${window.start} ${window.seconds}`)
    for (const same of windows.values()) {
      const { start, seconds } = same[0]!.window
      const lost = new Set(same.flatMap((each) => (each.lost ? [each.eni] : [])))
      const enis = same.map(({ eni }) => eni)
      this.#lanes.of(seconds).emitStatus(enis, start, start, (eni) => lost.has(eni))
    }
    // What is remembered of who had records is forgotten once a window was told of.
    for (const { start, seconds } of this.#lateWindows.splice(0))
      this.#lanes.of(seconds).emitStatus([], start, start)
  }

  #handOver(): void {
    const handed = [...this.#enis.values()].flatMap((eni) => {
      const content = eni.closings.handOver()
      return content === undefined ? [] : [[eni, content.closing] as const]
    })
    if (handed.length === 0 && this.#parcels.length === 0) return
    const closing = ++this.#closings
    this.#handed.set(closing, handed)
    const parcels = this.#parcels
    this.#parcels = []
    this.#say({ kind: 'closed', closing, parcels, note: this.note() })
  }
}

const keyOf = ({ accountId, eniId, vmId, vSwitchId, vpcId }: EniIdentity): string =>
  JSON.stringify([accountId, eniId, vmId, vSwitchId, vpcId])

/** What was in the open windows of an ENI that flows are not received for any more is lost. */
function ended({ ledger, ...account }: ExportAccount): ExportAccount {
  const { open, lost } = ledger
  const before = lost.restart ?? { frames: 0, bytes: 0 }
  const restart = { frames: before.frames + open.frames, bytes: before.bytes + open.bytes }
  return {
    ...account,
    ordered: false,
    ledger: {
      ...ledger,
      open: { frames: 0, packets: 0, bytes: 0 },
      lost: open.frames === 0 ? lost : { ...lost, restart },
      frameBytes: ledger.frameBytes - open.bytes,
    },
  }
}
