/** The hours of a small day as one file, and as hours again. */
import type { LogstoreEntry } from './catalogue.ts'
import type { MergePlan } from './compaction.ts'
import { areWhole } from './damage.ts'
import type { DayBounds } from './day-bounds.ts'
import {
  asStorageError,
  columnsIn,
  discard,
  placeOf,
  publishSegment,
  writtenWrong,
} from './flush.ts'
import { mergeParquet, readHours } from './parquet.ts'
import type { StoreParts } from './parts.ts'
import { withRollups } from './rollups.ts'
import type { Segment } from './segments.ts'
import { addSums, differingSums } from './sums.ts'

/** The hours of the latest small day that can be merged; what came late joins them when that are many files. */
export function planDayFile(
  { config, segments }: StoreParts,
  { id }: LogstoreEntry,
  { first, over, quietSince }: DayBounds,
): MergePlan | undefined {
  for (const day of segments.smallDays(id, first, over, config.dayRowsMax)) {
    const inputs = segments.ofDay(id, day)
    const apart = inputs.filter(({ level }) => level < 3).length
    const enough = apart < inputs.length ? config.lateFiles : 2
    if (apart < enough || inputs.some(({ cameBy }) => cameBy > quietSince)) continue
    return { hour: day * 24, level: 3, inputs }
  }
  return undefined
}

/**
 * Puts files of its hours in the place of a day's, in one transaction, each with the time its own rows came by.
 * Throws StorageFull, StorageBroken.
 */
export async function partDayFile(
  parts: StoreParts,
  logstore: LogstoreEntry,
  day: Segment,
): Promise<void> {
  const { catalogue, counters, engine, files, segments } = parts
  const lease = files.lease([day], logstore.columns)
  const made: Segment[] = []
  try {
    if (!(await areWhole(parts, [day]))) return
    const { sameAsTime } = day
    const whole = { path: files.absolute(day.path), sameAsTime }
    const hours = await readHours(engine.merging, whole, columnsIn(day.sums, logstore))
    const differing = differingSums(day.sums, addSums(hours.map(({ sums }) => sums)))
    if (differing !== '') throw writtenWrong(whole.path, differing)
    const sortBy = logstore.sortBy.filter((name) => day.sums.has(name))
    for (const each of hours) {
      const facts = { ...each, level: 2, sameAsTime, cameBy: Math.min(each.cameBy, day.cameBy) }
      const order = { sortBy, isDay: false, hour: each.hour }
      const merge = { files: [whole], alike: true, sameAsTime, ...order }
      const file = await publishSegment(parts, engine.merging, logstore, facts, (output) =>
        mergeParquet(engine.merging, merge, output),
      )
      made.push(await withRollups(parts, logstore, file))
    }
    const replaced = catalogue.transaction(() => {
      if (!segments.holds([day])) return false
      for (const each of made) segments.add(each)
      segments.retire([day])
      return true
    })
    if (replaced) counters.dayMerges++
    else await discard(parts, made)
  } catch (error) {
    await discard(parts, made)
    throw asStorageError(error, placeOf(logstore))
  } finally {
    lease.release()
  }
}
