/**
 * kill -9 at random moments while batches are ingested, flushed and merged: every acknowledged batch
 * is there exactly once, and no batch is there in part. "A record acknowledged survives kill -9"
 * (DESIGN.md, What we promise).
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { askFiles } from './logstore-rows.ts'
import type { LogStore } from '../src/logstore/logstore.ts'
import { openLogStore } from '../src/logstore/logstore.ts'
import {
  batchNumber,
  ingestConfig,
  killColumns,
  logstore,
  project,
  rowsIn,
} from './kill-ingest-batches.ts'

const kills = process.env['WEIR_LONG'] === '1' ? 200 : 8
const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** Rounds share a data directory for a while, so that recovery meets what recovery left. */
const killsInOneFolder = 4

/** mulberry32: numbers from 0 to 1 that the seed alone decides. */
function randomFrom(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

/** When a child is killed: some time after it was started, or after it acknowledged so many. */
interface Moment {
  readonly acknowledgements: number | undefined
  readonly extraMs: number
}

async function ingestAndKill(dataDir: string, run: string, moment: Moment): Promise<number[]> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'kill-ingest-child.ts'), dataDir, run],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exited = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once('exit', (_, signal) => resolve(signal)),
  )
  const acknowledged: number[] = []
  let killing = false
  const killOnce = (enough: number) => {
    if (killing || acknowledged.length < enough) return
    killing = true
    setTimeout(() => child.kill('SIGKILL'), moment.extraMs)
  }
  if (moment.acknowledgements === undefined) killOnce(0)
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== 'ready') acknowledged.push(Number(line))
    killOnce(moment.acknowledgements ?? 0)
  }
  assert.equal(await exited, 'SIGKILL', 'the child ran until it was killed')
  return acknowledged
}

/** Merged segments, levels 1 and 2, that were being written. */
const unfinishedMerges = (dataDir: string): number =>
  readdirSync(join(dataDir, 'segments'), { recursive: true }).filter((name) =>
    /-[12]-\d+\.parquet\.tmp$/.test(String(name)),
  ).length

async function newDataDir(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'weir-kill-'))
  const store = await openLogStore(dataDir, ingestConfig)
  store.createProject(project, { description: 'written while being killed' })
  const options = { columns: killColumns, ttlDays: 3650, sortBy: ['batch'] }
  store.createLogstore(project, logstore, options)
  await store.close()
  return dataDir
}

/** Rows of each batch, by run and number; asserts that no row is there twice or wrong. */
async function batchesIn(store: LogStore): Promise<Map<string, number>> {
  const lease = await store.lease(project, logstore, 0, 2 ** 40)
  try {
    const paths = lease.files.map(({ path }) => path)
    const wrong = `count(*) FILTER (text IS DISTINCT FROM if("row" % 2 = 0, 'even', 'odd'))`
    const rows = await askFiles(
      paths,
      `SELECT run, batch, count(*), count(DISTINCT "row"), max("row"), ${wrong} FROM log GROUP BY ALL`,
    )
    const found = new Map<string, number>()
    for (const [run, batch, count, distinct, last, mistakes] of rows) {
      const name = `${String(run)}:${String(batch)}`
      assert.deepEqual([distinct, last, mistakes], [count, Number(count) - 1, 0], name)
      found.set(name, Number(count))
    }
    return found
  } finally {
    lease.release()
  }
}

async function check(dataDir: string, expected: ReadonlySet<string>, run: string): Promise<number> {
  const store = await openLogStore(dataDir, ingestConfig)
  try {
    for (const when of ['after recovery', 'after compaction']) {
      const found = await batchesIn(store)
      const missing = [...expected].filter((name) => !found.has(name))
      assert.deepEqual(missing, [], `acknowledged and gone ${when}`)
      for (const [name, rows] of found)
        assert.equal(rows, rowsIn(Number(name.split(':')[1])), `batch ${name} ${when}`)
      await store.maintain()
    }
    for (const name of [...expected].slice(-20)) {
      const [itsRun = '', number = ''] = name.split(':')
      const id = { flowLog: 'fl-kill', run: itsRun, number: Number(number) }
      const again = await store.append(project, logstore, batchNumber(itsRun, id.number), { id })
      assert.deepEqual(again, { stored: false }, `${name} was sent again`)
    }
    const id = { flowLog: 'fl-kill', run: `${run}-new`, number: 0 }
    assert.deepEqual(await store.append(project, logstore, batchNumber(`${run}-new`, 0), { id }), {
      stored: true,
    })
    return store.stats().replayedBatches
  } finally {
    await store.close()
  }
}

async function checkAndRemove(dataDir: string, expected: ReadonlySet<string>): Promise<void> {
  await check(dataDir, expected, 'last')
  rmSync(dataDir, { recursive: true })
}

test(`${kills} kills lose nothing acknowledged and leave nothing partly`, async (context) => {
  const random = randomFrom(seed)
  context.diagnostic(`WEIR_SEED=${seed}`)
  const met = { batches: 0, replayed: 0, merges: 0 }
  let dataDir = ''
  let expected = new Set<string>()
  for (let kill = 0; kill < kills; kill++) {
    if (kill % killsInOneFolder === 0) {
      if (dataDir) await checkAndRemove(dataDir, expected)
      dataDir = await newDataDir()
      expected = new Set()
    }
    const run = `run-${kill}`
    const early = random() < 0.2 // while it opens, when it has a log to replay
    const moment = {
      acknowledgements: early ? undefined : Math.floor(random() * 400),
      extraMs: Math.floor(random() * (early ? 400 : 120)),
    }
    const acknowledged = await ingestAndKill(dataDir, run, moment)
    met.batches += acknowledged.length
    met.merges += Math.min(unfinishedMerges(dataDir), 1)
    for (const number of acknowledged) expected.add(`${run}:${number}`)
    if (random() < 0.3) continue // the next child recovers it
    met.replayed += await check(dataDir, expected, run)
    expected.add(`${run}-new:0`)
  }
  await checkAndRemove(dataDir, expected)
  context.diagnostic(
    `${kills} kills, ${met.merges} of them in a merge, ${met.batches} batches acknowledged, ` +
      `${met.replayed} replayed by the test`,
  )
})
