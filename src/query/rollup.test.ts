/** "The planner uses them only when the answer is the same." */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Column, ColumnBatch, ColumnSpec } from '../base/columns.ts'
import type { LogReader, LogStore, RollupSpec } from '../logstore/logstore.ts'
import { openLogStore } from '../logstore/logstore.ts'
import { randomFrom } from '../../test/random-from.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { parseQuery } from './parse.ts'
import { planQuery } from './plan.ts'
import { defaultQueryConfig, QueryEngine } from './query.ts'

const hour = 3600
/** 2026-01-02T03:00:00Z. */
const at = 1_767_322_800
const seed = Number(process.env['WEIR_SEED'] ?? 20_260_102)
const questions = process.env['WEIR_LONG'] === undefined ? 40 : 3000

const columns: readonly ColumnSpec[] = [
  { name: 'eni-id', kind: 'text' },
  { name: 'action', kind: 'text' },
  { name: 'protocol', kind: 'integer' },
  { name: 'srcaddr', kind: 'text' },
  { name: 'dstaddr', kind: 'text' },
  { name: 'packets', kind: 'integer' },
  { name: 'bytes', kind: 'integer' },
  { name: 'log-status', kind: 'text' },
]
const minute: RollupSpec = {
  name: 'minute',
  bucketSeconds: 60,
  by: ['eni-id', 'action', 'protocol'],
  sums: ['packets', 'bytes'],
}
const pairs: RollupSpec = {
  name: 'pairs',
  bucketSeconds: 3600,
  by: ['srcaddr', 'dstaddr'],
  sums: ['packets', 'bytes'],
}
const rollups = [minute, pairs]

type Value = string | number | null

/** Records with NODATA and SKIPDATA among them, whose other values are NULL. */
function batchOf(below: (below: number) => number, rows: number, from: number): ColumnBatch {
  const of = (values: readonly Value[]) => values[below(values.length)]!
  const made = Array.from({ length: rows }, (): Record<string, Value> => {
    const common = { __time__: from + below(hour), 'eni-id': of(['eni-1', 'eni-2', 'ENI-3', null]) }
    if (below(8) === 0) return { ...common, 'log-status': of(['NODATA', 'SKIPDATA']) }
    return {
      ...common,
      action: of(['ACCEPT', 'REJECT', '']),
      protocol: of([6, 17, 1]),
      srcaddr: `10.0.0.${below(6)}`,
      dstaddr: of(['10.0.1.1', '10.0.1.2', '2001:db8::1']),
      packets: below(100),
      bytes: below(9) === 0 ? null : below(2 ** 31) * (below(50) === 0 ? -1000 : 1000),
      'log-status': 'OK',
    }
  })
  const integer = (name: string): Column => ({
    kind: 'integer',
    values: Float64Array.from(made, (row) => Number(row[name] ?? Number.NaN)),
  })
  const text = (name: string): Column => {
    const dictionary = [...new Set(made.flatMap((row) => row[name] ?? []))].map(String)
    const codes = made.map((row) => dictionary.indexOf(String(row[name] ?? '\0')) + 1)
    return { kind: 'text', dictionary, codes: Uint32Array.from(codes) }
  }
  const filled = columns.map(
    ({ name, kind }) => [name, kind === 'text' ? text(name) : integer(name)] as const,
  )
  return { rows, columns: new Map([['__time__', integer('__time__')], ...filled]) }
}

let store: LogStore
let kept: QueryEngine
let scanned: QueryEngine
/** Rollup files leased so far. */
let read = 0

const clock = { now: at }
const below = randomFrom(seed)

async function put(rows: number, from: number): Promise<void> {
  await store.append('shop', 'flows', batchOf(below, rows, from))
  const lease = await store.lease('shop', 'flows', 0, 1)
  lease.release()
}

