/** What waits, by owner: the owner with the least under way is next, of those the one who waits longest. */
export class FairQueue<T> {
  /** In the order in which owners were last served. */
  readonly #waiting = new Map<string, T[]>()
  readonly #running = new Map<string, number>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** How many of an owner's wait or run. */
  admitted(owner: string): number {
    return (this.#waiting.get(owner)?.length ?? 0) + (this.#running.get(owner) ?? 0)
  }

  add(owner: string, item: T): void {
    const own = this.#waiting.get(owner)
    if (own === undefined) this.#waiting.set(owner, [item])
    else own.push(item)
    this.#size++
  }

  /** The next to run; it counts as running until `done`. */
  take(): T | undefined {
    let next: string | undefined
    for (const owner of this.#waiting.keys()) {
      if (next === undefined || this.#runs(owner) < this.#runs(next)) next = owner
    }
    if (next === undefined) return undefined
    const own = this.#waiting.get(next)!
    const item = own.shift()!
    this.#waiting.delete(next)
    if (own.length > 0) this.#waiting.set(next, own)
    this.#running.set(next, this.#runs(next) + 1)
    this.#size--
    return item
  }

  /** Takes one out that waits. */
  remove(owner: string, item: T): void {
    const own = this.#waiting.get(owner)
    const index = own?.indexOf(item) ?? -1
    if (own === undefined || index === -1) return
    own.splice(index, 1)
    if (own.length === 0) this.#waiting.delete(owner)
    this.#size--
  }

  /** One of an owner's that `take` gave is over. */
  done(owner: string): void {
    const left = this.#runs(owner) - 1
    if (left > 0) this.#running.set(owner, left)
    else this.#running.delete(owner)
  }

  /** Takes out all that wait. */
  clear(): T[] {
    const all = [...this.#waiting.values()].flat()
    this.#waiting.clear()
    this.#size = 0
    return all
  }

  #runs(owner: string): number {
    return this.#running.get(owner) ?? 0
  }
}
