/**
 * Records from their text form back into typed columns: the inverse of `text.ts`, for what others send.
 * Nothing is guessed: each line has exactly the fields of the table, each value is a string that its
 * field allows, and an error names the line.
 */
import type { Column, ColumnBatch } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { actionText, directionText, logStatusText } from './batch.ts'
import {
  type FlowRecordField,
  flowRecordFields,
  flowRecordVersion,
  notApplicable,
} from './fields.ts'

/** Texts that are not free: the page's values. */
export const allowedTexts: Partial<Record<FlowRecordField, readonly string[]>> = {
  type: ['IPv4', 'IPv6', notApplicable],
  direction: directionText,
  action: actionText,
  'log-status': logStatusText,
}

/** Greatest values; without a row here, 2^53 - 1. */
export const greatest: Partial<Record<FlowRecordField, number>> = {
  version: flowRecordVersion,
  protocol: 255,
  srcport: 65_535,
  dstport: 65_535,
  'tcp-flags': 255,
  traffic_path: 22,
}

/** "-" is no value here, whatever the status: a record has a version, a time and a status. */
const always: readonly FlowRecordField[] = ['version', 'start', 'end', 'log-status']

/** "In an OK record packets, bytes, start, end, ports, protocol and tcp-flags are always numbers." */
const alwaysInOk: readonly FlowRecordField[] = [
  'protocol',
  'srcport',
  'dstport',
  'packets',
  'bytes',
  'tcp-flags',
]

/** Records in one request: about 40 MB of text, and 14 MB as columns. */
export const recordsMax = 100_000

const names: ReadonlySet<string> = new Set(flowRecordFields.map(({ name }) => name))

/**
 * Records as NDJSON, the page's 21 fields a line with strings as values, to the columns of a logstore.
 * `-` becomes null and `__time__` is `start`. Empty lines are passed over.
 *
 * @throws WeirError ParameterInvalid with the line: not UTF-8, not JSON, a field missing, unknown (the
 *   nearest name is given) or with a value it cannot have; no record at all, or too many
 */
export function parseRecords(bytes: Uint8Array): ColumnBatch {
  const lines = linesOf(bytes)
  if (lines.length === 0)
    throw new WeirError('ParameterInvalid', 'there is no record in the request')
  const fields = flowRecordFields.map((field) => new FieldColumn(field, lines.length))
  lines.forEach(({ text, number }, row) => {
    const record = parseLine(text, number)
    for (const field of fields) field.set(row, record, number)
    checkNumbers(record, number)
  })
  const columns = new Map<string, Column>(fields.map((each) => [each.name, each.column]))
  columns.set('__time__', columns.get('start')!)
  return { rows: lines.length, columns }
}

/** The lines that are not empty, with their numbers. */
function linesOf(bytes: Uint8Array): { text: string; number: number }[] {
  const all = decode(bytes)
  const lines = []
  let number = 0
  for (let at = 0; at < all.length;) {
    const found = all.indexOf('\n', at)
    const end = found === -1 ? all.length : found
    number++
    const last = all[end - 1] === '\r' ? end - 1 : end
    if (last > at) lines.push({ text: all.slice(at, last), number })
    if (lines.length > recordsMax)
      throw new WeirError('ParameterInvalid', `there are more than ${recordsMax} records`, {
        hint: 'Send them in several requests, numbered on',
      })
    at = end + 1
  }
  return lines
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new WeirError('ParameterInvalid', 'the records are not UTF-8 text', { cause })
  }
}

type ParsedLine = Readonly<Record<string, unknown>>

function parseLine(line: string, number: number): ParsedLine {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new WeirError('ParameterInvalid', `not JSON: ${why}`, { place: `line ${number}`, cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid('a record is a JSON object', number)
  for (const key of Object.keys(value)) {
    if (names.has(key)) continue
    const near = nearest(key, names)
    throw invalid(
      `unknown field ${quoted(key)}`,
      number,
      near === undefined ? undefined : `Did you mean "${near}"?`,
    )
  }
  return value as ParsedLine
}

function checkNumbers(record: ParsedLine, line: number): void {
  if (record['log-status'] !== 'OK') return
  for (const name of alwaysInOk)
    if (record[name] === notApplicable)
      throw invalid(`"${name}" of an OK record is a number, not "-"`, line)
}

class FieldColumn {
  readonly name: FlowRecordField
  readonly column: Column
  readonly #values: Float64Array | undefined
  readonly #codes: Uint32Array | undefined
  readonly #dictionary: string[] = []
  readonly #known = new Map<string, number>()
  readonly #required: boolean
  readonly #allowed: readonly string[] | undefined
  readonly #greatest: number

  constructor(field: (typeof flowRecordFields)[number], rows: number) {
    this.name = field.name
    this.#required = always.includes(field.name)
    this.#allowed = allowedTexts[field.name]
    this.#greatest = greatest[field.name] ?? Number.MAX_SAFE_INTEGER
    if (field.kind === 'integer') {
      const values = new Float64Array(rows).fill(Number.NaN)
      this.#values = values
      this.column = { kind: 'integer', values }
    } else {
      const codes = new Uint32Array(rows)
      this.#codes = codes
      this.column = { kind: 'text', codes, dictionary: this.#dictionary }
    }
  }

  set(row: number, record: ParsedLine, line: number): void {
    const value = record[this.name]
    if (typeof value !== 'string') throw this.#notText(value, line)
    if (this.#allowed !== undefined && !this.#allowed.includes(value))
      throw invalid(
        `"${this.name}" is ${quoted(value)}`,
        line,
        `It may be ${this.#allowed.join(', ')}`,
      )
    if (value === notApplicable) {
      if (this.#required) throw invalid(`"${this.name}" may not be "-"`, line)
    } else if (this.#values !== undefined) this.#values[row] = this.#integer(value, line)
    else this.#codes![row] = this.#code(value)
  }

  #notText(value: unknown, line: number): WeirError {
    return value === undefined
      ? invalid(`"${this.name}" is missing`, line)
      : invalid(`"${this.name}" is ${quoted(value)}`, line, 'Values are strings')
  }

  #integer(text: string, line: number): number {
    const value = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN
    if (value <= this.#greatest && (this.name !== 'version' || value === flowRecordVersion))
      return value
    const range = this.name === 'version' ? 'It is 1' : `It is an integer of 0 to ${this.#greatest}`
    throw invalid(`"${this.name}" is ${quoted(text)}`, line, range)
  }

  #code(text: string): number {
    let code = this.#known.get(text)
    if (code === undefined) {
      code = this.#dictionary.push(text)
      this.#known.set(text, code)
    }
    return code
  }
}

/** A value for a message, shortened. */
function quoted(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}

const invalid = (message: string, line: number, hint?: string): WeirError =>
  new WeirError('ParameterInvalid', message, {
    place: `line ${line}`,
    ...(hint === undefined ? {} : { hint }),
  })
