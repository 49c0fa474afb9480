/** "Queries run in a separate process with fewer rights when root (other uid, read-only segments)." */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openLogStore } from '../logstore/logstore.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import type { QueryConfig } from './query.ts'
import { prepareFolder } from './rights.ts'

const at = 1_767_322_800
const nobody = 65_534
const skip = process.getuid?.() === 0 ? false : 'only root has rights to give up'

async function server(context: TestContext, config: Partial<QueryConfig> = {}) {
  const data = temporaryFolder(context)
  chmodSync(data, 0o700)
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9 }
  const store = await openLogStore(join(data, 'store'), quiet, { now: () => at })
  mkdirSync(join(data, 'access'))
  writeFileSync(join(data, 'access', 'access.db'), 'secret')
  const rights = { uid: nobody, gid: nobody, folder: join(data, 'query') }
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1, rights, ...config }, store)
  context.after(async () => {
    await engine.close()
    await store.close()
  })
  for (const project of ['shop', 'bank']) {
    store.createProject(project, { description: '' })
    const columns = [{ name: 'bytes', kind: 'integer' } as const]
    store.createLogstore(project, 'log', { columns, ttlDays: 7 })
    const rows = 1000
    const batch = new Map([
      ['__time__', { kind: 'integer', values: new Float64Array(rows).fill(at) } as const],
      [
        'bytes',
        { kind: 'integer', values: Float64Array.from({ length: rows }, (_, n) => n) } as const,
      ],
    ])
    await store.append(project, 'log', { rows, columns: batch })
  }
  await store.maintain() // what is in no segment is not read through a link
  const ask = (query: string, signal?: AbortSignal) =>
    engine.run({ project: 'shop', logstore: 'log', query, from: at, to: at + 60 }, signal)
  return { data, store, ask, links: join(data, 'query') }
}

/** The query processes that work in one of its folders. */
const workersIn = (links: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const line = spawnSync('readlink', [`/proc/${pid}/cwd`], { encoding: 'utf8' }).stdout
      return line.startsWith(links)
    })

const endless = `* | select count(*) from ${'abcdefg'
  .split('')
  .map((name) => `log ${name}`)
  .join(', ')} where a.bytes + b.bytes + c.bytes + d.bytes + e.bytes + f.bytes + g.bytes = 7`

test(
  'a query process is nobody, sees its segments and writes nothing',
  { skip },
  async (context) => {
    const { data, store, ask, links } = await server(context)
    assert.deepEqual((await ask('* | select sum(bytes)')).rows, [['499500']])
    assert.deepEqual((await ask('bytes < 2')).rows.length, 2)
    const workers = workersIn(links)
    assert.ok(workers.length > 0)
    for (const pid of workers) {
      const read = () => readFileSync(`/proc/${pid}/status`, 'utf8')
      // One that is still loading has no query yet.
      while (/^Uid:\t0/m.test(read())) await new Promise((resolve) => setTimeout(resolve, 5))
      const status = read()
      assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m)
      assert.match(status, /^Gid:\t65534\t65534\t65534\t65534$/m)
      assert.match(status, /^Groups:\t ?$/m)
      assert.match(status, /^CapEff:\t0{16}$/m)
      // Node tells a child of its channel, and it reads compiled code; nothing else is there.
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
      assert.deepEqual(
        environment.filter(
          (each) => !/^(NODE_CHANNEL_\w+=\w+|NODE_COMPILE_CACHE=\S+)?$/.test(each),
        ),
        [],
      )
    }

    const withFiles = () =>
      readdirSync(links)
        .map((name) => join(links, name))
        .find((each) => readdirSync(each).length > 0)
    while (withFiles() !== undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    const stop = new AbortController()
    const running = assert.rejects(ask(endless, stop.signal), { code: 'QueryCancelled' })
    while (withFiles() === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    const folder = withFiles()!
    const [segment] = readdirSync(folder)
    const lease = await store.lease('bank', 'log', at, at + 60)
    lease.release()
    const foreign = lease.files[0]!.path
    assert.ok(existsSync(foreign))
    /** What a shell of that user can do where the process is. */
    const can = (command: string): boolean =>
      spawnSync('/bin/sh', ['-c', command], { cwd: folder, uid: nobody, gid: nobody, env: {} })
        .status === 0
    assert.equal(can(`head -c 4 ${segment} >/dev/null`), true, 'its own segment can be read')
    assert.equal(can(`printf x >> ${segment}`), false, 'and not written')
    assert.equal(can(`rm -f ${segment}`), false)
    assert.equal(can('touch new'), false)
    assert.equal(can(`chmod 0666 ${segment}`), false)
    assert.equal(can(`head -c 4 ${foreign}`), false, 'another project’s segment')
    assert.equal(can('ls ..'), false, 'the folders of others')
    assert.equal(can(`cat ${data}/access/access.db`), false, 'the access database')
    assert.equal(can('cat ../../access/access.db'), false)
    assert.equal(can(`ls ${data}`), false)
    stop.abort()
    await running
    assert.deepEqual((await ask('* | select count(*)')).rows, [['1000']])
  },
)

test(
  'links are gone after the query, and the folder after the process',
  { skip },
  async (context) => {
    const { store, ask, links } = await server(context)
    const before = await store.lease('shop', 'log', at, at + 60)
    before.release()
    const { path } = before.files[0]!
    await ask('*')
    await ask('* | select 1 from log')
    while (statSync(path).nlink > 1) await new Promise((resolve) => setTimeout(resolve, 5))
    for (const name of readdirSync(links)) assert.deepEqual(readdirSync(join(links, name)), [])
    for (const pid of workersIn(links)) process.kill(pid, 'SIGKILL')
    while (readdirSync(links).length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.equal((await ask('*')).rows.length, 100)
  },
)

test('what a server before left is removed', { skip }, (context) => {
  const folder = join(temporaryFolder(context), 'query')
  mkdirSync(join(folder, 'query-old'), { recursive: true })
  prepareFolder(folder)
  assert.deepEqual(readdirSync(folder), [])
  assert.equal(statSync(folder).mode & 0o777, 0o700)
})

test('a query spills to disk as that user', { skip }, async (context) => {
  const sorted =
    '* | select count(*) from (select row_number() over (order by a.bytes * b.bytes, a.bytes) as n from log a, log b) where n > 5'
  const limited = { memoryBytesMax: 24 << 20, threads: 1 }
  const { ask } = await server(context, { ...limited, tempBytesMax: 0 })
  await assert.rejects(ask(sorted), { code: 'QueryMemory' })
  const spilling = await server(context, limited)
  assert.deepEqual((await spilling.ask(sorted)).rows, [['999995']])
})
