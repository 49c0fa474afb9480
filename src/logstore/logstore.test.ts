import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { LogStore, LogStoreConfig, LogStoreEffects } from './logstore.ts'
import { openLogStore } from './logstore.ts'
import { allTime, ask, batchOf, temporaryFolder, testColumns } from '../../test/logstore-rows.ts'
import type { TestRow } from '../../test/logstore-rows.ts'

const hour = 3600
/** 2026-01-02T03:00:00Z. */
const at = 1_767_322_800

/** Never flushes, merges or expires by itself: tests say when. */
const quiet: Partial<LogStoreConfig> = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9 }

const everything =
  'SELECT __time__, "eni-id", bytes, "Odd ""name""" FROM log ORDER BY __time__, bytes'

async function open(
  folder: string,
  config: Partial<LogStoreConfig> = {},
  effects: Partial<LogStoreEffects> = {},
): Promise<LogStore> {
  return openLogStore(folder, { ...quiet, ...config }, { now: () => at + 10, ...effects })
}

async function opened(
  context: TestContext,
  config: Partial<LogStoreConfig> = {},
  effects: Partial<LogStoreEffects> = {},
): Promise<{ folder: string; store: LogStore }> {
  const folder = temporaryFolder(context)
  const store = await open(folder, config, effects)
  context.after(() => store.close())
  createLog(store)
  return { folder, store }
}

function createLog(store: LogStore): void {
  store.createProject('shop', { description: 'the shop' })
  store.createLogstore('shop', 'flow-log', {
    columns: testColumns,
    ttlDays: 7,
    sortBy: ['eni-id'],
  })
}

const rowsOf = (store: LogStore) => ask(store, 'shop', 'flow-log', everything)

function segmentNames(folder: string): string[] {
  return readdirSync(join(folder, 'segments'), { recursive: true })
    .map(String)
    .filter((name) => name.includes('.parquet'))
    .sort()
}

test('what is appended is read back exactly', async (context) => {
  const { store } = await opened(context)
  const rows: TestRow[] = [
    [at, 'eni-1', 2 ** 53 - 1, 'ein Wort'],
    [at + 1, null, 0, ''],
    [at + 2, 'eni-2', -5, 'a\0b "quoted" \'too\' 漢字 \u{1f600}'],
    [at + 3, 'eni-1', null, null],
    [at + 4, 'eni-1', -(2 ** 53 - 1), 'ein Wort'],
    [at + 5, 'eni-1', 2 ** 32, 'ein Wort'],
    [at + 6, 'eni-1', 2 ** 32 - 1, 'ein Wort'],
  ]
  assert.deepEqual(await store.append('shop', 'flow-log', batchOf(rows)), { stored: true })
  assert.deepEqual(await rowsOf(store), rows)
})

test('reserved columns carry the time of receipt, topic and source', async (context) => {
  const { store } = await opened(context)
  await store.append('shop', 'flow-log', batchOf([[at, 'a', 1, null]]), {
    topic: 'vpc',
    source: '10.0.0.1',
  })
  await store.append('shop', 'flow-log', batchOf([[at + 1, 'b', 2, null]]))
  const select = 'SELECT __receive_time__, __topic__, __source__ FROM log ORDER BY __time__'
  assert.deepEqual(await ask(store, 'shop', 'flow-log', select), [
    [at + 10, 'vpc', '10.0.0.1'],
    [at + 10, null, null],
  ])
})

test('a column the batch lacks is NULL', async (context) => {
  const { store } = await opened(context)
  const { rows, columns } = batchOf([[at, 'a', 1, 'x']])
  const some = new Map([...columns].filter(([name]) => name !== 'bytes'))
  await store.append('shop', 'flow-log', { rows, columns: some })
  assert.deepEqual(await rowsOf(store), [[at, 'a', null, 'x']])
})

test('dictionaries longer and arrays longer than the batch needs are no matter', async (context) => {
  const { store } = await opened(context)
  const dictionary = Array.from({ length: 1000 }, (_, index) => `eni-${index}`)
  const columns = new Map([
    ['__time__', { kind: 'integer' as const, values: Float64Array.of(at, at + 1, -1, Number.NaN) }],
    ['eni-id', { kind: 'text' as const, dictionary, codes: Uint32Array.of(1000, 1, 99_999) }],
  ])
  await store.append('shop', 'flow-log', { rows: 2, columns })
  assert.deepEqual(await rowsOf(store), [
    [at, 'eni-999', null, null],
    [at + 1, 'eni-0', null, null],
  ])
})

