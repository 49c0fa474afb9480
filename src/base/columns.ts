/**
 * Rows as typed columns: how records travel between the capture side and the log store without an
 * object per row. A text column holds a code per row and a dictionary of the distinct texts; an
 * integer column holds exact integers up to 2^53 and NaN where the value is absent.
 */
export type ColumnKind = 'text' | 'integer'

export interface ColumnSpec {
  readonly name: string
  readonly kind: ColumnKind
}

export interface TextColumn {
  readonly kind: 'text'
  /** One code a row: 0 is "absent" (null), n is `dictionary[n - 1]`. */
  readonly codes: Uint32Array
  readonly dictionary: readonly string[]
}

export interface IntegerColumn {
  readonly kind: 'integer'
  /** One value a row; NaN is "absent" (null). */
  readonly values: Float64Array
}

export type Column = TextColumn | IntegerColumn

export interface ColumnBatch {
  readonly rows: number
  /** By column name. Arrays may be longer than `rows`; what lies beyond is not looked at. */
  readonly columns: ReadonlyMap<string, Column>
}

/** What makes a batch that is delivered twice the same batch (DESIGN.md, Rules of a record). */
export interface BatchId {
  readonly flowLog: string
  /** The id of one run of an agent or a replay. */
  readonly run: string
  /** Counts up from 0 within flow log and run. */
  readonly number: number
}

/** One that stays as it is while the arrays of the other are filled again. */
export function copyBatch({ rows, columns }: ColumnBatch): ColumnBatch {
  const copied = [...columns].map(([name, column]): [string, Column] => [
    name,
    column.kind === 'text'
      ? { kind: 'text', codes: column.codes.slice(0, rows), dictionary: [...column.dictionary] }
      : { kind: 'integer', values: column.values.slice(0, rows) },
  ])
  return { rows, columns: new Map(copied) }
}
