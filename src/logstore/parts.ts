import type { AttributeTable } from './attributes.ts'
import type { Catalogue } from './catalogue.ts'
import type { LogStoreConfig } from './config.ts'
import type { DeliveredBatches } from './delivered.ts'
import type { Directory } from './directory.ts'
import type { Disk } from '../base/disk.ts'
import type { Engine } from './engine.ts'
import type { SegmentFiles } from './files.ts'
import type { HotRows } from './hot-rows.ts'
import type { ReceiveClock } from './received.ts'
import type { SegmentTable } from './segments.ts'
import type { ShardTable } from './shards.ts'

/** What an open store is made of: flush, compaction, retention and recovery work on these. */
export interface StoreParts {
  readonly config: LogStoreConfig
  readonly disk: Disk
  /** Unix seconds. */
  readonly now: () => number
  readonly catalogue: Catalogue
  readonly directory: Directory
  readonly attributes: AttributeTable
  readonly shards: ShardTable
  readonly received: ReceiveClock
  readonly segments: SegmentTable
  readonly delivered: DeliveredBatches
  readonly files: SegmentFiles
  readonly engine: Engine
  readonly hot: HotRows
  readonly counters: Counters
}

/** See `LogStoreStats`, which shows them. */
export interface Counters {
  appendedBatches: number
  appendedRows: number
  appendedBytes: number
  duplicateBatches: number
  refusedBatches: number
  replayedBatches: number
  flushes: number
  compactions: number
  dayMerges: number
  retentionDrops: number
  backgroundFailures: number
  damages: number
  refusedRollups: number
}

export const newCounters = (): Counters => ({
  appendedBatches: 0,
  appendedRows: 0,
  appendedBytes: 0,
  duplicateBatches: 0,
  refusedBatches: 0,
  replayedBatches: 0,
  flushes: 0,
  compactions: 0,
  dayMerges: 0,
  retentionDrops: 0,
  backgroundFailures: 0,
  damages: 0,
  refusedRollups: 0,
})
