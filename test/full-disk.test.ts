/**
 * A disk that really is full, at whatever step that happens to be: the log, a segment, the catalogue, opening.
 * What was acknowledged is there once, nothing else is, and the store goes on when there is room. The clock
 * goes back meanwhile.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { isFull } from '../src/base/disk.ts'
import { WeirError } from '../src/base/errors.ts'
import { type LogStore, openLogStore } from '../src/logstore/logstore.ts'
import {
  batchNumber,
  ingestConfig,
  killColumns,
  logstore,
  project,
  rowsIn,
} from './kill-ingest-batches.ts'
import { ask } from './logstore-rows.ts'
import { randomFrom } from './random-from.ts'

const rounds = process.env['WEIR_LONG'] === '1' ? 200 : 10
const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const run = 'full'

/** A file system of 12 MiB; undefined when this user may not have one. */
function smallDisk(context: TestContext): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'weir-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', folder], { stdio: 'pipe' })
  } catch {
    rmSync(folder, { recursive: true })
    return undefined
  }
  context.after(() => {
    execFileSync('umount', ['--lazy', folder])
    rmSync(folder, { recursive: true })
  })
  return folder
}

/** The store may write meanwhile: then it is fuller than told. */
function fill(path: string, left: number): void {
  const { bavail, bsize } = statfsSync(dirname(path))
  try {
    writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize - left)))
  } catch (error) {
    if (!isFull(error)) throw error
  }
}

const met = { stored: 0, refused: 0, background: 0, opened: 0 }

/** What there is room for; the rest is refused as a full disk is. */
async function fillUp(store: LogStore, numbers: readonly number[]): Promise<number[]> {
  const stored: number[] = []
  for (const number of numbers) {
    const id = { flowLog: 'fl', run, number }
    try {
      await store.append(project, logstore, batchNumber(run, number), { id })
      stored.push(number)
    } catch (error) {
      assertFull(error)
      met.refused++
    }
  }
  await store.maintain().catch((error: unknown) => {
    assertFull(error)
    met.background++
  })
  return stored
}

function assertFull(error: unknown): void {
  assert.ok(
    error instanceof WeirError && error.code === 'StorageFull',
    String((error as Error).stack),
  )
}

test(`a full disk, ${rounds} times (seed ${seed})`, async (context) => {
  const disk = smallDisk(context)
  if (disk === undefined) return context.skip('not run: only root can make a small disk')
  const random = randomFrom(seed)
  const clock = { now: 1_767_322_800 + 6 * 3600 }
  const effects = { now: () => clock.now }
  const config = {
    ...ingestConfig,
    reserveBytes: 0,
    mergeFiles: 8,
    engineMemoryBytes: 64 * 2 ** 20,
  }
  const data = join(disk, 'data')
  const filler = join(disk, 'filler')
  let store = await openLogStore(data, config, effects)
  store.createProject(project, { description: '' })
  store.createLogstore(project, logstore, { columns: killColumns, ttlDays: 3650 })
  const expected = new Map<number, number>()
  for (let round = 0; round < rounds; round++) {
    clock.now += random(3) === 0 ? -7200 : 3600
    fill(filler, random(40) * 4096)
    const numbers = Array.from({ length: 10 + random(30) }, (_, each) => round * 100 + each)
    for (const each of await fillUp(store, numbers)) expected.set(each, rowsIn(each))
    if (random(3) === 0) {
      await store.close()
      try {
        store = await openLogStore(data, config, effects)
        met.opened++
      } catch (error) {
        assertFull(error)
        rmSync(filler)
        store = await openLogStore(data, config, effects)
      }
    }
    rmSync(filler, { force: true })
    const rows = await ask(store, project, logstore, 'SELECT batch, count(*) FROM log GROUP BY 1')
    const found = new Map(rows.map(([batch, count]) => [Number(batch), Number(count)]))
    assert.deepEqual(found, new Map([...expected].filter(([each]) => found.has(each))), 'no more')
    for (const [each, count] of expected)
      assert.equal(found.get(each), count, `batch ${each} after round ${round}`)
    assert.deepEqual(await store.verify(), [])
    await store.append(project, logstore, batchNumber(run, round * 100 + 99))
    expected.set(round * 100 + 99, rowsIn(round * 100 + 99))
    if (round % 20 === 19) await store.maintain()
  }
  met.stored = expected.size
  await store.close()
  store = await openLogStore(data, config, effects)
  const [account] = store.accounts()
  assert.equal(account!.storedRows - account!.expiredRows, account!.segmentRows)
  await store.close()
  context.diagnostic(JSON.stringify(met))
  assert.ok(met.refused + met.background > 0)
})
