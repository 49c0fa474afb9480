/**
 * "A query storm leaves ingest at 80 % or more of its rate": those who wait to read share a flush and need no row
 * that came after their question; "every row acknowledged before" it is there.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { allTime, batchOf, temporaryFolder, testColumns } from '../../test/logstore-rows.ts'
import type { LogStore, LogStoreConfig } from './logstore.ts'
import { openLogStore } from './logstore.ts'

const at = 1_767_322_800

async function opened(context: TestContext, config: Partial<LogStoreConfig>): Promise<LogStore> {
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, flushRows: 1e9, ...config }
  const store = await openLogStore(temporaryFolder(context), quiet)
  context.after(() => store.close())
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 3650 })
  return store
}

const put = (store: LogStore, number: number) =>
  store.append('shop', 'log', batchOf([[at, 'a', number, 'text']]))

async function rowsOf(store: LogStore, through?: number): Promise<number> {
  const options = through === undefined ? {} : { through }
  const lease = await store.lease('shop', 'log', ...allTime, options)
  lease.release()
  return lease.files.reduce((sum, { rows }) => sum + rows, 0)
}

test('a lease holds what was acknowledged before its question, and flushes nothing that came later', async (context) => {
  const store = await opened(context, {})
  await put(store, 1)
  const asked = store.acknowledged()
  assert.equal(await rowsOf(store, asked), 1)
  await put(store, 2)
  assert.equal(await rowsOf(store, asked), 1)
  assert.deepEqual([store.stats().flushes, store.stats().hotRows], [1, 1])
  assert.equal(await rowsOf(store), 2)
  assert.deepEqual([store.stats().flushes, store.stats().hotRows], [2, 0])
})

test('leases that are asked for at once share a flush, each with all that was acknowledged before', async (context) => {
  const store = await opened(context, { askedFlushPauseMs: 100 })
  await put(store, 0)
  assert.equal(await rowsOf(store), 1)
  const found: Promise<void>[] = []
  const leases = 200
  for (let each = 1; each <= leases; each++) {
    await put(store, each)
    found.push(rowsOf(store).then((rows) => assert.ok(rows > each, `${rows} of ${each + 1}`)))
  }
  await Promise.all(found)
  const { flushes } = store.stats()
  assert.ok(flushes < leases / 2, `${flushes} flushes for ${leases} leases`)
  assert.equal(await rowsOf(store), leases + 1)
})

test('appends that wait for room go in the order in which they came, and a large one goes alone', async (context) => {
  const store = await opened(context, { hotRowsMax: 10 })
  const done: number[] = []
  const batch = (rows: number) =>
    batchOf(Array.from({ length: rows }, (_, row) => [at, 'a', row, 'text']))
  const sizes = [6, 6, 1, 30, 1, 10, 2, 2]
  let most = 0
  await Promise.all(
    sizes.map(async (rows, index) => {
      await store.append('shop', 'log', batch(rows))
      done.push(index)
      most = Math.max(most, store.stats().hotRows)
    }),
  )
  assert.deepEqual(done, [0, 1, 2, 3, 4, 5, 6, 7])
  assert.ok(most <= 30, `${most} rows were hot`)
  const total = sizes.reduce((sum, rows) => sum + rows, 0)
  assert.equal(await rowsOf(store), total)
})

test('who waits for a flush when the store closes is told', async (context) => {
  const store = await opened(context, { askedFlushPauseMs: 60_000 })
  await put(store, 1)
  await rowsOf(store)
  await put(store, 2)
  const waiting = [rowsOf(store), rowsOf(store)]
  const told = Promise.all(
    waiting.map((each) =>
      assert.rejects(each, { code: 'ServerError', message: 'the log store is closed' }),
    ),
  )
  await store.close()
  await told
})
