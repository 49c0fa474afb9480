/**
 * kill -9 at random moments while batches are stored and counted: a batch is counted once if the log store has it, and
 * not otherwise, whoever was told what. "Metering ... exact and crash-safe".
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { openLogStore } from '../src/logstore/logstore.ts'
import { logstore, meteredBatch, openMeter, project } from './kill-meter-batches.ts'
import { randomFrom } from './random-from.ts'
import { temporaryFolder } from './temporary-folder.ts'

const kills = process.env['WEIR_LONG'] === '1' ? 100 : 3
const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** Runs a child and kills it. @returns the greatest number it said */
async function killOne(dataDir: string, run: string, extraMs: number): Promise<number> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'kill-meter-child.ts'), dataDir, run],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let greatest = -1
  const exit = new Promise((resolve) => child.once('exit', resolve))
  const lines = createInterface({ input: child.stdout })
  const enough = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (line === 'ready') return
      greatest = Math.max(greatest, Number(line))
      if (greatest >= 5) resolve()
    })
  })
  await Promise.race([enough, exit])
  await setTimeout(extraMs)
  child.kill('SIGKILL')
  await exit
  return greatest
}

/** Batches that are noted and not counted. */
function pendingIn(path: string): number {
  const db = new DatabaseSync(path)
  const row = db.prepare('SELECT count(*) AS n FROM billing_pending').get()
  db.close()
  return Number(row?.['n'])
}

test(`a killed server counts each stored batch once (${kills} kills, seed ${seed})`, async (t) => {
  const random = randomFrom(seed)
  const dataDir = temporaryFolder(t)
  const made = await openLogStore(dataDir)
  made.createProject(project, { description: 'counted while being killed' })
  const columns = [{ name: 'number', kind: 'integer' as const }]
  made.createLogstore(project, logstore, { columns, ttlDays: 3650 })
  await made.close()
  let stored = 0
  let wanted = 0
  let left = 0
  for (let kill = 0; kill < kills; kill++) {
    const run = `run-${kill}`
    const greatest = await killOne(dataDir, run, random(60))
    const store = await openLogStore(dataDir)
    left += pendingIn(join(dataDir, 'bills.db'))
    const { db, usage } = openMeter(join(dataDir, 'bills.db'), store)
    for (let number = 0; number <= greatest + 100; number++)
      if (store.isStored(project, logstore, meteredBatch(run, number).target.id)) {
        stored++
        wanted += 1000 + number
      }
    const bytes = (account: string): number =>
      usage
        .between(0, 1e10)
        .filter((use) => use.account === account)
        .reduce((sum, use) => sum + Number(use.bytes), 0)
    assert.deepEqual([bytes('1'), bytes('2')], [wanted, stored])
    db.close()
    assert.equal(pendingIn(join(dataDir, 'bills.db')), 0)
    await store.close()
  }
  assert.ok(stored >= kills * 5)
  t.diagnostic(`${stored} batches, ${left} of them or others under way when it was killed`)
})
