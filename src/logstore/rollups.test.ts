/** "Rollups made at compaction, exact ... (missing or damaged: the segment itself is scanned)." */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Disk, LogStore, RollupSpec } from './logstore.ts'
import { nodeDisk, openLogStore } from './logstore.ts'
import { flipBit } from '../../test/faulty-disk.ts'
import { randomFrom } from '../../test/random-from.ts'
import {
  allTime,
  askFiles,
  batchOf,
  temporaryFolder,
  testColumns,
} from '../../test/logstore-rows.ts'
import type { TestRow } from '../../test/logstore-rows.ts'

const hour = 3600
/** 2026-01-02T03:00:00Z. */
const at = 1_767_322_800
const minute: RollupSpec = { name: 'minute', bucketSeconds: 60, by: ['eni-id'], sums: ['bytes'] }
const whole: RollupSpec = {
  name: 'whole',
  bucketSeconds: 3600,
  by: ['Odd "name"', 'eni-id'],
  sums: [],
}

interface Opened {
  readonly folder: string
  readonly store: LogStore
  readonly clock: { now: number }
}

async function opened(
  context: TestContext,
  disk: Disk = nodeDisk,
  folder = temporaryFolder(context),
): Promise<Opened> {
  const clock = { now: at }
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, hourSettleSeconds: 60 }
  const store = await openLogStore(folder, quiet, { now: () => clock.now, disk })
  context.after(() => store.close())
  if (store.projects().length === 0) {
    store.createProject('shop', { description: '' })
    const options = { columns: testColumns, ttlDays: 7, rollups: [minute, whole] }
    store.createLogstore('shop', 'log', options)
  }
  return { folder, store, clock }
}

async function merged(opening: Opened, rows: readonly TestRow[]): Promise<void> {
  await opening.store.append('shop', 'log', batchOf(rows))
  opening.clock.now += 2 * hour
  await opening.store.maintain()
}

const names = (folder: string): string[] =>
  readdirSync(join(folder, 'segments'), { recursive: true })
    .map((name) => String(name).split('/').at(-1)!)
    .filter((name) => name.includes('.parquet'))
    .sort()

async function filesOf(store: LogStore, rollup?: string) {
  const lease = await store.lease('shop', 'log', ...allTime, { rollup })
  lease.release()
  return lease.files
}

const seed = 41
test(`the totals are those of the rows, NULLs among them (seed ${seed})`, async (context) => {
  const below = randomFrom(seed)
  const opening = await opened(context)
  const rows = Array.from({ length: 3000 }, (): TestRow => {
    const text = (values: readonly (string | null)[]) => values[below(values.length)]!
    const bytes = below(4) === 0 ? null : (below(2) === 0 ? 1 : -1) * below(2 ** 31) * 2 ** 20
    const odd = text(['', null, 'x', "it's"])
    return [at + below(hour), text(['eni-1', 'eni-2', '', null]), bytes, odd]
  })
  await merged(opening, rows)
  const [file, ...more] = await filesOf(opening.store, 'minute')
  assert.deepEqual(more, [])
  const order = ' ORDER BY ALL'
  const direct =
    'SELECT __time__ // 60 * 60, "eni-id", count(*), sum(bytes)::BIGINT, count(bytes)' +
    ` FROM log GROUP BY ALL${order}`
  const kept =
    'SELECT __time__, "eni-id", __rows, __sum0, coalesce(__values0, __rows) FROM log' + order
  assert.deepEqual(await askFiles([file!.rollup!], kept), await askFiles([file!.path], direct))
  const [again] = await filesOf(opening.store, 'whole')
  const pairs = `SELECT __time__, "Odd ""name""", "eni-id", __rows FROM log${order}`
  const counted = `SELECT ${at}, "Odd ""name""", "eni-id", count(*) FROM log GROUP BY ALL${order}`
  assert.deepEqual(await askFiles([again!.rollup!], pairs), await askFiles([again!.path], counted))
  const types = `SELECT DISTINCT type FROM parquet_schema('${file!.rollup!}') WHERE type NOT NULL`
  assert.deepEqual(
    new Set((await askFiles([file!.rollup!], types)).flat()),
    new Set(['BYTE_ARRAY', 'INT64']),
  )
  const { rollups, rollupBytes } = opening.store.stats()
  assert.equal(rollups, 2)
  assert.equal(
    rollupBytes,
    [file!.rollup!, again!.rollup!].reduce((sum, path) => sum + readFileSync(path).length, 0),
  )
})

