/**
 * A server of the log service that ingests until it is killed: batches 0, 1, 2 ... of a run, as
 * `kill-ingest-batches.ts` makes them, so whoever reads the store afterwards knows exactly what must be
 * there. Each number is written to standard output when its batch is acknowledged, never before. Others
 * put logs and ask by its API, whose URL comes first.
 */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { createApi } from '../src/api/api.ts'
import { createLog } from '../src/base/log.ts'
import { openLogStore } from '../src/logstore/logstore.ts'
import { openAccess } from '../src/programs/open-access.ts'
import { openLogService } from '../src/programs/open-log-service.ts'
import { readStartConfig } from '../src/programs/start-config.ts'
import { defaultQueryConfig, QueryEngine } from '../src/query/query.ts'
import { thingsOver } from './api-server.ts'
import { batchNumber, ingestConfig, logstore, project } from './kill-ingest-batches.ts'

const [dataDir = '', run = '', clockSeconds = ''] = process.argv.slice(2)
const now = () => Math.floor(Date.now() / 1000) + Number(clockSeconds)
const log = createLog()
const store = await openLogStore(dataDir, ingestConfig, { now, log })
const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store)
const access = openAccess(dataDir, join(dataDir, 'master.key'))
const config = readStartConfig({ data: dataDir })
const service = openLogService(config, { store, engine, access, log })
const things = { ...thingsOver(store, log), access, dataDir, query: engine }
const api = createApi({ ...things, logService: service.things })
writeSync(1, `ready ${await api.listen('127.0.0.1', 0)}\n`)

let next = 0
async function ingest(): Promise<never> {
  for (;;) {
    const number = next++
    const id = { flowLog: 'fl-kill', run, number }
    await store.append(project, logstore, batchNumber(run, number), { id })
    writeSync(1, `${number}\n`)
    await setTimeout(10) // puts by the API have their turn
  }
}
await Promise.all(Array.from({ length: 4 }, ingest))
