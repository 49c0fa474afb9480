/** "Bounded queues ... never a crash or an unbounded heap": rows of many bytes are bounded by their bytes. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import {
  allTime,
  ask,
  batchOf,
  temporaryFolder,
  testColumns,
  type TestRow,
} from '../../test/logstore-rows.ts'
import type { LogStore, LogStoreConfig } from './logstore.ts'
import { openLogStore } from './logstore.ts'

const at = 1_767_322_800
const mebibyte = 1024 * 1024

async function opened(context: TestContext, config: Partial<LogStoreConfig>): Promise<LogStore> {
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, ...config }
  const store = await openLogStore(temporaryFolder(context), quiet)
  context.after(() => store.close())
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 3650 })
  return store
}

/** Ten rows of 20 kB each. */
const largeBatch = (number: number) =>
  batchOf(
    Array.from({ length: 10 }, (_, row): TestRow => [
      at,
      'a',
      number * 10 + row,
      `${number} ${row} `.padEnd(20_000, 'x'),
    ]),
  )

test('an append waits for a flush when memory holds as many bytes as it may', async (context) => {
  const store = await opened(context, { hotBytesMax: mebibyte, flushBytesMax: mebibyte / 2 })
  let most = 0
  for (let number = 0; number < 20; number++) {
    await store.append('shop', 'log', largeBatch(number))
    most = Math.max(most, store.stats().hotBytes)
  }
  assert.ok(most <= mebibyte, `${most} bytes were in memory`)
  assert.ok(most > mebibyte / 4, 'several batches at once')
  const sums = await ask(store, 'shop', 'log', 'SELECT count(*), sum(bytes) FROM log')
  assert.deepEqual(sums, [[200, (199 * 200) / 2]])
})

test('many bytes become several segments, a batch at least each', async (context) => {
  const store = await opened(context, { flushBytesMax: mebibyte / 2, flushRows: 1e9 })
  await Promise.all([0, 1, 2, 3, 4].map((n) => store.append('shop', 'log', largeBatch(n))))
  const lease = await store.lease('shop', 'log', ...allTime)
  lease.release()
  const rows = lease.files.map((file) => file.rows)
  assert.deepEqual(rows, [20, 20, 10])
  assert.equal(store.stats().hotBytes, 0)
})
