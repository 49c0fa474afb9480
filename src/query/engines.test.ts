/** Engines are kept for the queries of one project, and are shut around what lies in the working directory. */
import assert from 'node:assert/strict'
import { linkSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { closeEngine, createMacros, createShutEngine, shutAround } from './engine.ts'
import { Engines } from './engines.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import { lookupsOf } from './udf-lookups.ts'

const limits = {
  memoryBytesMax: 256 * 1024 * 1024,
  threads: 1,
  tempDirectory: '',
  tempBytesMax: 0,
}
const columns = [{ name: 'bytes', kind: 'integer' } as const]

/** A working directory, and two segments elsewhere with 3 rows and 1. */
async function segments(context: TestContext) {
  const store = await testLogstore([[testRecord, testRecord, testRecord], [testRecord]])
  const before = process.cwd()
  const folder = temporaryFolder(context)
  process.chdir(folder)
  context.after(async () => {
    process.chdir(before)
    await store.remove()
  })
  const [three, one] = ['segment-0.parquet', 'segment-1.parquet'].map((name) =>
    join(store.folder, name),
  )
  return { store, folder, three: three!, one: one! }
}

test('a kept engine reads what lies in its working directory, and nothing else', async (context) => {
  const { folder, three, one } = await segments(context)
  const engine = await createShutEngine(limits, lookupsOf({}))
  context.after(() => closeEngine(engine))
  const { connection } = engine
  const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRows()
  for (const [path, count] of [
    [three, 3n],
    [one, 1n],
  ] as const) {
    const [name] = path.split('/').slice(-1)
    linkSync(path, name!)
    const files = [{ path: name!, lacks: [], sameAsTime: [] }]
    await shutAround(engine, [{ name: '__store', files, columns }])
    assert.deepEqual(await rows('SELECT count(*) FROM __store'), [[count]])
    rmSync(name!)
    await assert.rejects(rows('SELECT sum(bytes) FROM __store'), /No files found/)
  }
  symlinkSync(three, 'symbolic.parquet')
  mkdirSync('inner')
  const refused = async (sql: string, said: RegExp) =>
    assert.rejects(connection.run(sql), { message: said }, sql)
  await refused("SELECT * FROM read_text('/etc/passwd')", /Permission Error/)
  await refused(`SELECT * FROM '${three}'`, /Permission Error/)
  await refused("SELECT * FROM 'symbolic.parquet'", /Permission Error/)
  await refused("SELECT * FROM read_text('../x')", /Permission Error/)
  await refused("SELECT * FROM read_text('inner/../../x')", /Permission Error/)
  await refused("SELECT * FROM glob('../*')", /Permission Error/)
  await refused(`SELECT * FROM glob('${folder}x/*')`, /Permission Error/)
  await refused("COPY (SELECT 1) TO '../new.parquet'", /Permission Error/)
  await refused("ATTACH '../new.db'", /Permission Error/)
  await refused('INSTALL httpfs', /Permission Error/)
  await refused("SET memory_limit = '10GB'", /locked/)
  await refused("SET GLOBAL allowed_directories = ['/']", /locked|Cannot/)
  await refused('SET GLOBAL enable_external_access = true', /locked|Cannot/)
  await refused('RESET lock_configuration', /locked|Cannot/)
})

test('macros and functions are made once', async (context) => {
  await segments(context)
  const engine = await createShutEngine(limits, lookupsOf({}))
  context.after(() => closeEngine(engine))
  for (let query = 0; query < 2; query++) {
    await createMacros(engine, 'SELECT sls_divide(1, 0), sls_js_checksum_bigint(7)')
    const answer = await engine.connection.runAndReadAll('SELECT sls_divide(7, 2)')
    assert.deepEqual(answer.getRows(), [[3]])
  }
})

test('an engine serves one scope; what did not end by itself is not kept', async (context) => {
  await segments(context)
  const engines = new Engines(limits, lookupsOf({}), true)
  const used = async (scope: string | undefined, isClean = true, memoryBytesMax?: number) => {
    const user = { scope, ...(memoryBytesMax === undefined ? {} : { memoryBytesMax }) }
    const engine = await engines.take(user)
    await engines.give(engine, user, isClean)
    return engine
  }
  const shop = await used('shop')
  assert.equal(await used('shop'), shop)
  const bank = await used('bank')
  assert.notEqual(bank, shop)
  assert.equal(await used('shop'), shop)
  assert.equal(await used('bank', false), bank)
  assert.notEqual(await used('bank'), bank, 'it was stopped')
  const small = await used('shop', true, 1 << 20)
  assert.deepEqual([small.isShut, small === shop], [false, false], 'less memory than the others')
  assert.equal(await used('shop', true, limits.memoryBytesMax), shop)
  const nobodys = await used(undefined)
  assert.notEqual(await used(undefined), nobodys)
  for (const scope of 'abcd') await used(scope)
  assert.notEqual(await used('shop'), shop, 'at most four are kept')
})

test('where engines are kept, queries see the segments of their own range', async (context) => {
  const { store, folder } = await segments(context)
  const linkFolder = join(folder, 'query')
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1, linkFolder }, store.reader)
  context.after(() => engine.close())
  const request = { project: 'weir', logstore: 'flow-log', from: testRecord.__time__ }
  const ask = async (query: string, seconds = 60) =>
    (await engine.run({ ...request, to: request.from + seconds, query })).rows
  const count = '* | select count(*) from log'
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(await ask(count), [['4']])
    await assert.rejects(ask('* | select nothing from log'), { code: 'QuerySyntax' })
    assert.deepEqual(await ask('bytes > 1000 | select count(*) from log'), [['0']])
    await assert.rejects(ask("* | select from_base('x', 10)"), { code: 'QueryFailed' })
  }
})

