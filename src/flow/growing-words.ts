/**
 * Memory for entries that grows where it lies. Copying into a larger array would need both at once, which for
 * a million flows is what the flows themselves take; WebAssembly's memory is reserved as addresses and grows
 * in place, and its buffer is an ordinary one to typed arrays.
 */

interface GrowableMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}
/** Of the runtime; TypeScript counts it to the browser's library, which the server does not load. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => GrowableMemory
}

const pageBytes = 1 << 16
const pagesMax = 1 << 16 // 4 GiB, 60 million flows; beyond it arrays are copied after all
const wordBytes = 4

export class GrowingWords {
  words: Int32Array
  /** The same memory as doubles. */
  doubles: Float64Array
  #memory: GrowableMemory | undefined

  /** @param count words to begin with */
  constructor(count: number) {
    const pages = Math.ceil((count * wordBytes) / pageBytes)
    if (pages > 1 && pages <= pagesMax) {
      this.#memory = new WebAssembly.Memory({ initial: pages, maximum: pagesMax })
      this.words = new Int32Array(this.#memory.buffer)
    } else this.words = new Int32Array(count)
    this.doubles = new Float64Array(this.words.buffer)
  }

  /** Makes room for `count` words; what is there stays. `words` and `doubles` are new arrays afterwards. */
  grow(count: number): void {
    const pages = Math.ceil((count * wordBytes) / pageBytes)
    if (this.#memory !== undefined && pages <= pagesMax) {
      this.#memory.grow(pages - this.#memory.buffer.byteLength / pageBytes)
      this.words = new Int32Array(this.#memory.buffer)
    } else {
      const old = this.words
      if (pages <= pagesMax) {
        const wider = new GrowingWords(count)
        this.#memory = wider.#memory
        this.words = wider.words
      } else {
        this.#memory = undefined
        this.words = new Int32Array(count)
      }
      this.words.set(old)
    }
    this.doubles = new Float64Array(this.words.buffer)
  }
}
