import type { LogReader, SegmentFile, SegmentLease } from '../logstore/logstore.ts'
import type { ConditionMemory, Learned } from './condition-memory.ts'
import type { MissingPart } from './result.ts'
import { isInBuckets } from './rollup-view.ts'
import type { LeasedScan, Scan } from './source.ts'
import type { Held } from './worker-messages.ts'

/** The segments that one query holds. */
export class Leases {
  readonly #reader: LogReader
  readonly #project: string
  readonly #logstore: string
  /** What was acknowledged by now is read. */
  readonly #through: number
  readonly #memory: ConditionMemory
  /** What was sent for the first scan. */
  #sent: { readonly condition: string | undefined; readonly paths: readonly string[] } | undefined
  readonly #asked: Promise<SegmentLease>[] = []
  readonly #held: { readonly lease: SegmentLease; readonly scan: Scan }[] = []

  constructor(
    reader: LogReader,
    { project, logstore }: { readonly project: string; readonly logstore: string },
    memory: ConditionMemory,
  ) {
    this.#memory = memory
    this.#reader = reader
    this.#project = project
    this.#logstore = logstore
    this.#through = reader.acknowledged()
  }

  get #store(): string {
    return `${this.#project}/${this.#logstore}`
  }

  /**
   * What to read for each scan, until `release`. Throws what the reader throws.
   *
   * @param hotRowsMax how many rows that are in no file it may be sent
   */
  take(scans: readonly Scan[], held: Held, hotRowsMax: number): Promise<LeasedScan[]> {
    return Promise.all(
      scans.map(async (scan, place) => {
        const { store = this.#logstore, from, to, rollup, condition } = scan
        const asked = this.#reader.lease(this.#project, store, from, to, {
          rollup: rollup?.name,
          through: this.#through,
          hot: held && { held, rowsMax: hotRowsMax },
        })
        this.#asked.push(asked)
        const lease = await asked
        this.#held.push({ lease, scan })
        const known = condition === undefined ? undefined : this.#memory.of(this.#store, condition)
        const read = lease.files.filter(({ path }) => known?.empty.has(path) !== true)
        const files = read.map(
          ({ path, lacks, sameAsTime, rollup: totals, rollupPart: part, ...span }) => {
            const file = { path, lacks, sameAsTime, span }
            if (rollup === undefined || totals === undefined) return file
            if (!isInBuckets(scan, rollup, span)) return file
            return { ...file, rollup: totals, ...(part === undefined ? {} : { part }) }
          },
        )
        if (place === 0) this.#sent = { condition, paths: files.map(({ path }) => path) }
        return { files, hot: lease.hot, learns: known?.takesMany !== true }
      }),
    )
  }

  /** What the query found out of its first scan, which is kept for those that follow. */
  learn({ empty, takesMany }: Learned): void {
    const { condition, paths = [] } = this.#sent ?? {}
    if (condition === undefined) return
    const without = empty.flatMap((each) => paths[each] ?? [])
    this.#memory.note(this.#store, condition, without, takesMany)
  }

  /** Rows of files that are known to have none that the search takes are counted as any others. */
  scannedRows(): number {
    const hot = this.#held.reduce((sum, { lease }) => sum + (lease.hot?.rows ?? 0), 0)
    return hot + rowsOf(this.#held.flatMap(({ lease }) => lease.files))
  }

  scannedFiles(): number {
    return this.#held.reduce((sum, { lease }) => sum + lease.files.length, 0)
  }

  /** What is damaged of all that the query reads; undefined when nothing is. */
  missing(): MissingPart | undefined {
    const parts = this.#held.flatMap(({ lease, scan }) =>
      lease.missing.map(({ timeMin, timeMax }) => ({
        from: Math.max(timeMin, scan.from),
        to: Math.min(timeMax + 1, scan.to),
      })),
    )
    if (parts.length === 0) return undefined
    const lost = rowsOf(this.#held.flatMap(({ lease }) => lease.missing))
    return { share: lost / (lost + this.scannedRows()), ranges: joined(parts) }
  }

  /** Also of what is not there yet: it is released when it comes. */
  release(): void {
    for (const asked of this.#asked) {
      asked.then(
        (lease) => lease.release(),
        () => undefined, // `take` has thrown it
      )
    }
  }
}

const rowsOf = (files: readonly Pick<SegmentFile, 'rows'>[]): number =>
  files.reduce((sum, { rows }) => sum + rows, 0)

type Range = MissingPart['ranges'][number]

function joined(ranges: readonly Range[]): Range[] {
  const apart: { from: number; to: number }[] = []
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = apart.at(-1)
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
    else apart.push({ from, to })
  }
  return apart
}
