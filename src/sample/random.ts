/**
 * Random numbers from a seed: the same seed gives the same sample on every machine. sfc32, the small
 * fast counting generator of PractRand.
 */
export class Random {
  #a = 0x9e3779b9
  #b = 0x243f6a88
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#c = seed
    for (let i = 0; i < 16; i++) this.next()
  }

  /** 32 random bits, unsigned. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A real number, from `least` to below `most`. */
  real(least: number, most: number): number {
    return least + (this.next() / 0x1_0000_0000) * (most - least)
  }

  /** A whole number, from `least` to `most`. */
  whole(least: number, most: number): number {
    return Math.floor(this.real(least, most + 1))
  }

  /** A port a client takes. */
  clientPort(): number {
    return this.whole(32768, 60999)
  }
}
