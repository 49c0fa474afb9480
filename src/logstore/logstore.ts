/**
 * logstore/: keeps logs. It has never heard of an ENI: a logstore is a table of typed columns with a
 * time, and what they mean is for others.
 *
 * A batch is checked (check-batch), encoded (base/batch-codec) and written to the log
 * (base/append-log-writer), which acknowledges after fdatasync. Its rows are hot (hot-rows) until they are Parquet segments (stage,
 * parquet, flush), which the catalogue lists (catalogue, segments) and compaction merges by hour.
 * A query leases segments (files), and of rows that are in none the batches that it has not had before (hot-lease,
 * hot-batches), which its engine keeps in tables (hot-tables). After a crash the log is read again (replay).
 *
 * Beside the rows a project and a logstore keep JSON of others (attributes). An open logstore takes new
 * text columns from its batches (directory), so files differ in columns, and say which they lack. What says the
 * time of its row once more is left out of a file (same-as-time). A batch
 * goes to a shard (shards, shard-keys) and gets a receive time that never goes back (received), by which
 * rows are pulled. Each file has a checksum; one that is damaged is left out and told (damage, verify).
 *
 *     lock.db lock.pid                                        one writer (lock)
 *     catalogue.db                                            projects, logstores, segments, batch ids (schema)
 *     log/SEQUENCE-SALT.log                                   what is not in segments yet
 *     segments/PROJECT/LOGSTORE/DAY/HOUR-LEVEL-ID.parquet     by `__time__`, UTC
 *                               ...HOUR-2-ID-NAME.parquet   a rollup of it (rollups)
 */
