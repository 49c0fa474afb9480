/**
 * A CPU budget for capture: "sheds load by whole ENIs in a stated order, counted and marked SKIPDATA, never by
 * sampling". The order is that of the topology (of names, for the interfaces of a host): the last ENI is shed
 * first, and the first one that was shed comes back first.
 */

/** One ENI, in the order in which they are kept. */
export interface TapLoad {
  readonly eni: string
  readonly shed: boolean
  /** CPU seconds a second, as last measured while it was captured. */
  readonly cpu: number
}

/** How fast the measured load follows the load: about five seconds. */
const followed = 0.3
/** Seconds between two decisions, so that the effect of one is seen before the next. */
const pauseSeconds = 4
/** An ENI comes back when with it this share of the budget would be in use, for so many seconds. */
const resumeShare = 0.8
const calmSeconds = 10
/** A program that starts needs CPU for that; it says nothing of what capture will cost. */
const startSeconds = 5

export type BudgetDecision = { readonly shed: string } | { readonly resume: string } | undefined

export class CpuBudget {
  readonly #cores: number
  #load: number | undefined
  #calm = 0
  #pause = 0
  #starting = startSeconds

  /** @param cores CPU seconds a second that the process may use: 0.2 is 20 % of one core */
  constructor(cores: number) {
    this.#cores = cores
  }

  /**
   * Asked once a second.
   *
   * @param cpu CPU seconds that the whole process used in the last second
   * @param taps those that are captured or shed, in the order in which they are kept
   */
  decide(cpu: number, taps: readonly TapLoad[]): BudgetDecision {
    if (this.#starting > 0) {
      this.#starting--
      return undefined
    }
    this.#load = this.#load === undefined ? cpu : this.#load + followed * (cpu - this.#load)
    if (this.#pause > 0) {
      this.#pause--
      return undefined
    }
    if (this.#load > this.#cores) {
      this.#calm = 0
      const last = taps.findLast(({ shed }) => !shed)
      if (last === undefined) return undefined
      this.#pause = pauseSeconds
      return { shed: last.eni }
    }
    const next = taps.find(({ shed }) => shed)
    if (next === undefined || this.#load + next.cpu > resumeShare * this.#cores) {
      this.#calm = 0
      return undefined
    }
    if (++this.#calm < calmSeconds) return undefined
    this.#calm = 0
    this.#pause = pauseSeconds
    return { resume: next.eni }
  }
}
