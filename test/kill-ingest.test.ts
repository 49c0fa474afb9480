/**
 * kill -9 at random moments while a server stores, flushes, merges, expires and answers: every acknowledged
 * batch is there exactly once, and no batch is there in part. "A record acknowledged survives kill -9"
 * (DESIGN.md, What we promise). The clock jumps between kills, also back.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { Indexes, readIndex } from '../src/log-service/log-service.ts'
import type { LogStore, LogstoreAccount } from '../src/logstore/logstore.ts'
import { openLogStore } from '../src/logstore/logstore.ts'
import { openAccess } from '../src/programs/open-access.ts'
import { openState } from '../src/programs/state.ts'
import {
  batchNumber,
  groupNumber,
  ingestConfig,
  killColumns,
  killRollups,
  logstore,
  project,
  putLogstores,
  rowsIn,
} from './kill-ingest-batches.ts'
import { getLogs, putLogs, rowsOf, type Target } from './log-load.ts'
import type { Key } from './log-service-server.ts'
import { askFiles, rollupTotals } from './logstore-rows.ts'
import { randomFrom } from './random-from.ts'
import { weir } from './weir-process.ts'

const kills = process.env['WEIR_LONG'] === '1' ? 200 : 4
const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** Rounds share a data directory for a while, so that recovery meets what recovery left. */
const killsInOneFolder = 4
const daySeconds = 86_400
const met = { batches: 0, put: 0, merges: 0, days: 0, answers: 0, expired: 0, back: 0 }

let checks = 0

/** A data directory, and what must be in it: names of batches, `run:number`, by logstore. */
interface Folder {
  readonly dataDir: string
  readonly key: Key
  readonly expected: ReadonlyMap<string, Set<string>>
  /** What is added to the clock, seconds. */
  clock: number
}

/** When a child is killed: some time after it was started, or after it acknowledged so many PutLogs. */
interface Moment {
  readonly acknowledgements: number | undefined
  readonly extraMs: number
}

const newFolder = async (): Promise<Folder> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'weir-kill-'))
  const store = await openLogStore(dataDir, ingestConfig)
  store.createProject(project, { description: 'written while being killed' })
  const options = { columns: killColumns, ttlDays: 3650, sortBy: ['batch'] }
  store.createLogstore(project, logstore, { ...options, rollups: killRollups })
  const number = { type: 'long', doc_value: true }
  const text = { type: 'text', token: [' '], doc_value: true }
  const index = readIndex({ keys: { run: text, text, batch: number, row: number } })
  for (const name of putLogstores) {
    const ttlDays = name === 'short' ? 1 : 3650
    store.createLogstore(project, name, { columns: [], openColumns: true, ttlDays })
    new Indexes(store).set(project, name, index)
  }
  await store.close()
  openState(dataDir).close()
  const access = openAccess(dataDir, join(dataDir, 'master.key'))
  const key = access.firstKey!
  access.close()
  const expected = new Map([logstore, ...putLogstores].map((name) => [name, new Set<string>()]))
  return { dataDir, key, expected, clock: 0 }
}

async function ingestAndKill(folder: Folder, run: string, moment: Moment): Promise<void> {
  const args = [folder.dataDir, run, String(folder.clock)]
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'kill-ingest-child.ts'), ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exited = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once('exit', (_, signal) => resolve(signal)),
  )
  let acknowledged = 0
  let killing = false
  const killOnce = (enough: number) => {
    if (killing || acknowledged < enough) return
    killing = true
    setTimeout(() => child.kill('SIGKILL'), moment.extraMs)
  }
  const note = (name: string, number: number) => {
    folder.expected.get(name)!.add(`${run}:${number}`)
    if (name !== logstore) acknowledged++
    killOnce(moment.acknowledgements ?? 0)
  }
  if (moment.acknowledgements === undefined) killOnce(0)
  let clients: Promise<unknown> | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    const [, url] = /^ready (.+)$/.exec(line) ?? []
    if (url === undefined) note(logstore, Number(line))
    else clients = useServer(folder, Number(new URL(url).port), run, note)
  }
  await clients
  assert.equal(await exited, 'SIGKILL', 'the child ran until it was killed')
}

