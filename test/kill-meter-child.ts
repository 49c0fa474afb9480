/**
 * Stores batches of flow log records, and has them counted, until it is killed: batches 0, 1, 2 ... of a run, each
 * sent by two senders at once and again when it was acknowledged. Says each that is acknowledged.
 */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { openLogStore } from '../src/logstore/logstore.ts'
import { meteredBatch, openMeter } from './kill-meter-batches.ts'

const [dataDir = '', run = ''] = process.argv.slice(2)
const store = await openLogStore(dataDir)
const { meter } = openMeter(join(dataDir, 'bills.db'), store)
writeSync(1, 'ready\n')

let next = 0
async function send(number: number): Promise<void> {
  const { batch, parts, target } = meteredBatch(run, number)
  await meter.store(target, 3600, parts, () =>
    store.append(target.project, target.logstore, batch, { id: target.id }),
  )
}

async function ingest(): Promise<never> {
  for (;;) {
    const number = next++
    await Promise.all([send(number), send(number)])
    writeSync(1, `${number}\n`)
    if (number % 3 === 0) await send(number)
    await setTimeout(number % 4)
  }
}
await Promise.all(Array.from({ length: 4 }, ingest))
