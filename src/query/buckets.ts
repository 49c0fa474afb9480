/**
 * Where buckets of `step` seconds begin: `offset` seconds past each multiple of `step`, so that a day
 * begins at midnight, and an hour at the full hour, of the zone as it is at `from`.
 */
export function bucketAlignment(from: number, step: number, zone: string): number {
  const local = zoneSeconds(from, zone)
  return (step - (local % step)) % step
}

/** Seconds east of UTC at an instant, 0 to 86,399: whole days play no part. */
function zoneSeconds(at: number, zone: string): number {
  const fixed = /^([+-])(\d\d):?(\d\d)$/.exec(zone)
  if (fixed !== null) {
    const east = Number(fixed[2]) * 3600 + Number(fixed[3]) * 60
    return (fixed[1] === '-' ? 86_400 - east : east) % 86_400
  }
  const timeZone = zone === 'Z' ? 'UTC' : zone
  const format = new Intl.DateTimeFormat('en-GB', { timeZone, timeStyle: 'medium' })
  const [hours, minutes, seconds] = format
    .format(at * 1000)
    .split(':')
    .map(Number)
  const local = hours! * 3600 + minutes! * 60 + seconds!
  return (local - (at % 86_400) + 86_400) % 86_400
}
