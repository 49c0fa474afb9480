import { readFileSync, statSync } from 'node:fs'
import { WeirError } from '../base/errors.ts'

/** More than any table of the internet's addresses needs; texts of more are not possible in memory. */
const bytesMax = 500_000_000

/** A file that is told of: that it is there is seen at once, what is in it later. */
export function checkFile(path: string): void {
  try {
    const { size } = statSync(path)
    if (size > bytesMax)
      throw new WeirError('FileUnreadable', `${path} is longer than ${bytesMax} bytes`)
  } catch (error) {
    throw error instanceof WeirError ? error : unreadable(path, error)
  }
}

export function readFile(path: string): Buffer {
  checkFile(path)
  try {
    return readFileSync(path)
  } catch (error) {
    throw unreadable(path, error)
  }
}

export const unreadable = (path: string, cause: unknown): WeirError =>
  new WeirError(
    'FileUnreadable',
    `${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    { hint: 'Check the path and that you may read it', cause },
  )
