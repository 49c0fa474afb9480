import { planMerges, runMerge } from './compaction.ts'
import type { LogstoreEntry } from './catalogue.ts'
import { planDay, runDay } from './days.ts'
import { flushOldest } from './flush.ts'
import type { LogWriter } from '../base/append-log-writer.ts'
import type { LogStoreConfig } from './config.ts'
import type { HotRows } from './hot-rows.ts'
import type { StoreParts } from './parts.ts'
import { dropExpired } from './retention.ts'

/**
 * What the store does by itself: flushes hot rows after a while or when there are many, drops what
 * expired, merges files, frees the log. One flush and one maintenance run at a time, side by side.
 */
export class Background {
  readonly #parts: StoreParts
  readonly #log: LogWriter
  readonly #onFailure: (what: string, error: unknown) => void
  #flushTimer: NodeJS.Timeout | undefined
  #maintainTimer: NodeJS.Timeout | undefined
  /** The flush that runs, and those behind it. */
  #flushes: Promise<void> = Promise.resolve()
  /** Logstores with a flush under way because of their rows. */
  readonly #kicked = new Set<number>()
  /** Logstores whose merges wait for their turn. */
  readonly #merging = new Set<number>()
  /** Flushes for those who wait to read, by logstore. */
  readonly #asked = new Map<number, Promise<void>>()
  /** None of them begins before. */
  #pausedUntil = 0
  #maintenance: Promise<void> = Promise.resolve()
  #stopping = false

  constructor(
    parts: StoreParts,
    log: LogWriter,
    onFailure: (what: string, error: unknown) => void,
  ) {
    this.#parts = parts
    this.#log = log
    this.#onFailure = onFailure
    this.#maintainTimer = setInterval(() => void this.#tick(), parts.config.maintainIntervalMs)
    this.#maintainTimer.unref()
  }

  /** Call when rows became hot: they will be flushed in time. */
  rowsCame(logstore: number): void {
    const { config, hot } = this.#parts
    const due =
      hot.rowsOf(logstore) >= config.flushRows || hot.bytesOf(logstore) >= config.flushBytesMax
    if (due) this.#kick(logstore)
    else this.#flushIn(config.flushIntervalMs)
    // Many logstores with some rows each: the largest goes before appends have to wait for all of them.
    const fullest = isHalfFull(hot, config) ? hot.fullest() : undefined
    if (fullest !== undefined) this.#kick(fullest)
  }

  /** Puts every row into segments that is hot now. Throws StorageFull, StorageBroken. */
  flush(logstore: number): Promise<void> {
    const target = this.#parts.hot.newest(logstore)
    const work = this.#flushes.then(() => this.#flushThrough(logstore, target))
    this.#flushes = work.catch(() => undefined) // it is the caller's; the next flush is not hindered
    return work
  }

  /**
   * Resolved when every row of the logstore up to this log sequence is in segments. Who asks while others wait
   * shares their flush, and between two there is a pause: a storm of queries costs appends a part of the time,
   * never all of it. Throws StorageFull, StorageBroken.
   */
  async reach(logstore: number, sequence: number): Promise<void> {
    const { directory, hot } = this.#parts
    while (hot.first(logstore) <= sequence && directory.has(logstore) && !this.#stopping) {
      const work = this.#asked.get(logstore) ?? this.#flushAsked(logstore)
      this.#asked.set(logstore, work)
      await work
    }
  }

