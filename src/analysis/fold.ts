/** A batch of flow log records as rows of a rollup. */
import type { Column, ColumnBatch, IntegerColumn, TextColumn } from '../base/columns.ts'
import { alignedStart } from '../base/time.ts'
import { type Groups, oneGroup, splitBy } from './groups.ts'
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
  /** Those of a tuple, whenever they were. */
  readonly groups: Readonly<Record<Dimension, Groups>>
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
  const groups = groupsOf(keys, counted)
  return { columns: keys, times: integer('__time__'), packets, bytes, rows: counted, groups }
}

/** The keys of a shorter tuple are the first ones of a longer. */
function groupsOf(columns: ReadonlyMap<TupleKey, Column>, rows: Uint32Array): Keys['groups'] {
  const split = (groups: Groups, keys: readonly TupleKey[]): Groups =>
    keys.reduce((before, key) => {
      const column = columns.get(key)!
      return splitBy(before, rows, column.kind === 'text' ? column.codes : column.values)
    }, groups)
  const Tuple1 = split(oneGroup(rows.length), keysOf.Tuple1)
  const Tuple2 = split(Tuple1, keysOf.Tuple2.slice(keysOf.Tuple1.length))
  return { Tuple1, Tuple2, Tuple5: split(Tuple2, keysOf.Tuple5.slice(keysOf.Tuple2.length)) }
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
  const { times, rows, groups } = keys
  const starts = times.map((time) => alignedStart(time, minutes * 60))
  const sums = added(keys, splitBy(groups[dimension], rows, starts))
  const made = new Map<string, Column>([['__time__', taken(integers(starts), sums.rows)]])
  for (const name of keysOf[dimension]) made.set(name, taken(keys.columns.get(name)!, sums.rows))
  made.set('packets', integers(sums.packets))
  made.set('bytes', integers(sums.bytes))
  return { rows: sums.rows.length, columns: made }
}

/** A row of each group, and the group's totals; a second one where a total would not be exact. */
function added({ packets, bytes, rows }: Keys, { of, count }: Groups) {
  const most = rows.length
  const sums = {
    rows: new Uint32Array(most),
    packets: new Float64Array(most),
    bytes: new Float64Array(most),
  }
  /** Where a group is added up, plus 1. */
  const places = new Uint32Array(count)
  let made = 0
  for (const [place, row] of rows.entries()) {
    const group = of[place]!
    const morePackets = packets[row]! || 0 // NaN is absent
    const moreBytes = bytes[row]! || 0
    const at = places[group]! - 1
    if (
      at >= 0 &&
      isExact(sums.packets[at]! + morePackets) &&
      isExact(sums.bytes[at]! + moreBytes)
    ) {
      sums.packets[at]! += morePackets
      sums.bytes[at]! += moreBytes
      continue
    }
    places[group] = made + 1
    sums.rows[made] = row
    sums.packets[made] = morePackets
    sums.bytes[made] = moreBytes
    made++
  }
  return {
    rows: sums.rows.subarray(0, made),
    packets: sums.packets.subarray(0, made),
    bytes: sums.bytes.subarray(0, made),
  }
}

const isExact = (total: number): boolean => total <= Number.MAX_SAFE_INTEGER

const integers = (values: Float64Array): IntegerColumn => ({ kind: 'integer', values })

function taken(column: Column, rows: Uint32Array): Column {
  if (column.kind === 'text') return { ...column, codes: rows.map((row) => column.codes[row]!) }
  const values = new Float64Array(rows.length)
  for (const [place, row] of rows.entries()) values[place] = column.values[row]!
  return integers(values)
}
