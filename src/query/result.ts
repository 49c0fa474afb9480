export interface QueryColumn {
  readonly name: string
  /** varchar, bigint, double, boolean, timestamp, date, array(...), map(...), ... */
  readonly type: string
}

export interface QueryResult {
  readonly columns: QueryColumn[]
  /** Values as the log service prints them; NULL is null. */
  readonly rows: (string | null)[][]
  readonly hasSql: boolean
  /** Every row acknowledged before the query is counted; nothing is sampled. */
  readonly exact: true
  /** Rows of the files that were read, whether or not they matched. */
  readonly scannedRows: number
  readonly scannedFiles: number
  readonly elapsedMs: number
  /** There are more rows: the default LIMIT, the page or a cap left them out. */
  readonly limited: boolean
}
