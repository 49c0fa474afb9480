/**
 * ledger/: the account of what was seen, kept and lost: "Packets and bytes are exact. What was lost is
 * counted, and the window says SKIPDATA." For every ENI and opening of its tap, the frames that the
 * interface counted equal the frames in records, in open windows, left out for a reason, lost, or
 * still in the ring; what is left over is the difference, carried and shown, never rounded away.
 *
 * `account.ts` is the arithmetic, the book below keeps ledgers and losses of all hosts, `print-ledger.ts`
 * makes the text of `weir check`.
 *
 * Left out: who counts. Captures hand in finished numbers; this folder has never seen a packet.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import { assert } from '../base/assert.ts'
import { unixSeconds, type UnixSeconds } from '../base/time.ts'
import { type Ledger, type LedgerAmounts, type Loss, type LossReason, sumOf } from './account.ts'

export { difference, lossReasons, lostFrames, sumOf, unmeasuredBytes } from './account.ts'
export type { FramesAndBytes, Ledger, LedgerAmounts, Loss, LossReason, Totals } from './account.ts'
export { printLedger } from './print-ledger.ts'

export interface LedgerFilter {
  readonly eni?: string
  readonly host?: string
}

export interface LossFilter extends LedgerFilter {
  /** Losses that lie in `from <= t < to` at least in part, Unix seconds. */
  readonly from?: number
  readonly to?: number
}

/** A loss and the tap it belongs to. */
export interface KeptLoss extends Loss {
  readonly host: string
  readonly opening: string
}

/** The opening of a ledger that sums up earlier ones. */
export const earlierOpenings = 'earlier'

const tables = `
  CREATE TABLE IF NOT EXISTS ledgers (
    host TEXT NOT NULL,
    eni TEXT NOT NULL,
    opening TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    as_of INTEGER NOT NULL,
    ledger TEXT NOT NULL, -- JSON
    PRIMARY KEY (host, eni, opening)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS losses (
    host TEXT NOT NULL,
    eni TEXT NOT NULL,
    opening TEXT NOT NULL,
    from_time INTEGER NOT NULL,
    to_time INTEGER NOT NULL,
    reason TEXT NOT NULL,
    frames INTEGER,
    packets INTEGER,
    bytes INTEGER,
    factor REAL,
    PRIMARY KEY (host, eni, opening, from_time, reason)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS losses_by_time ON losses (from_time)`

/** Leaves a row alone that is as it was. */
const upsertLoss = `
  INSERT INTO losses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (host, eni, opening, from_time, reason) DO UPDATE
    SET to_time = excluded.to_time, frames = excluded.frames,
      packets = excluded.packets, bytes = excluded.bytes, factor = excluded.factor
    WHERE (to_time, frames, packets, bytes, factor) IS NOT
      (excluded.to_time, excluded.frames, excluded.packets, excluded.bytes, excluded.factor)`

/** The ledgers and losses of all hosts, on a SQLite connection that is handed in. */
export class LedgerBook {
  readonly #database: DatabaseSync
  readonly #upsertLoss: StatementSync

  /** Makes its tables when they are not there. */
  constructor(database: DatabaseSync) {
    this.#database = database
    database.exec(tables)
    this.#upsertLoss = database.prepare(upsertLoss)
  }

