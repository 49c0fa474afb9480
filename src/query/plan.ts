import type { ColumnSpec } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import { reservedColumns } from '../logstore/logstore.ts'
import { isZone } from './functions/time.ts'
import type { ParsedQuery } from './parse.ts'
import { QueryPrinter } from './print-query.ts'
import { sourceName } from './print-relation.ts'
import { quoteName } from './quote.ts'
import { printPredicate } from './search-print.ts'
import { typeName } from './types.ts'

/** The view over the leased files, in the engine. */
export const storeView = '__store'

/** "Without LIMIT at most 100 rows"; `LIMIT n` up to 1,000,000; with an offset n up to 10,000. */
export const defaultRows = 100
export const limitMax = 1_000_000
export const pagedLimitMax = 10_000

export interface QueryRange {
  /** Unix seconds; rows with `from <= __time__ < to`. */
  readonly from: number
  readonly to: number
}

/** What a search without SQL asks for besides its predicate. */
export interface RawRows {
  readonly line: number
  readonly offset: number
  readonly reverse: boolean
}

/** What will be run: one statement over the view `__store`, and what its columns mean. */
export interface QueryPlan {
  readonly sql: string
  readonly columns: readonly PlanColumn[]
  readonly hasSql: boolean
  /** Rows to return. The statement asks for one more where the limit is not the user's own. */
  readonly rowsMax: number
}

export interface PlanColumn {
  readonly name: string
  /** A type of the language, or `unknown` where only the engine knows. */
  readonly type: string
  /** The zone a timestamp is printed with. */
  readonly zone?: string
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
  options: { readonly logstore?: string; readonly raw?: RawRows } = {},
): QueryPlan {
  checkRange(range)
  if (!isZone(zone)) {
    throw new WeirError('ParameterInvalid', `"${zone}" is not a time zone`, {
      hint: 'as in UTC or Asia/Shanghai',
    })
  }
  const all = [...reservedColumns.slice(0, 1), ...columns, ...reservedColumns.slice(1)]
  const inRange = `"__time__" >= ${range.from} AND "__time__" < ${range.to}`
  const where = `${inRange} AND ${printPredicate(parsed.text, parsed.search, all)}`
  if (parsed.sql === undefined) {
    return rawPlan(all, where, options.raw ?? { line: defaultRows, offset: 0, reverse: false })
  }
  const printer = new QueryPrinter(parsed.text, zone, all, options.logstore ?? 'log')
  const { limit, offset } = parsed.sql
  const most = offset === undefined || offset === 0 ? limitMax : pagedLimitMax
  const skipped = Math.min(offset ?? 0, limitMax)
  const rowsMax = Math.min(limit ?? defaultRows, most, limitMax - skipped)
  const asked = limit === rowsMax ? rowsMax : rowsMax + 1
  const tail = ` LIMIT ${asked}${skipped === 0 ? '' : ` OFFSET ${skipped}`}`
  const printed = printer.print(parsed.sql, undefined, tail)
  const outputs = printed.columns.map(({ name, type }): PlanColumn => {
    const zoned = typeof type === 'object' && 'zoned' in type ? { zone: type.zoned } : {}
    return { name, type: typeName(type), ...zoned }
  })
  const used = all
    .filter((column) => printer.used.has(column.name))
    .map(({ name }) => quoteName(name))
  const source = `SELECT ${used.join(', ') || '1 AS one'} FROM ${storeView} WHERE ${where}`
  // A WITH of the query itself continues ours.
  const own = printed.sql.startsWith('WITH ') ? `, ${printed.sql.slice(5)}` : ` ${printed.sql}`
  const sql = printer.readsLog ? `WITH ${sourceName} AS (${source})${own}` : printed.sql
  return { sql, columns: outputs, hasSql: true, rowsMax }
}

/**
 * Rows in order of time. Ties are ordered by the rest of the record, so that pages fit together
 * however the segments lie: the first pass finds the last time needed, the second sorts only so far.
 */
function rawPlan(all: readonly ColumnSpec[], where: string, raw: RawRows): QueryPlan {
  const names = all.map((column) => quoteName(column.name))
  const order = raw.reverse ? 'DESC' : 'ASC'
  const rows = raw.line + 1
  const reach = `SELECT "__time__" AS t FROM ${storeView} WHERE ${where} ORDER BY 1 ${order} LIMIT ${raw.offset + rows}`
  const bound = `(SELECT ${raw.reverse ? 'min' : 'max'}(t) FROM (${reach}) AS reach)`
  const ordered = names.map((name) => `${name} ${order} NULLS LAST`).join(', ')
  const sql =
    `SELECT ${names.join(', ')} FROM ${storeView} WHERE ${where} ` +
    `AND "__time__" ${raw.reverse ? '>=' : '<='} ${bound} ` +
    `ORDER BY ${ordered} LIMIT ${rows} OFFSET ${raw.offset}`
  const columns = all.map(({ name, kind }) => ({
    name,
    type: kind === 'integer' ? 'bigint' : 'varchar',
  }))
  return { sql, columns, hasSql: false, rowsMax: raw.line }
}

export function checkRange({ from, to }: QueryRange): void {
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from < to) return
  throw new WeirError('InvalidTimeRange', `the range ${from} to ${to} is empty`, {
    hint: 'from and to are Unix seconds, and to is after from',
  })
}
