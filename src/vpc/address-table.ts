/** Addresses to numbers, exactly: a hash table of flat arrays. A scope (a VPC) keeps equal addresses apart. */
import { about } from '../packet/packet.ts'
import type { Address } from './address.ts'

const keyWords = 5 // scope and family, then the address

export class AddressTable {
  #size = 0
  #keys = new Int32Array(16 * keyWords)
  #values = new Int32Array(16)
  #mask = 15

  /** Sets the value (not 0) of an address that has none yet. */
  put(scope: number, address: Address, value: number): void {
    if (this.#size * 2 > this.#mask) this.#grow()
    this.#size++
    const key = Int32Array.of(ownerWord(scope, address.family === 6), ...address.words)
    this.#place(key, 0, value)
  }

  /**
   * The value of an address in `scope`, 0 when it has none.
   * @param mark word 9 of the packet, for the family; the address begins at `words[at]`
   */
  find(scope: number, mark: number, words: Int32Array, at: number): number {
    const v6 = (mark & about.ipv6) !== 0
    const owner = ownerWord(scope, v6)
    const keys = this.#keys
    let slot = (v6 ? hash6(owner, words, at) : hash4(owner, words[at]!)) & this.#mask
    for (;;) {
      const value = this.#values[slot]!
      if (value === 0) return 0
      const key = slot * keyWords
      if (
        keys[key] === owner &&
        keys[key + 1] === words[at] &&
        (!v6 ||
          (keys[key + 2] === words[at + 1] &&
            keys[key + 3] === words[at + 2] &&
            keys[key + 4] === words[at + 3]))
      )
        return value
      slot = (slot + 1) & this.#mask
    }
  }

  #place(key: Int32Array, from: number, value: number): void {
    const owner = key[from]!
    const hash = owner & 1 ? hash6(owner, key, from + 1) : hash4(owner, key[from + 1]!)
    let slot = hash & this.#mask
    while (this.#values[slot] !== 0) slot = (slot + 1) & this.#mask
    for (let i = 0; i < keyWords; i++) this.#keys[slot * keyWords + i] = key[from + i]!
    this.#values[slot] = value
  }

  #grow(): void {
    const keys = this.#keys
    const values = this.#values
    this.#mask = values.length * 2 - 1
    this.#keys = new Int32Array(values.length * 2 * keyWords)
    this.#values = new Int32Array(values.length * 2)
    for (let slot = 0; slot < values.length; slot++)
      if (values[slot] !== 0) this.#place(keys, slot * keyWords, values[slot]!)
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
