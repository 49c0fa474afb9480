import { divisor, remainder } from './functions/maths.ts'
import { localTime, utcTime } from './functions/time.ts'
import type { QueryText } from './place.ts'
import type { BinaryOperator } from './sql-tree.ts'
import { classOf, commonType, typeName } from './types.ts'
import type { Printed, SqlType } from './types.ts'

/** An expression made of others: their text joined by `sql`, an aggregate if one of them is. */
export function plain(
  type: SqlType,
  of: readonly Printed[],
  sql: (items: string[]) => string,
): Printed {
  return { sql: sql(of.map((each) => each.sql)), type, at: of[0]?.at ?? 0, ...carried(of) }
}

export const carried = (of: readonly Printed[]): { aggregate?: true } =>
  of.some((each) => each.aggregate === true) ? { aggregate: true } : {}

const depthOf = (type: SqlType): number =>
  typeof type === 'object' && 'array' in type ? 1 + depthOf(type.array) : 0

/** `||`: texts, two arrays, or an array and one more element. */
export function concatenated(left: Printed, right: Printed): Printed {
  const depth = Math.max(depthOf(left.type), depthOf(right.type))
  const isElement = ({ type }: Printed): boolean =>
    depthOf(type) < depth && type !== 'unknown' && type !== 'null'
  const [a, b] = [left, right].map((each) =>
    isElement(each) ? { ...each, sql: `[${each.sql}]` } : each,
  )
  const whole = depthOf(left.type) === depth ? left : right
  const type = depth > 0 ? whole.type : 'varchar'
  return plain(type, [a!, b!], (items) => `(${items.join(' || ')})`)
}

/** Numbers and times: `+ - * / %`. Integers divide to an integer, and zero is an error. */
export function arithmetic(
  query: QueryText,
  operator: BinaryOperator,
  left: Printed,
  right: Printed,
  nulls: boolean,
): Printed {
  const both = [left, right]
  const classes = both.map((each) => classOf(each.type))
  const time = classes.indexOf('time')
  if (time !== -1 || classes.includes('interval'))
    return timeArithmetic(query, operator, left, right)
  const wrong = both.find((each) => !['number', undefined].includes(classOf(each.type)))
  if (wrong !== undefined) {
    throw query.syntax(
      `"${operator}" needs numbers, and this is a ${typeName(wrong.type)}`,
      wrong.at,
      'write cast(... as bigint)',
    )
  }
  const type = commonType(both.map((each) => each.type))
  if (operator === '/' && (left.type === 'double' || right.type === 'double')) {
    const literal = right.literal !== undefined && Number(right.literal) !== 0
    if (literal) return plain('double', both, ([a, b]) => `(${a} / ${b})`)
    return plain(
      'double',
      both,
      ([a, b]) => `sls_divide(CAST(${a} AS DOUBLE), CAST(${b} AS DOUBLE))`,
    )
  }
  if (operator === '%') return plain(type, both, () => remainder(left, right, { nulls }))
  const second = operator === '/' ? divisor(right, { nulls }) : right.sql
  return plain(type, both, ([a]) => `(${a} ${operator} ${second})`)
}

function timeArithmetic(
  query: QueryText,
  operator: BinaryOperator,
  left: Printed,
  right: Printed,
): Printed {
  const [first, second] = [classOf(left.type), classOf(right.type)]
  const addition = operator === '+' && (first === 'interval' || second === 'interval')
  if (!addition && operator !== '-') {
    throw query.syntax(`"${operator}" cannot be used with times`, left.at)
  }
  const printed = plain('unknown', [left, right], ([a, b]) => `(${a} ${operator} ${b})`)
  if (first === 'time' && second === 'time') {
    if (left.type !== 'date' || right.type !== 'date') return { ...printed, type: 'interval' }
    return { ...printed, type: 'interval', sql: `to_days(CAST(${printed.sql} AS INTEGER))` }
  }
  const [base, other] = first === 'time' ? [left, second] : [right, first]
  if (other !== 'interval') {
    throw query.syntax(
      `"${operator}" joins a time and an interval`,
      right.at,
      "write + interval '5' minute, or use date_add",
    )
  }
  if (base.type !== 'date') return { ...printed, type: base.type }
  return { ...printed, type: 'date', sql: `CAST(${printed.sql} AS DATE)` }
}

/** Refuses to compare a text with a number, and the like; `what` is the comparison. */
export function checkComparable(
  query: QueryText,
  left: Printed,
  right: Printed,
  what: string,
): void {
  const [a, b] = [classOf(left.type), classOf(right.type)]
  if (a === undefined || b === undefined || a === b) return
  // A text that stands for a time is read as one.
  const text = a === 'text' ? left : right
  if (
    (a === 'time' || b === 'time') &&
    (a === 'text' || b === 'text') &&
    text.literal !== undefined
  )
    return
  const hint =
    a === 'text' || b === 'text'
      ? 'texts are in single quotes; or write cast(... as bigint)'
      : undefined
  throw query.syntax(
    `${what} cannot compare a ${typeName(left.type)} with a ${typeName(right.type)}`,
    right.at,
    hint,
  )
}

/** Two times as local times of one zone, so that they compare as instants. */
export function inSameZone(left: Printed, right: Printed, zone: string): Printed[] {
  const zoned = (printed: Printed) => typeof printed.type === 'object' && 'zoned' in printed.type
  if (!zoned(left) && !zoned(right)) return [left, right]
  return [left, right].map((each) => {
    if (typeof each.type !== 'object' || !('zoned' in each.type)) return each
    return { ...each, sql: localTime(utcTime(each.sql, each.type.zoned), zone) }
  })
}

/** Refuses what is not a condition where one is needed; `what` says where. */
export function checkCondition(query: QueryText, printed: Printed, what: string): Printed {
  const found = classOf(printed.type)
  if (found === undefined || found === 'boolean') return printed
  throw query.syntax(`expected ${what}, not a ${typeName(printed.type)}`, printed.at)
}
