import { functionTable } from './functions/table.ts'
import { direction } from './print-call.ts'
import { ExpressionPrinter } from './print-expression.ts'
import { checkCondition } from './print-operators.ts'
import type { Place } from './print-place.ts'
import { RelationPrinter, internalNames, renameColumns } from './print-relation.ts'
import type { Ctes, OutputColumn, PrintedQuery } from './print-relation.ts'
import type { QueryText } from './place.ts'
import { ClustersForm } from './print-clusters.ts'
import { CompareForm } from './print-compare.ts'
import { SeriesForm } from './print-series.ts'
import { SpreadForm } from './print-spread.ts'
import { formOf, isPlanned, plannedCalls } from './planned.ts'
import type { SelectForm } from './planned.ts'
import type { QueryRange } from './plan-range.ts'
import type { SourceBook } from './source-book.ts'
import type { Buckets } from './source-spread.ts'
import { quoteName } from './quote.ts'
import { Scope } from './scope.ts'
import type { ScopeRelation } from './scope.ts'
import type {
  Alias,
  Expression,
  GroupItem,
  Name,
  OrderItem,
  Query,
  Relation,
  Select,
  Window,
} from './sql-tree.ts'
import type { Printed } from './types.ts'

interface SelectOutput {
  readonly printed: Printed
  readonly name: string
  /** The alias the user gave. */
  readonly alias: string | undefined
}

/**
 * Prints a query for DuckDB. Every column is printed with its relation, GROUP BY and ORDER BY go by
 * position, so the engine never looks a name up in its own order.
 */
export class QueryPrinter {
  readonly #query: QueryText
  readonly #zone: string
  readonly #sources: SourceBook
  readonly #relations: RelationPrinter
  readonly #expressions: ExpressionPrinter
  #ctes: Ctes = new Map()
  #range: QueryRange