  /**
   * Takes in what is known of a tap now. The same report twice changes nothing, and one that comes after a
   * later one is left out, so reports may be repeated and may overtake each other. A loss is known by
   * host, ENI, opening, `from` and reason: the last report says how large it is.
   *
   * @param losses of this ENI and opening
   */
  report(ledger: Ledger, losses: readonly Loss[]): void {
    assert(ledger.opening !== earlierOpenings, 'an opening has an id of its own')
    assert(
      losses.every(({ eni }) => eni === ledger.eni),
      'a loss is reported with the ledger of its ENI',
    )
    this.#transaction(() => {
      if (this.#isSummedUp(ledger)) return
      const { changes } = this.#putLedger(ledger)
      if (changes > 0) for (const loss of losses) this.#putLoss(ledger, loss)
    })
  }

  /** By ENI, host and time of opening. Earlier openings that were summed up come first. */
  ledgers({ eni, host }: LedgerFilter = {}): Ledger[] {
    return this.#database
      .prepare(
        `SELECT ledger FROM ledgers WHERE eni = ifnull(?, eni) AND host = ifnull(?, host)
         ORDER BY eni, host, opening <> '${earlierOpenings}', opened_at, opening`,
      )
      .all(eni ?? null, host ?? null)
      .map(ledgerOf)
  }

  /** By time. */
  losses({ eni, host, from, to }: LossFilter = {}): KeptLoss[] {
    return this.#database
      .prepare(
        `SELECT * FROM losses WHERE eni = ifnull(?, eni) AND host = ifnull(?, host)
           AND from_time < ifnull(?, from_time + 1) AND to_time > ifnull(?, to_time - 1)
         ORDER BY from_time, eni, host, reason`,
      )
      .all(eni ?? null, host ?? null, to ?? null, from ?? null)
      .map(lossOf)
  }

  /** The sums of each ENI, over hosts and openings, for metrics: they never go down. */
  totals(): Map<string, LedgerAmounts> {
    const byEni = Map.groupBy(this.ledgers(), ({ eni }) => eni)
    return new Map([...byEni].map(([eni, ledgers]) => [eni, sumOf(ledgers)]))
  }

  /**
   * Sums up the openings that ended before a time, an ENI and host's newest left alone, and drops losses
   * that ended before it: the totals stay.
   */
  prune(before: UnixSeconds): void {
    this.#transaction(() => {
      const taps = Map.groupBy(this.ledgers(), ({ eni, host }) => JSON.stringify([eni, host]))
      for (const ledgers of taps.values()) {
        const newest = ledgers.at(-1)
        const old = ledgers.filter(
          (each) => each !== newest && (each.asOf < before || each.opening === earlierOpenings),
        )
        if (old.some(({ opening }) => opening !== earlierOpenings)) this.#sumUp(old)
      }
      this.#database.prepare('DELETE FROM losses WHERE to_time <= ?').run(before)
    })
  }

  #sumUp(old: readonly Ledger[]): void {
    const last = old.at(-1)
    assert(last !== undefined, 'there is something to sum up')
    const remove = this.#database.prepare(
      'DELETE FROM ledgers WHERE host = ? AND eni = ? AND opening = ?',
    )
    for (const { host, eni, opening } of old) remove.run(host, eni, opening)
    const asOf = unixSeconds(Math.max(...old.map((each) => each.asOf)))
    const openedAt = unixSeconds(Math.max(...old.map((each) => each.openedAt)))
    this.#putLedger({ ...last, ...sumOf(old), opening: earlierOpenings, openedAt, asOf })
  }

  /** Whether it is a late report of an opening that is in the sum of the earlier ones. */
  #isSummedUp({ host, eni, opening, openedAt }: Ledger): boolean {
    const find = this.#database.prepare(
      'SELECT opened_at FROM ledgers WHERE host = ? AND eni = ? AND opening = ?',
    )
    const earlier = find.get(host, eni, earlierOpenings)
    if (earlier === undefined || Number(earlier['opened_at']) < openedAt) return false
    return find.get(host, eni, opening) === undefined
  }

  #putLedger(ledger: Ledger) {
    return this.#database
      .prepare(
        `INSERT INTO ledgers VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (host, eni, opening) DO UPDATE
           SET opened_at = excluded.opened_at, as_of = excluded.as_of, ledger = excluded.ledger
           WHERE excluded.as_of >= as_of`,
      )
      .run(
        ledger.host,
        ledger.eni,
        ledger.opening,
        ledger.openedAt,
        ledger.asOf,
        JSON.stringify(ledger),
      )
  }

  #putLoss({ host, opening }: Ledger, loss: Loss): void {
    this.#upsertLoss.run(
      host,
      loss.eni,
      opening,
      loss.from,
      loss.to,
      loss.reason,
      loss.frames ?? null,
      loss.packets ?? null,
      loss.bytes ?? null,
      loss.factor ?? null,
    )
  }

  #transaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#database.exec('ROLLBACK')
      throw error
    }
  }
}

type Row = Record<string, SQLOutputValue>

const ledgerOf = (row: Row): Ledger => JSON.parse(String(row['ledger'])) as Ledger

function lossOf(row: Row): KeptLoss {
  const known = (['frames', 'packets', 'bytes', 'factor'] as const).filter(
    (name) => row[name] !== null,
  )
  return {
    host: String(row['host']),
    eni: String(row['eni']),
    opening: String(row['opening']),
    from: unixSeconds(Number(row['from_time'])),
    to: unixSeconds(Number(row['to_time'])),
    reason: String(row['reason']) as LossReason,
    ...Object.fromEntries(known.map((name) => [name, Number(row[name])])),
  }
}
