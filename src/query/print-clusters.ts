import {
  mayVary,
  precisionDefault,
  precisionMax,
  variable,
  wholeVaries,
} from '../patterns/patterns.ts'
import type { QueryRange } from './plan-range.ts'
import type { SelectForm } from './planned.ts'
import type { QueryText } from './place.ts'
import { internalNames } from './print-relation.ts'
import type { OutputColumn, PrintedQuery } from './print-relation.ts'
import { quoteName, quoteText } from './quote.ts'
import type { ScopeRelation } from './scope.ts'
import type { Call, Expression, OrderItem, Query, Select } from './sql-tree.ts'
import { isNumber } from './types.ts'
import type { Printed } from './types.ts'

/** Masked texts that are told apart; those that came less often are counted together. */
const masksMax = 20_000
const secondsMax = 10 * 366 * 86_400
/** What `sls_js_log_patterns` gives of a pattern, one after the other. */
const fieldsOfOne = 6

export interface ClustersEnvironment {
  readonly query: QueryText
  readonly range: QueryRange
  /** Prints a query as it answers for another range. */
  print(query: Query, range: QueryRange): PrintedQuery
}

/**
 * `log_reduce(p)` alone in an inner query over a logstore: a row for each pattern of its logs, as a row of `pattern`,
 * `count`, `signature`, `origin_signatures` and `samples`, the most frequent first. `compare_log_reduce(p, seconds)`
 * adds `count_compare`, the count so many seconds earlier, and `diff` (sls-query.md 4). A log's text is its fields as
 * `name:value`, in the order of the logstore; numbers vary in any case.
 */
export class ClustersForm implements SelectForm {
  readonly #env: ClustersEnvironment
  readonly #select: Select
  readonly #call: Call
  readonly #precision: number
  /** Undefined where nothing is compared. */
  readonly #back: number | undefined

  constructor(
    env: ClustersEnvironment,
    select: Select,
    orderBy: readonly OrderItem[],
    calls: readonly Call[],
  ) {
    const call = calls[0]!
    this.#env = env
    this.#select = select
    this.#call = call
    this.#checkSelect(orderBy)
    const compares = call.name === 'compare_log_reduce'
    const [precision, seconds] = call.args
    if (call.args.length > (compares ? 2 : 1) || (compares && call.args.length < 2))
      throw env.query.syntax(
        `${call.name}() takes ${compares ? 'a precision and a number of seconds' : 'a precision'}`,
        call.at,
        compares ? 'as in compare_log_reduce(3, 86400)' : 'as in log_reduce(3)',
      )
    this.#precision =
      precision === undefined ? precisionDefault : this.#number(precision, precisionMax)
    this.#back = seconds === undefined ? undefined : this.#number(seconds, secondsMax)
  }

