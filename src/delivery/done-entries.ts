/** Which entries of the spool are delivered: all up to one, and some above it. */
export class DoneEntries {
  #through: number
  readonly #above: Set<number>

  constructor(state: DoneState = { through: 0, above: [] }) {
    this.#through = state.through
    this.#above = new Set()
    for (const [from, to] of state.above)
      for (let sequence = from; sequence <= to; sequence++) this.add(sequence)
  }

  /** Every entry up to this sequence is delivered. */
  get through(): number {
    return this.#through
  }

  /** The highest sequence that is delivered. */
  get highest(): number {
    return Math.max(this.#through, ...this.#above)
  }

  has(sequence: number): boolean {
    return sequence <= this.#through || this.#above.has(sequence)
  }

  add(sequence: number): void {
    if (sequence > this.#through) this.#above.add(sequence)
    while (this.#above.delete(this.#through + 1)) this.#through++
  }

  state(): DoneState {
    const above: [number, number][] = []
    for (const sequence of [...this.#above].sort((a, b) => a - b)) {
      const last = above.at(-1)
      if (last !== undefined && last[1] === sequence - 1) last[1] = sequence
      else above.push([sequence, sequence])
    }
    return { through: this.#through, above }
  }
}

export interface DoneState {
  readonly through: number
  /** Spans of sequences above it, both ends in them. */
  readonly above: readonly (readonly [from: number, to: number])[]
}
