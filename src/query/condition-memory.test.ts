/** Which files a search found nothing in is remembered, and no answer changes by it. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import type { TestContext } from 'node:test'
import type { Column, ColumnBatch } from '../base/columns.ts'
import { openLogStore } from '../logstore/logstore.ts'
import type { LogReader, LogStore } from '../logstore/logstore.ts'
import { randomFrom } from '../../test/random-from.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { ConditionMemory, conditionKey } from './condition-memory.ts'
import type { FieldIndex, IndexConfig } from './index-config.ts'
import { defaultQueryConfig, QueryEngine } from './query.ts'
import { sideBySide } from '../../test/side-by-side.ts'

const test = sideBySide()

const seed = Number(process.env['WEIR_SEED'] ?? 20_261_124)
const rounds = process.env['WEIR_LONG'] === undefined ? 12 : 300
const hour = 3600
const day = 24 * hour
/** 2026-01-02T03:00:00Z. */
const at = 1_767_322_800

interface Row {
  readonly time: number
  readonly ip: string
  readonly filename: string | null
  readonly n: number | null
}

function batchOf(rows: readonly Row[]): ColumnBatch {
  const integer = (values: readonly (number | null)[]): Column => ({
    kind: 'integer',
    values: Float64Array.from(values, (each) => each ?? Number.NaN),
  })
  const text = (values: readonly (string | null)[]): Column => {
    const dictionary = [...new Set(values.filter((each) => each !== null))]
    const codes = values.map((each) => (each === null ? 0 : dictionary.indexOf(each) + 1))
    return { kind: 'text', dictionary, codes: Uint32Array.from(codes) }
  }
  const columns = new Map([
    ['__time__', integer(rows.map(({ time }) => time))],
    ['ip', text(rows.map(({ ip }) => ip))],
    ['filename', text(rows.map(({ filename }) => filename))],
    ['n', integer(rows.map(({ n }) => n))],
  ])
  if (rows.every(({ filename }) => filename === null)) columns.delete('filename')
  return { rows: rows.length, columns }
}

/** A store whose files say that they have a hundred thousand times the rows: what few rows cost is not looked at twice. */
const larger = (store: LogStore): LogReader => ({
  acknowledged: () => store.acknowledged(),
  columns: (...names) => store.columns(...names),
  rollups: (...names) => store.rollups(...names),
  async lease(...asked) {
    const lease = await store.lease(...asked)
    const files = lease.files.map((file) => ({ ...file, rows: file.rows * 100_000 }))
    return { ...lease, files }
  },
})

async function opened(context: TestContext, named = false) {
  const clock = { now: at + 8 * hour }
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, hourSettleSeconds: 60 }
  const folder = temporaryFolder(context)
  const store = await openLogStore(folder, quiet, { now: () => clock.now })
  store.createProject('shop', { description: '' })
  const columns = [
    { name: 'ip', kind: 'text' },
    { name: 'n', kind: 'integer' },
    ...(named ? [{ name: 'filename', kind: 'text' } as const] : []),
  ] as const
  store.createLogstore('shop', 'log', { columns, ttlDays: 2 })
  const config = { ...defaultQueryConfig, workers: 1, searchWorkers: 0, threads: 1 }
  const engine = new QueryEngine({ ...config, linkFolder: `${folder}/query` }, larger(store))
  context.after(async () => {
    await engine.close()
    await store.close()
  })
  const files = async () => {
    const lease = await store.lease('shop', 'log', 0, 2 ** 40)
    lease.release()
    return lease.files
  }
  const put = async (rows: readonly Row[], hot = false) => {
    await store.append('shop', 'log', batchOf(rows))
    if (!hot) await files()
  }
  const ask = async (query: string, index?: IndexConfig, from = 0, to = 2 ** 40) => {
    const request = { project: 'shop', logstore: 'log', query, from, to, index }
    const { rows, exact } = await engine.run(request)
    assert.equal(exact, true)
    return rows
  }
  return { clock, store, put, ask, files }
}

const conditions: readonly (readonly [search: string, takes: (row: Row) => boolean])[] = [
  ['ip: a1', ({ ip }) => ip === 'a1'],
  ['ip: A2', ({ ip }) => ip === 'a2'],
  ['ip: none', () => false],
  ['n = 3', ({ n }) => n === 3],
  ['n: -', ({ n }) => n === null],
  ['not n: *', ({ n }) => n === null],
  ['n > 4 and ip: a*', ({ n, ip }) => n !== null && n > 4 && ip.startsWith('a')],
  ['not ip: a1', ({ ip }) => ip !== 'a1'],
  [`n in [1 2] or ip: a3`, ({ n, ip }) => n === 1 || n === 2 || ip === 'a3'],
  [`__time__ >= ${at + 2 * hour}`, ({ time }) => time >= at + 2 * hour],
]
const sums = 'select count(*), count(distinct ip), sum(n), min(__time__)'