/** Puts and asks until the server is gone. */
async function useServer(
  folder: Folder,
  port: number,
  run: string,
  note: (name: string, number: number) => void,
): Promise<void> {
  const target = { port, project, key: folder.key }
  const before = [...folder.expected.get('put')!]
  let next = 0
  const put = async () => {
    const number = next++
    const name = putLogstores[number % 2]!
    const { status, body } = await putLogs(target, name, groupNumber(run, number))
    assert.equal(status, 200, body.toString())
    note(name, number)
  }
  const query = async () => {
    const before = folder.expected.get('put')!.size
    const answer = await getLogs(
      target,
      'put',
      "* | SELECT count(DISTINCT concat(run, ':', cast(batch AS varchar))) AS n",
    )
    assert.equal(answer.status, 200, answer.body.toString())
    assert.ok(Number(rowsOf(answer)[0]?.['n']) >= before, `fewer than ${before} batches`)
    met.answers++
  }
  const loop = async (work: () => Promise<void>) => {
    while (await untilGone(work));
  }
  const asking = async () => {
    if (await untilGone(() => checkBySql(target, before))) await loop(query)
  }
  await Promise.all([...Array.from({ length: 6 }, () => loop(put)), asking(), asking()])
}

/** Whether it came to its end before the server was gone. */
async function untilGone(work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ECONNRESET' || code === 'ECONNREFUSED' || code === 'EPIPE') return false
    throw error
  }
}

/** What was acknowledged before, by count and sum through the server's own API. */
async function checkBySql(target: Target, wanted: readonly string[]): Promise<void> {
  const sql = '* | SELECT run, batch, count(*) AS n, sum(row) AS s GROUP BY run, batch LIMIT 100000'
  const answer = await getLogs(target, 'put', sql)
  assert.equal(answer.status, 200, answer.body.toString())
  const found = new Map(rowsOf(answer).map((row) => [`${row['run']}:${row['batch']}`, row]))
  for (const name of wanted) {
    const rows = rowsIn(Number(name.split(':')[1]))
    const { n, s } = found.get(name) ?? {}
    assert.deepEqual([Number(n), Number(s)], [rows, (rows * (rows - 1)) / 2], name)
  }
  met.answers++
}

/** Merged segments, levels 1 and 2, that were being written, and days. */
const unfinishedMerges = (dataDir: string, what = /\/\d\d-[12]-\d+\.parquet\.tmp$/): number =>
  readdirSync(join(dataDir, 'segments'), { recursive: true }).filter((name) =>
    what.test(String(name)),
  ).length

/** Rows of each batch, by run and number; asserts that no row is there twice or wrong. */
async function batchesIn(store: LogStore, name: string): Promise<Map<string, number>> {
  const lease = await store.lease(project, name, 0, 2 ** 40, { rollup: 'runs' })
  try {
    const having = lease.files.filter(({ rollup }) => rollup !== undefined)
    for (const [rows] of await rollupTotals(having, 'SELECT sum(__rows)::BIGINT FROM log'))
      assert.equal(
        rows,
        having.reduce((sum, file) => sum + file.rows, 0),
        `${name}: totals`,
      )
    const paths = lease.files.map(({ path }) => path)
    const wrong = `count(*) FILTER (text IS DISTINCT FROM if("row" % 2 = 0, 'even', 'odd'))`
    const rows = await askFiles(
      paths,
      `SELECT run, batch, count(*), count(DISTINCT "row"), ${wrong} FROM log GROUP BY ALL`,
    )
    const found = new Map<string, number>()
    for (const [run, batch, count, distinct, mistakes] of rows) {
      const each = `${name} ${String(run)}:${String(batch)}`
      assert.deepEqual([distinct, mistakes], [count, 0], each)
      found.set(`${String(run)}:${String(batch)}`, Number(count))
    }
    return found
  } finally {
    lease.release()
  }
}

