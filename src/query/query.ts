/**
 * query/: answers `search | SQL` over a logstore.
 *
 *   split.ts          cuts at the pipe
 *   search-*.ts       search part: tokens, grammar, predicate, its SQL (browser-safe but for the SQL)
 *   sql-*.ts          SQL part: masked, parsed, copied with default deny into a tree of our own
 *   print-*.ts        the tree for DuckDB, with light typing; functions/ is the table of functions
 *   macro*.ts udf*.ts what the engine lacks, in its own language and in JavaScript
 *   plan.ts           one statement over the view `__store`
 *   rollup*.ts        or over totals kept beside the rows, where they give the same answer
 *   time-order.ts     or hour after hour until there are rows enough (stages.ts), where they come in order of time
 *   page-files.ts     or, for a page of a search, the files it reaches; source.ts what is read: files, and rows in none yet
 *   found.ts condition-memory.ts what a search found, and which files it found nothing in
 *   pull.ts           or: rows in the order in which they came
 *   fence.ts          looks at the statement a second time, as the engine reads it
 *   waiting.ts fair-queue.ts pressure.ts which query is next, and whether writers need the machine more
 *   pool*.ts worker.ts child processes the statement runs in, with limits that can be enforced; engines.ts in them
 *
 * It reads through `LogReader` and never writes. Who may ask, and how answers look on a terminal or
 * a wire, is for others; so is what an absent value is called there (here it is null).
 */
import { availableParallelism } from 'node:os'
import { WeirError } from '../base/errors.ts'
import type { LogReader } from '../logstore/logstore.ts'
import { ConditionMemory } from './condition-memory.ts'
import { parseSearchPart } from './parse.ts'
import type { IndexConfig } from './index-config.ts'
import { Leases } from './leases.ts'
import { defaultRows } from './plan.ts'
import { checkRange } from './plan-range.ts'
import { Pressure } from './pressure.ts'
import { WorkerPool } from './pool.ts'
import type { PoolConfig } from './pool.ts'
import type { PullRequest, PullResult } from './pull.ts'
import type { QueryResult } from './result.ts'
import type { StoreSpec } from './source-book.ts'

export { parseQuery, parseSearchPart } from './parse.ts'
export type * from './index-config.ts'
export { planQuery } from './plan.ts'
export { exportParquet } from './export.ts'
export { fewerRights } from './fewer-rights.ts'
export type { PulledRow, PullRequest, PullResult } from './pull.ts'
export type { MissingPart, QueryColumn, QueryResult } from './result.ts'

export interface QueryRequest {
  readonly project: string
  readonly logstore: string
  readonly query: string
  /** Unix seconds: rows with `from <= __time__ < to`. */
  readonly from: number
  readonly to: number
  /** Without SQL: rows of a page, 0 to 100 over the API; 100 unless told. */
  readonly line?: number
  readonly offset?: number
  /** Without SQL: latest first. */
  readonly reverse?: boolean
  /** A time zone by name or as `+08:00`; the config's unless told. */
  readonly zone?: string
  /** What the query sees of the logstore, and as what; undefined: every column, as it is. */
  readonly index?: IndexConfig | undefined
  /** Other logstores of the project that may be named in FROM: those the caller may read. */
  readonly stores?: readonly NamedStore[]
  /** Each holds where it is less than the config's. */
  readonly limits?: QueryLimits
  /** Told now and then of the share that is done, 0 to 1, as the engine counts it. */
  readonly onProgress?: (share: number) => void
}

export interface NamedStore {
  readonly name: string
  readonly index?: IndexConfig | undefined
}

export interface QueryLimits {
  readonly timeMaxMilliseconds?: number
  readonly memoryBytesMax?: number
  readonly rowsMax?: number
}

export interface QueryConfig extends PoolConfig {
  readonly timeMaxMilliseconds: number
  /** Where a query does not name a zone. */
  readonly zone: string
  readonly rowsMax: number
  /** Of a result, in characters. */
  readonly charactersMax: number
}

const MiB = 1024 * 1024

/** A row that is in no file costs a process 1 to 2 us, once; a flush costs those who wait 100 ms and more. */
const hotRowsMax = 60_000
/** While those who write need the machine: one flush serves all who wait. */
const hotRowsPressed = 5000

export const defaultQueryConfig: QueryConfig = {
  zone: 'UTC',
  workers: 2,
  searchWorkers: 1,
  workersPressed: Math.max(1, Math.floor(availableParallelism() / 2)),
  queueMax: 1000,
  /** "Per project 15 concurrent analyses, 100 concurrent searches." */
  searchesPerProject: 100,
  sqlPerProject: 15,
  /** "55 s." */
  timeMaxMilliseconds: 55_000,
  queriesPerWorkerMax: 500,
  memoryBytesMax: 2048 * MiB,
  /** The engine goes over its limit by up to a factor 2.5 (measured), and Node has its own part. */
  processBytesMax: 5632 * MiB,
  threads: Math.min(4, availableParallelism()),
  tempBytesMax: 4096 * MiB,
  rowsMax: 1_000_000,
  charactersMax: 128 * MiB,
}

export class QueryEngine {
  readonly #config: QueryConfig
  readonly #reader: LogReader
  readonly #pressure: Pressure
  readonly #pool: WorkerPool
  readonly #conditions = new ConditionMemory()

