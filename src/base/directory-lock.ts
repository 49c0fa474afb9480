import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { WeirError } from './errors.ts'

export interface DataDirLock {
  release(): void
}

const sqliteBusy = 5

/**
 * Makes this process the one writer of a data directory. The lock is SQLite's own POSIX lock on
 * `lock.db`, which the kernel drops when the process ends, however it ends; `lock.pid` beside it only
 * says who holds it. Throws DataDirLocked, also for a second opening in this process.
 */
export function lockDataDir(dataDir: string): DataDirLock {
  const pidPath = join(dataDir, 'lock.pid')
  const database = new DatabaseSync(join(dataDir, 'lock.db'))
  try {
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (!(error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy)) throw error
    throw new WeirError(
      'DataDirLocked',
      `another process (${holder(pidPath)}) has this data directory open`,
      {
        place: dataDir,
        hint: 'stop it, or ask the running server instead',
        cause: error,
      },
    )
  }
  writeFileSync(pidPath, `${process.pid}\n`)
  return { release: () => database.close() }
}

function holder(pidPath: string): string {
  try {
    return `pid ${readFileSync(pidPath, 'utf8').trim()}`
  } catch {
    return 'pid unknown' // the file says who, the lock says that: it may be gone
  }
}
