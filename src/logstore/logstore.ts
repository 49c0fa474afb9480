/**
 * logstore/: keeps logs. It has never heard of an ENI: a logstore is a table of typed columns with a
 * time, and what they mean is for others.
 */
import type { ColumnSpec } from '../base/columns.ts'

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

/** A Parquet file of a logstore: text columns are VARCHAR, integers BIGINT, absent values NULL. */
export interface SegmentFile {
  readonly path: string
  readonly rows: number
  /** Least and greatest `__time__` in it. */
  readonly timeMin: number
  readonly timeMax: number
}

/** Files that stay on disk, unchanged, until `release` is called. */
export interface SegmentLease {
  readonly files: readonly SegmentFile[]
  release(): void
}

/** What `query/` reads through. */
export interface LogReader {
  /** The logstore's own columns (the reserved ones not among them). Throws ProjectNotExist, LogStoreNotExist. */
  columns(project: string, logstore: string): readonly ColumnSpec[]
  /**
   * The segments that may hold rows with `from <= __time__ < to`: every row acknowledged before the
   * call is in exactly one of them. They may hold rows outside the range too.
   */
  lease(project: string, logstore: string, from: number, to: number): Promise<SegmentLease>
}
