/** How long windows are when a capture begins where another one ended: a process before this one, mostly. */
import { alignedStart, type UnixSeconds, unixSeconds } from '../base/time.ts'
import { type Schedule, windowSchedule } from '../flow-log/flow-log.ts'
import type { TapPlan } from './messages.ts'
import type { TapNote } from './tap-note.ts'

/** Windows that were told of stay as they were: a new length begins at a bound of both after them. */
export function scheduleAfter(
  note: Pick<TapNote, 'windowSeconds' | 'ledger'> | undefined,
  windowSeconds: TapPlan['windowSeconds'],
  now: UnixSeconds,
): Schedule {
  const own = windowSchedule(undefined, windowSeconds, now)
  if (note === undefined || note.windowSeconds === windowSeconds) return own
  const old = windowSchedule(undefined, note.windowSeconds, now)
  const from = alignedStart(now, Math.max(windowSeconds, note.windowSeconds))
  if (from <= note.ledger.asOf) return windowSchedule(old, windowSeconds, now)
  return [...old, { from: unixSeconds(from), seconds: windowSeconds }]
}
