/**
 * Verdicts of first fragments, for the later ones that have no ports: "the verdict of the first fragment of
 * the same packet (same ENI, direction, addresses, protocol, identification) if it was seen at most 30 s
 * before" (records.md 32). A hash table of flat arrays; what is too old is dropped when it fills up.
 */
import { about, word } from '../packet/packet.ts'

/** How long a first fragment counts, in seconds. */
export const firstFragmentSeconds = 30

/** How far back in time packets may jump and still find their first fragment after a clean-up. */
const jumpSeconds = 120

const keyWords = 11 // ENI and direction, family and protocol, identification, two addresses

export class FragmentVerdicts {
  #size = 0
  #slots = 64
  #keys = new Int32Array(this.#slots * keyWords)
  #verdicts = new Uint8Array(this.#slots) // 0 is an empty slot
  #seen = new Float64Array(this.#slots)
  readonly #key = new Int32Array(keyWords)

  /** Notes the verdict (an action code) on a first fragment seen at `second`. */
  put(
    eni: number,
    way: number,
    words: Int32Array,
    packet: number,
    second: number,
    verdict: number,
  ): void {
    if (this.#size * 2 >= this.#slots) this.#clean(second)
    const slot = this.#slotOf(eni, way, words, packet)
    if (this.#verdicts[slot] === 0) {
      this.#size++
      this.#keys.set(this.#key, slot * keyWords)
    }
    this.#verdicts[slot] = verdict
    this.#seen[slot] = second
  }

  /** The verdict on the first fragment of a later one's packet, 0 when it was not seen or too long ago. */
  find(eni: number, way: number, words: Int32Array, packet: number, second: number): number {
    if (this.#size === 0) return 0
    const slot = this.#slotOf(eni, way, words, packet)
    return second - this.#seen[slot]! <= firstFragmentSeconds ? this.#verdicts[slot]! : 0
  }

  /** Where the packet's key is, or would be; leaves the key in `#key`. */
  #slotOf(eni: number, way: number, words: Int32Array, packet: number): number {
    const key = this.#key
    const mark = words[packet + word.about]!
    const width = mark & about.ipv6 ? 4 : 1
    key[0] = (eni << 2) | way
    key[1] = mark & (about.protocolMask | about.ipv6)
    key[2] = words[packet + word.identification]!
    for (let i = 0; i < 4; i++) {
      key[3 + i] = i < width ? words[packet + word.source + i]! : 0
      key[7 + i] = i < width ? words[packet + word.destination + i]! : 0
    }
    return this.#probe(key, 0)
  }

  #probe(key: Int32Array, from: number): number {
    let hash = 0
    for (let i = 0; i < keyWords; i++) {
      hash = Math.imul(hash ^ key[from + i]!, 0x9e3779b1)
      hash ^= hash >>> 15
    }
    let slot = hash & (this.#slots - 1)
    while (this.#verdicts[slot] !== 0 && !this.#same(slot, key, from))
      slot = (slot + 1) & (this.#slots - 1)
    return slot
  }

  #same(slot: number, key: Int32Array, from: number): boolean {
    for (let i = 0; i < keyWords; i++)
      if (this.#keys[slot * keyWords + i] !== key[from + i]) return false
    return true
  }

  /** Drops what is too old; doubles the table when that does not free half of what is held. */
  #clean(second: number): void {
    const keys = this.#keys
    const verdicts = this.#verdicts
    const seen = this.#seen
    const oldest = second - firstFragmentSeconds - jumpSeconds
    const kept = seen.reduce(
      (count, at, slot) => count + (verdicts[slot] !== 0 && at >= oldest ? 1 : 0),
      0,
    )
    if (kept * 4 > this.#slots) this.#slots *= 2
    this.#size = kept
    this.#keys = new Int32Array(this.#slots * keyWords)
    this.#verdicts = new Uint8Array(this.#slots)
    this.#seen = new Float64Array(this.#slots)
    for (let old = 0; old < verdicts.length; old++) {
      if (verdicts[old] === 0 || seen[old]! < oldest) continue
      const slot = this.#probe(keys, old * keyWords)
      this.#keys.set(keys.subarray(old * keyWords, (old + 1) * keyWords), slot * keyWords)
      this.#verdicts[slot] = verdicts[old]!
      this.#seen[slot] = seen[old]!
    }
  }
}
