import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import type { EnrichmentFiles } from '../enrich/enrich.ts'
import type { Executed } from './execute.ts'
import type { FromWorker, Row, ToWorker, WorkerQuery, WorkerSetup } from './worker-messages.ts'

export interface PoolConfig {
  /** Queries that run at once, each in a process of its own. */
  readonly workers: number
  /** Queries that wait; one more is QueryBusy. */
  readonly queueMax: number
  readonly timeMaxMilliseconds: number
  readonly memoryBytesMax: number
  readonly processBytesMax: number
  readonly threads: number
  /** What one query may spill to disk; 0 for nothing. */
  readonly tempBytesMax: number
  /** What ip_to_country and its like look up; each worker reads its own copy. */
  readonly enrichment?: EnrichmentFiles
}

export interface PoolAnswer extends Executed {
  readonly rows: Row[]
}

/** After the interrupt; a call of the engine that cannot be interrupted ends with its process. */
const killAfterMilliseconds = 1000
/** A worker is replaced after so many queries: what it leaks is bounded. */
const queriesPerWorkerMax = 500
const workerFile = new URL('./worker.ts', import.meta.url)

interface Worker {
  readonly child: ChildProcess
  readonly tempDirectory: string
  queries: number
  /** Set from `run` until the worker is ready again. */
  job: Job | undefined
  ready: boolean
  /** The end of what it wrote to standard error. */
  stderr: string
}

interface Job {
  readonly query: WorkerQuery
  readonly rows: Row[]
  readonly signal: AbortSignal | undefined
  readonly resolve: (answer: PoolAnswer) => void
  readonly reject: (error: WeirError) => void
  /** Why it is being stopped. */
  stop: WeirError | undefined
  settled: boolean
  readonly timers: NodeJS.Timeout[]
  onAbort: () => void
}

const cancelled = () => new WeirError('QueryCancelled', 'the query was cancelled')

/** Runs queries in child processes; a few wait, more are turned away. */
export class WorkerPool {
  readonly #config: PoolConfig
  readonly #workers = new Set<Worker>()
  readonly #waiting: Job[] = []
  #starting = 0
  #closed = false

  constructor(config: PoolConfig) {
    this.#config = config
  }

