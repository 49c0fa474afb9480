/**
 * The classic capture format (pcap-savefile):
 *
 *     file    magic u32 | major u16 | minor u16 | zone i32 | accuracy u32 | snaplen u32 | link type u32
 *     record  seconds u32 | fraction u32 | captured u32 | original u32 | frame
 *
 * The magic tells byte order and fraction: a1b2c3d4 microseconds, a1b23c4d nanoseconds.
 */
import type { ByteSource } from './byte-source.ts'
import { type PacketBatch, packetBatchRows, rowWords, word } from './batch.ts'
import { CaptureFile, type ReadState, readState } from './capture-file.ts'
import { decoded, decodeFrame, linkType } from './decode.ts'
import { decodePlain } from './decode-plain.ts'

const headerBytes = 24
const recordHeaderBytes = 16
// Own copies of what the hot loop uses: a binding of another module is looked up anew at each use.
const batchRows = packetBatchRows
const rowLength = rowWords
const { second: secondAt, nanosecond: nanosecondAt, interface: interfaceAt } = word
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
    const capturedMax = this.#capturedMax
    const ethernet = link === linkType.ethernet
    const words = batch.words
    const view = this.view
    const end = this.end
    // The hot loop: one pass, no allocation; what it counts is kept in locals until it is left.
    let at = this.at
    let row = batch.rows
    let secondMin = this.secondMin
    let secondMax = this.secondMax
    let captured = 0
    while (row < batchRows && end - at >= recordHeaderBytes) {
      captured = view.getUint32(at + 8, little)
      const frame = at + recordHeaderBytes
      if (captured > capturedMax || end - frame < captured) break
      const second = view.getUint32(at, little)
      if (!(second >= secondMin)) secondMin = second
      if (!(second <= secondMax)) secondMax = second
      const base = row * rowLength
      words[base + secondAt] = second
      words[base + nanosecondAt] = Math.imul(view.getInt32(at + 4, little), scale)
      words[base + interfaceAt] = 0
      if (ethernet && decodePlain(view, frame, captured, words, base)) row++
      else {
        const original = view.getUint32(at + 12, little)
        const outcome = decodeFrame(view, frame, captured, original, link, batch, row)
        if (outcome === decoded.packet) row++
        else this.count(outcome)
      }
      at = frame + captured
    }
    this.frames += row - batch.rows
    batch.rows = row
    this.secondMin = secondMin
    this.secondMax = secondMax
    this.at = at
    if (row === packetBatchRows) return readState.batchFull
    if (end - at < recordHeaderBytes) return this.starve(recordHeaderBytes)
    if (captured > capturedMax)
      return this.damaged(at, `a record claims ${captured} captured bytes`)
    return this.starve(recordHeaderBytes + captured)
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
