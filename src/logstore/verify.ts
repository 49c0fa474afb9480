import { basename } from 'node:path'
import { parseLogFileName, readRecords } from '../base/append-log-record.ts'
import type { LogWriter } from '../base/append-log-writer.ts'
import { errorCode } from '../base/disk.ts'
import type { Damage, VerifyOptions } from './contract.ts'
import { checksumOf, damageOf, describeDamage, noteDamage } from './damage.ts'
import { readSums } from './parquet.ts'
import type { StoreParts } from './parts.ts'
import { dropDamagedRollups } from './rollups.ts'
import { columnsIn } from './flush.ts'
import type { Segment } from './segments.ts'
import { differingSums } from './sums.ts'

/**
 * Reads every segment and log file again. A segment that is not what was written is out of service
 * afterwards, one that is again is back. `alone` runs work while no merge does.
 */
export async function verifyStore(
  parts: StoreParts,
  log: LogWriter,
  alone: <T>(work: () => Promise<T>) => Promise<T>,
  { onProgress }: VerifyOptions,
): Promise<readonly Damage[]> {
  const segments = parts.directory.all().flatMap(({ id }) => parts.segments.ofLogstore(id))
  const logFiles = log.files()
  const rollups = new Set(segments.flatMap((each) => each.rollups.map(({ path }) => path)))
  const total = segments.length + rollups.size + logFiles.length
  const read = new Set<string>()
  const found: Damage[] = []
  let done = 0
  for (const segment of segments) {
    const damage = await verifySegment(parts, segment, alone)
    if (damage !== undefined) found.push(describeDamage(parts, { ...segment, damage }))
    onProgress?.(++done, total)
  }
  for (const segment of segments) {
    const rollups = segment.rollups.filter(({ path }) => !read.has(path))
    if (rollups.length === 0) continue
    found.push(...(await dropDamagedRollups(parts, [{ ...segment, rollups }], 'content')))
    for (const { path } of rollups) read.add(path)
    onProgress?.((done += rollups.length), total)
  }
  for (const { path, bytes } of logFiles) {
    const reason = await verifyLogFile(parts, path, bytes)
    const isThere = log.files().some((file) => file.path === path) // else it was freed meanwhile
    if (reason !== undefined && isThere) {
      log.markDamaged(path)
      parts.counters.damages++
      found.push({
        path,
        project: undefined,
        logstore: undefined,
        hour: undefined,
        rows: undefined,
        reason,
      })
    }
    onProgress?.(++done, total)
  }
  return found
}

async function verifySegment(
  parts: StoreParts,
  segment: Segment,
  alone: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<string | undefined> {
  const lease = parts.files.lease([segment], [])
  try {
    if (!parts.segments.holds([segment])) return undefined // merged or expired meanwhile
    const bytes = await damageOf(parts, segment)
    const damage =
      bytes ??
      (segment.checksum === undefined ? await alone(() => verifySums(parts, segment)) : undefined)
    if (!parts.segments.holds([segment])) return undefined
    noteDamage(parts, segment, damage)
    return damage
  } finally {
    lease.release()
  }
}

/** Of a segment that an older Weir wrote: its values, and from then on its bytes. */
async function verifySums(parts: StoreParts, segment: Segment): Promise<string | undefined> {
  const path = parts.files.absolute(segment.path)
  const logstore = parts.directory.byId(segment.logstore)
  if (!logstore) return undefined
  try {
    const held = columnsIn(segment.sums, logstore)
    const file = { path, sameAsTime: segment.sameAsTime }
    const { rows, sums } = await readSums(parts.engine.merging, file, held)
    const differing = differingSums(segment.sums, sums)
    if (rows !== segment.rows || differing !== '')
      return `it has ${rows} of ${segment.rows} rows; ${differing}`
    const checksum = await checksumOf(parts.disk, path)
    parts.catalogue.transaction(() => parts.segments.setChecksum(segment.id, checksum))
    return undefined
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`
  }
}

async function verifyLogFile(
  { disk }: StoreParts,
  path: string,
  bytes: number,
): Promise<string | undefined> {
  try {
    const content = (await disk.read(path)).subarray(0, bytes) // what is behind is being written
    if (content.length < bytes) return `it has ${content.length} of ${bytes} bytes`
    const salt = parseLogFileName(basename(path))?.salt ?? 0
    for (const { at, record } of readRecords(content, salt))
      if (!record) return `at byte ${at} there is no record`
    return undefined
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? 'it is missing' : `it cannot be read: ${String(error)}`
  }
}