test('a process that is replaced takes no query with it', async (context) => {
  const { store, folder } = await segments(context)
  const linkFolder = join(folder, 'query')
  const limited = { workers: 1, searchWorkers: 0, queriesPerWorkerMax: 4, linkFolder }
  const engine = new QueryEngine({ ...defaultQueryConfig, ...limited }, store.reader)
  context.after(() => engine.close())
  const request = { project: 'weir', logstore: 'flow-log', from: testRecord.__time__ }
  const asker = async (name: number) => {
    for (let n = 0; n < 5; n++) {
      const query = `* | select ${name + n}`
      const { rows } = await engine.run({ ...request, to: request.from + 60, query })
      assert.deepEqual(rows, [[String(name + n)]])
    }
  }
  await Promise.all([asker(100), asker(200)])
})

/** This process's children that are query processes. */
const workers = (): readonly string[] => {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').split(' ')
  const isWorker = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('query/worker.ts')
    } catch {
      return false // it ended meanwhile
    }
  }
  return children.filter((pid) => pid !== '' && isWorker(pid))
}
const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test(
  'a process is there before the first query, and another one while all are busy',
  { skip: process.platform === 'linux' ? false : 'processes are looked up in /proc' },
  async (context) => {
    const { store } = await segments(context)
    const engine = new QueryEngine({ ...defaultQueryConfig, workers: 2 }, store.reader)
    context.after(() => engine.close())
    assert.deepEqual(workers(), [])
    engine.warm()
    await until(() => workers().length === 1)
    const [first] = workers()
    const request = { project: 'weir', logstore: 'flow-log', from: testRecord.__time__ }
    const ask = () => engine.run({ ...request, to: request.from + 60, query: '* | select 1' })
    await ask()
    await until(() => workers().length === 2)
    process.kill(Number(first), 'SIGKILL')
    await until(() => !workers().includes(first!))
    await ask()
    await until(() => workers().length === 2)
    await Promise.all(Array.from({ length: 8 }, ask))
    assert.equal(workers().length, 2, 'no more than it may have')
  },
)