/** Each acknowledged batch once and whole; of logs that expire, those of the last run. */
async function checkRows(store: LogStore, { expected }: Folder, run: string, when: string) {
  for (const [name, wanted] of expected) {
    const found = await batchesIn(store, name)
    const isDue = (each: string) => name !== 'short' || each.startsWith(`${run}:`)
    const missing = [...wanted].filter((each) => isDue(each) && !found.has(each))
    assert.deepEqual(missing, [], `acknowledged and gone from ${name} ${when}`)
    for (const [each, rows] of found)
      if (isDue(each)) assert.equal(rows, rowsIn(Number(each.split(':')[1])), `${each} ${when}`)
  }
}

async function check(folder: Folder, run: string): Promise<void> {
  await checkByCommand(folder)
  const now = () => Math.floor(Date.now() / 1000) + folder.clock
  const store = await openLogStore(folder.dataDir, ingestConfig, { now })
  try {
    for (const when of ['after recovery', 'after compaction']) {
      await checkRows(store, folder, run, when)
      await store.maintain()
    }
    const expected = folder.expected.get(logstore)!
    for (const name of [...expected].slice(-20)) {
      const [itsRun = '', number = ''] = name.split(':')
      const id = { flowLog: 'fl-kill', run: itsRun, number: Number(number) }
      const again = await store.append(project, logstore, batchNumber(itsRun, id.number), { id })
      assert.deepEqual(again, { stored: false }, `${name} was sent again`)
    }
    const fresh = `new-${checks++}`
    const id = { flowLog: 'fl-kill', run: fresh, number: 0 }
    const batch = batchNumber(fresh, 0)
    assert.deepEqual(await store.append(project, logstore, batch, { id }), { stored: true })
    expected.add(`${fresh}:0`)
  } finally {
    await store.close()
  }
}

/** `weir check` says that all is well, and that no batch with an id was forgotten. */
async function checkByCommand({ dataDir, expected }: Folder): Promise<void> {
  const { status, stdout, stderr } = await weir(['check', '--data', dataDir, '--json'])
  assert.equal(status, 0, `${stdout}\n${stderr}`)
  const { store } = JSON.parse(stdout) as { store: { logstores: LogstoreAccount[] } }
  for (const account of store.logstores) {
    const wanted = expected.get(account.logstore)!
    if (account.logstore === logstore) assert.ok(account.batches >= wanted.size)
    if (account.logstore === 'short') met.expired += account.expiredRows
    const rows = [...wanted].reduce((sum, each) => sum + rowsIn(Number(each.split(':')[1])), 0)
    assert.ok(account.storedRows + account.hotRows >= rows, JSON.stringify(account))
  }
}

async function checkAndRemove(folder: Folder, run: string): Promise<void> {
  await check(folder, run)
  for (const [name, batches] of folder.expected)
    met[name === logstore ? 'batches' : 'put'] += batches.size
  rmSync(folder.dataDir, { recursive: true })
}

test(`${kills} kills lose nothing acknowledged and leave nothing partly`, async (context) => {
  const random = randomFrom(seed)
  context.diagnostic(`WEIR_SEED=${seed}`)
  let folder = await newFolder()
  for (let kill = 0; kill < kills; kill++) {
    const run = `run-${kill}`
    if (kill % killsInOneFolder === 0 && kill > 0) {
      await checkAndRemove(folder, `run-${kill - 1}`)
      folder = await newFolder()
    }
    const jumpsBack = kill % killsInOneFolder > 0 && random(4) === 0
    folder.clock += (jumpsBack ? -3 : 2) * daySeconds
    met.back += jumpsBack ? 1 : 0
    const early = random(10) < 2 // while it opens, when it has a log to replay
    await ingestAndKill(folder, run, {
      acknowledgements: early ? undefined : random(250),
      extraMs: random(early ? 1200 : 200),
    })
    met.merges += Math.min(unfinishedMerges(folder.dataDir), 1)
    met.days += Math.min(unfinishedMerges(folder.dataDir, /\/day-2-.*\.tmp$/), 1)
    if (random(10) < 3) continue // the next child recovers it
    await check(folder, run)
  }
  await checkAndRemove(folder, `run-${kills - 1}`)
  context.diagnostic(`${kills} kills: ${JSON.stringify(met)}`)
})
