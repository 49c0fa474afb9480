import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { openTables } from './tables.ts'

/** A change that somebody made, or tried to make. */
export interface AuditEntry {
  /** Unix milliseconds. */
  readonly at: number
  readonly keyId: string
  /** The peer's address. */
  readonly source: string
  readonly requestId: string
  readonly action: string
  readonly resource: string
  /** `ok`, or the error's code. */
  readonly outcome: string
  /** What was changed, without any secret. */
  readonly detail?: string
}

export interface AuditQuery {
  /** Unix milliseconds, `from <= at < to`. */
  readonly from?: number
  readonly to?: number
  readonly keyId?: string
  readonly limit?: number
}

const dayMilliseconds = 86_400_000
const limitDefault = 1000
/** So that a change waits for no long removal. */
const sweptAtOnce = 200

/** Nothing in it is ever changed; what is older than it is kept for goes. */
export class AuditLog {
  readonly #db: DatabaseSync
  readonly #keptMilliseconds: number
  readonly #insert: StatementSync
  readonly #sweep: StatementSync
  #sweptAt = 0

  constructor(db: DatabaseSync, daysKept = 400) {
    this.#db = db
    this.#keptMilliseconds = daysKept * dayMilliseconds
    openTables(db)
    this.#insert = db.prepare(
      `INSERT INTO audit (at, key_id, source, request_id, action, resource, outcome, detail)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#sweep = db.prepare(
      'DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)',
    )
  }

  /** On the disk when it returns. */
  add(entry: AuditEntry): void {
    const { at, keyId, source, requestId, action, resource, outcome, detail } = entry
    this.#insert.run(at, keyId, source, requestId, action, resource, outcome, detail ?? null)
    if (at - this.#sweptAt < dayMilliseconds) return
    const { changes } = this.#sweep.run(at - this.#keptMilliseconds, sweptAtOnce)
    if (Number(changes) < sweptAtOnce) this.#sweptAt = at
  }

  /** The latest first. */
  list({ from, to, keyId, limit }: AuditQuery = {}): readonly AuditEntry[] {
    return this.#db
      .prepare(
        `SELECT * FROM audit WHERE at >= ? AND at < ? AND (? IS NULL OR key_id = ?)
         ORDER BY id DESC LIMIT ?`,
      )
      .all(
        from ?? 0,
        to ?? Number.MAX_SAFE_INTEGER,
        keyId ?? null,
        keyId ?? null,
        limit ?? limitDefault,
      )
      .map((row) => ({
        at: Number(row['at']),
        keyId: String(row['key_id']),
        source: String(row['source']),
        requestId: String(row['request_id']),
        action: String(row['action']),
        resource: String(row['resource']),
        outcome: String(row['outcome']),
        ...(row['detail'] === null ? {} : { detail: String(row['detail']) }),
      }))
  }
}
