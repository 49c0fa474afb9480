import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { BatchId } from '../base/columns.ts'

/**
 * Batches that were counted and that no logstore has. Numbers of a run count up, so that a run is a range or a few,
 * whatever its length.
 */
export class CountedBatches {
  readonly #has: StatementSync
  readonly #before: StatementSync
  readonly #after: StatementSync
  readonly #remove: StatementSync
  readonly #insert: StatementSync

  /** Its table is made by `prepareBillingTables`. */
  constructor(db: DatabaseSync) {
    const run = 'FROM billing_counted WHERE flow_log = ? AND run = ?'
    this.#has = db.prepare(`SELECT 1 ${run} AND first <= ? AND last >= ?`)
    this.#before = db.prepare(`SELECT first ${run} AND last = ?`)
    this.#after = db.prepare(`SELECT last ${run} AND first = ?`)
    this.#remove = db.prepare(`DELETE ${run} AND first >= ? AND last <= ?`)
    this.#insert = db.prepare('INSERT INTO billing_counted VALUES (?, ?, ?, ?)')
  }

  has({ flowLog, run, number }: BatchId): boolean {
    return this.#has.get(flowLog, run, number, number) !== undefined
  }

  /** Within the caller's transaction. It is not there yet. */
  add({ flowLog, run, number }: BatchId): void {
    const first = Number(this.#before.get(flowLog, run, number - 1)?.['first'] ?? number)
    const last = Number(this.#after.get(flowLog, run, number + 1)?.['last'] ?? number)
    this.#remove.run(flowLog, run, first, last)
    this.#insert.run(flowLog, run, first, last)
  }
}
