/** Columns that are the time of their row once more are left out of files, and nobody who reads can tell. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { readdirSync, renameSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { decodeBatch, encodeBatch } from '../src/base/batch-codec.ts'
import type { Column, ColumnBatch, ColumnSpec } from '../src/base/columns.ts'
import { pullRows } from '../src/log-service/pull-rows.ts'
import { openLogStore } from '../src/logstore/logstore.ts'
import type { LogStore, RollupSpec } from '../src/logstore/logstore.ts'
import { stageRows } from '../src/logstore/stage.ts'
import { defaultQueryConfig, QueryEngine } from '../src/query/query.ts'
import { randomFrom } from './random-from.ts'
import { temporaryFolder } from './temporary-folder.ts'

const seed = Number(process.env['WEIR_SEED'] ?? 20_261_123)
const hour = 3600
/** 2026-01-02T03:00:00Z. */
const at = 1_767_322_800

const columns: readonly ColumnSpec[] = [
  { name: 'start', kind: 'integer' },
  { name: 'begin "b"', kind: 'integer' },
  { name: 'eni', kind: 'text' },
  { name: 'bytes', kind: 'integer' },
]
const rollup: RollupSpec = {
  name: 'starts',
  bucketSeconds: 3600,
  by: ['start'],
  sums: ['begin "b"', 'bytes'],
}

interface Row {
  readonly time: number
  readonly start: number | null
  readonly begin: number | null
  readonly eni: string
  readonly bytes: number
}

function batchOf(rows: readonly Row[]): ColumnBatch {
  const integer = (values: readonly (number | null)[]): Column => ({
    kind: 'integer',
    values: Float64Array.from(values, (each) => each ?? Number.NaN),
  })
  const dictionary = [...new Set(rows.map(({ eni }) => eni))]
  const codes = Uint32Array.from(rows, ({ eni }) => dictionary.indexOf(eni) + 1)
  return {
    rows: rows.length,
    columns: new Map<string, Column>([
      ['__time__', integer(rows.map(({ time }) => time))],
      ['start', integer(rows.map(({ start }) => start))],
      ['begin "b"', integer(rows.map(({ begin }) => begin))],
      ['eni', { kind: 'text', dictionary, codes }],
      ['bytes', integer(rows.map(({ bytes }) => bytes))],
    ]),
  }
}

test('of an hour, a column is the time where each of its values is', async () => {
  const rows: Row[] = [
    { time: at, start: at, begin: at + 1, eni: '', bytes: at },
    { time: at + 1, start: at + 1, begin: at, eni: '', bytes: at + 1 },
    { time: at + hour, start: at + hour, begin: at + hour, eni: '', bytes: at + hour },
    { time: at + hour, start: null, begin: at + hour, eni: '', bytes: at + hour },
  ]
  const batch = decodeBatch(encodeBatch(batchOf(rows), {}))
  const { hours } = await stageRows([{ batch, receiveTime: at }], columns)
  assert.deepEqual(
    hours.map(({ sameAsTime }) => sameAsTime),
    [
      ['start', 'bytes'],
      ['begin "b"', 'bytes'],
    ],
  )
})

const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, hourSettleSeconds: 60 }

class Opened {
  readonly folder: string
  readonly store: LogStore
  readonly engine: QueryEngine

  private constructor(folder: string, store: LogStore) {
    this.folder = folder
    this.store = store
    this.engine = new QueryEngine({ ...defaultQueryConfig, workers: 1, threads: 1 }, store)
  }

  static async at(folder: string, clock: { now: number }): Promise<Opened> {
    const store = await openLogStore(folder, quiet, { now: () => clock.now })
    if (store.projects().length === 0) {
      store.createProject('shop', { description: '' })
      const options = { columns, ttlDays: 3650, sortBy: ['begin "b"', 'eni'], rollups: [rollup] }
      store.createLogstore('shop', 'log', options)
    }
    return new Opened(folder, store)
  }

  async close(): Promise<void> {
    await this.engine.close()
    await this.store.close()
  }

