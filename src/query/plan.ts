import type { ColumnSpec } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import type { RollupSpec } from '../logstore/logstore.ts'
import { conditionKey } from './condition-memory.ts'
import { isZone } from './functions/time.ts'
import type { IndexConfig } from './index-config.ts'
import type { ParsedQuery } from './parse.ts'
import type { PageOrder } from './page-files.ts'
import { checkRange } from './plan-range.ts'
import type { QueryRange } from './plan-range.ts'
import { QueryPrinter } from './print-query.ts'
import type { OutputColumn } from './print-relation.ts'
import { quoteName } from './quote.ts'
import { rollUp } from './rollup.ts'
import { printSearch } from './search-print.ts'
import { scanView } from './source.ts'
import type { Scan } from './source.ts'
import { SourceBook, openStore } from './source-book.ts'
import type { OpenStore, StoreSpec } from './source-book.ts'
import { timeOrder } from './time-order.ts'
import type { TimeOrder } from './time-order.ts'
import { typeName } from './types.ts'

/** The view over the leased files of the logstore itself, in the engine. */
export const storeView = scanView(0)

/** "Without LIMIT at most 100 rows"; `LIMIT n` up to 1,000,000; with an offset n up to 10,000. */
export const defaultRows = 100
export const limitMax = 1_000_000
export const pagedLimitMax = 10_000

/** What a search without SQL asks for besides its predicate. */
export interface RawRows {
  readonly line: number
  readonly offset: number
  readonly reverse: boolean
}

/** What will be run: one statement over the views of its scans, and what its columns mean. */
export interface QueryPlan {
  readonly sql: string
  /**
   * The same, with what the search chose read once where several parts of the query read it: for so many rows that
   * they can be held if all are chosen, of `width` values each.
   */
  readonly kept?: { readonly sql: string; readonly width: number } | undefined
  readonly scans: readonly Scan[]
  readonly columns: readonly PlanColumn[]
  readonly hasSql: boolean
  /** Rows to return. */
  readonly rowsMax: number
  /** Rows that the statement asks for: one more where the limit is not the user's own. */
  readonly rowsAsked: number
  /** Of rows in order of time: a statement that has the times of the page's rows and of those before it. */
  readonly reach?: { readonly sql: string; readonly order: PageOrder } | undefined
  /** Of a statement that reads what a search chose: the same over a table of what it chose. */
  readonly found?: FoundPlan | undefined
  /** Of a statement with one scan: which hours' rows come first in the answer, where that is known. */
  readonly order?: TimeOrder | undefined
}

export interface FoundPlan {
  /** The rows of the table: those of the view of the scan that the search takes, and `foundFile` of each. */
  readonly select: string
  /** Over the table, `foundTable`. */
  readonly sql: string
}

export const foundTable = '__found'
/** Which file a row is of: the path that the engine knows it by. */
export const foundFile = '__weir_file'

export interface PlanColumn {
  readonly name: string
  /** A type of the language, or `unknown` where only the engine knows. */
  readonly type: string
  /** The zone a timestamp is printed with. */
  readonly zone?: string
}

export interface PlanOptions {
  /** The logstore's own name; `log` unless told. */
  readonly logstore?: string
  readonly raw?: RawRows
  readonly index?: IndexConfig | undefined
  /** Other logstores that may be named in FROM. */
  readonly stores?: readonly StoreSpec[]
  /** Of the logstore. */
  readonly rollups?: readonly RollupSpec[] | undefined
}

/**
 * The plan of a query over a logstore's own `columns` (the reserved ones are added here). Pure.
 * Throws QuerySyntax and QueryRefused with places, InvalidTimeRange, ParameterInvalid for the zone.
 */
