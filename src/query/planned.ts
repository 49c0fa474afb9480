import type { QueryText } from './place.ts'
import type { Place } from './print-place.ts'
import type { ScopeRelation } from './scope.ts'
import type { Call, Expression, OrderItem, Select } from './sql-tree.ts'
import type { Printed } from './types.ts'

/** Functions that say how a whole SELECT is answered, by what they ask for. */
const forms = {
  compare: 'compare',
  ts_compare: 'compare',
  time_series: 'series',
  flow_time: 'spread',
  flow_sum: 'spread',
  flow_rate: 'spread',
  log_reduce: 'clusters',
  compare_log_reduce: 'clusters',
} as const

export type FormKind = (typeof forms)[keyof typeof forms]

/** How a SELECT with such functions is printed. */
export interface SelectForm {
  /** Prints FROM, and adds what can be named in it to `into`; undefined: as any other. */
  from?(into: ScopeRelation[]): string
  /** Prints a call of the form. */
  call(call: Call, place: Place): Printed
}

export const isPlanned = (name: string): boolean => Object.hasOwn(forms, name)

/** The calls of such functions in a SELECT itself, not in queries inside it. */
export function plannedCalls(select: Select, orderBy: readonly OrderItem[]): Call[] {
  const found: Call[] = []
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) {
      for (const each of node) walk(each)
    } else if (typeof node === 'object' && node !== null) {
      const { kind, name } = node as { readonly kind?: unknown; readonly name?: unknown }
      if (kind === 'query') return
      if (kind === 'call' && isPlanned(String(name))) found.push(node as Call)
      for (const each of Object.values(node)) walk(each)
    }
  }
  walk([select.items, select.where, select.groupBy, select.having, orderBy])
  return found
}

/** The one form that the calls belong to. Throws QuerySyntax where they are of two, or have OVER or FILTER. */
export function formOf(query: QueryText, calls: readonly Call[]): FormKind | undefined {
  const first = calls[0]
  if (first === undefined) return undefined
  for (const call of calls) {
    if (kindOf(call) !== kindOf(first)) {
      throw query.syntax(
        `${call.name}() and ${first.name}() cannot be in one SELECT`,
        call.at,
        'ask one of them in an inner query',
      )
    }
    const plain = !call.star && !call.distinct && call.orderBy.length === 0
    if (plain && call.filter === undefined && call.over === undefined) continue
    throw query.syntax(`${call.name}() takes no DISTINCT, ORDER BY, FILTER or OVER`, call.at)
  }
  return kindOf(first)
}

const kindOf = (call: Call): FormKind => forms[call.name as keyof typeof forms]

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** `5m` as seconds. Throws QuerySyntax. */
export function stepOf(query: QueryText, call: Call, argument: Expression | undefined): number {
  const text = argument?.kind === 'literal' && argument.type === 'varchar' ? argument.text : ''
  const [, count = '', unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? []
  if (count !== '') return Number(count) * unitSeconds[unit]!
  throw query.syntax(
    `${call.name}() needs the length of its buckets as a literal`,
    argument?.at ?? call.at,
    "as in '30s', '5m', '1h' or '1d'",
  )
}

/** Whether two expressions are written alike, wherever they stand. */
export const isSame = (a: Expression, b: Expression): boolean => textOf(a) === textOf(b)

const textOf = (expression: Expression): string =>
  JSON.stringify(expression, (key, value: unknown) => (key === 'at' ? undefined : value))

/** What a key of GROUP BY or ORDER BY stands for: an item of the SELECT by position or name, or itself. */
export function meantBy(select: Select, value: Expression): Expression {
  if (value.kind === 'literal' && value.type === 'bigint') {
    const item = select.items[Number(value.text) - 1]
    return item?.kind === 'item' ? item.value : value
  }
  if (value.kind !== 'column' || value.table !== undefined) return value
  const wanted = value.name.toLowerCase()
  for (const item of select.items) {
    if (item.kind === 'item' && item.alias?.text.toLowerCase() === wanted) return item.value
  }
  return value
}

/** The keys of GROUP BY; those of ROLLUP and its like are no plain keys. */
export const groupKeys = (select: Select): Expression[] =>
  select.groupBy.flatMap((item) =>
    item.kind === 'expression' ? [meantBy(select, item.value)] : [],
  )
