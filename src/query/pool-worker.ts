import { type ChildProcess, fork } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { WeirError } from '../base/errors.ts'
import { yieldToOthers } from './priority.ts'
import type { LinkFolder } from './rights.ts'
import type { FromWorker, ToWorker, WorkerSetup } from './worker-messages.ts'

/** A query process of the pool. */
export interface Worker<J> {
  readonly child: ChildProcess
  /** It takes searches only. */
  readonly reserved: boolean
  readonly tempDirectory: string
  /** Where its files are put. */
  readonly links: LinkFolder | undefined
  queries: number
  /** Set from `run` until the worker is ready again. */
  job: J | undefined
  ready: boolean
  /** The end of what it wrote to standard error. */
  stderr: string
}

const workerFile = fileURLToPath(new URL('./worker.ts', import.meta.url))

export const forkWorker = (setup: WorkerSetup, folder: string): ChildProcess =>
  fork(workerFile, [JSON.stringify(setup)], {
    execPath: process.execPath,
    execArgv: [],
    // The sources as they were compiled before, and nothing else.
    env: { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] },
    cwd: folder,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })

/** Once it is gone. */
export async function removeFolders({ tempDirectory, links }: Worker<unknown>): Promise<void> {
  await rm(tempDirectory, { recursive: true, force: true })
  if (links !== undefined) await rm(links.path, { recursive: true, force: true })
}

export const unreadable = (error: unknown): WeirError =>
  error instanceof WeirError
    ? error
    : new WeirError('QueryFailed', 'the segments cannot be read', { cause: error })

export function send(worker: Worker<unknown>, message: ToWorker): void {
  // A worker that is gone answers through its exit.
  worker.child.send(message, () => undefined)
}

export const timeout = (milliseconds: number): WeirError =>
  new WeirError('QueryTimeout', `the query took more than ${milliseconds / 1000} s`, {
    hint: 'ask for a shorter time range',
  })

export const failure = ({ code, message, place, hint }: Failed): WeirError =>
  new WeirError(code, message, {
    ...(place === undefined ? {} : { place }),
    ...(hint === undefined ? {} : { hint }),
  })

type Failed = Extract<FromWorker, { readonly kind: 'failed' }>

/** What ended it, as the query's error. */
export function died(
  worker: Worker<unknown>,
  code: number | null,
  exitSignal: NodeJS.Signals | null,
): WeirError {
  if (exitSignal === 'SIGKILL' || exitSignal === 'SIGABRT' || code === 134) {
    return new WeirError('QueryMemory', 'the query worker was ended by the system', {
      hint: 'ask for a shorter time range or fewer groups',
    })
  }
  const how = exitSignal ?? `status ${code}`
  return new WeirError('QueryFailed', `the query worker ended with ${how}`, {
    cause: worker.stderr,
  })
}

/** It is on its way to its first query, or to the next. */
export const isComing = ({ ready, job }: Worker<{ readonly settled: boolean }>): boolean =>
  !ready && (job === undefined || job.settled)

/** It takes a query at once. */
export const isIdle = ({ ready, job }: Worker<unknown>): boolean => ready && job === undefined

export const lowerPriority = ({ pid }: ChildProcess): void => {
  if (pid !== undefined) yieldToOthers(pid) // one that did not start says so by its exit
}
