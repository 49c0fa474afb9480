import { assert } from '../base/assert.ts'

/** Bytes a chunk holds: what a pipe takes in one write. */
const chunkBytes = 64 * 1024

/**
 * Bytes written piece by piece, handed on as chunks. A piece never crosses a chunk, so `view` may be
 * written at `at + 0 .. at + size - 1` after `reserve(size)`; a piece larger than a chunk gets one of
 * its own. What `reserve` gives is not cleared by anyone: it is new memory, all zeros.
 */
export class ChunkBuffer {
  view = new DataView(new ArrayBuffer(chunkBytes))
  bytes = new Uint8Array(this.view.buffer)
  #used = 0
  #full: Uint8Array[] = []

  /** The place of `size` bytes that are to be written now. */
  reserve(size: number): number {
    assert(size >= 0, 'a piece has a size')
    if (this.#used + size > this.bytes.length) this.#next(size)
    const at = this.#used
    this.#used += size
    return at
  }

  /** The chunks that are full. They are the caller's; the buffer never writes to them again. */
  takeChunks(): Uint8Array[] {
    const full = this.#full
    this.#full = []
    return full
  }

  /** Everything not taken yet, the chunk being filled included. */
  takeAll(): Uint8Array[] {
    this.#next(0)
    return this.takeChunks()
  }

  #next(size: number): void {
    if (this.#used > 0) this.#full.push(this.bytes.subarray(0, this.#used))
    this.view = new DataView(new ArrayBuffer(Math.max(size, chunkBytes)))
    this.bytes = new Uint8Array(this.view.buffer)
    this.#used = 0
  }
}