  async flushAll(): Promise<void> {
    await each(this.#parts.hot.logstores(), (logstore) => this.flush(logstore))
  }

  /**
   * Retention, merges, log files and unlinks that are due; of days that are over so many at most. Throws
   * StorageFull, StorageBroken.
   */
  maintain(daysMax = Infinity): Promise<void> {
    return this.alone(() => this.#maintain(daysMax))
  }

  /** Runs work while no merge runs. */
  alone<T>(task: () => Promise<T>): Promise<T> {
    const work = this.#maintenance.then(task)
    this.#maintenance = work.then(
      () => undefined,
      () => undefined, // it is the caller's; what comes next is not hindered
    )
    return work
  }

  /** Frees the log files that are in segments. */
  async freeLog(): Promise<void> {
    const { catalogue, hot } = this.#parts
    const covered = hot.coveredThrough(0, 0)
    if (covered > catalogue.coveredThrough()) catalogue.setCoveredThrough(covered)
    await this.#log.free(covered)
  }

  /** Flushes all and frees the log; a merge is abandoned: its file is removed, its inputs stay. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#flushTimer)
    clearInterval(this.#maintainTimer)
    const ended = this.#maintenance.then(() => true)
    while (!(await Promise.race([ended, turn()]))) this.#parts.engine.merging.interrupt()
    try {
      await this.flushAll()
      await this.freeLog()
    } catch (error) {
      this.#onFailure('the last flush', error) // the log keeps what could not be flushed
    }
    await this.#flushes
  }

  async #flushThrough(logstore: number, target: number): Promise<void> {
    const { hot, directory } = this.#parts
    while (hot.newest(logstore) > 0) {
      const entry = directory.byId(logstore)
      if (!entry || hot.first(logstore) > target) return
      await this.#flushOne(entry)
    }
  }

  async #flushAsked(logstore: number): Promise<void> {
    try {
      const pause = this.#pausedUntil - performance.now()
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
      const work = this.#flushes.then(async () => {
        const entry = this.#parts.directory.byId(logstore)
        if (entry && !this.#stopping) await this.#flushOne(entry)
      })
      this.#flushes = work.catch(() => undefined)
      await work
    } finally {
      this.#asked.delete(logstore)
    }
  }

  async #flushOne(logstore: LogstoreEntry): Promise<void> {
    const began = performance.now()
    await flushOldest(this.#parts, logstore)
    const ended = performance.now()
    const { askedFlushPauseMs } = this.#parts.config
    this.#pausedUntil = ended + Math.min(askedFlushPauseMs, ended - began)
  }

  #kick(logstore: number): void {
    if (this.#kicked.has(logstore)) return
    this.#kicked.add(logstore)
    void this.#flushAndFree(logstore)
  }

  async #flushAndFree(logstore: number): Promise<void> {
    const { config, hot } = this.#parts
    try {
      await this.flush(logstore)
      await this.freeLog()
    } catch (error) {
      this.#onFailure('flush', error)
    }
    this.#mergeSoon(logstore)
    this.#kicked.delete(logstore)
    if (hot.rowsOf(logstore) > 0) this.#flushIn(config.flushIntervalMs)
  }

  #flushIn(milliseconds: number): void {
    if (this.#flushTimer || this.#stopping) return
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined
      for (const logstore of this.#parts.hot.logstores()) this.#kick(logstore)
    }, milliseconds)
    this.#flushTimer.unref()
  }

  /** Files of the last minutes are many when they come from the log one after the other. */
  #mergeSoon(logstore: number): void {
    if (this.#merging.has(logstore) || this.#stopping) return
    this.#merging.add(logstore)
    this.alone(async () => {
      this.#merging.delete(logstore)
      const entry = this.#parts.directory.byId(logstore)
      if (entry) await this.#mergeSome(entry)
    }).catch((error: unknown) => {
      if (!this.#stopping) this.#onFailure('merge', error)
    })
  }

  async #tick(): Promise<void> {
    try {
      await this.maintain(daysAtOnce)
    } catch (error) {
      if (!this.#stopping) this.#onFailure('maintenance', error)
    }
  }

  /** What frees space goes first, and one logstore's failure does not keep the others waiting. */
  async #maintain(daysMax: number): Promise<void> {
    const logstores = this.#parts.directory.all()
    for (const logstore of logstores) dropExpired(this.#parts, logstore)
    await this.freeLog()
    await this.#parts.files.sweep()
    await each(logstores, async (logstore) => {
      while (await this.#mergeSome(logstore)); // what was merged may be merged again
    })
    let days = 0
    await each(logstores, async (logstore) => {
      while (days < daysMax && (await this.#mergeDay(logstore))) days++
    })
    await this.#parts.files.sweep()
  }

  /** Whether there was something to merge, and room to. */
  async #mergeSome(logstore: LogstoreEntry): Promise<boolean> {
    const { config, now, segments } = this.#parts
    const plans = planMerges(segments.unmerged(logstore.id), now(), config)
    for (const plan of plans) {
      if (!this.#mayMerge()) return false
      await runMerge(this.#parts, logstore, plan)
    }
    return plans.length > 0
  }

  /** The same of its days. */
  async #mergeDay(logstore: LogstoreEntry): Promise<boolean> {
    const plan = planDay(this.#parts, logstore)
    if (plan === undefined || !this.#mayMerge()) return false
    await runDay(this.#parts, logstore, plan)
    return true
  }

  /** While there is room: the log's comes first. */
  #mayMerge(): boolean {
    const { config, disk, files } = this.#parts
    return !this.#stopping && disk.freeBytes(files.absolute('.')) >= config.reserveBytes
  }
}

/** A store of many days that are still as their hours were has them merged by and by, not when it is opened. */
const daysAtOnce = 1

const isHalfFull = (
  { rows, bytes }: HotRows,
  { hotRowsMax, hotBytesMax }: LogStoreConfig,
): boolean => rows > hotRowsMax / 2 || bytes > hotBytesMax / 2

/** Does all of them, then throws what went wrong first. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const errors: unknown[] = []
  for (const item of items) await work(item).catch((error: unknown) => errors.push(error))
  if (errors.length > 0) throw errors[0]
}

const turn = (): Promise<boolean> => new Promise((resolve) => setTimeout(() => resolve(false), 20))
