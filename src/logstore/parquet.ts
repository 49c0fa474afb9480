import type { ColumnSpec } from '../base/columns.ts'
import type { DuckDBConnection } from './engine.ts'
import { enumKey, onlyRow, quoteName, quoteText } from './engine.ts'
import { withFewTexts } from './few-texts.ts'
import type { SumsByColumn } from './sums.ts'

/**
 * One file an hour was 16.4 bytes a record with row groups of 491,520 rows and format v2, 19.5 with the
 * defaults.
 */
const fileOptions = 'FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 491520, PARQUET_VERSION v2'

/**
 * Bloom filters, which dictionary columns have, keep a look-up from hours without its value. Of ten such hours
 * one is read in vain; of a hundred it would be one with 0.35 bytes a record more.
 */
export const parquetOptions = `${fileOptions}, WRITE_BLOOM_FILTER true, BLOOM_FILTER_FALSE_POSITIVE_RATIO 0.1`

/** Sorted by what is asked for: bloom filters would be a tenth of an hour of address pairs, for nothing. */
export const sortedParquetOptions = `${fileOptions}, WRITE_BLOOM_FILTER false`

/**
 * Totals of a day, of which one value or one hour is asked: smaller row groups for those of minutes, where one value
 * has fewer rows.
 */
export const dayRollupOptions = ({ bucketSeconds }: { readonly bucketSeconds: number }): string =>
  sortedParquetOptions.replace('491520', bucketSeconds === 60 ? '61440' : '122880')

export interface MergeInputs {
  readonly paths: readonly string[]
  /** Whether each of them has the same columns; else those a file lacks are NULL in its rows. */
  readonly alike: boolean
  /** Columns that all of them together have. */
  readonly sortBy: readonly string[]
}

/** Merges Parquet files of one hour into one, sorted by `sortBy` and `__time__`. Not synced. */
export async function mergeParquet(
  connection: DuckDBConnection,
  { paths, alike, sortBy }: MergeInputs,
  output: string,
): Promise<void> {
  const files = `[${paths.map(quoteText).join(', ')}]`
  const source = `read_parquet(${files}, union_by_name = ${!alike})`
  const { rows, enums } = await withFewTexts(connection, paths, source)
  const keyOf = (name: string): string =>
    enums.has(name) ? enumKey(quoteName(name)) : quoteName(name)
  const order = [...sortBy, '__time__'].map(keyOf).join(', ')
  await connection.run(
    `COPY (SELECT * FROM (${rows}) ORDER BY ${order}) TO ${quoteText(output)} (${parquetOptions})`,
  )
}

/** Reads a file back: its rows and, by column, how many values and their sum (sums.ts). */
export async function readSums(
  connection: DuckDBConnection,
  path: string,
  columns: readonly ColumnSpec[],
): Promise<{ rows: number; sums: SumsByColumn }> {
  const each = columns.flatMap(({ name, kind }) => {
    const column = quoteName(name)
    const value = kind === 'text' ? `strlen(${column})` : column
    return [`count(${column})`, `coalesce(sum(${value}), 0)::VARCHAR`]
  })
  const select = ['count(*)', ...each].join(', ')
  const row = await onlyRow(connection, `SELECT ${select} FROM read_parquet(${quoteText(path)})`)
  const sums = new Map(
    columns.map(({ name }, index) => [
      name,
      { values: Number(row[1 + index * 2]), sum: BigInt(row[2 + index * 2] ?? 0) },
    ]),
  )
  return { rows: Number(row[0]), sums }
}
