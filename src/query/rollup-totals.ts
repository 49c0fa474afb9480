import { rollupColumns } from '../logstore/logstore.ts'
import { functionTable } from './functions/table.ts'
import { meantBy } from './planned.ts'
import type { RollupTerms } from './rollup-terms.ts'
import { walk } from './rollup-terms.ts'
import { bothOf, chosenTotal, isTruth } from './rollup-choice.ts'
import type { Call, Expression, Name, OrderItem, Select, SelectItem } from './sql-tree.ts'

/** Writes a SELECT's aggregates over records as aggregates over the rows of a rollup. */
export class RollupTotals {
  /** Aggregates so far. */
  found = 0
  readonly #terms: RollupTerms
  readonly #select: Select

  constructor(terms: RollupTerms, select: Select) {
    this.#terms = terms
    this.#select = select
  }

  items(): SelectItem[] | undefined {
    return mapped(this.#select.items, (item) => {
      const value = item.kind === 'item' ? this.rewrite(item.value) : undefined
      return value === undefined || item.kind === 'star' ? undefined : { ...item, value }
    })
  }

  /** Names and positions of what is selected stay as they are. */
  orderBy(items: readonly OrderItem[]): OrderItem[] | undefined {
    return mapped(items, (item) => {
      if (meantBy(this.#select, item.value) !== item.value) return item
      if (item.value.kind !== 'column' && this.#namesAlias(item.value)) return undefined
      const value = this.rewrite(item.value)
      return value === undefined ? undefined : { ...item, value }
    })
  }

  /** Undefined where the rows of a rollup do not tell. */
  rewrite(value: Expression): Expression | undefined {
    if (this.#terms.isKey(value)) return value
    if (value.kind === 'call' && functionTable.get(value.name)?.kind !== 'scalar') {
      this.found++
      return this.#total(value)
    }
    const parts = this.#terms.parts(value)
    const rewritten = parts && mapped(parts, (each) => this.rewrite(each))
    if (parts === undefined || rewritten === undefined) return undefined
    return replaced(value, new Map(parts.map((part, index) => [part, rewritten[index]!])))
  }

  #namesAlias(value: Expression): boolean {
    const aliases = new Set<string>()
    for (const item of this.#select.items)
      if (item.kind === 'item' && item.alias) aliases.add(item.alias.text.toLowerCase())
    let named = false
    walk(value, (node) => {
      named ||= node.kind === 'column' && aliases.has(String(node['name']).toLowerCase())
    })
    return named
  }

  #total(call: Call): Expression | undefined {
    const { args, distinct, filter, name, orderBy, over, ignoreNulls, star } = call
    if (over !== undefined || ignoreNulls || orderBy.length > 0 || args.length > 1) return undefined
    if (filter !== undefined && !this.#terms.isKey(filter)) return undefined
    const argument = args[0]
    const isKey = argument !== undefined && this.#terms.isKey(argument)
    // How often a value is there does not matter to these.
    if (isKey && (name === 'min' || name === 'max' || (name === 'count' && distinct))) return call
    if (distinct) return undefined
    if (name === 'count' && (star || argument === undefined))
      return counted(call, sumOf(call, rollupColumns.rows))
    if (argument === undefined) return undefined
    const index = this.#terms.sumOf(argument)
    const table = argument.kind === 'column' ? argument.table : undefined
    if (name === 'sum' && index !== undefined)
      return sumOf(call, rollupColumns.sum(index), filter, table)
    if (name === 'count' && index !== undefined)
      return counted(call, sumOf(call, rollupColumns.values(index), filter, table))
    const chosen = name === 'sum' ? chosenTotal(this.#terms, argument) : undefined
    if (chosen !== undefined) return { ...call, args: [chosen] }
    if (!isKey) return undefined
    const { at } = argument
    const there: Expression = { kind: 'isNull', of: argument, negated: true, at }
    if (name === 'count')
      return counted(call, sumOf(call, rollupColumns.rows, bothOf(filter, there)))
    if (name === 'count_if' && isTruth(argument))
      return counted(call, sumOf(call, rollupColumns.rows, bothOf(filter, argument)))
    return undefined
  }
}

const plain = { star: false, distinct: false, orderBy: [], over: undefined, ignoreNulls: false }

function sumOf(
  { at, filter }: Call,
  column: string,
  condition: Expression | undefined = filter,
  table?: Name,
): Call {
  const args: Expression[] = [{ kind: 'column', table, name: column, at }]
  return { kind: 'call', name: 'sum', args, filter: condition, at, ...plain }
}

/** The count of nothing is 0, and its sum NULL. */
function counted({ at }: Call, sum: Call): Call {
  const none: Expression = { kind: 'literal', type: 'bigint', text: '0', at }
  return { kind: 'call', name: 'coalesce', args: [sum, none], filter: undefined, at, ...plain }
}

/** All of them, or undefined where one is. */
function mapped<T, R>(items: readonly T[], map: (item: T) => R | undefined): R[] | undefined {
  const results: R[] = []
  for (const item of items) {
    const result = map(item)
    if (result === undefined) return undefined
    results.push(result)
  }
  return results
}

/** The expression with its parts exchanged, wherever among its fields they are. */
function replaced(value: Expression, parts: ReadonlyMap<Expression, Expression>): Expression {
  const exchange = (each: unknown): unknown => {
    const part = parts.get(each as Expression)
    if (part !== undefined) return part
    return Array.isArray(each) ? each.map(exchange) : each
  }
  const fields = Object.entries(value).map(([key, each]) => [key, exchange(each)])
  return Object.fromEntries(fields) as Expression
}
