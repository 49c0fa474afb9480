import type { ColumnSpec } from '../base/columns.ts'
import type { LeaseOptions, SegmentLease } from './contract.ts'
import type { HotBatch, HotLease, HotOptions } from './hot-batches.ts'
import type { HotRows } from './hot-rows.ts'
import type { StoreParts } from './parts.ts'
import { checkedRollups } from './rollups.ts'
import type { Segment } from './segments.ts'

/** Which rows a lease is for. */
export interface LeaseRange {
  /** The segments of a logstore that may have some. */
  readonly choose: (logstore: number) => readonly Segment[]
  /** Rows with `from <= __time__ < to`. */
  readonly from: number
  readonly to: number
}

interface LeaseQuestion extends LeaseRange {
  readonly logstore: number
  /** A later batch need not be there. */
  readonly through: number
}

type HotQuestion = Omit<LeaseQuestion, 'choose'>

/** Files and batches of one moment: a row that a flush moves is in the one or in the other. */
export async function leaseRows(
  parts: StoreParts,
  question: LeaseQuestion,
  columns: readonly ColumnSpec[],
  { rollup, hot: options }: LeaseOptions,
): Promise<SegmentLease> {
  const { choose, logstore } = question
  const { files, hot } = parts
  const lease = (chosen: readonly Segment[]): SegmentLease => ({
    ...files.lease(chosen, columns, rollup),
    hot: leaseHot(hot, question, options),
  })
  if (rollup === undefined) return lease(choose(logstore))
  const usable = await checkedRollups(parts, choose(logstore), rollup)
  // Chosen again: a merge may have come between. A rollup that was not looked at is not used.
  return lease(
    choose(logstore).map((each) => (usable.has(each.id) ? each : { ...each, rollups: [] })),
  )
}

/**
 * Whether rows of the question must become a segment before a reader gets them: it reads no batches, or lacks
 * more than it takes.
 */
export function mustFlush(
  hot: HotRows,
  { logstore, from, to, through }: HotQuestion,
  options: HotOptions | undefined,
): boolean {
  if (options === undefined) return true
  const records = hot.recordsOf(logstore)
  const isAsked = (each: HotBatch): boolean =>
    each.sequence <= through && each.timeMin < to && each.timeMax >= from
  return records.some(isAsked) && areMany(missing(records, logstore, options), options)
}

/** What is hot now and may have rows of the question; later batches only if they are few. */
function leaseHot(
  hot: HotRows,
  { logstore, from, to, through }: HotQuestion,
  options: HotOptions | undefined,
): HotLease | undefined {
  if (options === undefined) return undefined
  const records = hot.recordsOf(logstore)
  const after = (records[0]?.sequence ?? hot.lastSequence + 1) - 1
  const upTo = (most: number): HotLease => {
    const isAsked = (each: HotBatch): boolean =>
      each.sequence <= most && each.timeMin < to && each.timeMax >= from
    const last = records.findLast(isAsked)?.sequence ?? after
    const asked = records.filter(({ sequence }) => sequence <= last)
    return {
      logstore,
      after,
      through: last,
      rows: rowsOf(asked.filter(isAsked)),
      batches: missing(asked, logstore, options),
    }
  }
  const all = upTo(Infinity)
  return areMany(all.batches, options) ? upTo(through) : all
}

/** As much as one segment is made of. */
const bytesMax = 16 * 1024 * 1024

const areMany = (batches: readonly HotBatch[], { rowsMax }: HotOptions): boolean =>
  rowsOf(batches) > rowsMax || batches.reduce((sum, { body }) => sum + body.length, 0) > bytesMax

function missing<T extends HotBatch>(
  records: readonly T[],
  logstore: number,
  { held }: HotOptions,
): T[] {
  const had = held.get(logstore) ?? 0
  return records.filter(({ sequence }) => sequence > had)
}

const rowsOf = (batches: readonly HotBatch[]): number =>
  batches.reduce((sum, { rows }) => sum + rows, 0)
