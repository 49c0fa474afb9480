import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Disk, LogStore, LogStoreConfig } from './logstore.ts'
import { nodeDisk, openLogStore } from './logstore.ts'
import {
  allTime,
  ask,
  askFiles,
  batchOf,
  temporaryFolder,
  testColumns,
} from '../../test/logstore-rows.ts'
import type { TestRow } from '../../test/logstore-rows.ts'

const hour = 3600
const day = 24 * hour
/** 2026-01-02T03:00:00Z. */
const at = 1_767_322_800

interface Opened {
  readonly folder: string
  readonly store: LogStore
  /** What the store takes for now. */
  readonly clock: { now: number }
}

async function opened(
  context: TestContext,
  config: Partial<LogStoreConfig> = {},
  disk: Disk = nodeDisk,
  folder = temporaryFolder(context),
): Promise<Opened> {
  const clock = { now: at }
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, hourSettleSeconds: 60 }
  const store = await openLogStore(folder, { ...quiet, ...config }, { now: () => clock.now, disk })
  context.after(() => store.close())
  if (store.projects().length === 0) {
    store.createProject('shop', { description: '' })
    store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 7, sortBy: ['eni-id'] })
  }
  return { folder, store, clock }
}

/** Puts rows into a segment of their own. */
async function putSegment(store: LogStore, rows: readonly TestRow[]): Promise<void> {
  await store.append('shop', 'log', batchOf(rows))
  const lease = await store.lease('shop', 'log', 0, 1)
  lease.release()
}

const names = (folder: string): string[] =>
  readdirSync(join(folder, 'segments'), { recursive: true })
    .map(String)
    .filter((name) => name.includes('.parquet'))
    .sort()

const sums =
  'SELECT count(*), count(DISTINCT bytes), sum(bytes)::BIGINT, sum(__time__)::BIGINT FROM log'

test('an hour that is over becomes one file, sorted, with every row once', async (context) => {
  const { folder, store, clock } = await opened(context)
  const want = [0, 0, 0, 0]
  for (let file = 0; file < 5; file++) {
    const rows = Array.from({ length: 20 }, (_, index): TestRow => {
      const value = file * 20 + index
      const time = at + ((value * 7919) % hour)
      want[0]! += 1
      want[2]! += value
      want[3]! += time
      return [time, `eni-${value % 3}`, value, null]
    })
    await putSegment(store, rows)
  }
  want[1] = want[0]!
  assert.equal(names(folder).length, 5)
  assert.deepEqual(await ask(store, 'shop', 'log', sums), [want])
  clock.now = at + hour + 59
  await store.maintain()
  assert.equal(names(folder).length, 5, 'the hour has not settled')
  clock.now = at + hour + 60
  await store.maintain()
  assert.deepEqual(names(folder), ['shop/log/2026-01-02/03-2-6.parquet'])
  assert.deepEqual(await ask(store, 'shop', 'log', sums), [want])
  const order = await ask(store, 'shop', 'log', 'SELECT "eni-id", __time__ FROM log')
  const sorted = [...order].sort(([a, s], [b, t]) =>
    a === b ? Number(s) - Number(t) : String(a) < String(b) ? -1 : 1,
  )
  assert.deepEqual(order, sorted)
  assert.equal(store.stats().compactions, 1)
})

