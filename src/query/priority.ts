import { readdirSync } from 'node:fs'
import { constants, getPriority, setPriority } from 'node:os'
import { errorCode } from '../base/disk.ts'

/**
 * Lets a process have the processor only when others do not want it, but for a small part. On Linux a priority
 * is a thread's: those that it has get it, looked at until all have, and those they begin inherit it. One that is gone
 * is fine.
 */
export function yieldToOthers(pid: number): void {
  while (threadsOf(pid).filter(lower).length > 0);
}

/** @returns whether it was higher */
function lower(thread: number): boolean {
  try {
    if (getPriority(thread) >= leastPriority) return false
    setPriority(thread, leastPriority)
    return true
  } catch (error) {
    if (errorOf(error) !== 'ESRCH') throw error
    return false
  }
}

const leastPriority = constants.priority.PRIORITY_LOW

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [pid] // it is gone, or this is not Linux
    throw error
  }
}

/** The code of what `node:os` throws, which has it beside. */
const errorOf = (error: unknown): string | undefined =>
  error instanceof Error && 'info' in error
    ? (error.info as { code?: string } | undefined)?.code
    : undefined
