import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { DatabaseSync } from 'node:sqlite'
import type { Column } from '../base/columns.ts'
import { decodeBatch, encodeBatch } from '../base/batch-codec.ts'
import { Catalogue } from './catalogue.ts'
import { DeliveredBatches } from './delivered.ts'
import { stageRows } from './stage.ts'

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

test('staged rows carry exact sums, hour by hour', async () => {
  const at = 3600 * 10
  const values = [2 ** 53 - 1, -1, 2 ** 53 - 1, Number.NaN]
  const batch = {
    rows: 4,
    columns: new Map<string, Column>([
      ['__time__', { kind: 'integer', values: Float64Array.of(at, at + 3599, at + 3600, at) }],
      ['n', { kind: 'integer', values: Float64Array.from(values) }],
      ['t', { kind: 'text', dictionary: ['é', 'abc'], codes: Uint32Array.of(1, 2, 0, 2) }],
    ]),
  }
  const { hours } = await stageRows(
    [{ batch: decodeBatch(encodeBatch(batch, {})), receiveTime: 7 }],
    [
      { name: 'n', kind: 'integer' },
      { name: 't', kind: 'text' },
    ],
  )
  assert.deepEqual(
    hours.map(({ hour, rows, timeMin, timeMax, sums }) => ({
      hour,
      rows,
      timeMin,
      timeMax,
      n: sums.get('n'),
      t: sums.get('t'),
      received: sums.get('__receive_time__'),
    })),
    [
      {
        hour: 10,
        rows: 3,
        timeMin: at,
        timeMax: at + 3599,
        n: { values: 2, sum: 2n ** 53n - 2n },
        t: { values: 3, sum: 8n },
        received: { values: 3, sum: 21n },
      },
      {
        hour: 11,
        rows: 1,
        timeMin: at + 3600,
        timeMax: at + 3600,
        n: { values: 1, sum: 2n ** 53n - 1n },
        t: { values: 0, sum: 0n },
        received: { values: 1, sum: 7n },
      },
    ],
  )
})

test(`delivered numbers agree with a plain set, in few rows (WEIR_SEED=${seed})`, () => {
  const random = randomFrom(seed)
  const catalogue = new Catalogue(':memory:')
  catalogue.addProject('p', { description: '' }, 0)
  catalogue.addLogstore('p', 'l', { columns: [], ttlDays: 1 }, 0)
  const delivered = new DeliveredBatches(catalogue.db)
  const numbers = new Set<number>()
  const id = (number: number) => ({ flowLog: 'fl', run: 'r', number })
  for (let round = 0; round < 300; round++) {
    const some = Array.from({ length: random(5) }, () => random(500))
    for (const number of some) {
      assert.equal(delivered.has(1, id(number)), numbers.has(number))
      delivered.add(1, id(number))
      numbers.add(number)
    }
    catalogue.transaction(() => delivered.save(1, some.map(id)))
  }
  const onDisk = new DeliveredBatches(catalogue.db)
  for (let number = 0; number < 500; number++) {
    assert.equal(delivered.has(1, id(number)), numbers.has(number))
    assert.equal(onDisk.has(1, id(number)), numbers.has(number))
    assert.equal(onDisk.has(2, id(number)), false)
  }
  for (let number = 0; number < 500; number++)
    catalogue.transaction(() => delivered.save(1, [id(number)]))
  assert.equal(rowCount(catalogue.db), 1)
  catalogue.close()
})

const rowCount = (db: DatabaseSync): number =>
  Number(db.prepare('SELECT count(*) AS n FROM delivered').get()?.['n'])
