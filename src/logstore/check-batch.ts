import type { BatchId, Column, ColumnBatch, ColumnKind, ColumnSpec } from '../base/columns.ts'
import type { AppendOptions } from './contract.ts'
import { invalid } from './names.ts'

export interface BatchLimits {
  readonly batchRowsMax: number
  readonly batchHoursMax: number
}

const hourSeconds = 3600
/** 9999-12-31T23:59:59Z: what is later is milliseconds taken for seconds. */
const timeMax = 253_402_300_799
/** Bytes of a topic, a source, a flow log's or a run's name: they are kept for every batch. */
const nameBytesMax = 1024

/** Throws ParameterInvalid. After it every code, row and integer of the batch can be trusted. */
export function checkBatch(
  batch: ColumnBatch,
  kinds: ReadonlyMap<string, ColumnKind>,
  options: AppendOptions,
  limits: BatchLimits,
): void {
  if (!Number.isInteger(batch.rows) || batch.rows < 0 || batch.rows > limits.batchRowsMax)
    throw invalid(`a batch has 0 to ${limits.batchRowsMax} rows, not ${batch.rows}`)
  for (const [name, column] of batch.columns) {
    const kind = name === '__time__' ? 'integer' : kinds.get(name)
    if (!kind) throw invalid(`the logstore has no column ${name}`, `it has ${listed(kinds)}`)
    if (column.kind !== kind) throw invalid(`column ${name} is ${kind}, not ${column.kind}`)
    checkValues(name, column, batch.rows)
  }
  checkTimes(batch, limits.batchHoursMax)
  checkText('topic', options.topic)
  checkText('source', options.source)
  if (options.id) checkId(options.id)
}

function checkValues(name: string, column: Column, rows: number): void {
  const values = column.kind === 'text' ? column.codes : column.values
  if (values.length < rows) throw invalid(`column ${name} has ${values.length} of ${rows} rows`)
  for (let row = 0; row < rows; row++) {
    const value = values[row]!
    if (column.kind === 'text' && value > column.dictionary.length)
      throw invalid(
        `row ${row} of column ${name} has code ${value}, past the end of its dictionary`,
      )
    if (!Number.isSafeInteger(value) && !Number.isNaN(value))
      throw invalid(`row ${row} of column ${name} is ${value}, not a whole number within 2^53`)
  }
}

function checkTimes(batch: ColumnBatch, hoursMax: number): void {
  const times = batch.columns.get('__time__')
  if (times?.kind !== 'integer') throw invalid('the batch has no column __time__')
  const hours = new Set<number>()
  let last = -1
  for (let row = 0; row < batch.rows; row++) {
    const time = times.values[row]!
    if (!(time >= 0 && time <= timeMax))
      throw invalid(`row ${row} has __time__ ${time}`, 'Unix seconds, in every row')
    const hour = Math.floor(time / hourSeconds)
    if (hour !== last) hours.add((last = hour))
  }
  if (hours.size > hoursMax)
    throw invalid(`the rows of a batch lie in at most ${hoursMax} hours, not ${hours.size}`)
}

/** Least and greatest `__time__` of rows. */
export function timesOf(
  rows: number,
  timeOf: (row: number) => number,
): { timeMin: number; timeMax: number } {
  let timeMin = Infinity
  let timeMax = -Infinity
  for (let row = 0; row < rows; row++) {
    const time = timeOf(row)
    if (time < timeMin) timeMin = time
    if (time > timeMax) timeMax = time
  }
  return { timeMin, timeMax }
}

/** Of a batch that was checked. */
export function factsOf({ rows, columns }: ColumnBatch) {
  const times = columns.get('__time__')
  const values = times?.kind === 'integer' ? times.values : new Float64Array()
  return { rows, ...timesOf(rows, (row) => values[row]!) }
}

function checkText(what: string, text: string | undefined): void {
  if (text !== undefined && Buffer.byteLength(text) > nameBytesMax)
    throw invalid(`a ${what} has at most ${nameBytesMax} bytes`)
}

function checkId(id: BatchId): void {
  checkText('flow log', id.flowLog)
  checkText('run', id.run)
  if (!Number.isSafeInteger(id.number) || id.number < 0)
    throw invalid(`a batch's number counts up from 0, it cannot be ${id.number}`)
}

/** Columns of a batch that a logstore with these columns lacks. */
export const newColumns = (
  batch: ColumnBatch,
  kinds: ReadonlyMap<string, ColumnKind>,
): ColumnSpec[] =>
  [...batch.columns].flatMap(([name, { kind }]): ColumnSpec[] =>
    name !== '__time__' && !kinds.has(name) ? [{ name, kind }] : [],
  )

const listed = (kinds: ReadonlyMap<string, ColumnKind>): string => [...kinds.keys()].join(', ')
