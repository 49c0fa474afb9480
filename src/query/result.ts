export interface QueryColumn {
  readonly name: string
  /** varchar, bigint, double, boolean, timestamp, date, array(...), map(...), ... */
  readonly type: string
}

export interface MissingPart {
  /** Of the rows in the segments of the range, those that were not scanned: above 0, up to 1. */
  readonly share: number
  /** Where they lie: Unix seconds, `from` up to but without `to`, apart and in order. */
  readonly ranges: readonly { readonly from: number; readonly to: number }[]
}

export interface QueryResult {
  readonly columns: QueryColumn[]
  /** Values as the log service prints them; NULL is null. */
  readonly rows: (string | null)[][]
  readonly hasSql: boolean
  /**
   * Every row acknowledged before the query is counted, and every row that it asks for is here; nothing
   * is ever sampled. False: `missing` or `cut` says what is not.
   */
  readonly exact: boolean
  /** Damaged segments that were left out. */
  readonly missing?: MissingPart
  /** The cap that left out rows which the query asked for. */
  readonly cut?: 'rows' | 'characters'
  /** Rows of the files that the range meets, whether or not they matched, or were known not to. */
  readonly scannedRows: number
  readonly scannedFiles: number
  readonly elapsedMs: number
  /** There are more rows: the default LIMIT, the page or a cap left them out. */
  readonly limited: boolean
}
