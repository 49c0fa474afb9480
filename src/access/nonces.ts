import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { WeirError } from '../base/errors.ts'
import { openTables } from './tables.ts'

/** Of one key, and in force at once: above a hundred requests a second for a quarter of an hour. */
const noncesMax = 120_000
const sweptEveryMilliseconds = 60_000

/**
 * The nonces that were used, by key: a request that was seen is not taken again, also after a restart. Each is on the
 * disk before its request is let through.
 */
export class Nonces {
  readonly #max: number
  readonly #insert: StatementSync
  readonly #renew: StatementSync
  readonly #sweep: StatementSync
  readonly #count: StatementSync
  /** By key, with those that are over since the last sweep. */
  #counts = new Map<string, number>()
  #sweptAt: number | undefined

  constructor(db: DatabaseSync, max = noncesMax) {
    this.#max = max
    openTables(db)
    this.#insert = db.prepare('INSERT OR IGNORE INTO nonces VALUES (?, ?, ?)')
    this.#renew = db.prepare(
      'UPDATE nonces SET until = ? WHERE key_id = ? AND nonce = ? AND until <= ?',
    )
    this.#sweep = db.prepare('DELETE FROM nonces WHERE until <= ?')
    this.#count = db.prepare('SELECT key_id, count(*) AS count FROM nonces GROUP BY key_id')
  }

  /**
   * @param until Unix milliseconds: before, no other request may have this nonce
   * @param now Unix milliseconds
   * @throws WeirError SignatureNonceUsed; ReadQuotaExceed when the key has as many in force as there may be
   */
  use(keyId: string, nonce: string, until: number, now: number): void {
    this.#forget(now)
    if ((this.#counts.get(keyId) ?? 0) >= this.#max)
      throw new WeirError('ReadQuotaExceed', `key ${keyId} has used too many nonces`, {
        hint: 'Ask less often',
      })
    if (this.#insert.run(keyId, nonce, until).changes === 1) {
      this.#counts.set(keyId, (this.#counts.get(keyId) ?? 0) + 1)
      return
    }
    if (this.#renew.run(until, keyId, nonce, now).changes === 1) return
    throw new WeirError('SignatureNonceUsed', 'Specified signature nonce was used already.')
  }

  #forget(now: number): void {
    if (this.#sweptAt !== undefined && Math.abs(now - this.#sweptAt) < sweptEveryMilliseconds)
      return
    this.#sweep.run(now)
    this.#counts = new Map(
      this.#count.all().map((row) => [String(row['key_id']), Number(row['count'])]),
    )
    this.#sweptAt = now
  }
}
