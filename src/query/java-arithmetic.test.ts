/** Presto computes as Java does: where the engine fails, or answers something else, in numbers, texts and times. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestLogstore } from '../../test/query-logstore.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'

const time = testRecord.__time__
let store: TestLogstore
let engine: QueryEngine

before(async () => {
  const rows = [0, -2].map((packets) => ({ ...testRecord, packets }))
  store = await testLogstore([rows])
  engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store.reader)
})
after(async () => {
  await engine.close()
  await store.remove()
})

const ask = (sql: string) =>
  engine.run({
    project: 'weir',
    logstore: 'flow-log',
    query: `* | select ${sql}`,
    from: time,
    to: time + 1,
  })

async function answers(list: readonly (readonly [expression: string, want: string | null])[]) {
  const { rows } = await ask(list.map(([expression]) => expression).join(', '))
  for (const [index, [expression, want]] of list.entries())
    assert.equal(rows[0]![index], want, expression)
}

test('NaN and infinities, where the engine has errors', () =>
  answers([
    ['sqrt(-1)', 'NaN'],
    ['sqrt(16)', '4.0'],
    ['ln(0)', '-Infinity'],
    ['ln(-1)', 'NaN'],
    ['ln(1)', '0.0'],
    ['log2(0)', '-Infinity'],
    ['log10(-1)', 'NaN'],
    ['log(2, 0)', '-Infinity'],
    ['log(0, 10)', '-0.0'],
    ['log(1, 10)', 'Infinity'],
    ['log(2, 8)', '3.0'],
    ['asin(2)', 'NaN'],
    ['acos(-2)', 'NaN'],
    ['acos(-1)', '3.141592653589793'],
    ['sin(infinity())', 'NaN'],
    ['tan(infinity())', 'NaN'],
    ['7e0 % 0', 'NaN'],
    ['mod(7, 0e0)', 'NaN'],
    ['7.5 % 2', '1.5'],
    ['mod(-7, 3)', '-1'],
    ['ln(null)', null],
    ['sqrt(cast(null as double))', null],
    ['mod(1.5, null)', null],
  ]))

test('one 0 or a negative number among many does not fail the query', async () => {
  const sql = 'packets, ln(packets), sqrt(packets), packets % 1.5 from log order by packets'
  assert.deepEqual((await ask(sql)).rows, [
    ['-2', 'NaN', 'NaN', '-0.5'],
    ['0', '-Infinity', '0.0', '0.0'],
  ])
})

test('texts: before the beginning there is nothing, and parts are counted from 1', async () => {
  await answers([
    ["substr('hello', -5)", 'hello'],
    ["substr('hello', -6)", ''],
    ["substr('hello', -7, 3)", ''],
    ["substr('hello', -3, 2)", 'll'],
    ["substr('hello', 6)", ''],
    ['substr(cast(null as varchar), -1)', null],
    ["try(split_part('a,b', ',', 0))", null],
    ["split_part('a,b', ',', 2)", 'b'],
  ])
  for (const index of ['0', '-1', 'packets'])
    await assert.rejects(ask(`split_part('a,b', ',', ${index}) from log`), {
      message: /Index must be greater than zero/,
    })
})

test('times: every field of EXTRACT, and a difference of dates is an interval', async () => {
  const of = (field: string) => `extract(${field} from timestamp '2021-01-10 03:04:05.678')`
  await answers([
    [of('dow'), '7'],
    [of('day_of_week'), '7'],
    [of('doy'), '10'],
    [of('day_of_year'), '10'],
    [of('yow'), '2021'],
    [of('year_of_week'), '2021'],
    [of('week'), '1'],
    [of('day_of_month'), '10'],
    [of('millisecond'), '678'],
    [of('quarter'), '1'],
    ["date '2020-03-01' - date '2020-02-01'", '29 00:00:00.000'],
  ])
  await assert.rejects(ask(of('epoch')), { message: 'extract(epoch from ...) is not supported' })
})
