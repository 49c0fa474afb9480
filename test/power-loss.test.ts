/**
 * Power loss while batches are ingested, flushed and merged: "replay every prefix that ends at an fsync,
 * and 1 000 seeded reorderings of the unsynced writes". Every acknowledged batch is there exactly once
 * afterwards, and no batch in part. "A record acknowledged survives kill -9 and power loss" (DESIGN.md).
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLogStore } from '../src/logstore/logstore.ts'
import {
  batchNumber,
  ingestConfig,
  killColumns,
  killRollups,
  logstore,
  project,
  rowsIn,
} from './kill-ingest-batches.ts'
import { askFiles, rollupTotals } from './logstore-rows.ts'
import { layOut, powerDisk } from './power-disk.ts'
import type { Lasts, RecordedCall } from './power-disk.ts'
import { randomFrom } from './random-from.ts'

const long = process.env['WEIR_LONG'] === '1'
const reorderings = long ? 1000 : 25
const prefixesMax = long ? Infinity : 10
const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const batches = 160
const run = 'power'
/** After the day that the batches lie in. */
const now = () => 1_767_322_800 + 30 * 3600
const quiet = { ...ingestConfig, flushIntervalMs: 1e9, maintainIntervalMs: 1e9 }

const idOf = (number: number) => ({ flowLog: 'fl-power', run, number })

/** Ingests with the store's own flushes, merges and log files under way; each acknowledgement is noted. */
async function recorded(folder: string): Promise<readonly RecordedCall[]> {
  const { disk, calls, note } = powerDisk(folder)
  const store = await openLogStore(folder, { ...ingestConfig, lateFiles: 4 }, { disk, now })
  store.createProject(project, { description: '' })
  store.createLogstore(project, logstore, {
    columns: killColumns,
    ttlDays: 3650,
    shards: 2,
    rollups: killRollups,
  })
  let next = 0
  const ingest = async () => {
    for (let number = next++; number < batches; number = next++) {
      await store.append(project, logstore, batchNumber(run, number), { id: idOf(number) })
      note(String(number))
      if (number % 20 === 19) await store.maintain()
    }
  }
  await Promise.all(Array.from({ length: 6 }, ingest))
  await store.maintain()
  assert.ok(store.stats().dayMerges > 0)
  const all = [...calls]
  await store.close()
  return all
}

async function check(folder: string, calls: readonly RecordedCall[], what: string) {
  const store = await openLogStore(folder, quiet, { now })
  try {
    const acknowledged = calls.flatMap(({ kind, path }) => (kind === 'note' ? [Number(path)] : []))
    if (store.projects().length === 0) {
      assert.deepEqual(acknowledged, [], what)
      return store.stats()
    }
    assert.deepEqual(await store.verify(), [], `${what}: damaged`)
    const hasLogstore = store.logstores(project).length > 0
    const lease = hasLogstore
      ? await store.lease(project, logstore, 0, 2 ** 40, { rollup: 'runs' })
      : undefined
    const found = await askFiles(
      lease?.files.map(({ path }) => path) ?? [],
      'SELECT batch, count(*), count(DISTINCT "row") FROM log GROUP BY 1 ORDER BY 1',
    )
    assert.deepEqual(lease?.missing ?? [], [], what)
    const having = lease?.files.filter(({ rollup }) => rollup !== undefined) ?? []
    const kept = await rollupTotals(having, 'SELECT sum(__rows)::BIGINT FROM log')
    const rolledUp = having.reduce((sum, { rows }) => sum + rows, 0)
    assert.deepEqual(kept, having.length === 0 ? [] : [[rolledUp]], `${what}: totals`)
    lease?.release()
    for (const [batch, rows, distinct] of found)
      assert.deepEqual([rows, distinct], [rowsIn(Number(batch)), rows], `${what}: ${String(batch)}`)
    const there = new Set(found.map(([batch]) => batch))
    const lost = acknowledged.filter((number) => !there.has(number))
    assert.deepEqual(lost, [], `${what}: acknowledged and gone`)
    for (const number of acknowledged.slice(-2)) {
      const batch = batchNumber(run, number)
      const again = await store.append(project, logstore, batch, { id: idOf(number) })
      assert.deepEqual(again, { stored: false }, `${what}: ${number} was sent again`)
    }
    return store.stats()
  } finally {
    await store.close()
  }
}

test('a power loss at any sync, or between two, loses nothing acknowledged', async (context) => {
  context.diagnostic(`WEIR_SEED=${seed}`)
  const random = randomFrom(seed)
  const root = mkdtempSync(join(tmpdir(), 'weir-power-'))
  context.after(() => rmSync(root, { recursive: true, force: true }))
  const calls = await recorded(join(root, 'recorded'))
  const met = { prefixes: 0, torn: 0, replayed: 0 }
  const lose = async (count: number, lasts: Lasts, what: string) => {
    const folder = join(root, 'after')
    mkdirSync(folder)
    layOut(calls, count, folder, lasts)
    const stats = await check(folder, calls.slice(0, count), `${what} at call ${count}`)
    met.torn += stats.damages
    met.replayed += stats.replayedBatches
    rmSync(folder, { recursive: true })
  }
  const writes = calls.flatMap(({ kind }, index) => (kind === 'write' ? [index + 1] : []))
  const syncs = calls.flatMap(({ kind }, index) =>
    kind === 'sync' || kind === 'publish' || kind === 'create' ? [index + 1] : [],
  )
  const share = Math.max(syncs.length / prefixesMax, 1)
  for (let each = 0; each < syncs.length; each += share) {
    met.prefixes++
    await lose(syncs[Math.floor(each)]!, () => false, 'nothing else lasted')
  }
  for (let each = 0; each < reorderings; each++) {
    const odds = 1 + random(9)
    const lasts = () => random(10) < odds
    const count = each % 2 === 0 ? 1 + random(calls.length) : writes[random(writes.length)]!
    await lose(count, lasts, `reordering ${each}, WEIR_SEED=${seed}`)
  }
  context.diagnostic(
    `${calls.length} calls, ${met.prefixes} of ${syncs.length} prefixes and ${reorderings} ` +
      `reorderings tried, ${met.replayed} batches replayed, ${met.torn} torn groups cut`,
  )
})