  async put(rows: readonly Row[]): Promise<void> {
    await this.store.append('shop', 'log', batchOf(rows))
    const lease = await this.store.lease('shop', 'log', 0, 2 ** 40)
    lease.release()
  }

  async ask(query: string, from = 0, to = 2 ** 40) {
    const { rows } = await this.engine.run({
      project: 'shop',
      logstore: 'log',
      query,
      from,
      to,
    })
    return rows
  }

  /** What each file leaves out, in order of their hours. */
  async left(): Promise<readonly (readonly string[])[]> {
    const lease = await this.store.lease('shop', 'log', 0, 2 ** 40)
    lease.release()
    return lease.files.map(({ sameAsTime }) => sameAsTime)
  }
}

/** Everything that reads segments, beside the rows as they were put. */
async function check(opened: Opened, rows: readonly Row[]): Promise<void> {
  const text = (value: number | null) => (value === null ? null : String(value))
  const said = (each: Row) => [text(each.start), text(each.begin), each.eni, text(each.bytes)]
  const inOrder = (found: readonly (readonly (string | null)[])[]) => found.map(String).sort()
  const [from, to] = [at + 40, at + hour + 40]
  const within = rows.filter(({ time }) => time >= from && time < to)
  assert.deepEqual(
    inOrder(await opened.ask('* | select start, "begin ""b""", eni, bytes limit 100000', from, to)),
    inOrder(within.map(said)),
  )
  const raw = await opened.ask(`start > ${at + 100} and start <= ${at + 130}`)
  const found = rows.filter(({ start }) => start !== null && start > at + 100 && start <= at + 130)
  assert.ok(found.length < 100)
  assert.deepEqual(
    inOrder(raw.map(([, start, begin, eni, bytes]) => [start!, begin!, eni!, bytes!])),
    inOrder(found.map(said)),
  )
  const groups = Map.groupBy(rows, ({ start }) => start)
  assert.deepEqual(
    inOrder(await opened.ask('* | select start, count(*), sum(bytes) group by start limit 100000')),
    inOrder(
      [...groups].map(([start, of]) => [
        text(start),
        String(of.length),
        String(of.reduce((sum, { bytes }) => sum + bytes, 0)),
      ]),
    ),
  )
  const none = rows.filter(({ start, time }) => start === null || start !== time).length
  assert.deepEqual(
    await opened.ask('* | select count(*) where start is null or start <> __time__'),
    [[String(none)]],
  )
  const limits = { from: 0, until: 2 ** 40, rows: 100_000, charactersMax: 1e9 }
  const pulled = await pullRows(opened, { project: 'shop', logstore: 'log', ...limits })
  assert.deepEqual(
    inOrder(pulled!.rows.map(({ values }) => values!.slice(2, 6))),
    inOrder(rows.map(said)),
  )
  assert.deepEqual(await opened.store.verify(), [])
}

async function openedAt(context: TestContext, clock: { now: number }, folder?: string) {
  const opened = await Opened.at(folder ?? temporaryFolder(context), clock)
  context.after(() => opened.close())
  return opened
}

test(`files with and without such columns are read and merged as one (seed ${seed})`, async (context) => {
  const below = randomFrom(seed)
  const clock = { now: at + 2 * hour }
  const opened = await openedAt(context, clock)
  const made = (from: number, differs: (row: number) => boolean): Row[] =>
    Array.from({ length: 300 }, (_, row) => {
      const time = from + below(hour)
      const start = differs(row) ? (below(2) === 0 ? null : time + 1 + below(9)) : time
      const begin = below(4) === 0 ? null : time
      return { time, start, begin, eni: `eni-${below(3)}`, bytes: below(1e6) }
    })
  const rows: Row[] = []
  const put = async (some: readonly Row[]) => {
    await opened.put(some)
    rows.push(...some)
  }
  await put(made(at, () => false))
  await put(made(at, (row) => row === 77))
  await put(made(at, (row) => row % 2 === 0))
  await put(made(at, () => false).map((row) => ({ ...row, begin: row.time })))
  await put(made(at + hour, () => false))
  await put(made(at + hour, () => false).map((row) => ({ ...row, begin: row.time })))
  const same = [['start'], [], [], ['start', 'begin "b"']]
  assert.deepEqual(await opened.left(), [...same, ['start'], ['start', 'begin "b"']])
  await check(opened, rows)
  clock.now = at + 3 * hour
  await opened.store.maintain()
  assert.deepEqual(await opened.left(), [[], ['start']])
  assert.equal(opened.store.stats().rollups, 2)
  await check(opened, rows)
})

