/** A time with whole days in it, asked in parts: the answer is that of one query, ties and bounds included. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { mergedRows, partsOf } from './whole-days.ts'

const seed = Number(process.env['WEIR_SEED'] ?? 20_261_123)
const hour = 3600
const day = 24 * hour

test('the days, the hours before, the hours after', () => {
  const parts = (from: number, to: number) =>
    partsOf({ from, to })?.map((part) => [part.from / hour, part.to / hour])
  assert.deepEqual(parts(23 * hour, 2 * day + hour), [
    [24, 48],
    [23, 24],
    [48, 49],
  ])
  assert.deepEqual(parts(day, 2 * day + hour), [
    [24, 48],
    [48, 49],
  ])
  assert.deepEqual(parts(hour, 2 * day), [
    [24, 48],
    [1, 24],
  ])
  assert.deepEqual(
    [parts(day, 2 * day), parts(hour, 2 * day - hour), parts(1, 2)],
    [undefined, undefined, undefined],
  )
})

test(`groups of parts add up, are bounded, ordered and cut (seed ${seed})`, () => {
  const below = randomFrom(seed)
  const columns = ['varchar', 'bigint', 'bigint', 'bigint'].map((type) => ({ type }))
  const texts = ['a', 'Z', 'é', '', null]
  const numbers = ['9', '10', '443', null]
  const part = () => {
    const rows = texts.flatMap((text) =>
      numbers.flatMap((number) =>
        below(3) === 0 ? [] : [[text, number, String(below(4)), String(below(4))]],
      ),
    )
    return { columns, rows }
  }
  for (let round = 0; round < 50; round++) {
    const parts = [part(), part(), part()]
    const sums = new Map<string, readonly [number, number]>()
    for (const [text, number, bytes, packets] of parts.flatMap(({ rows }) => rows)) {
      const name = JSON.stringify([text, number])
      const [b, p] = sums.get(name) ?? [0, 0]
      sums.set(name, [b + Number(bytes), p + Number(packets)])
    }
    const rank = (name: string): number => {
      const [text, number] = JSON.parse(name) as [string | null, string | null]
      return ['', 'Z', 'a', 'é', null].indexOf(text) * 10 + ['9', '10', '443', null].indexOf(number)
    }
    for (const ascending of [true, false]) {
      const wanted = [...sums]
        .filter(([, [b]]) => b >= 2)
        .toSorted(
          ([nameA, [, a]], [nameB, [, b]]) =>
            (ascending ? a - b : b - a) || rank(nameA) - rank(nameB),
        )
        .slice(0, 7)
        .map(([name, [b, p]]) => [...(JSON.parse(name) as []), String(b), String(p)])
      const { rows, bytes } = mergedRows(parts, 2, {
        total: 'packets',
        ascending,
        bounds: [{ total: 'bytes', operator: '>=', value: '2' }],
        top: 7,
      })
      assert.deepEqual(rows, wanted)
      assert.equal(bytes, BigInt([...sums.values()].reduce((all, [b]) => all + b, 0)))
    }
  }
})
