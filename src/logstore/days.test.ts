/** Rollups of a day in one file: the same totals as of its hours, whatever comes late, expires, fails or is damaged. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import type { Disk, LogStore, RollupSpec } from './logstore.ts'
import { nodeDisk, openLogStore } from './logstore.ts'
import { flipBit } from '../../test/faulty-disk.ts'
import { randomFrom } from '../../test/random-from.ts'
import {
  allTime,
  askFiles,
  batchOf,
  rollupTotals,
  temporaryFolder,
  testColumns,
} from '../../test/logstore-rows.ts'
import type { TestRow } from '../../test/logstore-rows.ts'
import { sideBySide } from '../../test/side-by-side.ts'

const test = sideBySide()

const hour = 3600
const day = 24 * hour
/** 2026-01-02T00:00:00Z. */
const at = 1_767_312_000
const minute: RollupSpec = { name: 'minute', bucketSeconds: 60, by: ['eni-id'], sums: ['bytes'] }
const whole: RollupSpec = { name: 'whole', bucketSeconds: 3600, by: ['Odd "name"'], sums: [] }
const names = ['minute', 'whole']
const seed = Number(process.env['WEIR_SEED'] ?? 20_261_124)

interface Opened {
  readonly folder: string
  readonly store: LogStore
  readonly clock: { now: number }
}

async function opened(
  context: TestContext,
  {
    disk = nodeDisk,
    folder = temporaryFolder(context),
    ttlDays = 7,
    now = at,
    dayRowsMax = 0, // rollups alone are joined, unless told
  } = {},
): Promise<Opened> {
  const clock = { now }
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, hourSettleSeconds: 60 }
  const config = { ...quiet, lateFiles: 3, dayRowsMax }
  const store = await openLogStore(folder, config, { now: () => clock.now, disk })
  context.after(() => store.close())
  if (store.projects().length === 0) {
    store.createProject('shop', { description: '' })
    const options = { columns: testColumns, ttlDays, rollups: [minute, whole], sortBy: ['eni-id'] }
    store.createLogstore('shop', 'log', options)
  }
  return { folder, store, clock }
}

const below = randomFrom(seed)
const rowsOf = (from: number, count: number): TestRow[] =>
  Array.from({ length: count }, () => {
    const of = <T>(values: readonly T[]): T => values[below(values.length)]!
    const bytes = below(4) === 0 ? null : below(2 ** 31) * 2 ** 20
    return [from + below(hour), of(['eni-1', 'eni-2', null]), bytes, of(['', null, 'x', "it's"])]
  })

/** Rows of some hours of the day, each hour merged when it is over; some come late. */
async function filled({ store, clock }: Opened, hours: readonly number[]): Promise<void> {
  for (const each of hours) {
    clock.now = at + each * hour + 1800
    await store.append('shop', 'log', batchOf(rowsOf(at + each * hour, 200)))
    clock.now = at + (each + 1) * hour + 120
    await store.maintain()
    if (each % 5 === 0) await store.append('shop', 'log', batchOf(rowsOf(at + each * hour, 20)))
  }
}

async function filesOf(store: LogStore, rollup?: string) {
  const lease = await store.lease('shop', 'log', ...allTime, { rollup })
  lease.release()
  return lease.files
}

/** Files of segments and of rollups, without the numbers of segments. */
const filesIn = (folder: string): string[] =>
  readdirSync(join(folder, 'segments'), { recursive: true })
    .map((name) => String(name).split('/').at(-1)!)
    .filter((name) => name.includes('.parquet'))
    .map((name) => name.replace(/-\d+(?=[-.])(?!-\d)/, ''))
    .sort()

const ofRollups = (folder: string): string[] =>
  filesIn(folder).filter((name) => /minute|whole/.test(name))

