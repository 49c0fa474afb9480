import { join } from 'node:path'
import { WeirError } from '../base/errors.ts'
import { decodeBatch } from '../base/batch-codec.ts'
import type { Disk } from '../base/disk.ts'
import { flushOldest } from './flush.ts'
import type { LogRecord } from '../base/append-log-record.ts'
import { recoverLog } from '../base/append-log-recovery.ts'
import type { RecoveredLog } from '../base/append-log-recovery.ts'
import type { StoreParts } from './parts.ts'

/**
 * Reads the log into hot rows: exactly the records above what their logstore has in segments. Flushes
 * on the way, so that a long log does not have to fit in memory. Throws StorageBroken.
 */
export async function replayLog(parts: StoreParts, folder: string): Promise<RecoveredLog> {
  const { catalogue, config, disk } = parts
  const covered = new Map(parts.directory.all().map(({ id }) => [id, catalogue.covered(id)]))
  const options = {
    coveredThrough: catalogue.coveredThrough(),
    acceptDamage: config.acceptDamage,
  }
  return recoverLog(disk, folder, options, async (record) => {
    parts.received.note(record.time)
    if (record.sequence <= options.coveredThrough) return
    parts.hot.note(record.sequence)
    if (record.sequence > (covered.get(record.stream) ?? Infinity)) replay(parts, record)
    if (parts.hot.rowsOf(record.stream) >= config.flushRowsMax) await flushHot(parts, record.stream)
  })
}

function replay(parts: StoreParts, record: LogRecord): void {
  const { sequence, stream: logstore, time: receiveTime, body } = record
  const { rows, id } = decodeBatch(body)
  if (id && parts.delivered.has(logstore, id)) return
  parts.hot.add(logstore, { sequence, receiveTime, body: Buffer.from(body), rows, id })
  if (id) parts.delivered.add(logstore, id)
  parts.counters.replayedBatches++
}

/** A full disk must not keep the store closed: the rows stay hot, the log keeps them. */
export async function flushHot(parts: StoreParts, logstore: number): Promise<void> {
  const entry = parts.directory.byId(logstore)
  if (!entry) return
  try {
    while (parts.hot.newest(logstore) > 0) await flushOldest(parts, entry)
  } catch (error) {
    if (!(error instanceof WeirError && error.code === 'StorageFull')) throw error
    parts.counters.backgroundFailures++
  }
}

/**
 * Makes the segments' folder hold what the catalogue says: files a crash left unfinished go, and a
 * catalogued file that is not there is damage. Throws StorageBroken unless damage is accepted.
 */
export async function matchSegmentFiles(parts: StoreParts): Promise<readonly WeirError[]> {
  const known = parts.segments.paths()
  const pending = new Set(parts.segments.pendingDeletes())
  const found = new Set(await parquetFiles(parts.disk, parts.files.absolute('.'), 'segments'))
  const missing = [...known].filter((path) => !found.has(path))
  if (missing.length > 0 && !parts.config.acceptDamage) throw segmentsMissing(parts, missing)
  for (const path of found)
    if (!known.has(path) && !pending.has(path)) await parts.disk.remove(parts.files.absolute(path))
  if (missing.length === 0) return []
  parts.catalogue.transaction(() => missing.forEach((path) => parts.segments.removeByPath(path)))
  return [segmentsMissing(parts, missing)]
}

const segmentsMissing = (parts: StoreParts, missing: readonly string[]): WeirError =>
  new WeirError('StorageBroken', `${missing.length} segments are missing`, {
    place: parts.files.absolute(missing[0] ?? ''),
    hint: 'restore them from a backup, or open with acceptDamage to keep all the rest',
  })
/** Segments, finished or not, below a folder. Folders that are empty are removed on the way. */
async function parquetFiles(disk: Disk, root: string, folder: string): Promise<string[]> {
  const files: string[] = []
  for (const name of await disk.list(join(root, folder))) {
    const path = join(folder, name)
    if (!name.endsWith('/')) {
      if (/\.parquet(\.tmp)?$/.test(name)) files.push(path)
      continue
    }
    const below = path.slice(0, -1)
    files.push(...(await parquetFiles(disk, root, below)))
    await disk.removeEmptyFolder(join(root, below))
  }
  return files
}
