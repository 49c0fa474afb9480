import type { QueryRange } from './plan-range.ts'
import type { SourceRows } from './source.ts'

/** Rows in order of time: the first of them, or the last. */
export interface PageOrder {
  readonly rows: number
  readonly reverse: boolean
}

/** So many more rows are read in the time that a further statement takes. */
const rowsMin = 200_000

/**
 * Which files have the rows of a page. They are looked into in order of time, and those that lie beyond what was found
 * are not read at all; nor is anything but their times and what the search asks, until the page is known to reach
 * them.
 */
export class PageFiles<T extends Pick<SourceRows, 'span'>> {
  readonly #order: PageOrder
  readonly #files: readonly T[]
  #looked = 0
  #rows = 0
  /** Seconds, as far as the page: from the start on in its order, or negative. */
  #times: number[] = []

  constructor(files: readonly T[], order: PageOrder) {
    this.#order = order
    this.#files = files.toSorted((a, b) => this.#begin(a) - this.#begin(b))
  }

  /** Files to look into; undefined: no other has rows of the page. */
  next(): readonly T[] | undefined {
    const most = Math.max(rowsMin, this.#rows * 2)
    const taken: T[] = []
    let rows = 0
    for (const file of this.#files.slice(this.#looked)) {
      if (this.#begin(file) > this.#end || (rows >= most && this.#left() >= rowsMin)) break
      taken.push(file)
      rows += file.span?.rows ?? 0
      this.#looked++
    }
    this.#rows += rows
    return taken.length === 0 ? undefined : taken
  }

  /** Seconds of the first rows, in the page's order, of the files that were looked into. */
  found(times: readonly number[]): void {
    const signed = times.map((time) => (this.#order.reverse ? -time : time))
    this.#times = [...this.#times, ...signed].toSorted((a, b) => a - b).slice(0, this.#order.rows)
  }

  /** The files with rows of the page, and the part of the range that has them all; undefined: there is no row. */
  page(
    range: QueryRange,
  ): { readonly files: readonly T[]; readonly range: QueryRange } | undefined {
    const [first] = this.#times
    const last = this.#times.at(-1)
    if (first === undefined || last === undefined) return undefined
    const files = this.#files
      .slice(0, this.#looked)
      .filter((each) => this.#begin(each) <= last && this.#finish(each) >= first)
    const [least, greatest] = this.#order.reverse ? [-last, -first] : [first, last]
    const from = Math.max(range.from, least)
    return { files, range: { from, to: Math.min(range.to, greatest + 1) } }
  }

  /** Beyond it no row is of the page. */
  get #end(): number {
    return this.#times.length < this.#order.rows ? Infinity : (this.#times.at(-1) ?? Infinity)
  }

  #left(): number {
    return this.#files.slice(this.#looked).reduce((sum, { span }) => sum + (span?.rows ?? 0), 0)
  }

  #begin({ span }: T): number {
    if (span === undefined) return -Infinity
    return this.#order.reverse ? -span.timeMax : span.timeMin
  }

  #finish({ span }: T): number {
    if (span === undefined) return Infinity
    return this.#order.reverse ? -span.timeMin : span.timeMax
  }
}
