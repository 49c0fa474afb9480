/**
 * Rows on their way into batches. A flow of more bytes or packets than a row's words hold becomes several rows; what
 * one datagram makes may be more than a batch takes.
 */
import { about, type PacketBatch, packetBatchRows, rowWords, word } from '../../packet/packet.ts'

const rowBytesMax = 0xffff_ffff
const rowPacketsMax = 0x7fff_ffff
const firstEntries = 256

export class RowQueue {
  #words = new Int32Array(firstEntries * rowWords)
  /** Packets and bytes still to be given. */
  #counts = new Float64Array(firstEntries * 2)
  /** Closing flags, second and nanosecond; flags 0: none. */
  #closings = new Int32Array(firstEntries * 3)
  #end = 0
  #next = 0

  get isEmpty(): boolean {
    return this.#next === this.#end
  }

  /** The words of a further entry, cleared; it is queued with `packets` and `bytes`, both above 0 or one of them 0. */
  push(packets: number, bytes: number): Int32Array {
    if (this.isEmpty) this.#next = this.#end = 0
    if (this.#end * 2 === this.#counts.length) this.#grow()
    const entry = this.#end++
    this.#counts[entry * 2] = packets
    this.#counts[entry * 2 + 1] = bytes
    this.#closings[entry * 3] = 0
    return this.#words.subarray(entry * rowWords, (entry + 1) * rowWords).fill(0)
  }

  /**
   * The entry pushed last is followed by a row without packets, whose TCP flags may close the connection. Both come in
   * one batch, so that no window can close between them.
   */
  closeLast(flags: number, second: number, nanosecond: number): void {
    this.#closings.set([flags, second, nanosecond], (this.#end - 1) * 3)
  }

  /** Adds as many rows to the batch as it has room for. */
  giveInto(batch: PacketBatch): void {
    while (this.#next < this.#end && this.#giveEntry(batch, this.#next)) this.#next++
  }

  /** @returns whether nothing of the entry is left */
  #giveEntry(batch: PacketBatch, entry: number): boolean {
    const counts = this.#counts
    const closes = this.#closings[entry * 3] !== 0
    for (;;) {
      const packets = Math.min(counts[entry * 2]!, rowPacketsMax)
      const bytes = Math.min(counts[entry * 2 + 1]!, rowBytesMax)
      const last = packets === counts[entry * 2] && bytes === counts[entry * 2 + 1]
      if (batch.rows + (last && closes ? 2 : 1) > packetBatchRows) return false
      const base = this.#row(batch, entry)
      batch.words[base + word.packets] = packets
      batch.words[base + word.bytes] = bytes
      counts[entry * 2]! -= packets
      counts[entry * 2 + 1]! -= bytes
      if (!last) continue
      if (closes) this.#giveClosing(batch, entry)
      return true
    }
  }

  #giveClosing(batch: PacketBatch, entry: number): void {
    const base = this.#row(batch, entry)
    const closing = entry * 3
    batch.words[base + word.about]! &= ~(0xff << about.flagsShift)
    batch.words[base + word.about]! |= this.#closings[closing]! << about.flagsShift
    batch.words[base + word.second] = this.#closings[closing + 1]!
    batch.words[base + word.nanosecond] = this.#closings[closing + 2]!
    batch.words[base + word.packets] = 0
    batch.words[base + word.bytes] = 0
  }

  #row(batch: PacketBatch, entry: number): number {
    const base = batch.rows++ * rowWords
    const from = entry * rowWords
    batch.words.set(this.#words.subarray(from, from + rowWords), base)
    return base
  }

  #grow(): void {
    const grow = <T extends Int32Array | Float64Array>(old: T, into: T): T => {
      into.set(old)
      return into
    }
    this.#words = grow(this.#words, new Int32Array(this.#words.length * 2))
    this.#counts = grow(this.#counts, new Float64Array(this.#counts.length * 2))
    this.#closings = grow(this.#closings, new Int32Array(this.#closings.length * 2))
  }
}