test('an hourly file is zstd Parquet with bloom filters', async (context) => {
  const { store, clock } = await opened(context)
  const rows = Array.from({ length: 100 }, (_, index): TestRow => [at, `eni-${index % 9}`, 1, 'x'])
  await putSegment(store, rows)
  clock.now = at + 2 * hour
  await store.maintain()
  const lease = await store.lease('shop', 'log', ...allTime)
  const path = lease.files[0]!.path
  const select =
    'SELECT DISTINCT compression, bloom_filter_length > 0' +
    ` FROM parquet_metadata('${path}') WHERE path_in_schema = 'eni-id'`
  assert.deepEqual(await askFiles([path], select), [['ZSTD', true]])
  const types = `SELECT name, type, converted_type FROM parquet_schema('${path}') WHERE type NOT NULL`
  assert.deepEqual(await askFiles([path], types), [
    ['__time__', 'INT64', 'INT_64'],
    ['__receive_time__', 'INT64', 'INT_64'],
    ['__topic__', 'BYTE_ARRAY', 'UTF8'],
    ['__source__', 'BYTE_ARRAY', 'UTF8'],
    ['eni-id', 'BYTE_ARRAY', 'UTF8'],
    ['bytes', 'INT64', 'INT_64'],
    ['Odd "name"', 'BYTE_ARRAY', 'UTF8'],
  ])
  lease.release()
})

test('many small files of an hour that goes on become one', async (context) => {
  const { folder, store } = await opened(context, { mergeFiles: 3 })
  for (let index = 0; index < 7; index++) {
    await putSegment(store, [[at + index, 'a', index, null]])
    if (index === 3) await store.maintain()
  }
  await store.maintain()
  assert.deepEqual(names(folder), [
    'shop/log/2026-01-02/03-1-5.parquet',
    'shop/log/2026-01-02/03-1-9.parquet',
  ])
  assert.deepEqual(await ask(store, 'shop', 'log', sums), [[7, 7, 21, 7 * at + 21]])
})

test('late rows make extra files, merged into their hour when many', async (context) => {
  const { folder, store, clock } = await opened(context, { lateFiles: 3, dayRowsMax: 0 })
  await putSegment(store, [[at, 'a', 0, null]])
  clock.now = at + day
  await store.maintain()
  for (let index = 1; index < 4; index++) {
    await putSegment(store, [[at + index, 'a', index, null]])
    await store.maintain()
    clock.now += hour
    await store.maintain()
    assert.equal(names(folder).length, index < 3 ? 1 + index : 1, `${index} late files`)
  }
  assert.deepEqual(await ask(store, 'shop', 'log', sums), [[4, 4, 6, 4 * at + 6]])
})

test('an hour of too many rows becomes several files and is left then', async (context) => {
  const { folder, store, clock } = await opened(context, { mergeRowsMax: 4 })
  for (let index = 0; index < 5; index++)
    await putSegment(store, [
      [at + index, 'a', index * 2, null],
      [at + index, 'b', index * 2 + 1, null],
    ])
  clock.now = at + 2 * hour
  await store.maintain()
  const left = names(folder)
  assert.deepEqual(
    left.map((name) => name.split('/').at(-1)?.slice(0, 5)),
    ['03-2-', '03-2-', '03-2-'],
  )
  await store.maintain()
  assert.deepEqual(names(folder), left)
  assert.deepEqual(await ask(store, 'shop', 'log', sums), [[10, 10, 45, 10 * at + 20]])
})

test('a query keeps the files it leased through a merge, and sees each row once', async (context) => {
  const { folder, store, clock } = await opened(context)
  for (let index = 0; index < 3; index++) await putSegment(store, [[at + index, 'a', index, null]])
  const lease = await store.lease('shop', 'log', ...allTime)
  const paths = lease.files.map(({ path }) => path)
  clock.now = at + 2 * hour
  await store.maintain()
  assert.equal(names(folder).length, 4)
  assert.equal(store.stats().pendingDeletes, 3)
  assert.deepEqual(await askFiles(paths, sums), [[3, 3, 3, 3 * at + 3]])
  assert.deepEqual(await ask(store, 'shop', 'log', sums), [[3, 3, 3, 3 * at + 3]])
  lease.release()
  lease.release()
  await store.maintain()
  assert.equal(names(folder).length, 1)
  assert.equal(store.stats().pendingDeletes, 0)
})