test("what is not an hour's final file has none, and a late merge replaces them", async (context) => {
  const opening = await opened(context)
  const { folder, store, clock } = opening
  await merged(opening, [[at, 'a', 1, null]])
  await store.append('shop', 'log', batchOf([[at + 1, 'a', 2, null]]))
  const files = await filesOf(store, 'minute')
  assert.deepEqual(
    files.map(({ rollup }) => rollup?.split('/').at(-1)),
    ['03-2-2-minute.parquet', undefined],
  )
  assert.deepEqual(
    (await filesOf(store)).map(({ rollup }) => rollup),
    [undefined, undefined],
    'only when asked for',
  )
  assert.deepEqual(
    (await filesOf(store, 'nope')).map(({ rollup }) => rollup),
    [undefined, undefined],
  )
  const held = await store.lease('shop', 'log', ...allTime, { rollup: 'minute' })
  for (let index = 0; index < 30; index++) {
    await store.append('shop', 'log', batchOf([[at + 2, 'a', 3, null]]))
    await filesOf(store)
  }
  clock.now += 2 * hour
  await store.maintain()
  assert.equal(existsSync(held.files[0]!.rollup!), true, 'a lease keeps it')
  held.release()
  await store.maintain()
  assert.equal(names(folder).length, 3)
  const [last] = await filesOf(store, 'minute')
  const select = 'SELECT __time__, "eni-id", __rows, __sum0 FROM log'
  assert.deepEqual(await askFiles([last!.rollup!], select), [[at, 'a', 32, 93]])
  await store.deleteLogstore('shop', 'log')
  assert.deepEqual(names(folder), [])
})

test('retention removes them with their hour', async (context) => {
  const opening = await opened(context)
  await merged(opening, [[at, 'a', 1, null]])
  assert.equal(names(opening.folder).length, 3)
  opening.clock.now += 9 * 24 * hour
  await opening.store.maintain()
  assert.deepEqual(names(opening.folder), [])
  assert.equal(opening.store.stats().rollups, 0)
})

test('one that is gone, cut off or changed is given up, and the segment stays', async (context) => {
  const opening = await opened(context)
  const { folder, store } = opening
  for (const each of [0, 1, 2, 3]) await merged(opening, [[at + each * hour, 'a', each, null]])
  const paths = (await filesOf(store, 'minute')).map(({ rollup }) => rollup!)
  rmSync(paths[0]!)
  writeFileSync(paths[1]!, readFileSync(paths[1]!).subarray(1))
  flipBit(paths[2]!, 20)
  assert.deepEqual(
    (await filesOf(store, 'minute')).map(({ rollup }) => rollup),
    [undefined, undefined, paths[2], paths[3]],
  )
  const [found, ...more] = await store.verify()
  assert.deepEqual(more, [])
  assert.deepEqual(found, {
    path: paths[2],
    project: 'shop',
    logstore: 'log',
    hour: at / hour + 2,
    rows: 0,
    reason: 'its checksum is wrong; it held no record of its own and was given up',
  })
  const left = await store.lease('shop', 'log', ...allTime, { rollup: 'minute' })
  left.release()
  assert.deepEqual(left.missing, [])
  assert.deepEqual(
    left.files.map(({ rollup }) => rollup),
    [undefined, undefined, undefined, paths[3]],
  )
  assert.equal(store.stats().damages, 3)
  await store.maintain()
  await store.close()
  rmSync(paths[3]!)
  const again = await opened(context, nodeDisk, folder)
  assert.deepEqual(
    (await filesOf(again.store, 'minute')).map(({ rollup }) => rollup),
    [undefined, undefined, undefined, undefined],
  )
  assert.equal(again.store.stats().rollups, 4, 'the others')
  assert.deepEqual(await again.store.verify(), [])
})

