/**
 * Longest-prefix match over sorted arrays: overlapping prefixes are cut into ranges that do not overlap,
 * so a look-up is one binary search and touches no object.
 */
import { about } from '../packet/packet.ts'
import { familyBits, type Cidr, type Family } from './address.ts'

export interface Prefix {
  readonly block: Cidr
  /** What a look-up answers, more than 0. Of equal blocks the first in the list counts. */
  readonly value: number
}

export class PrefixTable {
  readonly #starts4: Uint32Array
  readonly #values4: Uint32Array
  /** Four words a range. */
  readonly #starts6: Uint32Array
  readonly #values6: Uint32Array

  constructor(prefixes: readonly Prefix[]) {
    const v4 = rangesOf(prefixes, 4)
    this.#starts4 = Uint32Array.from(v4, ({ start }) => Number(start))
    this.#values4 = Uint32Array.from(v4, ({ value }) => value)
    const v6 = rangesOf(prefixes, 6)
    const word = (start: bigint, i: number): number =>
      Number((start >> BigInt(96 - 32 * i)) & wordMask)
    this.#starts6 = Uint32Array.from(
      v6.flatMap(({ start }) => [0, 1, 2, 3].map((i) => word(start, i))),
    )
    this.#values6 = Uint32Array.from(v6, ({ value }) => value)
  }

  /**
   * The value of the longest prefix that holds an address, 0 when none does.
   * @param mark word 9 of the packet, for the family; the address begins at `words[at]`
   */
  find(mark: number, words: Int32Array, at: number): number {
    return mark & about.ipv6 ? this.#find6(words, at) : this.#find4(words[at]!)
  }

  #find4(address: number): number {
    const wanted = address >>> 0
    let low = 0
    let high = this.#starts4.length - 1 // range 0 begins at address 0
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#starts4[middle]! <= wanted) low = middle
      else high = middle - 1
    }
    return this.#values4[low]!
  }

  #find6(words: Int32Array, at: number): number {
    const starts = this.#starts6
    let low = 0
    let high = this.#values6.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      let i = 0
      while (i < 3 && starts[middle * 4 + i] === words[at + i]! >>> 0) i++
      if (starts[middle * 4 + i]! <= words[at + i]! >>> 0) low = middle
      else high = middle - 1
    }
    return this.#values6[low]!
  }
}

interface Range {
  readonly start: bigint
  readonly value: number
}

const wordMask = 0xffff_ffffn

/** The ranges of one family in ascending order, the first at address 0; each reaches to the next one's start. */
function rangesOf(prefixes: readonly Prefix[], family: Family): Range[] {
  const bits = familyBits(family)
  const spans = prefixes
    .filter(({ block }) => block.family === family)
    .map(({ block, value }) => {
      const start = addressNumber(block)
      const end = start + (1n << BigInt(bits - block.length)) // first address behind it
      return { start, end, length: block.length, value }
    })
    // A block comes before those inside it; of equal ones the first given comes last and so decides.
    .toReversed()
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : a.length - b.length))
  const ranges: Range[] = [{ start: 0n, value: 0 }]
  const add = (start: bigint, value: number): void => {
    if (ranges.at(-1)!.start === start) ranges.pop()
    ranges.push({ start, value })
  }
  const open: typeof spans = []
  const closeUpTo = (bound: bigint): void => {
    while (open.length > 0 && open.at(-1)!.end <= bound) {
      const { end } = open.pop()!
      add(end, open.at(-1)?.value ?? 0)
    }
  }
  for (const span of spans) {
    closeUpTo(span.start)
    add(span.start, span.value)
    open.push(span)
  }
  const beyond = 1n << BigInt(bits)
  closeUpTo(beyond)
  return ranges.filter(({ start }) => start < beyond)
}

function addressNumber({ words, family }: Cidr): bigint {
  if (family === 4) return BigInt(words[0] >>> 0)
  return words.reduce((number, word) => (number << 32n) | BigInt(word >>> 0), 0n)
}
