import type { LogstoreEntry } from './catalogue.ts'
import { ttlDaysMax } from './names.ts'
import type { StoreParts } from './parts.ts'
import { hourSeconds } from './stage.ts'

/** Which days of a logstore are worked on now. */
export interface DayBounds {
  /** What is of days with an hour before this one, in days since 1970, is taken apart. */
  readonly apartBefore: number
  /** Days since 1970: from this one on, and before the other, hours are joined. */
  readonly first: number
  readonly over: number
  /** Unless something came later, Unix seconds. */
  readonly quietSince: number
}

const daySeconds = 24 * hourSeconds
/** A day is taken apart so long before its first hour expires, and left as it is for a day before that. */
const apartSeconds = daySeconds
const leftSeconds = 2 * daySeconds

export function dayBounds({ config, now }: StoreParts, { ttlDays }: LogstoreEntry): DayBounds {
  const time = now()
  const expired = ttlDays === ttlDaysMax ? -Infinity : time - ttlDays * daySeconds - hourSeconds
  const quietSince = time - config.hourSettleSeconds
  return {
    apartBefore: (expired + apartSeconds) / daySeconds,
    first: Math.ceil((expired + leftSeconds) / daySeconds),
    over: Math.floor(quietSince / daySeconds),
    quietSince,
  }
}