before(async (context) => {
  const quiet = {
    flushIntervalMs: 1e9,
    maintainIntervalMs: 1e9,
    hourSettleSeconds: 60,
    dayRowsMax: 0,
  }
  assert.ok('after' in context)
  store = await openLogStore(temporaryFolder(context), quiet, { now: () => clock.now })
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'flows', { columns, ttlDays: 3650, rollups, sortBy: ['eni-id'] })
  for (let each = 0; each < 5; each++) await put(1500, at + each * hour)
  clock.now = at + 7 * hour
  await store.maintain()
  for (const each of [1, 1, 3]) await put(300, at + each * hour) // late
  await put(700, at + 5 * hour)
  await store.append('shop', 'flows', batchOf(below, 400, at + 6 * hour)) // hot
  assert.equal(store.stats().rollups, 10)
  const counting: LogReader = {
    columns: (...all) => store.columns(...all),
    rollups: (...all) => store.rollups(...all),
    acknowledged: () => store.acknowledged(),
    async lease(...all) {
      const lease = await store.lease(...all)
      read += lease.files.filter(({ rollup }) => rollup !== undefined).length
      return lease
    },
  }
  const config = { ...defaultQueryConfig, workers: 1, searchWorkers: 0, threads: 1 }
  kept = new QueryEngine(config, counting)
  scanned = new QueryEngine(config, { ...counting, rollups: () => [] })
})

after(async () => {
  await kept.close()
  await scanned.close()
  await store.close()
})

/** Sums of what conditions on keys choose. */
function chosenTotals(isHourly: boolean, filter: string): string[] {
  const [is, other] = isHourly
    ? ["srcaddr = '10.0.0.1'", "dstaddr LIKE '10.%'"]
    : ["action = 'ACCEPT'", 'protocol BETWEEN 6 AND 16']
  return [
    `sum(CASE WHEN ${is} THEN bytes ELSE 0 END)${filter}`,
    `sum(CASE WHEN ${is} THEN bytes WHEN ${other} THEN packets END)`,
    `sum(CASE WHEN ${is} THEN 1 WHEN ${other} THEN NULL ELSE 7 END)${filter}`,
    `sum(if(${is}, packets))`,
    `sum(if(${is}, if(${other}, bytes, packets), 2)) * 1.0 / count(*)`,
    `count_if(${is} OR NOT ${other})${filter}`,
  ]
}

/** A question that a rollup can answer, or one that differs from it in a part. */
function question(below: (below: number) => number) {
  const of = <T>(values: readonly T[]): T => values[below(values.length)]!
  const some = <T>(values: readonly T[], most: number): T[] =>
    values.filter(() => below(values.length) < most)
  const nearly = below(4) === 0
  const isHourly = below(3) === 0
  const step = of(isHourly ? [3600, 7200, 86_400] : [60, 300, 3600])
  const times = [
    `__time__ - __time__ % ${step}`,
    `__time__ / ${step}`,
    `from_unixtime(__time__ - __time__ % ${step})`,
    `date_trunc('hour', __time__)`,
    `date_format(date_trunc('day', from_unixtime(__time__)), '%Y-%m-%d')`,
  ]
  const texts = isHourly ? ['srcaddr', 'dstaddr'] : ['"eni-id"', 'action', 'protocol']
  const made = isHourly
    ? ["split_part(srcaddr, '.', 4)", "concat(srcaddr, '-', dstaddr)"]
    : ['lower("eni-id")', "coalesce(action, '-')", "CASE WHEN protocol = 6 THEN 'tcp' ELSE 'x' END"]
  const strange = ['__time__ % 7', '"log-status"', '__time__ - __time__ % 17', 'packets']
  const keys = [
    ...some(times, 1),
    ...some([...texts, ...made], 2),
    ...(nearly ? some(strange, 1) : []),
  ]
  const plain = of(texts)
  const where = [
    `${plain} IS NOT NULL`,
    ...(isHourly ? ["srcaddr LIKE '10.0.0.%'"] : ["action IN ('ACCEPT', '')", 'protocol > 5']),
    `__time__ >= ${at + below(5) * step}`,
    `${at + 4 * 86_400 - 1} >= __time__`,
    ...(nearly ? [`__time__ < ${at + 2 * hour + 61}`, '"log-status" = \'OK\''] : []),
  ]
  const filter = of(['', '', ` FILTER (WHERE ${plain} <> '6')`]).replace(
    "'6'",
    isHourly || plain !== 'protocol' ? "'6'" : '6',
  )
  const totals = [
    `count(*)${filter}`,
    `sum(bytes)${filter}`,
    'sum(packets) * 8.0 / 60',
    'count(bytes)',
    `count(${plain})`,
    `count(DISTINCT ${plain})`,
    `min(${plain})`,
    'round(sum(bytes) / 1000.0, 2)',
    'coalesce(sum(bytes), -1)',
    ...chosenTotals(isHourly, filter),
    ...(nearly
      ? [
          'max(bytes)',
          'avg(bytes)',
          'count_if(packets > 3)',
          'sum(CASE WHEN packets > 3 THEN bytes END)',
          'sum(CASE WHEN bytes IS NULL THEN 1 ELSE 0 END)',
          'count(DISTINCT srcaddr)',
          'sum(bytes + packets)',
        ]
      : []),
  ]
  const chosen = [of(totals), ...some(totals, 2)]
  const list = [...keys, ...chosen].map((each, index) => `${each} AS c${index}`)
  const group =
    keys.length === 0 ? '' : ` GROUP BY ${keys.map((_, index) => `c${index}`).join(', ')}`
  const conditions = some(where, 1)
  const whereText = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  const having = below(5) === 0 ? ` HAVING count(*) > ${below(20)}` : ''
  const from = of(['FROM log', 'FROM flows', 'FROM log AS t'])
  const inner = `SELECT ${list.join(', ')} ${from}${whereText}${group}${having}`
  const order = ` ORDER BY ${list.map((_, index) => index + 1).join(', ')} LIMIT 100000`
  const sql = below(3) === 0 ? `SELECT * FROM (${inner} LIMIT 1000000) AS q${order}` : inner + order
  const searches = isHourly
    ? ['*', 'srcaddr:10.0.0.1', 'not srcaddr:10.0.0.*']
    : ['*', 'action:ACCEPT', 'eni-id:eni-1 or protocol > 6', 'not protocol:6', 'action:-']
  const search = nearly ? of([...searches, 'bytes > 1000', 'ACCEPT']) : of(searches)
  const start = at + of([0, hour, -hour, 60, 1234, 2 * hour + 1800])
  const to = start + of([hour, 2 * hour, 90, 5 * hour, 86_400])
  return {
    query: `${search} | ${sql}`,
    from: start,
    to,
    zone: of(['UTC', '+08:00', 'Asia/Kolkata']),
  }
}

