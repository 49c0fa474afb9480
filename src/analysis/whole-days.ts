/** Rankings of a time that has whole days in it: those are asked of the rollups of a day, the hours around of others. */
import type { Conditions } from './filter.ts'
import { dayMinutes } from './tuples.ts'

type Value = string | null
type Row = readonly Value[]

export interface PartAnswer {
  readonly columns: readonly { readonly type: string }[]
  readonly rows: readonly Row[]
}

const daySeconds = dayMinutes * 60

/** The whole days, the time before them and the time after them; undefined where there are no such parts. */
export function partsOf({ from, to }: { readonly from: number; readonly to: number }) {
  const first = Math.ceil(from / daySeconds) * daySeconds
  const last = Math.floor(to / daySeconds) * daySeconds
  if (first >= last || (first === from && last === to)) return undefined
  const parts = [
    { from: first, to: last },
    { from, to: first },
    { from: last, to },
  ]
  return parts.filter((part) => part.from < part.to)
}

export interface Order {
  readonly total: 'bytes' | 'packets'
  readonly ascending: boolean
  readonly bounds: Conditions['groups']
  readonly top: number
}

/**
 * What one query over all the time would answer, from all groups of each part: keys, bytes, packets.
 * @param keys how many columns tell a group
 */
export function mergedRows(
  parts: readonly PartAnswer[],
  keys: number,
  { total, ascending, bounds, top }: Order,
): { readonly rows: Row[]; readonly bytes: bigint } {
  const groups = new Map<string, { key: Row; bytes: bigint; packets: bigint }>()
  let all = 0n
  for (const { rows } of parts)
    for (const row of rows) {
      const key = row.slice(0, keys)
      const name = JSON.stringify(key)
      const sum = groups.get(name) ?? { key, bytes: 0n, packets: 0n }
      groups.set(name, sum)
      const bytes = BigInt(row[keys] ?? 0)
      sum.bytes += bytes
      sum.packets += BigInt(row[keys + 1] ?? 0)
      all += bytes
    }
  const isNumber = parts[0]?.columns.slice(0, keys).map(({ type }) => type === 'bigint') ?? []
  const fits = [...groups.values()].filter((sum) =>
    bounds.every(({ total: of, operator, value }) =>
      operator === '>=' ? sum[of] >= BigInt(value) : sum[of] <= BigInt(value),
    ),
  )
  const sorted = fits.sort(
    (a, b) =>
      (ascending ? 1 : -1) * compared(a[total], b[total]) || inOrder(a.key, b.key, isNumber),
  )
  const rows = sorted
    .slice(0, top)
    .map(({ key, bytes, packets }) => [...key, String(bytes), String(packets)])
  return { rows, bytes: all }
}

const compared = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

/** As the engine orders: texts by their bytes, and what is absent last. */
function inOrder(a: Row, b: Row, isNumber: readonly boolean[]): number {
  for (const [index, mine] of a.entries()) {
    const other = b[index] ?? null
    if (mine === other) continue
    if (mine === null || other === null) return mine === null ? 1 : -1
    return isNumber[index] === true
      ? compared(BigInt(mine), BigInt(other))
      : Buffer.compare(Buffer.from(mine), Buffer.from(other))
  }
  return 0
}
