import type { DatabaseSync, StatementSync } from 'node:sqlite'

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
}

export interface AuditQuery {
  /** Unix milliseconds, `from <= at < to`. */
  readonly from?: number
  readonly to?: number
  readonly keyId?: string
  readonly limit?: number
}

const schema = `
  CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, key_id TEXT NOT NULL, source TEXT NOT NULL,
    request_id TEXT NOT NULL, action TEXT NOT NULL, resource TEXT NOT NULL, outcome TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS audit_at ON audit (at);
`
const daysKept = 400
const dayMilliseconds = 86_400_000
const limitDefault = 1000

/** Nothing in it is ever changed; what is older than 400 days goes. */
export class AuditLog {
  readonly #db: DatabaseSync
  readonly #insert: StatementSync
  #sweptAt = 0

  constructor(db: DatabaseSync) {
    this.#db = db
    db.exec(schema)
    this.#insert = db.prepare(
      'INSERT INTO audit (at, key_id, source, request_id, action, resource, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
  }

  /** On the disk when it returns. */
  add(entry: AuditEntry): void {
    const { at, keyId, source, requestId, action, resource, outcome } = entry
    this.#insert.run(at, keyId, source, requestId, action, resource, outcome)
    if (at - this.#sweptAt < dayMilliseconds) return
    this.#sweptAt = at
    this.#db.prepare('DELETE FROM audit WHERE at < ?').run(at - daysKept * dayMilliseconds)
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
      }))
  }
}
