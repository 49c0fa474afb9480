/** An answer whose rows come in order of time reads hours until it has them: its rows are those of all hours. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ColumnSpec } from '../base/columns.ts'
import type { LogReader, LogStore } from '../logstore/logstore.ts'
import { openLogStore } from '../logstore/logstore.ts'
import { randomFrom } from '../../test/random-from.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { parseQuery } from './parse.ts'
import { planQuery } from './plan.ts'
import { defaultQueryConfig, QueryEngine } from './query.ts'
import { Stages } from './stages.ts'

const hour = 3600
/** 2026-01-02T03:00:00Z; 11:00 in Shanghai. */
const at = 1_767_322_800
const hours = 8
const seed = Number(process.env['WEIR_SEED'] ?? 20_261_123)
const questions = process.env['WEIR_LONG'] === undefined ? 15 : 2000

const columns: readonly ColumnSpec[] = [
  { name: 'eni-id', kind: 'text' },
  { name: 'bytes', kind: 'integer' },
]

let store: LogStore
let staged: QueryEngine
let whole: QueryEngine

before(async (context) => {
  assert.ok('after' in context)
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9 }
  store = await openLogStore(temporaryFolder(context), quiet, { now: () => at })
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'flows', { columns, ttlDays: 3650 })
  const below = randomFrom(seed)
  for (let each = 0; each < hours; each++) {
    if (each === 2) continue // nothing came
    const rows = each === 5 ? 400 : 40
    const dictionary = ['eni-1', 'eni-2', 'ENI-2']
    const values = (value: () => number) => Float64Array.from({ length: rows }, value)
    const codes = Uint32Array.from({ length: rows }, () => below(4))
    await store.append('shop', 'flows', {
      rows,
      columns: new Map([
        ['__time__', { kind: 'integer', values: values(() => at + each * hour + below(hour)) }],
        ['eni-id', { kind: 'text', dictionary, codes }],
        ['bytes', { kind: 'integer', values: values(() => (below(9) === 0 ? NaN : below(5))) }],
      ]),
    })
    const lease = await store.lease('shop', 'flows', 0, 2 ** 40)
    lease.release()
  }
  const reader: LogReader = {
    columns: (...all) => store.columns(...all),
    rollups: (...all) => store.rollups(...all),
    acknowledged: () => store.acknowledged(),
    lease: (...all) => store.lease(...all),
  }
  // Said to be so large that a stage is an hour or a few.
  const large: LogReader = {
    ...reader,
    async lease(...all) {
      const lease = await store.lease(...all)
      return {
        ...lease,
        files: lease.files.map((file) => ({ ...file, rows: file.rows * 1_000_000 })),
      }
    },
  }
  const config = { ...defaultQueryConfig, workers: 1, searchWorkers: 0, threads: 1 }
  staged = new QueryEngine(config, large)
  whole = new QueryEngine(config, reader)
})

after(async () => {
  await staged.close()
  await whole.close()
  await store.close()
})

const day = { from: at - 3 * hour, to: at + 21 * hour }

async function orderOf(text: string, zone = 'UTC', range = day): Promise<string | undefined> {
  const { order } = planQuery(await parseQuery(text), columns, range, zone)
  const which = order?.isReverse ? 'last' : 'first'
  return order && `${which}${order.dayOffset === undefined ? '' : ` of day ${order.dayOffset}`}`
}

const minuteText = "date_format(from_unixtime(__time__ - __time__ % 60), '%H:%i:%S')"

test('an order by time is known as one, by position, alias or as it is written', async () => {
  for (const text of [
    `* | select ${minuteText} as t, "eni-id", sum(bytes) group by t, "eni-id" order by t asc limit 10`,
    '* | select __time__ - __time__ % 60 as t, count(*) as n group by t order by t, n limit 10',
    "* | select date_trunc('minute', __time__) as t, count(*) group by 1 order by 1",
    '* | select __time__ / 60, max(bytes) from log group by __time__ / 60 order by 1',
    'bytes > 1 | select __time__, bytes from log where bytes < 9 order by __time__',
    `* | select from_unixtime(__time__) t, bytes order by t limit 3`,
    "* | select date_format(date_trunc('hour', from_unixtime(__time__)), '%Y-%m-%d %H') t, count(*) group by t having count(*) > 1 order by t",
  ]) {
    assert.equal(await orderOf(text), 'first', text)
    assert.equal(
      await orderOf(text.replace(/order by ([^\s,]+)( asc)?/, 'order by $1 desc')),
      'last',
    )
  }
})

test('what is not in order of time, or looks at other hours, reads all of them', async () => {
  for (const text of [
    '*',
    '* | select count(*)',
    '* | select max(__time__) order by 1',
    '* | select count(*) n, __time__ t group by t order by n',
    '* | select __time__ % 60 as t, count(*) group by t order by t',
    '* | select __time__ - __time__ % 7 as t, count(*) group by t order by t',
    '* | select __time__ - __time__ % 7200 as t, count(*) group by t order by t',
    "* | select date_trunc('day', __time__) as t, count(*) group by t order by t",
    "* | select date_format(from_unixtime(__time__), '%i') t, count(*) group by t order by t",
    "* | select date_format(from_unixtime(__time__), '%d.%m. %H') t, count(*) group by t order by t",
    "* | select from_unixtime(__time__, 'Asia/Shanghai') t, count(*) group by t order by t",
    '* | select distinct __time__ from log order by __time__',
    '* | select __time__ t, count(*) group by rollup (t) order by t',
    '* | select __time__ t, row_number() over (order by bytes) from log order by t',
    '* | select __time__ t, (select max(bytes) from log) from log order by t',
    '* | select t, sum(n) from (select __time__ t, count(*) n group by t) group by t order by t',
    '* | with a as (select 1) select __time__ t from log order by t',
    '* | select bytes as __time__ from log order by __time__',
    '* | select __time__ t, count(*) group by t order by t limit 10, 5',
    '* | select max(__time__) t, bytes group by bytes order by t',
  ]) {
    assert.equal(await orderOf(text), undefined, text)
  }
})

