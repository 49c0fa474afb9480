/** What a rollup keeps for each of its tuples, and the logstores that it lies in. */
import type { ColumnSpec } from '../base/columns.ts'
import type { LogstoreOptions } from '../logstore/logstore.ts'
import type { FlowRecordField } from '../record/fields.ts'

export const dimensions = ['Tuple1', 'Tuple2', 'Tuple5'] as const
export type Dimension = (typeof dimensions)[number]

/** Whose traffic it is; `cloud-ip` is the address of the ENI's side, `scope` is `internet` or nothing. */
const identity = [
  'account-id',
  'vpc-id',
  'vswitch-id',
  'eni-id',
  'vm-id',
  'direction',
  'action',
  'scope',
  'cloud-ip',
] as const
const pair = ['srcaddr', 'dstaddr', 'traffic_path'] as const
const ports = ['protocol', 'srcport', 'dstport'] as const

export type TupleKey = (typeof identity)[number] | (typeof pair)[number] | (typeof ports)[number]

/** `cloud-ip` and `scope` are made of other fields. */
export const madeKeys = ['scope', 'cloud-ip'] as const satisfies readonly TupleKey[]
export type RecordKey = Exclude<TupleKey, (typeof madeKeys)[number]> & FlowRecordField

export const keysOf: Readonly<Record<Dimension, readonly TupleKey[]>> = {
  Tuple1: identity,
  Tuple2: [...identity, ...pair],
  Tuple5: [...identity, ...pair, ...ports],
}

export const totals = ['packets', 'bytes'] as const

const integers: ReadonlySet<string> = new Set(['traffic_path', ...ports, ...totals])
export const isInteger = (name: string): boolean => integers.has(name)

const columnsOf = (dimension: Dimension): ColumnSpec[] =>
  [...keysOf[dimension], ...totals].map((name) => ({
    name,
    kind: isInteger(name) ? 'integer' : 'text',
  }))

export const dayMinutes = 1440

/** The logstore of a rollup: `tuple2-10` is that of address pairs every ten minutes. */
export const storeNameOf = (dimension: Dimension, minutes: number): string =>
  `${dimension.toLowerCase()}-${minutes}`

/**
 * A row of a batch begins where its interval does, so that all of an interval are in one hour of the logstore, whose
 * own totals, made when that hour is merged, leave one row for each tuple and interval.
 */
export function storeOptionsOf(
  dimension: Dimension,
  minutes: number,
  ttlDays: number,
): LogstoreOptions {
  const by = keysOf[dimension]
  return {
    columns: columnsOf(dimension),
    ttlDays,
    sortBy: ['eni-id'],
    rollups: [{ name: 'tuples', bucketSeconds: minutes < 60 ? 60 : 3600, by, sums: totals }],
  }
}
