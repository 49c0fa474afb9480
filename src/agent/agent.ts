/**
 * agent/: the capture side of one host, the same in `weir start` and in `weir agent`.
 *
 * It is told what the customer ordered and what the cloud knows (`order`), finds the ENIs' taps on this host
 * (`tap-place.ts`, `interfaces.ts`), and keeps a thread at each that is there and wanted (`tap-thread.ts`; inside
 * it `tap-worker.ts` and `tap-capture.ts`). Closed windows go into the spool, whole or not at all, with a note that
 * says what was seen, kept and lost (`tap-note.ts`): so after a crash nothing is told twice and nothing is missing
 * without a word. `flow-export.ts` does the same for the flows that routers send, with one thread for all
 * (`export-worker.ts`). `cpu-budget.ts` decides which ENIs are given up when the host may not spend more.
 *
 * Left out: where records go from the spool (`delivery/`), who orders (`flow-log/`, the server), what a packet
 * means (`vpc/`), and HTTP.
 */
import { describeError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Spool } from '../delivery/delivery.ts'
import { capturePlan } from '../flow-log/flow-log.ts'
import type { Topology } from '../vpc/vpc.ts'
import { CpuBudget } from './cpu-budget.ts'
import type { ExportNote, FlowExportConfig } from './export-messages.ts'
import { exportNoteKey, FlowExport } from './flow-export.ts'
import { Interfaces } from './interfaces.ts'
import type { AgentOrders, CaptureMethod, TapMessage, TapPlan, TapStatus } from './messages.ts'
import { reportsOf, type TapReport } from './reports.ts'
import type { TapNote } from './tap-note.ts'
import { tapName, type TapPlace, tapsOfHost, tapsOfTopology } from './tap-place.ts'
import { TapThread } from './tap-thread.ts'

export type { AgentOrders, CaptureMethod, TapState, TapStatus } from './messages.ts'
export type { FlowExportConfig } from './export-messages.ts'
export { exportPlaces } from './export-place.ts'
export type { TapReport } from './reports.ts'
export { checkInterfaces, type TapPlace, tapName, tapsOfHost, tapsOfTopology } from './tap-place.ts'

export interface AgentConfig {
  /** `undefined` for the server's own host. */
  readonly name: string | undefined
  /** Without a topology: only these host interfaces. */
  readonly interfaces: readonly string[] | undefined
  readonly method: CaptureMethod
  /** Memory of all rings together. */
  readonly ringBytes: number
  /** CPU seconds a second that the process may use; beyond it ENIs are shed. */
  readonly cpuBudget: number | undefined
  /** Where routers send their flows; absent: they are not received. */
  readonly flowExport?: FlowExportConfig
}

/** Looks for interfaces this often: "a new one is captured within 2 s". */
const lookMilliseconds = 500
const retryMilliseconds = 10_000
const mebibyte = 2 ** 20

interface RunningTap {
  readonly place: TapPlace
  readonly thread: TapThread
  plan: TapPlan
  topology: Topology | undefined
  state: 'opening' | 'capturing' | 'shed' | 'stopping'
  reason: string | undefined
  cpuSeconds: number
  cpu: number
  /** The closing that the spool has answered last, and how many it refused. */
  kept: number
  refusals: number
  /** Closings are put one after the other, since a note tells of all before it. */
  keeping: Promise<void>
}

/** A note that tells of a window which the spool has not taken, or refused, is not true (yet). */
const isTrue = (note: TapNote, { kept, refusals }: RunningTap): boolean =>
  note.closings === kept && note.refusals === refusals

export class CaptureAgent {
  readonly #config: AgentConfig
  readonly #spool: Pick<Spool, 'put' | 'journal' | 'notes'>
  readonly #log: Log
  readonly #interfaces = new Interfaces()
  readonly #running = new Map<string, RunningTap>()
  readonly #failures = new Map<string, { reason: string; retryAt: number }>()
  readonly #notes = new Map<string, TapNote>()
  readonly #changed = new Set<string>()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #budget: CpuBudget | undefined
  readonly #exports: FlowExport | undefined
  #orders: AgentOrders = { flowLogs: [], topology: undefined }
  #cpu = process.cpuUsage()
  #journalling: Promise<void> = Promise.resolve()
  #broken: string | undefined
  #stopping = false
  /** What comes from now on is news. */
  #settled = false