test(`answers stay what they are while records come, are merged and expire (seed ${seed})`, async (context) => {
  const { clock, store, put, ask } = await opened(context)
  const below = randomFrom(seed)
  let rows: Row[] = []
  const made = (from: number): Row[] => {
    const few = 1 + below(4) // of a few values in each file, so that others are not in it
    return Array.from({ length: 20 }, () => ({
      time: from + below(hour),
      ip: `a${few + below(2)}`,
      filename: null,
      n: below(5) === 0 ? null : few + below(3),
    }))
  }
  for (let round = 0; round < rounds; round++) {
    const some = made(at + below(6) * hour)
    await put(some, below(3) === 0)
    rows.push(...some)
    const [search, takes] = conditions[below(conditions.length)]!
    const wide = below(2) === 0
    const [from, to] = wide ? [0, 2 ** 40] : [at + below(hour), at + (2 + below(4)) * hour]
    const taken = rows.filter((row) => takes(row) && row.time >= from && row.time < to)
    const numbers = taken.flatMap(({ n }) => n ?? [])
    const text = (value: number) => String(value)
    const wanted = [
      text(taken.length),
      text(new Set(taken.map(({ ip }) => ip)).size),
      numbers.length === 0 ? null : text(numbers.reduce((sum, n) => sum + n, 0)),
      taken.length === 0 ? null : text(Math.min(...taken.map(({ time }) => time))),
    ]
    for (const time of [1, 2]) {
      const answer = await ask(`${search} | ${sums}`, undefined, from, to)
      assert.deepEqual(answer, [wanted], `${search}, ${from} to ${to}, round ${round}, ${time}`)
    }
    const raw = await ask(search, undefined, from, to)
    assert.equal(raw.length, Math.min(100, taken.length))
    if (below(6) === 0) await store.maintain()
    if (round !== rounds - 4) continue
    clock.now = at + 2 * day + 10 * hour // all that came so far
    await store.maintain()
    rows = []
  }
})

test('a file in which nothing was found is not opened again, and one that came since is', async (context) => {
  const { put, ask, files } = await opened(context)
  const row = (each: number, ip: string): Row => ({
    time: at + each * hour,
    ip,
    filename: null,
    n: 1,
  })
  for (let each = 0; each < 6; each++) await put([row(each, each === 4 ? 'rare' : 'often')])
  const first = ['ip: rare | select count(*)', 'ip: rare | select count(*), max(n)']
  assert.deepEqual(await ask(first[0]!), [['1']])
  for (const [each, { path }] of (await files()).entries()) if (each !== 4) rmSync(path)
  assert.deepEqual(await ask(first[0]!), [['1']])
  assert.deepEqual(await ask(first[1]!), [['1', '1']], 'another question of the same condition')
  assert.equal((await ask('ip: rare')).length, 1, 'a search without SQL')
  const failed = { code: 'QueryFailed' }
  await assert.rejects(ask('ip: Rarer | select count(*)'), failed)
  const text: FieldIndex = {
    type: 'text',
    docValue: true,
    token: [' '],
    caseSensitive: true,
  }
  await assert.rejects(
    ask('ip: rare | select count(*)', { line: undefined, keys: new Map([['ip', text]]) }),
    failed,
  )
  for (const name of ['__found', '"__found"'])
    await assert.rejects(ask(`ip: rare | select * from ${name}`), /__found/)
  await put([row(5, 'rare')])
  assert.deepEqual(await ask(first[0]!), [['2']])
  await put([row(5, 'rare')], true)
  assert.deepEqual(await ask(first[0]!), [['3']])
})

test('a search that takes many rows, and a column with the name of what tells files apart', async (context) => {
  const { put, ask } = await opened(context, true)
  const many = Array.from({ length: 9000 }, (_, each): Row => ({
    time: at,
    ip: each < 8000 ? 'often' : `ip${each}`,
    filename: 'elsewhere.parquet',
    n: each,
  }))
  for (let each = 0; each < 5; each++)
    await put(many.map((row) => ({ ...row, time: at + each * hour })))
  for (const time of [1, 2, 3]) {
    assert.deepEqual(await ask('ip: often | select count(*)'), [['40000']], String(time))
    assert.deepEqual(await ask('filename: elsewhere.parquet and n: 7 | select count(*)'), [['5']])
    assert.deepEqual(await ask('ip: ip8001 | select count(*), max(filename)'), [
      ['5', 'elsewhere.parquet'],
    ])
  }
})

test('a condition is its text and the kinds of the columns in it', () => {
  const text = { name: 'a', kind: 'text' } as const
  const other = { name: 'b', kind: 'text' } as const
  assert.equal(conditionKey('"a" = 1', [text]), conditionKey('"a" = 1', [text, other]))
  assert.notEqual(
    conditionKey('"a" = 1', [text]),
    conditionKey('"a" = 1', [{ ...text, kind: 'integer' }]),
  )
  assert.notEqual(conditionKey('"a" = 1', [text]), conditionKey('"a" = 2', [text]))
})

test('what was not asked for longest is forgotten first', () => {
  const memory = new ConditionMemory()
  const paths = Array.from({ length: 40_000 }, (_, each) => `${each}.parquet`)
  memory.note('shop/log', 'a', paths, false)
  memory.note('shop/log', 'b', paths, false)
  assert.equal(memory.of('shop/log', 'a')?.empty.size, 40_000)
  memory.note('shop/other', 'a', paths, false)
  assert.equal(memory.of('shop/log', 'b'), undefined)
  assert.equal(memory.of('shop/log', 'a')?.empty.has('7.parquet'), true)
  memory.note('shop/log', 'a', ['more.parquet'], true)
  assert.equal(memory.of('shop/log', 'a')?.empty.size, 40_001)
  assert.equal(memory.of('shop/log', 'a')?.takesMany, true)
  for (let each = 0; each < 20_000; each++) memory.note('shop/log', `c${each}`, [], false)
  assert.equal(memory.of('shop/log', 'a'), undefined)
  assert.notEqual(memory.of('shop/log', 'c19999'), undefined)
})