/** Of each rollup, that what is kept of each segment is what its rows add up to. */
async function checkTotals(store: LogStore, isAll = true): Promise<void> {
  const minutes =
    'SELECT __time__ // 60 * 60, "eni-id", count(*), sum(bytes)::BIGINT, count(bytes)' +
    ' FROM log GROUP BY ALL ORDER BY ALL'
  const wholes =
    'SELECT __time__ // 3600 * 3600, "Odd ""name""", count(*) FROM log GROUP BY ALL ORDER BY ALL'
  const kept = {
    minute:
      'SELECT __time__, "eni-id", sum(__rows)::BIGINT, sum(__sum0)::BIGINT,' +
      ' sum(coalesce(__values0, __rows))::BIGINT FROM log GROUP BY ALL ORDER BY ALL',
    whole:
      'SELECT __time__, "Odd ""name""", sum(__rows)::BIGINT FROM log GROUP BY ALL ORDER BY ALL',
  }
  for (const [name, asked, direct] of [
    ['minute', kept.minute, minutes],
    ['whole', kept.whole, wholes],
  ] as const) {
    const files = await filesOf(store, name)
    const having = files.filter(({ rollup }) => rollup !== undefined)
    if (isAll) assert.equal(having.length, files.length, `${name} of all segments`)
    const paths = having.map(({ path }) => path)
    assert.deepEqual(
      await rollupTotals(having, asked),
      await askFiles(paths, direct),
      `seed ${seed}`,
    )
  }
}

test(`a day that is over has one file of each rollup, of late rows too (WEIR_SEED=${seed})`, async (context) => {
  const opening = await opened(context)
  const { folder, store, clock } = opening
  await filled(opening, [...Array(23).keys()])
  await store.append('shop', 'log', batchOf(rowsOf(at + 23 * hour, 200)))
  clock.now = at + day + 59
  await store.maintain()
  assert.equal(store.stats().rollups, 46, 'it is not quiet yet, nor is the last hour')
  clock.now = at + day + 200
  await store.maintain()
  assert.deepEqual(ofRollups(folder), ['day-2-minute.parquet', 'day-2-whole.parquet'])
  const { rollups, dayMerges, segments } = store.stats()
  assert.deepEqual([rollups, dayMerges, segments], [2, 2, 29])
  await checkTotals(store)
  const blocks = `SELECT count(*) FILTER (block < lag) FROM
    (SELECT __time__ // 14400 AS block, lag(block) OVER () AS lag FROM log)`
  const [file] = await filesOf(store, 'minute')
  assert.deepEqual(await askFiles([file!.rollup!], blocks), [[0]])
  await store.maintain()
  assert.equal(store.stats().dayMerges, 2, 'nothing is left to do')
})

test('late rows are merged into their hour when many, and hours into the day when many', async (context) => {
  const opening = await opened(context)
  const { folder, store, clock } = opening
  await filled(opening, [0, 1, 2, 3, 4, 5])
  clock.now = at + day + 200
  await store.maintain()
  await store.append('shop', 'log', batchOf(rowsOf(at + hour, 10)))
  clock.now += hour
  await store.maintain()
  assert.equal((await filesOf(store, 'minute')).filter(({ rollup }) => !rollup).length, 1)
  await checkTotals(store, false)
  const lateIn = async (each: number) => {
    for (let file = 0; file < 3; file++) {
      await store.append('shop', 'log', batchOf(rowsOf(at + each * hour, 10)))
      await filesOf(store)
    }
    clock.now += hour
    await store.maintain()
  }
  await lateIn(1)
  assert.deepEqual(ofRollups(folder).slice(0, 3), [
    '01-2-minute.parquet',
    '01-2-whole.parquet',
    'day-2-minute.parquet',
  ])
  await checkTotals(store)
  await lateIn(0)
  assert.equal(store.stats().dayMerges, 2)
  await lateIn(4)
  assert.equal(store.stats().dayMerges, 4)
  assert.deepEqual(ofRollups(folder), ['day-2-minute.parquet', 'day-2-whole.parquet'])
  await checkTotals(store)
})

test('totals of an hour expire with its rows: a day is taken apart before its first hour does', async (context) => {
  const opening = await opened(context, { ttlDays: 5 })
  const { folder, store, clock } = opening
  await filled(opening, [0, 1, 2, 23])
  clock.now = at + day + 200
  await store.maintain()
  assert.equal(ofRollups(folder).length, 2)
  clock.now = at + 4 * day + hour
  await store.maintain()
  assert.equal(ofRollups(folder).length, 2, 'a day and more before')
  clock.now += 1
  await store.maintain()
  const apart = ofRollups(folder)
  assert.equal(apart.length, (await filesOf(store)).length * 2)
  assert.ok(apart.every((name) => !name.startsWith('day')))
  await checkTotals(store)
  await store.maintain()
  assert.equal(store.stats().dayMerges, 4, 'and is not joined again')
  clock.now = at + 5 * day + 2 * hour
  await store.maintain()
  const left = await filesOf(store, 'minute')
  assert.ok(left.every(({ timeMin }) => timeMin >= at + hour))
  assert.equal(ofRollups(folder).length, left.length * 2)
  await checkTotals(store)
})

