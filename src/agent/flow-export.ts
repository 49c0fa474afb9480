/**
 * The agent's port for flows that routers export: a thread for all ENIs whose tap is an exporter, kept while a flow
 * log is about any of them. Its closed windows go into the spool with a note of their own.
 */
import { describeError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Spool } from '../delivery/delivery.ts'
import { capturePlan } from '../flow-log/flow-log.ts'
import type { Topology } from '../vpc/vpc.ts'
import type {
  ExportMessage,
  ExportNote,
  ExportOrder,
  ExportPlan,
  ExportTask,
  FlowExportConfig,
} from './export-messages.ts'
import { type ExportPlace, exportPlaces } from './export-place.ts'
import type { AgentOrders, Failed, TapStatus } from './messages.ts'
import { exportReportsOf, type TapReport } from './reports.ts'
import { CaptureThread } from './tap-thread.ts'

/** Where the spool keeps the note: no ENI is called so. */
export const exportNoteKey = '(flow export)'
const retryMilliseconds = 10_000
/** A note that differs in its time alone is kept this often: what is missed at most when nobody was there. */
const keptMilliseconds = 10_000

interface Running {
  readonly thread: CaptureThread<ExportTask, ExportOrder, ExportMessage>
  readonly byAddress: boolean
  topology: Topology
  plans: string
  state: 'opening' | 'capturing' | 'stopping'
  cpuSeconds: number
  cpu: number
  kept: number
  refusals: number
  /** What is put and journalled, one after the other. */
  keeping: Promise<void>
}

export class FlowExport {
  readonly #config: FlowExportConfig
  readonly #agent: string
  readonly #spool: Pick<Spool, 'put' | 'journal'>
  readonly #log: Log
  #note: ExportNote | undefined
  #journalled: { counts: string; at: number } = { counts: '', at: 0 }
  #running: Running | undefined
  #orders: AgentOrders = { flowLogs: [], topology: undefined }
  #places: readonly ExportPlace[] = []
  #plans: readonly ExportPlan[] = []
  #failure: { reason: string; retryAt: number } | undefined
  #broken: string | undefined
  #stopping = false

  /** @param note what the spool has under `exportNoteKey` */
  constructor(
    config: FlowExportConfig,
    agent: string,
    spool: Pick<Spool, 'put' | 'journal'>,
    note: ExportNote | undefined,
    log: Log,
  ) {
    this.#config = config
    this.#agent = agent
    this.#spool = spool
    this.#note = note
    this.#log = log
  }

