import type { ColumnSpec } from '../base/columns.ts'
import type { HotLease, HotTable, RollupSpec } from '../logstore/logstore.ts'
import type { SqlField, StoreFields } from './fields.ts'
import type { QueryRange } from './plan-range.ts'
import { quoteName } from './quote.ts'

/** Rows of a logstore that a query reads: those of one time range. */
export interface Scan extends QueryRange {
  /** Undefined: the logstore that the query is asked of. */
  readonly store: string | undefined
  /** Whose totals stand for rows where there are some. */
  readonly rollup?: RollupSpec
  /** What is asked of each row: `conditionKey`. Files that are known to have no such row need not be read. */
  readonly condition?: string
}

/** A Parquet file, and which of the columns are not in it: those it lacks are NULL, others are its `__time__`. */
export interface SourceFile {
  readonly path: string
  readonly lacks: readonly string[]
  readonly sameAsTime: readonly string[]
  /** What times its rows have, and how many they are; undefined where nobody says. */
  readonly span?: { readonly rows: number; readonly timeMin: number; readonly timeMax: number }
  /** Of its rows those of these alone. */
  readonly hours?: HoursOfDay
  /** Read in its place. */
  readonly rollup?: string
  /** Of that file, its rows with this `rollupColumns.part`; all `of` such parts are all of it. */
  readonly part?: { readonly id: number; readonly of: number }
}

/** A part of each day: seconds from its beginning, which is `dayOffset` seconds before that of UTC. */
export interface HoursOfDay {
  readonly dayOffset: number
  readonly from: number
  readonly to: number
}

/** Rows of a lease that are in no file, in a table of the engine. */
export interface SourceTable extends Pick<SourceFile, 'lacks' | 'hours'> {
  readonly table: HotTable
  /** Undefined: all of it are. */
  readonly sequences: Pick<HotLease, 'after' | 'through'> | undefined
  readonly span: NonNullable<SourceFile['span']>
  readonly rollup?: undefined
}

export type SourceRows = SourceFile | SourceTable

/** What is read for a scan. */
export interface LeasedScan {
  readonly files: readonly SourceFile[]
  readonly hot: HotLease | undefined
  /** Whether it shall be found out which files have no row that the condition takes. */
  readonly learns: boolean
}

/** @param columns that are asked for */
export function sourceTable(
  table: HotTable,
  { after, through }: HotLease,
  columns: readonly ColumnSpec[],
): SourceTable {
  const { first, last, rows, timeMin, timeMax, values } = table
  return {
    table,
    sequences: first > after && last <= through ? undefined : { after, through },
    span: { rows, timeMin, timeMax },
    lacks: columns.map(({ name }) => name).filter((name) => !values.has(name)),
  }
}

/** The view over the leased files of a scan, in the engine. */
export const scanView = (scan: number): string => (scan === 0 ? '__store' : `__store${scan}`)

/** What a name in FROM reads: one CTE, or a few that build on each other. */
export interface Source {
  /** The name of the CTE with the rows. */
  readonly cte: string
  readonly fields: StoreFields
  /** Told of every field that is read. */
  use(field: SqlField): void
  /** `name AS (...)`, in the order in which they need each other. */
  print(): string[]
}

/** The rows of one scan that a condition takes. */
export class ScanSource implements Source {
  readonly cte: string
  readonly fields: StoreFields
  readonly #from: string
  readonly #used = new Map<string, SqlField>()

  /** @param from what stands behind the SELECT: ` FROM ... WHERE ...` */
  constructor(cte: string, fields: StoreFields, from: string) {
    this.cte = cte
    this.fields = fields
    this.#from = from
  }

  use(field: SqlField): void {
    this.#used.set(field.name.toLowerCase(), field)
  }

  /** Values of each of its rows. */
  get width(): number {
    return Math.max(1, this.#used.size)
  }

  /** A SELECT of its rows, each with what `more` is. */
  select(more = ''): string {
    const used = [...this.#used.values()].map(({ name, sql }) =>
      sql === quoteName(name) ? sql : `${sql} AS ${quoteName(name)}`,
    )
    return `SELECT ${[...used, more].filter(Boolean).join(', ') || '1 AS one'}${this.#from}`
  }

  /** @param isKept its rows are read once, and held until all that read them have */
  print(isKept = false): string[] {
    const how = isKept ? 'MATERIALIZED ' : ''
    return [`${this.cte} AS ${how}(${this.select()})`]
  }
}
