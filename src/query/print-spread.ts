import { bucketAlignment } from './buckets.ts'
import { groupKeys, isSame, stepOf } from './planned.ts'
import type { SelectForm } from './planned.ts'
import type { QueryRange } from './plan-range.ts'
import type { QueryText } from './place.ts'
import type { Place } from './print-place.ts'
import { quoteName } from './quote.ts'
import type { ScopeRelation } from './scope.ts'
import { spreadColumns } from './source-spread.ts'
import type { Buckets } from './source-spread.ts'
import type { Alias, Call, Expression, Name, Select } from './sql-tree.ts'
import { isNumber } from './types.ts'
import type { Printed } from './types.ts'

export interface SpreadEnvironment {
  readonly query: QueryText
  readonly zone: string
  readonly range: QueryRange
  /** Prints a table of records, each once for each bucket it lies in. */
  table(name: Name, alias: Alias | undefined, into: ScopeRelation[], buckets: Buckets): string
  expression(expression: Expression, place: Place): Printed
}

/**
 * Honest time: `flow_time('1m')` is the start of a bucket that a record lies in, `flow_sum(bytes)` what
 * falls into the bucket when a record's bytes are spread evenly from its start to its end, and
 * `flow_rate(bytes)` that by second. Over all buckets a record's parts add up to its bytes, exactly.
 */
export class SpreadForm implements SelectForm {
  readonly #env: SpreadEnvironment
  readonly #select: Select
  readonly #buckets: Buckets
  #rows = ''

  constructor(env: SpreadEnvironment, select: Select, calls: readonly Call[]) {
    this.#env = env
    this.#select = select
    const [time, ...more] = calls.filter(({ name }) => name === 'flow_time')
    const keys = groupKeys(select)
    if (time === undefined || !keys.some((key) => isSame(key, time))) {
      throw env.query.syntax(
        `${(time ?? calls[0]!).name}() needs GROUP BY flow_time(...)`,
        (time ?? calls[0]!).at,
        "as in SELECT flow_time('1m') AS t, flow_rate(bytes) GROUP BY t",
      )
    }
    const other = more.find((each) => !isSame(each, time))
    if (other !== undefined) {
      throw env.query.syntax('one SELECT has buckets of one length', other.at)
    }
    if (time.args.length !== 1)
      throw env.query.syntax(`flow_time() takes 1 argument, not ${time.args.length}`, time.at)
    const step = stepOf(env.query, time, time.args[0])
    this.#buckets = { step, offset: bucketAlignment(env.range.from, step, env.zone) }
  }

  from(into: ScopeRelation[]): string {
    const { from } = this.#select
    if (from !== undefined && from.kind !== 'table') {
      throw this.#env.query.syntax(
        'flow_time() needs FROM with records: log, count_once or another logstore',
        from.kind === 'subquery' ? from.query.at : from.at,
        'put it into an inner query: FROM (SELECT flow_time(...) AS t, ... FROM log GROUP BY t)',
      )
    }
    const name = from?.name ?? { text: 'log', at: 0 }
    this.#rows = quoteName((from?.alias?.name ?? name).text)
    return this.#env.table(name, from?.alias, into, this.#buckets)
  }

  call(call: Call, place: Place): Printed {
    const { at } = call
    const column = (name: keyof typeof spreadColumns) => `${this.#rows}.${spreadColumns[name]}`
    if (call.name === 'flow_time') return { sql: column('bucket'), type: 'bigint', at }
    if (place.noAggregates !== undefined)
      throw this.#env.query.syntax(`${call.name}() cannot be used in ${place.noAggregates}`, at)
    const value = this.#value(call, place)
    const share =
      value.type === 'double'
        ? `sum(${value.sql} * (${column('high')} - ${column('low')}) / ${column('span')})`
        : `CAST(sum(${part(value, column('high'), column('span'))} - ${part(value, column('low'), column('span'))}) AS BIGINT)`
    if (call.name === 'flow_sum') {
      const type = value.type === 'double' ? 'double' : 'bigint'
      return { sql: share, type, at, aggregate: true }
    }
    const sql = `(CAST(${share} AS DOUBLE) / max(${column('width')}))`
    return { sql, type: 'double', at, aggregate: true }
  }

  #value(call: Call, place: Place): Printed {
    const { query } = this.#env
    const [argument, ...more] = call.args
    if (argument === undefined || more.length > 0)
      throw query.syntax(`${call.name}() takes 1 argument, not ${call.args.length}`, call.at)
    const scope = place.scope.withAliases(new Map())
    const noAggregates = `the arguments of ${call.name}()`
    const value = this.#env.expression(argument, { ...place, scope, noAggregates })
    if (value.type === 'decimal') {
      return { ...value, sql: `CAST(${value.sql} AS DOUBLE)`, type: 'double' }
    }
    if (isNumber(value.type)) return value
    throw query.syntax(`${call.name}() needs a number to spread`, argument.at)
  }
}

/** What of a whole number lies before `seconds` of its span: parts of it add up to it. */
const part = ({ sql }: Printed, seconds: string, span: string): string =>
  `CAST(${sql} AS HUGEINT) * ${seconds} // ${span}`
