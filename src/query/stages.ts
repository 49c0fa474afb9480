import type { HoursOfDay, SourceFile } from './source.ts'
import type { TimeOrder } from './time-order.ts'

type Timed = Pick<SourceFile, 'span' | 'hours' | 'lacks'>

const hourSeconds = 3600
const daySeconds = 24 * hourSeconds
/** So many more rows are read in the time that a further statement takes. */
const rowsMin = 200_000
/** Files of many hours are looked through for those of some, again and again: no more than this share of all rows. */
const wideShareMax = 0.25

/**
 * The files of a scan, hour by hour in an order of time: what a stage reads lies in other hours than what the
 * others do. An answer that has its rows after a few stages needs no more of them. In an order of the time of day an hour is
 * that of all days.
 */
export class Stages<T extends Timed> {
  readonly #files: readonly T[]
  readonly #order: TimeOrder
  readonly #hours: Hours<T>[]
  /** Of many hours of the day. */
  readonly #wide: readonly T[]
  #read = 0
  #left: number

  constructor(files: readonly T[], order: TimeOrder) {
    this.#files = files
    this.#order = order
    const [narrow, wide] = apart(files, order)
    this.#wide = wide
    this.#hours = hoursOf(narrow, order)
    if (order.isReverse) this.#hours.reverse()
    this.#left = rowsOf(narrow)
  }

  /**
   * The files to read next, all of them as they were given where that is the one stage; undefined after the last. As many as
   * the answer needs by what was found so far, with twice the rows of before at least, and all of them where little
   * would be left.
   *
   * @param found rows of the answer so far
   * @param wanted rows that it takes
   */
  next(found: number, wanted: number): readonly T[] | undefined {
    const [first] = this.#hours
    if (first === undefined) return undefined
    const before = this.#read
    const growth = found === 0 ? 4 : Math.max(2, ((wanted - found) / found) * 1.2)
    const most = before + Math.max(rowsMin, before * growth)
    const taken: Hours<T>[] = []
    while (this.#hours.length > 0 && (this.#read < most || this.#left < rowsMin)) {
      const hours = this.#hours.shift()!
      taken.push(hours)
      this.#read += rowsOf(hours.files)
      this.#left -= rowsOf(hours.files)
    }
    if (before === 0 && this.#hours.length === 0) return this.#files
    const files = taken.flatMap((hours) => hours.files)
    return [...files, ...this.#partsOfWide(first, before === 0)]
  }

  /** What the wide files have from the first hour of a stage, or of the day, up to those that follow. */
  #partsOfWide(first: Hours<T>, isFirst: boolean): T[] {
    const { dayOffset, isReverse } = this.#order
    if (dayOffset === undefined) return []
    const [next] = this.#hours
    const upTo = (hours: Hours<T>) => (hours.last + 1) * hourSeconds
    const from = (hours: Hours<T>) => hours.first * hourSeconds
    const part: HoursOfDay = isReverse
      ? { dayOffset, from: next ? upTo(next) : 0, to: isFirst ? daySeconds : upTo(first) }
      : { dayOffset, from: isFirst ? 0 : from(first), to: next ? from(next) : daySeconds }
    return this.#wide.map((file) => ({ ...file, hours: part }))
  }
}

/** Files that are not apart from one another, and the first and the last hour that they have. */
interface Hours<T> {
  readonly files: T[]
  readonly first: number
  last: number
}

/** Those of an hour, or of a few that lie side by side, and those of many: where these are few, and hours are of the day. */
function apart<T extends Timed>(
  files: readonly T[],
  order: TimeOrder,
): readonly [readonly T[], readonly T[]] {
  if (order.dayOffset === undefined || files.some(({ span }) => span === undefined))
    return [files, []]
  const isWide = (file: T): boolean => {
    const [first, last] = hoursFor(file, order)
    return last > first
  }
  const wide = files.filter(isWide)
  if (rowsOf(wide) > wideShareMax * rowsOf(files)) return [files, []]
  return [files.filter((file) => !isWide(file)), wide]
}

/** Files that share an hour with one another are not apart; nor is one whose times are not known. */
function hoursOf<T extends Timed>(files: readonly T[], order: TimeOrder): Hours<T>[] {
  if (files.length === 0) return []
  if (files.some(({ span }) => span === undefined))
    return [{ files: [...files], first: 0, last: 0 }]
  const hours: Hours<T>[] = []
  const timed = files.map((file) => [hoursFor(file, order), file] as const)
  for (const [[first, last], file] of timed.toSorted(([[a]], [[b]]) => a - b)) {
    const before = hours.at(-1)
    if (before === undefined || first > before.last) hours.push({ files: [file], first, last })
    else {
      before.files.push(file)
      before.last = Math.max(before.last, last)
    }
  }
  return hours
}

/** The first hour of a file and its last; of the day, that is all of it where there is a midnight between. */
function hoursFor({ span }: Timed, { dayOffset }: TimeOrder): readonly [number, number] {
  const hourOf = (time: number) => Math.floor((time + (dayOffset ?? 0)) / hourSeconds)
  const first = hourOf(span!.timeMin)
  const last = hourOf(span!.timeMax)
  if (dayOffset === undefined) return [first, last]
  const day = Math.floor(first / 24)
  return day === Math.floor(last / 24) ? [first - day * 24, last - day * 24] : [0, 23]
}

const rowsOf = (files: readonly Timed[]): number =>
  files.reduce((sum, { span }) => sum + (span?.rows ?? 0), 0)
