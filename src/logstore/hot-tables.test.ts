/** Batches as the log has them: what a lease hands over, and what an engine makes of it. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { allTime, batchOf, temporaryFolder, testColumns } from '../../test/logstore-rows.ts'
import type { TestRow } from '../../test/logstore-rows.ts'
import { encodeBatch } from '../base/batch-codec.ts'
import type { HotBatch, HotLease } from './hot-batches.ts'
import { HotTables } from './hot-tables.ts'
import { openLogStore } from './logstore.ts'
import type { LogStore } from './logstore.ts'

const at = 1_767_322_800
const none = new Map<number, number>()

async function opened(context: TestContext): Promise<LogStore> {
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, flushRows: 1e9 }
  const store = await openLogStore(temporaryFolder(context), quiet)
  context.after(() => store.close())
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 3650 })
  return store
}

const put = (store: LogStore, number: number, rows = 1, time = at) =>
  store.append(
    'shop',
    'log',
    batchOf(Array.from({ length: rows }, () => [time, 'a', number, null])),
  )

async function lease(
  store: LogStore,
  options: Parameters<LogStore['lease']>[4],
  range: readonly [number, number] = allTime,
) {
  const found = await store.lease('shop', 'log', ...range, options)
  found.release()
  return { files: found.files.map(({ rows }) => rows), hot: found.hot }
}

test('a lease has what is acknowledged in a file or as a batch, and batches that the reader has are left out', async (context) => {
  const store = await opened(context)
  await put(store, 1, 10)
  await put(store, 2, 20)
  const first = await lease(store, { hot: { held: none, rowsMax: 100 } })
  assert.deepEqual([first.files, first.hot?.rows, first.hot?.batches.length], [[], 30, 2])
  const { logstore, through } = first.hot!
  const held = new Map([[logstore, through]])
  await put(store, 3, 5)
  const second = await lease(store, { hot: { held, rowsMax: 100 } })
  assert.deepEqual([second.files, second.hot?.rows, second.hot?.after], [[], 35, first.hot!.after])
  assert.deepEqual(
    second.hot?.batches.map(({ rows }) => rows),
    [5],
  )
  assert.equal(store.stats().flushes, 0)
  await store.maintain()
  await put(store, 4, 1)
  const third = await lease(store, { hot: { held, rowsMax: 100 } })
  assert.deepEqual([third.files, third.hot?.rows, third.hot?.after], [[35], 1, second.hot!.through])
})

test('what a reader lacks becomes a segment first where it is too much; rows of other times do not', async (context) => {
  const store = await opened(context)
  await put(store, 1, 11)
  const hot = { held: none, rowsMax: 10 }
  const other = await lease(store, { hot }, [at + 1, at + 2])
  assert.deepEqual([other.files, other.hot?.rows, other.hot?.batches], [[], 0, []])
  assert.equal(store.stats().flushes, 0)
  const through = store.acknowledged()
  const flushed = await lease(store, { hot })
  assert.deepEqual([flushed.files, flushed.hot?.rows, flushed.hot?.batches], [[11], 0, []])
  await put(store, 2, 11)
  const before = await lease(store, { hot, through })
  assert.deepEqual([before.files, before.hot?.batches], [[11], []], 'came after the question')
  assert.equal(store.stats().flushes, 1)
})

test('who reads files alone gets files', async (context) => {
  const store = await opened(context)
  await put(store, 1, 3)
  assert.deepEqual(await lease(store, {}), { files: [3], hot: undefined })
})

const odd = ['', '\0', 'a\u0001b\u0002', '😀 "x" \'y\'', 'NULL', 'x'.repeat(5000)]

const hotBatch = (sequence: number, rows: readonly TestRow[], topic?: string): HotBatch => ({
  sequence,
  receiveTime: at + 9,
  body: encodeBatch(batchOf(rows), { shard: 0, ...(topic === undefined ? {} : { topic }) }),
  rows: rows.length,
  timeMin: at,
  timeMax: at + 5,
})

const leaseOf = (logstore: number, after: number, batches: readonly HotBatch[]): HotLease => ({
  logstore,
  after,
  through: batches.at(-1)?.sequence ?? after,
  rows: 0,
  batches,
})

async function tables(context: TestContext) {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  context.after(() => {
    connection.closeSync()
    instance.closeSync()
  })
  const hot = new HotTables(connection)
  const rows = async (lease: HotLease, names: readonly string[]): Promise<unknown[][]> => {
    const found: unknown[][] = []
    for (const { from, values, sequence } of hot.tablesOf(lease)) {
      const list = names.map((name) => values.get(name) ?? 'NULL').join(', ')
      const where = `WHERE ${sequence} > ${lease.after} AND ${sequence} <= ${lease.through}`
      const reader = await connection.runAndReadAll(`SELECT ${list} FROM ${from} ${where}`)
      found.push(...reader.getRows())
    }
    return found
  }
  return { hot, rows, connection }
}

test('values come back exactly: texts of every kind, numbers, and what is absent', async (context) => {
  const { hot, rows } = await tables(context)
  const values = odd.map((text, index): TestRow => [at, text, index * -(2 ** 52), text])
  const first = hotBatch(2 ** 33 + 1, [...values, [at + 5, null, null, null]], 'a topic')
  const lease = leaseOf(7, 5, [first, hotBatch(2 ** 33 + 2, [[at, 'NULL', 1, 'new']])])
  await hot.take([lease, { ...lease, through: 2 ** 33 + 1 }])
  const names = ['__time__', '__receive_time__', '__topic__', 'eni-id', 'bytes', 'Odd "name"']
  assert.deepEqual(await rows(lease, names), [
    ...values.map(([, text, bytes]) => [
      BigInt(at),
      BigInt(at + 9),
      'a topic',
      text,
      BigInt(bytes!),
      text,
    ]),
    [BigInt(at + 5), BigInt(at + 9), 'a topic', null, null, null],
    [BigInt(at), BigInt(at + 9), null, 'NULL', 1n, 'new'],
  ])
  assert.deepEqual(await rows({ ...lease, after: 2 ** 33 + 1 }, ['bytes', 'no such']), [[1n, null]])
  assert.deepEqual(hot.held(), new Map([[7, 2 ** 33 + 2]]))
})

test('columns that come later, and a table that is full', async (context) => {
  const { hot, rows } = await tables(context)
  const many = Array.from({ length: 9000 }, (_, row): TestRow => [at, `e${row % 4000}`, row, null])
  const later = hotBatch(4, [[at, 'last', 1, 'z']])
  const whole = batchOf([[at, 'other', 2, 'o']])
  const columns = new Map([...whole.columns].filter(([name]) => name !== 'bytes'))
  columns.set('added', { kind: 'integer', values: Float64Array.of(77) })
  const added = { ...later, sequence: 5, body: encodeBatch({ rows: 1, columns }, { shard: 3 }) }
  for (const batch of [hotBatch(1, many), hotBatch(2, many), hotBatch(3, many), later, added])
    await hot.take([{ ...leaseOf(1, 0, [batch]), through: batch.sequence }])
  const all = leaseOf(1, 0, [added])
  assert.equal(hot.tablesOf(all).length, 3)
  const found = await rows(all, ['eni-id', 'bytes', 'added'])
  assert.equal(found.length, 27_002)
  assert.deepEqual(
    found.slice(0, 27_000).filter(([eni, bytes]) => eni !== `e${Number(bytes) % 4000}`),
    [],
  )
  assert.deepEqual(found.slice(-2), [
    ['last', 1n, null],
    ['other', null, 77n],
  ])
})

test('batches in segments go, and those of logstores that the next query may not read', async (context) => {
  const { hot, rows, connection } = await tables(context)
  const batches = [1, 2, 3].map((each) => hotBatch(each, [[at, `b${each}`, each, null]]))
  const [mine, others] = [leaseOf(1, 0, batches), leaseOf(2, 0, batches)]
  await hot.take([mine, others])
  assert.deepEqual(hot.held(), new Map([1, 2].map((each) => [each, 3])))
  await hot.take([leaseOf(1, 2, [])])
  assert.deepEqual(hot.held(), new Map([[1, 3]]))
  assert.deepEqual(await rows({ ...mine, after: 2 }, ['eni-id']), [['b3']])
  assert.deepEqual(await rows(others, ['eni-id']), [])
  const left = async () =>
    (await connection.runAndReadAll('SELECT table_name FROM duckdb_tables() ORDER BY 1')).getRows()
  assert.deepEqual(await left(), [['rows0'], ['texts0']])
  await hot.take([leaseOf(1, 3, [])])
  assert.deepEqual([await left(), hot.held()], [[], none])
})
