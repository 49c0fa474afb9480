import { bucketAlignment } from './buckets.ts'
import { localTime, mysqlFormat } from './functions/time.ts'
import type { CallContext } from './functions/rule.ts'
import { groupKeys, isSame, meantBy, stepOf } from './planned.ts'
import type { SelectForm } from './planned.ts'
import type { QueryRange } from './plan-range.ts'
import type { QueryText } from './place.ts'
import type { Place } from './print-place.ts'
import type { OutputColumn } from './print-relation.ts'
import { quoteName } from './quote.ts'
import { bucketOf } from './source-spread.ts'
import type { Buckets } from './source-spread.ts'
import type { Call, Expression, OrderItem, Select } from './sql-tree.ts'
import { isNumber } from './types.ts'
import type { Printed, SqlType } from './types.ts'

const bucketsMax = 100_000
const paddings = ['0', 'null', 'last', 'next', 'avg'] as const
type Padding = (typeof paddings)[number]

export interface SeriesEnvironment {
  readonly query: QueryText
  readonly zone: string
  readonly range: QueryRange
  readonly context: (place: Place, at: number) => CallContext
  expression(expression: Expression, place: Place): Printed
}

/**
 * `time_series(col, '5m', format, padding)`: a row for every bucket of the range, in order of time; what a
 * bucket without rows holds is the padding: 0, null, the value before, the value after, or their average.
 */
export class SeriesForm implements SelectForm {
  readonly #env: SeriesEnvironment
  readonly #select: Select
  readonly #call: Call
  readonly #buckets: Buckets
  readonly #padding: Padding
  #format = ''

  constructor(
    env: SeriesEnvironment,
    select: Select,
    orderBy: readonly OrderItem[],
    calls: readonly Call[],
  ) {
    const call = calls[0]!
    this.#env = env
    this.#select = select
    this.#call = call
    const { query } = env
    if (call.args.length !== 4)
      throw query.syntax(`time_series() takes 4 arguments, not ${call.args.length}`, call.at)
    const other = calls.find((each) => !isSame(each, call))
    if (other !== undefined) throw query.syntax('one SELECT has one time_series()', other.at)
    const step = stepOf(query, call, call.args[1])
    this.#buckets = { step, offset: bucketAlignment(env.range.from, step, env.zone) }
    this.#padding = this.#paddingOf(call.args[3]!)
    this.#check(orderBy)
  }