test('a shorter time to live leaves no total of what expired', async (context) => {
  const opening = await opened(context, { ttlDays: 30 })
  const { folder, store, clock } = opening
  await filled(opening, [1, 2, 23])
  clock.now = at + 3 * day + 2 * hour
  await store.maintain()
  assert.equal(ofRollups(folder).length, 2)
  store.updateTtl('shop', 'log', 3)
  await store.maintain()
  const times = await rollupTotals(await filesOf(store, 'minute'), 'SELECT min(__time__) FROM log')
  assert.ok(Number(times[0]![0]) >= at + 2 * hour)
  assert.ok(ofRollups(folder).every((name) => /^(02|23)-/.test(name)))
  store.updateTtl('shop', 'log', 3650)
  await store.maintain()
  assert.deepEqual(ofRollups(folder), ['day-2-minute.parquet', 'day-2-whole.parquet'])
  await checkTotals(store)
  clock.now += 4000 * day
  await store.maintain()
  assert.equal(ofRollups(folder).length, 2, 'kept for ever')
})

test('what fails leaves the hours, and is tried again', async (context) => {
  let failing = true
  const disk: Disk = {
    ...nodeDisk,
    async publish(temporary, path) {
      if (failing && path.includes('day-'))
        throw Object.assign(new Error('EIO: injected'), { code: 'EIO' })
      await nodeDisk.publish(temporary, path)
    },
  }
  const opening = await opened(context, { disk })
  const { folder, store, clock } = opening
  await filled(opening, [1, 2, 3])
  clock.now = at + day + 200
  await assert.rejects(store.maintain(), { code: 'StorageBroken' })
  assert.equal(ofRollups(folder).length, 6)
  failing = false
  await store.maintain()
  assert.equal(ofRollups(folder).length, 2)
  await checkTotals(store)
  await store.deleteLogstore('shop', 'log')
  assert.deepEqual(filesIn(folder), [])
})

test('a lease keeps the files of hours that were joined', async (context) => {
  const opening = await opened(context)
  const { store, clock } = opening
  await filled(opening, [1, 2])
  clock.now = at + day + 200
  const lease = await store.lease('shop', 'log', ...allTime, { rollup: 'minute' })
  await store.maintain()
  const paths = lease.files.map(({ rollup }) => rollup!)
  assert.deepEqual(
    paths.map((path) => existsSync(path)),
    [true, true],
  )
  lease.release()
  await store.maintain()
  assert.deepEqual(
    paths.map((path) => existsSync(path)),
    [false, false],
  )
})

test("a day's file that is damaged is given up once, for all its hours", async (context) => {
  const opening = await opened(context)
  const { folder, store, clock } = opening
  await filled(opening, [1, 2, 3])
  clock.now = at + day + 200
  await store.maintain()
  const [file] = await filesOf(store, 'minute')
  flipBit(file!.rollup!, 30)
  const found = await store.verify()
  assert.deepEqual(
    found.map(({ path, rows }) => [path, rows]),
    [[file!.rollup!, 0]],
  )
  assert.deepEqual(
    (await filesOf(store, 'minute')).map(({ rollup }) => rollup),
    [undefined, undefined, undefined],
  )
  assert.ok((await filesOf(store, 'whole')).every(({ rollup }) => rollup !== undefined))
  assert.deepEqual(await store.verify(), [])
  await store.maintain()
  assert.deepEqual(ofRollups(folder), ['day-2-whole.parquet'])
})