  /** Throws what the worker answers, QueryBusy, QueryTimeout, QueryMemory, QueryCancelled. */
  run(query: WorkerQuery, signal?: AbortSignal): Promise<PoolAnswer> {
    return new Promise((resolve, reject) => {
      const job: Job = {
        query,
        rows: [],
        signal,
        resolve,
        reject,
        stop: undefined,
        settled: false,
        timers: [],
        onAbort: () => this.#stop(job, cancelled()),
      }
      if (this.#closed || signal?.aborted === true) return reject(cancelled())
      if (this.#waiting.length >= this.#config.queueMax + this.#free()) {
        const hint = 'try again in a moment'
        return reject(new WeirError('QueryBusy', 'too many queries are running', { hint }))
      }
      signal?.addEventListener('abort', job.onAbort, { once: true })
      this.#waiting.push(job)
      this.#assign()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const job of this.#waiting.splice(0)) this.#settle(job, cancelled())
    await Promise.all([...this.#workers].map((worker) => this.#end(worker)))
  }

  #free(): number {
    const busy = [...this.#workers].filter((worker) => worker.job !== undefined).length
    return this.#config.workers - busy
  }

  #assign(): void {
    while (this.#waiting.length > 0 && !this.#closed) {
      const worker = [...this.#workers].find((each) => each.ready && each.job === undefined)
      if (worker === undefined) break
      this.#start(worker, this.#waiting.shift()!)
    }
    const coming = [...this.#workers].filter((each) => !each.ready && each.job === undefined).length
    const wanted = this.#waiting.length - coming - this.#starting
    const room = this.#config.workers - this.#workers.size - this.#starting
    for (let started = 0; started < Math.min(wanted, room); started++) this.#spawn()
  }

  #spawn(): void {
    this.#starting++
    this.#createWorker()
      .catch((error: unknown) => {
        const failure = new WeirError('QueryFailed', 'no query worker can be started', {
          cause: error,
        })
        for (const job of this.#waiting.splice(0)) this.#settle(job, failure)
      })
      .finally(() => {
        this.#starting--
      })
  }

  async #createWorker(): Promise<void> {
    const { tempBytesMax, memoryBytesMax, threads, processBytesMax } = this.#config
    const tempDirectory = await mkdtemp(join(tmpdir(), 'weir-query-'))
    const engine = {
      memoryBytesMax,
      threads,
      tempBytesMax,
      tempDirectory: tempBytesMax === 0 ? '' : tempDirectory,
    }
    const { enrichment = {} } = this.#config
    const setup: WorkerSetup = { engine, processBytesMax, enrichment }
    const child = fork(fileURLToPath(workerFile), [JSON.stringify(setup)], {
      execPath: process.execPath,
      execArgv: [],
      env: {},
      cwd: tempDirectory,
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const worker: Worker = {
      child,
      tempDirectory,
      queries: 0,
      job: undefined,
      ready: false,
      stderr: '',
    }
    this.#workers.add(worker)
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      worker.stderr = (worker.stderr + text).slice(-2000)
    })
    child.on('message', (message: FromWorker) => this.#receive(worker, message))
    child.on('error', (error) => {
      worker.stderr += String(error)
    })
    child.once('exit', (code, exitSignal) => this.#exited(worker, code, exitSignal))
    if (this.#closed) await this.#end(worker)
  }

  #start(worker: Worker, job: Job): void {
    worker.job = job
    worker.ready = false
    worker.queries++
    send(worker, { kind: 'run', query: job.query })
    const { timeMaxMilliseconds } = this.#config
    const timeout = () => {
      const seconds = timeMaxMilliseconds / 1000
      const hint = 'ask for a shorter time range'
      this.#stop(
        job,
        new WeirError('QueryTimeout', `the query took more than ${seconds} s`, { hint }),
      )
    }
    job.timers.push(setTimeout(timeout, timeMaxMilliseconds))
  }

  #stop(job: Job, reason: WeirError): void {
    if (job.settled || job.stop !== undefined) return
    job.stop = reason
    const worker = [...this.#workers].find((each) => each.job === job)
    if (worker === undefined) {
      this.#waiting.splice(this.#waiting.indexOf(job), 1)
      return this.#settle(job, reason)
    }
    send(worker, { kind: 'interrupt' })
    job.timers.push(setTimeout(() => worker.child.kill('SIGKILL'), killAfterMilliseconds))
  }

  #receive(worker: Worker, message: FromWorker): void {
    const { job } = worker
    if (message.kind === 'ready') {
      worker.job = undefined
      worker.ready = true
      if (worker.queries >= queriesPerWorkerMax) void this.#end(worker)
      else this.#assign()
      return
    }
    assert(job !== undefined, 'a worker answers only while it has a query')
    if (message.kind === 'rows') {
      for (const row of message.rows) job.rows.push(row)
      return
    }
    if (message.kind === 'done') {
      const { columns, hasSql, limited } = message
      this.#settle(job, job.stop ?? { columns, hasSql, limited, rows: job.rows })
    } else {
      const { code, message: text, place, hint } = message
      const more = {
        ...(place === undefined ? {} : { place }),
        ...(hint === undefined ? {} : { hint }),
      }
      this.#settle(job, job.stop ?? new WeirError(code, text, more))
    }
  }

  #settle(job: Job, outcome: PoolAnswer | WeirError): void {
    if (job.settled) return
    job.settled = true
    for (const timer of job.timers) clearTimeout(timer)
    job.signal?.removeEventListener('abort', job.onAbort)
    if (outcome instanceof WeirError) job.reject(outcome)
    else job.resolve(outcome)
  }

  #exited(worker: Worker, code: number | null, exitSignal: NodeJS.Signals | null): void {
    this.#workers.delete(worker)
    void rm(worker.tempDirectory, { recursive: true, force: true })
    const { job } = worker
    if (job !== undefined) this.#settle(job, job.stop ?? died(worker, code, exitSignal))
    else if (!worker.ready && !this.#closed) {
      // It never got ready, and the next one would not either: do not start them for ever.
      for (const waiting of this.#waiting.splice(0))
        this.#settle(waiting, died(worker, code, exitSignal))
    }
    this.#assign()
  }

  async #end(worker: Worker): Promise<void> {
    const { job } = worker
    if (job !== undefined) job.stop ??= cancelled()
    const { child } = worker
    if (child.exitCode === null && child.signalCode === null) {
      await new Promise<void>((resolve) => {
        child.once('exit', () => resolve())
        child.kill('SIGKILL')
      })
    }
    await rm(worker.tempDirectory, { recursive: true, force: true })
  }
}

function send(worker: Worker, message: ToWorker): void {
  // A worker that is gone answers through its exit.
  worker.child.send(message, () => undefined)
}

function died(worker: Worker, code: number | null, exitSignal: NodeJS.Signals | null): WeirError {
  if (exitSignal === 'SIGKILL' || exitSignal === 'SIGABRT' || code === 134) {
    return new WeirError('QueryMemory', 'the query worker was ended by the system', {
      hint: 'ask for a shorter time range or fewer groups',
    })
  }
  const how = exitSignal ?? `status ${code}`
  return new WeirError('QueryFailed', `the query worker ended with ${how}`, {
    cause: worker.stderr,
  })
}
