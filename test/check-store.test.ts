/** `weir check` of a log store with real damage: found, named, and the exit status is not 0. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { type LogStore, nodeDisk, openLogStore } from '../src/logstore/logstore.ts'
import { openState } from '../src/programs/state.ts'
import { startServer } from './api-server.ts'
import { flipBit } from './faulty-disk.ts'
import { batchOf, temporaryFolder, testColumns } from './logstore-rows.ts'
import { randomFrom } from './random-from.ts'
import { sideBySide } from './side-by-side.ts'
import { weir } from './weir-process.ts'

const test = sideBySide()

/** 2026-01-02T03:00:00Z */
const at = 1_767_322_800
const hour = 3600
const seed = Number(process.env['WEIR_SEED'] ?? 11)

/** Three segments of shop/log, one row an hour, and 2 batches with an id. */
async function fill(store: LogStore): Promise<void> {
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 3650 })
  for (const number of [0, 1, 2]) {
    const rows = batchOf([[at + number * hour, 'a', number, null]])
    const id = { flowLog: 'fl', run: 'r', number }
    await store.append('shop', 'log', rows, number === 0 ? {} : { id })
    const lease = await store.lease('shop', 'log', 0, 2 ** 40)
    lease.release()
  }
}

async function dataDirectory(context: TestContext): Promise<string> {
  const folder = temporaryFolder(context)
  const store = await openLogStore(folder)
  await fill(store)
  await store.close()
  openState(folder).close()
  return folder
}

const segmentsIn = (folder: string): string[] =>
  readdirSync(join(folder, 'segments/shop/log'), { recursive: true })
    .map((name) => join(folder, 'segments/shop/log', String(name)))
    .filter((path) => path.endsWith('.parquet'))
    .sort()

interface Report {
  readonly problems: readonly string[]
  readonly store?: {
    readonly files: number
    readonly logBytes: number
    readonly logstores: readonly Record<string, unknown>[]
    readonly damages: readonly Record<string, unknown>[]
  }
}

async function checkJson(...args: string[]) {
  const { status, stdout, stderr } = await weir(['check', '--json', ...args])
  assert.notEqual(stdout, '', stderr)
  return { status, report: JSON.parse(stdout) as Report }
}

test('weir check reads a whole store, at rest and through its server', async (context) => {
  const data = await dataDirectory(context)
  const { status, report } = await checkJson('--data', data)
  assert.deepEqual([status, report.problems], [0, []])
  const bytes = segmentsIn(data).reduce((sum, path) => sum + readFileSync(path).length, 0)
  const account = {
    project: 'shop',
    logstore: 'log',
    segments: 3,
    segmentRows: 3,
    segmentBytes: bytes,
    hotRows: 0,
    storedRows: 3,
    expiredRows: 0,
    batches: 2,
  }
  assert.deepEqual(report.store, { files: 3, logBytes: 0, logstores: [account], damages: [] })
  const { stdout } = await weir(['check', '--data', data])
  assert.match(stdout, /^Log store: 3 files were read, 0 bytes of them log$/m)
  const cells = ['shop/log', '3', bytes.toLocaleString('en'), '3', '0', '0', '2']
  assert.match(stdout, new RegExp(`^ ?${cells.join(' +')} *$`, 'm'))
  assert.match(stdout, /\nAll is well\.\n$/)

  const { url, store } = await startServer(context)
  await fill(store)
  await store.append('shop', 'log', batchOf([[at, 'hot', 9, null]]))
  const served = await checkJson('--server', url)
  assert.deepEqual([served.status, served.report.problems], [0, []])
  const [log] = served.report.store!.logstores
  assert.deepEqual(log, { ...account, segmentBytes: log!['segmentBytes'], hotRows: 1 })
  assert.ok(served.report.store!.logBytes > 0)
})