test('the caller may fill its arrays again at once', async (context) => {
  const { store } = await opened(context)
  const values = Float64Array.of(at)
  const columns = new Map([['__time__', { kind: 'integer' as const, values }]])
  const appended = store.append('shop', 'flow-log', { rows: 1, columns })
  values[0] = at + 99
  await appended
  assert.deepEqual(await rowsOf(store), [[at, null, null, null]])
})

test('a batch that is wrong is refused whole', async (context) => {
  const { store } = await opened(context, { batchRowsMax: 3, batchHoursMax: 2 })
  const good = batchOf([[at, 'a', 1, 'x']])
  const refused = async (batch: Parameters<LogStore['append']>[2], message: RegExp) =>
    assert.rejects(store.append('shop', 'flow-log', batch), { code: 'ParameterInvalid', message })
  const withColumn = (name: string, column: unknown) => ({
    rows: good.rows,
    columns: new Map([...good.columns, [name, column]]) as typeof good.columns,
  })
  const noTime = new Map([...good.columns].filter(([name]) => name !== '__time__'))
  await refused({ rows: 1, columns: noTime }, /no column __time__/)
  await refused(withColumn('nobody', good.columns.get('bytes')), /no column nobody/)
  await refused(withColumn('__topic__', good.columns.get('eni-id')), /no column __topic__/)
  await refused(
    withColumn('bytes', good.columns.get('eni-id')),
    /column bytes is integer, not text/,
  )
  await refused(batchOf([[Number.NaN, 'a', 1, 'x']]), /row 0 has __time__ NaN/)
  await refused(batchOf([[-1, 'a', 1, 'x']]), /row 0 has __time__ -1/)
  await refused(batchOf([[at * 1000, 'a', 1, 'x']]), /row 0 has __time__ 1767322800000/)
  await refused(batchOf([[at, 'a', 1.5, 'x']]), /row 0 of column bytes is 1.5/)
  await refused(batchOf([[at, 'a', 2 ** 53, 'x']]), /row 0 of column bytes is 9007199254740992/)
  await refused({ rows: 2, columns: good.columns }, /has 1 of 2 rows/)
  await refused({ rows: 4, columns: new Map() }, /0 to 3 rows, not 4/)
  const code = { kind: 'text', dictionary: ['a'], codes: Uint32Array.of(2) }
  await refused(withColumn('eni-id', code), /code 2, past the end/)
  const hours = [0, 1, 2].map((each): TestRow => [at + each * hour, null, null, null])
  await refused(batchOf(hours), /at most 2 hours, not 3/)
  assert.deepEqual(await rowsOf(store), [])
  assert.equal(store.stats().refusedBatches, 13)
  assert.equal(store.stats().appendedRows, 0)
})

test('a batch that encodes to more than the limit is refused', async (context) => {
  const { store } = await opened(context, { batchBytesMax: 1000 })
  const batch = batchOf([[at, 'a', 1, 'x'.repeat(1000)]])
  await assert.rejects(store.append('shop', 'flow-log', batch), { code: 'ParameterInvalid' })
})

test('names that could be paths, and columns that could clash, are refused', async (context) => {
  const { store } = await opened(context)
  const bad = (name: string) =>
    assert.throws(() => store.createProject(name, { description: '' }), {
      code: 'ParameterInvalid',
    })
  for (const name of ['', 'ab', '..', '../x', 'a/b', 'Abc', '-ab', 'ab-', 'a b', 'abc\n', 'abc\0'])
    bad(name)
  bad('a'.repeat(64))
  store.createProject('a'.repeat(63), { description: '' })
  store.createProject('a_b', { description: '', labels: { sample: 'true' } })
  const create = (name: string, columns: typeof testColumns, ttlDays = 7, sortBy: string[] = []) =>
    store.createLogstore('a_b', name, { columns, ttlDays, sortBy })
  const refused = (work: () => void, code: string) => assert.throws(work, { code })
  refused(() => create('x', testColumns), 'ParameterInvalid')
  create('xy', testColumns)
  refused(() => create('xy', testColumns), 'LogStoreAlreadyExist')
  refused(() => create('xz', []), 'ParameterInvalid')
  refused(() => create('xz', [{ name: '__time__', kind: 'integer' }]), 'ParameterInvalid')
  const clash = ['bytes', 'Bytes'].map((name) => ({ name, kind: 'integer' as const }))
  refused(() => create('xz', clash), 'ParameterInvalid')
  refused(() => create('xz', testColumns, 0), 'ParameterInvalid')
  refused(() => create('xz', testColumns, 3651), 'ParameterInvalid')
  refused(() => create('xz', testColumns, 7, ['nobody']), 'ParameterInvalid')
  refused(() => store.createProject('shop', { description: '' }), 'ProjectAlreadyExist')
  refused(() => store.logstores('nope'), 'ProjectNotExist')
  refused(() => store.columns('shop', 'nope'), 'LogStoreNotExist')
  await assert.rejects(store.lease('shop', 'nope', 0, 1), { code: 'LogStoreNotExist' })
  assert.deepEqual(store.projects()[0], {
    name: 'a_b',
    description: '',
    labels: { sample: 'true' },
    createdAt: at + 10,
    updatedAt: at + 10,
  })
})

