/**
 * Address blocks that lie within each other, as every two CIDR blocks do or are apart. Kept as the borders of the
 * disjoint pieces they cut the address space into; a piece knows its innermost block, a block the one around it.
 * One binary search finds all blocks that hold an address.
 */
import type { Family } from './address.ts'
import { compareAt, positionOf, wordsEach, WordList } from './sorted-addresses.ts'

const none = 0xffff_ffff

export class PrefixTree {
  readonly #family: Family
  /** First addresses of the pieces, and the innermost block of each. */
  readonly #borders: Uint32Array
  readonly #innermost: Uint32Array
  readonly #parents: Uint32Array
  readonly #lengths: Uint32Array
  /** The entries of block `n` are `#entries[#begins[n]..#begins[n + 1]]`. */
  readonly #begins: Uint32Array
  readonly #entries: Uint32Array

  constructor(family: Family, blocks: BlockList) {
    this.#family = family
    const sweep = new Sweep(family, blocks)
    for (const block of blocks.sorted()) sweep.enter(block)
    sweep.leaveAll()
    this.#borders = sweep.borders.trimmed()
    this.#innermost = sweep.innermost.trimmed()
    this.#parents = sweep.parents.trimmed()
    this.#lengths = sweep.lengths.trimmed()
    sweep.begins.push(sweep.entries.length)
    this.#begins = sweep.begins.trimmed()
    this.#entries = sweep.entries.trimmed()
  }

  /** Every entry whose block holds the address, the longest prefix first, with its length. */
  find(words: Uint32Array, take: (entry: number, length: number) => void): void {
    const at = positionOf(this.#family, this.#borders, words)
    let node = at < 0 ? none : this.#innermost[at]!
    for (; node !== none; node = this.#parents[node]!)
      for (let i = this.#begins[node]!; i < this.#begins[node + 1]!; i++)
        take(this.#entries[i]!, this.#lengths[node]!)
  }
}

/** Blocks of one family, each with the number of its entry. */
export class BlockList {
  readonly #family: Family
  readonly first = new WordList(64)
  readonly lengths = new WordList(64)
  readonly entries = new WordList(64)

  constructor(family: Family) {
    this.#family = family
  }

  /** @param words the first address of the block */
  push(words: Uint32Array, length: number, entry: number): void {
    this.first.pushAddress(this.#family, words)
    this.lengths.push(length)
    this.entries.push(entry)
  }

  /** Their positions: by first address, the widest first, in the order they came. */
  sorted(): Uint32Array {
    const each = wordsEach(this.#family)
    const first = this.first.words
    const lengths = this.lengths.words
    const order = Uint32Array.from({ length: lengths.length }, (_, i) => i)
    return order.sort((a, b) => {
      const apart = each === 1 ? first[a]! - first[b]! : compareAt(first, a * 4, first, b * 4)
      return apart !== 0 ? apart : lengths[a]! - lengths[b]! || a - b
    })
  }
}

/** Goes over the blocks from left to right and holds those that the present address lies in. */
class Sweep {
  readonly borders = new WordList(64)
  readonly innermost = new WordList(64)
  readonly parents = new WordList(64)
  readonly lengths = new WordList(64)
  readonly begins = new WordList(64)
  readonly entries = new WordList(64)
  readonly #family: Family
  readonly #blocks: BlockList
  readonly #open: {
    readonly node: number
    readonly first: Uint32Array
    readonly last: Uint32Array
  }[] = []

  constructor(family: Family, blocks: BlockList) {
    this.#family = family
    this.#blocks = blocks
  }

  /** @param block a position in the list; called in sorted order */
  enter(block: number): void {
    const each = wordsEach(this.#family)
    const first = this.#blocks.first.words.slice(block * each, block * each + each)
    const length = this.#blocks.lengths.at(block)
    const entry = this.#blocks.entries.at(block)
    let top = this.#open.at(-1)
    for (; top !== undefined && isBefore(top.last, first); top = this.#open.at(-1)) this.#leave()
    if (top === undefined || this.lengths.at(top.node) !== length || isBefore(top.first, first)) {
      const node = this.lengths.length
      this.lengths.push(length)
      this.parents.push(top?.node ?? none)
      this.begins.push(this.entries.length)
      this.#border(first, node)
      this.#open.push({ node, first, last: lastOf(first, length) })
    }
    this.entries.push(entry)
  }

  leaveAll(): void {
    while (this.#open.length > 0) this.#leave()
  }

  #leave(): void {
    const { last } = this.#open.pop()!
    const next = afterOf(last)
    if (next !== undefined) this.#border(next, this.#open.at(-1)?.node ?? none)
  }

  #border(at: Uint32Array, node: number): void {
    const each = at.length
    const written = this.borders.words
    if (written.length > 0 && !isBefore(written.subarray(-each), at)) {
      this.innermost.words[this.innermost.length - 1] = node
      return
    }
    for (const word of at) this.borders.push(word)
    this.innermost.push(node)
  }
}

function isBefore(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]!
  return false
}

/** The last address of a block. */
function lastOf(first: Uint32Array, length: number): Uint32Array {
  return first.map((word, i) => {
    const bits = Math.min(32, Math.max(0, length - i * 32))
    return bits === 32 ? word : word | (0xffff_ffff >>> bits)
  })
}

/** The address after this one; undefined after the last of all. */
function afterOf(words: Uint32Array): Uint32Array | undefined {
  const after = words.slice()
  for (let i = after.length - 1; i >= 0; i--) {
    after[i] = after[i]! + 1
    if (after[i] !== 0) return after
  }
  return undefined
}
