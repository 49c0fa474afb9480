/** The records that `npm run bench store` measures with are as like a cloud's as storage.md §0 says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreRecords } from '../bench/run/store-records.ts'
import type { ColumnBatch } from '../src/base/columns.ts'

const long = process.env['WEIR_LONG'] === '1'

function valuesOf({ rows, columns }: ColumnBatch, name: string): (string | number)[] {
  const column = columns.get(name)!
  return Array.from({ length: rows }, (_, row) =>
    column.kind === 'text' ? column.dictionary[column.codes[row]! - 1]! : column.values[row]!,
  )
}

test('the seed alone decides the records, in batches of any size', () => {
  const whole = new StoreRecords(7).next(20_000)
  const parts = new StoreRecords(7)
  const other = new StoreRecords(8).next(20_000)
  const batches = [1, 4999, 10_000, 5000].map((rows) => parts.next(rows))
  for (const name of whole.columns.keys()) {
    const wanted = valuesOf(whole, name)
    assert.deepEqual(
      batches.flatMap((each) => valuesOf(each, name)),
      wanted,
    )
    if (name === 'srcport') assert.notDeepEqual(valuesOf(other, name), wanted)
  }
})

test('windows follow each other, and shares are those of a cloud', () => {
  const rows = 100_000
  const records = new StoreRecords(1)
  const batch = records.next(rows)
  const times = valuesOf(batch, '__time__').map((time) => Math.floor(Number(time) / 60))
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
  const share = (name: string, value: string): number =>
    valuesOf(batch, name).filter((each) => each === value).length / rows
  const within = (value: number, from: number, to: number) =>
    assert.ok(value >= from && value <= to, `${value} is not ${from} to ${to}`)
  within(share('action', 'REJECT'), 0.035, 0.05)
  within(share('type', 'IPv6'), 0.018, 0.03)
  within(share('direction', 'in'), 0.45, 0.55)
  within(new Set(valuesOf(batch, 'eni-id')).size, 195, 200)
  assert.equal(new Set(valuesOf(batch, 'vpc-id')).size, 3)
})

test(
  '1 M records: 42 k addresses, 284 k pairs, 662 k five-tuples, each within a sixth',
  { skip: !long },
  () => {
    const addresses = new Set<unknown>()
    const pairs = new Set<string>()
    const tuples = new Set<string>()
    const records = new StoreRecords(1)
    for (let made = 0; made < 1_000_000; made += 10_000) {
      const batch = records.next(10_000)
      const names = ['srcaddr', 'dstaddr', 'srcport', 'dstport', 'protocol']
      const [source, destination, ...rest] = names.map((name) => valuesOf(batch, name))
      for (let row = 0; row < batch.rows; row++) {
        const pair = `${source![row]} ${destination![row]}`
        addresses.add(source![row]).add(destination![row])
        pairs.add(pair)
        tuples.add(`${pair} ${rest.map((values) => values[row]).join(' ')}`)
      }
    }
    for (const [found, wanted] of [
      [addresses.size, 42_000],
      [pairs.size, 284_000],
      [tuples.size, 662_000],
    ] as const)
      assert.ok(Math.abs(found - wanted) < wanted / 6, `${found}, wanted ${wanted}`)
  },
)
