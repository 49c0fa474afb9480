/** Addresses to numbers, exactly: a hash table of flat arrays. A scope (a VPC) keeps equal addresses apart. */
import { about } from '../packet/packet.ts'
import type { Address } from './address.ts'

/** A slot is eight words, half a cache line: scope and family, the address, the value (0: empty). */
const slotShift = 3
const valueAt = 5

export class AddressTable {
  #size = 0
  #mask = 15
  #slots = new Int32Array(16 << slotShift)

  /** Sets the value (not 0) of an address that has none yet. */
  put(scope: number, address: Address, value: number): void {
    if (this.#size * 2 > this.#mask) this.#grow()
    this.#size++
    const owner = ownerWord(scope, address.family === 6)
    this.#place(Int32Array.of(owner, ...address.words, value), 0)
  }

  /**
   * The value of an address in `scope`, 0 when it has none.
   * @param mark word 9 of the packet, for the family; the address begins at `words[at]`
   */
  find(scope: number, mark: number, words: Int32Array, at: number): number {
    const v6 = (mark & about.ipv6) !== 0
    const owner = ownerWord(scope, v6)
    const slots = this.#slots
    let slot = (v6 ? hash6(owner, words, at) : hash4(owner, words[at]!)) & this.#mask
    for (;;) {
      const from = slot << slotShift
      const value = slots[from + valueAt]!
      if (value === 0) return 0
      if (
        slots[from] === owner &&
        slots[from + 1] === words[at] &&
        (!v6 ||
          (slots[from + 2] === words[at + 1] &&
            slots[from + 3] === words[at + 2] &&
            slots[from + 4] === words[at + 3]))
      )
        return value
      slot = (slot + 1) & this.#mask
    }
  }

  #place(from: Int32Array, at: number): void {
    const owner = from[at]!
    const hash = owner & 1 ? hash6(owner, from, at + 1) : hash4(owner, from[at + 1]!)
    let slot = hash & this.#mask
    while (this.#slots[(slot << slotShift) + valueAt] !== 0) slot = (slot + 1) & this.#mask
    for (let i = 0; i <= valueAt; i++) this.#slots[(slot << slotShift) + i] = from[at + i]!
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Int32Array(old.length * 2)
    this.#mask = (this.#slots.length >>> slotShift) - 1
    for (let from = 0; from < old.length; from += 1 << slotShift)
      if (old[from + valueAt] !== 0) this.#place(old, from)
  }
}

const ownerWord = (scope: number, v6: boolean): number => (scope << 1) | (v6 ? 1 : 0)

const mix = (hash: number, word: number): number => {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1)
  return mixed ^ (mixed >>> 15)
}

const hash4 = (owner: number, word: number): number => mix(mix(owner, word), 0)

const hash6 = (owner: number, words: Int32Array, at: number): number =>
  mix(mix(mix(mix(owner, words[at]!), words[at + 1]!), words[at + 2]!), words[at + 3]!)
