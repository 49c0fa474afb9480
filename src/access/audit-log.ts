import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { describeError, WeirError } from '../base/errors.ts'
import { inTransaction, openTables } from './tables.ts'

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
  /** `ok`, the error's code, or `unknown` when the server ended before it was written. */
  readonly outcome: string
  /** What was changed, without any secret. */
  readonly detail?: string
}

/** A change that is about to be made. */
export type AuditIntent = Omit<AuditEntry, 'outcome'>

/** To be told how it ended. */
export type AuditEnd = (outcome: string) => void

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

interface Late {
  readonly ids: readonly number[]
  readonly outcome: string
}

/**
 * Nothing in it is ever changed; what is older than it is kept for goes. A change is written down before it is made:
 * one that cannot be is refused. So each that was made is there, whatever becomes of disk and process.
 */
export class AuditLog {
  readonly #db: DatabaseSync
  readonly #keptMilliseconds: number
  readonly #begin: StatementSync
  readonly #end: StatementSync
  readonly #forget: StatementSync
  readonly #sweep: StatementSync
  #sweptAt = 0
  /** Outcomes that could not be written. */
  readonly #late: Late[] = []
  #lateReason = ''

  constructor(db: DatabaseSync, daysKept = 400) {
    this.#db = db
    this.#keptMilliseconds = daysKept * dayMilliseconds
    openTables(db)
    const columns = 'at, key_id, source, request_id, action, resource'
    this.#begin = db.prepare(
      `INSERT INTO audit_begun (${columns}, detail) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#end = db.prepare(
      `INSERT INTO audit (${columns}, outcome, detail)
       SELECT ${columns}, ?, detail FROM audit_begun WHERE id = ?`,
    )
    this.#forget = db.prepare('DELETE FROM audit_begun WHERE id = ?')
    this.#sweep = db.prepare(
      'DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)',
    )
    const left = db.prepare('SELECT id FROM audit_begun ORDER BY id').all()
    if (left.length > 0)
      this.#late.push({ ids: left.map(({ id }) => Number(id)), outcome: 'unknown' })
    this.#writeLate()
  }

  /**
   * Writes down what is about to be done to one thing or several: on the disk when it returns.
   *
   * @returns never throws: an outcome that cannot be written is written later, and is a problem until then
   * @throws WeirError StorageFull, StorageBroken: it must not be done
   */
  begin(intents: readonly AuditIntent[]): AuditEnd {
    const ids: number[] = []
    try {
      inTransaction(this.#db, () => {
        for (const { at, keyId, source, requestId, action, resource, detail = null } of intents) {
          const row = [at, keyId, source, requestId, action, resource, detail] as const
          ids.push(Number(this.#begin.run(...row).lastInsertRowid))
        }
      })
    } catch (cause) {
      throw new WeirError(
        isFull(cause) ? 'StorageFull' : 'StorageBroken',
        'it is not done, since it cannot be written to the audit log',
        { hint: 'Free space on the disk of the data directory', place: 'access.db', cause },
      )
    }
    return (outcome) => {
      this.#late.push({ ids, outcome })
      this.#writeLate()
      const at = intents[0]?.at
      if (at !== undefined && this.#late.length === 0) this.#removeOld(at)
    }
  }

  /** What is wrong now: a sentence. */
  problem(): string | undefined {
    this.#writeLate()
    if (this.#late.length === 0) return undefined
    return `the audit log cannot be written, changes are refused: ${this.#lateReason}`
  }

  #writeLate(): void {
    try {
      for (let first = this.#late[0]; first !== undefined; first = this.#late[0]) {
        const { ids, outcome } = first
        inTransaction(this.#db, () => {
          for (const id of ids) {
            this.#end.run(outcome, id)
            this.#forget.run(id)
          }
        })
        this.#late.shift()
      }
    } catch (error) {
      this.#lateReason = describeError(error)
    }
  }

  #removeOld(now: number): void {
    if (now - this.#sweptAt < dayMilliseconds) return
    try {
      const { changes } = this.#sweep.run(now - this.#keptMilliseconds, sweptAtOnce)
      if (Number(changes) < sweptAtOnce) this.#sweptAt = now
    } catch (error) {
      if (!isFull(error)) throw error // they go another time
    }
  }

  /** The latest first. */
  list({ from, to, keyId, limit }: AuditQuery = {}): readonly AuditEntry[] {
    this.#writeLate()
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

const sqliteFull = 13

const isFull = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && error.errcode === sqliteFull
