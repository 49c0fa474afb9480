import type { BatchId, ColumnBatch, ColumnSpec } from '../base/columns.ts'
import type { HotLease, HotOptions } from './hot-batches.ts'

/**
 * Columns every logstore has besides its own, in its Parquet files too: `__time__` and
 * `__receive_time__` (BIGINT, Unix seconds), `__topic__` and `__source__` (VARCHAR).
 */
export const reservedColumns: readonly ColumnSpec[] = [
  { name: '__time__', kind: 'integer' },
  { name: '__receive_time__', kind: 'integer' },
  { name: '__topic__', kind: 'text' },
  { name: '__source__', kind: 'text' },
]

/**
 * The shard of a row, in a file besides the columns of users: NULL, and in files that lack the column
 * every row, is shard 0. Queries do not show it.
 */
export const shardColumn: ColumnSpec = { name: '__shard__', kind: 'integer' }

/** A Parquet file of a logstore: text columns are VARCHAR, integers BIGINT, absent values NULL. */
export interface SegmentFile {
  readonly path: string
  readonly rows: number
  /** Least and greatest `__time__` in it. */
  readonly timeMin: number
  readonly timeMax: number
  /**
   * The logstore's columns, and `__shard__`, that the file does not hold: they are NULL in each of its
   * rows.
   */
  readonly lacks: readonly string[]
  /** Columns that the file does not hold either: they are `__time__` in each of its rows. */
  readonly sameAsTime: readonly string[]
  /** The Parquet file of the rollup that was asked for, where there is one: it stands for the same rows. */
  readonly rollup?: string
  /**
   * Where that file holds totals of more segments: those of this one are the rows that have `id` in
   * `rollupColumns.part`. It was made of `of` segments, some of which may be no more.
   */
  readonly rollupPart?: { readonly id: number; readonly of: number }
}

/**
 * Totals that are kept beside an hour's final file: one row for each bucket of time and set of values that
 * occurs; those of a day's hours come to lie in one file. A logstore knows its columns by name alone; what is worth adding up is for others.
 */
export interface RollupSpec {
  /** a-z, 0-9 and -, up to 32 characters, first a letter. */
  readonly name: string
  readonly bucketSeconds: 60 | 3600
  /** Columns whose values are kept, NULL among them. */
  readonly by: readonly string[]
  /** Integer columns that are added up. */
  readonly sums: readonly string[]
}

/**
 * The columns of a rollup's file beside `by` (all BIGINT): `__time__` is where the bucket begins, and sum n
 * belongs to column n of `sums`. Sums of no value are NULL, and exact; how many values were added up is
 * NULL where each of the rows had one.
 */
export const rollupColumns = {
  rows: '__rows',
  sum: (index: number): string => `__sum${index}`,
  values: (index: number): string => `__values${index}`,
  /** In files of many segments alone. */
  part: '__part',
} as const

/** Files that stay on disk, unchanged, until `release` is called. */
export interface SegmentLease {
  readonly files: readonly SegmentFile[]
  /** Undefined: every row of the lease is in a file. */
  readonly hot?: HotLease | undefined
  /** Segments that should be among the files and are damaged: what is read without them is not exact. */
  readonly missing: readonly Omit<SegmentFile, 'lacks' | 'sameAsTime'>[]
  release(): void
}

export interface LeaseOptions {
  /** The name of a rollup, whose files are added; those that are missing or cut off are left out. */
  readonly rollup?: string | undefined
  /** What `acknowledged` said when the question came: who had to wait since needs no later rows. */
  readonly through?: number
  /** Undefined: rows that no segment holds become one first. */
  readonly hot?: HotOptions | undefined
}

