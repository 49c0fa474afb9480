/** What became of each run of a job: in SQLite, so that no run is done twice or forgotten. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'

export type RunStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED'

export interface Run {
  readonly job: string
  /** The moment the schedule named, Unix seconds. */
  readonly time: number
  readonly status: RunStatus
  readonly attempts: number
  /** Unix seconds. */
  readonly startedAt: number
  readonly endedAt: number | undefined
  /** In words: rows written, groups that fire. */
  readonly outcome: string
  readonly error: string | undefined
}

const schema = `
  CREATE TABLE IF NOT EXISTS job_runs (
    job TEXT NOT NULL, time INTEGER NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL,
    started_at INTEGER NOT NULL, ended_at INTEGER, outcome TEXT NOT NULL, error TEXT,
    PRIMARY KEY (job, time)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS job_progress (
    job TEXT PRIMARY KEY, through INTEGER NOT NULL, state TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`
const runsKept = 1000

export class RunBook {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
    db.exec(schema)
  }

  /** Up to which moment of its schedule a job is done, and what it keeps between runs; undefined before the first. */
  progress(job: string): { readonly through: number; readonly state: unknown } | undefined {
    const row = this.#db.prepare('SELECT through, state FROM job_progress WHERE job = ?').get(job)
    if (row === undefined) return undefined
    return { through: Number(row['through']), state: JSON.parse(String(row['state'])) }
  }

  /** A job's schedule begins to count. */
  begin(job: string, through: number): void {
    this.#setProgress(job, through, null)
  }

  /** Counts an attempt at the run of a moment. */
  start(job: string, time: number, now: number): Run {
    this.#db
      .prepare(
        `INSERT INTO job_runs VALUES (?, ?, 'RUNNING', 1, ?, NULL, '', NULL)
         ON CONFLICT (job, time) DO UPDATE SET status = 'RUNNING', attempts = attempts + 1, ended_at = NULL`,
      )
      .run(job, time, now)
    return this.run(job, time)!
  }

  /** The run is over, and the job done up to its moment: both, or neither. `more` is committed with it. */
  end(
    job: string,
    time: number,
    result: { status: RunStatus; outcome: string; error: string | undefined; state: unknown },
    now: number,
    more: () => void = () => undefined,
  ): void {
    this.#transaction(() => {
      this.note(job, time, result, now)
      this.#setProgress(job, time, result.state)
      more()
      this.#db
        .prepare(
          `DELETE FROM job_runs WHERE job = ? AND time <
             (SELECT time FROM job_runs WHERE job = ? ORDER BY time DESC LIMIT 1 OFFSET ?)`,
        )
        .run(job, job, runsKept)
    })
  }

  /** An attempt failed; another will come. */
  note(
    job: string,
    time: number,
    { status, outcome, error }: { status: RunStatus; outcome: string; error: string | undefined },
    now: number,
  ): void {
    this.#db
      .prepare(
        'UPDATE job_runs SET status = ?, outcome = ?, error = ?, ended_at = ? WHERE job = ? AND time = ?',
      )
      .run(status, outcome, error ?? null, now, job, time)
  }

  run(job: string, time: number): Run | undefined {
    const row = this.#db.prepare('SELECT * FROM job_runs WHERE job = ? AND time = ?').get(job, time)
    return row === undefined ? undefined : runOf(row)
  }

  /** The latest first, of moments in `[from, to)`. */
  runs(job: string, from: number, to: number): readonly Run[] {
    return this.#db
      .prepare('SELECT * FROM job_runs WHERE job = ? AND time >= ? AND time < ? ORDER BY time DESC')
      .all(job, from, to)
      .map(runOf)
  }

  /** Jobs that are gone are forgotten. */
  keepOnly(jobs: ReadonlySet<string>): void {
    const known = this.#db.prepare('SELECT job FROM job_progress').all()
    for (const { job } of known)
      if (!jobs.has(String(job)))
        this.#transaction(() => {
          this.#db.prepare('DELETE FROM job_progress WHERE job = ?').run(String(job))
          this.#db.prepare('DELETE FROM job_runs WHERE job = ?').run(String(job))
        })
  }

  #setProgress(job: string, through: number, state: unknown): void {
    this.#db
      .prepare(
        `INSERT INTO job_progress VALUES (?, ?, ?)
         ON CONFLICT (job) DO UPDATE SET through = excluded.through, state = excluded.state`,
      )
      .run(job, through, JSON.stringify(state ?? null))
  }

  #transaction(work: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }
}

const runOf = (row: Record<string, SQLOutputValue>): Run => ({
  job: String(row['job']),
  time: Number(row['time']),
  status: row['status'] as RunStatus,
  attempts: Number(row['attempts']),
  startedAt: Number(row['started_at']),
  endedAt: row['ended_at'] === null ? undefined : Number(row['ended_at']),
  outcome: String(row['outcome']),
  error: row['error'] === null ? undefined : String(row['error']),
})
