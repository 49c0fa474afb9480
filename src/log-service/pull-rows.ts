import type { LogStore } from '../logstore/logstore.ts'
import type { PulledRow, PullResult, QueryEngine } from '../query/query.ts'

export interface PullThings {
  readonly store: Pick<LogStore, 'columns' | 'leaseReceived' | 'sealedThrough' | 'shards'>
  readonly engine: Pick<QueryEngine, 'pull'>
}

/** Which rows of a logstore, in the order in which they came. */
export interface RowRange {
  readonly project: string
  readonly logstore: string
  readonly shard?: number
  /** Unix seconds: rows with `from <= __receive_time__ < until`. */
  readonly from: number
  readonly until: number
  /** The first of the range to leave out. */
  readonly skip?: number
  readonly rows: number
  readonly reverse?: boolean
  readonly filter?: string
  readonly charactersMax: number
}

/** Undefined when no segment can have such rows; the engine is not asked then. */
export async function pullRows(
  { store, engine }: PullThings,
  { project, logstore, ...range }: RowRange,
  signal?: AbortSignal,
): Promise<PullResult | undefined> {
  const lease = await store.leaseReceived(project, logstore, range.from, range.until)
  try {
    if (lease.files.length === 0) return undefined
    const files = lease.files.map(({ path, lacks, sameAsTime }) => ({ path, lacks, sameAsTime }))
    const columns = store.columns(project, logstore)
    return await engine.pull({ ...range, project, files, columns }, signal)
  } finally {
    lease.release()
  }
}

/** What a search begins with: a reader that keeps up finds its rows there, in a file or two. */
const firstWindowSeconds = 60
const growth = 8

/**
 * Ranges of seconds that cover `from` to `until` one after the other, each longer than the one before: few segments are
 * opened where rows are near, and few ranges are tried where they are far.
 */
export function* windowsFrom(
  from: number,
  until: number,
): Generator<{ readonly from: number; readonly until: number }> {
  let length = firstWindowSeconds
  for (let at = from; at < until; at += length / growth) {
    yield { from: at, until: Math.min(until, at + length) }
    length *= growth
  }
}

/** From `until` back to `from`. */
export function* windowsBefore(
  from: number,
  until: number,
): Generator<{ readonly from: number; readonly until: number }> {
  for (const window of windowsFrom(0, until - from))
    yield { from: until - window.until, until: until - window.from }
}

export type { PulledRow, PullResult }
