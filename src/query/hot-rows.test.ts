/**
 * "Queryable within 1 s of acknowledgement": rows are read before they are in a segment, with the same answers. One
 * store keeps its last rows in the log, the other has the same rows in segments.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Column, ColumnBatch, ColumnSpec } from '../base/columns.ts'
import type { LogStore, RollupSpec } from '../logstore/logstore.ts'
import { openLogStore } from '../logstore/logstore.ts'
import { randomFrom } from '../../test/random-from.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { IndexConfig } from './index-config.ts'
import { defaultQueryConfig, QueryEngine } from './query.ts'
import type { QueryRequest } from './query.ts'

const hour = 3600
/** 2026-01-02T03:00:00Z. */
const at = 1_767_322_800
const seed = Number(process.env['WEIR_SEED'] ?? 20_260_103)

const columns: readonly ColumnSpec[] = [
  { name: 'eni-id', kind: 'text' },
  { name: 'vpc-id', kind: 'text' },
  { name: 'action', kind: 'text' },
  { name: 'direction', kind: 'text' },
  { name: 'protocol', kind: 'integer' },
  { name: 'srcaddr', kind: 'text' },
  { name: 'dstaddr', kind: 'text' },
  { name: 'srcport', kind: 'integer' },
  { name: 'dstport', kind: 'integer' },
  { name: 'packets', kind: 'integer' },
  { name: 'bytes', kind: 'integer' },
  { name: 'start', kind: 'integer' },
  { name: 'end', kind: 'integer' },
  { name: 'note', kind: 'text' },
]
const rollups: readonly RollupSpec[] = [
  { name: 'minute', bucketSeconds: 60, by: ['eni-id', 'action'], sums: ['packets', 'bytes'] },
  { name: 'pairs', bucketSeconds: 3600, by: ['srcaddr', 'dstaddr'], sums: ['bytes'] },
]
const notes = [
  '',
  '-',
  'a "b" \'c\'',
  'nul\0 and \u0001\u0002',
  'größe 😀',
  'GET /index.html',
  null,
]

type Value = string | number | null

function batchOf(rows: readonly Readonly<Record<string, Value>>[], specs = columns): ColumnBatch {
  const integer = (name: string): Column => ({
    kind: 'integer',
    values: Float64Array.from(rows, (row) => Number(row[name] ?? Number.NaN)),
  })
  const text = (name: string): Column => {
    const dictionary = [...new Set(rows.flatMap((row) => row[name] ?? []))].map(String)
    const codes = rows.map((row) =>
      (row[name] ?? null) === null ? 0 : dictionary.indexOf(String(row[name])) + 1,
    )
    return { kind: 'text', dictionary, codes: Uint32Array.from(codes) }
  }
  const filled = specs.map(
    ({ name, kind }) => [name, kind === 'text' ? text(name) : integer(name)] as const,
  )
  return { rows: rows.length, columns: new Map([['__time__', integer('__time__')], ...filled]) }
}

function recordsOf(below: (below: number) => number, rows: number, from: number): ColumnBatch {
  const of = <T>(values: readonly T[]): T => values[below(values.length)]!
  return batchOf(
    Array.from({ length: rows }, () => {
      const start = from + below(hour)
      return {
        __time__: start,
        'eni-id': of(['eni-1', 'eni-2', 'ENI-3', null]),
        'vpc-id': of(['vpc-1', 'vpc-2']),
        action: of(['ACCEPT', 'REJECT', '']),
        direction: of(['in', 'out']),
        protocol: of([6, 17, null]),
        srcaddr: `10.0.0.${below(40)}`,
        dstaddr: of(['10.0.1.1', '2001:db8::1', `10.0.2.${below(200)}`]),
        srcport: below(65_536),
        dstport: of([80, 443, 53]),
        packets: below(100),
        bytes: below(9) === 0 ? null : below(2 ** 31) * (below(50) === 0 ? -1000 : 1000),
        start,
        end: start + below(60),
        note: of(notes),
      }
    }),
  )
}