test('everything is there after closing and opening', async (context) => {
  const { folder, store } = await opened(context)
  store.updateTtl('shop', 'flow-log', 30)
  await store.append('shop', 'flow-log', batchOf([[at, 'a', 1, 'x']]))
  await store.close()
  assert.deepEqual(readdirSync(join(folder, 'log')), [])
  const again = await open(folder)
  context.after(() => again.close())
  assert.deepEqual(await rowsOf(again), [[at, 'a', 1, 'x']])
  assert.deepEqual(again.logstores('shop'), [
    {
      name: 'flow-log',
      columns: testColumns,
      ttlDays: 30,
      sortBy: ['eni-id'],
      openColumns: false,
      createdAt: at + 10,
      updatedAt: at + 10,
    },
  ])
  assert.deepEqual(again.columns('shop', 'flow-log'), testColumns)
})

test('a closed store refuses', async (context) => {
  const { store } = await opened(context)
  await store.close()
  await assert.rejects(store.append('shop', 'flow-log', batchOf([])), { code: 'ServerError' })
  await assert.rejects(store.lease('shop', 'flow-log', 0, 1), { code: 'ServerError' })
})

test('a batch delivered twice is stored once, also after the log is freed', async (context) => {
  const { folder, store } = await opened(context)
  const id = (number: number, run = 'r1') => ({ flowLog: 'fl-1', run, number })
  const put = (into: LogStore, number: number, run?: string) =>
    into.append('shop', 'flow-log', batchOf([[at + number, run ?? 'r1', 1, null]]), {
      id: id(number, run),
    })
  const both = await Promise.all([put(store, 0), put(store, 0)])
  assert.deepEqual(both, [{ stored: true }, { stored: false }])
  assert.deepEqual(await put(store, 0), { stored: false })
  assert.deepEqual(await put(store, 0, 'r2'), { stored: true })
  for (const number of [5, 3, 4, 1]) assert.deepEqual(await put(store, number), { stored: true })
  await store.close()
  const again = await open(folder)
  context.after(() => again.close())
  const stored: number[] = []
  for (let number = 0; number < 7; number++)
    if ((await put(again, number)).stored) stored.push(number)
  assert.deepEqual(stored, [2, 6])
  assert.deepEqual(await put(again, 0, 'r2'), { stored: false })
  const select = 'SELECT "eni-id", __time__ - 1767322800 FROM log ORDER BY 1, 2'
  assert.deepEqual(await ask(again, 'shop', 'flow-log', select), [
    ...[0, 1, 2, 3, 4, 5, 6].map((number) => ['r1', number]),
    ['r2', 0],
  ])
  assert.equal(again.stats().duplicateBatches, 6)
})

test('the same batch id in two logstores is two batches', async (context) => {
  const { store } = await opened(context)
  store.createLogstore('shop', 'copy', { columns: testColumns, ttlDays: 7 })
  const id = { flowLog: 'fl', run: 'r', number: 0 }
  const batch = batchOf([[at, 'a', 1, null]])
  assert.deepEqual(await store.append('shop', 'flow-log', batch, { id }), { stored: true })
  assert.deepEqual(await store.append('shop', 'copy', batch, { id }), { stored: true })
})

test('many appends share a sync', async (context) => {
  const { store } = await opened(context)
  const appends = Array.from({ length: 200 }, (_, index) =>
    store.append('shop', 'flow-log', batchOf([[at + index, 'a', index, null]])),
  )
  await Promise.all(appends)
  const { syncs, appendedBatches, appendedRows, hotRows } = store.stats()
  assert.deepEqual(
    { appendedBatches, appendedRows, hotRows },
    {
      appendedBatches: 200,
      appendedRows: 200,
      hotRows: 200,
    },
  )
  assert.ok(syncs < 10, `${syncs} syncs`)
})

