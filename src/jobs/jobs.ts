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
export type { AlertConfig, Webhook } from './alert-config.ts'
export { JobRunner } from './job-runner.ts'
export type { JobRunnerParts } from './job-runner.ts'
export { JobStore } from './job-store.ts'
export type { Job, JobAttributes, JobDocument, JobType } from './job-store.ts'
export { Outbox } from './outbox.ts'
export type { Letter } from './outbox.ts'
export { RunBook } from './run-book.ts'
export type { Run } from './run-book.ts'
export type { RunQuery, TargetStore } from './scheduled-sql.ts'
