import { DateTime } from 'luxon'
import { invalid } from './schedule.ts'

const units = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week', M: 'month' } as const
type Unit = keyof typeof units

/**
 * A moment told from another: `@m` is its minute's begin, `@h-1h` an hour before its hour's, `-15m` a quarter of an hour
 * before it, `now` itself.
 *
 * @param at Unix seconds
 * @returns Unix seconds
 * @throws WeirError ParameterInvalid with `place`
 */
export function timeOf(expression: string, at: number, zone: string, place: string): number {
  const moment = DateTime.fromSeconds(at, { zone })
  const trimmed = expression.trim()
  if (trimmed === 'now' || trimmed === 'absolute') return at
  const [whole, snap, steps] = /^(?:@([smhdwM]))?((?:\s*[+-]\d{1,6}[smhdwM])*)$/.exec(trimmed) ?? []
  if (whole === undefined || whole === '')
    throw invalid(place, `${JSON.stringify(expression)} is no time such as @m-5m, -15m or now`)
  let found = snap === undefined ? moment : moment.startOf(units[snap as Unit])
  for (const [, sign, count, unit] of (steps ?? '').matchAll(/([+-])(\d+)([smhdwM])/g)) {
    const step = { [units[unit as Unit]]: Number(count) }
    found = sign === '-' ? found.minus(step) : found.plus(step)
  }
  return Math.floor(found.toSeconds())
}
