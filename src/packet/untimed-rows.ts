/**
 * Packets that came before the first timestamp of their file (pcapng simple packet blocks). They wait for
 * it: "else of the first timed one, else 0" (records.md 55).
 */
import { about, type PacketBatch, packetBatchRows, rowWords, word } from './batch.ts'

/** Rows that may wait, 64 MiB of them; later ones are given time 0 rather than more memory. */
const waitingMax = 1 << 20

export class UntimedRows {
  #words = new Int32Array(0)
  #rows = 0
  #given = 0
  #settled = false

  /** Whether rows wait or are still being given, so that a later row must queue behind them. */
  get waiting(): boolean {
    return this.#rows > this.#given
  }

  /** Keeps the batch's next row, which has been decoded but not counted in. */
  take(batch: PacketBatch, second: number, nanosecond: number, interfaceIndex: number): void {
    if (this.#rows * rowWords === this.#words.length) {
      const wider = new Int32Array(Math.max(64 * rowWords, this.#words.length * 2))
      wider.set(this.#words)
      this.#words = wider
    }
    const from = batch.rows * rowWords
    const to = this.#rows * rowWords
    this.#words.set(batch.words.subarray(from, from + rowWords), to)
    this.#words[to + word.about]! &= ~about.icmpError // what it quotes is not kept
    this.#words[to + word.second] = second
    this.#words[to + word.nanosecond] = nanosecond
    this.#words[to + word.interface] = interfaceIndex
    this.#rows++
    if (!this.#settled && this.#rows >= waitingMax) this.settle(0, 0)
  }

  /** The first time is known: every waiting row has it. */
  settle(second: number, nanosecond: number): void {
    if (this.#settled) return
    this.#settled = true
    for (let row = 0; row < this.#rows; row++) {
      this.#words[row * rowWords + word.second] = second
      this.#words[row * rowWords + word.nanosecond] = nanosecond
    }
  }

  /** Moves settled rows into the batch. True when the batch is full. */
  giveInto(batch: PacketBatch): boolean {
    if (!this.#settled || this.#given === this.#rows) return false
    const count = Math.min(packetBatchRows - batch.rows, this.#rows - this.#given)
    const from = this.#given * rowWords
    batch.words.set(this.#words.subarray(from, from + count * rowWords), batch.rows * rowWords)
    batch.rows += count
    this.#given += count
    if (this.#given === this.#rows) {
      this.#given = this.#rows = 0
      this.#words = new Int32Array(0)
    }
    return batch.rows === packetBatchRows
  }
}
