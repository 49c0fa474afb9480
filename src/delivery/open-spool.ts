import { join, resolve } from 'node:path'
import { LogWriter } from '../base/append-log-writer.ts'
import { lockDataDir } from '../base/directory-lock.ts'
import { type Disk, nodeDisk } from '../base/disk.ts'
import { describeError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { Spool } from './spool.ts'
import { SpoolNotes } from './spool-notes.ts'
import { recoverEntries } from './spool-recovery.ts'

export interface SpoolConfig {
  /** Of the entries on disk; the notes take a MiB or a few beside them. */
  readonly bytesMax: number
  /** Free bytes of the disk that are left to others. */
  readonly reserveBytes?: number
}

export interface SpoolEffects {
  readonly log: Log
  readonly disk?: Disk
  /** Unix seconds. */
  readonly now?: () => number
}

/** Small enough that delivered entries soon free their file, large enough that files are few. */
const fileBytes = { most: 8 << 20, ofSpool: 1 / 16 } as const
/** Several windows close at once: they share a sync. */
const groupBytesMax = 4 << 20

/**
 * Opens a spool, made if it is not there, for this process alone. Everything put before is there. What
 * a crash tore off at the end was never acknowledged and is cut; other damage is logged and counted,
 * and the rest is read. Throws DataDirLocked, StorageBroken.
 */
export async function openSpool(
  dir: string,
  config: SpoolConfig,
  effects: SpoolEffects,
): Promise<Spool> {
  const root = resolve(dir)
  const disk = effects.disk ?? nodeDisk
  const now = effects.now ?? (() => Date.now() / 1000)
  await disk.makeFolder(join(root, 'entries'))
  const lock = lockDataDir(root)
  try {
    const failures = { count: 0 }
    const onFailure = (what: string, error: unknown): void => {
      failures.count++
      effects.log.error(`${what} failed and will be tried again`, { error: describeError(error) })
    }
    const notes = await SpoolNotes.open(join(root, 'notes'), { disk, now, onFailure })
    const entries = await recoverEntries(disk, join(root, 'entries'), notes)
    const damages = [...notes.damages, ...entries.damages]
    for (const each of damages)
      effects.log.error('the spool is damaged', { error: describeError(each) })
    const limits = {
      logFileBytes: Math.min(fileBytes.most, config.bytesMax * fileBytes.ofSpool),
      groupBytesMax,
      reserveBytes: config.reserveBytes ?? 0,
    }
    const writer = new LogWriter(disk, join(root, 'entries'), limits, entries)
    const parts = { root, disk, now, log: effects.log, bytesMax: config.bytesMax, notes, writer }
    const start = { waiting: entries.waiting, damages: damages.length, failures, onFailure }
    return new Spool({ ...parts, ...start, release: () => lock.release() })
  } catch (error) {
    lock.release()
    throw error
  }
}