  constructor(
    query: QueryText,
    zone: string,
    sources: SourceBook,
    storeName: string,
    range: QueryRange,
  ) {
    this.#query = query
    this.#zone = zone
    this.#sources = sources
    this.#range = range
    this.#expressions = new ExpressionPrinter({
      query,
      zone,
      subquery: (inner, scope) => {
        const printed = this.print(inner, scope)
        return { sql: printed.sql, types: printed.columns.map((column) => column.type) }
      },
    })
    this.#relations = new RelationPrinter({
      query,
      storeName,
      expressions: this.#expressions,
      ctes: () => this.#ctes,
      print: (inner, outer) => this.print(inner, outer),
      range: () => this.#range,
      source: (name) => sources.find(name, this.#range),
    })
  }

  /** `limit` stands in for a missing LIMIT. */
  print(query: Query, outer: Scope | undefined, limit?: string): PrintedQuery {
    const before = this.#ctes
    const ctes = query.ctes.map((cte) => this.#cte(cte.name, cte.columns, cte.query, outer))
    const { sql, columns } = this.#body(query, outer)
    this.#ctes = before
    const withClause = ctes.length === 0 ? '' : `WITH ${ctes.join(', ')} `
    const tail = limit ?? this.#limit(query)
    return { sql: `${withClause}${sql}${tail}`, columns }
  }

  #limit(query: Query): string {
    const limit = query.limit === undefined ? '' : ` LIMIT ${query.limit}`
    return query.offset === undefined ? limit : `${limit} OFFSET ${query.offset}`
  }

  #cte(name: Name, renamed: readonly Name[], query: Query, outer: Scope | undefined): string {
    const printed = this.print(query, outer)
    const columns = renameColumns(this.#query, name, renamed, printed.columns)
    this.#ctes = new Map(this.#ctes).set(name.text.toLowerCase(), {
      name: name.text,
      columns,
      range: this.#range,
    })
    return `${quoteName(name.text)}(${internalNames(columns).map(quoteName).join(', ')}) AS (${printed.sql})`
  }

  #body(query: Query, outer: Scope | undefined): PrintedQuery {
    const { body } = query
    if (body.kind === 'select') return this.#select(body, query.orderBy, outer)
    if (body.kind === 'query') {
      const inner = this.print(body, outer)
      return { ...inner, sql: `(${inner.sql})${this.#orderByOutput(query.orderBy, inner.columns)}` }
    }
    if (body.kind === 'values') {
      const place: Place = { scope: new Scope(this.#query, [], outer), noAggregates: 'VALUES' }
      const rows = body.rows.map((row) => row.map((each) => this.#expressions.print(each, place)))
      const columns = rows[0]!.map((cell, index) => ({ name: `_col${index}`, type: cell.type }))
      const sql = rows.map((row) => `(${row.map((cell) => cell.sql).join(', ')})`).join(', ')
      return { sql: `VALUES ${sql}${this.#orderByOutput(query.orderBy, columns)}`, columns }
    }
    const left = this.print(body.left, outer)
    const right = this.print(body.right, outer)
    if (left.columns.length !== right.columns.length) {
      throw this.#query.syntax(
        `${body.kind.toUpperCase()} joins queries of ${left.columns.length} and ${right.columns.length} columns`,
        query.at,
      )
    }
    const operator = `${body.kind.toUpperCase()}${body.all ? ' ALL' : ''}`
    const order = this.#orderByOutput(query.orderBy, left.columns)
    return { sql: `(${left.sql}) ${operator} (${right.sql})${order}`, columns: left.columns }
  }

  /** ORDER BY where only the output's columns are there: by position or name. */
  #orderByOutput(items: readonly OrderItem[], columns: readonly OutputColumn[]): string {
    if (items.length === 0) return ''
    const printed = items.map((item) => {
      const { value } = item
      const named =
        value.kind === 'column' && value.table === undefined
          ? columns.findIndex((column) => column.name.toLowerCase() === value.name.toLowerCase()) +
            1
          : value.kind === 'literal' && value.type === 'bigint'
            ? Number(value.text)
            : 0
      if (named >= 1 && named <= columns.length) return `${named}${direction(item)}`
      throw this.#query.syntax('ORDER BY takes a column of the result here', value.at)
    })
    return ` ORDER BY ${printed.join(', ')}`
  }

  #select(select: Select, orderBy: readonly OrderItem[], outer: Scope | undefined): PrintedQuery {
    const from = select.from ?? (readsRows(select) ? logRelation : undefined)
    const relations: ScopeRelation[] = []
    const form = this.#form(select, orderBy, outer)
    const fromSql = form?.from?.(relations) ?? this.#from(from, relations, outer)
    const scope = new Scope(this.#query, relations, outer)
    const windows = new Map<string, Window>(
      select.windows.map((each) => [each.name.toLowerCase(), each.window]),
    )
    const planned = form === undefined ? {} : { planned: form.call.bind(form) }
    const place: Place = { scope, windows, ...planned }
    const outputs = this.#outputs(select, place)
    const list = outputs.map((output) => `${output.printed.sql} AS ${quoteName(output.name)}`)
    const where = this.#condition('WHERE', select.where, { ...place, noAggregates: 'WHERE' })
    const group = this.#groupBy(select, outputs, place)
    const having = this.#condition('HAVING', select.having, place)
    const distinct = select.distinct ? 'DISTINCT ' : ''
    const columns = outputs.map((output) => ({ name: output.name, type: output.printed.type }))
    const source = fromSql === undefined ? '' : ` FROM ${fromSql}`
    const sql = `SELECT ${distinct}${list.join(', ')}${source}${where}${group}${having}`
    if (form instanceof SeriesForm) {
      return form.fill(sql, columns, this.#positions(orderBy.slice(1), outputs))
    }
    return { sql: `${sql}${this.#orderBy(orderBy, outputs, place)}`, columns }
  }

  #from(from: Relation | undefined, into: ScopeRelation[], outer: Scope | undefined) {
    return from === undefined ? undefined : this.#relations.print(from, into, outer)
  }

  /** ORDER BY where only what is selected can be named. */
  #positions(items: readonly OrderItem[], outputs: readonly SelectOutput[]): string[] {
    return items.map((item) => {
      const index = this.#outputIndex(item.value, outputs, 'ORDER BY', (output) => output.name)
      if (index !== undefined) return `${index + 1}${direction(item)}`
      throw this.#query.syntax('ORDER BY takes what is selected here', item.value.at)
    })
  }

  #form(
    select: Select,
    orderBy: readonly OrderItem[],
    outer: Scope | undefined,
  ): SelectForm | undefined {
    const calls = plannedCalls(select, orderBy)
    const kind = formOf(this.#query, calls)
    if (kind === undefined) return undefined
    const env = {
      query: this.#query,
      zone: this.#zone,
      range: this.#range,
      expression: (each: Expression, place: Place) => this.#expressions.print(each, place),
    }
    if (kind === 'compare') {
      const print = (query: Query, range: QueryRange) => this.#printAt(query, outer, range)
      return new CompareForm({ ...env, print }, select, calls)
    }
    if (kind === 'clusters') {
      const print = (query: Query, range: QueryRange) => this.#printAt(query, outer, range)
      return new ClustersForm({ ...env, print }, select, orderBy, calls)
    }
    if (kind === 'series') {
      const context = (place: Place, at: number) => this.#expressions.context(place, at)
      return new SeriesForm({ ...env, context }, select, orderBy, calls)
    }
    return new SpreadForm({ ...env, table: this.#spreadTable.bind(this) }, select, calls)
  }

  #printAt(query: Query, outer: Scope | undefined, range: QueryRange): PrintedQuery {
    const before = this.#range
    this.#range = range
    try {
      return this.print(query, outer)
    } finally {
      this.#range = before
    }
  }

  #spreadTable(
    name: Name,
    alias: Alias | undefined,
    into: ScopeRelation[],
    buckets: Buckets,
  ): string {
    const isCte = this.#ctes.has(name.text.toLowerCase())
    const source = isCte ? undefined : this.#sources.findSpread(name.text, this.#range, buckets)
    if (source !== undefined) return this.#relations.source(name, source, alias, into)
    throw this.#query.refused(
      `flow_time() needs records with start and end, which ${name.text} has not`,
      name.at,
    )
  }

  #condition(clause: string, value: Select['where'], place: Place): string {
    if (value === undefined) return ''
    const printed = this.#expressions.print(value, place)
    return ` ${clause} ${checkCondition(this.#query, printed, `a condition in ${clause}`).sql}`
  }

  #outputs(select: Select, place: Place): SelectOutput[] {
    const outputs: SelectOutput[] = []
    for (const item of select.items) {
      if (item.kind === 'star') {
        for (const column of place.scope.star(item.table, item.at)) {
          const printed = { sql: column.sql, type: column.type, at: item.at }
          outputs.push({ printed, name: column.name, alias: undefined })
        }
        continue
      }
      const printed = this.#expressions.print(item.value, place)
      const own =
        item.value.kind === 'column' ? this.#columnName(item.value.name) : `_col${outputs.length}`
      outputs.push({ printed, name: item.alias?.text ?? own, alias: item.alias?.text })
    }
    return outputs
  }

  /** A column of the log is called as the log calls it, however it was written. */
  #columnName(name: string): string {
    return this.#sources.current.fields.sqlField(name)?.name ?? name
  }

  /** GROUP BY: an alias wins over a column of the same name; both are printed by position. */
  #groupBy(select: Select, outputs: readonly SelectOutput[], place: Place): string {
    if (select.groupBy.length === 0) return ''
    const scope: Place = { ...place, noAggregates: 'GROUP BY' }
    const printed = select.groupBy.map((item) => this.#groupItem(item, outputs, scope))
    return ` GROUP BY ${printed.join(', ')}`
  }

  #groupItem(item: GroupItem, outputs: readonly SelectOutput[], place: Place): string {
    if (item.kind === 'expression') return this.#groupKey(item.value, outputs, place, true)
    const sets = item.sets.map(
      (set) => `(${set.map((each) => this.#groupKey(each, outputs, place, false)).join(', ')})`,
    )
    const names = { rollup: 'ROLLUP', cube: 'CUBE', sets: 'GROUPING SETS' }
    return `${names[item.kind]} (${sets.join(', ')})`
  }

  #groupKey(
    value: Expression,
    outputs: readonly SelectOutput[],
    place: Place,
    byPosition: boolean,
  ): string {
    const index = this.#outputIndex(value, outputs, 'GROUP BY', (output) => output.alias)
    if (index === undefined) return this.#expressions.print(value, place).sql
    const { printed, name } = outputs[index]!
    if (printed.aggregate === true) {
      throw this.#query.syntax(`GROUP BY cannot take ${name}, which holds an aggregate`, value.at)
    }
    return byPosition ? String(index + 1) : printed.sql
  }

  /** The output an expression stands for: its position, or its name as `nameOf` gives it. */
  #outputIndex(
    value: Expression,
    outputs: readonly SelectOutput[],
    clause: string,
    nameOf: (output: SelectOutput) => string | undefined,
  ): number | undefined {
    if (value.kind === 'literal' && value.type === 'bigint') {
      const position = Number(value.text)
      if (position >= 1 && position <= outputs.length) return position - 1
      throw this.#query.syntax(`${clause} position ${value.text} is not in the SELECT`, value.at)
    }
    if (value.kind !== 'column' || value.table !== undefined) return undefined
    const wanted = value.name.toLowerCase()
    const index = outputs.findIndex((output) => nameOf(output)?.toLowerCase() === wanted)
    return index === -1 ? undefined : index
  }

  #orderBy(items: readonly OrderItem[], outputs: readonly SelectOutput[], place: Place): string {
    if (items.length === 0) return ''
    const aliases = new Map<string, Printed>()
    for (const { alias, printed } of outputs) {
      if (alias !== undefined && !aliases.has(alias.toLowerCase()))
        aliases.set(alias.toLowerCase(), printed)
    }
    const inner: Place = { ...place, scope: place.scope.withAliases(aliases) }
    const printed = items.map((item) => {
      const index = this.#outputIndex(item.value, outputs, 'ORDER BY', (output) => output.alias)
      const sql =
        index === undefined ? this.#expressions.print(item.value, inner).sql : String(index + 1)
      return `${sql}${direction(item)}`
    })
    return ` ORDER BY ${printed.join(', ')}`
  }
}

const logRelation: Relation = { kind: 'table', name: { text: 'log', at: 0 }, alias: undefined }

/** Whether a SELECT without FROM asks about the rows of the log. */
function readsRows(select: Select): boolean {
  if (select.where !== undefined || select.groupBy.length > 0 || select.having !== undefined)
    return true
  return select.items.some((item) => item.kind === 'star' || mentionsRows(item.value, []))
}

function mentionsRows(node: unknown, bound: readonly string[]): boolean {
  if (Array.isArray(node)) return node.some((each) => mentionsRows(each, bound))
  if (typeof node !== 'object' || node === null) return false
  const { kind, name, parameters } = node as Record<string, unknown>
  if (kind === 'query') return false
  if (kind === 'column') return !bound.includes(String(name))
  if (kind === 'call' && isPlanned(String(name))) return true
  if (kind === 'call' && (functionTable.get(String(name))?.kind ?? 'scalar') !== 'scalar')
    return true
  const inner = kind === 'lambda' ? [...bound, ...(parameters as string[])] : bound
  return Object.values(node).some((each) => mentionsRows(each, inner))
}