test('a lease holds the hours asked for, hot rows among them', async (context) => {
  const { folder, store } = await opened(context)
  const rows = [0, 1, 2].map((each): TestRow => [at + each * hour, 'a', each, null])
  await store.append('shop', 'flow-log', batchOf(rows))
  const lease = await store.lease('shop', 'flow-log', at + hour, at + 2 * hour)
  assert.deepEqual(
    lease.files.map(({ rows: count, timeMin, timeMax }) => ({ count, timeMin, timeMax })),
    [{ count: 1, timeMin: at + hour, timeMax: at + hour }],
  )
  lease.release()
  assert.deepEqual(segmentNames(folder), [
    'shop/flow-log/2026-01-02/03-0-1.parquet',
    'shop/flow-log/2026-01-02/04-0-2.parquet',
    'shop/flow-log/2026-01-02/05-0-3.parquet',
  ])
})

test('rows are flushed by themselves when there are many', async (context) => {
  const { store } = await opened(context, { flushRows: 100 })
  const rows = Array.from({ length: 100 }, (_, index): TestRow => [at, 'a', index, null])
  await store.append('shop', 'flow-log', batchOf(rows))
  while (store.stats().hotRows > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(store.stats().segmentRows, 100)
})

test('rows are flushed by themselves after a while', async (context) => {
  const { store } = await opened(context, { flushIntervalMs: 1 })
  await store.append('shop', 'flow-log', batchOf([[at, 'a', 1, null]]))
  while (store.stats().hotRows > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(store.stats().segmentRows, 1)
})

test('log files are rolled, and freed when all of them is in segments', async (context) => {
  const { folder, store } = await opened(context, { logFileBytes: 300 })
  store.createLogstore('shop', 'other', { columns: testColumns, ttlDays: 7 })
  await store.append('shop', 'other', batchOf([[at, 'a', 1, null]]))
  for (let index = 0; index < 10; index++)
    await store.append('shop', 'flow-log', batchOf([[at + index, 'a', index, null]]))
  const files = () => readdirSync(join(folder, 'log')).length
  const before = files()
  assert.ok(before > 3, `${before} log files`)
  const lease = await store.lease('shop', 'flow-log', ...allTime)
  lease.release()
  await store.maintain()
  assert.ok(files() <= 1, 'at most the open file is left')
})

test('a deleted logstore is gone, and its name begins anew', async (context) => {
  const { folder, store } = await opened(context)
  const id = { flowLog: 'fl', run: 'r', number: 0 }
  const options = { columns: testColumns, ttlDays: 7 }
  await store.append('shop', 'flow-log', batchOf([[at, 'old', 1, null]]), { id })
  const lease = await store.lease('shop', 'flow-log', ...allTime)
  await store.append('shop', 'flow-log', batchOf([[at, 'hot', 1, null]]))
  await store.deleteLogstore('shop', 'flow-log')
  assert.deepEqual(store.logstores('shop'), [])
  assert.equal(existsSync(lease.files[0]!.path), true, 'a query still reads it')
  store.createLogstore('shop', 'flow-log', options)
  assert.deepEqual(await rowsOf(store), [])
  assert.deepEqual(
    await store.append('shop', 'flow-log', batchOf([[at, 'new', 1, null]]), { id }),
    {
      stored: true,
    },
  )
  assert.deepEqual(await rowsOf(store), [[at, 'new', 1, null]])
  lease.release()
  await store.maintain()
  assert.deepEqual(segmentNames(folder).length, 1)
  await store.deleteProject('shop')
  assert.deepEqual(store.projects(), [])
  assert.deepEqual(segmentNames(folder), [])
})

test('a second writer is refused, also in this process', async (context) => {
  const { folder } = await opened(context)
  await assert.rejects(open(folder), {
    code: 'DataDirLocked',
    message: `another process (pid ${process.pid}) has this data directory open`,
    place: folder,
  })
})

test('a catalogue of a newer Weir, or of nobody, is refused and not touched', async (context) => {
  const { folder, store } = await opened(context)
  await store.close()
  const path = join(folder, 'catalogue.db')
  const change = (sql: string) => {
    const db = new DatabaseSync(path)
    db.exec(sql)
    db.close()
  }
  change('PRAGMA user_version = 99')
  await assert.rejects(open(folder), {
    code: 'DataDirInvalid',
    message: 'the catalogue has version 99, this Weir knows 6',
    hint: 'start the newer Weir that wrote it',
    place: path,
  })
  change('PRAGMA user_version = 2; PRAGMA application_id = 5')
  await assert.rejects(open(folder), {
    code: 'DataDirInvalid',
    message: 'this is not a catalogue of Weir',
  })
  writeFileSync(path, 'this is no database at all, however long one makes it')
  await assert.rejects(open(folder), {
    code: 'DataDirInvalid',
    message: 'the catalogue cannot be read',
  })
})

test('a data directory that cannot be is refused', async (context) => {
  const file = join(temporaryFolder(context), 'file')
  writeFileSync(file, '')
  await assert.rejects(open(file), { code: 'DataDirInvalid', place: file })
})
