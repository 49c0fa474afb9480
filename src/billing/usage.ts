import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { cycleSeconds } from './cycles.ts'
import { type UsageKind, usageKinds } from './price-list.ts'

/** Bytes of one hour: generated in it, or there while it went on. */
export interface Usage {
  /** The first second of the hour. */
  readonly cycle: number
  readonly account: string
  readonly region: string
  /** Empty where it is of none. */
  readonly flowLog: string
  /** PROJECT/LOGSTORE, or the id of an analyzer or a job; empty of records that no logstore got. */
  readonly target: string
  readonly kind: UsageKind
  readonly bytes: bigint
}

const columns = 'cycle, account, region, flow_log, target, kind, bytes'
const order = 'ORDER BY cycle, account, region, kind, flow_log, target'

/** What was used, hour by hour. */
export class UsageBook {
  readonly #db: DatabaseSync
  readonly #add: StatementSync
  readonly #note: StatementSync
  readonly #of: StatementSync
  readonly #between: StatementSync
  readonly #open: StatementSync
  readonly #billed: StatementSync

  constructor(db: DatabaseSync) {
    this.#db = db
    const insert = `INSERT INTO billing_usage (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO`
    this.#add = db.prepare(`${insert} UPDATE SET bytes = bytes + excluded.bytes`)
    this.#note = db.prepare(`${insert} NOTHING`)
    const select = `SELECT ${columns} FROM billing_usage WHERE`
    this.#of = db.prepare(`${select} cycle = ? ${order}`)
    this.#between = db.prepare(`${select} cycle >= ? AND cycle < ? ${order}`)
    this.#open = db.prepare(
      'SELECT DISTINCT cycle FROM billing_usage WHERE cycle > ? AND cycle <= ? ORDER BY cycle',
    )
    this.#billed = db.prepare('SELECT max(cycle) AS cycle FROM billing_cycles')
    for (const statement of [this.#of, this.#between]) statement.setReadBigInts(true)
  }

  /** Within the caller's transaction. An hour whose bill is made takes no more: the next open one does. */
  add(usage: Usage): void {
    this.#add.run(...this.#values(usage))
  }

  /** Within the caller's transaction: whether a run is later than all that were counted of its job; now it is. */
  isNewRun(job: string, moment: number): boolean {
    const { changes } = this.#db
      .prepare(
        `INSERT INTO billing_runs VALUES (?, ?)
         ON CONFLICT (job) DO UPDATE SET through = excluded.through WHERE through < excluded.through`,
      )
      .run(job, moment)
    return changes > 0
  }

  /** The first word about an hour stands. */
  note(usage: Usage): void {
    this.#note.run(...this.#values(usage))
  }

  of(cycle: number): Usage[] {
    return this.#of.all(cycle).map(usageOf)
  }

  /** `from <= cycle < to`, in order. */
  between(from: number, to: number): Usage[] {
    return this.#between.all(from, to).map(usageOf)
  }

  /** Hours with usage and without a bill, up to one. */
  open(through: number): number[] {
    return this.#open.all(this.billedThrough(), through).map(({ cycle }) => Number(cycle))
  }

  has(cycle: number, kind: UsageKind): boolean {
    return (
      this.#db
        .prepare('SELECT 1 FROM billing_usage WHERE cycle = ? AND kind = ? LIMIT 1')
        .get(cycle, kind) !== undefined
    )
  }

  /** What was ever filled: logstores by flow logs, or analyzers; each with who brought the most. */
  targets(kind: UsageKind): { target: string; account: string; region: string }[] {
    return this.#db
      .prepare(
        `SELECT target, account, region, max(bytes) FROM
          (SELECT target, account, region, sum(bytes) AS bytes FROM billing_usage WHERE kind = ?
            GROUP BY target, account, region)
        GROUP BY target ORDER BY target`,
      )
      .all(kind)
      .map((row) => ({
        target: String(row['target']),
        account: String(row['account']),
        region: String(row['region']),
      }))
  }

  /** The latest hour whose bill is made; -1 before the first. */
  billedThrough(): number {
    return Number(this.#billed.get()?.['cycle'] ?? -1)
  }

  #values({ cycle, account, region, flowLog, target, kind, bytes }: Usage) {
    const billed = this.billedThrough()
    const open = cycle > billed ? cycle : billed + cycleSeconds
    return [open, account, region, flowLog, target, kind, bytes] as const
  }
}

function usageOf(row: Record<string, unknown>): Usage {
  return {
    cycle: Number(row['cycle']),
    account: String(row['account']),
    region: String(row['region']),
    flowLog: String(row['flow_log']),
    target: String(row['target']),
    kind: usageKinds.find((kind) => kind === row['kind'])!,
    bytes: BigInt(row['bytes'] as bigint),
  }
}
