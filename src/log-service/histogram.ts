import {
  indexOf,
  partsOf,
  rangeOf,
  type SearchRequest,
  type SearchThings,
  withTopic,
} from './search.ts'

export interface HistogramPart {
  /** Unix seconds: logs with `from <= __time__ < to`. */
  readonly from: number
  readonly to: number
  readonly count: number
}

export interface Histogram {
  readonly parts: readonly HistogramPart[]
  readonly complete: boolean
}

/** The number of the cloud's is about that. */
const partsMax = 60

/**
 * How many logs the search finds in each part of the range: all parts are of one length, but for the last, which ends with
 * the range. SQL behind the search is passed over. Throws as `search` does.
 */
export async function histogram(
  { store, engine }: SearchThings,
  request: SearchRequest,
  signal?: AbortSignal,
): Promise<Histogram> {
  const { project, logstore } = request
  const index = indexOf(store, project, logstore)
  const { from, to } = rangeOf(request)
  const seconds = Math.ceil((to - from) / partsMax)
  const where = withTopic(partsOf(request.query).where, request.topic)
  const counted = `SELECT (__time__ - ${from}) / ${seconds} AS part, count(*) AS logs GROUP BY part`
  const query = `${where} | ${counted} LIMIT ${partsMax}`
  const result = await engine.run({ project, logstore, query, from, to, index }, signal)
  const counts = new Map(result.rows.map(([part, logs]) => [Number(part), Number(logs)]))
  const parts = Array.from({ length: Math.ceil((to - from) / seconds) }, (_, part) => ({
    from: from + part * seconds,
    to: Math.min(to, from + (part + 1) * seconds),
    count: counts.get(part) ?? 0,
  }))
  return { parts, complete: result.exact }
}
