import type { HotRows } from './hot-rows.ts'

interface Waiting {
  readonly rows: number
  readonly bytes: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Appends wait here, first come first served, while memory holds as much as it may. */
export class HotRoom {
  readonly #hot: HotRows
  readonly #limits: { readonly hotRowsMax: number; readonly hotBytesMax: number }
  readonly #makeRoom: () => Promise<void>
  readonly #waiting: Waiting[] = []
  /** On their way into the log. */
  #rows = 0
  #bytes = 0
  #making = false

  /** @param makeRoom puts what is hot into segments */
  constructor(
    hot: HotRows,
    limits: { readonly hotRowsMax: number; readonly hotBytesMax: number },
    makeRoom: () => Promise<void>,
  ) {
    this.#hot = hot
    this.#limits = limits
    this.#makeRoom = makeRoom
    hot.onDrop = () => this.#wake()
  }

  /**
   * What to wait for until there is room for them, which is theirs until `leave`; undefined when there is now.
   * It throws StorageFull, StorageBroken.
   */
  enter(rows: number, bytes: number): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#fits(rows, bytes)) {
      this.#take(rows, bytes)
      return undefined
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ rows, bytes, resolve, reject })
      this.#make()
    })
  }

  /** They are hot, or will not be. */
  leave(rows: number, bytes: number): void {
    this.#rows -= rows
    this.#bytes -= bytes
    this.#wake()
    if (this.#waiting.length > 0) this.#make()
  }

  #make(): void {
    if (this.#making) return
    this.#making = true
    this.#makeRoom()
      .catch((error: unknown) => {
        for (const each of this.#waiting.splice(0)) each.reject(error)
      })
      .finally(() => {
        this.#making = false
        this.#wake()
        // Else what fills it is on its way into the log: it leaves soon.
        if (this.#waiting.length > 0 && this.#hot.rows > 0) this.#make()
      })
  }

  #wake(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      if (!this.#fits(first.rows, first.bytes)) return
      this.#waiting.shift()
      this.#take(first.rows, first.bytes)
      first.resolve()
    }
  }

  #take(rows: number, bytes: number): void {
    this.#rows += rows
    this.#bytes += bytes
  }

  /** One alone always does. */
  #fits(rows: number, bytes: number): boolean {
    const [allRows, allBytes] = [this.#rows + this.#hot.rows, this.#bytes + this.#hot.bytes]
    const { hotRowsMax, hotBytesMax } = this.#limits
    return allRows === 0 || (allRows + rows <= hotRowsMax && allBytes + bytes <= hotBytesMax)
  }
}
