/**
 * The classic capture format (pcap-savefile):
 *
 *     file    magic u32 | major u16 | minor u16 | zone i32 | accuracy u32 | snaplen u32 | link type u32
 *     record  seconds u32 | fraction u32 | captured u32 | original u32 | frame
 *
 * The magic tells byte order and fraction: a1b2c3d4 microseconds, a1b23c4d nanoseconds.
 */
import type { ByteSource } from './byte-source.ts'
import { CaptureFile, finishRow, type ReadState, readState } from './capture-file.ts'
import { decodeFrame } from './decode.ts'
import { type PacketBatch, packetBatchRows } from './batch.ts'

const headerBytes = 24
const recordHeaderBytes = 16
/** Wireshark's and libpcap's limit of a frame; a file may state a larger one as its snaplen. */
const capturedMaxUsual = 262_144

export const pcapMagic = { microseconds: 0xa1b2c3d4, nanoseconds: 0xa1b23c4d } as const

export class PcapReader extends CaptureFile {
  #started = false
  #little = false
  #linkType = 0
  #capturedMax = capturedMaxUsual
  #nanosecondsPerFraction = 1000

  constructor(source: ByteSource) {
    super(source)
  }

  decode(batch: PacketBatch): ReadState {
    if (!this.#started) {
      if (this.end - this.at < headerBytes) return this.starve(headerBytes)
      this.#readHeader()
    }
    const little = this.#little
    const link = this.#linkType
    const scale = this.#nanosecondsPerFraction
    // The hot loop: one pass, no allocation; `at` is kept in a local until the loop is left.
    const view = this.view
    const end = this.end
    let at = this.at
    while (batch.rows < packetBatchRows) {
      if (end - at < recordHeaderBytes) {
        this.at = at
        return this.starve(recordHeaderBytes)
      }
      const captured = view.getUint32(at + 8, little)
      if (captured > this.#capturedMax)
        return this.damaged(at, `a record claims ${captured} captured bytes`)
      const frame = at + recordHeaderBytes
      if (end - frame < captured) {
        this.at = at
        return this.starve(recordHeaderBytes + captured)
      }
      const second = view.getUint32(at, little)
      const nanosecond = view.getUint32(at + 4, little) * scale
      const original = view.getUint32(at + 12, little)
      if (!(second >= this.secondMin && second <= this.secondMax)) this.sawSecond(second)
      if (this.count(decodeFrame(view, frame, captured, original, link, batch, batch.rows)))
        finishRow(batch, second, nanosecond, 0)
      at = frame + captured
    }
    this.at = at
    return readState.batchFull
  }

  #readHeader(): void {
    this.#started = true
    const little = this.view.getUint8(this.at) !== 0xa1
    this.#little = little
    const magic = this.view.getUint32(this.at, little)
    this.#nanosecondsPerFraction = magic === pcapMagic.nanoseconds ? 1 : 1000
    this.#capturedMax = Math.max(
      capturedMaxUsual,
      Math.min(this.view.getUint32(this.at + 16, little), 1 << 26),
    )
    this.#linkType = this.view.getUint32(this.at + 20, little) & 0xffff
    this.interfaces.push({ name: undefined, linkType: this.#linkType })
    this.at += headerBytes
  }
}