test('they are catalogued with their segment or not at all', async (context) => {
  let failing = true
  const disk: Disk = {
    ...nodeDisk,
    async publish(temporary, path) {
      if (failing && path.includes('-whole'))
        throw Object.assign(new Error('EIO: injected'), { code: 'EIO' })
      await nodeDisk.publish(temporary, path)
    },
  }
  const opening = await opened(context, disk)
  const { folder, store } = opening
  await assert.rejects(merged(opening, [[at, 'a', 1, null]]), { code: 'StorageBroken' })
  assert.deepEqual(names(folder), ['03-0-1.parquet'])
  failing = false
  await store.maintain()
  const all = ['03-2-3-minute.parquet', '03-2-3-whole.parquet', '03-2-3.parquet']
  assert.deepEqual(names(folder), all)
  await store.close()
  const left = join(folder, 'segments/shop/log/2026-01-02/03-2-9-minute.parquet')
  writeFileSync(left, 'left by a crash')
  writeFileSync(`${left}.tmp`, 'left by a crash')
  await opened(context, nodeDisk, folder)
  assert.deepEqual(names(folder), all)
})

test('sums of 64 bits or more are refused, the merge goes on', async (context) => {
  const opening = await opened(context)
  const { store } = opening
  const rows = (count: number, time: number) =>
    Array.from({ length: count }, (_, index): TestRow => {
      return [time, 'a', Number.MAX_SAFE_INTEGER * (index % 2 === 0 ? 1 : -1), null]
    })
  await merged(opening, rows(1024, at)) // 2^63 - 1024, could they be of one sign
  assert.equal(store.stats().refusedRollups, 0)
  await merged(opening, rows(1025, at + hour))
  assert.equal(store.stats().refusedRollups, 1)
  assert.deepEqual(
    (await filesOf(store, 'minute')).map(({ rollup }) => rollup !== undefined),
    [true, false],
  )
  assert.deepEqual(
    (await filesOf(store, 'whole')).map(({ rollup }) => rollup !== undefined),
    [true, true],
  )
})

test('a column that a segment of an open logstore lacks is NULL', async (context) => {
  const { store, clock } = await opened(context)
  const rollups = [{ ...minute, by: ['eni-id', 'Odd "name"'], sums: ['bytes'] }]
  store.createLogstore('shop', 'open', {
    columns: testColumns,
    ttlDays: 7,
    openColumns: true,
    rollups,
  })
  const all = [...batchOf([[at, 'a', null, null]]).columns]
  const columns = new Map(all.filter(([name]) => name === '__time__' || name === 'eni-id'))
  await store.append('shop', 'open', { rows: 1, columns })
  clock.now += 2 * hour
  await store.maintain()
  const lease = await store.lease('shop', 'open', ...allTime, { rollup: 'minute' })
  lease.release()
  const select = 'SELECT *, typeof("Odd ""name""") FROM log'
  const [row] = await askFiles([lease.files[0]!.rollup!], select)
  assert.deepEqual(row, [at, 'a', null, 1, null, 0, 'VARCHAR'])
})

test('what cannot be rolled up is refused by name', async (context) => {
  const { store } = await opened(context)
  const refused = (change: object, message: RegExp) =>
    assert.throws(
      () =>
        store.createLogstore('shop', 'other', {
          columns: testColumns,
          ttlDays: 7,
          rollups: [{ ...minute, ...change }],
        }),
      { code: 'ParameterInvalid', message },
    )
  refused({ name: '../x' }, /cannot be the name of a rollup/)
  refused({ bucketSeconds: 61 }, /buckets of 60 or 3600 seconds, not 61/)
  refused({ by: [] }, /needs a column to group by/)
  refused({ by: ['bytes'] }, /each column once/)
  refused({ by: ['nope'] }, /cannot use nope/)
  refused({ by: ['__time__'] }, /cannot use __time__/)
  refused({ sums: ['Odd "name"'] }, /cannot use Odd "name"/)
  assert.deepEqual(store.rollups('shop', 'log'), [minute, whole])
})

test('a catalogue of version 3 is brought up to rollups', async (context) => {
  const opening = await opened(context)
  const { folder, store } = opening
  await merged(opening, [[at, 'a', 1, null]])
  await store.close()
  const db = new DatabaseSync(join(folder, 'catalogue.db'))
  db.exec('DROP TABLE rollups; ALTER TABLE logstores DROP COLUMN rollups')
  db.exec('ALTER TABLE segments DROP COLUMN same_as_time; PRAGMA user_version = 3')
  db.close()
  const again = await opened(context, nodeDisk, folder)
  assert.deepEqual(names(folder), ['03-2-2.parquet'], 'files it does not know go')
  assert.deepEqual(again.store.rollups('shop', 'log'), [])
  assert.equal((await filesOf(again.store, 'minute')).length, 1)
})