test('a catalogue of version 4 is brought up, and its days are joined', async (context) => {
  const opening = await opened(context)
  const { folder, store } = opening
  await filled(opening, [1, 2, 3])
  await store.close()
  const db = new DatabaseSync(join(folder, 'catalogue.db'))
  db.exec(`CREATE TABLE old (segment INTEGER NOT NULL REFERENCES segments (id), name TEXT NOT NULL,
    path TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, checksum TEXT NOT NULL,
    PRIMARY KEY (segment, name)) STRICT, WITHOUT ROWID;
    INSERT INTO old SELECT segment, name, path, bytes, checksum FROM rollups;
    DROP TABLE rollups; ALTER TABLE old RENAME TO rollups;
    ALTER TABLE segments DROP COLUMN same_as_time; PRAGMA user_version = 4`)
  db.close()
  const again = await opened(context, { folder, now: at + day + 200 })
  assert.equal(ofRollups(folder).length, 6, 'not when it is opened')
  await checkTotals(again.store)
  await again.store.maintain()
  assert.equal(again.store.stats().dayMerges, 2)
  assert.deepEqual(
    ofRollups(folder),
    names.map((name) => `day-2-${name}.parquet`),
  )
  await checkTotals(again.store)
})

/** All rows with the times that they came, whatever files they lie in. */
async function rowsIn(store: LogStore): Promise<string> {
  const paths = (await filesOf(store)).map(({ path }) => path)
  return JSON.stringify(await askFiles(paths, 'SELECT * FROM log ORDER BY ALL'))
}

const ofSegments = (folder: string): string[] =>
  filesIn(folder).filter((name) => !/minute|whole/.test(name))

test(`a small day is one file, row by row as it came, and what comes late joins it (WEIR_SEED=${seed})`, async (context) => {
  const opening = await opened(context, { dayRowsMax: 6000 })
  const { folder, store, clock } = opening
  await filled(opening, [...Array(23).keys()])
  await store.append('shop', 'log', batchOf(rowsOf(at + 23 * hour, 200)))
  clock.now = at + day + 59
  await store.maintain()
  const before = await rowsIn(store)
  assert.equal(store.stats().dayMerges, 0, 'it is not quiet yet')
  clock.now = at + day + 200
  await store.maintain()
  assert.equal(await rowsIn(store), before)
  assert.deepEqual(filesIn(folder), ['00-3-minute.parquet', '00-3-whole.parquet', '00-3.parquet'])
  const [file] = await filesOf(store, 'minute')
  const hours =
    'SELECT count(*) FILTER (h < l) FROM (SELECT __time__ // 3600 AS h, lag(h) OVER () AS l FROM log)'
  assert.deepEqual(await askFiles([file!.path], hours), [[0]])
  assert.deepEqual([file!.timeMin < at + hour, file!.timeMax >= at + 23 * hour], [true, true])
  await checkTotals(store)
  for (const [late, files] of [
    [2, 2],
    [0, 3],
    [23, 1],
  ] as const) {
    await store.append('shop', 'log', batchOf(rowsOf(at + late * hour, 10)))
    const rows = await rowsIn(store)
    clock.now += hour
    await store.maintain()
    assert.equal(store.stats().segments, files, `late in hour ${late}`)
    assert.equal(await rowsIn(store), rows)
    await checkTotals(store)
  }
  const { dayMerges, segmentRows } = store.stats()
  assert.deepEqual([dayMerges, segmentRows], [2, 24 * 200 + 5 * 20 + 30])
  assert.deepEqual(await store.verify(), [])
})

test('a day of more rows keeps its hours, one that became so its file', async (context) => {
  const opening = await opened(context, { dayRowsMax: 700 })
  const { folder, store, clock } = opening
  await filled(opening, [1, 2, 3])
  clock.now = at + day + 200
  await store.maintain()
  assert.deepEqual(ofSegments(folder), ['00-3.parquet'])
  for (const each of [4, 6, 7, 8])
    await store.append('shop', 'log', batchOf(rowsOf(at + each * hour, 90)))
  clock.now += hour
  await store.maintain()
  assert.equal(store.stats().segments, 5)
  assert.deepEqual(ofRollups(folder), ['day-2-minute.parquet', 'day-2-whole.parquet'])
  await checkTotals(store)
})