  #paddingOf(argument: Expression): Padding {
    const text = argument.kind === 'literal' ? argument.text.toLowerCase() : ''
    const found = paddings.find((each) => each === text)
    if (found !== undefined) return found
    throw this.#env.query.syntax(
      'the padding of time_series() is one of 0, null, last, next, avg',
      argument.at,
    )
  }

  /** "Must appear with GROUP BY and ORDER BY on it, ascending only." */
  #check(orderBy: readonly OrderItem[]): void {
    const { query } = this.#env
    const call = this.#call
    const is = (key: Expression) => isSame(key, call)
    const items = this.#select.items.filter((item) => item.kind === 'item' && is(item.value))
    const grouped = groupKeys(this.#select).some(is)
    const [first] = orderBy
    const ordered = first !== undefined && is(meantBy(this.#select, first.value))
    if (items.length === 0 || !grouped || !ordered) {
      throw query.syntax(
        'time_series() must appear in SELECT, GROUP BY and, first, in ORDER BY',
        call.at,
        "as in SELECT time_series(__time__, '5m', '%H:%i', '0') AS t, count(*) AS n GROUP BY t ORDER BY t",
      )
    }
    if (first.descending)
      throw query.syntax('time_series() is in ascending order only', first.value.at)
    const { from, to } = this.#env.range
    if ((to - from) / this.#buckets.step <= bucketsMax) return
    throw query.syntax(
      `the range holds more than ${bucketsMax} buckets`,
      call.args[1]!.at,
      'ask for longer buckets or a shorter time range',
    )
  }

  call(call: Call, place: Place): Printed {
    const time = this.#env.expression(call.args[0]!, place)
    if (time.type !== 'bigint') {
      throw this.#env.query.syntax(
        'time_series() needs Unix seconds',
        call.args[0]!.at,
        'as __time__',
      )
    }
    const format = this.#env.expression(call.args[2]!, place)
    this.#format = mysqlFormat(format, this.#env.context(place, call.at))
    return { sql: bucketOf(time.sql, this.#buckets), type: 'bigint', at: call.at }
  }

  /**
   * The rows of the groups with those of the buckets between them. `order` are positions in the SELECT,
   * with their directions, by which rows of one bucket are ordered.
   */
  fill(
    sql: string,
    columns: readonly OutputColumn[],
    order: readonly string[],
  ): { readonly sql: string; readonly columns: readonly OutputColumn[] } {
    const keys = groupKeys(this.#select)
    const { items } = this.#select
    const roles = columns.map((_, index) => {
      const item = items[index]
      if (item?.kind !== 'item') return 'value'
      if (isSame(item.value, this.#call)) return 'time'
      return keys.some((key) => isSame(key, item.value)) ? 'key' : 'value'
    })
    const shown = new Set(roles.flatMap((role, index) => (role === 'key' ? [index] : [])))
    if (shown.size !== keys.length - 1 || keys.length !== this.#select.groupBy.length) {
      throw this.#env.query.syntax(
        'a SELECT with time_series() holds every key of its GROUP BY, once',
        this.#call.at,
      )
    }
    const names = columns.map((_, index) => `c${index}`)
    const groups = `(${sql}) AS g(${names.join(', ')})`
    const { from, to } = this.#env.range
    const { step } = this.#buckets
    const series = `(SELECT unnest(range(${bucketOf(`${from}`, this.#buckets)}, ${to}, ${step})) AS b) AS s`
    const keyNames = names.filter((_, index) => shown.has(index))
    const combinations =
      keyNames.length === 0
        ? ''
        : ` CROSS JOIN (SELECT DISTINCT ${keyNames.join(', ')} FROM ${groups}) AS k`
    const same = keyNames.map((name) => ` AND g.${name} IS NOT DISTINCT FROM k.${name}`).join('')
    const time = names[roles.indexOf('time')]!
    const over = `OVER (${keyNames.length === 0 ? '' : `PARTITION BY ${keyNames.map((name) => `k.${name}`).join(', ')} `}ORDER BY s.b`
    const filled = columns.map(({ name, type }, index) => {
      const own = names[index]!
      const role = roles[index]
      const value =
        role === 'time'
          ? this.#time()
          : role === 'key'
            ? `k.${own}`
            : this.#padded(own, time, type, over)
      return `${value} AS ${quoteName(name)}`
    })
    const types = columns.map(({ name, type }, index): OutputColumn => {
      if (roles[index] === 'time') return { name, type: 'varchar' }
      const averaged = roles[index] === 'value' && this.#padding === 'avg' && isNumber(type)
      return { name, type: averaged ? 'double' : type }
    })
    return {
      sql:
        `SELECT ${filled.join(', ')} FROM ${series}${combinations} ` +
        `LEFT JOIN ${groups} ON g.${time} = s.b${same} ORDER BY ${['s.b', ...order].join(', ')}`,
      columns: types,
    }
  }

  #time(): string {
    return `strftime(${localTime('make_timestamp(s.b * 1000000)', this.#env.zone)}, ${this.#format})`
  }

  /** A text has no 0 and no average: there a bucket without rows is null. */
  #padded(name: string, time: string, type: SqlType, over: string): string {
    const own = `g.${name}`
    const before = `last_value(${own} IGNORE NULLS) ${over} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)`
    const after = `first_value(${own} IGNORE NULLS) ${over} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)`
    const numeric = isNumber(type)
    if (
      this.#padding === 'null' ||
      (!numeric && this.#padding !== 'last' && this.#padding !== 'next')
    )
      return own
    if (this.#padding === '0') return `(CASE WHEN g.${time} IS NULL THEN 0 ELSE ${own} END)`
    if (this.#padding === 'last')
      return `(CASE WHEN g.${time} IS NULL THEN ${before} ELSE ${own} END)`
    if (this.#padding === 'next')
      return `(CASE WHEN g.${time} IS NULL THEN ${after} ELSE ${own} END)`
    const average = `(CAST(${before} AS DOUBLE) + CAST(${after} AS DOUBLE)) / 2`
    return `(CASE WHEN g.${time} IS NULL THEN ${average} ELSE CAST(${own} AS DOUBLE) END)`
  }
}
