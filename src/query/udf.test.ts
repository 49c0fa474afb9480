/** Functions in JavaScript: their values against plain ones, and what they do with hostile input. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestLogstore } from '../../test/query-logstore.ts'
import { randomFrom } from '../../test/random-from.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import { xxhash64 } from './udf-hashes.ts'
import { numericHistogram } from './udf-values.ts'

const time = testRecord.__time__
let store: TestLogstore
let engine: QueryEngine

before(async () => {
  store = await testLogstore([[testRecord]])
  engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store.reader)
})
after(async () => {
  await engine.close()
  await store.remove()
})

const ask = (sql: string, of = engine) =>
  of.run({
    project: 'weir',
    logstore: 'flow-log',
    query: `* | ${sql.startsWith('select') ? sql : `select ${sql}`}`,
    from: time,
    to: time + 1,
  })

test('xxHash64 of its public test texts, of every length of rest', () => {
  const hash = (text: string) => xxhash64(Buffer.from(text)).toString(16)
  assert.equal(hash(''), 'ef46db3751d8e999')
  assert.equal(hash('a'), 'd24ec4f1a98c6e5b')
  assert.equal(hash('abc'), '44bc2cf5ad770999')
  assert.equal(hash('Nobody inspects the spammish repetition'), 'fbcea83c8a378bf1')
})

test('numeric_histogram merges the cheapest neighbours: as a search of all pairs does', () => {
  const seed = 20_261_122
  const random = randomFrom(seed)
  for (let round = 0; round < 200; round++) {
    const size = 1 + random(40)
    const weights = new Map<number, number>()
    for (let i = 0; i < size; i++) {
      weights.set(random(1000) / 8, 1 + random(9))
    }
    const most = 2 + random(10)
    const want = plainHistogram(most, weights)
    assert.deepEqual([...numericHistogram(BigInt(most), weights)], want, `seed ${seed}, ${round}`)
  }
})

function plainHistogram(most: number, weights: ReadonlyMap<number, number>): number[][] {
  const buckets = [...weights].sort(([a], [b]) => a - b).map((bucket) => [...bucket])
  while (buckets.length > most) {
    const costs = buckets.slice(1).map(([right, b], index) => {
      const [left, a] = buckets[index]!
      return ((left! - right!) ** 2 * a! * b!) / (a! + b!)
    })
    const at = costs.indexOf(Math.min(...costs))
    const [[left, a], [right, b]] = buckets.slice(at, at + 2) as [number[], number[]]
    const weight = a! + b!
    buckets.splice(at, 2, [(left! * a! + right! * b!) / weight, weight])
  }
  return buckets
}

test('what is too large or is nothing ends with a message', async () => {
  const fails = (sql: string, message: RegExp) => assert.rejects(ask(sql), { message }, sql)
  await fails('select count(*) from unnest(sequence(1, 10000000000)) as t(x)', /at most 10000/)
  await fails('select cardinality(sequence(1, bytes * 100000)) from log', /at most 10000/)
  await fails("select length(rpad('x', bytes * 100000, 'y')) from log", /more than 10000/)
  await fails("select length(lpad('x', bytes * 100000, 'y')) from log", /more than 10000/)
  await fails("select cardinality(repeat('x', bytes * 100000)) from log", /more than 10000/)
  await fails("format('%99999s', 'x')", /the format holds %99999s/)
  await fails("format('%d')", /the format takes 1 values, and 0 are given/)
  await fails('select bar(1, bytes * 100000) from log', /a bar is 1 to 1000 wide/)
  await fails('numeric_histogram(1, 5)', /2 to 10000 buckets/)
  await fails('numeric_histogram(100000, 5)', /2 to 10000 buckets/)
  await fails('numeric_histogram(5, infinity())', /takes finite numbers/)
  await fails('approx_percentile(5, 1, 1.5)', /a fraction from 0 to 1/)
  await fails('approx_percentile(5, -1, 0.5)', /a weight cannot be negative/)
  await fails('bit_count(1, 100)', /takes 2 to 64 bits/)
  await fails('bit_count(128, 8)', /128 does not fit in 8 bits/)
  await fails("from_base('5', 0)", /a base is 2 to 36/)
  await fails("regexp_extract('abc', 'b', 5)", /the pattern has 0 groups, and not 5/)
  await fails("regexp_extract('abb', '(b)\\1', 5)", /the pattern has 1 groups, and not 5/)
  await fails('checksum(array[1])', /checksum\(\) cannot take a array\(bigint\)/)
})

test('ten thousand keys and elements take no square time', async () => {
  const numbers = 'from unnest(sequence(1, 10000)) as t(x)'
  const size = async (sql: string) => (await ask(sql)).rows[0]?.[0]
  assert.equal(await size(`cardinality(map_agg(x, x)) ${numbers}`), '10000')
  assert.equal(await size(`cardinality(multimap_agg(x % 1000, x)) ${numbers}`), '1000')
  assert.equal(await size(`cardinality(array_distinct(array_agg(x))) ${numbers}`), '10000')
  const map = 'map(sequence(1, 10000), sequence(1, 10000))'
  assert.equal(await size(`cardinality(map_filter(${map}, (k, v) -> v > 1))`), '9999')
})

test('a pattern that backtracks for ever ends at the time limit, and the next query runs', async () => {
  const config = { ...defaultQueryConfig, workers: 1, timeMaxMilliseconds: 1000 }
  const impatient = new QueryEngine(config, store.reader)
  await ask('1', impatient)
  const forever = "select regexp_like(rpad('a', 40, 'a') || srcaddr, '^(a+)+$(?=x)') from log"
  await assert.rejects(ask(forever, impatient), { code: 'QueryTimeout' })
  await impatient.close()
  assert.deepEqual((await ask('1')).rows, [['1']])
})

test('JSON that is none, and parts of a URL that are none, are NULL', async () => {
  const row = await ask(
    "json_extract_scalar('x', '$.a'), json_array_length('x'), json_size('x', '$.a'), " +
      "json_array_get('{}', 0), url_decode('%ff'), url_extract_path('http://a/%ff'), " +
      "url_extract_host('not a url'), geohash('-'), to_seconds('-'), parse_data_size('-')",
  )
  assert.deepEqual(
    row.rows[0],
    Array.from({ length: 10 }, () => null),
  )
})
