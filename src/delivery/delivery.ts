/**
 * delivery/: records leave the capture side. Each flow log keeps what it wants of a window's records; that
 * goes as one numbered batch to its logstore, and is sent again until the sink has it: a batch that arrives
 * twice is the same flow log, run and number, and stored once (DESIGN.md, Rules of a record).
 *
 * What was captured waits on disk: `spool.ts` keeps closed windows until `spooled-delivery.ts` has sent them,
 * whatever ends the process. `Delivery` below sends from memory what can be made anew.
 *
 * A sink is a log store in the same process or a server far away: this folder knows neither. What a
 * flow log keeps is `flow-log/`; here it is a function.
 */
import { describeError, WeirError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { type EniIdentity, type FlowRecordBatch, recordBatchRows } from '../record/batch.ts'
import { toColumns } from '../record/columns.ts'
import { logLost, type Parcel, type RecordSink } from './parcel.ts'
import { repeat } from './repeat.ts'

export { parcelTotals } from './parcel.ts'
export type { Parcel, ParcelTotals, RecordSink } from './parcel.ts'
export { type EncodedParcel, encodeParcel } from './spool-entry.ts'
export { openSpool } from './open-spool.ts'
export type { SpoolConfig, SpoolEffects } from './open-spool.ts'
export type { Spool, SpoolEntry, SpooledParcel, SpoolStats } from './spool.ts'
export { SpooledDelivery } from './spooled-delivery.ts'
export type { SpooledDeliveryOptions } from './spooled-delivery.ts'

/** One flow log and where its records go. */
export interface Route {
  readonly flowLog: string
  readonly project: string
  readonly logstore: string
  /** Writes the rows that the flow log keeps to the front of `rows` and returns how many. */
  readonly keep: (batch: FlowRecordBatch, rows: Uint32Array) => number
}

/** Cuts records into parcels, numbered per flow log from 0. */
export class Sorter {
  readonly #routes: readonly Route[]
  readonly #run: string
  readonly #enis: readonly EniIdentity[]
  readonly #numbers: number[]
  readonly #rows = new Uint32Array(recordBatchRows)

  /**
   * @param run the id of this run: the same packets sorted in the same run give the same parcels
   * @param enis the identities that the records' ENI numbers point into
   */
  constructor(routes: readonly Route[], run: string, enis: readonly EniIdentity[]) {
    this.#routes = routes
    this.#run = run
    this.#enis = enis
    this.#numbers = routes.map(() => 0)
  }

  /** The parcels own their memory: the records may be overwritten afterwards. */
  sort(records: FlowRecordBatch): Parcel[] {
    return this.#routes.flatMap(({ flowLog, project, logstore, keep }, i) => {
      const count = keep(records, this.#rows)
      if (count === 0) return []
      const id = { flowLog, run: this.#run, number: this.#numbers[i]! }
      this.#numbers[i]! += 1
      return [{ project, logstore, id, batch: toColumns(records, this.#enis, this.#rows, count) }]
    })
  }
}

/** Parcels on their way at once; who makes more waits in `drain`. */
const underWayMax = 32

/** Errors that pass: the same parcel can be taken later. */
const passes = (error: unknown): boolean =>
  error instanceof WeirError &&
  ['StorageFull', 'ServerUnreachable', 'WriteQuotaExceed'].includes(error.code)

/** Sends parcels side by side and tries again what failed for now. For records that can be made anew. */
export class Delivery {
  readonly #sink: RecordSink
  readonly #log: Log
  readonly #underWay = new Set<Promise<void>>()
  #failure: unknown
  readonly #stopping = new AbortController()
  /** For metrics. */
  parcels = 0
  records = 0
  retries = 0
  lostRecords = 0

  constructor(sink: RecordSink, log: Log) {
    this.#sink = sink
    this.#log = log
  }

  send(parcel: Parcel): void {
    const sending = this.#deliver(parcel).finally(() => this.#underWay.delete(sending))
    this.#underWay.add(sending)
  }

  /** Resolves when there is room again. Throws what a parcel failed with for good. */
  async drain(): Promise<void> {
    while (this.#underWay.size >= underWayMax) await Promise.race(this.#underWay)
    this.#throwFailure()
  }

  /** Resolves when every parcel is stored. Throws when one is not. */
  async finish(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    this.#throwFailure()
  }

  /** From now on a parcel is not tried again; `finish` then says what was lost. */
  stopRetrying(): void {
    this.#stopping.abort()
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  async #deliver(parcel: Parcel): Promise<void> {
    const onWait = (error: unknown): void => {
      this.retries++
      this.#log.warn('records wait for their logstore', {
        flowLog: parcel.id.flowLog,
        records: parcel.batch.rows,
        error: describeError(error),
      })
    }
    try {
      const { signal } = this.#stopping
      await repeat(() => this.#sink(parcel), { passes, onWait, signal })
    } catch (error) {
      return this.#give(parcel, error)
    }
    this.parcels++
    this.records += parcel.batch.rows
  }

  #give(parcel: Parcel, error: unknown): void {
    this.lostRecords += parcel.batch.rows
    this.#failure ??= error
    logLost(this.#log, parcel, error)
  }
}
