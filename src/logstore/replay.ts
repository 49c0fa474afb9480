import { join } from 'node:path'
import { WeirError } from '../base/errors.ts'
import { damageError, damageOf, describeDamage, noteDamage } from './damage.ts'
import { assert } from '../base/assert.ts'
import { decodeBatch, integerAt } from '../base/batch-codec.ts'
import { timesOf } from './check-batch.ts'
import type { Disk } from '../base/disk.ts'
import { flushOldest } from './flush.ts'
import type { LogRecord } from '../base/append-log-record.ts'
import { recoverLog } from '../base/append-log-recovery.ts'
import type { RecoveredLog } from '../base/append-log-recovery.ts'
import type { StoreParts } from './parts.ts'
import { dropDamagedRollups } from './rollups.ts'

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
    const due =
      parts.hot.rowsOf(record.stream) >= config.flushRowsMax ||
      parts.hot.bytes >= config.hotBytesMax
    if (due) await flushHot(parts, record.stream)
  })
}

function replay(parts: StoreParts, record: LogRecord): void {
  const { sequence, stream: logstore, time: receiveTime, body } = record
  const batch = decodeBatch(body)
  const { rows, id } = batch
  if (id && parts.delivered.has(logstore, id)) return
  const column = batch.columns.get('__time__')
  assert(column?.kind === 'integer', 'every row has a time')
  const times = timesOf(rows, (row) => integerAt(column, row))
  parts.hot.add(logstore, { sequence, receiveTime, body: Buffer.from(body), rows, id, ...times })
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
 * catalogued file that is not there, or shorter or longer, is out of service. One that was is read again.
 * Returns a StorageBroken for each that is.
 */
export async function matchSegmentFiles(parts: StoreParts): Promise<readonly WeirError[]> {
  const segments = parts.segments.all()
  const known = new Set(
    segments.flatMap(({ path, rollups }) => [path, ...rollups.map((each) => each.path)]),
  )
  const pending = new Set(parts.segments.pendingDeletes())
  for (const path of await parquetFiles(parts.disk, parts.files.absolute('.'), 'segments'))
    if (!known.has(path) && !pending.has(path)) await parts.disk.remove(parts.files.absolute(path))
  const damages: WeirError[] = []
  for (const segment of segments) {
    const wasGood = segment.damage === undefined
    const damage = await damageOf(parts, wasGood ? { ...segment, checksum: undefined } : segment)
    noteDamage(parts, segment, damage)
    if (damage !== undefined)
      damages.push(damageError(describeDamage(parts, { ...segment, damage })))
  }
  await dropDamagedRollups(parts, segments, 'size')
  return damages
}

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
