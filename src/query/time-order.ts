/** Answers whose rows come in order of time: those of one hour follow those of the other, and need no other hour. */
import type { StoreFields } from './fields.ts'
import { functionTable } from './functions/table.ts'
import { isPlanned, meantBy } from './planned.ts'
import type { QueryRange } from './plan-range.ts'
import { walk } from './rollup-terms.ts'
import { fixedOffset } from './rollup-time.ts'
import type { Call, Expression, Query, Select } from './sql-tree.ts'

export interface TimeOrderQuestion {
  readonly sql: Query
  readonly fields: StoreFields
  /** Of the logstore that is asked, lower case. */
  readonly names: readonly string[]
  readonly range: QueryRange
  readonly zone: string
}

/** Whether the first hours come first, or the last; undefined where that is not known. */
export type TimeOrder = 'first' | 'last'

/**
 * Which hours the first rows of an answer are of. Each row is one record's, or a group's whose key tells hours
 * apart, and the first thing they are ordered by rises from hour to hour; nothing else in it looks at other rows.
 */
export function timeOrder(question: TimeOrderQuestion): TimeOrder | undefined {
  const { sql, names } = question
  const { body, orderBy } = sql
  const [first] = orderBy
  if (first === undefined || body.kind !== 'select' || sql.ctes.length > 0) return undefined
  if (sql.offset !== undefined && sql.offset > 0) return undefined
  const { from } = body
  const readsIt =
    from === undefined ||
    (from.kind === 'table' &&
      names.includes(from.name.text.toLowerCase()) &&
      (from.alias?.columns ?? []).length === 0)
  if (!readsIt || body.distinct || body.windows.length > 0 || renamesTime(body)) return undefined
  const times = new OrderedTimes(question)
  if (!looksAtItself(sql) || !times.isOrdered(meantBy(body, first.value))) return undefined
  const isWhole = (item: Select['groupBy'][number]): boolean =>
    item.kind === 'expression' && times.isOrdered(meantBy(body, item.value))
  const isPlain = body.groupBy.every(({ kind }) => kind === 'expression')
  const grouped = body.groupBy.length > 0 ? isPlain && body.groupBy.some(isWhole) : !adds(sql)
  return grouped ? (first.descending ? 'last' : 'first') : undefined
}

const timeName = '__time__'

const renamesTime = ({ items }: Select): boolean =>
  items.some((item) => item.kind === 'item' && item.alias?.text.toLowerCase() === timeName)

/** No other query in it, no window, and no function that asks about other times. */
function looksAtItself(sql: Query): boolean {
  let queries = 0
  let others = false
  walk(sql, ({ kind, name, over }) => {
    if (kind === 'query') queries++
    others ||= kind === 'call' && (over !== undefined || isPlanned(String(name)))
  })
  return queries === 1 && !others
}

function adds(sql: Query): boolean {
  let found = false
  walk(sql, ({ kind, name }) => {
    found ||= kind === 'call' && functionTable.get(String(name))?.kind !== 'scalar'
  })
  return found
}

/** Texts that sort as the times they are made of: within a day, and at all times. */
const hoursOfADay = /^%H(?:[:.]?%i(?:[:.]?%[Ss])?)?$|^%T$/
const dayAndHour = /^%Y[-/.]?%m[-/.]?%d[ T]?(?=%)(.+)$/

/** Before the year 10000. */
const fourDigitsUntil = 253_402_300_800

/** Expressions that rise with the time, and are greater in each hour than in the one before. */
class OrderedTimes {
  readonly #question: TimeOrderQuestion

  constructor(question: TimeOrderQuestion) {
    this.#question = question
  }

  isOrdered(value: Expression): boolean {
    if (this.#isSeconds(value)) return true
    if (value.kind === 'binary')
      return value.operator === '/' && this.#isTime(value.left) && isInHour(value.right)
    if (value.kind !== 'call' || !isPlain(value)) return false
    if (this.#offset() === undefined) return false
    if (value.name !== 'date_format') return this.#isTimestamp(value)
    const [time, format] = value.args
    return (
      value.args.length === 2 &&
      time !== undefined &&
      this.#isTimestamp(time) &&
      format?.kind === 'literal' &&
      this.#sorts(format.text)
    )
  }

  /** `__time__`, `__time__ - __time__ % 60` */
  #isSeconds(value: Expression): boolean {
    if (this.#isTime(value)) return true
    if (value.kind !== 'binary' || value.operator !== '-' || !this.#isTime(value.left)) return false
    const { right } = value
    if (right.kind !== 'binary' || right.operator !== '%') return false
    return this.#isTime(right.left) && isInHour(right.right)
  }

  /** `from_unixtime(__time__)`, `date_trunc('minute', __time__)` */
  #isTimestamp(value: Expression): boolean {
    if (value.kind !== 'call' || !isPlain(value)) return false
    const { name, args } = value
    if (name === 'from_unixtime') return args.length === 1 && this.#isSeconds(args[0]!)
    if (name !== 'date_trunc' || args.length !== 2) return false
    const [unit, time] = args
    if (unit?.kind !== 'literal' || !/^(second|minute|hour)$/i.test(unit.text)) return false
    return this.#isTime(time!) || this.#isTimestamp(time!)
  }

  #isTime(value: Expression): boolean {
    if (value.kind !== 'column') return false
    return this.#question.fields.sqlField(value.name)?.sql === '"__time__"'
  }

  #offset(): number | undefined {
    const { zone, range } = this.#question
    return fixedOffset(zone, range.from)
  }

  #sorts(format: string): boolean {
    const { from, to } = this.#question.range
    const hours = dayAndHour.exec(format)?.[1]
    if (hours !== undefined) return hoursOfADay.test(hours) && to < fourDigitsUntil
    const offset = this.#offset()!
    const dayOf = (time: number) => Math.floor((time + offset) / 86_400)
    return hoursOfADay.test(format) && dayOf(from) === dayOf(to - 1)
  }
}

const isPlain = ({ star, distinct, filter, over, orderBy }: Call): boolean =>
  !star && !distinct && filter === undefined && over === undefined && orderBy.length === 0

/** Seconds of which an hour is made. */
function isInHour(value: Expression): boolean {
  if (value.kind !== 'literal' || value.type !== 'bigint') return false
  const seconds = Number(value.text)
  return seconds > 0 && 3600 % seconds === 0
}
