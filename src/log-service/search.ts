import { WeirError } from '../base/errors.ts'
import type { ColumnSpec } from '../base/columns.ts'
import type { LogStore } from '../logstore/logstore.ts'
import {
  type IndexConfig,
  type NamedStore,
  parseSearchPart,
  type QueryRequest,
  type QueryResult,
} from '../query/query.ts'
import { packer } from './context.ts'
import { restColumn } from '../base/rest-fields.ts'
import { indexConfigOf } from './index-config.ts'
import { type LogRow, rowPrinter } from './search-rows.ts'

export interface SearchThings {
  readonly store: Pick<LogStore, 'attribute' | 'columns'>
  readonly engine: SearchEngine
}

/** A `QueryEngine`. */
export interface SearchEngine {
  run(
    request: QueryRequest & { readonly index?: IndexConfig },
    signal?: AbortSignal,
  ): Promise<Omit<QueryResult, 'exact'> & { readonly exact: boolean }>
}

export interface SearchRequest {
  readonly project: string
  readonly logstore: string
  /** `search`, `search | SQL` or `search | with_pack_meta`; empty for all. */
  readonly query: string
  /** Unix seconds: logs with `from <= __time__ < to`. */
  readonly from: number
  readonly to: number
  /** Only logs of this topic; empty for all. */
  readonly topic: string
  /** Other logstores that SQL may name. */
  readonly stores: readonly NamedStore[]
}

/** Without SQL only. */
export interface SearchPage {
  /** 0 to 100. */
  readonly line: number
  readonly offset: number
  /** Latest first. */
  readonly reverse: boolean
}

export interface SearchAnswer {
  readonly rows: readonly LogRow[]
  /** Nothing of the range is missing. */
  readonly complete: boolean
  readonly hasSql: boolean
  /** The two parts of the query as they were sent. */
  readonly whereQuery: string
  readonly aggQuery: string
  /** Columns of an SQL answer, and their types. */
  readonly keys: readonly string[]
  readonly columnTypes: readonly string[]
  readonly terms: readonly Term[]
  /** Rows of the segments that were read. */
  readonly scannedRows: number
  readonly elapsedMs: number
  /** Of an SQL answer: its LIMIT, or the one that counts without. */
  readonly rowsMax: number
}

/** A word that was looked for; the key is empty for any field. */
export interface Term {
  readonly key: string
  readonly term: string
}

const packWord = 'with_pack_meta'
const sqlRowsDefault = 100

/**
 * Throws IndexConfigNotExist, InvalidTimeRange, ParameterInvalid, and what `QueryEngine.run` throws.
 */
export async function search(
  things: SearchThings,
  request: SearchRequest,
  page: SearchPage,
  signal?: AbortSignal,
): Promise<SearchAnswer> {
  const { store, engine } = things
  const { project, logstore } = request
  const index = indexOf(store, project, logstore)
  const parts = partsOf(request.query)
  const hasSql = parts.sql !== '' && !parts.packs
  if (hasSql && page.offset !== 0) throw new WeirError('ParameterInvalid', offsetWithSql)
  const range = rangeOf(request)
  const where = withTopic(parts.where, request.topic)
  const query = hasSql ? `${where} | ${parts.sql}` : where
  const paging = hasSql ? {} : page
  const { stores } = request
  const asked = { project, logstore, query, index, stores, ...range, ...paging }
  const result = await engine.run(asked, signal)
  const specs = store.columns(project, logstore)
  const print = hasSql
    ? sqlPrinter(result, request, parts.sql)
    : rawPrinter(result, specs, parts.packs)
  return {
    rows: result.rows.map(print),
    complete: result.exact,
    hasSql,
    whereQuery: parts.packs ? `${parts.where} | ${packWord}` : parts.where,
    aggQuery: hasSql ? parts.sql : '',
    keys: hasSql ? result.columns.map(({ name }) => name) : [],
    columnTypes: hasSql ? result.columns.map(({ type }) => type) : [],
    terms: parts.terms,
    scannedRows: result.scannedRows,
    elapsedMs: Math.ceil(result.elapsedMs),
    rowsMax: hasSql ? limitOf(parts.sql) : page.line,
  }
}

/** Throws IndexConfigNotExist. */
export function indexOf(
  store: SearchThings['store'],
  project: string,
  logstore: string,
): IndexConfig {
  const index = indexConfigOf(store, project, logstore)
  if (index !== undefined) return index
  throw new WeirError('IndexConfigNotExist', 'Logstore without index config')
}

/** Throws InvalidTimeRange. */
export function rangeOf({ from, to }: { from: number; to: number }): { from: number; to: number } {
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from < to)
    return { from, to }
  throw new WeirError('InvalidTimeRange', 'request time range is invalid')
}

export interface QueryParts {
  readonly where: string
  readonly sql: string
  /** Instead of SQL: each log with what identifies it. */
  readonly packs: boolean
  readonly terms: readonly Term[]
}

/** Throws QuerySyntax, QueryRefused. */
export function partsOf(query: string): QueryParts {
  const text = query.trim() === '' ? '*' : query
  const { search: predicate, sql } = parseSearchPart(text)
  const where = sql === undefined ? text : text.slice(0, sql.offset - 1)
  const rest = sql?.text.trim() ?? ''
  return {
    where: where.trim() === '' ? '*' : where.trim(),
    sql: rest,
    packs: rest.toLowerCase() === packWord,
    terms: termsOf(predicate),
  }
}

type Predicate = ReturnType<typeof parseSearchPart>['search']

function termsOf(predicate: Predicate): Term[] {
  if (predicate.kind === 'all') return [{ key: '', term: '*' }]
  if (predicate.kind === 'and' || predicate.kind === 'or') return predicate.of.flatMap(termsOf)
  if ('text' in predicate) return [{ key: predicate.key ?? '', term: predicate.text }]
  return [] // a range has no word, and what NOT excludes is not looked for
}

/** The search of a query with the topic as one more condition. */
export function withTopic(where: string, topic: string): string {
  if (topic === '') return where
  const quoted = `__topic__: "${topic.replace(/["\\]/g, '\\$&')}"`
  return where === '*' ? quoted : `(${where}) and ${quoted}`
}

const offsetWithSql =
  'ErrorType:OLSQueryParseError.ErrorMessage:offset is not available for pagination in sql query, ' +
  'please use limit x,y syntax for pagination.'

const limitOf = (sql: string): number =>
  Number(/\blimit\s+(?:\d+\s*,\s*)?(\d+)\s*;?$/i.exec(sql)?.[1] ?? sqlRowsDefault)

type Values = readonly (string | null)[]
type Columns = Pick<QueryResult, 'columns'>

function rawPrinter(
  { columns }: Columns,
  specs: readonly ColumnSpec[],
  packs: boolean,
): (values: Values) => LogRow {
  const names = columns.map(({ name }) => name)
  const print = rowPrinter(names, specs)
  if (!packs) return print
  const pack = packer(names)
  return (values) => ({ ...print(values), ...pack(values) })
}

/** NULL is the text `null`; a row has a time and a source even if none was asked for, as the cloud's have. */
function sqlPrinter(
  { columns }: Columns,
  { from }: SearchRequest,
  sql: string,
): (values: Values) => LogRow {
  const hidden = [restColumn, '__receive_time__'].filter((name) => !sql.includes(name))
  const shown = [...columns.entries()].filter(([, { name }]) => !hidden.includes(name))
  return (values) =>
    Object.fromEntries([
      ['__time__', String(from)],
      ['__source__', ''],
      ...shown.map(([index, { name }]) => [name, values[index] ?? 'null']),
    ])
}
