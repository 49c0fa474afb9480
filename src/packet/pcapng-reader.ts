/**
 * The block format (pcapng). Every block is
 *
 *     type u32 | length u32 | body | length u32
 *
 * in the byte order of its section. Read here: section header (0x0a0d0d0a), interface description (1),
 * enhanced packet (6), the older packet block (2), simple packet (3) and interface statistics (5); other
 * blocks are passed over.
 */
import type { ByteSource } from './byte-source.ts'
import {
  CaptureFile,
  finishRow,
  recordBytesMax,
  type ReadState,
  readState,
} from './capture-file.ts'
import { decodeFrame } from './decode.ts'
import { about, type PacketBatch, packetBatchRows, rowWords, word } from './batch.ts'
import { UntimedRows } from './untimed-rows.ts'

export const blockType = {
  section: 0x0a0d0d0a,
  interface: 1,
  packet: 2,
  simplePacket: 3,
  statistics: 5,
  enhancedPacket: 6,
} as const

const byteOrderMagic = 0x1a2b3c4d
const option = {
  end: 0,
  name: 2,
  flags: 2,
  resolution: 9,
  offset: 14,
  received: 4,
  dropped: 5,
} as const

interface InterfaceClock {
  /** Units of the timestamp in a second. */
  readonly unitsPerSecond: bigint
  readonly offsetSeconds: number
  readonly snaplen: number
}

export class PcapngReader extends CaptureFile {
  #little = true
  /** Where the running section's interfaces begin in `interfaces`. */
  #sectionFirst = 0
  readonly #clocks: InterfaceClock[] = []
  #second = Number.NaN
  #nanosecond = 0
  readonly #untimed = new UntimedRows()

  constructor(source: ByteSource) {
    super(source)
  }

