import type { LogstoreEntry } from './catalogue.ts'
import { areWhole } from './damage.ts'
import { asStorageError, discard, placeOf, publishSegment } from './flush.ts'
import { mergeParquet } from './parquet.ts'
import type { StoreParts } from './parts.ts'
import { withRollups } from './rollups.ts'
import type { Segment } from './segments.ts'
import { sameAsTimeInAll } from './same-as-time.ts'
import { hourSeconds } from './stage.ts'
import { addSums } from './sums.ts'

export interface MergePlan {
  readonly hour: number
  /** 1: still to be merged again; 2: the hour's final file; 3: the day's, whose first hour it is. */
  readonly level: 1 | 2 | 3
  readonly inputs: readonly Segment[]
}

export interface MergeLimits {
  readonly mergeFiles: number
  readonly mergeRecentFiles: number
  readonly hourSettleSeconds: number
  readonly lateFiles: number
  readonly mergeRowsMax: number
}

/**
 * What to merge now, of a logstore's hours that have files below level 2. An hour that goes on merges
 * its small files when there are many. One that is over and quiet becomes one final file, or a few
 * if it is large. "Late records make extra files for their hour": they are merged in when many.
 */
export function planMerges(
  segments: readonly Segment[],
  now: number,
  limits: MergeLimits,
): MergePlan[] {
  return [...Map.groupBy(segments, ({ hour }) => hour)].flatMap(([hour, files]): MergePlan[] => {
    const final = files.filter(({ level }) => level === 2)
    const rest = files.filter(({ level }) => level < 2)
    const quietSince = now - limits.hourSettleSeconds
    const over =
      (hour + 1) * hourSeconds <= quietSince && rest.every((each) => each.cameBy <= quietSince)
    if (over && rest.length > 0 && (final.length === 0 || rest.length >= limits.lateFiles)) {
      const small = final.filter(({ rows }) => rows < limits.mergeRowsMax / 2)
      return groups([...small, ...rest], limits.mergeRowsMax)
        .filter((inputs) => inputs.some(({ level }) => level < 2))
        .map((inputs) => ({ hour, level: 2, inputs }))
    }
    return [0, 1].flatMap((level) => {
      const same = rest.filter((each) => each.level === level)
      const goesOn = level === 0 && (hour + 1) * hourSeconds > quietSince
      const enough = goesOn ? limits.mergeRecentFiles : limits.mergeFiles
      if (same.length < Math.min(enough, limits.mergeFiles)) return []
      return groups(same, limits.mergeRowsMax)
        .filter((inputs) => inputs.length > 1)
        .map((inputs) => ({ hour, level: 1, inputs }))
    })
  })
}

/** Files in order, in groups of up to `rowsMax` rows, or of one file larger than that. */
function groups(files: readonly Segment[], rowsMax: number): Segment[][] {
  const result: Segment[][] = []
  let rows = Infinity
  for (const file of files) {
    if (rows + file.rows > rowsMax) {
      result.push([])
      rows = 0
    }
    result.at(-1)?.push(file)
    rows += file.rows
  }
  return result
}

/**
 * Merges some files into one and puts it in their place, in one transaction: a query sees either the
 * old files or the new one. The new one's rows and sums are compared with what the catalogue says of
 * the old before they are given up. Throws StorageFull, StorageBroken.
 */
export async function runMerge(
  parts: StoreParts,
  logstore: LogstoreEntry,
  { hour, level, inputs }: MergePlan,
): Promise<void> {
  const lease = parts.files.lease(inputs, logstore.columns)
  try {
    if (!(await areWhole(parts, inputs))) return // never makes damage good; the rest is planned anew
    const sameAsTime = await sameAsTimeInAll(parts, logstore, inputs)
    const facts = {
      hour,
      level,
      rows: inputs.reduce((sum, each) => sum + each.rows, 0),
      timeMin: Math.min(...inputs.map((each) => each.timeMin)),
      timeMax: Math.max(...inputs.map((each) => each.timeMax)),
      sums: addSums(inputs.map((each) => each.sums)),
      sameAsTime,
      receiveMin: Math.min(...inputs.map((each) => each.receiveMin)),
      cameBy: Math.max(...inputs.map((each) => each.cameBy)), // a merge makes rows no younger
    }
    const { merging } = parts.engine
    const merge = {
      files: lease.files,
      alike: inputs.every(({ sums }) => sums.size === facts.sums.size),
      sortBy: logstore.sortBy.filter((name) => facts.sums.has(name)),
      sameAsTime,
      isDay: level === 3,
    }
    const file = await publishSegment(parts, merging, logstore, facts, (path) =>
      mergeParquet(merging, merge, path),
    )
    const merged = level >= 2 ? await withRollups(parts, logstore, file) : file
    const replaced = parts.catalogue.transaction(() => {
      if (!parts.segments.holds(inputs)) return false // expired or deleted meanwhile
      parts.segments.add(merged)
      parts.segments.retire(inputs)
      return true
    })
    if (replaced) parts.counters[level === 3 ? 'dayMerges' : 'compactions']++
    else await discard(parts, [merged])
  } catch (error) {
    throw asStorageError(error, placeOf(logstore))
  } finally {
    lease.release()
  }
}
