import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { decodeBatch, encodeBatch, integerAt } from './batch-codec.ts'
import type { Column } from './columns.ts'

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const rounds = process.env['WEIR_LONG'] === '1' ? 5000 : 200

const integers = (column: Column, rows: number): number[] => {
  assert.equal(column.kind, 'integer')
  return column.kind === 'integer' ? [...column.values.subarray(0, rows)] : []
}

function roundTrip(values: readonly number[]): number[] {
  const column: Column = { kind: 'integer', values: Float64Array.from(values) }
  const batch = { rows: values.length, columns: new Map([['n', column]]) }
  const found = decodeBatch(encodeBatch(batch, {})).columns.get('n')
  assert.ok(found?.kind === 'integer')
  return values.map((_, row) => integerAt(found, row))
}

test('integers of every width come back', () => {
  const max = Number.MAX_SAFE_INTEGER
  const same = (...values: number[]) => assert.deepEqual(roundTrip(values), values)
  same()
  same(Number.NaN, Number.NaN)
  same(0, 254, Number.NaN)
  same(0, 255)
  same(-5, 65_529, Number.NaN)
  same(0, 65_535)
  same(1e12, 1e12 + 2 ** 32 - 2)
  same(0, 2 ** 32 - 1)
  same(0, max - 1, Number.NaN)
  same(-max, max, 0, Number.NaN, 1)
})

test(`random batches come back (WEIR_SEED=${seed})`, () => {
  const random = randomFrom(seed)
  for (let round = 0; round < rounds; round++) {
    const rows = random(40)
    const scale = 2 ** random(53)
    const shift = random(2) * -random(2 ** 31)
    const dictionary = Array.from({ length: 1 + random(300) }, (_, index) => `t${index}é`)
    const columns = new Map<string, Column>([
      [
        'n',
        {
          kind: 'integer',
          values: Float64Array.from({ length: rows }, () =>
            random(5) === 0 ? Number.NaN : shift + random(scale),
          ),
        },
      ],
      [
        't',
        {
          kind: 'text',
          dictionary,
          codes: Uint32Array.from({ length: rows }, () => random(dictionary.length + 1)),
        },
      ],
    ])
    const id = { flowLog: 'fl', run: `r${round}`, number: random(2 ** 40) }
    const options = { id, topic: 'töpic', source: '' }
    const found = decodeBatch(encodeBatch({ rows, columns }, options))
    assert.deepEqual([found.rows, found.id, found.topic, found.source], [rows, id, 'töpic', ''])
    const n = found.columns.get('n')
    const t = found.columns.get('t')
    const before = columns.get('t')
    assert.ok(n?.kind === 'integer' && t?.kind === 'text' && before?.kind === 'text')
    assert.deepEqual(
      Array.from({ length: rows }, (_, row) => integerAt(n, row)),
      integers(columns.get('n')!, rows),
    )
    assert.deepEqual(
      [...t.codes].map((code) => t.dictionary[code - 1]),
      [...before.codes].map((code) => dictionary[code - 1]),
    )
  }
})

test('a dictionary with a text or a count beyond the body is refused', () => {
  const texts = ['a', '', 'é', 'long '.repeat(100)]
  const columns = new Map<string, Column>([
    ['t', { kind: 'text', dictionary: texts, codes: Uint32Array.of(4, 1, 3, 2) }],
  ])
  const body = encodeBatch({ rows: 4, columns }, {})
  const found = decodeBatch(body).columns.get('t')
  assert.deepEqual(found?.kind === 'text' && found.dictionary, [texts[3], 'a', 'é', ''])
  const count = body.indexOf('t') + 3
  assert.deepEqual([body.readUInt32LE(count), body.readUInt32LE(count + 4)], [4, 500])
  for (const at of [count, count + 4]) {
    const changed = Buffer.from(body)
    changed.writeUInt32LE(0xffff_fffe, at)
    assert.throws(() => decodeBatch(changed), RangeError)
  }
})
