import type { ColumnSpec } from '../base/columns.ts'
import type { RollupSpec } from '../logstore/logstore.ts'
import { rollupColumns } from '../logstore/logstore.ts'
import type { QueryRange } from './plan-range.ts'
import { quoteName, quoteText } from './quote.ts'
import type { SourceFile, SourceRows } from './source.ts'

/**
 * Whether a file's rollup tells of its rows in the range: of all of its rows, or of whole buckets. `span` is
 * what times the file has.
 */
export function isInBuckets(
  { from, to }: QueryRange,
  { bucketSeconds }: RollupSpec,
  { timeMin, timeMax }: { readonly timeMin: number; readonly timeMax: number },
): boolean {
  const isWhole = timeMin >= from && timeMax < to
  return isWhole || (from % bucketSeconds === 0 && to % bucketSeconds === 0)
}

/** Whether all rows of a file are of the range. */
export const isWithin = ({ span }: SourceRows, range: QueryRange | undefined): boolean =>
  range === undefined ||
  (span !== undefined && span.timeMin >= range.from && span.timeMax < range.to)

/** The condition for rows of files that are not within it. */
export const inRange = (range: QueryRange | undefined): string =>
  range === undefined ? '' : ` WHERE "__time__" >= ${range.from} AND "__time__" < ${range.to}`

/**
 * The rows of rollups, and of files without one their records as rows of the same form. A bucket that begins
 * before the range and has rows in it alone begins with the range.
 *
 * @param select prints a SELECT of all columns of files
 */
export function rollupSelect(
  files: readonly SourceRows[],
  columns: readonly ColumnSpec[],
  { by, bucketSeconds, sums }: RollupSpec,
  range: QueryRange | undefined,
  select: (
    files: readonly SourceRows[],
    columns: readonly ColumnSpec[],
    range: QueryRange | undefined,
  ) => string,
): string {
  const { rows, sum, values } = rollupColumns
  const kept = files.filter((each) => 'path' in each).filter((each) => each.rollup !== undefined)
  const plain = files.filter(({ rollup }) => rollup === undefined)
  const kindOf = (name: string) => columns.find((column) => column.name === name)!.kind
  const typed = (name: string) =>
    `CAST(${quoteName(name)} AS ${kindOf(name) === 'integer' ? 'BIGINT' : 'VARCHAR'}) AS ${quoteName(name)}`
  const needed = new Set([...by, ...sums, '__time__'])
  const records = [
    '"__time__"',
    ...by.map(quoteName),
    `CAST(1 AS BIGINT) AS ${rows}`,
    ...sums.flatMap((name, index) => [
      `${quoteName(name)} AS ${sum(index)}`,
      `CASE WHEN ${quoteName(name)} IS NULL THEN CAST(0 AS BIGINT) ELSE CAST(1 AS BIGINT) END AS ${values(index)}`,
    ]),
  ]
  const inner = select(
    plain,
    columns.filter(({ name }) => needed.has(name)),
    range,
  )
  const ofRecords = `SELECT ${records.join(', ')} FROM (${inner}) AS records`
  if (kept.length === 0) return ofRecords
  const from = range?.from ?? 0
  const time = from % bucketSeconds === 0 ? '"__time__"' : `greatest("__time__", ${from})`
  const totals = [
    `${time} AS "__time__"`,
    ...by.map(typed),
    rows,
    ...sums.flatMap((_, index) => [
      sum(index),
      `coalesce(${values(index)}, ${rows}) AS ${values(index)}`,
    ]),
  ]
  const ofTotals = (condition: string, some: readonly SourceFile[]): string[] => {
    const paths = new Set(some.map(({ rollup }) => quoteText(rollup!)))
    const source = `FROM read_parquet([${[...paths].join(', ')}])${condition}`
    return some.length === 0 ? [] : [`SELECT ${totals.join(', ')} ${source}`]
  }
  const whole: SourceFile[] = []
  const cut: SourceFile[] = []
  const partly: SourceFile[] = []
  for (const some of Map.groupBy(kept, ({ rollup }) => rollup).values()) {
    if (some.length < (some[0]!.part?.of ?? 1)) partly.push(...some)
    else if (some.every((file) => isWithin(file, range))) whole.push(...some)
    else cut.push(...some)
  }
  const ids = partly.map(({ part }) => part!.id).join(', ')
  // A part may be within the range and its first bucket begin before.
  const since = range && { ...range, from: from - (from % bucketSeconds) }
  const ofParts = `${inRange(since) || ' WHERE TRUE'} AND ${quoteName(rollupColumns.part)} IN (${ids})`
  return [
    ...(plain.length === 0 ? [] : [ofRecords]),
    ...ofTotals('', whole),
    ...ofTotals(inRange(range), cut),
    ...ofTotals(ofParts, partly),
  ].join(' UNION ALL ')
}
