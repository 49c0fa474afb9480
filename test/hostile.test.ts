/**
 * "10 000 generated SQL statements and 10 000 mutated HTTP requests leave the server up, give 4xx answers, read
 * nothing outside the caller's stores."
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { hostileRequest, sendBytes } from './hostile-requests.ts'
import { hostileSql } from './hostile-sql.ts'
import { getLogs, putLogs, rowsOf, type Target } from './log-load.ts'
import type { Key } from './log-service-server.ts'
import { randomFrom } from './random-from.ts'
import { sideBySide } from './side-by-side.ts'
import { create, createLogstore, type SmallServer, startSmallServer } from './small-server.ts'
import { signedFetch } from './signed-fetch.ts'
import { writtenSegment } from './written-segment.ts'

const test = sideBySide()

const long = process.env['WEIR_LONG'] === '1'
const requests = long ? 10_000 : 150
const statements = long ? 10_000 : 100
const seed = Number(process.env['WEIR_SEED'] ?? (long ? Date.now() % 1_000_000 : 7))
const rows = 50
const text = { type: 'text', token: [' '], doc_value: true }
const number = { type: 'long', doc_value: true }

interface Attacked extends SmallServer {
  /** Stands in each row and each thing of the project `vault`, and nowhere else. */
  readonly marker: string
  /** May read and write the project `mine`, and nothing else. */
  readonly caller: Target
}

async function start(t: TestContext): Promise<Attacked> {
  const config = 'query: { seconds: 5, memoryMebibytes: 256 }\n'
  const server = await startSmallServer(t, 'mine', { config })
  const { target } = server
  const marker = `marker${randomUUID().replaceAll('-', '')}`
  const vault = { ...target, project: 'vault' }
  await create(vault, { url: '/', body: { projectName: 'vault', description: marker } })
  for (const [owner, logstore, value] of [
    [target, 'own', 'open'],
    [vault, 'secret', marker],
  ] as const) {
    await createLogstore(owner, logstore, { n: number, text, marker: text })
    const logs = Array.from({ length: rows }, (_, row) => ({
      time: 1_767_322_800 + row,
      contents: [
        ['n', String(row)],
        ['text', value],
        ['marker', value],
      ] as const,
    }))
    const { status } = await putLogs(owner, logstore, {
      topic: value,
      source: value,
      tags: [],
      logs,
    })
    assert.equal(status, 200)
    assert.equal((await getLogs(owner, logstore, '*')).status, 200)
  }
  const body = JSON.stringify({
    name: 'caller',
    permissions: [{ project: 'mine', level: 'write' }],
  })
  const headers = { 'content-type': 'application/json' }
  const url = `${server.server.url}/weir/v1/keys`
  const made = await signedFetch(url, { method: 'POST', headers, body }, target.key)
  const key = (await made.json()) as Key
  return { ...server, marker, caller: { ...target, key } }
}

const socketsOf = (pid: number): number =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false // closed meanwhile
      throw error
    }
  }).length

/** What the caller may ask is answered as before, and the server ends well, with nothing in its log. */
async function isWell({ server, target, caller }: Attacked): Promise<void> {
  const answer = await getLogs(caller, 'own', "* | SELECT count(*) AS n WHERE marker = 'open'")
  assert.equal(answer.status, 200, answer.body.toString())
  assert.equal(rowsOf(answer)[0]?.['n'], String(rows))
  const vault = { ...target, project: 'vault' }
  const secret = await getLogs(vault, 'secret', '* | SELECT count(*) AS n')
  assert.equal(rowsOf(secret)[0]?.['n'], String(rows))
  const { stderr } = await server.stop()
  assert.doesNotMatch(stderr, /request failed/)
}

test(`${requests} mutated requests (seed ${seed})`, async (t) => {
  const attacked = await start(t)
  const { pid, caller, marker } = attacked
  const random = randomFrom(seed)
  const before = socketsOf(pid)
  const statuses = new Map<string, number>()
  const attack = async () => {
    for (let left = requests / 10; left > 0; left--) {
      const bytes = hostileRequest(random, caller)
      const answer = (await sendBytes(caller.port, bytes)).toString('latin1')
      const told = `seed ${seed}: ${JSON.stringify(bytes.toString('latin1').slice(0, 3000))}`
      assert.ok(!answer.includes(marker), told)
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 'silent'
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      for (const [, each] of answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm))
        assert.ok(Number(each) < 500, `${each}: ${told}\n${answer.slice(0, 1000)}`)
    }
  }
  await Promise.all(Array.from({ length: 10 }, attack))
  t.diagnostic(JSON.stringify(Object.fromEntries(statuses)))
  assert.ok((statuses.get('200') ?? 0) > requests / 50, 'some are right')
  assert.ok((statuses.get('silent') ?? 0) < requests / 5, 'most are answered')
  for (let wait = 0; wait < 100 && socketsOf(pid) > before + 2; wait++) await setTimeout(100)
  assert.ok(socketsOf(pid) <= before + 2, `${socketsOf(pid)} sockets, ${before} before`)
  await isWell(attacked)
})

test(`${statements} SQL statements of who may read one project (seed ${seed})`, async (t) => {
  const attacked = await start(t)
  const { caller, data, marker } = attacked
  const random = randomFrom(seed + 1)
  const files = [
    join(data, 'master.key'),
    join(data, 'catalogue.db'),
    '/etc/passwd',
    `${data}/**`,
    join(data, 'log/*'),
  ]
  const secrets = [marker, readFileSync(join(data, 'master.key'), 'latin1').trim(), 'root:x:0']
  const statuses = new Map<string, number>()
  const attack = async (count: number) => {
    for (let left = count / 5; left > 0; left--) {
      const query = hostileSql(random, files)
      const answer = await getLogs(caller, 'own', query)
      const told = `seed ${seed}: ${query}\n${answer.body.toString().slice(0, 1000)}`
      for (const secret of secrets) assert.ok(!answer.body.includes(secret), told)
      assert.ok(answer.status === 200 || (answer.status >= 400 && answer.status < 500), told)
      const outcome = /ErrorType:(\w+)/.exec(answer.body.toString())?.[1] ?? String(answer.status)
      statuses.set(outcome, (statuses.get(outcome) ?? 0) + 1)
    }
  }
  const attacks = (count: number) => Promise.all([1, 2, 3, 4, 5].map(() => attack(count)))
  await attacks(statements / 2) // its rows are in no file yet
  const segment = await writtenSegment(data, 'vault/secret')
  assert.ok(readFileSync(segment).includes('marker'), 'the secret is where it is looked for')
  files.push(segment)
  await attacks(statements / 2)
  t.diagnostic(JSON.stringify(Object.fromEntries(statuses)))
  assert.ok((statuses.get('200') ?? 0) > statements / 100, 'some are right')
  for (const stolen of ['/tmp/weir-stolen.csv', '/tmp/weir-stolen']) assert.ok(!existsSync(stolen))
  await isWell(attacked)
})