  constructor(config: QueryConfig, reader: LogReader) {
    this.#config = config
    this.#reader = reader
    this.#pressure = new Pressure(() => reader.acknowledged())
    this.#pool = new WorkerPool(config, () => this.#pressure.isHigh)
  }

  /**
   * Throws QuerySyntax and QueryRefused (with the place in the query), InvalidTimeRange,
   * ParameterInvalid, QueryFailed, QueryTimeout, QueryMemory, QueryBusy, QueryCancelled, and what
   * the reader throws (ProjectNotExist, LogStoreNotExist).
   */
  async run(request: QueryRequest, signal?: AbortSignal): Promise<QueryResult> {
    const started = performance.now()
    const { project, logstore, query: text, from, to, index, limits = {} } = request
    checkRange({ from, to })
    const { sql } = parseSearchPart(text)
    const raw = rawRows(request, sql !== undefined)
    const columns = this.#reader.columns(project, logstore)
    const config = this.#config
    const least = (name: keyof QueryLimits) => Math.min(limits[name] ?? Infinity, config[name])
    const leases = new Leases(this.#reader, request, this.#conditions)
    try {
      const { cut, learned, ...answer } = await this.#pool.run({
        query: {
          text,
          scope: project,
          logstore,
          columns,
          index,
          rollups: this.#reader.rollups(project, logstore),
          stores: sql === undefined ? [] : this.#named(request, sql.text),
          from,
          to,
          raw,
          zone: request.zone ?? config.zone,
          files: [],
          rowsMax: least('rowsMax'),
          charactersMax: config.charactersMax,
          memoryBytesMax: least('memoryBytesMax'),
        },
        kind: sql === undefined ? 'search' : 'sql',
        project,
        signal,
        timeMaxMilliseconds: least('timeMaxMilliseconds'),
        lease: (scans, held) =>
          leases.take(scans, held, this.#pressure.isHigh ? hotRowsPressed : hotRowsMax),
        onProgress: request.onProgress,
      })
      if (learned !== undefined) leases.learn(learned)
      const missing = leases.missing()
      return {
        ...answer,
        columns: [...answer.columns],
        exact: missing === undefined && cut === undefined,
        ...(missing === undefined ? {} : { missing }),
        ...(cut === undefined ? {} : { cut }),
        scannedRows: leases.scannedRows(),
        scannedFiles: leases.scannedFiles(),
        elapsedMs: performance.now() - started,
      }
    } finally {
      leases.release()
    }
  }

  /** Of the other logstores, those whose name is somewhere in the SQL. */
  #named({ project, logstore, stores = [] }: QueryRequest, sql: string): StoreSpec[] {
    const text = sql.toLowerCase()
    const named = stores.filter(
      ({ name }) => name !== logstore && text.includes(name.toLowerCase()),
    )
    return named.map(({ name, index }) => ({
      name,
      index,
      columns: this.#reader.columns(project, name),
    }))
  }

  /** Rows in the order in which they came. Throws as `run` does, for the filter too. */
  async pull(request: PullRequest, signal?: AbortSignal): Promise<PullResult> {
    const {
      project,
      files,
      columns,
      from,
      until: to,
      filter,
      charactersMax,
      shard,
      ...more
    } = request
    const pull = { ...more, ...(shard === undefined ? {} : { shard }) }
    const fixed = { logstore: 'log', zone: 'UTC', raw: { line: 0, offset: 0, reverse: false } }
    const { timeMaxMilliseconds } = this.#config
    const text = filter ?? '*'
    const query = {
      ...fixed,
      text,
      scope: `${project} pulls`, // by files alone: rows of searches' logstores are not near it
      columns,
      files,
      from,
      to,
      charactersMax,
      pull,
      rowsMax: pull.rows,
    }
    const answer = await this.#pool.run({
      query,
      kind: 'search',
      signal,
      timeMaxMilliseconds,
      lease: () => Promise.resolve([]),
    })
    return {
      columns: answer.columns.map(({ name }) => name),
      rows: answer.rows.map((values) => ({
        receiveTime: Number(values[0]),
        values: values.length === 1 ? undefined : values,
      })),
    }
  }

  /** Has a process ready before the first query asks for it, and one more while those that are there are busy. */
  warm(): void {
    this.#pool.warm()
  }

  /** Ends the workers; queries that run or wait are cancelled. */
  close(): Promise<void> {
    this.#pressure.stop()
    return this.#pool.close()
  }
}

function rawRows({ line, offset, reverse }: QueryRequest, hasSql: boolean) {
  const count = (name: string, value: number | undefined, otherwise: number): number => {
    if (value === undefined) return otherwise
    if (hasSql && value !== 0) {
      throw new WeirError('ParameterInvalid', `${name} must be 0 for a query with SQL`, {
        hint: 'use LIMIT',
      })
    }
    if (Number.isSafeInteger(value) && value >= 0 && value <= 1_000_000) return value
    throw new WeirError('ParameterInvalid', `${name} must be 0 to 1000000, not ${value}`)
  }
  return {
    line: count('line', line, defaultRows),
    offset: count('offset', offset, 0),
    reverse: reverse ?? false,
  }
}