test('times of day are in order within one day of the zone, of zones that are fixed whole hours', async () => {
  const text = `* | select ${minuteText} as t, count(*) group by t order by t`
  assert.equal(await orderOf(text), 'first')
  assert.equal(await orderOf(text, 'UTC', { from: day.from, to: day.to + 1 }), 'first of day 0')
  assert.equal(await orderOf(text, '+08:00'), 'first of day 28800')
  const ofChina = { from: day.from - 8 * hour, to: day.to - 8 * hour }
  assert.equal(await orderOf(text, '+08:00', ofChina), 'first')
  assert.equal(await orderOf(text, 'Asia/Shanghai', ofChina), 'first')
  assert.equal(await orderOf(text, 'Europe/Berlin'), undefined)
  assert.equal(await orderOf(text, '+05:30'), undefined)
  const dated = text.replace('%H', '%Y-%m-%d %H')
  assert.equal(await orderOf(dated, 'Asia/Shanghai'), 'first')
  assert.equal(await orderOf(dated, 'Asia/Shanghai', { from: 500_000_000, to: at }), undefined)
})

test('stages are whole hours, grow with what is missing, and leave nothing out', () => {
  const file = (path: string, each: number, rows: number) => ({
    path,
    lacks: [],
    sameAsTime: [],
    span: { rows, timeMin: at + each * hour, timeMax: at + each * hour + 3599 },
  })
  const files = [0, 1, 2, 3, 4, 5, 6, 7].map((each) => file(`h${each}`, each, 300_000))
  const late = file('late', 0, 10)
  const paths = (some: readonly { path: string }[] | undefined) => some?.map(({ path }) => path)
  const [forward, backward] = [{ isReverse: false }, { isReverse: true }]
  const first = new Stages([...files, late], forward)
  assert.deepEqual(paths(first.next(0, 100)), ['h0', 'late'])
  assert.deepEqual(paths(first.next(40, 100)), ['h1', 'h2', 'h3'])
  assert.deepEqual(paths(first.next(90, 100)), ['h4', 'h5', 'h6', 'h7'])
  assert.equal(first.next(95, 100), undefined)
  const last = new Stages([...files, late], backward)
  assert.deepEqual(paths(last.next(0, 100)), ['h7'])
  const { span: _, ...unknown } = late
  assert.equal(new Stages([...files, unknown], forward).next(0, 1)?.length, 9)
  assert.deepEqual(
    paths(new Stages([file('few', 0, 5), file('more', 1, 5)], backward).next(0, 9)),
    ['few', 'more'],
  )
})

test('rows hour by hour are those of all hours at once', async () => {
  const below = randomFrom(seed + 1)
  const of = (texts: readonly string[]) => texts[below(texts.length)]!
  for (let each = 0; each < questions; each++) {
    const key = of([
      '__time__ - __time__ % 60',
      '__time__ - __time__ % 3600',
      '__time__',
      minuteText,
      "date_trunc('minute', __time__)",
    ])
    const order = of(['', ' desc'])
    const search = of(['*', 'eni-id: eni-2', 'bytes > 3', 'not bytes: 1', 'eni-id: nothing'])
    const sql = of([
      `select ${key} as t, "eni-id" as e, sum(bytes) as b, count(*) as n group by t, e`,
      `select ${key} as t, count(distinct bytes) as b group by t having count(*) > 1`,
      `select ${key} as t, "eni-id" as e, bytes as b from log`,
    ])
    const others = sql.includes(' as e') ? ', b, e' : ', b'
    const limit = of(['', ` limit ${1 + below(60)}`, ' limit 5000'])
    const query = `${search} | ${sql} order by t${order}${others}${limit}`
    const from = at + below(2 * hour) - hour
    const request = {
      project: 'shop',
      logstore: 'flows',
      query,
      from,
      to: from + below(9) * hour + 900,
    }
    const note = `${query}, ${request.from} to ${request.to}, WEIR_SEED=${seed}`
    const [some, all] = [await staged.run(request), await whole.run(request)]
    assert.deepEqual(some.rows, all.rows, note)
    assert.deepEqual(
      [some.limited, some.exact, some.columns],
      [all.limited, all.exact, all.columns],
      note,
    )
  }
})

test('what several parts of a query read of a search is read once, all of a logstore as often as it is named', async () => {
  const parts =
    'with a as (select max(bytes) m from log), b as (select "eni-id" e, bytes v from log where bytes > 1) ' +
    'select m, e, v from a cross join b order by v, e'
  const plan = async (search: string, sql: string) =>
    planQuery(await parseQuery(`${search} | ${sql}`), columns, day, 'UTC')
  const { kept, sql } = await plan('eni-id: eni-2', parts)
  assert.equal(kept?.sql, sql.replace('WITH __src AS (', 'WITH __src AS MATERIALIZED ('))
  assert.equal(kept?.width, 2)
  assert.equal((await plan('*', parts)).kept, undefined)
  assert.equal((await plan('eni-id: eni-2', 'select max(bytes) from log')).kept, undefined)
  const query = `eni-id: eni-2 | ${parts} limit 5000`
  const request = { project: 'shop', logstore: 'flows', query, ...day }
  const [twice, once] = [await whole.run(request), await staged.run(request)]
  assert.ok(once.rows.length > 50)
  assert.deepEqual(twice.rows, once.rows)
})
