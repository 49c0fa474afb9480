/**
 * What a record weighs on a bill: the UTF-8 bytes of its field names and of its values as they are delivered,
 * uncompressed. Counted over columns: no text is built for it.
 */
import type { Column, ColumnBatch } from '../base/columns.ts'

/** An absent value is delivered as `-`. */
const absentBytes = 1

/** Of each row, in bytes. @param fields the names of a record's fields; one the batch lacks is absent in each row */
export function recordSizes(
  { rows, columns }: ColumnBatch,
  fields: readonly string[],
): Float64Array {
  const names = fields.reduce((sum, name) => sum + Buffer.byteLength(name), 0)
  const sizes = new Float64Array(rows).fill(names)
  for (const name of fields) addValues(sizes, columns.get(name))
  return sizes
}

function addValues(sizes: Float64Array, column: Column | undefined): void {
  if (column === undefined) {
    for (let row = 0; row < sizes.length; row++) sizes[row]! += absentBytes
  } else if (column.kind === 'text') {
    const { codes, dictionary } = column
    const lengths = lengthsOf(dictionary)
    for (let row = 0; row < sizes.length; row++) sizes[row]! += lengths[codes[row]!]!
  } else {
    const { values } = column
    for (let row = 0; row < sizes.length; row++) sizes[row]! += decimalLength(values[row]!)
  }
}

/** By code; 0 is "absent". A spread of a million texts would overflow the stack. */
function lengthsOf(texts: readonly string[]): Float64Array {
  const lengths = new Float64Array(texts.length + 1)
  lengths[0] = absentBytes
  for (const [i, text] of texts.entries()) lengths[i + 1] = Buffer.byteLength(text)
  return lengths
}

/** Characters of an integer as text; an absent one, NaN, is `-`. */
function decimalLength(value: number): number {
  let length = value < 0 ? 2 : 1
  const least = Math.abs(value)
  for (let power = 10; least >= power; power *= 10) length++
  return length
}

export interface OwnedBytes {
  /** Of the two columns; undefined where the value is absent. */
  readonly values: readonly [string | undefined, string | undefined]
  readonly bytes: number
}

/** Sizes added up by the values of two text columns. */
export function sumByTexts(
  { rows, columns }: ColumnBatch,
  sizes: Float64Array,
  names: readonly [string, string],
): OwnedBytes[] {
  const [first, second] = names.map((name) => {
    const column = columns.get(name)
    return column?.kind === 'text' ? column : undefined
  })
  const sums = new Map<number, number>()
  const stride = (second?.dictionary.length ?? 0) + 1
  for (let row = 0; row < rows; row++) {
    const key = (first?.codes[row] ?? 0) * stride + (second?.codes[row] ?? 0)
    sums.set(key, (sums.get(key) ?? 0) + sizes[row]!)
  }
  return [...sums].map(([key, bytes]) => ({
    values: [
      first?.dictionary[Math.floor(key / stride) - 1],
      second?.dictionary[(key % stride) - 1],
    ],
    bytes,
  }))
}
