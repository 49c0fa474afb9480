const units = ['hour', 'day', 'week', 'month', 'quarter', 'year']

/** Whether `date_trunc` knows the unit and it is not finer than the bucket. */
export const isKnownUnit = (unit: string, hourly: boolean): boolean =>
  units.includes(unit.toLowerCase()) || (!hourly && unit.toLowerCase() === 'minute')

/** Zones that were whole hours apart from UTC since 1973. */
export const isFixedToHours = (zone: string): boolean =>
  ['UTC', 'Asia/Shanghai'].includes(zone) || /^[+-]\d\d:00$/.test(zone)

/** After it clocks were not put forward in China any more. */
const steadySince = 700_000_000

/** Seconds that a zone is ahead of UTC, whole hours, at `from` and ever after; undefined where that is not known. */
export function fixedOffset(zone: string, from: number): number | undefined {
  if (zone === 'UTC') return 0
  if (zone === 'Asia/Shanghai') return from < steadySince ? undefined : 8 * 3600
  const [, sign, hours] = /^([+-])(\d\d):00$/.exec(zone) ?? []
  return hours === undefined ? undefined : Number(hours) * (sign === '-' ? -3600 : 3600)
}
