/** Hours, days and months of bills, in one time zone. A cycle is an hour, known by its first second. */
import { DateTime } from 'luxon'
import { WeirError } from '../base/errors.ts'

export const cycleSeconds = 3600

/** The hour that a moment falls in, as a clock of the zone shows it: zones of half an hour have their own. */
export function cycleAt(seconds: number, zone: string): number {
  const offset = DateTime.fromSeconds(seconds, { zone }).offset * 60
  return Math.floor((seconds + offset) / cycleSeconds) * cycleSeconds - offset
}

/** `2026-11` */
export const monthAt = (seconds: number, zone: string): string =>
  DateTime.fromSeconds(seconds, { zone }).toFormat('yyyy-MM')

/** `2026-11-22` */
export const dayAt = (seconds: number, zone: string): string =>
  DateTime.fromSeconds(seconds, { zone }).toFormat('yyyy-MM-dd')

/** From the first second to before the first one of the next month. Throws ParameterInvalid. */
export function monthRange(month: string, zone: string): { from: number; to: number } {
  const begin = DateTime.fromFormat(month, 'yyyy-MM', { zone })
  if (!/^\d{4}-\d{2}$/.test(month) || !begin.isValid)
    throw new WeirError('ParameterInvalid', `${JSON.stringify(month)} is no month`, {
      hint: 'Write it like 2026-11',
    })
  return { from: begin.toSeconds(), to: begin.plus({ months: 1 }).toSeconds() }
}
