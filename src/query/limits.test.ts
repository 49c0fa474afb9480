/** What a query may take: time, memory, rows, a place in the queue; and that a killed worker is replaced. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { createEngine, shutAround } from './engine.ts'
import { formatDouble } from './format.ts'
import { QueryEngine, defaultQueryConfig, exportParquet } from './query.ts'
import type { QueryConfig } from './query.ts'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestLogstore } from '../../test/query-logstore.ts'

const MiB = 1024 * 1024
const from = testRecord.__time__
let store: TestLogstore

before(async () => {
  const rows = Array.from({ length: 3000 }, (_, index) => ({
    ...testRecord,
    bytes: index,
    srcaddr: `10.0.${index >> 8}.${index & 255}`,
  }))
  store = await testLogstore([rows])
})
after(async () => {
  assert.equal(store.open(), 0, 'every lease is released')
  await store.remove()
})

/** Nine joined copies of 3,000 rows: no machine answers it. */
const endless = `* | select count(*) from ${'abcdefghi'
  .split('')
  .map((name) => `log ${name}`)
  .join(
    ', ',
  )} where a.bytes + b.bytes + c.bytes + d.bytes + e.bytes + f.bytes + g.bytes + h.bytes + i.bytes = 7`

async function withEngine(
  config: Partial<QueryConfig>,
  use: (engine: QueryEngine) => Promise<void>,
) {
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1, ...config }, store.reader)
  try {
    await use(engine)
  } finally {
    await engine.close()
  }
}

const ask = (engine: QueryEngine, query: string, signal?: AbortSignal) =>
  engine.run({ project: 'weir', logstore: 'flow-log', query, from, to: from + 60 }, signal)

const counts = async (engine: QueryEngine) =>
  assert.deepEqual((await ask(engine, '* | select count(*)')).rows, [['3000']])

test('the engine is shut around the leased files', async () => {
  const { files } = await store.reader.lease('weir', 'flow-log', from, from + 60).then((lease) => {
    lease.release()
    return lease
  })
  const limits = { memoryBytesMax: 256 * MiB, threads: 1, tempDirectory: '', tempBytesMax: 0 }
  const engine = await createEngine(limits)
  const columns = [{ name: 'bytes', kind: 'integer' } as const]
  await shutAround(engine, [{ name: '__store', files, columns }])
  const { connection } = engine
  const count = await connection.runAndReadAll('SELECT count(*) FROM __store')
  assert.deepEqual(count.getRows(), [[3000n]])
  const refused = async (sql: string, said: RegExp) =>
    assert.rejects(connection.run(sql), { message: said }, sql)
  await refused("SELECT * FROM read_text('/etc/passwd')", /Permission Error/)
  await refused(`SELECT * FROM '${store.folder}/other.parquet'`, /Permission Error|does not exist/)
  await refused(`SELECT * FROM glob('${store.folder}/*')`, /Permission Error/)
  await refused(`COPY (SELECT 1) TO '${store.folder}/new.parquet'`, /Permission Error/)
  await refused(`ATTACH '${store.folder}/new.db'`, /Permission Error/)
  await refused('INSTALL httpfs', /Permission Error/)
  await refused("SET memory_limit = '10GB'", /locked/)
  await refused('SET GLOBAL enable_external_access = true', /locked|Cannot/)
  await refused("SET TimeZone = 'Asia/Shanghai'", /locked/)
  const second = await engine.instance.connect()
  assert.deepEqual((await second.runAndReadAll('SELECT 7 / 2')).getRows(), [[3]])
  second.closeSync()
  connection.closeSync()
  engine.instance.closeSync()
})

test('a query past its time is ended, and the next one is answered', () =>
  withEngine({ timeMaxMilliseconds: 300 }, async (engine) => {
    await assert.rejects(ask(engine, endless), {
      code: 'QueryTimeout',
      message: 'the query took more than 0.3 s',
    })
    await withEngine({}, counts)
  }))

test('a cancelled query is ended, running or waiting', () =>
  withEngine({}, async (engine) => {
    await counts(engine)
    const [running, waiting] = [new AbortController(), new AbortController()]
    const first = ask(engine, endless, running.signal)
    const second = ask(engine, endless, waiting.signal)
    setImmediate(() => waiting.abort())
    await assert.rejects(second, { code: 'QueryCancelled' })
    running.abort()
    await assert.rejects(first, { code: 'QueryCancelled' })
    await counts(engine)
    await assert.rejects(ask(engine, '*', AbortSignal.abort()), { code: 'QueryCancelled' })
  }))

test('a query that finds the queue full is told so', () =>
  withEngine({ queueMax: 1 }, async (engine) => {
    await counts(engine)
    const stop = new AbortController()
    const running = ask(engine, endless, stop.signal)
    const waiting = ask(engine, endless, stop.signal)
    const outcomes = Promise.allSettled([running, waiting])
    // Both have taken their places once their leases are there.
    await new Promise((resolve) => setImmediate(resolve))
    await assert.rejects(ask(engine, '* | select 1'), {
      code: 'QueryBusy',
      hint: 'try again in a moment',
    })
    stop.abort()
    for (const outcome of await outcomes) assert.equal(outcome.status, 'rejected')
    await counts(engine)
  }))

