import type { SqlField, StoreFields } from './fields.ts'
import type { QueryRange } from './plan-range.ts'
import type { Source } from './source.ts'

/** How long before the range a record may begin that reaches into it. */
export const spreadSeconds = 3600

/** Buckets of one length, aligned so that one begins at `offset`. */
export interface Buckets {
  /** Seconds. */
  readonly step: number
  readonly offset: number
}

/** The start of the bucket that `seconds`, an expression, lies in. */
export const bucketOf = (seconds: string, { step, offset }: Buckets): string =>
  `(${seconds} - (${seconds} - ${offset}) % ${step})`

/** What a row of a spread source has besides its record: names of columns. */
export const spreadColumns = {
  bucket: '__bucket',
  /** From where to where the record lies in the bucket and the range, in seconds after it began. */
  low: '__low',
  high: '__high',
  /** How long the record is, and how much of the bucket lies in the range. */
  span: '__span',
  width: '__width',
} as const

/**
 * A record once for each bucket that it lies in, from its `start` to its `end`. An `end` that is a full
 * minute after `start` is the end of its window, and not in it; any other is the second in which the
 * connection closed, and in it.
 */
export class SpreadSource implements Source {
  readonly cte: string
  readonly fields: StoreFields
  readonly #of: Source
  readonly #range: QueryRange
  readonly #buckets: Buckets

  /** @param of a source with the rows from `spreadSeconds` before the range on; it has been told of `start` and `end` */
  constructor(cte: string, of: Source, range: QueryRange, buckets: Buckets) {
    this.cte = cte
    this.fields = of.fields
    this.#of = of
    this.#range = range
    this.#buckets = buckets
  }

  use(field: SqlField): void {
    this.#of.use(field)
  }

  print(): string[] {
    const { from, to } = this.#range
    const { step } = this.#buckets
    const stop =
      'CASE WHEN "end" > "start" AND "end" % 60 = 0 THEN "end" ELSE greatest("end", "start") + 1 END'
    const spans =
      `SELECT *, ${stop} AS __stop FROM ${this.#of.cte} ` +
      'WHERE "start" IS NOT NULL AND "end" IS NOT NULL'
    const first = bucketOf(`greatest("start", ${from})`, this.#buckets)
    const cut =
      `SELECT *, unnest(range(${first}, least(__stop, ${to}), ${step})) AS __bucket ` +
      `FROM (${spans}) AS spans WHERE __stop > ${from} AND "start" < ${to}`
    const low = `greatest("start", __bucket, ${from})`
    const high = `least(__stop, __bucket + ${step}, ${to})`
    const width = `least(__bucket + ${step}, ${to}) - greatest(__bucket, ${from})`
    const rows =
      `SELECT *, ${low} - "start" AS __low, ${high} - "start" AS __high, ` +
      `__stop - "start" AS __span, ${width} AS __width FROM (${cut}) AS cut`
    return [...this.#of.print(), `${this.cte} AS (${rows})`]
  }
}
