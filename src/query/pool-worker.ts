import type { ChildProcess } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { WeirError } from '../base/errors.ts'
import type { LinkFolder } from './rights.ts'
import type { ToWorker } from './worker-messages.ts'

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