test('files of a Weir that kept such columns are read, and lose them when they are merged', async (context) => {
  const clock = { now: at + 100 }
  const opened = await openedAt(context, clock)
  const made = (from: number) =>
    Array.from({ length: 50 }, (_, row): Row => {
      const time = at + from + row
      return { time, start: time, begin: time, eni: 'eni', bytes: row }
    })
  const rows = [...made(0), ...made(50)]
  await opened.put(made(0))
  await opened.put(made(50))
  await opened.close()
  await makeOlder(opened.folder)
  const again = await openedAt(context, clock, opened.folder)
  assert.deepEqual(await again.left(), [[], []])
  await check(again, rows)
  const more = made(100)
  await again.put(more)
  const both = ['start', 'begin "b"']
  assert.deepEqual(await again.left(), [[], [], both])
  await check(again, [...rows, ...more])
  clock.now = at + 2 * hour
  await again.store.maintain()
  assert.deepEqual(await again.left(), [both])
  await check(again, [...rows, ...more])
})

test('more kinds of files than there are SELECTs for are read by name, and what was left out with them', async (context) => {
  const opened = await openedAt(context, { now: at + 100 })
  const { store, engine } = opened
  const columns = [{ name: 'start', kind: 'integer' }] as const
  store.createLogstore('shop', 'open', { columns, ttlDays: 7, openColumns: true })
  const kinds = 12
  for (let kind = 0; kind < kinds; kind++) {
    const integer = (value: number): Column => ({ kind: 'integer', values: Float64Array.of(value) })
    const text: Column = { kind: 'text', dictionary: ['x'], codes: Uint32Array.of(1) }
    const own: [string, Column][] = kind % 3 === 0 ? [] : [['start', integer(at + (kind % 3))]]
    const all = [['__time__', integer(at + 1)], ...own, [`only${kind}`, text]] as const
    await store.append('shop', 'open', { rows: 1, columns: new Map(all) })
    const lease = await store.lease('shop', 'open', 0, 2 ** 40)
    lease.release()
    assert.deepEqual(lease.files.at(-1)?.sameAsTime, kind % 3 === 1 ? ['start'] : [])
  }
  const query = '* | select start, only1, only11, count(*) group by 1, 2, 3 order by 1, 2, 3'
  const range = { from: at, to: at + 2 } // every file has this time
  const { rows } = await engine.run({ project: 'shop', logstore: 'open', query, ...range })
  assert.deepEqual(rows, [
    [String(at + 1), 'x', null, '1'],
    [String(at + 1), null, null, '3'],
    [String(at + 2), null, 'x', '1'],
    [String(at + 2), null, null, '3'],
    [null, null, null, '4'],
  ])
})

/** The catalogue of version 5, and files that hold every column. */
async function makeOlder(folder: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const db = new DatabaseSync(join(folder, 'catalogue.db'))
  for (const name of readdirSync(join(folder, 'segments'), { recursive: true })) {
    const path = join('segments', String(name))
    if (!path.endsWith('.parquet')) continue
    const whole = join(folder, path)
    const select = `SELECT *, __time__ AS start, __time__ AS "begin ""b""" FROM '${whole}'`
    await connection.run(`COPY (${select}) TO '${whole}.new' (FORMAT parquet)`)
    renameSync(`${whole}.new`, whole)
    db.prepare('UPDATE segments SET bytes = ?, checksum = NULL WHERE path = ?').run(
      statSync(whole).size,
      path,
    )
  }
  db.exec('ALTER TABLE segments DROP COLUMN same_as_time; PRAGMA user_version = 5')
  db.close()
  connection.closeSync()
  instance.closeSync()
}
