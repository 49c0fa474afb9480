import { FairQueue } from './fair-queue.ts'

export type Kind = 'search' | 'sql'

/** A process that has no query. */
export interface IdleWorker {
  /** It takes searches only. */
  readonly reserved: boolean
}

/**
 * The queries that wait, and which is next. While those who write need the machine, few run at once and searches and
 * queries with SQL take turns; each keeps its place, and one always runs.
 */
export class Waiting<T> {
  readonly search = new FairQueue<T>()
  readonly sql = new FairQueue<T>()
  readonly #isPressed: () => boolean
  readonly #pressedMax: number
  #last: Kind = 'search'

  /** @param pressedMax queries that run at once while others need the machine */
  constructor(isPressed: () => boolean, pressedMax: number) {
    this.#isPressed = isPressed
    this.#pressedMax = pressedMax
  }

  get size(): number {
    return this.search.size + this.sql.size
  }

  /**
   * The next for a worker; it counts as running until `done` of its queue.
   *
   * @param running how many do
   * @param isOtherIdle there is an idle worker for SQL besides this one
   */
  take({ reserved }: IdleWorker, running: number, isOtherIdle: boolean): T | undefined {
    if (!this.#isPressed())
      return reserved ? this.#of('search') : (this.#of('sql') ?? this.#of('search'))
    if (running >= this.#pressedMax) return undefined
    const turn = this.#last === 'search' && this.sql.size > 0 ? 'sql' : 'search'
    if (!reserved) return this.#of(turn) ?? this.#of('sql')
    return turn === 'sql' && isOtherIdle ? undefined : this.#of('search')
  }

  #of(kind: Kind): T | undefined {
    const next = this[kind].take()
    if (next !== undefined) this.#last = kind
    return next
  }
}
