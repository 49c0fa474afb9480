import type { ColumnSpec } from '../base/columns.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { EnrichmentFiles } from '../enrich/enrich.ts'
import type { HotOptions, RollupSpec } from '../logstore/logstore.ts'
import type { Learned } from './condition-memory.ts'
import type { EngineLimits, SourceFile } from './engine.ts'
import type { IndexConfig } from './index-config.ts'
import type { RawRows } from './plan.ts'
import type { LeasedScan, Scan } from './source.ts'
import type { StoreSpec } from './source-book.ts'

/** One query, complete: the worker has nothing else to ask for. */
export interface WorkerQuery {
  readonly text: string
  /** Whose queries may follow it on its engine: those of one project. Undefined: none. */
  readonly scope: string | undefined
  readonly logstore: string
  readonly columns: readonly ColumnSpec[]
  readonly from: number
  readonly to: number
  readonly zone: string
  readonly raw: RawRows
  readonly index?: IndexConfig | undefined
  /** Other logstores that the query may name. */
  readonly stores?: readonly StoreSpec[]
  /** Of its logstore. */
  readonly rollups?: readonly RollupSpec[]
  /** Of a pull; any other query asks for its files when it is planned. */
  readonly files: readonly SourceFile[]
  readonly rowsMax: number
  /** Of all values together, in UTF-16 code units. */
  readonly charactersMax: number
  /** Less than the worker's own. */
  readonly memoryBytesMax?: number
  /** Rows as they came, `from` and `to` being seconds of receipt, instead of what the query asks. */
  readonly pull?: WorkerPull
}

/** What a `PullRequest` says beside what every query has. */
export interface WorkerPull {
  readonly shard?: number
  readonly skip?: number
  readonly rows: number
  readonly reverse?: boolean
}

/** Handed to the worker as the one argument of its command line. */
export interface WorkerSetup {
  readonly engine: EngineLimits
  /** Files that the worker reads itself, as the user it runs as. */
  readonly enrichment: EnrichmentFiles
  /** Resident memory at which the worker gives up: the engine's own limit does not hold all of it. */
  readonly processBytesMax: number
  /** Whom it becomes once it is ready for queries. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined
  /** The files of a query are in its working directory, and named so. */
  readonly isLinked: boolean
}

export type ToWorker =
  | { readonly kind: 'run'; readonly query: WorkerQuery }
  /** What to read for each scan that was asked for. */
  | { readonly kind: 'files'; readonly leased: readonly LeasedScan[] }
  | { readonly kind: 'interrupt' }

/** What a process has of rows that are in no file; undefined: it reads files alone. */
export type Held = HotOptions['held'] | undefined

export type Row = (string | null)[]

export interface ResultColumn {
  readonly name: string
  readonly type: string
}

/** What left rows out that the query asked for. */
export type Cut = 'rows' | 'characters'

export type FromWorker =
  | { readonly kind: 'ready' }
  /** Asks for files: `files` answers. */
  | { readonly kind: 'scans'; readonly scans: readonly Scan[]; readonly held: Held }
  /** The share of its work that is done, 0 to 1. */
  | { readonly kind: 'progress'; readonly share: number }
  | { readonly kind: 'rows'; readonly rows: Row[] }
  | {
      readonly kind: 'done'
      readonly columns: readonly ResultColumn[]
      readonly hasSql: boolean
      readonly limited: boolean
      readonly cut: Cut | undefined
      readonly learned?: Learned | undefined
    }
  | {
      readonly kind: 'failed'
      readonly code: ErrorCode
      readonly message: string
      readonly place: string | undefined
      readonly hint: string | undefined
    }
