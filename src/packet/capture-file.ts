/**
 * What every capture file reader shares: a window of bytes that is refilled, counters, and what was
 * wrong with the file. `pcap-reader.ts` and `pcapng-reader.ts` walk their records over it.
 */
import type { ByteSource } from './byte-source.ts'
import { decoded, type Decoded } from './decode.ts'
import { type PacketBatch, rowWords, word } from './batch.ts'

/** Bytes read at a time: small enough to stay in the second-level cache between copy and decode. */
const windowBytes = 1 << 17

/** The longest record or block a reader takes in; a longer one is damage. Jumbo options end below it. */
export const recordBytesMax = 1 << 26

/** An interface of a capture file. A pcap file has one, without a name. */
export interface CaptureInterface {
  readonly name: string | undefined
  readonly linkType: number
}

/** Where a file stopped making sense. Everything before it was given. */
export interface Damage {
  readonly byte: number
  readonly reason: string
}

/** What `decode` asks of its caller. */
export const readState = { batchFull: 0, needBytes: 1, done: 2 } as const
export type ReadState = (typeof readState)[keyof typeof readState]

/**
 * Frames of one capture in file order. Call `decode` with an empty batch until it says `done`; after
 * `needBytes` await `refill()` first. Rows of a batch are complete but for word 13, which holds the
 * index into `interfaces`.
 */
export abstract class CaptureFile {
  readonly source: ByteSource
  readonly interfaces: CaptureInterface[] = []
  damage: Damage | undefined
  /** Drop counters found in the file (pcapng interface statistics). */
  dropsReported = 0
  frames = 0
  nonIp = 0
  truncatedIp = 0
  malformedIp = 0
  untimed = 0
  /** Least and greatest whole second of any frame; NaN before the first timed one. */
  secondMin = Number.NaN
  secondMax = Number.NaN

  protected bytes = new Uint8Array(windowBytes)
  protected view = new DataView(this.bytes.buffer)
  /** The next byte to look at, and the end of what is there. */
  protected at = 0
  protected end = 0
  #windowStart = 0
  #ended = false
  #wanted = 0

  constructor(source: ByteSource) {
    this.source = source
  }

  abstract decode(batch: PacketBatch): ReadState

  /** Offset in the (uncompressed) file of a position in the window. */
  protected offsetOf(position: number): number {
    return this.#windowStart + position
  }

  /**
   * Moves what is left to the front of the window and reads on until the wanted bytes are there.
   * @returns false at the end of the source
   */
  async refill(): Promise<boolean> {
    if (this.#ended) return false
    this.bytes.copyWithin(0, this.at, this.end)
    this.#windowStart += this.at
    this.end -= this.at
    this.at = 0
    if (this.#wanted > this.bytes.length) this.#widen(this.#wanted)
    do {
      const got = this.source.read(this.bytes, this.end)
      const count = typeof got === 'number' ? got : await got
      if (count === 0) {
        this.#ended = true
        return false
      }
      this.end += count
    } while (this.end < this.#wanted)
    return true
  }

  /** Called when `bytes` are needed from `at` on and are not all there. */
  protected starve(bytes: number): ReadState {
    if (!this.#ended) {
      this.#wanted = bytes
      return readState.needBytes
    }
    if (this.at < this.end || this.source.broken !== undefined) {
      const broken = this.source.broken === undefined ? '' : `: ${this.source.broken}`
      this.damaged(this.at, `the file ends inside a record${broken}`)
    }
    return readState.done
  }

  protected damaged(position: number, reason: string): ReadState {
    this.damage ??= { byte: this.offsetOf(position), reason }
    this.at = this.end
    this.#ended = true
    return readState.done
  }

  /** Counts a frame by what `decodeFrame` said of it. Returns whether it filled its row. */
  protected count(outcome: Decoded): boolean {
    this.frames++
    if (outcome === decoded.packet) return true
    if (outcome === decoded.nonIp) this.nonIp++
    else if (outcome === decoded.truncatedIp) this.truncatedIp++
    else this.malformedIp++
    return false
  }

  protected sawSecond(second: number): void {
    if (!(second >= this.secondMin)) this.secondMin = second
    if (!(second <= this.secondMax)) this.secondMax = second
  }

  close(): void {
    this.source.close()
  }

  #widen(bytes: number): void {
    const wider = new Uint8Array(Math.max(bytes, this.bytes.length * 2))
    wider.set(this.bytes.subarray(0, this.end))
    this.bytes = wider
    this.view = new DataView(wider.buffer)
  }
}

/** Writes time and interface of the batch's next row and counts it in. */
export function finishRow(
  batch: PacketBatch,
  second: number,
  nanosecond: number,
  interfaceIndex: number,
): void {
  const base = batch.rows * rowWords
  batch.words[base + word.second] = second
  batch.words[base + word.nanosecond] = nanosecond
  batch.words[base + word.interface] = interfaceIndex
  batch.rows++
}
