import type { SourceFile } from './source.ts'
import type { TimeOrder } from './time-order.ts'

type Timed = Pick<SourceFile, 'span' | 'lacks'>

const hourSeconds = 3600
/** So many more rows are read in the time that a further statement takes. */
const rowsMin = 200_000

/**
 * The files of a scan, hour by hour in an order of time: what a stage reads lies in other hours than what the
 * others do. An answer that has its rows after a few stages needs no more of them.
 */
export class Stages<T extends Timed> {
  readonly #hours: (readonly T[])[]
  #read = 0
  #left: number

  constructor(files: readonly T[], order: TimeOrder) {
    this.#hours = hoursOf(files)
    if (order === 'last') this.#hours.reverse()
    this.#left = rowsOf(files)
  }

  /**
   * The files to read next; undefined after the last. As many as the answer needs by what was found so far, with
   * twice the rows of before at least, and all of them where little would be left.
   *
   * @param found rows of the answer so far
   * @param wanted rows that it takes
   */
  next(found: number, wanted: number): T[] | undefined {
    if (this.#hours.length === 0) return undefined
    const before = this.#read
    const growth = found === 0 ? 4 : Math.max(2, ((wanted - found) / found) * 1.2)
    const most = before + Math.max(rowsMin, before * growth)
    const taken: T[] = []
    while (this.#hours.length > 0 && (this.#read < most || this.#left < rowsMin)) {
      const hour = this.#hours.shift()!
      taken.push(...hour)
      this.#read += rowsOf(hour)
      this.#left -= rowsOf(hour)
    }
    return taken
  }
}

/** Files that share an hour with one another are not apart; nor is one whose times are not known. */
function hoursOf<T extends Timed>(files: readonly T[]): (readonly T[])[] {
  if (files.some(({ span }) => span === undefined)) return [files]
  const hours: T[][] = []
  let last = -Infinity
  for (const file of files.toSorted((a, b) => a.span!.timeMin - b.span!.timeMin)) {
    const { timeMin, timeMax } = file.span!
    if (Math.floor(timeMin / hourSeconds) > last) hours.push([])
    hours.at(-1)!.push(file)
    last = Math.max(last, Math.floor(timeMax / hourSeconds))
  }
  return hours
}

const rowsOf = (files: readonly Timed[]): number =>
  files.reduce((sum, { span }) => sum + (span?.rows ?? 0), 0)
