/** What becomes of days that are over: their hours, or the rollups of those, lie in one file until hours of it expire. */
import type { LogstoreEntry } from './catalogue.ts'
import { runMerge } from './compaction.ts'
import type { MergePlan } from './compaction.ts'
import { dayBounds } from './day-bounds.ts'
import { partDayFile, planDayFile } from './day-files.ts'
import { planApart, planJoin, runDayRollups } from './day-rollups.ts'
import type { DayRollupPlan } from './day-rollups.ts'
import type { StoreParts } from './parts.ts'
import type { Segment } from './segments.ts'

export type DayPlan =
  | { readonly work: 'merge'; readonly merge: MergePlan }
  | { readonly work: 'part'; readonly day: Segment }
  | DayRollupPlan

/**
 * What to do next for one day of a logstore, a day to be taken apart before others, the latest before earlier ones:
 * undefined when there is nothing. A day is joined when it is over and nothing came for a while; what comes after
 * that joins it when that are many files.
 */
export function planDay(parts: StoreParts, logstore: LogstoreEntry): DayPlan | undefined {
  const bounds = dayBounds(parts, logstore)
  const [day] = parts.segments.dayFiles(logstore.id, bounds.apartBefore * 24)
  if (day !== undefined) return { work: 'part', day }
  const apart = planApart(parts, logstore, bounds)
  if (apart !== undefined) return apart
  const merge = planDayFile(parts, logstore, bounds)
  if (merge !== undefined) return { work: 'merge', merge }
  return planJoin(parts, logstore, bounds)
}

/** Throws StorageFull, StorageBroken: all is as before then. */
export async function runDay(
  parts: StoreParts,
  logstore: LogstoreEntry,
  plan: DayPlan,
): Promise<void> {
  if (plan.work === 'merge') await runMerge(parts, logstore, plan.merge)
  else if (plan.work === 'part') await partDayFile(parts, logstore, plan.day)
  else await runDayRollups(parts, logstore, plan)
}
