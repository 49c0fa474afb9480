import { describeError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { QueryResult } from '../query/query.ts'
import { type AlertRow, type AlertState, evaluate } from './alert.ts'
import type { AlertConfig } from './alert-config.ts'
import type { JobStore, RunnableJob } from './job-store.ts'
import { letterOf } from './letter.ts'
import type { Outbox } from './outbox.ts'
import type { RunBook } from './run-book.ts'
import { lastTime, nextTime } from './schedule.ts'
import { type JobMeter, runScheduledSql, type RunQuery, type TargetStore } from './scheduled-sql.ts'
import { timeOf } from './time-expression.ts'

export interface JobRunnerParts {
  readonly jobs: JobStore
  readonly book: RunBook
  readonly outbox: Outbox
  readonly query: RunQuery
  readonly store: TargetStore
  readonly meter?: JobMeter
  /** Where a schedule names no zone. */
  readonly zone: string
  /** Unix seconds. */
  readonly now: () => number
  readonly log: Log
}

const tickMilliseconds = 1000
/** Jobs that run at once: queries of people come first. */
const underWayMax = 2
const retryPauseSeconds = 10

/** Looks each second what is due. A job runs one moment at a time, in their order. */
export class JobRunner {
  readonly #parts: JobRunnerParts
  readonly #underWay = new Map<string, Promise<void>>()
  /** When a run that failed is tried again, by job. */
  readonly #pausedUntil = new Map<string, number>()
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #problems: readonly string[] = []

  constructor(parts: JobRunnerParts) {
    this.#parts = parts
  }

  start(): void {
    this.#timer = setInterval(() => this.tick(), tickMilliseconds)
  }

  /** What is wrong, a sentence each. */
  problems(): readonly string[] {
    return this.#problems
  }

  /** What runs is broken off; it runs again after the next start. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping.abort()
    await Promise.all(this.#underWay.values())
    await this.#parts.outbox.stop()
  }

  /** Begins what is due, as far as there is room. */
  tick(): void {
    const { jobs, book, outbox, log } = this.#parts
    outbox.tick()
    const runnable = jobs.runnable()
    this.#problems = runnable.problems
    book.keepOnly(new Set(jobs.ids()))
    for (const job of runnable.jobs) {
      if (this.#underWay.has(job.id) || this.#underWay.size >= underWayMax) continue
      const time = this.#due(job)
      if (time === undefined) continue
      const running = this.#run(job, time)
        .catch((error: unknown) =>
          log.error('a job could not be run', { job: job.name, error: describeError(error) }),
        )
        .finally(() => this.#underWay.delete(job.id))
      this.#underWay.set(job.id, running)
    }
  }

  /** Resolves when nothing is due or under way any more. */
  async settled(): Promise<void> {
    for (this.tick(); this.#underWay.size > 0; this.tick())
      await Promise.race(this.#underWay.values())
  }

  /**
   * The moment to run. Of those an alert has missed only the last is caught up, since it asks how things are now; a
   * scheduled SQL has each of its intervals run.
   */
  #due(job: RunnableJob): number | undefined {
    const { book, now } = this.#parts
    const at = now() - job.times.delaySeconds
    if ((this.#pausedUntil.get(job.id) ?? 0) > now()) return undefined
    const through = book.progress(job.id)?.through ?? this.#begin(job)
    const next = nextTime(job.times, through)
    if (next > at) return undefined
    if (job.work.type === 'Alert') return Math.max(next, lastTime(job.times, at))
    const { toTime } = job.work.config
    return toTime > 0 && next >= toTime ? undefined : next
  }

  /** @returns the moment after which its schedule counts */
  #begin({ id, createdAt, times, work }: RunnableJob): number {
    const from =
      work.type === 'ScheduledSQL' && work.config.fromTime > 0
        ? work.config.fromTime - 1
        : undefined
    const through = from ?? (times.runImmediately ? lastTime(times, createdAt) - 1 : createdAt)
    this.#parts.book.begin(id, through)
    return through
  }

  async #run(job: RunnableJob, time: number): Promise<void> {
    const { book, now } = this.#parts
    const state = book.progress(job.id)?.state
    const { attempts } = book.start(job.id, time, now())
    try {
      if (job.work.type === 'Alert') await this.#runAlert(job, job.work.config, time, state)
      else {
        const { query, store, meter } = this.#parts
        const parts = { query, store, meter, signal: this.#stopping.signal }
        const outcome = await runScheduledSql(job, job.work.config, time, this.#zoneOf(job), parts)
        this.#end(job, time, { status: 'SUCCEEDED', outcome, error: undefined, state: null })
      }
      this.#pausedUntil.delete(job.id)
    } catch (error) {
      if (this.#stopping.signal.aborted) return
      this.#failed(job, time, attempts, describeError(error), state)
    }
  }

  #failed(job: RunnableJob, time: number, attempts: number, error: string, state: unknown): void {
    const { book, now, log } = this.#parts
    const result = { status: 'FAILED', outcome: '', error, state } as const
    const retries = job.work.type === 'Alert' ? 0 : job.work.config.maxRetries
    log.warn('a run of a job failed', { project: job.project, job: job.name, time, error })
    if (attempts > retries) return this.#end(job, time, result)
    book.note(job.id, time, result, now())
    this.#pausedUntil.set(job.id, now() + Math.min(retryPauseSeconds * attempts, 300))
  }

  #end(job: RunnableJob, time: number, result: Parameters<RunBook['end']>[2]): void {
    this.#parts.book.end(job.id, time, result, this.#parts.now())
  }

  async #runAlert(
    job: RunnableJob,
    config: AlertConfig,
    time: number,
    state: unknown,
  ): Promise<void> {
    const { query, book, outbox, now } = this.#parts
    const zone = this.#zoneOf(job)
    const results = await Promise.all(
      config.queries.map(async ({ project, logstore, query: text, start, end }) => {
        const from = timeOf(start, time, zone, 'start')
        const to = timeOf(end, time, zone, 'end')
        const asked = { project: project ?? job.project, logstore, query: text, from, to, zone }
        return await query(asked, this.#stopping.signal)
      }),
    )
    const before = (state ?? {}) as AlertState
    const { alarms, state: after } = evaluate(config, results.map(rowsOf), before, time)
    const partial = results.every(({ exact }) => exact) ? '' : ', of partial answers'
    const firing = Object.values(after).filter(({ told }) => told).length
    const result = {
      status: 'SUCCEEDED',
      outcome: `${firing} firing, ${alarms.length} told${partial}`,
      error: undefined,
      state: after,
    } as const
    book.end(job.id, time, result, now(), () => {
      for (const alarm of alarms)
        for (const webhook of config.webhooks)
          outbox.put(job.id, webhook, letterOf(webhook, job, alarm, time))
    })
  }

  #zoneOf({ times }: RunnableJob): string {
    return times.type === 'Cron' ? times.zone : this.#parts.zone
  }
}

const rowsOf = ({ columns, rows }: QueryResult): AlertRow[] =>
  rows.map(
    (row) =>
      new Map(
        columns.flatMap(({ name }, index) => {
          const value = row[index]
          return value === null || value === undefined ? [] : [[name, value] as const]
        }),
      ),
  )