import { existsSync, mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describeError, WeirError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { AttributeTable } from './attributes.ts'
import { Background } from './background.ts'
import { Catalogue } from './catalogue.ts'
import { defaultLogStoreConfig } from './config.ts'
import type { LogStoreConfig } from './config.ts'
import type { LogStore } from './contract.ts'
import { DeliveredBatches } from './delivered.ts'
import { Directory } from './directory.ts'
import { nodeDisk } from '../base/disk.ts'
import type { Disk } from '../base/disk.ts'
import { openEngine } from './engine.ts'
import { SegmentFiles } from './files.ts'
import { HotRows } from './hot-rows.ts'
import { lockDataDir } from '../base/directory-lock.ts'
import { LogWriter } from '../base/append-log-writer.ts'
import { newCounters } from './parts.ts'
import type { StoreParts } from './parts.ts'
import { flushHot, matchSegmentFiles, replayLog } from './replay.ts'
import { ReceiveClock } from './received.ts'
import { SegmentTable } from './segments.ts'
import { ShardTable } from './shards.ts'
import { OpenStore } from './store.ts'

export type {
  AppendOptions,
  Attribute,
  AttributeStore,
  Damage,
  LeaseOptions,
  LogReader,
  Logstore,
  LogstoreAccount,
  LogstoreOptions,
  LogStore,
  LogStoreStats,
  Project,
  ProjectOptions,
  RollupSpec,
  SegmentFile,
  SegmentLease,
  Shard,
  SplitOptions,
  VerifyOptions,
} from './contract.ts'
export type { HotBatch, HotLease, HotOptions } from './hot-batches.ts'
export { HotTables } from './hot-tables.ts'
export type { HotTable } from './hot-tables.ts'
export { reservedColumns, rollupColumns, shardColumn } from './contract.ts'
export { columnNameBytesMax, logstoreColumnsMax } from './names.ts'
export { defaultLogStoreConfig } from './config.ts'
export type { LogStoreConfig } from './config.ts'
export { nodeDisk } from '../base/disk.ts'
export type { Disk, DiskFile } from '../base/disk.ts'

export interface LogStoreEffects {
  /** Unix seconds. */
  readonly now: () => number
  readonly disk: Disk
  /** Told of what fails in the background and of accepted damage. */
  readonly log: Log | undefined
}

const realEffects: LogStoreEffects = {
  now: () => Math.floor(Date.now() / 1000),
  disk: nodeDisk,
  log: undefined,
}

/**
 * Opens a data directory, made if it is not there, for this process alone. Everything acknowledged
 * before is there, whatever ended the last process. Throws DataDirLocked, DataDirInvalid (of a newer
 * Weir, not ours, or a damaged catalogue), StorageBroken (the log is damaged; nothing was changed).
 * Damaged segments are told to the log, and leases say that they are missing.
 */
export async function openLogStore(
  dataDir: string,
  config: Partial<LogStoreConfig> = {},
  effects: Partial<LogStoreEffects> = {},
): Promise<LogStore> {
  const root = resolve(dataDir)
  const { now, disk, log } = { ...realEffects, ...effects }
  makeDataDir(root)
  const closers: (() => void)[] = []
  try {
    const lock = lockDataDir(root)
    closers.push(() => lock.release())
    await rm(join(root, 'tmp'), { recursive: true, force: true }) // sorts a crash left unfinished
    await Promise.all(['tmp', 'log', 'segments'].map((each) => disk.makeFolder(join(root, each))))
    await checkNotOrphaned(disk, root)
    const catalogue = new Catalogue(join(root, 'catalogue.db'))
    closers.push(() => catalogue.close())
    const whole = { ...defaultLogStoreConfig, ...config }
    const engine = await openEngine(whole, join(root, 'tmp'))
    closers.push(() => engine.close())
    const counters = newCounters()
    const onFailure = (what: string, error: unknown) => {
      counters.backgroundFailures++
      log?.error(`${what} failed and will be tried again`, { error: describeError(error) })
    }
    const segments = new SegmentTable(catalogue.db)
    const parts: StoreParts = {
      config: whole,
      disk,
      now,
      catalogue,
      directory: new Directory(catalogue),
      attributes: new AttributeTable(catalogue.db),
      shards: new ShardTable(catalogue),
      received: new ReceiveClock(catalogue, now),
      segments,
      delivered: new DeliveredBatches(catalogue.db),
      files: new SegmentFiles(root, disk, catalogue, segments, (e) => onFailure('unlink', e)),
      engine,
      hot: new HotRows(catalogue.coveredThrough()),
      counters,
    }
    return await recover(parts, join(root, 'log'), log, onFailure, () => lock.release())
  } catch (error) {
    for (const close of closers.reverse()) close()
    throw error
  }
}

async function recover(
  parts: StoreParts,
  logFolder: string,
  log: Log | undefined,
  onFailure: (what: string, error: unknown) => void,
  release: () => void,
): Promise<LogStore> {
  const damages = [...(await matchSegmentFiles(parts))]
  const recovered = await replayLog(parts, logFolder)
  damages.push(...recovered.damages)
  for (const each of damages) log?.error('opened although damaged', { error: describeError(each) })
  parts.counters.damages = damages.length
  for (const logstore of parts.hot.logstores()) await flushHot(parts, logstore)
  const writer = new LogWriter(parts.disk, logFolder, parts.config, {
    files: recovered.files,
    nextSequence: recovered.lastSequence + 1,
  })
  const covered = parts.hot.coveredThrough(0, 0)
  parts.catalogue.transaction(() => parts.catalogue.setCoveredThrough(covered))
  const background = new Background(parts, writer, onFailure)
  await background.freeLog()
  await parts.files.sweep()
  return new OpenStore(parts, writer, background, release)
}

/** Without its catalogue every segment would look like a crash's leftover, and be removed. */
async function checkNotOrphaned(disk: Disk, root: string): Promise<void> {
  const place = join(root, 'catalogue.db')
  if (existsSync(place)) return
  const rest = [
    ...(await disk.list(join(root, 'segments'))),
    ...(await disk.list(join(root, 'log'))),
  ]
  if (rest.length > 0)
    throw new WeirError('DataDirInvalid', 'there are segments or a log but no catalogue', {
      place,
      hint: 'restore catalogue.db from a backup, or choose an empty data directory',
    })
}

function makeDataDir(root: string): void {
  try {
    mkdirSync(root, { recursive: true })
  } catch (error) {
    throw new WeirError('DataDirInvalid', 'the data directory cannot be made', {
      place: root,
      hint: 'choose another with --data',
      cause: error,
    })
  }
}
