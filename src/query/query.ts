/**
 * query/: answers `search | SQL` over a logstore.
 *
 *   split.ts          cuts at the pipe
 *   search-*.ts       search part: tokens, grammar, predicate, its SQL (browser-safe but for the SQL)
 *   sql-*.ts          SQL part: masked, parsed, copied with default deny into a tree of our own
 *   print-*.ts        the tree for DuckDB, with light typing; functions/ is the table of functions
 *   macro*.ts udf*.ts what the engine lacks, in its own language and in JavaScript
 *   plan.ts           one statement over the view `__store`
 *   pull.ts           or: rows in the order in which they came
 *   fence.ts          looks at the statement a second time, as the engine reads it
 *   pool.ts worker.ts child processes the statement runs in, with limits that can be enforced
 *
 * It reads through `LogReader` and never writes. Who may ask, and how answers look on a terminal or
 * a wire, is for others; so is what an absent value is called there (here it is null).
 */
import { availableParallelism } from 'node:os'
import { WeirError } from '../base/errors.ts'
import type { LogReader } from '../logstore/logstore.ts'
import { parseSearchPart } from './parse.ts'
import { checkRange, defaultRows } from './plan.ts'
import { WorkerPool } from './pool.ts'
import type { PoolConfig } from './pool.ts'
import type { PullRequest, PullResult } from './pull.ts'
import type { QueryResult } from './result.ts'

export { parseQuery, parseSearchPart } from './parse.ts'
export type * from './index-config.ts'
export { planQuery } from './plan.ts'
export { exportParquet } from './export.ts'
export type { PulledRow, PullRequest, PullResult } from './pull.ts'
export type { QueryColumn, QueryResult } from './result.ts'

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
}

export interface QueryConfig extends PoolConfig {
  /** Where a query does not name a zone. */
  readonly zone: string
  readonly rowsMax: number
  /** Of a result, in characters. */
  readonly charactersMax: number
}

const MiB = 1024 * 1024

export const defaultQueryConfig: QueryConfig = {
  zone: 'UTC',
  workers: 2,
  queueMax: 30,
  /** "Per project 55 s." */
  timeMaxMilliseconds: 55_000,
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
  readonly #pool: WorkerPool

  constructor(config: QueryConfig, reader: LogReader) {
    this.#config = config
    this.#reader = reader
    this.#pool = new WorkerPool(config)
  }

  /**
   * Throws QuerySyntax and QueryRefused (with the place in the query), InvalidTimeRange,
   * ParameterInvalid, QueryFailed, QueryTimeout, QueryMemory, QueryBusy, QueryCancelled, and what
   * the reader throws (ProjectNotExist, LogStoreNotExist).
   */
  async run(request: QueryRequest, signal?: AbortSignal): Promise<QueryResult> {
    const started = performance.now()
    const { project, logstore, query: text, from, to } = request
    checkRange({ from, to })
    const { sql } = parseSearchPart(text)
    const raw = rawRows(request, sql !== undefined)
    const columns = this.#reader.columns(project, logstore)
    const lease = await this.#reader.lease(project, logstore, from, to)
    try {
      const answer = await this.#pool.run(
        {
          text,
          logstore,
          columns,
          from,
          to,
          raw,
          zone: request.zone ?? this.#config.zone,
          files: lease.files.map(({ path, lacks }) => ({ path, lacks })),
          rowsMax: this.#config.rowsMax,
          charactersMax: this.#config.charactersMax,
        },
        signal,
      )
      return {
        ...answer,
        columns: [...answer.columns],
        exact: true,
        scannedRows: lease.files.reduce((sum, file) => sum + file.rows, 0),
        scannedFiles: lease.files.length,
        elapsedMs: performance.now() - started,
      }
    } finally {
      lease.release()
    }
  }

  /** Rows in the order in which they came. Throws as `run` does, for the filter too. */
  async pull(request: PullRequest, signal?: AbortSignal): Promise<PullResult> {
    const { files, columns, from, until: to, filter, charactersMax, shard, ...more } = request
    const pull = { ...more, ...(shard === undefined ? {} : { shard }) }
    const fixed = { logstore: 'log', zone: 'UTC', raw: { line: 0, offset: 0, reverse: false } }
    const answer = await this.#pool.run(
      {
        ...fixed,
        text: filter ?? '*',
        columns,
        files,
        from,
        to,
        charactersMax,
        pull,
        rowsMax: pull.rows,
      },
      signal,
    )
    return {
      columns: answer.columns.map(({ name }) => name),
      rows: answer.rows.map((values) => ({
        receiveTime: Number(values[0]),
        values: values.length === 1 ? undefined : values,
      })),
    }
  }

  /** Ends the workers; queries that run or wait are cancelled. */
  close(): Promise<void> {
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
