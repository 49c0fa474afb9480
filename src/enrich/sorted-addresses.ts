/** Addresses in ascending order in one typed array: IPv4 a word each, IPv6 four. */
import type { Family } from './address.ts'

export const wordsEach = (family: Family): 1 | 4 => (family === 4 ? 1 : 4)

/**
 * The position of the greatest address that is not above `words`; -1 when all are.
 * @param sorted as many addresses as fit, ascending
 */
export function positionOf(family: Family, sorted: Uint32Array, words: Uint32Array): number {
  let low = 0
  let high = sorted.length / wordsEach(family)
  while (low < high) {
    const middle = (low + high) >>> 1
    const above =
      family === 4 ? sorted[middle]! > words[0]! : compareAt(sorted, middle * 4, words, 0) > 0
    if (above) high = middle
    else low = middle + 1
  }
  return low - 1
}

/** The order of two IPv6 addresses, each at its place in an array. */
export function compareAt(a: Uint32Array, atA: number, b: Uint32Array, atB: number): number {
  for (let i = 0; i < 4; i++) {
    const difference = a[atA + i]! - b[atB + i]!
    if (difference !== 0) return difference
  }
  return 0
}

/** Grows by doubling; `words` is what was put. */
export class WordList {
  #words: Uint32Array
  length = 0

  constructor(capacity = 4096) {
    this.#words = new Uint32Array(capacity)
  }

  push(word: number): void {
    if (this.length === this.#words.length) {
      const grown = new Uint32Array(Math.max(4096, this.length * 2))
      grown.set(this.#words)
      this.#words = grown
    }
    this.#words[this.length++] = word
  }

  /** The first words of an address. */
  pushAddress(family: Family, words: Uint32Array): void {
    for (let i = 0; i < wordsEach(family); i++) this.push(words[i]!)
  }

  at(index: number): number {
    return this.#words[index]!
  }

  /** Not a copy. */
  get words(): Uint32Array {
    return this.#words.subarray(0, this.length)
  }

  /** No longer than it must be. */
  trimmed(): Uint32Array {
    return this.#words.slice(0, this.length)
  }
}
