import { DuckDBInstance } from '@duckdb/node-api'
import type { Column, ColumnBatch, ColumnSpec } from '../src/base/columns.ts'
import type { LogReader, SegmentFile } from '../src/logstore/logstore.ts'

export { temporaryFolder } from './temporary-folder.ts'

/** What the tests of the log store share: a table of three columns and how to read it. */
export const testColumns: readonly ColumnSpec[] = [
  { name: 'eni-id', kind: 'text' },
  { name: 'bytes', kind: 'integer' },
  { name: 'Odd "name"', kind: 'text' },
]

export type TestRow = readonly [
  time: number,
  eni: string | null,
  bytes: number | null,
  odd: string | null,
]

export function batchOf(rows: readonly TestRow[]): ColumnBatch {
  const text = (values: (string | null)[]): Column => {
    const dictionary = [...new Set(values.filter((each) => each !== null))]
    const codes = values.map((each) => (each === null ? 0 : dictionary.indexOf(each) + 1))
    return { kind: 'text', dictionary, codes: Uint32Array.from(codes) }
  }
  const integer = (values: (number | null)[]): Column => ({
    kind: 'integer',
    values: Float64Array.from(values, (each) => each ?? Number.NaN),
  })
  const columns = new Map<string, Column>([
    ['__time__', integer(rows.map((row) => row[0]))],
    ['eni-id', text(rows.map((row) => row[1]))],
    ['bytes', integer(rows.map((row) => row[2]))],
    ['Odd "name"', text(rows.map((row) => row[3]))],
  ])
  return { rows: rows.length, columns }
}

export const allTime = [0, 2 ** 40] as const

/** Rows of a SELECT over `log`, which is every row of a logstore; integers as numbers. */
export async function ask(
  store: LogReader,
  project: string,
  logstore: string,
  select: string,
): Promise<unknown[][]> {
  const lease = await store.lease(project, logstore, ...allTime)
  try {
    return await askFiles(
      lease.files.map((file) => file.path),
      select,
    )
  } finally {
    lease.release()
  }
}

export async function askFiles(paths: readonly string[], select: string): Promise<unknown[][]> {
  if (paths.length === 0) return []
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const list = paths.map((path) => `'${path}'`).join(', ')
    const sql = `WITH log AS (SELECT * FROM read_parquet([${list}])) ${select}`
    const reader = await connection.runAndReadAll(sql)
    return reader
      .getRows()
      .map((row) => row.map((value) => (typeof value === 'bigint' ? Number(value) : value)))
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Rows of a SELECT over `log`, which is what the rollups of these files have of them. */
export function rollupTotals(files: readonly SegmentFile[], select: string): Promise<unknown[][]> {
  const having = files.filter(({ rollup }) => rollup !== undefined)
  const paths = [...new Set(having.map(({ rollup }) => rollup!))]
  const conditions = having.map(({ rollup, rollupPart: part }) =>
    part === undefined ? `filename = '${rollup!}'` : `__part = ${part.id}`,
  )
  const list = paths.map((path) => `'${path}'`).join(', ')
  const rows = `SELECT * FROM read_parquet([${list}], union_by_name = true, filename = true)`
  const own = select.replace(/\blog\b/, 'totals')
  return askFiles(paths, `, totals AS (${rows} WHERE ${conditions.join(' OR ')}) ${own}`)
}
