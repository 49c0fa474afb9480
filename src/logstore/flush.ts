import { WeirError } from '../base/errors.ts'
import type { BatchId, ColumnSpec } from '../base/columns.ts'
import { decodeBatch } from '../base/batch-codec.ts'
import type { LogstoreEntry } from './catalogue.ts'
import { reservedColumns, shardColumn } from './contract.ts'
import { isFull } from '../base/disk.ts'
import { checksumOf } from './damage.ts'
import type { DuckDBConnection } from './engine.ts'
import type { HotRecord } from './hot-rows.ts'
import { readSums } from './parquet.ts'
import type { StoreParts } from './parts.ts'
import type { Segment } from './segments.ts'
import { stageRows, Turns } from './stage.ts'
import type { StagedBatch } from './stage.ts'
import { StagedTables } from './staged-tables.ts'
import { differingSums } from './sums.ts'
import type { SumsByColumn } from './sums.ts'

/**
 * Makes the oldest hot rows of a logstore segments, one an hour: written under a temporary name, read
 * back and compared with the log, synced, renamed, catalogued with the log sequence they cover. Only
 * then may the log be freed. Throws StorageFull and StorageBroken; the rows stay hot then.
 */
export async function flushOldest(parts: StoreParts, logstore: LogstoreEntry): Promise<void> {
  const { flushRowsMax, flushBytesMax } = parts.config
  const records = parts.hot.oldest(logstore.id, flushRowsMax, flushBytesMax)
  const through = records.at(-1)?.sequence
  if (through === undefined) return
  const segments = await writeSegments(parts, logstore, records)
  if (!parts.directory.has(logstore.id)) return discard(parts, segments) // deleted meanwhile
  try {
    parts.catalogue.transaction(() => {
      for (const segment of segments) parts.segments.add(segment)
      parts.delivered.save(logstore.id, records.map(({ id }) => id).filter(isId))
      const stored = records.reduce((sum, { rows }) => sum + rows, 0)
      parts.catalogue.countRows(logstore.id, { stored })
      parts.catalogue.setCovered(logstore.id, through)
      parts.catalogue.raiseReceivedThrough(records.at(-1)?.receiveTime ?? 0)
      parts.catalogue.setCoveredThrough(parts.hot.coveredThrough(logstore.id, through))
    })
  } catch (error) {
    // The files stay until the next opening: a commit whose sync failed may still be on the disk.
    throw asStorageError(error, placeOf(logstore))
  }
  parts.hot.drop(logstore.id, through)
  parts.counters.flushes++
}

async function writeSegments(
  parts: StoreParts,
  logstore: LogstoreEntry,
  records: readonly HotRecord[],
): Promise<Segment[]> {
  const batches: StagedBatch[] = []
  const turns = new Turns()
  for (const { body, receiveTime } of records) {
    batches.push({ batch: decodeBatch(body), receiveTime })
    await turns.next()
  }
  const staged = await stageRows(batches, columnsOf(logstore, batches))
  if (staged.rows === 0) return []
  const received = records.map(({ receiveTime }) => receiveTime)
  const receiveMin = Math.min(...received)
  const cameBy = Math.max(...received)
  const segments: Segment[] = []
  try {
    const tables = await StagedTables.load(parts.engine.flushing, staged)
    for (const each of staged.hours) {
      const facts = { ...each, level: 0, receiveMin, cameBy }
      const write = (path: string) => tables.writeHour(each, path, logstore.sortBy)
      segments.push(await publishSegment(parts, parts.engine.flushing, logstore, facts, write))
    }
    await tables.drop()
    return segments
  } catch (error) {
    await discard(parts, segments)
    throw asStorageError(error, placeOf(logstore))
  }
}

/** A file of an open logstore holds what its rows have: hundreds of empty columns would cost more than they. */
function columnsOf(
  { columns, openColumns }: LogstoreEntry,
  batches: readonly StagedBatch[],
): readonly ColumnSpec[] {
  if (!openColumns) return columns
  const names = new Set(batches.flatMap(({ batch }) => [...batch.columns.keys()]))
  return columns.filter(({ name }) => names.has(name))
}

/** What a file must hold. */
export type SegmentFacts = Pick<
  Segment,
  | 'hour'
  | 'level'
  | 'rows'
  | 'timeMin'
  | 'timeMax'
  | 'sums'
  | 'sameAsTime'
  | 'receiveMin'
  | 'cameBy'
>

/** Writes, checks and syncs one file. It is no segment until it is catalogued. */
export async function publishSegment(
  parts: StoreParts,
  connection: DuckDBConnection,
  logstore: LogstoreEntry,
  facts: SegmentFacts,
  write: (path: string) => Promise<void>,
): Promise<Segment> {
  const id = parts.segments.takeId()
  const path = await parts.files.pathFor(logstore, facts.hour, facts.level, id)
  const final = parts.files.absolute(path)
  const temporary = `${final}.tmp`
  try {
    await write(temporary)
    await checkFile(connection, temporary, facts, parts.directory.byId(logstore.id) ?? logstore)
    const checksum = await checksumOf(parts.disk, temporary)
    await parts.disk.publish(temporary, final)
    const bytes = await parts.disk.size(final)
    return {
      ...facts,
      id,
      logstore: logstore.id,
      path,
      bytes,
      checksum,
      damage: undefined,
      rollups: [],
    }
  } catch (error) {
    await parts.disk.remove(temporary)
    throw error
  }
}

/** The columns of a file of the logstore that has these sums. */
export const columnsIn = (sums: SumsByColumn, { columns }: LogstoreEntry): ColumnSpec[] =>
  [...reservedColumns, shardColumn, ...columns].filter(({ name }) => sums.has(name))

async function checkFile(
  connection: DuckDBConnection,
  path: string,
  wanted: SegmentFacts,
  logstore: LogstoreEntry,
): Promise<void> {
  const held = columnsIn(wanted.sums, logstore)
  const found = await readSums(connection, { path, sameAsTime: wanted.sameAsTime }, held)
  const differing = differingSums(wanted.sums, found.sums)
  if (found.rows === wanted.rows && differing === '') return
  throw writtenWrong(path, `${found.rows} of ${wanted.rows} rows; ${differing}`)
}

export const writtenWrong = (place: string, what: string): WeirError =>
  new WeirError('StorageBroken', `a segment was written wrong: ${what}`, {
    place,
    hint: 'nothing is lost, the rows it was made of are kept; check memory and disk',
  })

/** Files that did not become segments, and their rollups. */
export async function discard(parts: StoreParts, segments: readonly Segment[]): Promise<void> {
  for (const { path, rollups } of segments)
    for (const each of [path, ...rollups.map((rollup) => rollup.path)])
      await parts.disk.remove(parts.files.absolute(each))
}

/** DuckDB and SQLite tell a full disk in words only. */
export function asStorageError(error: unknown, place: string): unknown {
  if (error instanceof WeirError) return error
  const message = error instanceof Error ? error.message : String(error)
  if (isFull(error) || /no space left|disk is full/i.test(message))
    return new WeirError('StorageFull', 'no room to write a segment', {
      place,
      hint: 'free space or shorten the time to live; what was acknowledged is in the log',
      cause: error,
    })
  return new WeirError('StorageBroken', `a segment could not be written: ${message}`, {
    place,
    cause: error,
  })
}

export const placeOf = ({ project, name }: LogstoreEntry): string => `${project}/${name}`

const isId = (id: BatchId | undefined): id is BatchId => id !== undefined