test('files that a crash kept from being unlinked go at the next opening', async (context) => {
  const { folder, store, clock } = await opened(context)
  await putSegment(store, [[at, 'a', 1, null]])
  const lease = await store.lease('shop', 'log', ...allTime)
  clock.now = at + 2 * hour
  await store.maintain()
  await store.close()
  lease.release()
  assert.equal(names(folder).length, 2)
  const unknown = join(folder, 'segments/shop/log/2026-01-02/03-2-99.parquet')
  writeFileSync(unknown, 'left by a crash')
  writeFileSync(`${unknown}.tmp`, 'left by a crash')
  const again = await opened(context, {}, nodeDisk, folder)
  assert.deepEqual(names(folder), ['shop/log/2026-01-02/03-2-2.parquet'])
  assert.deepEqual(await ask(again.store, 'shop', 'log', sums), [[1, 1, 1, at]])
})

test('a merge that cannot be finished leaves the old files', async (context) => {
  let failing = false
  const disk: Disk = {
    ...nodeDisk,
    async publish(temporary, path) {
      if (failing) throw Object.assign(new Error('EIO: injected'), { code: 'EIO' })
      await nodeDisk.publish(temporary, path)
    },
  }
  const { folder, store, clock } = await opened(context, {}, disk)
  for (let index = 0; index < 3; index++) await putSegment(store, [[at + index, 'a', index, null]])
  const before = names(folder)
  clock.now = at + 2 * hour
  failing = true
  await assert.rejects(store.maintain(), {
    code: 'StorageBroken',
    message: 'a segment could not be written: EIO: injected',
    place: 'shop/log',
  })
  assert.deepEqual(names(folder), before)
  failing = false
  await store.maintain()
  assert.equal(names(folder).length, 1)
  assert.deepEqual(await ask(store, 'shop', 'log', sums), [[3, 3, 3, 3 * at + 3]])
})

test('a segment that does not hold what the log says is never catalogued', async (context) => {
  const { store, clock, folder } = await opened(context)
  for (let index = 0; index < 2; index++) await putSegment(store, [[at + index, 'a', index, null]])
  const [first = '', second = ''] = names(folder).map((name) => join(folder, 'segments', name))
  rmSync(second)
  writeFileSync(second, await nodeDisk.read(first)) // the same rows twice, the same count
  const catalogue = new DatabaseSync(join(folder, 'catalogue.db'))
  catalogue.exec('UPDATE segments SET checksum = NULL') // as an older Weir wrote them
  catalogue.close()
  clock.now = at + 2 * hour
  await assert.rejects(store.maintain(), {
    code: 'StorageBroken',
    message:
      'a segment was written wrong: 2 of 2 rows; ' +
      `__time__: 2 values, sum ${2 * at + 1} became 2 values, sum ${2 * at}; ` +
      'bytes: 2 values, sum 1 became 2 values, sum 0',
  })
})

test('retention drops whole hours, by their end, and never a leased file', async (context) => {
  const { folder, store, clock } = await opened(context)
  await putSegment(store, [[at, 'old', 1, null]])
  await putSegment(store, [[at + hour, 'new', 2, null]])
  const lease = await store.lease('shop', 'log', ...allTime)
  clock.now = at + hour + 7 * day - 1
  await store.maintain()
  assert.equal(store.stats().segments, 2)
  clock.now++
  await store.maintain()
  assert.deepEqual(await ask(store, 'shop', 'log', 'SELECT "eni-id" FROM log'), [['new']])
  assert.equal(store.stats().retentionDrops, 1)
  const paths = lease.files.map(({ path }) => path)
  assert.equal(existsSync(paths[0]!), true)
  lease.release()
  await store.maintain()
  assert.equal(existsSync(paths[0]!), false)
  store.updateTtl('shop', 'log', 3650)
  clock.now = at + 5000 * day
  await store.maintain()
  assert.equal(names(folder).length, 1, '3650 days is for ever')
  store.updateTtl('shop', 'log', 3649)
  await store.maintain()
  assert.deepEqual(names(folder), [])
})