test('a query that needs more memory than it may have is told so', () =>
  withEngine({ memoryBytesMax: 24 * MiB, tempBytesMax: 0, threads: 1 }, async (engine) => {
    const query = '* | select array_agg(a.srcaddr || b.srcaddr) from log a, log b'
    await assert.rejects(ask(engine, query), { code: 'QueryMemory' })
    await counts(engine)
  }))

test('a process that grows past its limit is ended and replaced', () =>
  withEngine({ processBytesMax: 1 * MiB }, async (engine) => {
    await assert.rejects(ask(engine, endless), { code: 'QueryMemory' })
  }))

test('rows and characters of a result are capped, and the result says so', async () => {
  await withEngine({ rowsMax: 10 }, async (engine) => {
    const result = await ask(engine, '* | select bytes from log order by bytes limit 20')
    assert.deepEqual([result.rows.length, result.limited], [10, true])
  })
  await withEngine({ charactersMax: 100 }, async (engine) => {
    const result = await ask(engine, '* | select srcaddr from log order by bytes limit 50')
    assert.equal(result.limited, true)
    assert.deepEqual(result.rows[0], ['10.0.0.0'])
    assert.ok(result.rows.length < 20)
  })
})

test('many queries at once are all answered', () =>
  withEngine({ workers: 2, queueMax: 20 }, async (engine) => {
    const asked = Array.from({ length: 12 }, (_, index) =>
      ask(engine, `bytes < ${index * 10} | select count(*) as n`),
    )
    const answers = await Promise.all(asked)
    assert.deepEqual(
      answers.map((each) => each.rows[0]![0]),
      Array.from({ length: 12 }, (_, index) => `${index * 10}`),
    )
  }))

test('an engine that is closed cancels what waits and leaves no folder behind', async () => {
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store.reader)
  await counts(engine)
  const waiting = ask(engine, endless)
  const outcome = assert.rejects(waiting, { code: 'QueryCancelled' })
  await new Promise((resolve) => setImmediate(resolve))
  await engine.close()
  await outcome
  await assert.rejects(ask(engine, '*'), { code: 'QueryCancelled' })
})

test('an unknown project or logstore is the reader’s error', () =>
  withEngine({}, async (engine) => {
    const request = { project: 'weir', logstore: 'web', query: '*', from, to: from + 1 }
    await assert.rejects(engine.run(request), { code: 'LogStoreNotExist' })
    await assert.rejects(engine.run({ ...request, project: 'x' }), { code: 'ProjectNotExist' })
    await assert.rejects(
      engine.run({ ...request, logstore: 'flow-log', query: '* | select 1', offset: 5 }),
      {
        code: 'ParameterInvalid',
      },
    )
  }))

test('a result as Parquet keeps its types', () =>
  withEngine({}, async (engine) => {
    const folder = await mkdtemp(join(tmpdir(), 'weir-query-export-'))
    try {
      const query =
        '* | select bytes, bytes / 2.0 as half, srcaddr, bytes > 1 as big, from_unixtime(__time__) as at, null as nothing, bytes from log order by bytes limit 3'
      const result = await ask(engine, query)
      const path = join(folder, "it's.parquet")
      await exportParquet(result, path)
      assert.deepEqual(await readdir(folder), ["it's.parquet"])
      const instance = await DuckDBInstance.create(':memory:')
      const connection = await instance.connect()
      const reader = await connection.runAndReadAll(`SELECT * FROM '${path.replaceAll("'", "''")}'`)
      assert.deepEqual(reader.columnNames(), [
        'bytes',
        'half',
        'srcaddr',
        'big',
        'at',
        'nothing',
        'bytes_6',
      ])
      assert.deepEqual(reader.columnTypes().map(String), [
        'BIGINT',
        'DOUBLE',
        'VARCHAR',
        'BOOLEAN',
        'TIMESTAMP',
        'VARCHAR',
        'BIGINT',
      ])
      assert.deepEqual(reader.getRowsJson()[2], [
        '2',
        1,
        '10.0.0.2',
        true,
        '2023-11-14 22:13:20',
        null,
        '2',
      ])
      connection.closeSync()
      instance.closeSync()
    } finally {
      await rm(folder, { recursive: true })
    }
  }))

test('a double is printed as Java does', () => {
  const f = (value: number, want: string) => assert.equal(formatDouble(value), want)
  f(1176, '1176.0')
  f(0.9966101694915255, '0.9966101694915255')
  f(1e10, '1.0E10')
  f(9_999_999, '9999999.0')
  f(12_345_678.9, '1.23456789E7')
  f(0.001, '0.001')
  f(0.00012, '1.2E-4')
  f(-2.5e-7, '-2.5E-7')
  f(0, '0.0')
  f(-0, '-0.0')
  f(NaN, 'NaN')
  f(-Infinity, '-Infinity')
})