/** What `query/` reads through. */
export interface LogReader {
  /** The logstore's own columns (the reserved ones not among them). Throws ProjectNotExist, LogStoreNotExist. */
  columns(project: string, logstore: string): readonly ColumnSpec[]
  /** Where the log ends: every row acknowledged by now lies up to it. */
  acknowledged(): number
  /**
   * The segments that may hold rows with `from <= __time__ < to`: every row acknowledged before the
   * call, or up to `through`, is in exactly one of them, or hot, or counted in `missing`. They may hold rows
   * outside the range too, and later ones.
   */
  lease(
    project: string,
    logstore: string,
    from: number,
    to: number,
    options?: LeaseOptions,
  ): Promise<SegmentLease>
  /** Throws ProjectNotExist, LogStoreNotExist. */
  rollups(project: string, logstore: string): readonly RollupSpec[]
}

export interface ProjectOptions {
  readonly description: string
  /** What the project is, for lists and consoles: `{ sample: 'true' }`. */
  readonly labels?: Readonly<Record<string, string>>
}

export interface Project {
  readonly name: string
  readonly description: string
  readonly labels: Readonly<Record<string, string>>
  /** Unix seconds. */
  readonly createdAt: number
  /** Unix seconds: of `updateProject`, or else `createdAt`. */
  readonly updatedAt: number
}

export interface LogstoreOptions {
  /** At least one, unless the logstore is open. */
  readonly columns: readonly ColumnSpec[]
  /** Columns that a batch brings and the logstore lacks are added to it. Default: they are refused. */
  readonly openColumns?: boolean
  /** 1 to 256, in equal shares of the keys. Default 1. */
  readonly shards?: number
  /**
   * Days a row is kept after its hour, or after it came if that is later, 1 to 3650; 3650 keeps it for ever, as
   * the log service does.
   */
  readonly ttlDays: number
  /** Columns an hourly file is sorted by, before `__time__`: what most queries ask one value of. */
  readonly sortBy?: readonly string[]
  /** Made with each hourly file. Default none. */
  readonly rollups?: readonly RollupSpec[]
}

export interface Logstore {
  readonly name: string
  readonly columns: readonly ColumnSpec[]
  readonly ttlDays: number
  readonly sortBy: readonly string[]
  readonly openColumns: boolean
  /** Unix seconds. */
  readonly createdAt: number
  /** Unix seconds: of `updateTtl`, or else `createdAt`. */
  readonly updatedAt: number
}

/** A part of a logstore's rows that one reader reads in order. */
export interface Shard {
  /** From 0; never given twice in a logstore. */
  readonly id: number
  readonly status: 'readwrite' | 'readonly'
  /** 32 hex digits: the keys from `beginKey` up to but without `endKey`; the last, `ffff...`, is within. */
  readonly beginKey: string
  readonly endKey: string
  /** Unix seconds. */
  readonly createdAt: number
  /** No row of a readonly shard has a later `__receive_time__`, Unix seconds. */
  readonly readonlyAt: number | undefined
}

export interface SplitOptions {
  /** Where the second of two begins, 32 hex digits; default: the middle. */
  readonly key?: string
  /** New shards, in equal shares. Default 2. */
  readonly count?: number
}

export interface Attribute {
  readonly key: string
  /** What `JSON.parse` gives. */
  readonly value: unknown
}

/** JSON that others keep with a project, or with a logstore of it; it goes when its owner goes. */
export interface AttributeStore {
  /** Undefined when there is none. Throws ProjectNotExist, LogStoreNotExist. */
  attribute(project: string, logstore: string | undefined, key: string): unknown
  /** Those whose key begins with `prefix`, by key (bytes of UTF-8). Throws ProjectNotExist, LogStoreNotExist. */
  attributes(project: string, logstore: string | undefined, prefix: string): readonly Attribute[]
  /**
   * Sets each key to its value, or removes it where that is undefined: all of them or none, on the disk
   * when it returns. Throws ParameterInvalid (no key, or a value that is not JSON), ProjectNotExist,
   * LogStoreNotExist.
   */
  setAttributes(
    project: string,
    logstore: string | undefined,
    changes: ReadonlyMap<string, unknown>,
  ): void
}

