/** Every change of a flow log, kept with who and when; also of those that are deleted. */
import type { DatabaseSync } from 'node:sqlite'
import { type Difference, differencesOf } from '../base/difference.ts'
import { type UnixSeconds, unixSeconds } from '../base/time.ts'

export interface FlowLogEdit {
  /** 1, 2, ... of this flow log. */
  readonly version: number
  readonly at: UnixSeconds
  /** An AccessKey's id; `weir` when nobody asked for it. */
  readonly by: string
  /** `create`, `modify`, `start`, `stop`, `delete`, `tag`, `untag`, `move` ... */
  readonly did: string
  /** What became something else. */
  readonly before: Readonly<Record<string, unknown>>
  readonly after: Readonly<Record<string, unknown>>
}

export class FlowLogHistory {
  readonly #database: DatabaseSync
  readonly #now: () => UnixSeconds

  /** `prepareTables` has made its table. */
  constructor(database: DatabaseSync, now: () => UnixSeconds) {
    this.#database = database
    this.#now = now
  }

  /** Call it in the transaction that makes the change. */
  add(flowLog: string, by: string, did: string, before: object, after: object): void {
    this.#database
      .prepare(
        'INSERT INTO flow_log_changes (flow_log, at, by, did, before, after) VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run(flowLog, this.#now(), by, did, JSON.stringify(before), JSON.stringify(after))
  }

  /** The oldest first; none for a flow log that never was. */
  of(flowLog: string): FlowLogEdit[] {
    return this.#database
      .prepare('SELECT * FROM flow_log_changes WHERE flow_log = ? ORDER BY number')
      .all(flowLog)
      .map(({ at, by, did, before, after }, i) => ({
        version: i + 1,
        at: unixSeconds(Number(at)),
        by: String(by),
        did: String(did),
        before: JSON.parse(String(before)) as FlowLogEdit['before'],
        after: JSON.parse(String(after)) as FlowLogEdit['after'],
      }))
  }
}

/**
 * What a flow log was otherwise in a version: by the edits between them, as each tells what it was before.
 * @param edits all of them
 */
export function flowLogDifferences(
  edits: readonly FlowLogEdit[],
  from: number,
  to: number,
): Difference[] {
  if (from > to)
    return flowLogDifferences(edits, to, from).map(({ path, before, after }) => ({
      path,
      ...(after === undefined ? {} : { before: after }),
      ...(before === undefined ? {} : { after: before }),
    }))
  const between = edits.slice(from, to)
  const before: Record<string, unknown> = {}
  const after: Record<string, unknown> = {}
  for (const edit of between) {
    Object.assign(before, edit.before, { ...before })
    for (const key of Object.keys(edit.before)) delete after[key]
    Object.assign(after, edit.after)
  }
  return differencesOf(before, after)
}
