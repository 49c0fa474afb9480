/** "Totals that agree with the raw records to the byte." */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import type { Column, ColumnBatch } from '../base/columns.ts'
import { fold, keysOfBatch } from './fold.ts'
import { keysOf } from './tuples.ts'

const seed = Number(process.env['WEIR_SEED'] ?? 20_261_123)
/** 2026-11-20T00:00:00Z. */
const at = 1_795_132_800
const texts = [
  'account-id',
  'vpc-id',
  'vswitch-id',
  'eni-id',
  'vm-id',
  'action',
  'srcaddr',
  'dstaddr',
]
const numbers = ['traffic_path', 'protocol', 'srcport', 'dstport']

/** Few values a column, absent ones among them, so that tuples meet again. */
function randomBatch(below: (below: number) => number, rows: number): ColumnBatch {
  const integer = (valueOf: () => number): Column => ({
    kind: 'integer',
    values: Float64Array.from({ length: rows }, valueOf),
  })
  const text = (dictionary: readonly string[]): Column => ({
    kind: 'text',
    codes: Uint32Array.from({ length: rows }, () => below(dictionary.length + 1)),
    dictionary,
  })
  const small = () => (below(4) === 0 ? Number.NaN : below(3))
  return {
    rows,
    columns: new Map<string, Column>([
      ['__time__', integer(() => at + below(7200))],
      ['direction', text(['in', 'out'])],
      ...texts.map((name): [string, Column] => [name, text(['a', '8.8.8.8'])]),
      ...numbers.map((name): [string, Column] => [name, integer(small)]),
      ['packets', integer(() => (below(9) === 0 ? Number.NaN : below(1000)))],
      ['bytes', integer(() => (below(9) === 0 ? Number.NaN : below(2 ** 50)))],
    ]),
  }
}

function rowsOf({ rows, columns }: ColumnBatch, names: readonly string[]): string[] {
  return Array.from({ length: rows }, (_, row) =>
    names
      .map((name) => {
        const column = columns.get(name)!
        if (column.kind === 'integer') return column.values[row]
        return column.dictionary[column.codes[row]! - 1] ?? null
      })
      .join(),
  )
}

test(`each tuple and interval is a row with its totals (seed ${seed})`, () => {
  const below = randomFrom(seed)
  for (const rows of [0, 1, 2, 3, 500, 3000]) {
    const batch = randomBatch(below, rows)
    const keys = keysOfBatch(batch)
    for (const dimension of ['Tuple1', 'Tuple2', 'Tuple5'] as const)
      for (const minutes of [1, 10, 60, 1440]) {
        const names = ['__time__', ...keysOf[dimension]]
        const sums = new Map<string, { packets: bigint; bytes: bigint }>()
        const times = rowsOf(batch, ['__time__']).map(Number)
        const all = rowsOf({ rows, columns: keys.columns }, keysOf[dimension])
        for (const row of keys.rows) {
          const seconds = minutes * 60
          const key = `${Math.floor(times[row]! / seconds) * seconds},${all[row]}`
          const sum = sums.get(key) ?? { packets: 0n, bytes: 0n }
          sum.packets += BigInt(keys.packets[row]! || 0)
          sum.bytes += BigInt(keys.bytes[row]! || 0)
          sums.set(key, sum)
        }
        const found = new Map<string, { packets: bigint; bytes: bigint }>()
        const folded = fold(keys, dimension, minutes)
        const totals = rowsOf(folded, ['packets', 'bytes'])
        for (const [index, key] of rowsOf(folded, names).entries()) {
          const [packets = '', bytes = ''] = totals[index]!.split(',')
          const sum = found.get(key) ?? { packets: 0n, bytes: 0n }
          found.set(key, {
            packets: sum.packets + BigInt(packets),
            bytes: sum.bytes + BigInt(bytes),
          })
        }
        assert.deepEqual(found, sums)
        assert.deepEqual([...found.keys()], [...sums.keys()])
      }
  }
})

test('a total that is no exact number would be two rows', () => {
  const integer = (...values: number[]): Column => ({
    kind: 'integer',
    values: Float64Array.from(values),
  })
  const batch = {
    rows: 4,
    columns: new Map<string, Column>([
      ['__time__', integer(at, at + 1, at + 2, at + 3)],
      ['packets', integer(1, 1, 1, 1)],
      ['bytes', integer(2 ** 53 - 2, 1, 1, 5)],
    ]),
  }
  const { columns } = fold(keysOfBatch(batch), 'Tuple5', 1)
  assert.deepEqual(columns.get('bytes'), integer(2 ** 53 - 1, 6))
  assert.deepEqual(columns.get('packets'), integer(2, 2))
})
