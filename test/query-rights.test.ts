/** "Queries run in a separate process with fewer rights when root (other uid, read-only segments)", by the real server. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { ipv4Bits, mmdbFile } from './mmdb-file.ts'
import { sideBySide } from './side-by-side.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { descendantsOf, healthOf, weir, WeirServer, weirSays } from './weir-process.ts'
import { writtenSegment } from './written-segment.ts'

const test = sideBySide()

const nobody = 65_534
const skip = process.getuid?.() === 0 ? false : 'only root has rights to give up'

interface Place {
  readonly folder: string
  readonly data: string
  readonly args: readonly string[]
}

/** A folder that only root enters, with a file of countries that only root reads. */
function place(t: TestContext, config = ''): Place {
  const folder = temporaryFolder(t)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  const network = { bits: ipv4Bits('120.26.0.0', 16, 4), record: { country: { iso_code: 'CN' } } }
  writeFileSync(join(folder, 'country.mmdb'), mmdbFile(4, [network]), { mode: 0o600 })
  const file = join(folder, 'weir.yaml')
  const quiet = 'capture: { enabled: false }\nenrichment: { country: country.mmdb }\n'
  writeFileSync(file, `${quiet}${config}`)
  const data = join(folder, 'data')
  return { folder, data, args: ['--config', file, '--data', data, '--port', '0'] }
}

const sample = (logstore: string) => ['--project', 'sample', '--logstore', logstore]

/** One of every way in which a query does its work. */
const asked: readonly (readonly [query: string, column: string])[] = [
  ['* | SELECT count(*) > 0 AS x', 'x'],
  [`* | SELECT ip_to_country_code('120.26.0.1') = 'CN' AS x`, 'x'],
  [`* | SELECT url_extract_host('http://shop.example:80/a') = 'shop.example' AS x`, 'x'],
  [`* | SELECT to_hex(sha256(to_utf8('a'))) LIKE 'CA978%' AS x`, 'x'],
  [`* | SELECT regexp_like('abc', '^a.c$') AS x`, 'x'],
  ['* | SELECT count(*) > 0 AS x FROM log a JOIN ecs b ON a.__time__ = b.__time__', 'x'],
]

/** The processes that queries run in, by where they work. */
function workersOf(pid: number, data: string): number[] {
  const links = join(data, 'query')
  return descendantsOf(pid).filter((each) => readlinkSync(`/proc/${each}/cwd`).startsWith(links))
}

function serverPid(data: string): number {
  return (JSON.parse(readFileSync(join(data, 'server.json'), 'utf8')) as { pid: number }).pid
}

const statusOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, 'utf8')

/** Whether that user can do this, being where a query process is. */
const can = (folder: string, command: string): boolean =>
  spawnSync('/bin/sh', ['-c', command], { cwd: folder, uid: nobody, gid: nobody, env: {} })
    .status === 0

test(
  'a server that is root asks by processes that are nobody and reach nothing',
  { skip },
  async (t) => {
    const { folder, data, args } = place(t)
    // Of an earlier release: open to everybody, on an open path.
    mkdirSync(data, { mode: 0o755 })
    const closed = join(folder, 'temporary')
    mkdirSync(closed, { mode: 0o700 })
    await using server = await WeirServer.start(args, { through: ['env', `TMPDIR=${closed}`] })
    chmodSync(folder, 0o711)
    assert.equal(statSync(data).mode & 0o777, 0o750)
    assert.deepEqual(await healthOf(server.url), { status: 'ok', problems: [] })
    const at = ['--server', server.url, '--json']
    for (const [query, column] of asked) {
      const answer = JSON.parse(
        await weirSays(['query', query, ...sample('web'), ...at]),
      ) as object[]
      assert.deepEqual(answer, [{ [column]: 'true' }], query)
    }
    assert.equal(
      (JSON.parse(await weirSays(['query', '*', ...sample('web'), ...at])) as []).length,
      100,
    )

    const workers = workersOf(serverPid(data), data)
    assert.ok(workers.length > 0)
    for (const pid of workers) {
      while (/^Uid:\t0/m.test(statusOf(pid))) await new Promise((resolve) => setTimeout(resolve, 5))
      assert.match(statusOf(pid), /^Uid:\t65534\t65534\t65534\t65534$/m)
      assert.match(statusOf(pid), /^Gid:\t65534\t65534\t65534\t65534$/m)
      assert.match(statusOf(pid), /^Groups:\t ?$/m)
      assert.match(statusOf(pid), /^CapEff:\t0{16}$/m)
    }
    const inside = readlinkSync(`/proc/${workers[0]}/cwd`)
    assert.ok(can(inside, 'test -r .'), 'where it works')
    await writtenSegment(data, 'sample')
    const secrets = readdirSync(data, { recursive: true, withFileTypes: true }).filter((each) =>
      each.isFile(),
    )
    const names = secrets.map(({ name }) => name)
    for (const name of ['master.key', 'access.db', 'access-key.json', 'catalogue.db', 'weir.db'])
      assert.ok(names.includes(name), name)
    for (const { parentPath, name } of secrets) {
      assert.ok(existsSync(join(parentPath, name)))
      assert.equal(can(inside, `test -r '${join(parentPath, name)}'`), false, name)
    }
    for (const path of [data, join(data, 'segments'), '..', '../../access.db', closed])
      assert.equal(can(inside, `ls ${path}`), false, path)
    await server.stop()
  },
)

test('weir query --data and an export to Parquet, as root', { skip }, async (t) => {
  const { folder, data, args } = place(t)
  await (await WeirServer.start(args)).stop()
  const line = ['query', '* | SELECT count(*) AS n', ...sample('web'), '--data', data]
  const { status, bytes, stderr } = await weir([...line, '--format', 'parquet'])
  assert.deepEqual([status, stderr], [0, ''])
  const file = join(folder, 'answer.parquet')
  writeFileSync(file, bytes)
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const rows = (await connection.runAndReadAll(`SELECT n > 0 FROM '${file}'`)).getRows()
  assert.deepEqual(rows, [[true]])
  connection.closeSync()
})

test('where that cannot be, queries are answered and /healthz says why', { skip }, async (t) => {
  const why = 'queries run as root, not as a user without rights: '
  const without = ['setpriv', '--bounding-set=-setuid', '--']
  const shared = place(t)
  mkdirSync(shared.data)
  chmodSync(shared.data, 0o1777)
  const bare = place(t)
  const cases = [
    {
      ...bare,
      through: without,
      problem: 'this process lacks CAP_SETUID; give it that, or start it as another user than root',
    },
    {
      ...shared,
      through: [],
      problem: `${shared.data} is shared with others; take a folder of Weir's own: --data`,
    },
  ]
  for (const { data, args, through, problem } of cases) {
    await using server = await WeirServer.start(args, { through })
    const problems = [why + problem]
    const health = (await (await fetch(`${server.url}/healthz`)).json()) as object
    assert.deepEqual(health, { status: 'failing', problems, data })
    const at = ['--server', server.url, '--json']
    const answer = await weirSays([
      'query',
      '* | SELECT count(*) > 0 AS x',
      ...sample('web'),
      ...at,
    ])
    assert.deepEqual(JSON.parse(answer), [{ x: 'true' }])
    await server.stop()
    const line = ['query', '* | SELECT 1 AS x', ...sample('web'), '--data', data, '--json']
    const { stdout, stderr } = await weir(line, { through })
    assert.deepEqual([JSON.parse(stdout), stderr], [[{ x: '1' }], `Note: ${problems[0]}\n`])
  }
})
