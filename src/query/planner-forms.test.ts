/** compare, ts_compare and time_series (sls-query.md §2.1). */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestLogstore, TestRow } from '../../test/query-logstore.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import type { QueryRequest } from './query.ts'

const day = 86_400
const today = 1_700_006_400 // midnight, UTC
const record = (time: number, more: TestRow = {}): TestRow => ({
  ...testRecord,
  __time__: time,
  ...more,
})

let store: TestLogstore
let engine: QueryEngine
before(async () => {
  const yesterday = today - day
  store = await testLogstore([
    [
      ...Array.from({ length: 4 }, (_, n) => record(yesterday + n * 600, { bytes: 100 })),
      record(yesterday + 60, { bytes: 1, action: 'REJECT' }),
      record(yesterday - day, { bytes: 7 }),
    ],
    [
      record(today, { bytes: 50 }),
      record(today + 10, { bytes: 30 }),
      record(today + 1500, { bytes: 5, dstport: 443 }),
      record(today + 3000, { bytes: 9 }),
    ],
  ])
  engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store.reader)
})
after(async () => {
  await engine.close()
  await store.remove()
  assert.equal(store.open(), 0)
})

const ask = (query: string, more: Partial<QueryRequest> = {}) =>
  engine.run({
    project: 'weir',
    logstore: 'flow-log',
    query: `* | select ${query}`,
    from: today,
    to: today + 3600,
    ...more,
  })

async function answers(
  query: string,
  want: readonly (readonly (string | null)[])[],
  more: Partial<QueryRequest> = {},
) {
  assert.deepEqual((await ask(query, more)).rows, want, query)
}

async function fails(list: readonly (readonly [query: string, said: string])[]) {
  for (const [query, want] of list) {
    await assert.rejects(ask(query), (error: Error & { place?: string }) => {
      assert.equal(`${error.message} (${error.place})`, want, query)
      return true
    })
  }
}

test('compare: "with one offset four elements: now, before, ratio, shifted Unix time"', async () => {
  const before = String(today - day)
  await answers(`compare(n, ${day}) from (select count(*) as n from log)`, [
    [`[4,5,0.8,${before}]`],
  ])
  await answers(
    `d[1], d[2], d[3], d[4] from (select compare(b, ${day}) as d from (select sum(bytes) as b from log))`,
    [['94.0', '401.0', String(94 / 401), '1.69992E9']],
  )
})

test('compare: several offsets: each before, each ratio, each time', () =>
  answers(`compare(n, ${day}, ${2 * day}) from (select count(*) as n from log)`, [
    [`[4,5,1,0.8,4,${today - day},${today - 2 * day}]`],
  ]))

test('compare: groups of either range are there, NULL where one has none', () =>
  answers(
    `action, compare(n, ${day}) as d from (select action, count(*) as n from log group by action) group by action order by action`,
    [
      ['ACCEPT', `[4,4,1,${today - day}]`],
      ['REJECT', `[null,1,null,${today - day}]`],
    ],
  ))

test('compare: "runs the same inner query": its search, conditions and inner queries too', async () => {
  const inner = 'select count(*) as n from (select bytes from log where bytes > 10)'
  const result = await ask(`compare(n, ${day}) from (${inner})`)
  assert.deepEqual(result.rows, [[`[2,4,0.5,${today - day}]`]])
  const { rows } = await engine.run({
    project: 'weir',
    logstore: 'flow-log',
    query: `dstport:443 | select compare(n, ${day}) from (select count(*) as n from log)`,
    from: today,
    to: today + 3600,
  })
  assert.deepEqual(rows, [[`[1,0,null,${today - day}]`]])
})

test('ts_compare: "the same over a time-bucketed inner query": a time with what it was before', async () => {
  const inner = 'select __time__ - __time__ % 1200 as t, sum(bytes) as b from log group by t'
  await answers(`t, ts_compare(b, ${day}) as d from (${inner}) group by t order by t`, [
    [String(today), `[80,201,${80 / 201},${today - day}]`],
    [String(today + 1200), `[5,200,0.025,${today + 1200 - day}]`],
    [String(today + 2400), `[9,null,null,${today + 2400 - day}]`],
  ])
  const timestamps = "select date_trunc('hour', __time__) as t, sum(bytes) as b from log group by t"
  const hour = `t, ts_compare(b, ${day})[4] as d from (${timestamps}) group by t order by t`
  for (const zone of ['UTC', 'Asia/Shanghai']) {
    const local = zone === 'UTC' ? '2023-11-15 00:00:00.000' : '2023-11-15 08:00:00.000'
    await answers(hour, [[local, '1.69992E9']], { zone })
  }
})

