import { describeError, errorCatalogue, WeirError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { logLost, type RecordSink } from './parcel.ts'
import { repeat } from './repeat.ts'
import type { Spool, SpooledParcel } from './spool.ts'

export interface SpooledDeliveryOptions {
  /** Parcels under way at once; each is in memory. */
  readonly underWayMax?: number
  /**
   * A parcel that its logstore will never take, before it leaves the spool: its owner says that it is lost. Called
   * again, also after a restart, until it succeeds.
   */
  readonly onLost?: (lost: SpooledParcel, error: WeirError) => Promise<void> | void
}

/** Of 4096 records each at most: about 25 MB. */
const underWayMax = 32

/** Answers to a request that is wrong in itself. All else, a bug of the server among it, may pass. */
const neverTaken: readonly number[] = [400, 404, 413]

const isNeverTaken = (error: unknown): error is WeirError =>
  error instanceof WeirError && neverTaken.includes(errorCatalogue[error.code].http)

/**
 * Sends what is in a spool, several parcels side by side, each until it is stored: "sends when it is back, gives
 * up nothing". Their order is not kept. What its logstore will never take is counted, logged and told to
 * `onLost`. Works from its construction on.
 */
export class SpooledDelivery {
  readonly #spool: Spool
  readonly #sink: RecordSink
  readonly #log: Log
  readonly #options: SpooledDeliveryOptions
  readonly #stopping = new AbortController()
  readonly #underWay = new Set<Promise<void>>()
  /** Whether there may be more to take than was seen. */
  #wanted = false
  #filling: Promise<void> | undefined
  #drained: (() => void)[] = []
  #waitsFor: string | undefined
  /** For metrics. */
  parcels = 0
  records = 0
  retries = 0
  lostRecords = 0

  constructor(spool: Spool, sink: RecordSink, log: Log, options: SpooledDeliveryOptions = {}) {
    this.#spool = spool
    this.#sink = sink
    this.#log = log
    this.#options = options
    spool.onArrival(() => this.#fill())
    this.#fill()
  }

  /** Why nothing is stored at present; undefined when all is well. */
  get waitsFor(): string | undefined {
    return this.#waitsFor
  }

  /** Resolves when nothing is in the spool any more, or when told to stop. */
  async drain(): Promise<void> {
    while (this.#spool.stats().parcels > 0 && !this.#stopping.signal.aborted)
      await new Promise<void>((resolve) => this.#drained.push(resolve))
  }

  /** Takes no more and repeats no more. What is not stored stays in the spool. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#filling
    await Promise.all(this.#underWay)
    this.#tellDrained()
  }

  #fill(): void {
    this.#wanted = true
    this.#filling ??= this.#takeAll()
  }

  async #takeAll(): Promise<void> {
    const { signal } = this.#stopping
    while (this.#wanted && !signal.aborted) {
      this.#wanted = false
      try {
        await repeat(() => this.#take(), { passes: () => true, onWait: this.#onWait, signal })
      } catch (error) {
        this.#onWait(error) // told to stop while the spool could not be read: all stays in it
      }
    }
    this.#filling = undefined
    if (this.#spool.stats().parcels === 0) this.#tellDrained()
  }

  async #take(): Promise<void> {
    const room = (this.#options.underWayMax ?? underWayMax) - this.#underWay.size
    if (room === 0) return
    for (const each of await this.#spool.take(room)) {
      const sending = this.#deliver(each).finally(() => {
        this.#underWay.delete(sending)
        this.#fill()
      })
      this.#underWay.add(sending)
    }
  }

  async #deliver(spooled: SpooledParcel): Promise<void> {
    const { signal } = this.#stopping
    const { parcel } = spooled
    const attempt = async (): Promise<void> => {
      signal.throwIfAborted()
      await this.#sink(parcel, signal)
    }
    try {
      const passes = (error: unknown): boolean => !isNeverTaken(error)
      await repeat(attempt, { passes, onWait: this.#onWait, signal })
    } catch (error) {
      if (isNeverTaken(error)) await this.#lose(spooled, error)
      return
    }
    this.parcels++
    this.records += parcel.batch.rows
    this.#settled(spooled)
  }

  async #lose(spooled: SpooledParcel, error: WeirError): Promise<void> {
    const { signal } = this.#stopping
    const tell = (): Promise<void> | void => this.#options.onLost?.(spooled, error)
    try {
      await repeat(tell, { passes: () => true, onWait: this.#onWait, signal })
    } catch (failure) {
      this.#onWait(failure) // it stays in the spool, and is told after the next start
      return
    }
    this.lostRecords += spooled.parcel.batch.rows
    logLost(this.#log, spooled.parcel, error)
    this.#settled(spooled)
  }

  #settled(spooled: SpooledParcel): void {
    if (this.#waitsFor !== undefined) this.#log.info('records wait no longer')
    this.#waitsFor = undefined
    this.#spool.done(spooled)
  }

  /** Said once, not by every parcel under way at every repetition. */
  readonly #onWait = (error: unknown): void => {
    this.retries++
    if (this.#waitsFor === undefined)
      this.#log.warn('records wait for their logstore', { error: describeError(error) })
    this.#waitsFor = describeError(error)
  }

  #tellDrained(): void {
    for (const each of this.#drained.splice(0)) each()
  }
}
