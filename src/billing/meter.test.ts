import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { WeirError } from '../base/errors.ts'
import { CountedBatches } from './counted.ts'
import { Meter, type MeteredBatch } from './meter.ts'
import { prepareBillingTables } from './tables.ts'
import { UsageBook } from './usage.ts'

const hour = 1_700_002_800
const batch = (number: number): MeteredBatch => ({
  project: 'p',
  logstore: 'l',
  id: { flowLog: 'fl-1', run: 'r', number },
})
const parts = [{ account: '1', region: 'cn-hangzhou', bytes: 500 }]

function open(db = new DatabaseSync(':memory:')) {
  prepareBillingTables(db)
  const usage = new UsageBook(db)
  const stored = new Set<number>()
  const meter = new Meter(db, usage, ({ id }) => stored.has(id.number))
  const put = (number: number) => async () => void stored.add(number)
  const bytes = (): bigint[] => usage.between(0, 1e10).map((use) => use.bytes)
  const pending = (): unknown =>
    db.prepare('SELECT count(*) AS n FROM billing_pending').get()?.['n']
  return { db, usage, stored, meter, put, bytes, pending }
}

test('a batch counts in the hour it is stored in, for its flow log and logstore', async () => {
  const { meter, put, usage, pending } = open()
  await meter.store(batch(0), hour, parts, put(0))
  await meter.store(batch(1), hour + 3600, parts, put(1))
  await meter.settled()
  const use = { region: 'cn-hangzhou', flowLog: 'fl-1', target: 'p/l', kind: 'generated' as const }
  assert.deepEqual(usage.between(0, 1e10), [
    { cycle: hour, account: '1', ...use, bytes: 500n },
    { cycle: hour + 3600, account: '1', ...use, bytes: 500n },
  ])
  assert.equal(pending(), 0)
})

test('a repeat is not counted, nor two senders of one batch twice', async () => {
  const { meter, put, bytes, pending } = open()
  await Promise.all([
    meter.store(batch(0), hour, parts, put(0)),
    meter.store(batch(0), hour, parts, put(0)),
  ])
  await meter.store(batch(0), hour + 3600, parts, put(0))
  await meter.settled()
  assert.deepEqual(bytes(), [500n])
  assert.equal(pending(), 0)
})

test('what the store refused is forgotten; of a store that broke the next start asks', async () => {
  const { db, meter, bytes, pending } = open()
  const fail = (code: 'ParameterInvalid' | 'StorageBroken') => () =>
    Promise.reject(new WeirError(code, 'no'))
  await assert.rejects(meter.store(batch(0), hour, parts, fail('ParameterInvalid')), /no/)
  await meter.settled()
  assert.equal(pending(), 0)
  await assert.rejects(meter.store(batch(0), hour, parts, fail('StorageBroken')), /no/)
  await assert.rejects(meter.store(batch(1), hour, parts, fail('StorageBroken')), /no/)
  await meter.settled()
  assert.deepEqual([bytes(), pending()], [[], 2])
  new Meter(db, new UsageBook(db), ({ id }) => id.number === 1)
  assert.deepEqual([bytes(), pending()], [[500n], 0])
})

test('without a place for the note nothing is stored; a count that does not fit waits for one that does', async () => {
  const { db, meter, put, bytes, stored } = open()
  db.exec(
    "CREATE TEMP TRIGGER full BEFORE INSERT ON billing_pending BEGIN SELECT raise(FAIL, 'disk full'); END",
  )
  await assert.rejects(meter.store(batch(0), hour, parts, put(0)), /disk full/)
  assert.equal(stored.size, 0)
  db.exec('DROP TRIGGER full')
  db.exec(
    "CREATE TEMP TRIGGER full BEFORE INSERT ON billing_usage BEGIN SELECT raise(FAIL, 'disk full'); END",
  )
  await meter.store(batch(0), hour, parts, put(0))
  await meter.settled()
  assert.deepEqual(bytes(), [])
  db.exec('DROP TRIGGER full')
  await meter.store(batch(1), hour, parts, put(1))
  await meter.settled()
  assert.deepEqual(bytes(), [1000n])
})

test('a batch that an analyzer gets alone: counted before it is acknowledged, once, and for no logstore', async () => {
  const { db, meter, usage, bytes, pending } = open()
  const alone = (number: number) => ({ ...batch(number), alone: 'nta-1' })
  const analyzed = [{ ...parts[0]!, analyzer: 'nta-1' }]
  const folds = () => Promise.resolve()
  await Promise.all([0, 0, 2, 1].map((one) => meter.store(alone(one), hour, analyzed, folds)))
  await meter.store(alone(1), hour + 3600, analyzed, folds)
  const use = { cycle: hour, account: '1', region: 'cn-hangzhou', flowLog: 'fl-1', bytes: 1500n }
  assert.deepEqual(usage.between(0, 1e10), [
    { ...use, target: 'nta-1', kind: 'analyzed' },
    { ...use, target: '', kind: 'generated' },
  ])
  assert.equal(pending(), 0)
  const again = new Meter(db, usage, () => false)
  await again.store(alone(2), hour, analyzed, folds)
  assert.deepEqual(bytes(), [1500n, 1500n], 'that it was counted is on the disk')
  const refuses = () => Promise.reject(new WeirError('StorageFull', 'no'))
  await assert.rejects(again.store(alone(3), hour, analyzed, refuses), /no/)
  await again.store(alone(3), hour, analyzed, folds)
  assert.deepEqual(bytes(), [2000n, 2000n])
})

test('what the logstore had before delivery to it was disabled is not counted again', async () => {
  const { meter, put, bytes } = open()
  await meter.store(batch(0), hour, parts, put(0))
  await meter.settled()
  await meter.store({ ...batch(0), alone: 'nta-1' }, hour, parts, () => Promise.resolve())
  assert.deepEqual(bytes(), [500n])
})

test('after a crash rollups are asked about what an analyzer gets alone', async () => {
  const { db, meter, bytes, pending } = open()
  const breaks = () => Promise.reject(new WeirError('StorageBroken', 'no'))
  for (const number of [0, 1])
    await assert.rejects(
      meter.store(
        { ...batch(number), alone: 'nta-1' },
        hour,
        [{ ...parts[0]!, analyzer: 'nta-1' }],
        breaks,
      ),
      /no/,
    )
  await meter.settled()
  assert.equal(pending(), 2)
  new Meter(db, new UsageBook(db), ({ id, alone }) => alone === 'nta-1' && id.number === 1)
  assert.deepEqual([bytes(), pending()], [[500n, 500n], 0])
  const counted = new CountedBatches(db)
  assert.deepEqual(
    [0, 1].map((number) => counted.has(batch(number).id)),
    [false, true],
  )
})

test('batches that were counted are kept as ranges, in any order', (t) => {
  const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`seed ${seed}`)
  const below = randomFrom(seed)
  const { db } = open()
  const counted = new CountedBatches(db)
  const left = Array.from({ length: 200 }, (_, number) => number)
  const gap = left.splice(below(198) + 1, 1)[0]!
  while (left.length > 0) {
    const [number] = left.splice(below(left.length), 1)
    assert.equal(counted.has(batch(number!).id), false)
    counted.add(batch(number!).id)
    assert.equal(counted.has(batch(number!).id), true)
  }
  assert.equal(counted.has(batch(gap).id), false)
  assert.deepEqual(
    db
      .prepare('SELECT first, last FROM billing_counted')
      .all()
      .map(({ first, last }) => [first, last]),
    [
      [0, gap - 1],
      [gap + 1, 199],
    ],
  )
})
