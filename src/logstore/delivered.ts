import type { DatabaseSync } from 'node:sqlite'
import type { BatchId } from '../base/columns.ts'

interface Range {
  first: number
  last: number
}

interface Run {
  readonly logstore: number
  readonly flowLog: string
  readonly run: string
  /** In order, with a gap between each and the next: one range when nothing is missing. */
  readonly ranges: Range[]
}

/**
 * Which batches each logstore has. "A repeat, stored once, is the same flow log, run and batch
 * number" (DESIGN.md). Numbers count up, so a run is a range or a few, whatever its length. Known in
 * memory as soon as the log is synced; written to the catalogue with the segment that holds the rows.
 */
export class DeliveredBatches {
  readonly #db: DatabaseSync
  readonly #runs = new Map<string, Run>()

  constructor(db: DatabaseSync) {
    this.#db = db
    for (const row of db.prepare('SELECT * FROM delivered ORDER BY first').all()) {
      const id = { flowLog: String(row['flow_log']), run: String(row['run']) }
      const run = this.#runOf(Number(row['logstore']), id)
      run.ranges.push({ first: Number(row['first']), last: Number(row['last']) })
    }
  }

  has(logstore: number, id: BatchId): boolean {
    const run = this.#runs.get(keyOf(logstore, id))
    return run !== undefined && holds(run.ranges, id.number)
  }

  add(logstore: number, id: BatchId): void {
    addNumber(this.#runOf(logstore, id).ranges, id.number)
  }

  /** Within the caller's transaction: the ranges on disk, with these numbers added. */
  save(logstore: number, ids: readonly BatchId[]): void {
    const select = this.#db.prepare(
      'SELECT first, last FROM delivered WHERE logstore = ? AND flow_log = ? AND run = ? ORDER BY first',
    )
    const remove = this.#db.prepare(
      'DELETE FROM delivered WHERE logstore = ? AND flow_log = ? AND run = ?',
    )
    const insert = this.#db.prepare('INSERT INTO delivered VALUES (?, ?, ?, ?, ?)')
    const byRun = Map.groupBy(ids, (id) => keyOf(logstore, id))
    for (const numbers of byRun.values()) {
      const { flowLog, run } = numbers[0]!
      const ranges = select
        .all(logstore, flowLog, run)
        .map((row) => ({ first: Number(row['first']), last: Number(row['last']) }))
      for (const { number } of numbers) addNumber(ranges, number)
      remove.run(logstore, flowLog, run)
      for (const { first, last } of ranges) insert.run(logstore, flowLog, run, first, last)
    }
  }

  /** Within the caller's transaction: forgets a deleted logstore's. */
  removeLogstore(logstore: number): void {
    this.#db.prepare('DELETE FROM delivered WHERE logstore = ?').run(logstore)
    for (const [key, run] of this.#runs) if (run.logstore === logstore) this.#runs.delete(key)
  }

  #runOf(logstore: number, { flowLog, run }: { flowLog: string; run: string }): Run {
    const key = keyOf(logstore, { flowLog, run })
    const found = this.#runs.get(key) ?? { logstore, flowLog, run, ranges: [] }
    this.#runs.set(key, found)
    return found
  }
}

export const keyOf = (logstore: number, id: { flowLog: string; run: string }): string =>
  JSON.stringify([logstore, id.flowLog, id.run])

/** The index of the last range that begins at or before `number`, -1 if none does. */
function rangeBefore(ranges: readonly Range[], number: number): number {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ranges[middle]!.first <= number) low = middle + 1
    else high = middle
  }
  return low - 1
}

const holds = (ranges: readonly Range[], number: number): boolean =>
  (ranges[rangeBefore(ranges, number)]?.last ?? -1) >= number

function addNumber(ranges: Range[], number: number): void {
  const index = rangeBefore(ranges, number)
  const before = ranges[index]
  const after = ranges[index + 1]
  if (before && before.last >= number) return
  const joinsBefore = before?.last === number - 1
  const joinsAfter = after?.first === number + 1
  if (joinsBefore && joinsAfter) {
    before.last = after.last
    ranges.splice(index + 1, 1)
  } else if (joinsBefore) before.last = number
  else if (joinsAfter) after.first = number
  else ranges.splice(index + 1, 0, { first: number, last: number })
}