  constructor(config: AgentConfig, spool: Pick<Spool, 'put' | 'journal' | 'notes'>, log: Log) {
    this.#config = config
    this.#spool = spool
    this.#log = log
    for (const [eni, note] of spool.notes())
      if (eni !== exportNoteKey) this.#notes.set(eni, note as TapNote)
    const exported = spool.notes().get(exportNoteKey) as ExportNote | undefined
    if (config.flowExport !== undefined)
      this.#exports = new FlowExport(config.flowExport, config.name ?? '', spool, exported, log)
    if (config.cpuBudget !== undefined) this.#budget = new CpuBudget(config.cpuBudget)
    this.#timers.push(setInterval(() => this.#reconcile(), lookMilliseconds))
    this.#timers.push(setInterval(() => this.#eachSecond(), 1000))
  }

  /** From now on this is captured. Threads that run are told; windows in progress go on. */
  order(orders: AgentOrders): void {
    this.#orders = orders
    this.#reconcile()
  }

  /** Resolves when every tap that is there captures, or has said why it cannot. */
  async opened(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ thread }) => thread.opened))
    await this.#exports?.opened()
    this.#settled = true
  }

  /** What is known of each tap: what was seen, kept and lost. */
  reports(): TapReport[] {
    return [...[...this.#notes.values()].flatMap(reportsOf), ...(this.#exports?.reports() ?? [])]
  }

  /** The taps of this host, in the order in which a CPU budget keeps them. */
  taps(): TapStatus[] {
    return [...this.#ownTaps(), ...(this.#exports?.taps() ?? [])]
  }

  #ownTaps(): TapStatus[] {
    const plans = this.#plans(this.#places())
    return this.#places().map((place) => {
      const { eni } = place
      const running = this.#running.get(eni.eniId)
      const about = { eni, tap: tapName(place), cpu: running?.cpu ?? 0 }
      if (running !== undefined && running.state !== 'stopping')
        return { ...about, state: running.state, reason: running.reason }
      const failure = this.#failures.get(eni.eniId)
      if (failure !== undefined) return { ...about, state: 'failed', reason: failure.reason }
      if (!plans.has(eni.eniId)) return { ...about, state: 'not ordered', reason: undefined }
      const found = this.#interfaces.find(place.interfaceName, place.netns)
      const reason = typeof found === 'string' ? found : undefined
      return { ...about, state: reason === undefined ? 'opening' : 'absent', reason }
    })
  }

  /** What is wrong, a sentence each. */
  problems(): string[] {
    const failures = [...this.#failures.values()].map(({ reason }) => reason)
    const broken = this.#broken === undefined ? [] : [this.#broken]
    return [...failures, ...broken, ...(this.#exports?.problems() ?? [])]
  }

  /** Closes every window and resolves when all of it is in the spool. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const timer of this.#timers) clearInterval(timer)
    const threads = [...this.#running.values()].map(({ thread }) => thread)
    for (const thread of threads) thread.order({ kind: 'stop', ordered: true })
    await Promise.all([...threads.map(({ ended }) => ended), this.#exports?.stop()])
    await this.#journalling
    await this.#journal()
    this.#interfaces.close()
  }

  #places(): TapPlace[] {
    const { topology } = this.#orders
    return topology === undefined
      ? tapsOfHost(this.#config.interfaces, this.#config.name)
      : tapsOfTopology(topology, this.#config.name)
  }

  #plans(places: readonly TapPlace[]): Map<string, TapPlan> {
    const enis = places.map(({ eni }) => eni)
    return new Map(
      capturePlan(enis, this.#orders.flowLogs).map(({ eni, windowSeconds, families, flowLogs }) => [
        eni.eniId,
        { windowSeconds, families, flowLogs },
      ]),
    )
  }

  /** Starts, tells and stops threads, so that what runs is what is ordered and there. */
  #reconcile(): void {
    if (this.#stopping) return
    this.#exports?.order(this.#orders)
    this.#interfaces.refresh()
    const places = this.#places()
    const plans = this.#plans(places)
    const wanted = new Set<string>()
    for (const place of places) {
      const { eniId } = place.eni
      const plan = plans.get(eniId)
      const running = this.#running.get(eniId)
      if (plan === undefined) continue
      wanted.add(eniId)
      if (running !== undefined) this.#tell(running, place, plan)
      else this.#startIfThere(place, plan, places.length)
    }
    // An interface of the host that is down comes up again; an ENI that the topology lost was taken off.
    const ordered = (eniId: string): boolean =>
      this.#orders.topology === undefined && !places.some(({ eni }) => eni.eniId === eniId)
    for (const [eniId, running] of this.#running)
      if (!wanted.has(eniId)) this.#end(running, ordered(eniId))
    for (const eniId of this.#failures.keys()) if (!wanted.has(eniId)) this.#failures.delete(eniId)
  }

  #tell(running: RunningTap, place: TapPlace, plan: TapPlan): void {
    if (running.state === 'stopping') return
    if (!same(running.place, place)) return this.#end(running, true)
    const { topology } = this.#orders
    if (topology !== running.topology && topology !== undefined) {
      running.topology = topology
      running.thread.order({ kind: 'topology', topology })
    }
    if (same(running.plan, plan)) return
    running.plan = plan
    running.thread.order({ kind: 'plan', plan })
  }

  #end(running: RunningTap, ordered: boolean): void {
    if (running.state === 'stopping') return
    running.state = 'stopping'
    running.thread.order({ kind: 'stop', ordered })
  }

  #startIfThere(place: TapPlace, plan: TapPlan, taps: number): void {
    const { eniId } = place.eni
    const failure = this.#failures.get(eniId)
    if (failure !== undefined && Date.now() < failure.retryAt) return
    const there = typeof this.#interfaces.find(place.interfaceName, place.netns) !== 'string'
    const note = this.#notes.get(eniId)
    if (there || (note !== undefined && note.openSince !== undefined))
      this.#start(place, plan, taps, there ? 'capture' : 'settle')
  }

  #start(place: TapPlace, plan: TapPlan, taps: number, work: 'capture' | 'settle'): void {
    const { eniId } = place.eni
    const { name, method, ringBytes } = this.#config
    const { topology } = this.#orders
    const task = {
      agent: name ?? '',
      place,
      plan,
      method,
      ringBytes: Math.max(mebibyte, Math.floor(ringBytes / Math.max(1, taps))),
      topology,
      note: this.#notes.get(eniId),
      work,
    }
    const running: RunningTap = {
      place,
      thread: new TapThread(task, (message) => this.#take(running, message)),
      plan,
      topology,
      state: 'opening',
      reason: undefined,
      cpuSeconds: 0,
      cpu: 0,
      kept: 0,
      refusals: 0,
      keeping: Promise.resolve(),
    }
    this.#running.set(eniId, running)
    void running.thread.ended.then(() => {
      if (this.#running.get(eniId) === running) this.#running.delete(eniId)
      this.#reconcile()
    })
  }

  #take(running: RunningTap, message: TapMessage): void {
    const { eniId } = running.place.eni
    switch (message.kind) {
      case 'opened':
        if (running.state === 'opening') running.state = 'capturing'
        if (this.#settled) this.#log.info('captured', { eni: eniId, tap: tapName(running.place) })
        running.reason = message.fallback
        this.#failures.delete(eniId)
        if (message.fallback !== undefined)
          this.#log.warn('captured in another way', { eni: eniId, why: message.fallback })
        return
      case 'closed': {
        running.keeping = running.keeping.then(() => this.#keep(running, message))
        return
      }
      case 'journal':
        // What an ENI costs is remembered while it is shed.
        if (running.state !== 'shed')
          running.cpu = Math.max(0, message.cpuSeconds - running.cpuSeconds)
        running.cpuSeconds = message.cpuSeconds
        if (isTrue(message.note, running)) this.#setNote(eniId, message.note)
        return
      case 'failed':
        this.#failed(running, message)
        return
      case 'ended':
        return
    }
  }

  /** A window's records with the note that says so: both are kept, or neither. */
  async #keep(
    running: RunningTap,
    { closing, parcels, note }: Extract<TapMessage, { kind: 'closed' }>,
  ): Promise<void> {
    const { eniId } = running.place.eni
    try {
      const known = note.refusals === running.refusals
      await this.#spool.put({ eni: eniId, parcels, note: known ? note : undefined })
      if (known) this.#setNote(eniId, note)
      running.kept = closing
      running.thread.order({ kind: 'answer', closing, kept: true })
    } catch (error) {
      running.refusals++
      running.kept = closing
      running.thread.order({ kind: 'answer', closing, kept: false })
      this.#log.error('a closed window was refused: its records are lost', {
        eni: eniId,
        batches: parcels.length,
        error: describeError(error),
      })
    }
  }

  #failed(running: RunningTap, { reason, gone }: { reason: string; gone: boolean }): void {
    const tap = tapName(running.place)
    if (gone) {
      this.#log.info('an interface has gone', { interface: tap })
      return
    }
    const said = `interface ${tap} is not captured: ${reason}`
    const { eniId } = running.place.eni
    if (this.#failures.get(eniId)?.reason !== said)
      this.#log.error('capture failed', { interface: tap, error: reason })
    this.#failures.set(eniId, { reason: said, retryAt: Date.now() + retryMilliseconds })
  }

  #setNote(eniId: string, note: TapNote): void {
    const before = this.#notes.get(eniId)
    this.#notes.set(eniId, note)
    if (before === undefined || !sameCounts(before, note)) this.#changed.add(eniId)
  }

  #eachSecond(): void {
    this.#journalling = this.#journalling.then(() => this.#journal())
    const used = process.cpuUsage(this.#cpu)
    this.#cpu = process.cpuUsage()
    this.#keepBudget((used.user + used.system) / 1e6)
  }

  /** "Open totals are journalled at least every second." */
  async #journal(): Promise<void> {
    const changed = new Map([...this.#changed].map((eni) => [eni, this.#notes.get(eni)!]))
    if (changed.size === 0) return
    this.#changed.clear()
    try {
      await this.#spool.journal(changed)
      this.#broken = undefined
    } catch (error) {
      for (const eni of changed.keys()) this.#changed.add(eni)
      const broken = `open windows cannot be journalled: ${describeError(error)}`
      if (this.#broken !== broken)
        this.#log.error('journal failed', { error: describeError(error) })
      this.#broken = broken
    }
  }

  #keepBudget(cpu: number): void {
    const taps = this.#places().flatMap(({ eni }) => {
      const running = this.#running.get(eni.eniId)
      if (running === undefined || running.state === 'stopping') return []
      return [{ eni: eni.eniId, shed: running.state === 'shed', cpu: running.cpu }]
    })
    const decision = this.#budget?.decide(cpu, taps)
    if (decision === undefined) return
    const shed = 'shed' in decision
    const eni = shed ? decision.shed : decision.resume
    const running = this.#running.get(eni)!
    running.state = shed ? 'shed' : 'capturing'
    running.thread.order({ kind: shed ? 'shed' : 'resume' })
    this.#log.warn(shed ? 'an ENI is shed for the CPU budget' : 'an ENI is captured again', {
      eni,
      budget: `${(this.#config.cpuBudget ?? 0) * 100} %`,
    })
  }
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** Notes of an idle ENI differ in their time alone, which is not worth a sync. */
const sameCounts = (a: TapNote, b: TapNote): boolean =>
  a.openSince === b.openSince &&
  a.ordered === b.ordered &&
  same(a.untold, b.untold) &&
  same({ ...a.ledger, asOf: 0 }, { ...b.ledger, asOf: 0 })
