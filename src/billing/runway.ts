/** How long what is left lasts. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'

const daySeconds = 86_400

/**
 * Days until nothing is left, if it goes on as it went.
 * @param used in that many seconds; what does not shrink lasts for ever: undefined
 */
export function daysLeft(left: number, used: number, seconds: number): number | undefined {
  if (used <= 0 || seconds <= 0) return undefined
  return Math.max(0, left) / ((used / seconds) * daySeconds)
}

/** What is looked back on to tell how fast the disk fills: a week has its quiet days too. */
const backSeconds = 7 * daySeconds
/** Over less than this a merge of files says more than the traffic. */
const leastSeconds = 3600

export interface DiskRunway {
  readonly freeBytes: number
  /** Undefined while it is not yet known, or when the disk does not fill. */
  readonly daysLeft: number | undefined
}

/** What was free on the disk, hour by hour, so that a restart does not forget it. */
export class DiskBook {
  readonly #db: DatabaseSync
  readonly #put: StatementSync

  constructor(db: DatabaseSync) {
    this.#db = db
    db.exec(
      'CREATE TABLE IF NOT EXISTS billing_disk (at INTEGER PRIMARY KEY, free INTEGER NOT NULL)',
    )
    this.#put = db.prepare('INSERT OR IGNORE INTO billing_disk VALUES (?, ?)')
  }

  /** @param hour its first second; the first figure of an hour stands */
  note(hour: number, freeBytes: number): void {
    this.#put.run(hour, freeBytes)
    this.#db
      .prepare('DELETE FROM billing_disk WHERE at < ? OR at > ?')
      .run(hour - backSeconds, hour) // later ones are of a clock that went back
  }

  runway(now: number, freeBytes: number): DiskRunway {
    const oldest = this.#db
      .prepare('SELECT at, free FROM billing_disk WHERE at >= ? AND at <= ? ORDER BY at LIMIT 1')
      .get(Math.floor(now - backSeconds), Math.floor(now - leastSeconds))
    if (oldest === undefined) return { freeBytes, daysLeft: undefined }
    const used = Number(oldest['free']) - freeBytes
    return { freeBytes, daysLeft: daysLeft(freeBytes, used, now - Number(oldest['at'])) }
  }
}
