/** A run of a scheduled SQL: its rows go into the target as one batch, which is stored once however often it is sent. */
import type { BatchId, Column, ColumnBatch, ColumnSpec } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import type { LogStore } from '../logstore/logstore.ts'
import { reservedColumns } from '../logstore/logstore.ts'
import type { QueryResult } from '../query/query.ts'
import type { RunnableJob } from './job-store.ts'
import type { ScheduledSqlConfig } from './scheduled-sql-config.ts'
import { timeOf } from './time-expression.ts'

export type TargetStore = Pick<LogStore, 'append' | 'addColumns'>

export type RunQuery = (
  request: {
    readonly project: string
    readonly logstore: string
    readonly query: string
    readonly from: number
    readonly to: number
    readonly zone: string
  },
  signal: AbortSignal,
) => Promise<QueryResult>

/** Counts what runs read and write. */
export interface JobMeter {
  /** Bytes of the rows of a range, `from <= __time__ < to`. */
  read(
    source: {
      readonly project: string
      readonly logstore: string
      readonly from: number
      readonly to: number
    },
    signal: AbortSignal,
  ): Promise<bigint>
  /** Called when all of a run is stored; again, with the same moment, when a crash came before the run was over. */
  count(job: RunnableJob, time: number, bytes: bigint): void
}

/** A batch is stored whole or not at all, so a run is one. */
const rowsMax = 100_000

interface ScheduledSqlParts {
  readonly query: RunQuery
  readonly store: TargetStore
  readonly meter: JobMeter | undefined
  readonly signal: AbortSignal
}

/**
 * The run of one moment. Rows have the time of their column `__time__` if there is one, else of the begin of the range.
 * @returns the rows that were written, in words
 */
export async function runScheduledSql(
  job: RunnableJob,
  config: ScheduledSqlConfig,
  time: number,
  zone: string,
  { query, store, meter, signal }: ScheduledSqlParts,
): Promise<string> {
  const from = timeOf(config.fromTimeExpr, time, zone, 'fromTimeExpr')
  const to = timeOf(config.toTimeExpr, time, zone, 'toTimeExpr')
  const asked = { project: job.project, logstore: config.sourceLogstore, query: config.script }
  const limit = AbortSignal.timeout(config.maxRunTimeInSeconds * 1000)
  const both = AbortSignal.any([signal, limit])
  const source = { project: job.project, logstore: config.sourceLogstore, from, to }
  const read = (await meter?.read(source, both)) ?? 0n
  const result = await query({ ...asked, from, to, zone }, both)
  if (!result.exact)
    throw new WeirError(
      'QueryFailed',
      'a part of the range could not be read, so nothing is written',
    )
  if (result.rows.length > rowsMax || (result.limited && !/\blimit\b/i.test(config.script)))
    throw new WeirError('QueryFailed', `a run gives at most ${rowsMax} rows, and all of them`, {
      hint: `Group more, or write a LIMIT of up to ${rowsMax}`,
    })
  if (result.rows.length > 0) {
    const { batch, integers } = batchOf(result, from)
    if (integers.length > 0) store.addColumns(config.destProject, config.destLogstore, integers)
    const id = batchIdOf(job, time)
    await store.append(config.destProject, config.destLogstore, batch, {
      id,
      source: 'scheduled_sql',
    })
  }
  meter?.count(job, time, read + sizeOf(result))
  return `${result.rows.length} rows`
}

/** UTF-8 bytes of the names and values that are there. */
function sizeOf({ columns, rows }: QueryResult): bigint {
  let size = 0
  for (const [index, { name }] of columns.entries()) {
    const own = Buffer.byteLength(name)
    for (const row of rows) {
      const value = row[index] ?? null
      if (value !== null) size += own + Buffer.byteLength(value)
    }
  }
  return BigInt(size)
}

/** Moments of one schedule are numbers without gaps as far as they can be: the store keeps those as one range. */
function batchIdOf({ id, times }: RunnableJob, time: number): BatchId {
  const step = times.type === 'FixedRate' ? times.intervalSeconds : 60
  return { flowLog: 'scheduled-sql', run: id, number: Math.floor(time / step) }
}

function batchOf(
  { columns, rows }: QueryResult,
  from: number,
): { batch: ColumnBatch; integers: ColumnSpec[] } {
  const made = new Map<string, Column>()
  const integers: ColumnSpec[] = []
  for (const [index, { name, type }] of columns.entries()) {
    const values = rows.map((row) => row[index] ?? null)
    if (name === '__time__') made.set(name, timesOf(values))
    else if (reservedColumns.some((each) => each.name === name))
      throw new WeirError('QueryFailed', `a result cannot have a column ${name}`, {
        hint: `Give it another name: ${name} AS ...`,
      })
    else if (type === 'bigint' && values.every(isExact)) {
      integers.push({ name, kind: 'integer' })
      const numbers = values.map((value) => (value === null ? Number.NaN : Number(value)))
      made.set(name, { kind: 'integer', values: Float64Array.from(numbers) })
    } else made.set(name, textsOf(values))
  }
  if (!made.has('__time__'))
    made.set('__time__', { kind: 'integer', values: new Float64Array(rows.length).fill(from) })
  return { batch: { rows: rows.length, columns: made }, integers }
}

const isExact = (value: string | null): boolean =>
  value === null || Number.isSafeInteger(Number(value))

function timesOf(values: readonly (string | null)[]): Column {
  const times = values.map(Number)
  if (values.includes(null) || !times.every((time) => Number.isSafeInteger(time) && time >= 0))
    throw new WeirError('QueryFailed', 'the column __time__ must be Unix seconds in every row')
  return { kind: 'integer', values: Float64Array.from(times) }
}

function textsOf(values: readonly (string | null)[]): Column {
  const codes = new Map<string, number>()
  const codeOf = (text: string | null): number => {
    if (text === null) return 0
    const known = codes.get(text) ?? codes.size + 1
    codes.set(text, known)
    return known
  }
  return { kind: 'text', codes: Uint32Array.from(values, codeOf), dictionary: [...codes.keys()] }
}