interface Side {
  readonly store: LogStore
  readonly engine: QueryEngine
}

const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, flushRows: 1e9 }

async function open(context: TestContext, now: () => number): Promise<Side> {
  const folder = temporaryFolder(context)
  const store = await openLogStore(folder, { ...quiet, hourSettleSeconds: 60 }, { now })
  const linkFolder = join(folder, 'query')
  const config = { ...defaultQueryConfig, workers: 1, searchWorkers: 0, threads: 1, linkFolder }
  return { store, engine: new QueryEngine(config, store) }
}

let hot: Side
let flushed: Side
let flushes = 0

before(async (context) => {
  assert.ok('after' in context)
  const clock = { now: at }
  hot = await open(context, () => clock.now)
  flushed = await open(context, () => clock.now)
  for (const { store } of [hot, flushed]) {
    clock.now = at
    const below = randomFrom(seed)
    store.createProject('shop', { description: '' })
    const options = { columns, ttlDays: 3650, rollups, sortBy: ['eni-id'] }
    store.createLogstore('shop', 'flows', options)
    store.createLogstore('shop', 'others', { columns, ttlDays: 3650 })
    store.createLogstore('shop', 'open', { columns: [], openColumns: true, ttlDays: 3650 })
    const put = (rows: number, from: number, name = 'flows', shard = {}) =>
      store.append('shop', name, recordsOf(below, rows, from), { source: 'host', ...shard })
    for (let each = 0; each < 3; each++) await put(1500, at + each * hour)
    await store.maintain()
    clock.now = at + 6 * hour
    await store.maintain()
    assert.equal(store.stats().rollups, 6)
    await put(900, at + hour) // late
    for (let each = 0; each < 6; each++) await put(300 + each, at + 3 * hour + each * 600)
    await put(400, at + 4 * hour, 'others', { topic: 'a topic' })
    const lines = [{ a: 'x', n: '7' }, { a: 'y', 'Ünï "q"': '{"k":[1]}' }, { n: '-3.5' }]
    for (const [index, line] of lines.entries()) {
      const specs = Object.keys(line).map((name) => ({ name, kind: 'text' }) as const)
      const rows = [{ __time__: at + index, ...line }]
      await store.append('shop', 'open', batchOf(rows, specs))
    }
  }
  await flushed.store.maintain()
  assert.deepEqual([hot.store.stats().hotRows, flushed.store.stats().hotRows], [3118, 0])
  flushes = hot.store.stats().flushes
})

after(async () => {
  for (const { store, engine } of [hot, flushed]) {
    await engine.close()
    await store.close()
  }
})

const range = { project: 'shop', logstore: 'flows', from: at, to: at + 6 * hour }

async function same(request: Partial<QueryRequest> & Pick<QueryRequest, 'query'>) {
  const of = async ({ engine }: Side) => {
    const answer = await engine.run({ ...range, ...request })
    const { columns: named, rows, exact, limited, scannedRows } = answer
    const isPart = request.from !== undefined // a segment counts as a whole there, and so does a batch
    return { named, rows, exact, limited, scanned: isPart ? undefined : scannedRows }
  }
  const found = await of(hot)
  assert.deepEqual(found, await of(flushed), request.query)
  return found
}

test('pages of a search: both orders, further pages, every kind of condition', async () => {
  for (const query of [
    '*',
    'eni-id:eni-1 and not action:REJECT',
    'bytes > 1000000000 or note:index.html',
    'not protocol:*',
    'note:""',
    'größe',
    'dstaddr:"2001:db8::1"',
    'srcaddr:10.0.0.1* and not dstaddr:10.0.2.*',
    '__topic__:x',
    '__source__:host and dstport in [60 100]',
  ])
    for (const page of [{ reverse: true }, { line: 37, offset: 61 }, { line: 0 }])
      await same({ query, ...page })
  const { rows } = await same({ query: '*', reverse: true, line: 1 })
  assert.ok(Number(rows[0]![0]) >= at + 4 * hour - 60, 'the latest is a row that is hot')
  assert.equal((await same({ query: '* | select count(*)' })).rows[0]![0], '7215')
})