async function usesRollup(query: string, from: number, to: number, zone: string) {
  const options = { logstore: 'flows', rollups }
  const plan = planQuery(await parseQuery(query), columns, { from, to }, zone, options)
  return plan.scans[0]?.rollup?.name
}

async function asksTheSame(context: TestContext, of: number, count: number): Promise<void> {
  const choice = randomFrom(of)
  const used = new Map<string | undefined, number>()
  read = 0
  for (let each = 0; each < count; each++) {
    const { query, from, to, zone } = question(choice)
    const name = await usesRollup(query, from, to, zone)
    used.set(name, (used.get(name) ?? 0) + 1)
    const request = { project: 'shop', logstore: 'flows', query, from, to, zone }
    const said = `${query} from ${from} to ${to} in ${zone} by ${name}`
    const [mine, other] = await Promise.all([kept.run(request), scanned.run(request)])
    assert.deepEqual(mine.columns, other.columns, said)
    assert.deepEqual(mine.rows, other.rows, said)
  }
  context.diagnostic(`${JSON.stringify([...used])}, ${read} files of rollups`)
  for (const name of [undefined, 'minute', 'pairs'])
    assert.ok((used.get(name) ?? 0) > count / 10, `${name}: ${used.get(name)}`)
  assert.ok(read > count)
}

test(`answers are the same with rollups and without (WEIR_SEED=${seed})`, (context) =>
  asksTheSame(context, seed + 1, questions))

test('... when the hours of a day have one file, some of it is of hours that were merged again, and more is late', async (context) => {
  clock.now = at + 86_400
  await store.maintain()
  assert.deepEqual([store.stats().rollups, store.stats().dayMerges], [2, 2])
  for (let each = 0; each < 8; each++) await put(50, at + 2 * hour) // as many as are merged into their hour
  clock.now += hour
  await store.maintain()
  await put(80, at + hour)
  assert.deepEqual([store.stats().rollups, store.stats().dayMerges], [4, 2])
  await asksTheSame(context, seed + 2, questions / 2)
})