  decode(batch: PacketBatch): ReadState {
    if (this.#untimed.giveInto(batch)) return readState.batchFull
    while (batch.rows < packetBatchRows) {
      const state = this.#block(batch)
      if (state !== undefined) {
        if (state !== readState.done) return state
        // No timed packet came: rule 55 says time 0.
        this.#untimed.settle(0, 0)
        return this.#untimed.giveInto(batch) ? readState.batchFull : readState.done
      }
      if (this.#untimed.giveInto(batch)) return readState.batchFull
    }
    return readState.batchFull
  }

  /** Takes in one block; undefined when there may be another. */
  #block(batch: PacketBatch): ReadState | undefined {
    if (this.end - this.at < 12) return this.starve(12)
    const view = this.view
    const at = this.at
    const type = view.getUint32(at, this.#little)
    if (view.getUint32(at, true) === blockType.section) {
      const magic = view.getUint32(at + 8, true)
      if (magic !== byteOrderMagic && view.getUint32(at + 8) !== byteOrderMagic)
        return this.damaged(at, 'a section header without the byte-order magic')
      this.#little = magic === byteOrderMagic
      this.#sectionFirst = this.interfaces.length
    }
    const length = view.getUint32(at + 4, this.#little)
    if (length < 12 || length % 4 !== 0 || length > recordBytesMax)
      return this.damaged(at, `a block with the length ${length}`)
    if (this.end - at < length) return this.starve(length)
    if (view.getUint32(at + length - 4, this.#little) !== length)
      return this.damaged(at, 'a block whose two lengths differ')
    const fault = this.#readBody(type, at + 8, at + length - 4, batch)
    if (fault !== undefined) return this.damaged(at, fault)
    this.at = at + length
    return undefined
  }

  #readBody(type: number, at: number, end: number, batch: PacketBatch): string | undefined {
    switch (type) {
      case blockType.section:
        return end - at < 16 ? 'a section header that is too short' : undefined
      case blockType.interface:
        return this.#readInterface(at, end)
      case blockType.enhancedPacket:
      case blockType.packet:
        return this.#readPacket(type, at, end, batch)
      case blockType.simplePacket:
        return this.#readSimplePacket(at, end, batch)
      case blockType.statistics:
        return this.#readStatistics(at, end)
      default:
        return undefined
    }
  }

  #readInterface(at: number, end: number): string | undefined {
    if (end - at < 8) return 'an interface block that is too short'
    const linkType = this.view.getUint16(at, this.#little)
    const snaplen = this.view.getUint32(at + 4, this.#little)
    let name: string | undefined
    let unitsPerSecond = 1_000_000n
    let offsetSeconds = 0
    for (const each of this.#options(at + 8, end)) {
      if (each.code === option.name)
        name = Buffer.from(this.bytes.subarray(each.at, each.at + each.length))
          .toString('utf8')
          .replace(/\0+$/, '')
      else if (each.code === option.resolution && each.length >= 1) {
        const exponent = this.view.getUint8(each.at)
        unitsPerSecond = exponent & 0x80 ? 1n << BigInt(exponent & 0x7f) : 10n ** BigInt(exponent)
      } else if (each.code === option.offset && each.length === 8)
        offsetSeconds = Number(this.view.getBigInt64(each.at, this.#little))
    }
    this.interfaces.push({ name, linkType })
    this.#clocks.push({ unitsPerSecond, offsetSeconds, snaplen })
    return undefined
  }

  *#options(at: number, end: number): Generator<{ code: number; at: number; length: number }> {
    while (at + 4 <= end) {
      const code = this.view.getUint16(at, this.#little)
      const length = this.view.getUint16(at + 2, this.#little)
      at += 4
      if (code === option.end || at + length > end) return
      yield { code, at, length }
      at += (length + 3) & ~3
    }
  }

  #readPacket(type: number, at: number, end: number, batch: PacketBatch): string | undefined {
    if (end - at < 20) return 'a packet block that is too short'
    const view = this.view
    const little = this.#little
    const own =
      type === blockType.enhancedPacket ? view.getUint32(at, little) : view.getUint16(at, little)
    const index = this.#sectionFirst + own
    const clock = this.#clocks[index]
    if (clock === undefined) return `a packet of interface ${own}, which was not described`
    const captured = view.getUint32(at + 12, little)
    const frame = at + 20
    if (captured > end - frame) return 'a packet longer than its block'
    if (this.#readTime(view.getUint32(at + 4, little), view.getUint32(at + 8, little), clock)) {
      this.sawSecond(this.#second)
      this.#untimed.settle(this.#second, this.#nanosecond)
    } else this.untimed++
    const original = view.getUint32(at + 16, little)
    const link = this.interfaces[index]!.linkType
    const row = batch.rows
    if (!this.count(decodeFrame(view, frame, captured, original, link, batch, row)))
      return undefined
    const direction = this.#direction(frame + ((captured + 3) & ~3), end)
    batch.words[row * rowWords + word.about]! |= direction << about.directionShift
    if (this.#untimed.waiting || Number.isNaN(this.#second))
      this.#untimed.take(batch, this.#second, this.#nanosecond, index)
    else finishRow(batch, this.#second, this.#nanosecond, index)
    return undefined
  }

  /** The two direction bits of the flags option: 1 inbound, 2 outbound. */
  #direction(at: number, end: number): number {
    if (at + 8 > end) return 0
    for (const each of this.#options(at, end))
      if (each.code === option.flags && each.length === 4) {
        const bits = this.view.getUint32(each.at, this.#little) & about.directionMask
        return bits === 3 ? 0 : bits
      }
    return 0
  }

  /** False for a time before 1970 or after 2106, which no row can hold: such a packet has none. */
  #readTime(high: number, low: number, clock: InterfaceClock): boolean {
    let second: number
    let nanosecond: number
    if (clock.unitsPerSecond === 1_000_000n) {
      const micros = high * 4_294_967_296 + low // below 2^53 until the year 2255
      second = Math.floor(micros / 1_000_000)
      nanosecond = (micros - second * 1_000_000) * 1000
    } else {
      const units = (BigInt(high) << 32n) | BigInt(low)
      const whole = units / clock.unitsPerSecond
      second = Number(whole)
      nanosecond = Number(
        ((units - whole * clock.unitsPerSecond) * 1_000_000_000n) / clock.unitsPerSecond,
      )
    }
    second += clock.offsetSeconds
    if (!(second >= 0 && second <= 0xffff_ffff)) return false
    this.#second = second
    this.#nanosecond = nanosecond
    return true
  }

  /** "The time of the packet before them in the file, else of the first timed one" (records.md 55). */
  #readSimplePacket(at: number, end: number, batch: PacketBatch): string | undefined {
    if (end - at < 4) return 'a simple packet block that is too short'
    const clock = this.#clocks[this.#sectionFirst]
    if (clock === undefined) return 'a simple packet before any interface was described'
    const original = this.view.getUint32(at, this.#little)
    const kept = clock.snaplen === 0 ? original : Math.min(original, clock.snaplen)
    const captured = Math.min(kept, end - at - 4)
    const link = this.interfaces[this.#sectionFirst]!.linkType
    this.untimed++
    if (!this.count(decodeFrame(this.view, at + 4, captured, original, link, batch, batch.rows)))
      return undefined
    if (Number.isNaN(this.#second)) this.#untimed.take(batch, 0, 0, this.#sectionFirst)
    else finishRow(batch, this.#second, this.#nanosecond, this.#sectionFirst)
    return undefined
  }

  #readStatistics(at: number, end: number): string | undefined {
    if (end - at < 12) return 'a statistics block that is too short'
    for (const each of this.#options(at + 12, end))
      if (each.code === option.dropped && each.length === 8)
        this.dropsReported += Number(this.view.getBigUint64(each.at, this.#little))
    return undefined
  }
}
