import type { Column, ColumnBatch, ColumnSpec, TextColumn } from '../base/columns.ts'
import { notApplicable } from '../record/fields.ts'
import { restColumn } from '../base/rest-fields.ts'
import { type Place, placeOf, tagPrefix, timeNsColumn } from './fit-place.ts'
import { Rest } from './fit-rest.ts'

/** Logs of one source and topic as they came: what `decodeLogGroup` gives. */
export interface ReceivedGroup {
  readonly rows: number
  readonly topic: string
  readonly source: string
  readonly tags: readonly (readonly [key: string, value: string])[]
  /** Unix seconds. */
  readonly times: Float64Array
  readonly timeNs: Uint32Array | undefined
  readonly columns: ReadonlyMap<string, Pick<TextColumn, 'codes' | 'dictionary'>>
}

export interface FittedGroup {
  readonly batch: ColumnBatch
  /** Columns of the batch that the logstore lacks. */
  readonly missing: readonly ColumnSpec[]
}

/**
 * A group in the columns of a logstore. Texts stay as they are; a key that is no column yet becomes a text column; tags are
 * columns `__tag__:KEY`. What has no place, such as a word in a column of integers, is kept in `__rest__`, the text of a
 * JSON object, so that nothing is lost. In a logstore of flow logs `-` is no value.
 * @param tags what the server itself adds, before the group's own
 */
export function fitGroup(
  group: ReceivedGroup,
  specs: readonly ColumnSpec[],
  tags: readonly (readonly [key: string, value: string])[] = [],
): FittedGroup {
  const { rows } = group
  const fit = new Fit(placeOf(specs), rows)
  fit.columns.set('__time__', { kind: 'integer', values: group.times })
  const ones = new Uint32Array(rows).fill(1)
  for (const [key, value] of [...tags, ...group.tags])
    fit.add(tagPrefix + key, { codes: ones, dictionary: [value] })
  if (group.timeNs !== undefined) fit.addTimeNs(Float64Array.from(group.timeNs.subarray(0, rows)))
  for (const [name, column] of group.columns) fit.add(name, column)
  return fit.finish()
}

class Fit {
  readonly columns = new Map<string, Column>()
  readonly #missing: ColumnSpec[] = []
  readonly #place: Place
  readonly #rows: number
  readonly #rest: Rest
  /** Names that this group adds to the logstore, in lower case. */
  readonly #added = new Set<string>()

  constructor(place: Place, rows: number) {
    this.#place = place
    this.#rows = rows
    this.#rest = new Rest(rows)
  }

  add(name: string, column: Pick<TextColumn, 'codes' | 'dictionary'>): void {
    const kind = this.columns.has(name) ? undefined : this.#kindOf(name)
    if (kind === undefined) this.#rest.add(name, column)
    else if (kind === 'integer') this.columns.set(name, this.#integers(name, column))
    else this.columns.set(name, this.#texts(name, column))
  }

  addTimeNs(values: Float64Array): void {
    const kind = this.#place.kinds.get(timeNsColumn)
    if (kind === 'text' || (kind === undefined && !this.#mayAdd(timeNsColumn, 'integer')))
      this.#rest.addIntegers(timeNsColumn, values)
    else this.columns.set(timeNsColumn, { kind: 'integer', values })
  }

  finish(): FittedGroup {
    const rest = this.#rest.column()
    if (rest !== undefined) {
      this.columns.set(restColumn, rest)
      if (!this.#place.kinds.has(restColumn)) this.#missing.push({ name: restColumn, kind: 'text' })
    }
    return { batch: { rows: this.#rows, columns: this.columns }, missing: this.#missing }
  }

  /** Undefined: there is no place for it. */
  #kindOf(name: string): Column['kind'] | undefined {
    const { kinds, reserved } = this.#place
    if (reserved.has(name)) return undefined
    return kinds.get(name) ?? (this.#mayAdd(name, 'text') ? 'text' : undefined)
  }

  #mayAdd(name: string, kind: Column['kind']): boolean {
    if (!this.#place.mayAdd(name, this.#added)) return false
    this.#added.add(name.toLowerCase())
    this.#missing.push({ name, kind })
    return true
  }

  #texts(name: string, { codes, dictionary }: Pick<TextColumn, 'codes' | 'dictionary'>): Column {
    const absent = this.#place.dashIsAbsent(name) ? dictionary.indexOf(notApplicable) + 1 : 0
    if (absent === 0) return { kind: 'text', codes, dictionary }
    const kept = codes.map((code) => (code === absent ? 0 : code))
    return { kind: 'text', codes: kept, dictionary }
  }

  #integers(name: string, column: Pick<TextColumn, 'codes' | 'dictionary'>): Column {
    const { codes, dictionary } = column
    const dash = this.#place.dashIsAbsent(name)
    const valueOf = new Float64Array(dictionary.length + 1).fill(Number.NaN)
    let strays: Uint8Array | undefined
    for (let index = 0; index < dictionary.length; index++) {
      const text = dictionary[index]!
      const value = integerOf(text)
      if (!Number.isNaN(value)) valueOf[index + 1] = value
      else if (!dash || text !== notApplicable) {
        strays ??= new Uint8Array(dictionary.length + 1)
        strays[index + 1] = 1
      }
    }
    if (strays !== undefined) this.#rest.add(name, column, strays)
    const values = new Float64Array(this.#rows)
    for (let row = 0; row < this.#rows; row++) values[row] = valueOf[codes[row]!]!
    return { kind: 'integer', values }
  }
}

const zero = 48
const digitsMax = 16

/** Of a text that is exactly how the integer prints, within 2^53; NaN for any other. */
function integerOf(text: string): number {
  const negative = text.charCodeAt(0) === 45
  const start = negative ? 1 : 0
  const digits = text.length - start
  if (digits < 1 || digits > digitsMax) return Number.NaN
  if (text.charCodeAt(start) === zero) return text === '0' ? 0 : Number.NaN
  let value = 0
  for (let at = start; at < text.length; at++) {
    const digit = text.charCodeAt(at) - zero
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  if (value > Number.MAX_SAFE_INTEGER) return Number.NaN
  return negative ? -value : value
}