test('SQL: totals, rollups, order of time, windows, times, clusters and other logstores', async () => {
  const stores = [{ name: 'others' }]
  for (const query of [
    '* | select count(*), sum(bytes), min(note), max(note), count(distinct srcaddr) from log',
    '* | select note, length(note), count(*) from log group by note order by note',
    'action:ACCEPT | select "eni-id", sum(bytes), count(bytes) from log group by "eni-id" order by 1',
    '* | select srcaddr, dstaddr, sum(bytes) as b from log group by 1, 2 order by b desc, 1, 2 limit 50',
    '* | select __time__ - __time__ % 300 as t, action, sum(packets) from log group by t, action order by t, action',
    '* | select __time__, srcaddr, srcport, bytes from log order by __time__ desc, srcaddr, srcport, bytes limit 20',
    '* | select __time__, srcport, bytes from log where bytes is null order by __time__, srcport limit 200',
    "* | select date_trunc('hour', __time__) as h, count(*) from log group by h order by h",
    '* | select "eni-id", bytes, rank() over (partition by "eni-id" order by bytes desc) as r from log order by r, 1, 2 limit 30',
    '* | select compare(b, 3600) from (select sum(bytes) as b from log where __time__ >= 0)',
    "* | select time_series(__time__, '10m', '%H:%i', '0') as t, count(*) as n from log group by t order by t limit 100",
    "* | select flow_time('5m') as t, flow_sum(bytes) as b from log group by t order by t limit 200",
    '* | select count(*), sum(bytes) from count_once',
    '* | select count(*) from others',
    '* | select l.dstaddr, count(*) from log l join others o on l.srcaddr = o.srcaddr and l.srcport = o.srcport group by 1 order by 1',
    '* | select (select count(*) from others) + count(*), (select max(__topic__) from others) from log',
    'eni-id:eni-1 | with a as (select srcaddr from log), b as (select srcaddr from others) select count(*) from a where srcaddr in (select srcaddr from b)',
    '* | select __source__, __receive_time__, count(*) from log group by 1, 2 order by 1, 2',
  ])
    await same({ query, stores })
  for (const [from, to] of [
    [at + 3 * hour, at + 3 * hour + 900],
    [at + 3 * hour + 61, at + 4 * hour - 17],
    [at + 2 * hour + 1800, at + 5 * hour],
  ] as const) {
    await same({ query: '* | select count(*), sum(bytes) from log', from, to })
    await same({ query: 'eni-id:eni-2', from, to })
  }
})

test('an open logstore: columns that came one after the other, indexed or not', async () => {
  const words = { token: [' '], caseSensitive: false }
  const index: IndexConfig = {
    line: words,
    keys: new Map([
      ['n', { type: 'double', docValue: true }],
      ['a', { type: 'text', docValue: true, ...words }],
      [
        'Ünï "q"',
        {
          type: 'json',
          indexAll: true,
          maxDepth: -1,
          jsonKeys: new Map(),
          docValue: true,
          ...words,
        },
      ],
    ]),
  }
  for (const each of [undefined, index]) {
    const asked = { logstore: 'open', index: each }
    assert.equal((await same({ query: '*', ...asked })).rows.length, 3)
    await same({ query: 'a:x or n:-3.5', ...asked })
    await same({ query: '* | select a, n from log order by a nulls first', ...asked })
  }
  await same({ query: 'n < 0 | select sum(n) from log', logstore: 'open', index })
})

test('rows of a range are all that is asked for, and nothing was flushed', async () => {
  const ask = (from: number, to: number) => hot.engine.run({ ...range, from, to, query: '*' })
  const scanned = async (from: number, to: number) => (await ask(from, to)).scannedRows
  assert.equal(await scanned(at - hour, at), 0)
  assert.equal(await scanned(at + 4 * hour + 2400, at + 4 * hour + 3000), 305, 'of the last batch')
  assert.deepEqual([hot.store.stats().flushes, hot.store.stats().hotRows], [flushes, 3118])
})
