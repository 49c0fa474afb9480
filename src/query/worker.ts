/**
 * The child process queries run in. It holds no secret and no state worth keeping: whatever happens
 * in it, killing it is safe. One query at a time, each on an engine that only queries of its project have used.
 */
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import type { Engine } from './engine.ts'
import { engineError } from './engine.ts'
import { Engines } from './engines.ts'
import { executeQuery } from './execute.ts'
import { parseQuery } from './parse.ts'
import type { LeasedScan } from './source.ts'
import { lookupsOf } from './udf-lookups.ts'
import type { FromWorker, ToWorker, WorkerQuery, WorkerSetup } from './worker-messages.ts'

const setup = JSON.parse(process.argv[2]!) as WorkerSetup
/** How often the resident memory is looked at: twenty times less than a fast machine fills a GiB. */
const watchMilliseconds = 50

/** How often one is told how far a query is. */
const progressMilliseconds = 200

/** Opened at the first query that looks something up, and kept for those that follow. */
const lookups = lookupsOf(setup.enrichment)

/** For 60,000 rows that are in no file, or 16 MiB of longer ones, and their texts; queries have the rest. */
const hotBytesMax = 256 * 1024 * 1024
const hasRoom = setup.engine.memoryBytesMax >= hotBytesMax

interface Running {
  readonly engine: Engine
  isStopped: boolean
  /** Set while the files of a query are on their way. */
  waiting?: {
    readonly resolve: (leased: readonly LeasedScan[]) => void
    readonly reject: (error: WeirError) => void
  }
}

let running: Running | undefined
const engines = new Engines(setup.engine, lookups, setup.isLinked)

const send = (message: FromWorker): void => {
  process.send?.(message)
}

async function run(query: WorkerQuery): Promise<void> {
  assert(running === undefined, 'a worker runs one query at a time')
  const engine = await engines.take(query)
  const now: Running = { engine, isStopped: false }
  running = now
  let isClean = false
  const progress = setInterval(() => {
    const { percentage } = engine.connection.progress
    if (percentage >= 0) send({ kind: 'progress', share: Math.min(percentage / 100, 1) })
  }, progressMilliseconds)
  try {
    const { cut, ...answer } = await executeQuery(engine, query, {
      take: (rows) => send({ kind: 'rows', rows }),
      lease: (scans) =>
        new Promise((resolve, reject) => {
          now.waiting = { resolve, reject }
          // One that is given up after the query would have to take all of them.
          const keepsHot = engine.isShut && query.scope !== undefined && hasRoom
          send({ kind: 'scans', scans, held: keepsHot ? engine.hot.held() : undefined })
        }),
    })
    isClean = cut === undefined && !now.isStopped
    send({ kind: 'done', ...answer, cut })
  } catch (error) {
    const { code, message, place, hint } = engineError(error)
    send({ kind: 'failed', code, message, place, hint })
  } finally {
    clearInterval(progress)
    running = undefined
  }
  await engines.give(engine, query, isClean)
  send({ kind: 'ready' })
}

function interrupt(now: Running): void {
  now.isStopped = true
  now.engine.connection.interrupt()
  now.waiting?.reject(new WeirError('QueryCancelled', 'the query was cancelled'))
}

process.on('message', (message: ToWorker) => {
  if (message.kind === 'run') run(message.query).catch(fail)
  else if (running === undefined) return
  else if (message.kind === 'interrupt') interrupt(running)
  else {
    const { waiting } = running
    delete running.waiting
    waiting?.resolve(message.leased)
  }
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

await engines.ready()
// The parser is compiled by its first use, which takes longer than all queries but the largest.
await parseQuery('* | select 1')
if (setup.user !== undefined) {
  // Everything is read that it may not read afterwards.
  if (Object.keys(setup.enrichment).length > 0) await lookups.open()
  process.setgroups?.([])
  process.setgid?.(setup.user.gid)
  process.setuid?.(setup.user.uid)
}
send({ kind: 'ready' })
