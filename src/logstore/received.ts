import type { Catalogue } from './catalogue.ts'

/**
 * Gives rows their receive time. It never goes back, in a logstore or between them, when the clock
 * does or over a restart, so whoever reads by it meets each row once: see `LogStore.sealedThrough`.
 */
export class ReceiveClock {
  readonly #catalogue: Catalogue
  readonly #now: () => number
  /** No later row gets a receive time below it. */
  #floor: number
  /** On the disk: a restart begins behind it. */
  #sealed: number
  /** Appends on their way into the log by their second; the seconds come in order. */
  readonly #inFlight = new Map<number, number>()

  constructor(catalogue: Catalogue, now: () => number) {
    this.#catalogue = catalogue
    this.#now = now
    this.#sealed = catalogue.sealedThrough()
    this.#floor = Math.max(this.#sealed + 1, catalogue.receivedThrough())
  }

  /** A record of the log was received then. */
  note(receiveTime: number): void {
    this.#floor = Math.max(this.#floor, receiveTime)
  }

  /** The receive time of what comes now, Unix seconds. */
  read(): number {
    this.note(Math.floor(this.#now()))
    return this.#floor
  }

  /** The receive time of an append that goes into the log now; `end` it. */
  begin(): number {
    const second = this.read()
    this.#inFlight.set(second, (this.#inFlight.get(second) ?? 0) + 1)
    return second
  }

  /** It is in the log, or it is certain that it will not be. */
  end(second: number): void {
    const left = (this.#inFlight.get(second) ?? 1) - 1
    if (left > 0) this.#inFlight.set(second, left)
    else this.#inFlight.delete(second)
  }

  /** One transaction a second in which it is asked, no more. */
  sealedThrough(): number {
    const next = this.read()
    const [oldest = next] = this.#inFlight.keys()
    if (oldest - 1 > this.#sealed) {
      this.#catalogue.setSealedThrough(oldest - 1)
      this.#sealed = oldest - 1
    }
    return this.#sealed
  }
}
