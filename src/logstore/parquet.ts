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
const bloomOptions = 'WRITE_BLOOM_FILTER true, BLOOM_FILTER_FALSE_POSITIVE_RATIO 0.1'

/** @param sameAsTime columns that the file leaves out; the file itself says so too */
export const parquetOptions = (sameAsTime: readonly string[]): string =>
  sameAsTime.length === 0
    ? `${fileOptions}, ${bloomOptions}`
    : `${fileOptions}, ${bloomOptions}, KV_METADATA {weir_same_as_time: ${quoteText(JSON.stringify(sameAsTime))}}`

/** Sorted by what is asked for: bloom filters would be a tenth of an hour of address pairs, for nothing. */
export const sortedParquetOptions = `${fileOptions}, WRITE_BLOOM_FILTER false`

/**
 * Totals of a day, of which one value or one hour is asked: smaller row groups for those of minutes, where one value
 * has fewer rows.
 */
export const dayRollupOptions = ({ bucketSeconds }: { readonly bucketSeconds: number }): string =>
  sortedParquetOptions.replace('491520', bucketSeconds === 60 ? '61440' : '122880')

/**
 * What totals of a day are sorted by before they are as those of an hour: one value of a day lies in few places, and
 * so does one hour of it.
 */
export const dayBlocks = '__time__ // 14400'

export interface MergeInputs {
  readonly files: readonly ParquetFile[]
  /** Whether the rows of each of them have the same columns; else those a file lacks are NULL in its rows. */
  readonly alike: boolean
  /** Columns that all of them together have. */
  readonly sortBy: readonly string[]
  /** Columns that the new file leaves out: they are `__time__` in each row of all files. */
  readonly sameAsTime: readonly string[]
  /** Hour after hour then, in row groups that an hour finds itself in. */
  readonly isDay: boolean
  /** Rows of this hour alone. */
  readonly hour?: number
}

export interface ParquetFile {
  readonly path: string
  /** Columns that it leaves out: they are `__time__` in each of its rows. */
  readonly sameAsTime: readonly string[]
}

const again = (sameAsTime: readonly string[]): string =>
  sameAsTime.map((name) => `, "__time__" AS ${quoteName(name)}`).join('')

/** What stands behind FROM: files that leave out the same columns, with these columns. */
export function sourceOf(
  paths: readonly string[],
  sameAsTime: readonly string[],
  byName = false,
): string {
  const files = `read_parquet([${paths.map(quoteText).join(', ')}], union_by_name = ${byName})`
  return sameAsTime.length === 0 ? files : `(SELECT *${again(sameAsTime)} FROM ${files})`
}

/** Merges Parquet files of one hour, or day, into one, sorted by `sortBy` and `__time__`. Not synced. */
export async function mergeParquet(
  connection: DuckDBConnection,
  inputs: MergeInputs,
  output: string,
): Promise<void> {
  const { files, sortBy, sameAsTime, isDay } = inputs
  const paths = files.map(({ path }) => path)
  const { rows, enums } = await withFewTexts(connection, paths, mergeSource(inputs))
  const keyOf = (name: string): string =>
    enums.has(name) ? enumKey(quoteName(name)) : quoteName(name)
  const held = sortBy.filter((name) => !sameAsTime.includes(name))
  const hours = isDay ? ['__time__ // 3600'] : []
  const order = [...hours, ...[...held, '__time__'].map(keyOf)].join(', ')
  const options = parquetOptions(sameAsTime)
  await connection.run(
    `COPY (SELECT * FROM (${rows}) ORDER BY ${order}) TO ${quoteText(output)}` +
      ` (${isDay ? options.replace('491520', '122880') : options})`,
  )
}

/** The rows of all files, without what the new file leaves out and with what it does not. */
function mergeSource({ files, alike, sameAsTime, hour }: MergeInputs): string {
  const where = hour === undefined ? '' : ` WHERE __time__ // 3600 = ${hour}`
  const groups = Map.groupBy(files, (file) => JSON.stringify(file.sameAsTime))
  const selects = [...groups.values()].map((group) => {
    const known = group[0]!.sameAsTime
    const left = sameAsTime.filter((name) => !known.includes(name)).map(quoteName)
    const without = left.length === 0 ? '' : ` EXCLUDE (${left.join(', ')})`
    const wanted = known.filter((name) => !sameAsTime.includes(name))
    const paths = group.map(({ path }) => path)
    return `SELECT *${without}${again(wanted)} FROM ${sourceOf(paths, [], !alike)}${where}`
  })
  return `(${selects.join(' UNION ALL BY NAME ')})`
}

/** Reads a file back: its rows and, by column, how many values and their sum (sums.ts). */
export async function readSums(
  connection: DuckDBConnection,
  { path, sameAsTime }: ParquetFile,
  columns: readonly ColumnSpec[],
): Promise<{ rows: number; sums: SumsByColumn }> {
  const select = sumsSelect(columns)
  const row = await onlyRow(connection, `SELECT ${select} FROM ${sourceOf([path], sameAsTime)}`)
  return sumsIn(row, columns)
}

/** What a file of a day holds of each of its hours, with the least and greatest time and time of receipt. */
export async function readHours(
  connection: DuckDBConnection,
  { path, sameAsTime }: ParquetFile,
  columns: readonly ColumnSpec[],
) {
  const bounds = ['__time__', '__receive_time__'].flatMap((name) => [
    `min(${name})`,
    `max(${name})`,
  ])
  const select = ['__time__ // 3600', ...bounds, sumsSelect(columns)].join(', ')
  const reader = await connection.runAndReadAll(
    `SELECT ${select} FROM ${sourceOf([path], sameAsTime)} GROUP BY 1 ORDER BY 1`,
  )
  return reader.getRows().map((values) => {
    const [hour, timeMin, timeMax, receiveMin, cameBy] = values.slice(0, 5).map(Number)
    const facts = sumsIn(values.slice(5).map(String), columns)
    return {
      hour: hour!,
      timeMin: timeMin!,
      timeMax: timeMax!,
      receiveMin: receiveMin!,
      cameBy: cameBy!,
      ...facts,
    }
  })
}

function sumsSelect(columns: readonly ColumnSpec[]): string {
  const each = columns.flatMap(({ name, kind }) => {
    const column = quoteName(name)
    const value = kind === 'text' ? `strlen(${column})` : column
    return [`count(${column})`, `coalesce(sum(${value}), 0)::VARCHAR`]
  })
  return ['count(*)', ...each].join(', ')
}

function sumsIn(
  row: readonly string[],
  columns: readonly ColumnSpec[],
): { rows: number; sums: SumsByColumn } {
  const sums = new Map(
    columns.map(({ name }, index) => [
      name,
      { values: Number(row[1 + index * 2]), sum: BigInt(row[2 + index * 2] ?? 0) },
    ]),
  )
  return { rows: Number(row[0]), sums }
}
