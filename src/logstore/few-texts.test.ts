import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  allTime,
  askFiles,
  batchOf,
  temporaryFolder,
  testColumns,
} from '../../test/logstore-rows.ts'
import type { TestRow } from '../../test/logstore-rows.ts'
import { openLogStore } from './logstore.ts'

/** 2026-01-02T03:00:00Z. */
const at = 1_767_322_800
const few = ['', "it's", 'é\u{1F600}', 'a\0b', 'a', null]

test('flushes and merges keep every text of a column of few texts that is sorted by, with NUL in it too', async (context) => {
  const clock = { now: at }
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, hourSettleSeconds: 60 }
  const now = () => clock.now
  const store = await openLogStore(temporaryFolder(context), quiet, { now })
  context.after(() => store.close())
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 7, sortBy: ['eni-id'] })
  const rows: TestRow[] = []
  for (let file = 0; file < 3; file++) {
    const some = Array.from({ length: 200 }, (_, index): TestRow => {
      const number = file * 200 + index
      return [at + number, few[number % few.length]!, number, `${number} is only here`]
    })
    rows.push(...some)
    await store.append('shop', 'log', batchOf(some))
    const lease = await store.lease('shop', 'log', 0, 1)
    lease.release()
  }
  clock.now = at + 7200
  await store.maintain()
  const lease = await store.lease('shop', 'log', ...allTime)
  const paths = lease.files.map(({ path }) => path)
  assert.equal(paths.length, 1)
  const found = await askFiles(paths, 'SELECT __time__, "eni-id", bytes, "Odd ""name""" FROM log')
  const bytesOf = (text: string | null) => Buffer.from(text ?? '\u{10FFFF}') // NULL is last
  const sorted = rows.toSorted(
    (a, b) => Buffer.compare(bytesOf(a[1]), bytesOf(b[1])) || a[0] - b[0],
  )
  assert.deepEqual(found, sorted)
  const filters =
    'SELECT path_in_schema, bloom_filter_length > 0' +
    ` FROM parquet_metadata('${paths[0]!}') WHERE path_in_schema IN ('eni-id', 'bytes') ORDER BY 1`
  assert.deepEqual(await askFiles(paths, filters), [
    ['bytes', null],
    ['eni-id', null],
  ])
  lease.release()
})