test('compare and ts_compare: what is wrong, and where', () =>
  fails([
    ['compare(1, 3600)', 'compare() needs FROM with a query in parentheses (line 1:12)'],
    [
      'compare(bytes, 3600) from log',
      'compare() needs FROM with a query in parentheses (line 1:12)',
    ],
    [
      'compare(n) from (select 1 as n)',
      'compare() takes a value and 1 to 10 numbers of seconds (line 1:12)',
    ],
    [
      "compare(n, '1d') from (select 1 as n)",
      'compare() looks back a number of seconds (line 1:23)',
    ],
    [
      'compare(n, -60) from (select 1 as n)',
      'compare() looks back a number of seconds (line 1:20)',
    ],
    ["compare(n, 60) from (select 'x' as n)", 'compare() needs a number to compare (line 1:20)'],
    [
      'ts_compare(n, 60) from (select count(*) as n from log)',
      'ts_compare() needs GROUP BY a time of the inner query (line 1:12)',
    ],
    [
      'compare(n, 60), flow_sum(n) from (select 1 as n)',
      'flow_sum() and compare() cannot be in one SELECT (line 1:28)',
    ],
    [
      'compare(bytes, 60) from (select bytes from log)',
      'compare found several rows of a group: GROUP BY each column that tells them apart (undefined)',
    ],
  ]))

const series = (padding: string, what: string) =>
  `time_series(__time__, '10m', '%H:%i', '${padding}') as t, ${what} from log group by t order by t`

test('time_series: "buckets and fills gaps across the query range"; "pad is 0, null, last, next, avg"', async () => {
  const times = ['00:00', '00:10', '00:20', '00:30', '00:40', '00:50']
  const f = (padding: string, values: readonly (string | null)[]) =>
    answers(
      series(padding, 'sum(bytes) as b'),
      times.map((time, index) => [time, values[index]!]),
    )
  await f('0', ['80', '0', '5', '0', '0', '9'])
  await f('null', ['80', null, '5', null, null, '9'])
  await f('last', ['80', '80', '5', '5', '5', '9'])
  await f('next', ['80', '5', '5', '9', '9', '9'])
  await f('avg', ['80.0', '42.5', '5.0', '7.0', '7.0', '9.0'])
})

test('time_series: a text has no 0; nothing before the first and after the last', async () => {
  const range = { from: today + 600, to: today + 2400 }
  await answers(
    series('0', 'max(action) as a, count(*) as n'),
    [
      ['00:10', null, '0'],
      ['00:20', 'ACCEPT', '1'],
      ['00:30', null, '0'],
    ],
    range,
  )
  await answers(
    series('last', 'sum(bytes) as b'),
    [
      ['00:10', null],
      ['00:20', '5'],
      ['00:30', '5'],
    ],
    range,
  )
  await answers(
    series('next', 'sum(bytes) as b'),
    [
      ['00:10', '5'],
      ['00:20', '5'],
      ['00:30', null],
    ],
    range,
  )
})

test('time_series: other keys have a row in each bucket; a LIMIT, HAVING and an outer query', async () => {
  const keyed =
    "time_series(__time__, '30m', '%H:%i', '0') as t, dstport, count(*) as n from log group by t, dstport order by t, dstport desc"
  await answers(keyed, [
    ['00:00', '443', '1'],
    ['00:00', '80', '2'],
    ['00:30', '443', '0'],
    ['00:30', '80', '1'],
  ])
  await answers(`${series('0', 'sum(bytes) as b')} limit 2`, [
    ['00:00', '80'],
    ['00:10', '0'],
  ])
  await answers(`max(b), count(*) from (select ${series('0', 'sum(bytes) as b')})`, [['80', '6']])
  const having = series('null', 'sum(bytes) as b').replace(' order', ' having sum(bytes) > 5 order')
  await answers(`count(b) from (select ${having})`, [['2']])
})

test('time_series: buckets begin at the full hour or midnight of the zone', async () => {
  const hours =
    "time_series(__time__, '1h', '%m-%d %H:%i', '0') as t, count(*) as n from log group by t order by t"
  await answers(
    hours,
    [
      ['11-15 05:00', '3'],
      ['11-15 06:00', '1'],
    ],
    { zone: '+05:30' },
  )
  const days = hours.replace('1h', '1d')
  await answers(days, [['11-14 00:00', '4']], { zone: 'America/New_York' })
})

test('time_series: "must appear with GROUP BY and ORDER BY on it, ascending only"', () => {
  const call = "time_series(__time__, '1h', '%H', '0')"
  const must = 'time_series() must appear in SELECT, GROUP BY and, first, in ORDER BY (line 1:12)'
  return fails([
    [`${call} as t, count(*) from log order by t`, must],
    [`${call} as t, count(*) from log group by t`, must],
    [`${call} as t, count(*) as n from log group by t order by n, t`, must],
    [
      `${call} as t from log group by t order by t desc`,
      'time_series() is in ascending order only (line 1:85)',
    ],
    [
      "time_series(__time__, '1h', '%H') as t group by t order by t",
      'time_series() takes 4 arguments, not 3 (line 1:12)',
    ],
    [
      "time_series(__time__, '1h', '%H', 'x') as t group by t order by t",
      'the padding of time_series() is one of 0, null, last, next, avg (line 1:46)',
    ],
    [
      "time_series(__time__, '1x', '%H', '0') as t group by t order by t",
      'time_series() needs the length of its buckets as a literal (line 1:34)',
    ],
    [
      `${call} as t, count(*) from log group by t, action order by t`,
      'a SELECT with time_series() holds every key of its GROUP BY, once (line 1:12)',
    ],
  ])
})

test('time_series: a range of too many buckets is refused', async () => {
  const asked = ask(series('0', 'count(*) as n').replace('10m', '1s'), { from: 0, to: today })
  await assert.rejects(asked, {
    code: 'QuerySyntax',
    message: 'the range holds more than 100000 buckets',
  })
})
