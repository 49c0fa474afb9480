import type { ColumnSpec } from '../base/columns.ts'
import { reservedColumns } from '../logstore/logstore.ts'
import { fieldsOf } from './fields-indexed.ts'
import type { SqlField, StoreFields } from './fields.ts'
import type { IndexConfig } from './index-config.ts'
import type { QueryRange } from './plan-range.ts'
import { ScanSource, scanView } from './source.ts'
import type { Scan, Source } from './source.ts'
import { OnceSource, hasOnceColumns } from './source-once.ts'
import { SpreadSource, spreadSeconds } from './source-spread.ts'
import type { Buckets } from './source-spread.ts'

/** A logstore as a query may name it. */
export interface StoreSpec {
  readonly name: string
  /** Its own; the reserved ones are added. */
  readonly columns: readonly ColumnSpec[]
  /** Undefined: every column is seen, as it is. */
  readonly index?: IndexConfig | undefined
}

export interface OpenStore {
  /** Undefined: the logstore that the query is asked of. */
  readonly store: string | undefined
  readonly columns: readonly ColumnSpec[]
  readonly fields: StoreFields
  /** The search part over its view. */
  readonly search: string
}

export function openStore(
  { columns, index }: StoreSpec,
  store: string | undefined,
  print: (fields: StoreFields) => string,
): OpenStore {
  const all = [...reservedColumns.slice(0, 1), ...columns, ...reservedColumns.slice(1)]
  const fields = fieldsOf(all, index)
  return { store, columns: all, fields, search: print(fields) }
}

/** The name of a FROM that counts traffic between two ENIs of one VPC once. */
export const onceName = 'count_once'

/** What a query reads: each name of FROM, for each time range, once. */
export class SourceBook {
  /** In the order of their views. */
  readonly scans: Scan[] = []
  readonly current: OpenStore
  readonly #names: ReadonlyMap<string, OpenStore>
  readonly #sources = new Map<string, Source>()
  /** Those that a search chose and that several parts of the query read. */
  readonly #shared = new Set<Source>()

  /** @param others by lower-case name */
  constructor(
    current: OpenStore,
    currentName: string,
    others: readonly (OpenStore & { store: string })[],
  ) {
    this.current = current
    this.#names = new Map([
      ...others.map((each) => [each.store.toLowerCase(), each] as const),
      [currentName.toLowerCase(), current],
      ['log', current],
    ])
  }

  /** Undefined when the query may not read what the name says, or nothing is called so. */
  find(name: string, range: QueryRange): Source | undefined {
    const wanted = name.toLowerCase()
    const store = this.#names.get(wanted)
    if (store !== undefined) return this.#scan(store, range, 'rows')
    if (wanted !== onceName || !hasOnceColumns(this.current.columns)) return undefined
    return this.#scan(this.current, range, 'once')
  }

  /** The same, each row once for each bucket it lies in; undefined too when rows have no start and end. */
  findSpread(name: string, range: QueryRange, buckets: Buckets): Source | undefined {
    const key = `spread ${name.toLowerCase()} ${JSON.stringify([range, buckets])}`
    const known = this.#sources.get(key)
    if (known !== undefined) return known
    const wanted = name.toLowerCase()
    const store = this.#names.get(wanted) ?? (wanted === onceName ? this.current : undefined)
    const times = ['start', 'end'].flatMap((each) => store?.fields.sqlField(each) ?? [])
    if (store === undefined || times.some(({ type }) => type !== 'bigint') || times.length < 2) {
      return undefined
    }
    const kind = wanted === onceName ? 'once' : 'rows'
    if (kind === 'once' && !hasOnceColumns(store.columns)) return undefined
    const reaching = { from: Math.max(0, range.from - spreadSeconds), to: range.to }
    // Its own copy of the rows: the spread source prints it.
    const rows = this.#make(store, reaching, kind, `${this.#name()}_rows`)
    for (const [index, time] of times.entries())
      rows.use(named(time, index === 0 ? 'start' : 'end'))
    const source = new SpreadSource(this.#name(), rows, range, buckets)
    this.#sources.set(key, source)
    return source
  }

  /** Values of a row of what a search chose and several parts of the query read. */
  get sharedWidth(): number {
    const width = (source: Source) => (source instanceof ScanSource ? source.width : 0)
    return [...this.#shared].reduce((sum, source) => sum + width(source), 0)
  }

  /** What is read, where that is one scan by a search and nothing else. */
  get onlySource(): ScanSource | undefined {
    const [source, ...others] = this.#sources.values()
    const isSearched = this.current.search !== 'TRUE' && this.scans[0]?.store === undefined
    if (!isSearched || others.length > 0 || this.scans.length !== 1) return undefined
    return source instanceof ScanSource ? source : undefined
  }

  /**
   * The CTEs of all that was found.
   *
   * @param keepsShared what several parts read is read once
   */
  print(keepsShared: boolean): string[] {
    return [...this.#sources.values()].flatMap((source) =>
      source instanceof ScanSource
        ? source.print(keepsShared && this.#shared.has(source))
        : source.print(),
    )
  }

  #name(): string {
    return this.#sources.size === 0 ? '__src' : `__src${this.#sources.size}`
  }

  #scan(store: OpenStore, range: QueryRange, kind: 'rows' | 'once'): Source {
    const key = `${kind} ${JSON.stringify([store.store, range])}`
    const known = this.#sources.get(key)
    if (known !== undefined) {
      if (store.search !== 'TRUE') this.#shared.add(known)
      return known
    }
    const source = this.#make(store, range, kind, this.#name())
    this.#sources.set(key, source)
    return source
  }

  #make(store: OpenStore, range: QueryRange, kind: 'rows' | 'once', cte: string): Source {
    const from = ` FROM ${this.#view(store.store, range)} WHERE ${store.search}`
    if (kind === 'once') return new OnceSource(cte, store.fields, from)
    return new ScanSource(cte, store.fields, from)
  }

  #view(store: string | undefined, { from, to }: QueryRange): string {
    const same = (scan: Scan) => scan.store === store && scan.from === from && scan.to === to
    const index = this.scans.findIndex(same)
    if (index !== -1) return scanView(index)
    return scanView(this.scans.push({ store, from, to }) - 1)
  }
}

const named = (field: SqlField, name: string): SqlField => ({ ...field, name })
