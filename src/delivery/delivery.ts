/**
 * delivery/: records leave the capture side. Each flow log keeps what it wants of a window's records; that
 * goes as one numbered batch to its logstore, and is sent again until the sink has it: a batch that arrives
 * twice is the same flow log, run and number, and stored once (DESIGN.md, Rules of a record).
 *
 * A sink is a log store in the same process or, one day, a server far away: this folder knows neither. What a
 * flow log keeps is `flow-log/`; here it is a function.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describeError, WeirError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { type EniIdentity, type FlowRecordBatch, recordBatchRows } from '../record/batch.ts'
import { toColumns } from '../record/columns.ts'
import type { Parcel, RecordSink } from './parcel.ts'

export type { Parcel, RecordSink } from './parcel.ts'
export { openSpool } from './open-spool.ts'
export type { SpoolConfig, SpoolEffects } from './open-spool.ts'
export type { Spool, SpoolEntry, SpooledParcel, SpoolStats } from './spool.ts'

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
const retryMilliseconds = { first: 100, longest: 10_000 } as const

/** Errors that pass: the same parcel can be taken later. */
const passes = (error: unknown): boolean =>
  error instanceof WeirError && (error.code === 'StorageFull' || error.code === 'ServerUnreachable')

/** Sends parcels side by side and tries again what failed for now. */
export class Delivery {
  readonly #sink: RecordSink
  readonly #log: Log
  readonly #underWay = new Set<Promise<void>>()
  #failure: unknown
  #stopping = false
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
    this.#stopping = true
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  async #deliver(parcel: Parcel): Promise<void> {
    let pause: number = retryMilliseconds.first
    for (;;) {
      try {
        await this.#sink(parcel)
        this.parcels++
        this.records += parcel.batch.rows
        return
      } catch (error) {
        if (!passes(error) || this.#stopping) return this.#give(parcel, error)
        this.retries++
        this.#log.warn('records wait for their logstore', {
          flowLog: parcel.id.flowLog,
          records: parcel.batch.rows,
          error: describeError(error),
        })
        await sleep(pause)
        pause = Math.min(pause * 2, retryMilliseconds.longest)
      }
    }
  }

  #give(parcel: Parcel, error: unknown): void {
    this.lostRecords += parcel.batch.rows
    this.#failure ??= error
    this.#log.error('records were lost: their logstore did not take them', {
      flowLog: parcel.id.flowLog,
      run: parcel.id.run,
      number: parcel.id.number,
      records: parcel.batch.rows,
      error: describeError(error),
    })
  }
}