  #number(argument: Expression, most: number): number {
    const value =
      argument.kind === 'literal' && argument.type === 'bigint' ? Number(argument.text) : 0
    if (value >= 1 && value <= most) return value
    throw this.#env.query.syntax(
      `${this.#call.name}() takes numbers from 1 to ${most} here`,
      argument.at,
    )
  }

  /** "Works on the search part only, not on SQL results." */
  #checkSelect(orderBy: readonly OrderItem[]): void {
    const { items, from, where, groupBy, having, windows, distinct } = this.#select
    const [item] = items
    const isAlone =
      items.length === 1 && item?.kind === 'item' && item.value === this.#call && !distinct
    const isPlain =
      where === undefined &&
      having === undefined &&
      groupBy.length + windows.length + orderBy.length === 0 &&
      (from === undefined || from.kind === 'table')
    if (isAlone && isPlain) return
    throw this.#env.query.syntax(
      `${this.#call.name}() stands alone in a SELECT over a logstore`,
      this.#call.at,
      `as in SELECT a.pattern, a.count FROM (SELECT ${this.#call.name}(${this.#call.name === 'log_reduce' ? '3' : '3, 86400'}) AS a FROM log); choose logs before the |`,
    )
  }

  from(into: ScopeRelation[]): string {
    const { range } = this.#env
    const back = this.#back ?? 0
    const earlier = { from: range.from - back, to: range.to - back }
    const counted = this.#counted(back === 0 ? [range] : [range, earlier])
    const ranked = `SELECT *, row_number() OVER (ORDER BY n + e DESC, m) AS k FROM (${counted}) AS counted`
    const limited =
      `SELECT CASE WHEN k <= ${masksMax} THEN m ELSE ${quoteText(variable)} END AS m, ` +
      `min(s) AS s, sum(n) AS n, sum(e) AS e FROM (${ranked}) AS ranked GROUP BY 1`
    const list = (of: string): string => `list(CAST(${of} AS VARCHAR) ORDER BY m)`
    const lists =
      `SELECT ${list('s')} AS s, sls_js_log_patterns(${list('m')}, ${list('n')}, ${list('e')}, ` +
      `CAST(${this.#precision} AS BIGINT)) AS f FROM (${limited}) AS limited`
    const numbered = `SELECT s, f, unnest(range(0, len(f) // ${fieldsOfOne})) AS i FROM (${lists}) AS lists`
    const sql = `SELECT ${this.#row()} AS __pattern FROM (${numbered}) AS numbered ORDER BY i`
    into.push({ alias: undefined, columns: [] })
    return `(${sql}) AS __patterns`
  }

  #row(): string {
    const field = (index: number): string => `f[i * ${fieldsOfOne} + ${index}]`
    const count = `CAST(${field(2)} AS BIGINT)`
    const before = `CAST(${field(3)} AS BIGINT)`
    const samples = `list_transform(string_split(${field(6)}, ','), lambda x: s[CAST(x AS BIGINT)])`
    const compared =
      this.#back === undefined
        ? ''
        : `"count_compare" := ${before}, "diff" := ${count} - ${before}, `
    return (
      `struct_pack("pattern" := ${field(1)}, "count" := ${count}, ${compared}` +
      `"signature" := ${field(4)}, "origin_signatures" := ${field(5)}, "samples" := ${samples})`
    )
  }

  /**
   * A row for each masked text of the logs: `m`, one such log `s`, and how many are in the first range, `n`, and in the
   * other, `e`. Values are masked before they are joined, and rows are counted by them: of a column with few values,
   * few are looked at, and no text of a whole log is made but for one of each kind.
   */
  #counted(ranges: readonly QueryRange[]): string {
    const arms = ranges.map((range, arm) => ({ arm, ...this.#logs(range) }))
    const { own } = arms[0]!
    const logs = arms.map(({ arm, from, own: columns }) => {
      const values = columns.map(({ sql }, index) => `${sql} AS c${index}`)
      return `SELECT ${values.join(', ')}, ${arm} AS b FROM ${from}`
    })
    const masks = own.map(({ type }, index) => `${maskedValue(type, `c${index}`)} AS m${index}`)
    const keys = own.map((_, index) => `m${index}`).join(', ')
    const joined = (of: string): string => {
      const pairs = own.map(
        ({ name }, index) =>
          `${quoteText(`${name}:`)} || CAST(${of.replace('#', String(index))} AS VARCHAR)`,
      )
      return `array_to_string(list_value(${pairs.join(', ')}), ' ')`
    }
    const struct = own.map((_, index) => `c${index} := c${index}`).join(', ')
    const grouped =
      `SELECT ${keys}, first(struct_pack(${struct})) AS s, ` +
      `count(*) FILTER (WHERE b = 0) AS n, count(*) FILTER (WHERE b = 1) AS e ` +
      `FROM (SELECT *, ${masks.join(', ')} FROM (${logs.join(' UNION ALL ')}) AS logs) AS masked GROUP BY ${keys}`
    return (
      `SELECT m, min(s) AS s, sum(n) AS n, sum(e) AS e ` +
      `FROM (SELECT ${joined('m#')} AS m, ${joined('s.c#')} AS s, n, e FROM (${grouped}) AS grouped) AS joined GROUP BY m`
    )
  }

  #logs(range: QueryRange) {
    const { at } = this.#call
    const body: Select = { ...this.#select, items: [{ kind: 'star', table: undefined, at }] }
    const nothing = { ctes: [], orderBy: [], limit: undefined, offset: undefined }
    const { sql, columns } = this.#env.print({ kind: 'query', body, at, ...nothing }, range)
    const names = internalNames(columns).map(quoteName)
    const own = columns.flatMap(({ name, type }, index) =>
      name.startsWith('__') ? [] : [{ name, type, sql: names[index]! }],
    )
    if (own.length === 0)
      throw this.#env.query.syntax(`${this.#call.name}() finds no field to read`, at)
    return { own, from: `(${sql}) AS r(${names.join(', ')})` }
  }

  call(call: Call): Printed {
    return { sql: '__patterns.__pattern', type: 'row', at: call.at }
  }
}

/** Numbers vary in any case; texts are looked at before they are masked. */
function maskedValue(type: OutputColumn['type'], value: string): string {
  const [always, plain] = [quoteText(variable), `CAST(${value} AS VARCHAR)`]
  if (isNumber(type)) return `CASE WHEN ${value} IS NOT NULL THEN ${always} END`
  return (
    `CASE WHEN regexp_full_match(${plain}, ${quoteText(wholeVaries)}) THEN ${always} ` +
    `WHEN regexp_matches(${plain}, ${quoteText(mayVary)}) THEN sls_js_log_mask(${plain}) ELSE ${plain} END`
  )
}