test('what came late is kept as long as what came in time, a merge notwithstanding', async (context) => {
  const { store, clock } = await opened(context)
  await putSegment(store, [[at - 400 * day, 'replayed', 1, null]])
  await putSegment(store, [[at - 400 * day, 'replayed', 2, null]])
  const came = clock.now
  clock.now = came + 6 * day
  await store.maintain()
  assert.equal(store.stats().segments, 1, 'its hour is merged')
  clock.now = came + 7 * day - 1
  await store.maintain()
  assert.deepEqual(await ask(store, 'shop', 'log', 'SELECT count(*) AS n FROM log'), [[2]])
  clock.now = came + 7 * day
  await store.maintain()
  assert.equal(store.stats().segmentRows, 0)
})

test('a segment that is missing is told, and the rest is served', async (context) => {
  const { folder, store } = await opened(context)
  await putSegment(store, [[at, 'a', 1, null]])
  await putSegment(store, [[at + hour, 'b', 2, null]])
  await store.close()
  const gone = join(folder, 'segments', names(folder)[0]!)
  const bytes = readFileSync(gone)
  rmSync(gone)
  const again = await opened(context, {}, nodeDisk, folder)
  assert.equal(again.store.stats().damages, 1)
  assert.deepEqual(await ask(again.store, 'shop', 'log', 'SELECT "eni-id" FROM log'), [['b']])
  const lease = await again.store.lease('shop', 'log', ...allTime)
  lease.release()
  assert.deepEqual(lease.missing, [{ path: gone, rows: 1, timeMin: at, timeMax: at }])
  await again.store.close()
  writeFileSync(gone, bytes)
  const restored = await opened(context, {}, nodeDisk, folder)
  assert.equal(restored.store.stats().damages, 0)
  const select = 'SELECT "eni-id" FROM log ORDER BY 1'
  assert.deepEqual(await ask(restored.store, 'shop', 'log', select), [['a'], ['b']])
})

test('segments without their catalogue are not touched', async (context) => {
  const { folder, store } = await opened(context)
  await putSegment(store, [[at, 'a', 1, null]])
  await store.close()
  for (const name of readdirSync(folder))
    if (name.startsWith('catalogue')) rmSync(join(folder, name))
  await assert.rejects(openLogStore(folder), { code: 'DataDirInvalid' })
  assert.equal(names(folder).length, 1)
})

test('closing during a merge loses nothing', async (context) => {
  const { folder, store, clock } = await opened(context)
  for (let file = 0; file < 4; file++)
    await putSegment(
      store,
      Array.from({ length: 5000 }, (_, row): TestRow => [
        at + (row % hour),
        'a',
        file * 5000 + row,
        null,
      ]),
    )
  clock.now = at + 2 * hour
  const merge = store.maintain().catch((error: unknown) => error)
  await store.close()
  await merge
  const again = await opened(context, {}, nodeDisk, folder)
  assert.deepEqual((await ask(again.store, 'shop', 'log', sums))[0]?.slice(0, 3), [
    20_000,
    20_000,
    (20_000 * 19_999) / 2,
  ])
  assert.deepEqual(
    names(folder).filter((name) => name.endsWith('.tmp')),
    [],
  )
})

test('a logstore that cannot be merged does not keep another from expiring', async (context) => {
  const disk: Disk = {
    ...nodeDisk,
    async publish(temporary, path) {
      if (path.includes('-2-')) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
      await nodeDisk.publish(temporary, path)
    },
  }
  const { folder, store, clock } = await opened(context, {}, disk)
  store.createLogstore('shop', 'zoo', { columns: testColumns, ttlDays: 1 })
  await putSegment(store, [[at, 'a', 1, null]])
  await store.append('shop', 'zoo', batchOf([[at, 'z', 1, null]]))
  clock.now = at + 3 * day
  await assert.rejects(store.maintain(), { code: 'StorageFull' })
  assert.deepEqual(names(folder), ['shop/log/2026-01-02/03-0-1.parquet'])
})
