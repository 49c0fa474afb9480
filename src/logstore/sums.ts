/**
 * What is compared before anything that holds rows is given up: for each column how many values
 * there are and their sum - of integers the values, of texts the bytes of their UTF-8. Computed from
 * the log by this file, and from Parquet by SQL, so a row lost or doubled on the way shows.
 */
export interface ColumnSums {
  readonly values: number
  readonly sum: bigint
}

export type SumsByColumn = ReadonlyMap<string, ColumnSums>

/** Per slot: `slots` says for each row which. */
export function integerSums(
  halves: Uint32Array,
  present: Uint32Array | undefined,
  slots: Uint32Array,
  slotCount: number,
): ColumnSums[] {
  const values = new Float64Array(slotCount)
  // Two sums of 32-bit halves stay exact for 2^21 rows; a BigInt a value would cost 50 times as much.
  const lower = new Float64Array(slotCount)
  const upper = new Float64Array(slotCount)
  for (let row = 0; row < slots.length; row++) {
    if (present && (present[row >>> 5]! & (1 << (row & 31))) === 0) continue
    const slot = slots[row]!
    values[slot]!++
    lower[slot]! += halves[row * 2]!
    upper[slot]! += halves[row * 2 + 1]! | 0
  }
  return Array.from({ length: slotCount }, (_, slot) => ({
    values: values[slot]!,
    sum: BigInt(upper[slot]!) * 2n ** 32n + BigInt(lower[slot]!),
  }))
}

export function textSums(
  codes: Uint32Array,
  dictionary: readonly string[],
  slots: Uint32Array,
  slotCount: number,
): ColumnSums[] {
  const bytes = Float64Array.from(dictionary, (text) => Buffer.byteLength(text))
  const values = new Float64Array(slotCount)
  const sum = new Float64Array(slotCount)
  for (let row = 0; row < slots.length; row++) {
    const code = codes[row]!
    if (code === 0) continue
    const slot = slots[row]!
    values[slot]!++
    sum[slot]! += bytes[code - 1]!
  }
  return Array.from({ length: slotCount }, (_, slot) => ({
    values: values[slot]!,
    sum: BigInt(sum[slot]!),
  }))
}

export function addSums(parts: readonly SumsByColumn[]): SumsByColumn {
  const total = new Map<string, ColumnSums>()
  for (const part of parts)
    for (const [name, { values, sum }] of part) {
      const sofar = total.get(name) ?? { values: 0, sum: 0n }
      total.set(name, { values: sofar.values + values, sum: sofar.sum + sum })
    }
  return total
}

/** The columns that differ, as text for an error; empty when all agree. */
export function differingSums(wanted: SumsByColumn, found: SumsByColumn): string {
  const say = (sums: ColumnSums | undefined) =>
    sums ? `${sums.values} values, sum ${sums.sum}` : 'none'
  return [...new Set([...wanted.keys(), ...found.keys()])]
    .filter((name) => say(wanted.get(name)) !== say(found.get(name)))
    .map((name) => `${name}: ${say(wanted.get(name))} became ${say(found.get(name))}`)
    .join('; ')
}

export const sumsToJson = (sums: SumsByColumn): string =>
  JSON.stringify([...sums].map(([name, { values, sum }]) => [name, values, String(sum)]))

export const sumsFromJson = (text: string): SumsByColumn =>
  new Map(
    (JSON.parse(text) as [string, number, string][]).map(([name, values, sum]) => [
      name,
      { values, sum: BigInt(sum) },
    ]),
  )
