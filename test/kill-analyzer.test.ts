/**
 * kill -9 at random moments while an analyzer folds: what was not acknowledged is sent again, as a spool does, and
 * every rollup has each batch once. "Totals that agree with the raw records to the byte."
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { batchNumber, bytesOf, openAnalyzer, portOf } from './kill-analyzer-batches.ts'
import { ask } from './logstore-rows.ts'
import { randomFrom } from './random-from.ts'
import { temporaryFolder } from './temporary-folder.ts'

const kills = process.env['WEIR_LONG'] === '1' ? 40 : 2
const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** @returns the last number that was acknowledged, before `next` if none was */
async function killedAfter(
  folder: string,
  { id, next, acknowledged, ms }: { id: string; next: number; acknowledged: number; ms: number },
): Promise<number> {
  const program = join(import.meta.dirname, 'kill-analyzer-child.ts')
  const child = spawn(process.execPath, [program, folder, id, String(next)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let last = next - 1
  let isOver: Promise<unknown> | undefined
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  for await (const line of createInterface(child.stdout)) {
    if (line !== 'ready') last = Number(line)
    if (last - next + 1 >= acknowledged) isOver ??= setTimeout(ms).then(() => child.kill('SIGKILL'))
  }
  await Promise.all([isOver, ended])
  assert.equal(child.signalCode, 'SIGKILL')
  return last
}

test(`each batch once after ${kills} kills, in all six rollups`, async (t) => {
  t.diagnostic(`seed ${seed}`)
  const below = randomFrom(seed)
  const folder = temporaryFolder(t)
  const made = await openAnalyzer(folder)
  const { id } = made.analyzers.create({ intervalMinutes: 1 })
  await made.close()
  let next = 0
  for (let kill = 0; kill < kills; kill++)
    next = 1 + (await killedAfter(folder, { id, next, acknowledged: 1 + below(20), ms: below(40) }))
  const reopened = await openAnalyzer(folder)
  const { store, analyzers } = reopened
  const again = { flowLog: 'fl-kill', run: 'r' }
  for (const number of [next - 1, next])
    // the acknowledgement of one may have been lost too
    await analyzers.deliver(id, batchNumber(number), { ...again, number })
  const wanted = new Map<number, { bytes: number; packets: number }>()
  for (let number = 0; number <= next; number++)
    for (let row = 0; row < batchNumber(number).rows; row++) {
      const port = portOf(number, row)
      const { bytes, packets } = wanted.get(port) ?? { bytes: 0, packets: 0 }
      wanted.set(port, { bytes: bytes + bytesOf(number, row), packets: packets + 1 })
    }
  const all = [...wanted.values()].reduce(
    (sum, each) => ({ bytes: sum.bytes + each.bytes, packets: sum.packets + each.packets }),
    { bytes: 0, packets: 0 },
  )
  for (const { name } of store.logstores(id)) {
    const [total] = await ask(
      store,
      id,
      name,
      'SELECT sum(bytes)::BIGINT, sum(packets)::BIGINT FROM log',
    )
    assert.deepEqual(total, [all.bytes, all.packets], name)
  }
  const byPort =
    'SELECT dstport, sum(bytes)::BIGINT, sum(packets)::BIGINT FROM log GROUP BY 1 ORDER BY 1'
  for (const name of ['tuple5-1', 'tuple5-1440'])
    assert.deepEqual(
      await ask(store, id, name, byPort),
      [...wanted]
        .sort(([a], [b]) => a - b)
        .map(([port, { bytes, packets }]) => [port, bytes, packets]),
    )
  await reopened.close()
})
