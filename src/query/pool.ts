import { chown, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import type { EnrichmentFiles } from '../enrich/enrich.ts'
import type { Executed } from './execute.ts'
import {
  died,
  failure,
  forkWorker,
  isComing,
  isIdle,
  lowerPriority,
  removeFolders,
  send,
  timeout,
  unreadable,
} from './pool-worker.ts'
import type { Worker as PoolWorker } from './pool-worker.ts'
import { LinkFolder, prepareFolder, takesLinks } from './rights.ts'
import type { WorkerRights } from './rights.ts'
import type { LeasedScan, Scan } from './source.ts'
import { type Kind, Waiting } from './waiting.ts'
import type { FromWorker, Held, Row, WorkerQuery, WorkerSetup } from './worker-messages.ts'

export interface PoolConfig {
  /** Queries that run at once, each in a process of its own. */
  readonly workers: number
  /** Processes besides, for searches without SQL only: they do not wait behind long queries. */
  readonly searchWorkers: number
  /** Of all of them, while those who write need the machine. */
  readonly workersPressed: number
  /** Queries that wait; one more is QueryBusy. */
  readonly queueMax: number
  /** Of one project, waiting and running: searches without SQL, and queries with SQL. */
  readonly searchesPerProject: number
  readonly sqlPerProject: number
  /** A process is replaced after so many: what it leaks is bounded. */
  readonly queriesPerWorkerMax: number
  readonly memoryBytesMax: number
  readonly processBytesMax: number
  readonly threads: number
  /** What one query may spill to disk; 0 for nothing. */
  readonly tempBytesMax: number
  /** Undefined: as the server's own user. */
  readonly rights?: WorkerRights | undefined
  /**
   * Without rights: a folder for this alone, on the file system of the segments, which is emptied. Engines are
   * kept for the next query of a project then; undefined, or without hard links there: each query has its own.
   */
  readonly linkFolder?: string | undefined
  /** What ip_to_country and its like look up; each worker reads its own copy. */
  readonly enrichment?: EnrichmentFiles
}

export interface PoolAnswer extends Executed {
  readonly rows: Row[]
}

/** A query and how it is run. */
export interface PoolTask {
  readonly query: WorkerQuery
  readonly kind: Kind
  /** Whose turn it is goes by project. Undefined: the server's own, which is not limited. */
  readonly project?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly timeMaxMilliseconds: number
  /** What to read for each scan; what it throws, `run` throws. */
  lease(scans: readonly Scan[], held: Held): Promise<readonly LeasedScan[]>
  /** Told of the share that is done, 0 to 1. */
  onProgress?: ((share: number) => void) | undefined
}

/** After the interrupt; a call of the engine that cannot be interrupted ends with its process. */
const killAfterMilliseconds = 1000
const againMilliseconds = 100

type Worker = PoolWorker<Job>

interface Job {
  readonly task: PoolTask
  readonly owner: string
  readonly rows: Row[]
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
  /** Of workers that are not there yet, or get no query any more: closing waits for them. */
  readonly #pending = new Set<Promise<void>>()
  readonly #waiting: Waiting<Job>
  /** Workers on their way to a process. */
  readonly #starting = { any: 0, reserved: 0 }
  readonly #linkFolder: string | undefined
  #keepsSpare = false
  #again: NodeJS.Timeout | undefined
  #closed = false

  /** @param isPressed whether those who write need the machine now */
  constructor(config: PoolConfig, isPressed: () => boolean) {
    this.#config = config
    this.#waiting = new Waiting(isPressed, config.workersPressed)
    const folder = config.rights?.folder ?? config.linkFolder
    if (folder === undefined) return
    prepareFolder(folder)
    if (config.rights !== undefined || takesLinks(folder)) this.#linkFolder = folder
  }

  /**
   * Starts a process, and from then on another one whenever all are busy: a query that finds none waits a second for
   * its own, and a few where the machine is busy. There are never more than `workers`.
   */
  warm(): void {
    this.#keepsSpare = true
    this.#assign()
  }

  /** Throws what the worker answers, QueryBusy, QueryTimeout, QueryMemory, QueryCancelled. */
  run(task: PoolTask): Promise<PoolAnswer> {
    return new Promise((resolve, reject) => {
      const job: Job = {
        task,
        owner: task.project ?? '',
        rows: [],
        resolve,
        reject,
        stop: undefined,
        settled: false,
        timers: [],
        onAbort: () => this.#stop(job, cancelled()),
      }
      if (this.#closed || task.signal?.aborted === true) return reject(cancelled())
      const busy = this.#busy(task)
      if (busy !== undefined) return reject(busy)
      task.signal?.addEventListener('abort', job.onAbort, { once: true })
      this.#waiting[task.kind].add(job.owner, job)
      this.#assign()
    })
  }

  #busy({ kind, project }: PoolTask): WeirError | undefined {
    const { queueMax, workers, searchesPerProject, sqlPerProject } = this.#config
    const most = kind === 'sql' ? sqlPerProject : searchesPerProject
    if (project !== undefined && this.#waiting[kind].admitted(project) >= most) {
      const what = kind === 'sql' ? 'queries with SQL' : 'searches'
      return new WeirError('QueryBusy', `${project} has ${most} ${what} under way already`, {
        hint: 'try again when one of them is answered',
      })
    }
    const running = [...this.#workers].filter(({ job, reserved }) => job !== undefined && !reserved)
    const free = workers - running.length
    if (this.#waiting.sql.size + this.#waiting.search.size < queueMax + free) return undefined
    const hint = 'try again in a moment'
    return new WeirError('QueryBusy', 'too many queries are running', { hint })
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#again)
    this.#settleWaiting(cancelled())
    await Promise.all([...this.#workers].map((worker) => this.#end(worker)))
    await Promise.all(this.#pending)
  }

  #settleWaiting(outcome: WeirError): void {
    for (const queue of [this.#waiting.search, this.#waiting.sql]) {
      for (const job of queue.clear()) this.#settle(job, outcome)
    }
  }

  #assign(): void {
    if (this.#closed) return
    const { search, sql } = this.#waiting
    for (const worker of this.#workers) {
      if (!isIdle(worker)) continue
      const running = [...this.#workers].filter((each) => each.job !== undefined).length
      const isOtherIdle = [...this.#workers].some((each) => isIdle(each) && !each.reserved)
      const job = this.#waiting.take(worker, running, isOtherIdle)
      if (job !== undefined) this.#start(worker, job)
    }
    this.#lookAgain()
    const coming = this.#count(false, isComing)
    const room = this.#config.workers - this.#count(false, () => true)
    const idle = [...this.#workers].filter(({ ready, reserved }) => ready && !reserved).length
    const wanted = Math.max(sql.size + search.size, this.#keepsSpare ? 1 : 0)
    const more = Math.max(0, Math.min(wanted - coming - idle, room))
    for (let started = 0; started < more; started++) this.#spawn(false)
    const reserved = this.#count(true, isComing)
    const left = search.size - Math.max(0, coming + more - sql.size) - reserved
    const reservedRoom = this.#config.searchWorkers - this.#count(true, () => true)
    for (let started = 0; started < Math.min(left, reservedRoom); started++) this.#spawn(true)
  }

  /** What was held back may run when others do not need the machine any more. */
  #lookAgain(): void {
    if (this.#again !== undefined || this.#waiting.size === 0) return
    if (![...this.#workers].some(isIdle)) return
    this.#again = setTimeout(() => {
      this.#again = undefined
      this.#assign()
    }, againMilliseconds)
  }

  /** Workers of a kind, with those that are being started. */
  #count(reserved: boolean, which: (worker: Worker) => boolean): number {
    const there = [...this.#workers].filter((each) => each.reserved === reserved && which(each))
    return there.length + this.#starting[reserved ? 'reserved' : 'any']
  }

  #spawn(reserved: boolean): void {
    const kind = reserved ? 'reserved' : 'any'
    this.#starting[kind]++
    const started = this.#createWorker(reserved)
      .catch((error: unknown) => {
        this.#keepsSpare = false
        this.#settleWaiting(
          new WeirError('QueryFailed', 'no query worker can be started', { cause: error }),
        )
      })
      .finally(() => {
        this.#starting[kind]--
        this.#pending.delete(started)
      })
    this.#pending.add(started)
  }

  async #createWorker(reserved: boolean): Promise<void> {
    const { tempBytesMax, memoryBytesMax, threads, processBytesMax, rights } = this.#config
    const tempDirectory = await mkdtemp(join(rights?.tempFolder ?? tmpdir(), 'weir-query-'))
    const engine = {
      memoryBytesMax,
      threads,
      tempBytesMax,
      tempDirectory: tempBytesMax === 0 ? '' : tempDirectory,
    }
    const { enrichment = {} } = this.#config
    const folder = this.#linkFolder
    const links = folder === undefined ? undefined : await LinkFolder.make(folder, rights?.gid)
    if (rights !== undefined) await chown(tempDirectory, rights.uid, rights.gid)
    const user = rights === undefined ? undefined : { uid: rights.uid, gid: rights.gid }
    const isLinked = links !== undefined
    const setup: WorkerSetup = { engine, processBytesMax, enrichment, user, isLinked }
    const child = forkWorker(setup, links?.path ?? tempDirectory)
    const worker: Worker = {
      child,
      reserved,
      tempDirectory,
      links,
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
    const { query } = job.task
    let { files } = query
    try {
      files = worker.links?.link(files) ?? files
    } catch (error) {
      this.#waiting[job.task.kind].done(job.owner)
      return this.#settle(job, unreadable(error))
    }
    worker.job = job
    worker.ready = false
    worker.queries++
    send(worker, { kind: 'run', query: { ...query, files } })
    const { timeMaxMilliseconds } = job.task
    const over = () => this.#stop(job, timeout(timeMaxMilliseconds))
    job.timers.push(setTimeout(over, timeMaxMilliseconds))
  }

  #stop(job: Job, reason: WeirError): void {
    if (job.settled || job.stop !== undefined) return
    job.stop = reason
    const worker = [...this.#workers].find((each) => each.job === job)
    if (worker === undefined) {
      this.#waiting[job.task.kind].remove(job.owner, job)
      return this.#settle(job, reason)
    }
    send(worker, { kind: 'interrupt' })
    job.timers.push(setTimeout(() => worker.child.kill('SIGKILL'), killAfterMilliseconds))
  }

  #receive(worker: Worker, message: FromWorker): void {
    const { job } = worker
    if (message.kind === 'ready') {
      if (worker.queries === 0) lowerPriority(worker.child) // not before: on a busy machine it would take half a minute
      this.#release(worker)
      worker.ready = true
      if (worker.queries >= this.#config.queriesPerWorkerMax) this.#retire(worker)
      this.#assign()
      return
    }
    assert(job !== undefined, 'a worker answers only while it has a query')
    if (message.kind === 'scans') {
      this.#lease(worker, job, message).catch((error: unknown) =>
        this.#stop(job, unreadable(error)),
      )
      return
    }
    if (message.kind === 'progress') return job.task.onProgress?.(message.share)
    if (message.kind === 'rows') {
      for (const row of message.rows) job.rows.push(row)
      return
    }
    if (message.kind === 'done') {
      const { kind: _, ...executed } = message
      this.#settle(job, job.stop ?? { ...executed, rows: job.rows })
    } else this.#settle(job, job.stop ?? failure(message))
  }

  async #lease(
    worker: Worker,
    { task }: Job,
    { scans, held }: FromWorker & { readonly kind: 'scans' },
  ): Promise<void> {
    const { links } = worker
    const leased = await task.lease(scans, held)
    const linked = leased.map((each) => ({ ...each, files: links?.link(each.files) ?? each.files }))
    send(worker, { kind: 'files', leased: linked })
  }

  #release(worker: Worker): void {
    const { job } = worker
    worker.job = undefined
    try {
      worker.links?.clear()
    } catch (error) {
      // What another query's files are among is no place for the next one.
      worker.stderr += String(error)
      worker.child.kill('SIGKILL')
    }
    if (job !== undefined) this.#waiting[job.task.kind].done(job.owner)
  }

  #settle(job: Job, outcome: PoolAnswer | WeirError): void {
    if (job.settled) return
    job.settled = true
    for (const timer of job.timers) clearTimeout(timer)
    job.task.signal?.removeEventListener('abort', job.onAbort)
    if (outcome instanceof WeirError) job.reject(outcome)
    else job.resolve(outcome)
  }

  #exited(worker: Worker, code: number | null, exitSignal: NodeJS.Signals | null): void {
    this.#workers.delete(worker)
    void removeFolders(worker)
    const { job } = worker
    this.#release(worker)
    if (job !== undefined) this.#settle(job, job.stop ?? died(worker, code, exitSignal))
    else if (!worker.ready && !this.#closed) {
      // It never got ready, and the next one would not either: do not start them for ever.
      this.#keepsSpare = false
      this.#settleWaiting(died(worker, code, exitSignal))
    }
    this.#assign()
  }

  #retire(worker: Worker): void {
    this.#workers.delete(worker)
    const ended = this.#end(worker).finally(() => this.#pending.delete(ended))
    this.#pending.add(ended)
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
    await removeFolders(worker)
  }
}
