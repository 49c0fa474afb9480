import type { BatchId, ColumnBatch } from '../base/columns.ts'
import { describeError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { FlowRecordField } from '../record/fields.ts'

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

/** What a parcel's records tell. */
export interface ParcelTotals {
  readonly records: number
  readonly packets: number
  readonly bytes: number
  /** Unix seconds: from the first `start` to the last `end`; undefined without records. */
  readonly from: number | undefined
  readonly to: number | undefined
}

export function parcelTotals({ batch }: Parcel): ParcelTotals {
  const valuesOf = (name: FlowRecordField): Float64Array => {
    const column = batch.columns.get(name)
    const values = column?.kind === 'integer' ? column.values.subarray(0, batch.rows) : undefined
    return (values ?? new Float64Array()).filter((value) => !Number.isNaN(value))
  }
  const sum = (name: FlowRecordField): number => valuesOf(name).reduce((a, b) => a + b, 0)
  const extreme = (name: FlowRecordField, of: (a: number, b: number) => number) =>
    valuesOf(name).reduce<number | undefined>((a, b) => (a === undefined ? b : of(a, b)), undefined)
  return {
    records: batch.rows,
    packets: sum('packets'),
    bytes: sum('bytes'),
    from: extreme('start', Math.min),
    to: extreme('end', Math.max),
  }
}

export function logLost(log: Log, { id, batch }: Parcel, error: unknown): void {
  log.error('records were lost: their logstore did not take them', {
    flowLog: id.flowLog,
    run: id.run,
    number: id.number,
    records: batch.rows,
    error: describeError(error),
  })
}
