/** What a traffic analyzer is, and which values it may have. */
import { WeirError } from '../base/errors.ts'
import { alignedStart } from '../base/time.ts'
import { dayMinutes, type Dimension, dimensions } from './tuples.ts'

/** Minutes of the high-precision rollups ("1, 10 or 60 minutes", alibaba-api.md 5). */
const analyzerIntervals = [1, 10, 60] as const
type AnalyzerInterval = (typeof analyzerIntervals)[number]

/** Days that rollups of a tuple type are kept. */
export interface StorageDays {
  /** Those of the analyzer's interval. */
  readonly interval: number
  /** Those of a day. */
  readonly day: number
}

export interface Analyzer {
  /** `nta-` and 16 hex digits; a project of this name holds its rollups. */
  readonly id: string
  readonly name: string
  readonly description: string
  readonly region: string
  readonly intervalMinutes: AnalyzerInterval
  readonly storage: Readonly<Record<Dimension, StorageDays>>
  /** Unix seconds: hours that ended before were dropped while storage was shorter. Of those made longer since. */
  readonly dropped?: { readonly [Name in Dimension]?: Partial<StorageDays> }
  /** Unix seconds. */
  readonly createdAt: number
  readonly changedAt: number
}

export type StorageChange = { readonly [Name in Dimension]?: Partial<StorageDays> }

/** What may be changed: not the interval, in which everything that is stored lies. */
export interface AnalyzerChange {
  readonly name?: string
  readonly description?: string
  readonly storage?: StorageChange
}

export interface NewAnalyzer extends AnalyzerChange {
  /** 10 unless told. */
  readonly intervalMinutes?: number
}

export const defaultStorage: Analyzer['storage'] = {
  Tuple1: { interval: 30, day: 180 },
  Tuple2: { interval: 30, day: 180 },
  Tuple5: { interval: 30, day: 180 },
}

const storageDaysMax = 3650
const daySeconds = 86_400
const nameMax = 128
const descriptionMax = 256

/** Throws ParameterInvalid. */
export function intervalOf(minutes: number): AnalyzerInterval {
  const found = analyzerIntervals.find((each) => each === minutes)
  if (found !== undefined) return found
  throw invalid('intervalMinutes', `${minutes} is not one of ${analyzerIntervals.join(', ')}`)
}

/** @throws WeirError ParameterInvalid */
export function changed<A extends Pick<Analyzer, 'name' | 'description' | 'storage'>>(
  analyzer: A,
  { name = analyzer.name, description = analyzer.description, storage = {} }: AnalyzerChange,
): A {
  if (name.length > nameMax) throw invalid('name', `it is longer than ${nameMax} characters`)
  if (description.length > descriptionMax)
    throw invalid('description', `it is longer than ${descriptionMax} characters`)
  const kept = { ...analyzer.storage }
  for (const dimension of dimensions) {
    const days = { ...kept[dimension], ...storage[dimension] }
    for (const [what, value] of Object.entries(days))
      if (!Number.isInteger(value) || value < 1 || value > storageDaysMax)
        throw invalid(
          `storage.${dimension}.${what}`,
          `${value} is not a number of days, 1 to ${storageDaysMax}`,
        )
    kept[dimension] = days
  }
  return { ...analyzer, name, description, storage: kept }
}

/** What was dropped stays so when storage is made longer at `now`. */
export function droppedBy({ storage, dropped = {} }: Analyzer, longer: Analyzer, now: number) {
  const found = { ...dropped }
  for (const dimension of dimensions)
    for (const what of ['interval', 'day'] as const) {
      const days = storage[dimension][what]
      if (longer.storage[dimension][what] > days)
        found[dimension] = {
          ...found[dimension],
          [what]: Math.max(now - days * daySeconds, found[dimension]?.[what] ?? 0),
        }
    }
  return found
}

/** Whether a rollup still has all from a time on. */
export function isKept(
  { storage, dropped = {} }: Analyzer,
  { dimension, minutes }: Pick<Rollup, 'dimension' | 'minutes'>,
  from: number,
  now: number,
): boolean {
  const what = minutes === dayMinutes ? 'day' : 'interval'
  const days = storage[dimension][what]
  const old = days < storageDaysMax ? now - days * daySeconds : 0
  const hourEnd = alignedStart(from, 3600) + 3600
  return hourEnd > Math.max(old, dropped[dimension]?.[what] ?? 0)
}

export interface Rollup {
  readonly dimension: Dimension
  readonly minutes: number
  readonly ttlDays: number
}

/** The six of an analyzer: three tuple types, at its interval and at a day. */
export const rollupsOf = ({ intervalMinutes, storage }: Analyzer): Rollup[] =>
  dimensions.flatMap((dimension) => [
    { dimension, minutes: intervalMinutes, ttlDays: storage[dimension].interval },
    { dimension, minutes: dayMinutes, ttlDays: storage[dimension].day },
  ])

export const invalid = (place: string, message: string, hint?: string): WeirError =>
  new WeirError('ParameterInvalid', message, { place, ...(hint === undefined ? {} : { hint }) })
