/** A batch of flow log records as rows of a rollup. */
import type { Column, ColumnBatch, IntegerColumn, TextColumn } from '../base/columns.ts'
import { alignedStart } from '../base/time.ts'
import { isInternet, isPublicAddress } from './internet.ts'
import { isInteger, keysOf, type Dimension, type TupleKey } from './tuples.ts'

/** Codes of texts, which are numbers, and numbers: what one row differs from another by. */
interface Keys {
  readonly columns: ReadonlyMap<TupleKey, Column>
  readonly times: Float64Array
  readonly packets: Float64Array
  readonly bytes: Float64Array
  /** Rows that count something: those of NODATA and SKIPDATA do not. */
  readonly rows: Uint32Array
}

const internet = 'internet'

/** Reads a batch once, for all its rollups. Columns that it lacks, and those of another kind, are absent values. */
export function keysOfBatch({ rows, columns }: ColumnBatch): Keys {
  const integer = (name: string): Float64Array => {
    const column = columns.get(name)
    return column?.kind === 'integer' ? column.values : new Float64Array(rows).fill(Number.NaN)
  }
  const text = (name: string): TextColumn => {
    const column = columns.get(name)
    return column?.kind === 'text'
      ? column
      : { kind: 'text', codes: new Uint32Array(rows), dictionary: [] }
  }
  const packets = integer('packets')
  const bytes = integer('bytes')
  const counted = Uint32Array.from({ length: rows }, (_, row) => row).filter(
    (row) => !Number.isNaN(packets[row]) || !Number.isNaN(bytes[row]),
  )
  const made = sides(text('direction'), text('srcaddr'), text('dstaddr'), {
    rows: counted,
    length: rows,
    paths: integer('traffic_path'),
  })
  const keys = new Map<TupleKey, Column>()
  for (const key of keysOf.Tuple5)
    if (key === 'cloud-ip' || key === 'scope') keys.set(key, made[key])
    else keys.set(key, isInteger(key) ? { kind: 'integer', values: integer(key) } : text(key))
  return { columns: keys, times: integer('__time__'), packets, bytes, rows: counted }
}

/**
 * The ENI's own address, which is the destination of what comes in and the source of what goes out, and whether the
 * other one is on the internet. A record without a direction has neither.
 */
function sides(
  direction: TextColumn,
  source: TextColumn,
  destination: TextColumn,
  { rows, length, paths }: { rows: Uint32Array; length: number; paths: Float64Array },
): { readonly 'cloud-ip': TextColumn; readonly scope: TextColumn } {
  const codes = new Uint32Array(length)
  const scopes = new Uint32Array(length)
  const known = new Map<string, number>()
  const codeOf = (text: string): number => {
    const code = known.get(text) ?? known.size + 1
    known.set(text, code)
    return code
  }
  const ofSource = source.dictionary.map(once)
  const ofDestination = destination.dictionary.map(once)
  for (const row of rows) {
    const way = direction.dictionary[direction.codes[row]! - 1]
    if (way !== 'in' && way !== 'out') continue
    const [own, peer, peers] =
      way === 'in' ? [destination, source, ofSource] : [source, destination, ofDestination]
    const address = own.dictionary[own.codes[row]! - 1]
    if (address !== undefined) codes[row] = codeOf(address)
    const isPublic = (): boolean => peers[peer.codes[row]! - 1]?.() ?? false
    if (isInternet(paths[row]!, isPublic)) scopes[row] = 1
  }
  return {
    'cloud-ip': { kind: 'text', codes, dictionary: [...known.keys()] },
    scope: { kind: 'text', codes: scopes, dictionary: [internet] },
  }
}

/** Whether an address is public, looked up when it is first asked. */
function once(address: string): () => boolean {
  let found: boolean | undefined
  return () => (found ??= isPublicAddress(address))
}

/**
 * The rows of a rollup: one for each tuple and interval that occurs, with exact totals. What would not be an exact
 * number is two rows.
 */
export function fold(keys: Keys, dimension: Dimension, minutes: number): ColumnBatch {
  const { times, packets, bytes } = keys
  const columns = keysOf[dimension].map((name) => keys.columns.get(name)!)
  const values = columns.map((each) => (each.kind === 'text' ? each.codes : each.values))
  const found = new Map<string, number>()
  const firsts: number[] = []
  const starts: number[] = []
  const sums = { packets: [] as number[], bytes: [] as number[] }
  for (const row of keys.rows) {
    const start = alignedStart(times[row]!, minutes * 60)
    let key = String(start)
    for (const each of values) key += `,${each[row]}`
    const more = { packets: packets[row]! || 0, bytes: bytes[row]! || 0 } // NaN is absent
    const at = found.get(key)
    if (at !== undefined && isExact(sums, at, more)) {
      sums.packets[at]! += more.packets
      sums.bytes[at]! += more.bytes
      continue
    }
    found.set(key, firsts.length)
    firsts.push(row)
    starts.push(start)
    sums.packets.push(more.packets)
    sums.bytes.push(more.bytes)
  }
  const made = new Map<string, Column>([['__time__', integersOf(starts)]])
  for (const [index, name] of keysOf[dimension].entries())
    made.set(name, taken(columns[index]!, firsts))
  made.set('packets', integersOf(sums.packets))
  made.set('bytes', integersOf(sums.bytes))
  return { rows: firsts.length, columns: made }
}

interface Sums {
  readonly packets: readonly number[]
  readonly bytes: readonly number[]
}

const isExact = (
  sums: Sums,
  at: number,
  more: { readonly packets: number; readonly bytes: number },
): boolean =>
  Number.isSafeInteger(sums.packets[at]! + more.packets) &&
  Number.isSafeInteger(sums.bytes[at]! + more.bytes)

const integersOf = (values: readonly number[]): IntegerColumn => ({
  kind: 'integer',
  values: Float64Array.from(values),
})

const taken = (column: Column, rows: readonly number[]): Column =>
  column.kind === 'integer'
    ? { kind: 'integer', values: Float64Array.from(rows, (row) => column.values[row]!) }
    : { ...column, codes: Uint32Array.from(rows, (row) => column.codes[row]!) }
