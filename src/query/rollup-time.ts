const units = ['hour', 'day', 'week', 'month', 'quarter', 'year']

/** Whether `date_trunc` knows the unit and it is not finer than the bucket. */
export const isKnownUnit = (unit: string, hourly: boolean): boolean =>
  units.includes(unit.toLowerCase()) || (!hourly && unit.toLowerCase() === 'minute')

/** Zones that were whole hours apart from UTC since 1973. */
export const isFixedToHours = (zone: string): boolean =>
  ['UTC', 'Asia/Shanghai'].includes(zone) || /^[+-]\d\d:00$/.test(zone)
