/**
 * "Bit flips in log, segment and catalogue (found by checksum, named, the rest served)": every byte of a
 * segment is covered, as SHA-256 is over all of them.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { LogStore } from './logstore.ts'
import { openLogStore } from './logstore.ts'
import { flipBit } from '../../test/faulty-disk.ts'
import { allTime, ask, batchOf, temporaryFolder, testColumns } from '../../test/logstore-rows.ts'

const hour = 3600
/** 2026-01-02T03:00:00Z. */
const at = 1_767_322_800
const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, hourSettleSeconds: 60 }

async function opened(context: TestContext, folder: string, clock = { now: at }) {
  const store = await openLogStore(folder, quiet, { now: () => clock.now })
  context.after(() => store.close())
  return store
}

/** A logstore with a segment in each of some hours. */
async function withSegments(context: TestContext, hours: readonly number[], clock = { now: at }) {
  const folder = temporaryFolder(context)
  const store = await opened(context, folder, clock)
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 3650 })
  for (const [index, each] of hours.entries()) {
    await store.append('shop', 'log', batchOf([[at + each * hour, 'a', index, null]]))
    const lease = await store.lease('shop', 'log', ...allTime)
    lease.release()
  }
  const paths = readdirSync(join(folder, 'segments/shop/log'), { recursive: true })
    .map((name) => join(folder, 'segments/shop/log', String(name)))
    .filter((path) => path.endsWith('.parquet'))
    .sort()
  return { folder, store, paths }
}

const bytesColumn = (store: LogStore) =>
  ask(store, 'shop', 'log', 'SELECT bytes FROM log ORDER BY 1')

test('verify finds a flipped bit in any byte of a segment, and the rest is served', async (context) => {
  const { store, paths } = await withSegments(context, [0, 1, 2])
  const steps: string[] = []
  const onProgress = (files: number, of: number) => void steps.push(`${files}/${of}`)
  assert.deepEqual(await store.verify({ onProgress }), [])
  assert.deepEqual(steps, ['1/4', '2/4', '3/4', '4/4'], 'three segments and the log')
  const [, path = ''] = paths
  const whole = readFileSync(path)
  const damage = {
    path,
    project: 'shop',
    logstore: 'log',
    hour: at / hour + 1,
    rows: 1,
    reason: 'its checksum is wrong',
  }
  for (let byte = 0; byte < whole.length; byte += 37) {
    flipBit(path, byte)
    assert.deepEqual(await store.verify(), [damage], `byte ${byte}`)
    writeFileSync(path, whole)
  }
  writeFileSync(path, whole.subarray(1))
  const reason = `it has ${whole.length - 1} of ${whole.length} bytes`
  assert.deepEqual(await store.verify(), [{ ...damage, reason }])
  assert.deepEqual(await bytesColumn(store), [[0], [2]])
  const lease = await store.lease('shop', 'log', at, at + 2 * hour)
  lease.release()
  assert.deepEqual(lease.missing, [{ path, rows: 1, timeMin: at + hour, timeMax: at + hour }])
  const early = await store.lease('shop', 'log', at, at + hour)
  early.release()
  assert.deepEqual(early.missing, [], 'of the range alone')
  const received = await store.leaseReceived('shop', 'log', at, at + 1)
  received.release()
  assert.equal(received.missing.length, 1)
  writeFileSync(path, whole)
  assert.deepEqual(await store.verify(), [])
  assert.deepEqual(await bytesColumn(store), [[0], [1], [2]])
})

test('a merge does not make damage good', async (context) => {
  const clock = { now: at }
  const { store, paths } = await withSegments(context, [0, 0, 0], clock)
  flipBit(paths[1]!, readFileSync(paths[1]!).length >> 1)
  clock.now = at + 2 * hour
  await store.maintain()
  assert.deepEqual(await bytesColumn(store), [[0], [2]])
  assert.equal(store.stats().compactions, 1, 'of the other two')
  assert.equal(store.stats().damages, 1)
  const [found] = await store.verify()
  assert.equal(found?.path, paths[1])
})

test('a segment of a version without checksums is compared by its values, and then has one', async (context) => {
  const { folder, store, paths } = await withSegments(context, [0, 1])
  const db = new DatabaseSync(join(folder, 'catalogue.db'))
  context.after(() => db.close())
  db.exec('UPDATE segments SET checksum = NULL')
  writeFileSync(paths[1]!, readFileSync(paths[0]!))
  const [found, ...more] = await store.verify()
  assert.deepEqual(more, [])
  assert.match(
    found?.reason ?? '',
    /^it has 1 of 1 rows; __time__: 1 values, sum 1767326400 became/,
  )
  const rows = db.prepare('SELECT length(checksum) AS n FROM segments ORDER BY id').all()
  assert.deepEqual(
    rows.map(({ n }) => n),
    [64, null],
  )
})

test('damage in the log is named, and what it held is kept', async (context) => {
  const { folder, store } = await withSegments(context, [0])
  await store.append('shop', 'log', batchOf([[at, 'hot', 7, null]]))
  const [name = ''] = readdirSync(join(folder, 'log'))
  const path = join(folder, 'log', name)
  flipBit(path, 40)
  const nobody = { project: undefined, logstore: undefined, hour: undefined, rows: undefined }
  assert.deepEqual(await store.verify(), [
    { ...nobody, path, reason: 'at byte 0 there is no record' },
  ])
  assert.deepEqual(await bytesColumn(store), [[0], [7]])
  await store.close()
  assert.deepEqual(readdirSync(join(folder, 'log')), [`${name}.damaged`])
  assert.deepEqual(await bytesColumn(await opened(context, folder)), [[0], [7]])
})

test('a damaged catalogue is refused by name', async (context) => {
  const { folder, store } = await withSegments(context, [0])
  await store.close()
  const path = join(folder, 'catalogue.db')
  const bytes = readFileSync(path)
  bytes.fill(0xa5, 4096, 4096 + 200) // the head of the second page
  writeFileSync(path, bytes)
  await assert.rejects(openLogStore(folder), { code: 'DataDirInvalid', place: path })
})
