/**
 * jobs/: what runs on a schedule and must resume: alerts and scheduled SQL.
 *
 *   job-store.ts       jobs, kept with their project; alert-config.ts and scheduled-sql-config.ts say what one does
 *   schedule.ts        when; time-expression.ts, of which range
 *   alert.ts           rows to alarms; condition.ts is the language of its conditions
 *   outbox.ts          alarms to webhooks; letter.ts is what they are told
 *   scheduled-sql.ts   rows into another logstore, once
 *   run-book.ts        what became of each run
 *   job-runner.ts      all of it, each second
 *
 * Who may make a job, and how one looks on a wire, is for others.
 */
import type { DatabaseSync } from 'node:sqlite'
import type { Log } from '../base/log.ts'
import { JobRunner } from './job-runner.ts'
import { type JobAttributes, JobStore } from './job-store.ts'
import { Outbox } from './outbox.ts'
import { RunBook } from './run-book.ts'
import type { JobMeter, RunQuery, TargetStore } from './scheduled-sql.ts'

export type { JobRunner } from './job-runner.ts'
export type { Job, JobDocument, JobStore, JobType } from './job-store.ts'
export type { Letter, Outbox } from './outbox.ts'
export type { Run, RunBook } from './run-book.ts'
export type { JobMeter } from './scheduled-sql.ts'

export interface JobsParts {
  readonly store: JobAttributes & TargetStore
  /** Where runs and what is still to be told are kept. */
  readonly db: DatabaseSync
  readonly query: RunQuery
  /** Unless given nothing is counted. */
  readonly meter?: JobMeter
  /** Where a schedule names no zone. */
  readonly zone: string
  /** Where alerts may send to. */
  readonly isWebhookAllowed: (url: URL) => boolean
  /** Unix seconds. */
  readonly now: () => number
  readonly log: Log
}

export interface Jobs {
  readonly jobs: JobStore
  readonly book: RunBook
  readonly outbox: Outbox
  /** Does nothing until it is started. */
  readonly runner: JobRunner
}

export function openJobs({ db, isWebhookAllowed, ...parts }: JobsParts): Jobs {
  const { store, now, log } = parts
  const jobs = new JobStore(store, now, isWebhookAllowed)
  const book = new RunBook(db)
  const outbox = new Outbox(db, isWebhookAllowed, now, log)
  return { jobs, book, outbox, runner: new JobRunner({ ...parts, jobs, book, outbox }) }
}
