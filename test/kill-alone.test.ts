/**
 * kill -9 at random moments while a flow log delivers to an analyzer and a logstore, and then, since delivery to the
 * logstore is disabled, to the analyzer alone. What was not acknowledged is sent again, as a spool does: the logstore has
 * what came before, each rollup has each batch once, and the bill has the bytes of each batch once.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { flowRecordColumns } from '../src/record/columns.ts'
import { batchNumber, hasTraffic, openServer, place, weightOf } from './kill-alone-batches.ts'
import { bytesOf } from './kill-analyzer-batches.ts'
import { ask } from './logstore-rows.ts'
import { randomFrom } from './random-from.ts'
import { temporaryFolder } from './temporary-folder.ts'

const kills = process.env['WEIR_LONG'] === '1' ? 40 : 2
const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

interface Killing {
  readonly flowLog: string
  readonly next: number
  readonly disables: boolean
  readonly acknowledged: number
  readonly ms: number
}

/** @returns the last number that was acknowledged, before `next` if none was */
async function killedAfter(
  folder: string,
  { flowLog, next, disables, acknowledged, ms }: Killing,
): Promise<number> {
  const program = join(import.meta.dirname, 'kill-alone-child.ts')
  const given = [folder, flowLog, String(next), String(disables)]
  const child = spawn(process.execPath, [program, ...given], {
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

const sum = (count: number, of: (number: number) => number): number =>
  Array.from({ length: count }, (_, number) => of(number)).reduce((a, b) => a + b, 0)

const trafficBytes = (number: number): number =>
  hasTraffic(number) ? sum(batchNumber(number).rows, (row) => bytesOf(number, row)) : 0

/** Bytes by kind and target, as they are to be billed. */
function usageOf({ state }: Awaited<ReturnType<typeof openServer>>): Map<string, number> {
  const rows = state.database
    .prepare("SELECT kind || ' ' || target AS what, sum(bytes) AS n FROM billing_usage GROUP BY 1")
    .all()
  return new Map(rows.map(({ what, n }) => [String(what), Number(n)]))
}

test(`to an analyzer alone: each batch once after ${kills} kills, in rollups and on the bill`, async (t) => {
  t.diagnostic(`seed ${seed}`)
  const below = randomFrom(seed)
  const folder = temporaryFolder(t)
  const made = await openServer(folder)
  made.store.createProject(place.project, { description: 'killed' })
  made.store.createLogstore(place.project, place.logstore, {
    columns: flowRecordColumns,
    ttlDays: 3650,
  })
  const analyzer = made.keeper.create({ intervalMinutes: 1 }).id
  const target = { resourceType: 'VPC', resourceId: 'vpc-1', windowSeconds: 60 } as const
  const flowLog = made.flowLogs.create({ ...target, ...place, analyzer }, 'key').id
  await made.flowLogs.settled(flowLog)
  await made.close()
  const disabledFrom = Math.floor(kills / 2)
  let next = 0
  for (let kill = 0; kill < kills; kill++) {
    const when = { disables: kill >= disabledFrom, acknowledged: 1 + below(20), ms: below(40) }
    next = 1 + (await killedAfter(folder, { flowLog, next, ...when }))
    const opened = await openServer(folder)
    const generated = [...usageOf(opened)]
      .filter(([what]) => what.startsWith('generated'))
      .reduce((all, [, bytes]) => all + bytes, 0)
    // What was under way may have arrived. Of records without traffic that an analyzer gets alone nothing is kept.
    const acknowledged = sum(next, weightOf)
    assert.ok([acknowledged, acknowledged + weightOf(next)].includes(generated), `kill ${kill}`)
    await opened.close()
  }
  const reopened = await openServer(folder)
  const { store } = reopened
  for (const number of [0, next - 1, next]) await reopened.send(flowLog, number)
  const all = next + 1
  const id = (number: number) => ({ flowLog, run: 'r', number })
  const isRaw = (number: number) => store.isStored(place.project, place.logstore, id(number))
  const raw = Array.from({ length: all }, (_, number) => number).filter(isRaw)
  assert.deepEqual(
    raw,
    raw.map((_, index) => index),
    'the logstore has what came first',
  )
  assert.ok(raw.length > 0 && raw.length < all)
  const rows = await ask(store, place.project, place.logstore, 'SELECT count(*)::BIGINT FROM log')
  assert.deepEqual(rows, [[sum(raw.length, (number) => batchNumber(number).rows)]])
  for (const { name } of store.logstores(analyzer)) {
    const total = await ask(store, analyzer, name, 'SELECT sum(bytes)::BIGINT FROM log')
    assert.deepEqual(total, [[sum(all, trafficBytes)]], name)
  }
  await reopened.close()
  const counted = await openServer(folder)
  assert.deepEqual(
    Object.fromEntries(usageOf(counted)),
    {
      [`generated ${place.project}/${place.logstore}`]: sum(raw.length, weightOf),
      'generated ': sum(all, weightOf) - sum(raw.length, weightOf),
      [`analyzed ${analyzer}`]: sum(all, weightOf),
    },
    'bytes on bills',
  )
  await counted.close()
  t.diagnostic(`${all} batches, ${raw.length} of them in the logstore too`)
})
