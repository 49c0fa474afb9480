/** Counts the bytes of records that flow logs bring into the log store, each batch once. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { BatchId } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import { CountedBatches } from './counted.ts'
import { inTransaction } from './tables.ts'
import type { UsageBook } from './usage.ts'

/** Where a batch goes. */
export interface MeteredBatch {
  /** Of its flow log; empty where that has none. */
  readonly project: string
  readonly logstore: string
  readonly id: BatchId
  /** The traffic analyzer that gets it, where no logstore does. */
  readonly alone?: string | undefined
}

/** Bytes of one owner in a batch. */
export interface MeteredPart {
  readonly account: string
  readonly region: string
  readonly bytes: number
  /** The traffic analyzer that reads them too. */
  readonly analyzer?: string | undefined
}

/** Whether a batch is in its logstore or, where one gets it alone, in all rollups of its analyzer. */
export type IsStored = (batch: MeteredBatch) => boolean

interface Order {
  readonly run: () => void
  readonly done: () => void
  /** Without it nobody waits: it is carried out with a later commit then. */
  readonly failed?: (error: unknown) => void
}

/**
 * A batch is noted, with its size and on disk, before the log store gets it, and counted when the store has it.
 * After a crash the store is asked about each that is noted: it is counted then or forgotten. A repeat is not
 * noted again, since the store has it. So a batch counts once if it is stored, and never otherwise.
 *
 * One that an analyzer gets alone is in no logstore, and in no rollup when it tells of no traffic: it is counted
 * before it is acknowledged, and that it was is kept with the count.
 *
 * Orders of one turn of the event loop share a commit.
 */
export class Meter {
  readonly #db: DatabaseSync
  readonly #usage: UsageBook
  readonly #isStored: IsStored
  readonly #counted: CountedBatches
  readonly #pending: StatementSync
  readonly #note: StatementSync
  readonly #forget: StatementSync
  readonly #inFlight = new Map<string, number>()
  #orders: Order[] = []
  #working: Promise<void> | undefined

  /** The store is open and takes nothing yet: what an earlier run left is settled here. */
  constructor(db: DatabaseSync, usage: UsageBook, isStored: IsStored) {
    this.#db = db
    this.#usage = usage
    this.#isStored = isStored
    this.#counted = new CountedBatches(db)
    const one = 'project = ? AND logstore = ? AND flow_log = ? AND run = ? AND number = ?'
    this.#pending = db.prepare(`SELECT cycle, parts FROM billing_pending WHERE ${one}`)
    this.#note = db.prepare(
      'INSERT OR REPLACE INTO billing_pending (project, logstore, flow_log, run, number, cycle, parts) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    this.#forget = db.prepare(`DELETE FROM billing_pending WHERE ${one}`)
    this.#recover()
  }

  /**
   * Has a batch stored and counts it.
   * @param cycle the hour it counts in
   * @param store puts it into the log store; what it throws is thrown
   */
  async store<Result>(
    batch: MeteredBatch,
    cycle: number,
    parts: readonly MeteredPart[],
    store: () => Promise<Result>,
  ): Promise<Result> {
    const { alone } = batch
    if (this.#wasCounted(batch) || (parts.length === 0 && alone === undefined)) return store()
    const key = JSON.stringify(keyOf(batch))
    this.#inFlight.set(key, (this.#inFlight.get(key) ?? 0) + 1)
    try {
      const text = JSON.stringify(
        parts.map(({ account, region, bytes, analyzer }) => [
          account,
          region,
          bytes,
          analyzer,
          alone !== undefined,
        ]),
      )
      await this.#now(() => void this.#note.run(...keyOf(batch), cycle, text))
      const result = await store()
      if (alone === undefined) this.#later(() => this.#count(batch))
      else await this.#now(() => this.#count(batch))
      return result
    } catch (error) {
      const last = this.#inFlight.get(key) === 1
      // Of a store that broke nobody knows what it has on the disk: the next start asks it.
      const broken = !(error instanceof WeirError) || error.code === 'StorageBroken'
      if (last && !broken && !this.#isStored(batch))
        this.#later(() => void this.#forget.run(...keyOf(batch)))
      throw error
    } finally {
      const left = this.#inFlight.get(key)! - 1
      if (left === 0) this.#inFlight.delete(key)
      else this.#inFlight.set(key, left)
    }
  }

  /** Resolves when what is stored is counted, or the disk does not take that; the next start counts it then. */
  async settled(): Promise<void> {
    await this.#working
  }

  #recover(): void {
    const left = this.#db.prepare('SELECT * FROM billing_pending').all()
    inTransaction(this.#db, () => {
      for (const row of left) {
        const [project, logstore, flowLog, run] = ['project', 'logstore', 'flow_log', 'run'].map(
          (name) => String(row[name]),
        ) as [string, string, string, string]
        const id = { flowLog, run, number: Number(row['number']) }
        const batch = { project, logstore, id, alone: aloneOf(partsOf(row['parts'])) }
        if (this.#isStored(batch)) this.#count(batch)
        else this.#forget.run(...keyOf(batch))
      }
    })
  }

  /** What an analyzer got alone may have been on its way to both when a disk was full: that counts nothing. */
  #wasCounted({ project, logstore, id }: MeteredBatch): boolean {
    return this.#counted.has(id) || this.#isStored({ project, logstore, id })
  }

  /** Within a transaction. A batch that is no longer noted was counted: two senders had the same. */
  #count(batch: MeteredBatch): void {
    const noted = this.#pending.get(...keyOf(batch))
    if (noted === undefined) return
    const cycle = Number(noted['cycle'])
    const { project, logstore, id, alone } = batch
    const target = alone === undefined ? `${project}/${logstore}` : ''
    for (const [account, region, size, analyzer] of partsOf(noted['parts'])) {
      const use = { cycle, account, region, flowLog: id.flowLog, bytes: BigInt(size) }
      this.#usage.add({ ...use, kind: 'generated', target })
      if (analyzer !== null) this.#usage.add({ ...use, kind: 'analyzed', target: analyzer })
    }
    if (alone !== undefined) this.#counted.add(id)
    this.#forget.run(...keyOf(batch))
  }

  #now(run: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#order({ run, done: resolve, failed: reject })
    return promise
  }

  #later(run: () => void): void {
    this.#order({ run, done: () => undefined })
  }

  #order(order: Order): void {
    this.#orders.push(order)
    this.#working ??= new Promise((resolve) =>
      setImmediate(() => {
        this.#working = undefined
        this.#commit()
        resolve()
      }),
    )
  }

  #commit(): void {
    const orders = this.#orders
    this.#orders = []
    try {
      inTransaction(this.#db, () => {
        for (const { run } of orders) run()
      })
    } catch (error) {
      this.#orders.unshift(...orders.filter(({ failed }) => failed === undefined))
      for (const { failed } of orders) failed?.(error)
      return
    }
    for (const { done } of orders) done()
  }
}

/** What is undefined is null in JSON. Notes of an earlier Weir have no `alone`. */
type Part = [
  account: string,
  region: string,
  bytes: number,
  analyzer: string | null,
  alone?: boolean,
]

const partsOf = (noted: unknown): Part[] => JSON.parse(String(noted)) as Part[]

/** The analyzer that gets all of it, where no logstore does. */
const aloneOf = (parts: readonly Part[]): string | undefined =>
  parts.find(([, , , , alone]) => alone)?.[3] ?? undefined

const keyOf = ({ project, logstore, id }: MeteredBatch) =>
  [project, logstore, id.flowLog, id.run, id.number] as const