test('records expire with their hour from the file of a day too, and those that came late later', async (context) => {
  const opening = await opened(context, { ttlDays: 5, dayRowsMax: 5000 })
  const { folder, store, clock } = opening
  await filled(opening, [1, 2, 22])
  await store.append('shop', 'log', batchOf(rowsOf(at + 2 * hour, 30))) // hours late
  clock.now = at + day + 200
  await store.maintain()
  assert.deepEqual(ofSegments(folder), ['00-3.parquet'])
  const before = await rowsIn(store)
  clock.now = at + 4 * day + hour
  await store.maintain()
  assert.deepEqual(ofSegments(folder), ['00-3.parquet'], 'a day and more before')
  clock.now += 1
  await store.maintain()
  assert.deepEqual(ofSegments(folder), ['01-2.parquet', '02-2.parquet', '22-2.parquet'])
  assert.equal(await rowsIn(store), before)
  await checkTotals(store)
  await store.maintain()
  assert.equal(store.stats().dayMerges, 2, 'and is not joined again')
  clock.now = at + 5 * day + 2 * hour
  await store.maintain()
  assert.deepEqual(ofSegments(folder), ['02-2.parquet', '22-2.parquet'])
  clock.now = at + 5 * day + 23 * hour + 100
  await store.maintain()
  assert.deepEqual(ofSegments(folder), ['02-2.parquet'], 'its last rows came later')
  clock.now += hour
  await store.maintain()
  const [account] = store.accounts()
  assert.deepEqual([account!.segments, account!.expiredRows], [0, account!.storedRows])
})

test('a shorter time to live takes a day apart at once, and drops days that are over whole', async (context) => {
  const opening = await opened(context, { ttlDays: 30, dayRowsMax: 5000 })
  const { folder, store, clock } = opening
  await filled(opening, [1, 2, 23])
  clock.now = at + 3 * day + 2 * hour
  await store.maintain()
  assert.deepEqual(ofSegments(folder), ['00-3.parquet'])
  store.updateTtl('shop', 'log', 3)
  await store.maintain()
  await store.maintain()
  assert.deepEqual(ofSegments(folder), ['02-2.parquet', '23-2.parquet'])
  store.updateTtl('shop', 'log', 30)
  await store.maintain()
  assert.deepEqual(ofSegments(folder), ['00-3.parquet'])
  await checkTotals(store)
  clock.now += 8 * day
  store.updateTtl('shop', 'log', 3)
  await store.maintain()
  assert.deepEqual(filesIn(folder), [])
})

for (const [what, part] of [
  ['merged', '-3-'],
  ['taken apart', '/22-2-'],
] as const)
  test(`a day that could not be ${what} is as it was, and is tried again`, async (context) => {
    let failing = false
    const disk: Disk = {
      ...nodeDisk,
      async publish(temporary, path) {
        if (failing && path.includes(part))
          throw Object.assign(new Error('EIO: injected'), { code: 'EIO' })
        await nodeDisk.publish(temporary, path)
      },
    }
    const opening = await opened(context, { disk, dayRowsMax: 5000, ttlDays: 5 })
    const { folder, store, clock } = opening
    await filled(opening, [1, 22])
    if (part !== '-3-') {
      clock.now = at + day + 200
      await store.maintain()
    }
    const before = [filesIn(folder), await rowsIn(store)]
    clock.now = part === '-3-' ? at + day + 200 : at + 4 * day + 2 * hour
    failing = true
    await assert.rejects(store.maintain(), { code: 'StorageBroken' })
    assert.deepEqual([filesIn(folder), await rowsIn(store)], before)
    failing = false
    await store.maintain()
    assert.equal(ofSegments(folder).length, part === '-3-' ? 1 : 2)
    assert.equal(await rowsIn(store), before[1])
  })

test("a damaged file keeps a day's hours apart, and a damaged day is not taken apart", async (context) => {
  const opening = await opened(context, { dayRowsMax: 5000, ttlDays: 5 })
  const { folder, store, clock } = opening
  await filled(opening, [1, 2, 3])
  const [file] = await filesOf(store)
  flipBit(file!.path, 30)
  clock.now = at + day + 200
  await store.maintain()
  assert.equal(ofSegments(folder).length, 3)
  flipBit(file!.path, 30)
  assert.deepEqual(await store.verify(), [])
  await store.maintain()
  assert.deepEqual(ofSegments(folder), ['00-3.parquet'])
  const [whole] = await filesOf(store)
  flipBit(whole!.path, 30)
  clock.now = at + 4 * day + 3 * hour
  await store.maintain()
  assert.deepEqual(ofSegments(folder), ['00-3.parquet'])
  assert.equal((await store.verify()).length, 1)
})
