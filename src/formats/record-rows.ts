/** Records on their way into columns, and what is wrong with those that are none. */
import type { Column, ColumnBatch } from '../base/columns.ts'
import { ipv6Text } from '../base/ip.ts'
import { parseIp } from '../base/parse-ip.ts'
import { type FlowRecordField, flowRecordFields, flowRecordVersion } from '../record/fields.ts'
import { allowedTexts, greatest } from '../record/parse.ts'

/** Values by field, as text or number; what is absent does not apply, or is not told. */
export type FlowRecord = Partial<Record<FlowRecordField, string | number | undefined>>

/** What is wrong with a record; its place is added by the reader. */
export class Malformed extends Error {}

/** Hours that the records of one batch may lie in: a log store takes a thousand. */
const hoursMax = 900
const hourSeconds = 3600
/** The year 10000: what is later is milliseconds taken for seconds. */
const timeMax = 253_402_300_799
const textCharactersMax = 1024
/** Characters of different texts in one batch: a server takes 32 MiB, and a character has up to 3 bytes. */
const batchCharactersMax = 4 << 20

const timeFields: readonly FlowRecordField[] = ['start', 'end']
const ipFields: readonly FlowRecordField[] = ['srcaddr', 'dstaddr']

export class RecordRows {
  rows = 0
  readonly #rowsMax: number
  #texts: TextRows[] = []
  #numbers: NumberRows[] = []
  #start: Float64Array = new Float64Array(0)
  #type = new TextRows('type', 0)
  #hours = new Set<number>()

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax
    this.#clear(0)
  }

  get isFull(): boolean {
    if (this.rows === this.#rowsMax || this.#hours.size >= hoursMax) return true
    return this.#texts.reduce((sum, { characters }) => sum + characters, 0) >= batchCharactersMax
  }

  /**
   * Adds a record. `version` is ours; `type` is that of the addresses unless it is given.
   * @throws Malformed without a row being added
   */
  add(record: FlowRecord): void {
    if (this.rows === 0) this.#clear(this.#rowsMax)
    const row = this.rows
    try {
      for (const each of this.#numbers) each.set(row, record[each.name])
      for (const each of this.#texts) each.set(row, record[each.name])
      if (this.#type.codes[row] === 0) this.#type.set(row, typeOf(record))
      else typeOf(record)
    } catch (error) {
      for (const each of this.#numbers) each.values[row] = Number.NaN
      for (const each of this.#texts) each.codes[row] = 0
      throw error
    }
    this.#hours.add(Math.floor(this.#start[row]! / hourSeconds))
    this.rows++
  }

  /** The rows as a batch; the next ones are another's. */
  take(): ColumnBatch {
    const columns = new Map<string, Column>()
    for (const { name, codes, dictionary } of this.#texts)
      columns.set(name, { kind: 'text', codes, dictionary })
    for (const { name, values } of this.#numbers) columns.set(name, { kind: 'integer', values })
    const version = new Float64Array(this.rows).fill(flowRecordVersion)
    columns.set('version', { kind: 'integer', values: version })
    columns.set('__time__', { kind: 'integer', values: this.#start })
    const batch = { rows: this.rows, columns }
    this.#clear(0)
    return batch
  }

  #clear(capacity: number): void {
    this.rows = 0
    this.#hours = new Set()
    this.#texts = []
    this.#numbers = []
    for (const { name, kind } of flowRecordFields) {
      if (kind === 'text') this.#texts.push(new TextRows(name, capacity))
      else if (name !== 'version') this.#numbers.push(new NumberRows(name, capacity))
    }
    this.#start = this.#numbers.find(({ name }) => name === 'start')!.values
    this.#type = this.#texts.find(({ name }) => name === 'type')!
  }
}

function typeOf({ srcaddr, dstaddr }: FlowRecord): string | undefined {
  const source = familyOf(srcaddr)
  const destination = familyOf(dstaddr)
  if (source !== undefined && destination !== undefined && source !== destination)
    throw new Malformed('its addresses are of two families')
  return source ?? destination
}

const isAbsent = (value: unknown): boolean => value === undefined || value === '-' || value === ''

const familyOf = (address: string | number | undefined): string | undefined =>
  isAbsent(address) ? undefined : String(address).includes(':') ? 'IPv6' : 'IPv4'

class NumberRows {
  readonly name: FlowRecordField
  readonly values: Float64Array
  readonly #most: number
  readonly #isRequired: boolean

  constructor(name: FlowRecordField, rows: number) {
    this.name = name
    this.values = new Float64Array(rows).fill(Number.NaN)
    this.#isRequired = timeFields.includes(name)
    this.#most = this.#isRequired ? timeMax : (greatest[name] ?? Number.MAX_SAFE_INTEGER)
  }

  set(row: number, value: string | number | undefined): void {
    if (value === undefined || value === '-' || value === '') {
      if (this.#isRequired) throw new Malformed(`it has no "${this.name}"`)
      return
    }
    const number = typeof value === 'number' ? value : wholeOf(value)
    if (!(Number.isInteger(number) && number >= 0 && number <= this.#most))
      throw new Malformed(`"${this.name}" is ${shown(value)}, not an integer of 0 to ${this.#most}`)
    this.values[row] = number
  }
}

/** NaN for anything but 1 to 16 digits. */
function wholeOf(text: string): number {
  if (text.length > 16) return Number.NaN
  let number = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    number = number * 10 + digit
  }
  return number
}

class TextRows {
  readonly name: FlowRecordField
  readonly codes: Uint32Array
  readonly dictionary: string[] = []
  characters = 0
  /** By the text as it was given: what was checked once is not checked again. */
  readonly #known = new Map<string, number>()

  constructor(name: FlowRecordField, rows: number) {
    this.name = name
    this.codes = new Uint32Array(rows)
  }

  set(row: number, value: string | number | undefined): void {
    if (value === undefined || value === '-' || value === '') return
    const given = typeof value === 'number' ? String(value) : value
    let code = this.#known.get(given)
    if (code === undefined) this.#known.set(given, (code = this.#codeOf(checked(this.name, given))))
    this.codes[row] = code
  }

  /** Addresses that are written in two ways have one entry. */
  #codeOf(text: string): number {
    const found = this.#known.get(text)
    if (found !== undefined) return found
    const code = this.dictionary.push(text)
    this.#known.set(text, code)
    this.characters += text.length
    return code
  }
}

const words = new Uint32Array(4)

/** The text in the form it is stored in. */
function checked(name: FlowRecordField, text: string): string {
  if (ipFields.includes(name)) {
    const family = parseIp(text, words)
    if (family === 0) throw new Malformed(`"${name}" is ${shown(text)}, not an address`)
    return family === 4 ? text : ipv6Text(words)
  }
  const allowed = allowedTexts[name]
  if (allowed !== undefined && !allowed.includes(text))
    throw new Malformed(`"${name}" is ${shown(text)}; it may be ${allowed.join(', ')}`)
  if (text.length > textCharactersMax)
    throw new Malformed(`"${name}" is longer than ${textCharactersMax} characters`)
  return text
}

/** A value for a message, shortened. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}
