/** What alerts have to tell, until it is told: durable, repeated with growing pauses, given up after a day. */
import type { DatabaseSync } from 'node:sqlite'
import { describeError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Webhook } from './alert-config.ts'

export interface Letter {
  readonly id: number
  readonly job: string
  readonly status: 'waiting' | 'sent' | 'given up'
  readonly attempts: number
  /** Unix seconds. */
  readonly createdAt: number
  readonly nextAt: number
  readonly error: string | undefined
}

interface Parcel {
  readonly id: number
  readonly attempts: number
  readonly createdAt: number
  readonly webhook: Webhook
  readonly body: string
}

const schema = `
  CREATE TABLE IF NOT EXISTS alert_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, webhook TEXT NOT NULL, body TEXT NOT NULL,
    status TEXT NOT NULL, attempts INTEGER NOT NULL, created_at INTEGER NOT NULL, next_at INTEGER NOT NULL,
    error TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS alert_outbox_due ON alert_outbox (status, next_at);
`
const firstPauseSeconds = 5
const pauseSecondsMax = 1800
const giveUpSeconds = 86_400
const keptSeconds = 7 * 86_400
const timeoutMilliseconds = 10_000
const underWayMax = 4

export class Outbox {
  readonly #db: DatabaseSync
  readonly #isAllowed: (url: URL) => boolean
  readonly #now: () => number
  readonly #log: Log
  readonly #underWay = new Set<number>()
  readonly #stopping = new AbortController()
  #sending: Promise<unknown>[] = []

  /** @param now Unix seconds */
  constructor(db: DatabaseSync, isAllowed: (url: URL) => boolean, now: () => number, log: Log) {
    this.#db = db
    this.#isAllowed = isAllowed
    this.#now = now
    this.#log = log
    db.exec(schema)
  }

  /** To be called inside the transaction that ends the alert's run. */
  put(job: string, webhook: Webhook, body: string): void {
    const now = this.#now()
    this.#db
      .prepare(
        `INSERT INTO alert_outbox (job, webhook, body, status, attempts, created_at, next_at)
         VALUES (?, ?, ?, 'waiting', 0, ?, ?)`,
      )
      .run(job, JSON.stringify(webhook), body, now, now)
  }

  /** Sends what is due, a few at a time, and forgets what is long over. */
  tick(): void {
    if (this.#stopping.signal.aborted) return
    const now = this.#now()
    this.#db
      .prepare("DELETE FROM alert_outbox WHERE status <> 'waiting' AND created_at < ?")
      .run(now - keptSeconds)
    const due = this.#db
      .prepare(
        "SELECT * FROM alert_outbox WHERE status = 'waiting' AND next_at <= ? ORDER BY next_at LIMIT ?",
      )
      .all(now, underWayMax * 2)
    for (const row of due) {
      const id = Number(row['id'])
      if (this.#underWay.has(id) || this.#underWay.size >= underWayMax) continue
      this.#underWay.add(id)
      const parcel = {
        id,
        attempts: Number(row['attempts']),
        createdAt: Number(row['created_at']),
        webhook: JSON.parse(String(row['webhook'])) as Webhook,
        body: String(row['body']),
      }
      const sending = this.#send(parcel).finally(() => {
        this.#underWay.delete(id)
        this.#sending = this.#sending.filter((each) => each !== sending)
      })
      this.#sending.push(sending)
    }
  }

  /** The latest first. */
  letters(job: string): readonly Letter[] {
    return this.#db
      .prepare('SELECT * FROM alert_outbox WHERE job = ? ORDER BY id DESC LIMIT 1000')
      .all(job)
      .map((row) => ({
        id: Number(row['id']),
        job: String(row['job']),
        status: row['status'] as Letter['status'],
        attempts: Number(row['attempts']),
        createdAt: Number(row['created_at']),
        nextAt: Number(row['next_at']),
        error: row['error'] === null ? undefined : String(row['error']),
      }))
  }

  /** What is not sent waits for the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#sending)
  }

  async #send(parcel: Parcel): Promise<void> {
    const error = await this.#post(parcel)
    if (error !== undefined && this.#stopping.signal.aborted) return
    const attempts = parcel.attempts + 1
    const now = this.#now()
    const pause = Math.min(firstPauseSeconds * 2 ** parcel.attempts, pauseSecondsMax)
    const isOver = now + pause - parcel.createdAt > giveUpSeconds
    const status = error === undefined ? 'sent' : isOver ? 'given up' : 'waiting'
    if (status === 'given up')
      this.#log.error('an alert could not be told', { url: parcel.webhook.url, error: error! })
    this.#db
      .prepare(
        'UPDATE alert_outbox SET status = ?, attempts = ?, next_at = ?, error = ? WHERE id = ?',
      )
      .run(status, attempts, now + pause, error ?? null, parcel.id)
  }

  /** @returns what went wrong */
  async #post({ webhook, body }: Parcel): Promise<string | undefined> {
    if (!this.#isAllowed(new URL(webhook.url)))
      return 'the configuration no longer allows this host'
    try {
      const response = await fetch(webhook.url, {
        method: webhook.method,
        headers: { 'content-type': 'application/json; charset=utf-8', ...webhook.headers },
        body,
        redirect: 'manual', // it may lead to a host that is not allowed
        signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(timeoutMilliseconds)]),
      })
      await response.body?.cancel()
      return response.ok ? undefined : `HTTP status ${response.status}`
    } catch (error) {
      const { cause } = error as Error
      return cause instanceof Error ? cause.message : describeError(error)
    }
  }
}
