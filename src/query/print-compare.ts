import { utcTime } from './functions/time.ts'
import type { QueryRange } from './plan-range.ts'
import { groupKeys } from './planned.ts'
import type { SelectForm } from './planned.ts'
import type { QueryText } from './place.ts'
import type { Place } from './print-place.ts'
import { columnsOf, internalNames, renameColumns } from './print-relation.ts'
import type { OutputColumn, PrintedQuery } from './print-relation.ts'
import { quoteName } from './quote.ts'
import type { ScopeRelation } from './scope.ts'
import type { Call, Expression, Query, Select } from './sql-tree.ts'
import { isNumber } from './types.ts'
import type { Printed } from './types.ts'

/** Earlier ranges of one query. */
const offsetsMax = 10
const offsetSecondsMax = 10 * 366 * 86_400

export interface CompareEnvironment {
  readonly query: QueryText
  readonly zone: string
  readonly range: QueryRange
  /** Prints a query as it answers for another range. */
  print(query: Query, range: QueryRange): PrintedQuery
  expression(expression: Expression, place: Place): Printed
}

/**
 * `compare(v, n, ...)` over an inner query: its rows for the range, and for the range n seconds earlier.
 * A group's answer is an array: now, each n's before, each now/before, each earlier time in Unix seconds
 * (four elements with one n). `ts_compare` is the same by a time, which is what it was n seconds earlier.
 */
export class CompareForm implements SelectForm {
  readonly #env: CompareEnvironment
  readonly #select: Select
  readonly #calls: readonly Call[]
  #rows = ''
  /** Of ts_compare: the time of a row, in Unix seconds. */
  #seconds: string | undefined

  constructor(env: CompareEnvironment, select: Select, calls: readonly Call[]) {
    this.#env = env
    this.#select = select
    this.#calls = calls
  }

  from(into: ScopeRelation[]): string {
    const { query, range } = this.#env
    const { from } = this.#select
    const [call] = this.#calls
    if (from?.kind !== 'subquery') {
      throw query.syntax(
        `${call!.name}() needs FROM with a query in parentheses`,
        call!.at,
        `as in SELECT ${call!.name}(n, 86400) FROM (SELECT count(*) AS n FROM log)`,
      )
    }
    const name = from.alias?.name ?? { text: '_query', at: from.query.at }
    const now = this.#env.print(from.query, range)
    const columns = renameColumns(query, name, from.alias?.columns ?? [], now.columns)
    const internal = internalNames(columns)
    const time = this.#timeColumn(columns)
    const arm = (sql: string, back: number): string => {
      const list = internal.map((each, index) => {
        if (index !== time || back === 0) return quoteName(each)
        const later = columns[index]!.type === 'bigint' ? back : `to_seconds(${back})`
        return `${quoteName(each)} + ${later} AS ${quoteName(each)}`
      })
      const named = internal.map(quoteName).join(', ')
      return `SELECT ${list.join(', ')}, ${back} AS __back FROM (${sql}) AS r(${named})`
    }
    const earlier = this.#offsets().map((back) => {
      const moved = { from: range.from - back, to: range.to - back }
      return arm(this.#env.print(from.query, moved).sql, back)
    })
    this.#rows = quoteName(name.text)
    if (time !== undefined) {
      const sql = `${this.#rows}.${quoteName(internal[time]!)}`
      this.#seconds = secondsOf(sql, columns[time]!, this.#env.zone)
    }
    into.push({ alias: from.alias?.name.text, columns: columnsOf(name.text, columns, internal) })
    return `(${[arm(now.sql, 0), ...earlier].join(' UNION ALL ')}) AS ${this.#rows}`
  }

  #offsets(): number[] {
    const all = this.#calls.flatMap((call) => this.#offsetsOf(call))
    return [...new Set(all)]
  }

  #offsetsOf(call: Call): number[] {
    const { query } = this.#env
    const [, ...offsets] = call.args
    if (offsets.length === 0 || offsets.length > offsetsMax) {
      throw query.syntax(
        `${call.name}() takes a value and 1 to ${offsetsMax} numbers of seconds`,
        call.at,
        `as in ${call.name}(n, 86400)`,
      )
    }
    return offsets.map((offset) => {
      const seconds =
        offset.kind === 'literal' && offset.type === 'bigint' ? Number(offset.text) : 0
      if (seconds > 0 && seconds <= offsetSecondsMax) return seconds
      throw query.syntax(`${call.name}() looks back a number of seconds`, offset.at, 'as in 86400')
    })
  }

  /** The time that the groups of ts_compare are made by: a timestamp before a number. */
  #timeColumn(columns: readonly OutputColumn[]): number | undefined {
    const call = this.#calls.find(({ name }) => name === 'ts_compare')
    if (call === undefined) return undefined
    const keys = groupKeys(this.#select).flatMap((key) => {
      if (key.kind !== 'column') return []
      const wanted = key.name.toLowerCase()
      const index = columns.findIndex(({ name }) => name.toLowerCase() === wanted)
      return index === -1 ? [] : [index]
    })
    const typed = (index: number) => columns[index]!.type
    const isTime = (index: number) =>
      typed(index) === 'timestamp' ||
      (typeof typed(index) === 'object' && 'zoned' in (typed(index) as object))
    const found = keys.find(isTime) ?? keys.find((index) => typed(index) === 'bigint')
    if (found !== undefined) return found
    throw this.#env.query.syntax(
      'ts_compare() needs GROUP BY a time of the inner query',
      call.at,
      "as in date_trunc('hour', __time__) AS t in the inner query, and GROUP BY t in this one",
    )
  }

  call(call: Call, place: Place): Printed {
    const { query, range } = this.#env
    const offsets = this.#offsetsOf(call)
    const inner = { ...place, noAggregates: `the arguments of ${call.name}()` }
    const value = this.#env.expression(call.args[0]!, inner)
    if (!isNumber(value.type) && value.type !== 'unknown') {
      throw query.syntax(`${call.name}() needs a number to compare`, call.args[0]!.at)
    }
    const at = (back: number): string => {
      const only = `FILTER (WHERE ${this.#rows}.__back = ${back})`
      const several = `sls_fail('${call.name} found several rows of a group: GROUP BY each column that tells them apart')`
      const one = `max(CAST(${value.sql} AS DOUBLE)) ${only}`
      return `(CASE WHEN count(*) ${only} > 1 THEN CAST(${several} AS DOUBLE) ELSE ${one} END)`
    }
    const time = (back: number): string =>
      call.name === 'compare' ? `${range.from - back}` : `max(${this.#seconds}) - ${back}`
    const items = [
      at(0),
      ...offsets.map(at),
      ...offsets.map((back) => `${at(0)} / nullif(${at(back)}, 0)`),
      ...offsets.map((back) => `CAST(${time(back)} AS DOUBLE)`),
    ]
    return { sql: `[${items.join(', ')}]`, type: { array: 'double' }, at: call.at, aggregate: true }
  }
}

function secondsOf(sql: string, { type }: OutputColumn, zone: string): string {
  if (type === 'bigint') return sql
  const own = typeof type === 'object' && 'zoned' in type ? type.zoned : zone
  return `epoch_us(${utcTime(sql, own)}) / 1000000`
}
