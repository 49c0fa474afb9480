const MiB = 1024 * 1024

export interface LogStoreConfig {
  /** A log file is closed and a new one begun past this size. */
  readonly logFileBytes: number
  /** Most bytes written with one sync: bounds the memory of a group and the wait of its first batch. */
  readonly groupBytesMax: number
  /** Appends are refused with StorageFull while the disk has less free space than this. */
  readonly reserveBytes: number
  readonly batchRowsMax: number
  readonly batchBytesMax: number
  /** Distinct hours of `__time__` in one batch: each becomes a file. */
  readonly batchHoursMax: number
  /** Longest wait of a row in memory before it is in a segment. */
  readonly flushIntervalMs: number
  /** Longest pause between two flushes that queries ask for; it is what the last one took, when that is less. */
  readonly askedFlushPauseMs: number
  /** Rows of a logstore in memory that make a segment at once. */
  readonly flushRows: number
  /** Most rows written as one segment; what is above goes into the next. */
  readonly flushRowsMax: number
  /** Appends wait, in their order, while all logstores together hold more rows than this in memory. */
  readonly hotRowsMax: number
  /** The same by their bytes in the log; and those that one segment is made of, and that make one at once. */
  readonly hotBytesMax: number
  readonly flushBytesMax: number
  /** Files of one level in one hour that are merged into one. */
  readonly mergeFiles: number
  /** The same of files that come from the log, in an hour that goes on: most queries ask for what is recent. */
  readonly mergeRecentFiles: number
  /** An hour is merged to its final file when it is over and nothing came for this long. */
  readonly hourSettleSeconds: number
  /** Files that came after the final file of their hour and make it be merged again. */
  readonly lateFiles: number
  /** Most rows of one merged file: the sort needs about 500 bytes of memory a row. */
  readonly mergeRowsMax: number
  /** Most rows of a day whose hours become one file; of more, their rollups alone do. */
  readonly dayRowsMax: number
  /** Most bytes of one file of a day's rollups, within a file of an hour. */
  readonly dayRollupBytesMax: number
  /** How often retention and compaction look for work. */
  readonly maintainIntervalMs: number
  /** Memory the Parquet engine may use for staging and sorting; more is spilled to disk. */
  readonly engineMemoryBytes: number
  readonly engineThreads: number
  /** Opens although records of the log were found damaged, with all that can still be read. */
  readonly acceptDamage: boolean
}

export const defaultLogStoreConfig: LogStoreConfig = {
  logFileBytes: 64 * MiB, // freed whole, so small enough to go soon; large enough that rolling is rare
  groupBytesMax: 16 * MiB, // some 20 ms of a fast disk
  reserveBytes: 256 * MiB, // room for what is acknowledged to become segments after appends stop
  batchRowsMax: 100_000, // a window of a busy host in ten batches, coded and staged within 100 ms
  batchBytesMax: 16 * MiB, // as much as the group it must fit in
  batchHoursMax: 1000, // six weeks of records in one batch; a file costs about 6 ms
  flushIntervalMs: 5000, // queries read them in memory; a file of its own each second costs each of them 1 ms
  askedFlushPauseMs: 100, // a query beside appends waits so much longer, and half a flush
  flushRows: 40_000, // 4 seconds of 10,000 rows; 6 times cheaper a row than 1000-row files
  flushRowsMax: 60_000, // about 22 MB while staged, half a second of one core
  hotRowsMax: 150_000, // more than a second of flushes: what is behind can be asked later, and is replayed longer
  hotBytesMax: 128 * MiB, // rows of flow logs reach the limit of rows before; other rows may have 10 kB each
  flushBytesMax: 16 * MiB, // decoded, its texts are on the heap: as much as the largest batch
  mergeFiles: 50, // a query over 50 files costs about 50 ms more
  mergeRecentFiles: 12, // an hour of 100 M records a day: as many rows an hour are not merged once more for it
  hourSettleSeconds: 300, // ten-minute windows of an hour are delivered within it, with a retry or two
  lateFiles: 8, // late files cost each query 0.2 ms apiece, a merge rewrites the hour
  mergeRowsMax: 4_000_000, // 100 M records a day are 4.2 M an hour; sorting them takes some 2 GB
  dayRowsMax: 1_000_000, // hours of 40,000 rows: opening one costs as much as reading it
  dayRollupBytesMax: 256 * MiB, // ten million records have 45 MB of both; sorting spills what is too much
  maintainIntervalMs: 10_000, // hours close every hour; a merge ten seconds later harms nobody
  engineMemoryBytes: 1024 * MiB, // an hour of 2 M rows is sorted in memory
  engineThreads: 1, // leaves the other cores to capture and queries
  acceptDamage: false,
}
