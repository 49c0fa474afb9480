/**
 * The child process queries run in. It holds no secret and no state worth keeping: whatever happens
 * in it, killing it is safe. One query at a time, each on an instance of its own.
 */
import { assert } from '../base/assert.ts'
import type { Engine } from './engine.ts'
import { createEngine, engineError } from './engine.ts'
import { executeQuery } from './execute.ts'
import { lookupsOf } from './udf-lookups.ts'
import type { FromWorker, ToWorker, WorkerQuery, WorkerSetup } from './worker-messages.ts'

const setup = JSON.parse(process.argv[2]!) as WorkerSetup
/** How often the resident memory is looked at: twenty times less than a fast machine fills a GiB. */
const watchMilliseconds = 50

/** Opened at the first query that looks something up, and kept for those that follow. */
const lookups = lookupsOf(setup.enrichment)

let running: Engine | undefined
let prepared = createEngine(setup.engine, lookups)

const send = (message: FromWorker): void => {
  process.send?.(message)
}

async function run(query: WorkerQuery): Promise<void> {
  assert(running === undefined, 'a worker runs one query at a time')
  const engine = await prepared
  running = engine
  try {
    const { columns, hasSql, limited } = await executeQuery(engine, query, (rows) => {
      send({ kind: 'rows', rows })
    })
    send({ kind: 'done', columns, hasSql, limited })
  } catch (error) {
    const { code, message, place, hint } = engineError(error)
    send({ kind: 'failed', code, message, place, hint })
  } finally {
    running = undefined
    engine.connection.closeSync()
    engine.instance.closeSync()
  }
  prepared = createEngine(setup.engine, lookups)
  await prepared
  send({ kind: 'ready' })
}

process.on('message', (message: ToWorker) => {
  if (message.kind === 'interrupt') running?.connection.interrupt()
  else run(message.query).catch(fail)
})
process.on('disconnect', () => process.exit(0))

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}

setInterval(() => {
  if (running === undefined || process.memoryUsage.rss() <= setup.processBytesMax) return
  const message = 'the query needs more memory than it may have'
  const hint = 'ask for a shorter time range or fewer groups'
  running = undefined
  process.send?.({ kind: 'failed', code: 'QueryMemory', message, place: undefined, hint }, () =>
    process.exit(1),
  )
}, watchMilliseconds).unref()

await prepared
await import('@polyglot-sql/sdk')
send({ kind: 'ready' })