test('a bit flipped anywhere in a segment is named with project, logstore and hour', async (context) => {
  const data = await dataDirectory(context)
  const path = segmentsIn(data)[1]!
  const whole = readFileSync(path)
  const random = randomFrom(seed)
  const name = 'damaged: shop/log, hour 2026-01-02T04:00Z, 1 rows'
  for (let round = 0; round < 3; round++) {
    const byte = random(whole.length)
    flipBit(path, byte)
    const { status, report } = await checkJson('--data', data)
    const told = `byte ${byte}, WEIR_SEED=${seed}`
    assert.deepEqual(
      [status, report.problems],
      [1, [`${name}: its checksum is wrong (${path})`]],
      told,
    )
    assert.deepEqual(report.store?.damages, [
      {
        path,
        project: 'shop',
        logstore: 'log',
        hour: at / hour + 1,
        rows: 1,
        reason: 'its checksum is wrong',
      },
    ])
    writeFileSync(path, whole)
  }
  writeFileSync(path, whole.subarray(0, 100))
  const cut = await checkJson('--data', data)
  const reason = `it has 100 of ${whole.length} bytes`
  assert.deepEqual([cut.status, cut.report.problems], [1, [`${name}: ${reason} (${path})`]])
  writeFileSync(path, whole)
  assert.equal((await checkJson('--data', data)).status, 0, 'restored')
})

test('a damaged log is named, also while a server has it', async (context) => {
  const { url, store } = await startServer(context)
  await fill(store)
  await store.append('shop', 'log', batchOf([[at, 'hot', 9, null]]))
  const [answer] = await store.verify()
  assert.equal(answer, undefined)

  const folder = temporaryFolder(context)
  const full = () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }))
  const other = await openLogStore(folder, {}, { disk: { ...nodeDisk, publish: full } })
  other.createProject('shop', { description: '' })
  other.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 3650 })
  for (const number of [0, 1, 2])
    await other.append('shop', 'log', batchOf([[at, 'a', number, null]]))
  await other.close()
  openState(folder).close()
  const [file = ''] = readdirSync(join(folder, 'log'))
  const path = join(folder, 'log', file)
  flipBit(path, 40)
  const { status, report } = await checkJson('--data', folder)
  assert.equal(status, 1)
  assert.equal(report.problems.length, 1)
  assert.match(report.problems[0]!, /^StorageBroken: the log is damaged: .* \(byte 0 of .*\.log\)/)
  assert.equal(report.store, undefined)
  assert.equal((await checkJson('--server', url)).status, 0)
})

test('a damaged catalogue is named, and rows that it has lost are counted', async (context) => {
  const data = await dataDirectory(context)
  const path = join(data, 'catalogue.db')
  const db = new DatabaseSync(path)
  db.exec(
    "UPDATE segments SET rows = rows - 1 WHERE path LIKE '%/03-%'; PRAGMA journal_mode = DELETE",
  )
  db.close()
  const { status, report } = await checkJson('--data', data)
  assert.deepEqual(
    [status, report.problems],
    [1, ['shop/log: 3 rows should be in segments, not 2']],
  )
  const bytes = readFileSync(path)
  bytes.fill(0xa5, 4096, 4096 + 200) // the head of the second page
  writeFileSync(path, bytes)
  const { status: broken, stderr } = await weir(['check', '--data', data])
  assert.equal(broken, 4)
  assert.match(stderr, /^weir: DataDirInvalid: the catalogue (is damaged|cannot be read)/)
  assert.ok(stderr.includes(path))
})

test('what retention drops is counted, and the account adds up', async (context) => {
  const clock = { now: at }
  const folder = temporaryFolder(context)
  const store = await openLogStore(folder, {}, { now: () => clock.now })
  context.after(() => store.close())
  await fill(store)
  store.updateTtl('shop', 'log', 1)
  clock.now = at + 26 * hour
  await store.maintain()
  const [account] = store.accounts()
  const { storedRows, expiredRows, segmentRows } = account!
  assert.deepEqual(
    { storedRows, expiredRows, segmentRows },
    { storedRows: 3, expiredRows: 2, segmentRows: 1 },
  )
})