export function planQuery(
  parsed: ParsedQuery,
  columns: readonly ColumnSpec[],
  range: QueryRange,
  zone: string,
  options: PlanOptions = {},
): QueryPlan {
  checkRange(range)
  if (!isZone(zone)) {
    throw new WeirError('ParameterInvalid', `"${zone}" is not a time zone`, {
      hint: 'as in UTC or Asia/Shanghai',
    })
  }
  const { logstore = 'log', raw, index, stores = [], rollups = [] } = options
  const current = openStore({ name: logstore, columns, index }, undefined, (fields) =>
    printSearch(parsed.text, parsed.search, fields),
  )
  if (parsed.sql === undefined) {
    const page = raw ?? { line: defaultRows, offset: 0, reverse: false }
    const scans = [{ store: undefined, ...range, ...conditionOf(current) }]
    return { ...rawPlan(current.columns, current.search, page), scans }
  }
  const others = stores.map((each) => ({
    ...openStore(each, each.name, () => 'TRUE'),
    store: each.name,
  }))
  const { search, sql: asked } = parsed
  const names = ['log', logstore.toLowerCase()]
  const { fields } = current
  const totals = rollUp({ search, sql: asked, fields, names, range, zone }, rollups)
  const book = new SourceBook({ ...current, fields: totals?.fields ?? fields }, logstore, others)
  const printer = new QueryPrinter(parsed.text, zone, book, logstore, range)
  const { limit, offset } = parsed.sql
  const most = offset === undefined || offset === 0 ? limitMax : pagedLimitMax
  const skipped = Math.min(offset ?? 0, limitMax)
  const rowsMax = Math.min(limit ?? defaultRows, most, limitMax - skipped)
  const taken = limit === rowsMax ? rowsMax : rowsMax + 1
  const tail = ` LIMIT ${taken}${skipped === 0 ? '' : ` OFFSET ${skipped}`}`
  const printed = printer.print(totals?.sql ?? asked, undefined, tail)
  const columnsOut = printed.columns.map(planColumn)
  const sql = withSources(book.print(false), printed.sql)
  const width = book.sharedWidth
  const kept = width > 0 ? { sql: withSources(book.print(true), printed.sql), width } : undefined
  const condition = conditionOf(current)
  const scans = book.scans.map((scan) => {
    if (totals !== undefined) return { ...scan, rollup: totals.rollup }
    return scan.store === undefined ? { ...scan, ...condition } : scan
  })
  const isOne = totals === undefined && scans.length === 1
  const order = isOne ? timeOrder({ sql: asked, fields, names, range, zone }) : undefined
  const rows = { rowsMax, rowsAsked: taken }
  const source = isOne && order === undefined ? book.onlySource : undefined
  const found = source && {
    select: source.select(quoteName(foundFile)),
    sql: withSources([`${source.cte} AS (SELECT * FROM ${foundTable})`], printed.sql),
  }
  return { sql, kept, scans, columns: columnsOut, hasSql: true, ...rows, order, found }
}

const conditionOf = ({ search, columns }: OpenStore): { readonly condition?: string } =>
  search === 'TRUE' ? {} : { condition: conditionKey(search, columns) }

/** A WITH of the query itself continues ours. */
function withSources(sources: readonly string[], sql: string): string {
  const own = sql.startsWith('WITH ') ? `, ${sql.slice(5)}` : ` ${sql}`
  return sources.length > 0 ? `WITH ${sources.join(', ')}${own}` : sql
}

function planColumn({ name, type }: OutputColumn): PlanColumn {
  const zoned = typeof type === 'object' && 'zoned' in type ? { zone: type.zoned } : {}
  return { name, type: typeName(type), ...zoned }
}

/**
 * Rows in order of time. Ties are ordered by the rest of the record, so that pages fit together however the segments
 * lie: the first pass finds the last time needed, the second sorts only so far, and reads nothing else.
 */
function rawPlan(
  all: readonly ColumnSpec[],
  where: string,
  { line, offset, reverse }: RawRows,
): Omit<QueryPlan, 'scans'> {
  const names = all.map((column) => quoteName(column.name))
  const order = reverse ? 'DESC' : 'ASC'
  const rows = line + 1
  const reach = `SELECT "__time__" FROM ${storeView} WHERE ${where} ORDER BY 1 ${order} LIMIT ${offset + rows}`
  const ordered = names.map((name) => `${name} ${order} NULLS LAST`).join(', ')
  const sql =
    `SELECT ${names.join(', ')} FROM ${storeView} WHERE ${where} ` +
    `ORDER BY ${ordered} LIMIT ${rows} OFFSET ${offset}`
  const columns = all.map(({ name, kind }) => ({
    name,
    type: kind === 'integer' ? 'bigint' : 'varchar',
  }))
  return {
    sql,
    reach: { sql: reach, order: { rows: offset + rows, reverse } },
    columns,
    hasSql: false,
    rowsMax: line,
    rowsAsked: rows,
  }
}
