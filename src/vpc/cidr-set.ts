/** A few blocks, asked whether they hold an address. */
import { about } from '../packet/packet.ts'
import { maskWord, type Cidr } from './address.ts'

const blockWords = 9 // family, four words, four mask words

export class CidrSet {
  readonly #blocks: Int32Array

  constructor(blocks: readonly Cidr[]) {
    this.#blocks = Int32Array.from(
      blocks.flatMap(({ family, words, length }) => [
        family,
        ...words,
        ...words.map((_, i) => maskWord(length, i)),
      ]),
    )
  }

  /** @param mark word 9 of the packet, for the family; the address begins at `words[at]` */
  has(mark: number, words: Int32Array, at: number): boolean {
    const blocks = this.#blocks
    const family = mark & about.ipv6 ? 6 : 4
    const width = family === 6 ? 4 : 1
    for (let block = 0; block < blocks.length; block += blockWords) {
      if (blocks[block] !== family) continue
      let i = 0
      while (i < width && (words[at + i]! & blocks[block + 5 + i]!) === blocks[block + 1 + i]) i++
      if (i === width) return true
    }
    return false
  }
}
