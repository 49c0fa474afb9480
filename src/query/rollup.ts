/**
 * Questions that totals kept beside the records answer as the records would. What is not understood here
 * is asked of the records.
 */
import type { RollupSpec } from '../logstore/logstore.ts'
import { rollupColumns } from '../logstore/logstore.ts'
import type { SqlField, StoreFields } from './fields.ts'
import type { QueryRange } from './plan-range.ts'
import type { Condition, Predicate } from './predicate.ts'
import { quoteName } from './quote.ts'
import { RollupTerms, walk } from './rollup-terms.ts'
import { RollupTotals } from './rollup-totals.ts'
import { isPlanned, meantBy } from './planned.ts'
import type { Query, Select } from './sql-tree.ts'

export interface RollupQuestion {
  readonly search: Predicate
  readonly sql: Query
  readonly fields: StoreFields
  /** Of the logstore that is asked, lower case. */
  readonly names: readonly string[]
  readonly range: QueryRange
  readonly zone: string
}

export interface RolledUp {
  readonly rollup: RollupSpec
  /** The query over the columns of the rollup. */
  readonly sql: Query
  /** Those of the logstore, and the totals. */
  readonly fields: StoreFields
}

/** The question as one of the first rollup that can answer it; undefined: it is one of the records. */
export function rollUp(
  question: RollupQuestion,
  rollups: readonly RollupSpec[],
): RolledUp | undefined {
  if (rollups.length === 0) return undefined
  const chain = chainOf(question.sql, question.names)
  if (chain === undefined) return undefined
  for (const rollup of rollups) {
    if (!searchesOnly(question.search, question.fields, rollup.by)) continue
    const terms = new RollupTerms(rollup, question.fields, question.zone, question.range)
    const inner = rollUpSelect(chain, terms)
    if (inner === undefined) continue
    const { select: body, orderBy } = inner
    const own: Query = { ...chain.query, body, orderBy }
    const sql = chain.around.reduceRight((query, putIn) => putIn(query), own)
    return { rollup, sql, fields: withTotals(question.fields, rollup) }
  }
  return undefined
}

interface Chain {
  /** The query whose SELECT reads the logstore, and that SELECT. */
  readonly query: Query
  readonly select: Select
  /** Each puts a query where its own inner one was; the outermost comes first. */
  readonly around: readonly ((inner: Query) => Query)[]
}

/** Queries in FROM of each other, and no other query anywhere: the innermost alone reads, and reads once. */
function chainOf(sql: Query, names: readonly string[]): Chain | undefined {
  const around: ((inner: Query) => Query)[] = []
  let query = sql
  for (;;) {
    const outer = query
    const { body } = outer
    if (outer.ctes.length > 0 || body.kind !== 'select') return undefined
    const { from } = body
    if (from?.kind !== 'subquery') {
      const readsIt =
        from === undefined ||
        (from.kind === 'table' &&
          names.includes(from.name.text.toLowerCase()) &&
          (from.alias?.columns ?? []).length === 0)
      return readsIt && isChain(sql, around.length + 1)
        ? { query, select: body, around }
        : undefined
    }
    around.push((inner) => ({ ...outer, body: { ...body, from: { ...from, query: inner } } }))
    query = from.query
  }
}

/** Nothing but so many queries, and no function that asks about other times. */
function isChain(sql: Query, length: number): boolean {
  let queries = 0
  let planned = false
  walk(sql, ({ kind, name }) => {
    if (kind === 'query') queries++
    planned ||= kind === 'call' && isPlanned(String(name))
  })
  return queries === length && !planned
}

function rollUpSelect({ query, select }: Chain, terms: RollupTerms) {
  if (select.windows.length > 0) return undefined
  if (select.where !== undefined && !terms.isCondition(select.where)) return undefined
  const totals = new RollupTotals(terms, select)
  for (const item of select.groupBy) {
    if (item.kind !== 'expression' || !terms.isKey(meantBy(select, item.value))) return undefined
  }
  const items = totals.items()
  const having = select.having === undefined ? undefined : totals.rewrite(select.having)
  const orderBy = totals.orderBy(query.orderBy)
  if (items === undefined || orderBy === undefined) return undefined
  if (select.having !== undefined && having === undefined) return undefined
  const grouped = totals.found > 0 || select.groupBy.length > 0
  if (!grouped && !select.distinct) return undefined // each record is a row of the answer
  return { select: { ...select, items, having }, orderBy }
}

function searchesOnly(search: Predicate, fields: StoreFields, by: readonly string[]): boolean {
  if (search.kind === 'all') return true
  if (search.kind === 'and' || search.kind === 'or')
    return search.of.every((each) => searchesOnly(each, fields, by))
  if (search.kind === 'not') return searchesOnly(search.of, fields, by)
  const { key } = search as Condition
  const field = key === undefined ? undefined : fields.searchField(key)
  return field !== undefined && by.some((name) => field.sql === quoteName(name))
}

function withTotals(fields: StoreFields, { sums }: RollupSpec): StoreFields {
  const total = (name: string): SqlField => ({ name, type: 'bigint', sql: quoteName(name) })
  const names = [
    rollupColumns.rows,
    ...sums.flatMap((_, index) => [rollupColumns.sum(index), rollupColumns.values(index)]),
  ]
  const totals = new Map(names.map((name) => [name, total(name)]))
  return {
    starred: fields.starred,
    fullText: fields.fullText,
    sqlField: (name) => totals.get(name) ?? fields.sqlField(name),
    unknownInSql: (name) => fields.unknownInSql(name),
    searchField: (key) => fields.searchField(key),
    unknownInSearch: (key) => fields.unknownInSearch(key),
  }
}
