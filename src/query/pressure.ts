/** How often it is looked at. */
const lookMilliseconds = 200
/** Above this share of its time, who waits for the event loop waits for others before him more often than not. */
const busyShare = 0.5

/**
 * Whether those who write need the machine: records came since the last look, and the thread that takes them in was
 * busy, or waited for a processor, more than half of the time.
 */
export class Pressure {
  readonly #acknowledged: () => number
  readonly #timer: NodeJS.Timeout
  #sequence: number
  #utilization = performance.eventLoopUtilization()
  #isHigh = false

  /** @param acknowledged a number that grows with each batch */
  constructor(acknowledged: () => number) {
    this.#acknowledged = acknowledged
    this.#sequence = acknowledged()
    this.#timer = setInterval(() => this.#look(), lookMilliseconds)
    this.#timer.unref()
  }

  get isHigh(): boolean {
    return this.#isHigh
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const [sequence, now] = [this.#acknowledged(), performance.eventLoopUtilization()]
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization)
    this.#isHigh = sequence > this.#sequence && utilization > busyShare
    this.#sequence = sequence
    this.#utilization = now
  }
}
