import type { Column, ColumnBatch, ColumnSpec } from '../src/base/columns.ts'
import type { LogGroup } from '../src/log-group/log-group.ts'
import type { LogStoreConfig, RollupSpec } from '../src/logstore/logstore.ts'

export const project = 'kill'
export const logstore = 'ingest'
/** What comes by PutLogs: kept for ever, and for a day. */
export const putLogstores = ['put', 'short'] as const

export const killColumns: readonly ColumnSpec[] = [
  { name: 'run', kind: 'text' },
  { name: 'batch', kind: 'integer' },
  { name: 'row', kind: 'integer' },
  { name: 'text', kind: 'text' },
]

/** The day of the batches is over: it is joined, and what comes late joins it, all the time. */
export const killRollups: readonly RollupSpec[] = [
  { name: 'runs', bucketSeconds: 3600, by: ['run'], sums: ['row'] },
]

/** Flushes, rolls and merges all the time, so that a kill meets each of them. */
export const ingestConfig: Partial<LogStoreConfig> = {
  flushIntervalMs: 20,
  flushRows: 400,
  flushRowsMax: 800,
  hotRowsMax: 5000,
  logFileBytes: 16 * 1024,
  mergeFiles: 3,
  lateFiles: 2,
  hourSettleSeconds: 0,
  maintainIntervalMs: 30,
  mergeRowsMax: 30_000,
  dayRowsMax: 1500, // it is one file until there are more
}

/** 1 to 50 rows: batches differ in size. */
export const rowsIn = (number: number): number => 1 + ((number * 17) % 50)

/** 2026-01-02T03:00:00Z; rows lie in three hours, so that one batch is in several segments. */
const startTime = 1_767_322_800

export function batchNumber(run: string, number: number): ColumnBatch {
  const rows = rowsIn(number)
  const integer = (value: (row: number) => number): Column => ({
    kind: 'integer',
    values: Float64Array.from({ length: rows }, (_, row) => value(row)),
  })
  const text = (dictionary: string[], code: (row: number) => number): Column => ({
    kind: 'text',
    dictionary,
    codes: Uint32Array.from({ length: rows }, (_, row) => code(row)),
  })
  const time = (row: number) => startTime + ((number + row) % 3) * 3600 + (number % 3600)
  const columns = new Map([
    ['__time__', integer(time)],
    ['run', text([run], () => 1)],
    ['batch', integer(() => number)],
    ['row', integer((row) => row)],
    ['text', text(['even', 'odd'], (row) => 1 + (row % 2))],
  ])
  return { rows, columns }
}

/** The same rows as PutLogs sends them. */
export const groupNumber = (run: string, number: number): LogGroup => ({
  topic: '',
  source: '',
  tags: [],
  logs: Array.from({ length: rowsIn(number) }, (_, row) => ({
    time: startTime + ((number + row) % 3) * 3600 + (number % 3600),
    contents: [
      ['run', run],
      ['batch', String(number)],
      ['row', String(row)],
      ['text', row % 2 === 0 ? 'even' : 'odd'],
    ],
  })),
})
