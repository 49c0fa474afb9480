/**
 * Answers whose rows come in order of time, or of the time of day: those of one hour follow those of the other, and need
 * no other hour, or those of one hour of all days.
 */
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

export interface TimeOrder {
  /** The last hours come first. */
  readonly isReverse: boolean
  /** Of the hours of a day, all days together: seconds that these days begin before those of UTC, whole hours. */
  readonly dayOffset?: number
}

/**
 * Which hours the first rows of an answer are of; undefined where that is not known. Each row is one record's, or a group's
 * whose key tells hours apart, and the first thing they are ordered by rises from hour to hour; nothing else in it
 * looks at other rows.
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
  if (!looksAtItself(sql)) return undefined
  const times = new OrderedTimes(question)
  const riseOf = (value: Expression): Rise | undefined => times.riseOf(meantBy(body, value))
  const rise = riseOf(first.value)
  if (rise === undefined) return undefined
  const tellsApart = (item: Select['groupBy'][number]): boolean => {
    const own = item.kind === 'expression' ? riseOf(item.value) : undefined
    return own !== undefined && (own === 'always' || rise === 'within a day')
  }
  const isPlain = body.groupBy.every(({ kind }) => kind === 'expression')
  const grouped = body.groupBy.length > 0 ? isPlain && body.groupBy.some(tellsApart) : !adds(sql)
  if (!grouped) return undefined
  const isReverse = first.descending
  return rise === 'always' ? { isReverse } : { isReverse, dayOffset: times.offset! }
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

/** Before it a time of day is not looked at: no time of a record, less an offset, is negative then. */
const dayOrderSince = 86_400

/** Of an expression that is greater in each hour than in the one before: of the range, or of each of its days. */
type Rise = 'always' | 'within a day'

class OrderedTimes {
  /** Seconds that the zone is ahead of UTC, whole hours; undefined where it is not known, or changes. */
  readonly offset: number | undefined
  readonly #question: TimeOrderQuestion

  constructor(question: TimeOrderQuestion) {
    this.#question = question
    this.offset = fixedOffset(question.zone, question.range.from)
  }

  riseOf(value: Expression): Rise | undefined {
    if (this.#isSeconds(value)) return 'always'
    if (value.kind === 'binary') {
      const rises = value.operator === '/' && this.#isTime(value.left) && isInHour(value.right)
      return rises ? 'always' : undefined
    }
    if (value.kind !== 'call' || !isPlain(value) || this.offset === undefined) return undefined
    if (value.name !== 'date_format') return this.#isTimestamp(value) ? 'always' : undefined
    const [time, format] = value.args
    if (value.args.length !== 2 || time === undefined || !this.#isTimestamp(time)) return undefined
    return format?.kind === 'literal' ? this.#riseAs(format.text, this.offset) : undefined
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

  #riseAs(format: string, offset: number): Rise | undefined {
    const { from, to } = this.#question.range
    const hours = dayAndHour.exec(format)?.[1]
    if (hours !== undefined)
      return hoursOfADay.test(hours) && to < fourDigitsUntil ? 'always' : undefined
    if (!hoursOfADay.test(format)) return undefined
    const dayOf = (time: number) => Math.floor((time + offset) / 86_400)
    if (dayOf(from) === dayOf(to - 1)) return 'always'
    return from >= dayOrderSince ? 'within a day' : undefined
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
