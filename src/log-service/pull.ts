import { WeirError } from '../base/errors.ts'
import type { Shard } from '../logstore/logstore.ts'
import { type Cursor, isBefore, parseCursor, printCursor } from './cursor.ts'
import { GroupMaker, groupRowsMax, type PulledGroup } from './pull-groups.ts'
import { pullRows, type PullResult, type PullThings, windowsFrom } from './pull-rows.ts'

export interface PullOptions {
  readonly cursor: string
  /** Log groups, 1 to 1000. */
  readonly count: number
  /** Rows from here on are not pulled. */
  readonly endCursor?: string
  /** A search part. */
  readonly query?: string
}

export interface PulledGroups {
  readonly groups: readonly PulledGroup[]
  /**
   * Where the next pull begins; that of the request when there was nothing. When nothing can come before the end that
   * was asked for, it is that end: clients ask until they are told it.
   */
  readonly cursor: string
  /** Rows that were passed, whether or not the query finds them. */
  readonly rawRows: number
}

const rowsMax = 10_000
/** An answer is about 5 MB at most: half of it are keys in a logstore of flow logs. */
const bytesMax = 5 * 1024 * 1024
const charactersMax = bytesMax / 2
/** Cursors behind which nothing is remembered to have come. */
const idleMax = 10_000

/**
 * Reads shards in the order in which their rows came. Only seconds that are sealed are read, so what lies before a
 * cursor is the same for ever, but for rows whose time to live is over.
 */
export class ShardReader {
  readonly #things: PullThings
  /** By logstore, shard and cursor: the second up to which nothing is. */
  readonly #idle = new Map<string, number>()

  constructor(things: PullThings) {
    this.#things = things
  }

  /** @param from Unix seconds of receipt. Throws ShardNotExist. */
  cursor(project: string, logstore: string, id: number, from: 'begin' | 'end' | number): string {
    const shard = this.#shard(project, logstore, id)
    const end = this.#end(shard)
    const second = from === 'begin' ? 0 : from === 'end' ? end : Math.min(from, end)
    return printCursor({ second, skip: 0 })
  }

  /** Unix seconds: when what lies behind the cursor came. Throws InvalidCursor, ShardNotExist. */
  cursorTime(project: string, logstore: string, id: number, cursor: string): number {
    const { createdAt } = this.#shard(project, logstore, id)
    return Math.max(parseCursor(cursor).second, Math.floor(createdAt))
  }

  /** Throws InvalidCursor, ShardNotExist, and what `QueryEngine.pull` throws. */
  async pull(
    project: string,
    logstore: string,
    id: number,
    { cursor, count, endCursor, query }: PullOptions,
    signal?: AbortSignal,
  ): Promise<PulledGroups> {
    const shard = this.#shard(project, logstore, id)
    const start = parseCursor(cursor)
    const end = endCursor === undefined ? undefined : parseCursor(endCursor)
    const until = Math.min(this.#end(shard), end === undefined ? Infinity : endSecond(end))
    const range = {
      project,
      logstore,
      charactersMax,
      shard: id,
      rows: Math.min(rowsMax, count * groupRowsMax),
      ...(query === undefined ? {} : { filter: query }),
    }
    const found = await this.#firstRows(range, shard, start, until, signal)
    if (found === undefined) {
      const isPassed = end !== undefined && isBefore(start, end) && until === endSecond(end)
      return { groups: [], cursor: isPassed ? printCursor(end) : cursor, rawRows: 0 }
    }
    const specs = this.#things.store.columns(project, logstore)
    const maker = new GroupMaker(found.columns, specs, count)
    const { at, passed } = take(found, maker, start, end)
    return { groups: maker.groups, cursor: printCursor(at), rawRows: passed }
  }

  /** Whether a cursor, or none, stands behind all rows that a readonly shard will ever have. */
  async isConsumed(
    project: string,
    logstore: string,
    id: number,
    cursor: string,
  ): Promise<boolean> {
    const shard = this.#shard(project, logstore, id)
    if (shard.readonlyAt === undefined) return false
    const end = Math.floor(shard.readonlyAt) + 1
    if (this.#end(shard) < end) return false
    const start = cursor === '' ? { second: 0, skip: 0 } : parseCursor(cursor)
    const range = { project, logstore, shard: id, rows: 1, charactersMax }
    return (await this.#firstRows(range, shard, start, end)) === undefined
  }

  /** From `start` on; undefined when there are none before `until`. */
  async #firstRows(
    range: Parameters<typeof rangeAt>[0],
    shard: Shard,
    start: Cursor,
    until: number,
    signal?: AbortSignal,
  ): Promise<PullResult | undefined> {
    const key = JSON.stringify([range.project, range.logstore, shard.id, start])
    const idle = this.#idle.get(key)
    const at = idle === undefined ? start : { second: idle + 1, skip: 0 }
    for (const window of windowsOf(shard, at.second, until)) {
      const result = await pullRows(this.#things, rangeAt(range, at, window), signal)
      if (result !== undefined && result.rows.length > 0) return result
    }
    if (until > at.second) this.#rememberIdle(key, until - 1)
    return undefined
  }

  #rememberIdle(key: string, through: number): void {
    this.#idle.delete(key)
    this.#idle.set(key, through)
    if (this.#idle.size > idleMax) this.#idle.delete(this.#idle.keys().next().value ?? '')
  }

  /** The second from which on rows can still come, or none will. */
  #end({ readonlyAt }: Shard): number {
    return Math.min(this.#things.store.sealedThrough(), readonlyAt ?? Infinity) + 1
  }

  #shard(project: string, logstore: string, id: number): Shard {
    const found = this.#things.store.shards(project, logstore).find((each) => each.id === id)
    if (found !== undefined) return found
    throw new WeirError('ShardNotExist', `shard ${id} does not exist`)
  }
}

const endSecond = ({ second, skip }: Cursor): number => (skip > 0 ? second + 1 : second)

/** Before the shard was made there is nothing, unless the clock was wrong then. */
function* windowsOf({ createdAt }: Shard, from: number, until: number) {
  const made = Math.min(Math.floor(createdAt), until)
  if (from < made) yield { from, until: made }
  yield* windowsFrom(Math.max(from, made), until)
}

const rangeAt = (
  range: {
    readonly project: string
    readonly logstore: string
    readonly shard: number
    readonly rows: number
    readonly filter?: string
    readonly charactersMax: number
  },
  { second, skip }: Cursor,
  window: { readonly from: number; readonly until: number },
) => ({ ...range, ...window, ...(window.from === second ? { skip } : {}) })

/** @returns the place behind the last row that was passed, and how many were */
function take(
  { rows }: PullResult,
  maker: GroupMaker,
  start: Cursor,
  end: Cursor | undefined,
): { readonly at: Cursor; readonly passed: number } {
  let at = start
  let passed = 0
  for (const { receiveTime, values } of rows) {
    const here = receiveTime === at.second ? at : { second: receiveTime, skip: 0 }
    if (end !== undefined && !isBefore(here, end)) break
    if (values !== undefined && (maker.bytes >= bytesMax || !maker.add(values))) break
    at = { second: here.second, skip: here.skip + 1 }
    passed++
  }
  return { at, passed }
}