export interface AppendOptions {
  readonly id?: BatchId
  readonly topic?: string
  readonly source?: string
  /** The shard the rows go to; else that of `hashKey`; else each readwrite shard in its turn. */
  readonly shard?: number
  /** 32 hex digits. */
  readonly hashKey?: string
}

/** A file that is not what was written. */
export interface Damage {
  readonly path: string
  /** Of a segment: whose it is, its hour (hours since 1970) and its rows; of a log file undefined. */
  readonly project: string | undefined
  readonly logstore: string | undefined
  readonly hour: number | undefined
  readonly rows: number | undefined
  readonly reason: string
}

/**
 * What became of the rows of a logstore: `storedRows` = `expiredRows` + `segmentRows`, and `hotRows` besides;
 * anything else is a loss or a repeat.
 */
export interface LogstoreAccount {
  readonly project: string
  readonly logstore: string
  /** Those that are damaged included. */
  readonly segments: number
  readonly segmentRows: number
  readonly segmentBytes: number
  /** Acknowledged, and in the log alone. */
  readonly hotRows: number
  /** Ever put into segments, as the log's records count them. */
  readonly storedRows: number
  /** Of these dropped by retention. */
  readonly expiredRows: number
  /** Batches with an id that are known, so that a repeat is not stored again. */
  readonly batches: number
}

export interface VerifyOptions {
  /** Called after each file with how many of all files were read. */
  readonly onProgress?: (files: number, of: number) => void
}

/** Counted since opening, except where it says "now". */
export interface LogStoreStats {
  readonly appendedBatches: number
  readonly appendedRows: number
  /** Bytes written to the log. */
  readonly appendedBytes: number
  readonly duplicateBatches: number
  readonly refusedBatches: number
  readonly syncs: number
  readonly replayedBatches: number
  readonly flushes: number
  readonly compactions: number
  /** Days whose rollups were joined, or taken apart before hours of them expire. */
  readonly dayMerges: number
  readonly retentionDrops: number
  /** Flushes, compactions, retention runs and unlinks that failed; each is tried again. */
  readonly backgroundFailures: number
  /** Places where the log or a segment was found damaged, at opening or since. */
  readonly damages: number
  /** Now: rows acknowledged and not yet in a segment. */
  readonly hotRows: number
  /** Now: their bytes, in memory. */
  readonly hotBytes: number
  /** Now: bytes in log files. */
  readonly logBytes: number
  /** Now: segments a query can meet, their rows and bytes. */
  readonly segments: number
  readonly segmentRows: number
  readonly segmentBytes: number
  /** Now: files of rollups, and their bytes. */
  readonly rollups: number
  readonly rollupBytes: number
  /** Rollups that were not made: a sum of 64 bits or more, or no memory for them. Nothing lacks but speed. */
  readonly refusedRollups: number
  /** Now: files replaced or expired that a lease keeps. */
  readonly pendingDeletes: number
}

