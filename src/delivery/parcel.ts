import type { BatchId, ColumnBatch } from '../base/columns.ts'

/** A flow log's share of some records, on its way. */
export interface Parcel {
  readonly project: string
  readonly logstore: string
  readonly id: BatchId
  readonly batch: ColumnBatch
}

/**
 * Stores a parcel durably before it resolves. One that has a far end gives up when `signal` aborts: whether
 * the parcel arrived is then not known, and it will come again.
 */
export type RecordSink = (parcel: Parcel, signal?: AbortSignal) => Promise<void>
