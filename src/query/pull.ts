import type { ColumnSpec } from '../base/columns.ts'
import { reservedColumns, shardColumn } from '../logstore/logstore.ts'
import type { Engine, SourceFile } from './engine.ts'
import { checkStatement, createMacros, shutAround } from './engine.ts'
import { formatValue } from './format.ts'
import { parseQuery } from './parse.ts'
import { storeView } from './plan.ts'
import { quoteName } from './quote.ts'
import { printPredicate } from './search-print.ts'
import type { ResultColumn, Row, WorkerPull, WorkerQuery } from './worker-messages.ts'

/** Rows in the order in which they came. */
export interface PullRequest {
  readonly project: string
  /** Leased segments that hold every row of the range. */
  readonly files: readonly SourceFile[]
  /** The logstore's own. */
  readonly columns: readonly ColumnSpec[]
  /** Unix seconds: rows with `from <= __receive_time__ < until`. */
  readonly from: number
  readonly until: number
  /** Every shard's unless told. */
  readonly shard?: number
  /** The first rows of the range to leave out. */
  readonly skip?: number
  readonly rows: number
  /** The last of the range first. */
  readonly reverse?: boolean
  /** A search part: a row that it does not find counts as any other, but comes without its values. */
  readonly filter?: string
  /** Of all values together, in UTF-16 code units: what is beyond comes with the next pull. */
  readonly charactersMax: number
}

export interface PulledRow {
  /** Unix seconds. */
  readonly receiveTime: number
  /** By column of the result; undefined when the filter does not find the row. */
  readonly values: readonly (string | null)[] | undefined
}

export interface PullResult {
  /** Those of the logstore, and the reserved ones. */
  readonly columns: readonly string[]
  readonly rows: readonly PulledRow[]
}

/**
 * The order is by second of receipt, and within it by the record itself: the same however segments are merged, and
 * columns that are added later change nothing, being NULL in the rows before.
 */
const orderColumns = (own: readonly ColumnSpec[]): readonly string[] => [
  '__receive_time__',
  '__time__',
  ...own.map(({ name }) => name),
  '__topic__',
  '__source__',
]

/** Runs one pull on its engine. `take` gets each row as its second of receipt and its values, or that second alone. */
export async function executePull(
  engine: Engine,
  query: WorkerQuery & { readonly pull: WorkerPull },
  take: (rows: Row[]) => void,
): Promise<{ columns: readonly ResultColumn[]; hasSql: false; limited: boolean }> {
  const names = orderColumns(query.columns)
  const sql = await printPull(query, names)
  await createMacros(engine, sql)
  const columns = [...query.columns, ...reservedColumns, shardColumn]
  await shutAround(engine, [{ name: storeView, files: query.files, columns }])
  await checkStatement(engine, sql)
  const result = await engine.connection.stream(sql)
  let characters = 0
  let limited = false
  for (let chunk = await result.fetchChunk(); !limited; chunk = await result.fetchChunk()) {
    if (chunk === null || chunk.rowCount === 0) break
    const ready: Row[] = []
    for (const [found, ...values] of chunk.getRows()) {
      // The first of all is sent however large it is: else nobody would ever get past it.
      limited = characters > query.charactersMax
      if (limited) break
      const row = values.map((value) => formatValue(value, undefined, true))
      if (found !== true) row.length = 1
      characters += row.reduce((sum, text) => sum + (text?.length ?? 0), 0)
      ready.push(row)
    }
    if (ready.length > 0) take(ready)
  }
  return { columns: names.map((name) => ({ name, type: 'varchar' })), hasSql: false, limited }
}

/** The first pass finds how far the rows reach, by one column; the second sorts only so far. */
async function printPull(
  { text, columns, from, to, pull }: WorkerQuery & { readonly pull: WorkerPull },
  names: readonly string[],
): Promise<string> {
  const parsed = await parseQuery(text)
  if (parsed.sql !== undefined)
    throw parsed.text.refused('rows are pulled by a search, not by SQL', parsed.sql.at)
  const found = printPredicate(parsed.text, parsed.search, [...columns, ...reservedColumns])
  const { shard, skip = 0, rows, reverse = false } = pull
  const received = quoteName('__receive_time__')
  const inShard =
    shard === undefined ? '' : ` AND coalesce(${quoteName(shardColumn.name)}, 0) = ${shard}`
  const where = `${received} >= ${from} AND ${received} < ${to}${inShard}`
  const [order, nulls] = reverse ? ['DESC', 'FIRST'] : ['ASC', 'LAST']
  const reach =
    `SELECT ${received} AS t FROM ${storeView} WHERE ${where} ` +
    `ORDER BY 1 ${order} LIMIT ${skip + rows}`
  const bound = `(SELECT ${reverse ? 'min' : 'max'}(t) FROM (${reach}) AS reach)`
  const quoted = names.map(quoteName)
  return (
    `SELECT coalesce(${found}, FALSE) AS found, ${quoted.join(', ')} FROM ${storeView} ` +
    `WHERE ${where} AND ${received} ${reverse ? '>=' : '<='} ${bound} ` +
    `ORDER BY ${quoted.map((name) => `${name} ${order} NULLS ${nulls}`).join(', ')} ` +
    `LIMIT ${rows} OFFSET ${skip}`
  )
}