  /** From now on this is received. Asked again now and then: a port that could not be opened is tried again. */
  order(orders: AgentOrders): void {
    if (orders !== this.#orders) {
      this.#orders = orders
      this.#places = orders.topology === undefined ? [] : exportPlaces(orders.topology)
      this.#plans = plansOf(this.#places, orders)
    }
    if (this.#stopping) return
    const { topology } = orders
    if (this.#running !== undefined) this.#tell(this.#running, topology)
    else if (this.#plans.length > 0 && (this.#failure?.retryAt ?? 0) <= Date.now())
      this.#start(topology!)
  }

  /** Resolves when the port is open, or it was said why it is not. */
  async opened(): Promise<void> {
    await this.#running?.thread.opened
  }

  taps(): TapStatus[] {
    const ordered = new Set(this.#plans.map(({ place }) => place.eni.eniId))
    return this.#places.map(({ eni, tap }) => ({
      eni,
      tap,
      state: ordered.has(eni.eniId) ? this.#state() : 'not ordered',
      reason: this.#failure?.reason,
      cpu: (this.#running?.cpu ?? 0) / Math.max(1, this.#plans.length),
    }))
  }

  #state(): TapStatus['state'] {
    if (this.#failure !== undefined) return 'failed'
    return this.#running?.state === 'capturing' ? 'capturing' : 'opening'
  }

  reports(): TapReport[] {
    return this.#note === undefined ? [] : exportReportsOf(this.#note)
  }

  /** What is wrong, a sentence each. */
  problems(): string[] {
    return [this.#failure?.reason, this.#broken].filter((each) => each !== undefined)
  }

  /** Closes every window and resolves when all of it is in the spool. */
  async stop(): Promise<void> {
    this.#stopping = true
    const running = this.#running
    if (running === undefined) return
    this.#end(running, true)
    await running.thread.ended
    await running.keeping
  }

  #tell(running: Running, topology: Topology | undefined): void {
    if (running.state === 'stopping') return
    const byAddress = this.#places[0]?.exporter === undefined
    if (topology === undefined || this.#plans.length === 0) return this.#end(running, false)
    if (byAddress !== running.byAddress) return this.#end(running, true)
    const plans = JSON.stringify(this.#plans)
    const isNew = topology !== running.topology
    if (!isNew && plans === running.plans) return
    running.topology = topology
    running.plans = plans
    running.thread.order({
      kind: 'orders',
      plans: this.#plans,
      topology: isNew ? topology : undefined,
    })
  }

  #end(running: Running, ordered: boolean): void {
    if (running.state === 'stopping') return
    running.state = 'stopping'
    running.thread.order({ kind: 'stop', ordered })
  }

  #start(topology: Topology): void {
    const task: ExportTask = {
      agent: this.#agent,
      config: this.#config,
      topology,
      plans: this.#plans,
      note: this.#note,
    }
    const program = new URL('./export-worker.ts', import.meta.url)
    const running: Running = {
      thread: new CaptureThread(program, task, (message) => this.#take(running, message)),
      byAddress: this.#places[0]?.exporter === undefined,
      topology,
      plans: JSON.stringify(this.#plans),
      state: 'opening',
      cpuSeconds: 0,
      cpu: 0,
      kept: 0,
      refusals: 0,
      keeping: Promise.resolve(),
    }
    this.#running = running
    void running.thread.ended.then(async () => {
      await running.keeping
      this.#running = undefined
      this.order(this.#orders)
    })
  }

  #take(running: Running, message: ExportMessage | Failed): void {
    const then = (work: () => Promise<void>): void => {
      running.keeping = running.keeping.then(work)
    }
    switch (message.kind) {
      case 'opened':
        if (running.state === 'opening') running.state = 'capturing'
        this.#failure = undefined
        this.#log.info('exported flows are received', {
          listen: this.#config.listen,
          port: message.port,
          enis: this.#plans.length,
        })
        return
      case 'closed':
        then(() => this.#keep(running, message))
        return
      case 'journal':
        running.cpu = Math.max(0, message.cpuSeconds - running.cpuSeconds)
        running.cpuSeconds = message.cpuSeconds
        then(() => this.#journal(running, message.note))
        return
      case 'failed':
        this.#failed(message.reason)
        return
      case 'ended':
        return
    }
  }

  /** Windows' records with the note that says so: both are kept, or neither. */
  async #keep(
    running: Running,
    { closing, parcels, note }: Extract<ExportMessage, { kind: 'closed' }>,
  ): Promise<void> {
    const known = note.refusals === running.refusals
    let kept = true
    try {
      await this.#spool.put({ eni: exportNoteKey, parcels, note: known ? note : undefined })
      if (known) this.#note = note
    } catch (error) {
      kept = false
      running.refusals++
      this.#log.error('closed windows of exported flows were refused: their records are lost', {
        batches: parcels.length,
        error: describeError(error),
      })
    }
    running.kept = closing
    running.thread.order({ kind: 'answer', closing, kept })
  }

  /** A note that tells of a window which the spool has not taken, or refused, is not true (yet). */
  async #journal(running: Running, note: ExportNote): Promise<void> {
    if (note.closings !== running.kept || note.refusals !== running.refusals) return
    const counts = JSON.stringify(note, (key, value: unknown) => (key === 'asOf' ? 0 : value))
    const { counts: before, at } = this.#journalled
    if (counts === before && Date.now() - at < keptMilliseconds) {
      this.#note = note
      return
    }
    try {
      await this.#spool.journal(new Map([[exportNoteKey, note]]))
      this.#journalled = { counts, at: Date.now() }
      this.#broken = undefined
    } catch (error) {
      const broken = `open windows of exported flows cannot be journalled: ${describeError(error)}`
      if (this.#broken !== broken)
        this.#log.error('journal failed', { error: describeError(error) })
      this.#broken = broken
    } finally {
      this.#note = note
    }
  }

  #failed(why: string): void {
    const reason = `exported flows are not received: ${why}`
    if (this.#failure?.reason !== reason)
      this.#log.error('flow export failed', { port: this.#config.port, error: why })
    this.#failure = { reason, retryAt: Date.now() + retryMilliseconds }
  }
}

function plansOf(places: readonly ExportPlace[], { flowLogs }: AgentOrders): ExportPlan[] {
  const byEni = new Map(places.map((place) => [place.eni, place]))
  const enis = places.map(({ eni }) => eni)
  return capturePlan(enis, flowLogs).map(({ eni, ...plan }) => ({
    windowSeconds: plan.windowSeconds,
    families: plan.families,
    flowLogs: plan.flowLogs,
    place: byEni.get(eni)!,
  }))
}
