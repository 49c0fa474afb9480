/**
 * Ingests until it is killed: batches 0, 1, 2 ... of a run, as `kill-ingest-batches.ts` makes them, so
 * whoever reads the store afterwards knows exactly what must be there. Each number is written to
 * standard output when its batch is acknowledged, never before.
 */
import { writeSync } from 'node:fs'
import { openLogStore } from '../src/logstore/logstore.ts'
import { batchNumber, ingestConfig, logstore, project } from './kill-ingest-batches.ts'

const [dataDir = '', run = ''] = process.argv.slice(2)
const store = await openLogStore(dataDir, ingestConfig)
writeSync(1, 'ready\n')

let next = 0
async function ingest(): Promise<never> {
  for (;;) {
    const number = next++
    const id = { flowLog: 'fl-kill', run, number }
    await store.append(project, logstore, batchNumber(run, number), { id })
    writeSync(1, `${number}\n`)
  }
}
await Promise.all(Array.from({ length: 8 }, ingest))