const day = [at, at + 86_400] as const
const cases: readonly (readonly [sql: string, rollup: string | undefined, zone?: string])[] = [
  ['* | SELECT count(*)', 'minute'],
  ['* | SELECT sum(bytes) AS bytes, action GROUP BY action ORDER BY bytes DESC', 'minute'],
  [
    '* | SELECT srcaddr, sum(bytes) AS b FROM log GROUP BY srcaddr ORDER BY b DESC LIMIT 10',
    'pairs',
  ],
  ['* | SELECT count(*) AS n FROM (SELECT DISTINCT srcaddr, dstaddr FROM log)', 'pairs'],
  [
    '* | SELECT __time__ - __time__ % 60 AS t, sum(bytes) AS b FROM log GROUP BY t ORDER BY t',
    'minute',
  ],
  ["* | SELECT date_trunc('minute', __time__) AS t, count(*) AS n GROUP BY t", 'minute'],
  [
    "* | SELECT date_trunc('hour', __time__) AS t, srcaddr, count(*) AS n GROUP BY t, srcaddr",
    'pairs',
  ],
  [
    "* | SELECT date_trunc('hour', __time__) AS t, srcaddr, count(*) AS n GROUP BY t, srcaddr",
    undefined,
    'Asia/Kolkata',
  ],
  [
    "* | SELECT date_trunc('minute', __time__) AS t, srcaddr, count(*) AS n GROUP BY t, srcaddr",
    undefined,
  ],
  [
    '* | SELECT __time__ - __time__ % 60 AS t, srcaddr, count(*) AS n GROUP BY t, srcaddr',
    undefined,
  ],
  ['* | SELECT __time__ - __time__ % 90 AS t, count(*) AS n GROUP BY t', undefined],
  ['* | SELECT __time__, count(*) AS n GROUP BY __time__', undefined],
  ['* | SELECT action, srcaddr, count(*) AS n GROUP BY action, srcaddr', undefined],
  ["* | SELECT sum(CASE WHEN action = 'REJECT' THEN bytes ELSE 0 END) AS b", 'minute'],
  ["* | SELECT sum(CASE action WHEN 'REJECT' THEN 1 ELSE 0 END) AS n GROUP BY protocol", 'minute'],
  ["* | SELECT sum(if(srcaddr = '10.0.0.1', bytes, 0)) AS b", 'pairs'],
  ["* | SELECT count_if(action = 'REJECT' AND protocol = 6) AS n", 'minute'],
  ["* | SELECT sum(CASE WHEN action = 'REJECT' THEN bytes * 8 ELSE 0 END)", undefined],
  ["* | SELECT sum(CASE WHEN action = 'REJECT' THEN bytes ELSE 0.5 END)", undefined],
  ["* | SELECT sum(CASE WHEN action = 'REJECT' THEN 9000000000 ELSE 0 END)", undefined],
  ['* | SELECT sum(CASE WHEN bytes > 9 THEN bytes ELSE 0 END)', undefined],
  ['* | SELECT sum(CASE WHEN action IS NULL THEN NULL END)', undefined],
  ['* | SELECT sum(protocol)', undefined],
  ['* | SELECT avg(bytes)', undefined],
  ['* | SELECT max(bytes)', undefined],
  ['* | SELECT max(__time__)', undefined],
  ['* | SELECT sum(DISTINCT bytes)', undefined],
  ['* | SELECT random() AS r, count(*) AS n GROUP BY 1', undefined],
  ['* | SELECT action FROM log', undefined],
  ['* | SELECT * FROM log', undefined],
  ['action:ACCEPT | SELECT srcaddr, sum(bytes) AS b GROUP BY srcaddr', undefined],
  ['ACCEPT | SELECT count(*)', undefined],
  ['* | SELECT count(*) FROM log a JOIN log b ON a.action = b.action', undefined],
  ['* | SELECT count(*) FROM log WHERE action IN (SELECT action FROM log)', undefined],
  ['* | WITH log AS (SELECT 1 AS x) SELECT count(*) FROM log', undefined],
  ['* | SELECT compare(n, 3600) FROM (SELECT count(*) AS n FROM log)', undefined],
  ['* | SELECT sum(count(*)) OVER () AS n FROM log GROUP BY action', undefined],
  ['* | SELECT count(*) FROM log GROUP BY ROLLUP (action)', undefined],
  [
    `* | SELECT count(*) FROM log WHERE __time__ >= ${at + 60} AND __time__ <= ${at + 119}`,
    'minute',
  ],
  [`* | SELECT count(*) FROM log WHERE __time__ BETWEEN ${at} AND ${at + 59}`, 'minute'],
  [`* | SELECT count(*) FROM log WHERE __time__ > ${at + 60}`, undefined],
  [`* | SELECT count(*) FROM log WHERE __time__ BETWEEN ${at} AND ${at + 60}`, undefined],
  [`* | SELECT count(*) FROM log WHERE NOT __time__ < ${at + 60}`, 'minute'],
]

test('what a rollup answers, and what it does not', async () => {
  for (const [sql, rollup, zone = 'UTC'] of cases)
    assert.equal(await usesRollup(sql, ...day, zone), rollup, sql)
})