/** Projects, logstores and their rows in one data directory. Every method throws WeirError. */
export interface LogStore extends LogReader, AttributeStore {
  /** Throws ParameterInvalid, ProjectAlreadyExist. */
  createProject(name: string, options: ProjectOptions): void
  /** Throws ProjectNotExist. */
  updateProject(name: string, changes: { readonly description: string }): void
  /** Deletes its logstores too. Leased files stay until they are released. Throws ProjectNotExist. */
  deleteProject(name: string): Promise<void>
  /** By name. */
  projects(): readonly Project[]
  /** Throws ParameterInvalid, ProjectNotExist, LogStoreAlreadyExist. */
  createLogstore(project: string, name: string, options: LogstoreOptions): void
  /** Throws ProjectNotExist, LogStoreNotExist. */
  deleteLogstore(project: string, name: string): Promise<void>
  /** By name. Throws ProjectNotExist. */
  logstores(project: string): readonly Logstore[]
  /** Throws ParameterInvalid, ProjectNotExist, LogStoreNotExist. */
  updateTtl(project: string, logstore: string, ttlDays: number): void
  /**
   * Adds the columns the logstore lacks; one that is there, of either kind, is left as it is. Returns
   * all it has then. Throws ParameterInvalid (nothing is added: a name that cannot be or differs from
   * another in case alone, or more than 500 columns), ProjectNotExist, LogStoreNotExist.
   */
  addColumns(project: string, logstore: string, specs: readonly ColumnSpec[]): readonly ColumnSpec[]
  /**
   * Stores a batch: resolved only after fdatasync of the log. `stored` is false when a batch of the
   * same id is in this logstore already; it is not stored twice, whatever crashed in between.
   *
   * The batch needs a `__time__` (Unix seconds) in each row; columns it lacks are NULL. Text columns that
   * an open logstore lacks are added as `addColumns` does, before the acknowledgement. It is copied
   * before the call returns, so the caller may fill its arrays again at once. Throws ParameterInvalid
   * (nothing stored), ProjectNotExist, LogStoreNotExist, ShardNotExist, StorageFull (nothing stored, send it again
   * later), StorageBroken.
   */
  append(
    project: string,
    logstore: string,
    batch: ColumnBatch,
    options?: AppendOptions,
  ): Promise<{ stored: boolean }>
  /**
   * Whether a batch of this id is in this logstore: acknowledged, or brought back by a restart after a crash
   * before the acknowledgement. False where there is no such project or logstore.
   */
  isStored(project: string, logstore: string, id: BatchId): boolean
  /** By id. Throws ProjectNotExist, LogStoreNotExist. */
  shards(project: string, logstore: string): readonly Shard[]
  /**
   * The shard becomes readonly and new ones share its keys; on the disk when it returns. Returns the
   * shard, then the new ones. Throws ShardNotExist, ParameterInvalid (`invalid shard id`, also of a
   * readonly one; `invalid mid hash`; `invalid shard count`), ProjectNotExist, LogStoreNotExist.
   */
  splitShard(
    project: string,
    logstore: string,
    id: number,
    options?: SplitOptions,
  ): readonly Shard[]
  /**
   * The shard and its right neighbour become readonly and a new one takes their keys. Returns the new
   * one, then the two. Throws ShardNotExist, ParameterInvalid (`invalid shard id`, `can not merge the
   * last shard`), ProjectNotExist, LogStoreNotExist.
   */
  mergeShards(project: string, logstore: string, id: number): readonly Shard[]
  /**
   * The greatest second S such that no row with `__receive_time__ <= S` can still appear: not after a
   * restart and not when the clock goes back, appends under way included. So rows are read in an order
   * that nothing is kept at rest for: by `__receive_time__` up to S, and within a second by the content
   * of the row; and a readonly shard is at its end once its `readonlyAt` is sealed. Costs one commit of
   * the catalogue a second in which it is asked. Throws StorageFull, StorageBroken.
   */
  sealedThrough(): number
  /**
   * The segments that may hold rows with `from <= __receive_time__ < to`: each such row acknowledged
   * before the call is in exactly one of them. Throws ProjectNotExist, LogStoreNotExist, StorageFull,
   * StorageBroken.
   */
  leaseReceived(project: string, logstore: string, from: number, to: number): Promise<SegmentLease>
  /**
   * Reads every segment and log file again and compares its checksums. A damaged segment is out of service
   * then, and back when its file was restored and `verify` or an opening found it good. What is damaged of
   * the log is still in memory and becomes segments. Throws StorageFull, StorageBroken.
   */
  verify(options?: VerifyOptions): Promise<readonly Damage[]>
  /** Of each logstore, by project and name. */
  accounts(): readonly LogstoreAccount[]
  /** Runs what is due now: flush, retention, compaction, unlinks. The store does so by itself too. */
  maintain(): Promise<void>
  stats(): LogStoreStats
  /** Flushes, ends or abandons a compaction, and gives the data directory free. */
  close(): Promise<void>
}
