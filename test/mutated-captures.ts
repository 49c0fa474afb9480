/**
 * Captures for fuzzing: frames of real captures, mutated one by one and written into a file of a random form;
 * a share of the files is then damaged as bytes.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { joined, PcapngWriter, PcapWriter } from '../src/packet/packet.ts'
import type { Random } from '../src/sample/random.ts'
import { captureCases } from './captures/make.ts'
import { type NaiveFrame, naiveRead } from './naive-decoder.ts'

const sharedCaptures = join(import.meta.dirname, '../../shared/captures')
/** Frames taken of one capture: a large one must not push the others out. */
const framesEach = 400
/** Bytes of a frame that are kept; headers are what is mutated. */
const frameBytesMax = 512

/** A frame on its way into a file. */
interface Draft {
  linkType: number
  bytes: Uint8Array
  originalBytes: number
  second: number
}

export interface MutatedFile {
  readonly bytes: Uint8Array
  /** Frames that differ from those of the capture they come from. */
  readonly mutated: number
  /** Whether bytes of the file were changed after it was written. */
  readonly damaged: boolean
}

/** Frames of our own captures and, where they are, of ../shared: a list for each capture. */
export function frameLists(): NaiveFrame[][] {
  const files: Uint8Array[] = captureCases().map(({ file }) => file)
  if (existsSync(sharedCaptures))
    for (const name of readdirSync(sharedCaptures).sort())
      if (/\.pcap(ng)?$/.test(name)) files.push(readFileSync(join(sharedCaptures, name)))
  return files
    .map((file) => naiveRead(file)?.frames ?? [])
    .map((frames) => everyNth(frames, framesEach).map(shortened))
    .filter((frames) => frames.length > 0)
}

function everyNth<T>(list: readonly T[], most: number): T[] {
  const step = Math.ceil(list.length / most)
  return list.filter((_, i) => i % step === 0)
}

/** Long payloads only make the files long. */
const shortened = (frame: NaiveFrame): NaiveFrame => ({
  ...frame,
  bytes: Uint8Array.from(frame.bytes.subarray(0, frameBytesMax)),
})

const linkTypes = [1, 1, 0, 12, 14, 101, 113, 228, 229, 276, 105, 65535]
/** Bytes that mean something in a header. */
const tellingBytes = [
  0, 1, 2, 4, 5, 6, 17, 24, 28, 30, 33, 40, 41, 43, 44, 45, 50, 51, 58, 59, 60, 0x3a, 0x40, 0x44,
  0x45, 0x46, 0x4f, 0x50, 0x57, 0x60, 0x64, 0x6f, 0x81, 0x86, 0x88, 0x91, 132, 135, 136, 0xc2, 0xdd,
  0xe0, 0xff,
]
const tellingWords = [
  0, 1, 4, 8, 0x0021, 0x0057, 0x0800, 0x0806, 0x8100, 0x86dd, 0x8847, 0x8848, 0x8864, 0x88a8,
  0x9100, 0x2000, 0x1fff, 0x3fff, 0x4000, 19, 20, 21, 39, 40, 41, 1500, 0xffff,
]

/** Begins near a bound of every window length. */
const begin = 1_700_000_390

export class CaptureMutator {
  readonly #lists: readonly NaiveFrame[][]
  readonly #random: Random
  /** Whether times stay within minutes of each other, so that windows can be walked. */
  readonly #calm: boolean
  #mutated = 0

  constructor(lists: readonly NaiveFrame[][], random: Random, calm: boolean) {
    this.#lists = lists
    this.#random = random
    this.#calm = calm
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#random.whole(0, list.length - 1)]!
  }

  #chance(oneIn: number): boolean {
    return this.#random.whole(1, oneIn) === 1
  }

  file(frameCount: number): MutatedFile {
    this.#mutated = 0
    const drafts = this.#drafts(frameCount)
    const written = this.#chance(3) ? this.#pcapng(drafts) : this.#pcap(drafts)
    if (!this.#chance(8)) return { bytes: written, mutated: this.#mutated, damaged: false }
    return { bytes: this.#damaged(written), mutated: this.#mutated, damaged: true }
  }

  /** Consecutive frames of one capture, now and then one of another. */
  #drafts(count: number): Draft[] {
    const list = this.#one(this.#lists)
    let next = this.#random.whole(0, list.length - 1)
    let second = begin
    return Array.from({ length: count }, () => {
      const from = this.#chance(10) ? this.#one(this.#one(this.#lists)) : list[next]!
      next = (next + 1) % list.length
      if (this.#chance(4)) second += this.#random.whole(0, 30)
      const draft = { ...from, second }
      const { bytes } = draft
      if (!this.#chance(4)) this.#mutate(draft)
      if (draft.bytes !== bytes || draft.second !== second) this.#mutated++
      return draft
    })
  }

  #mutate(draft: Draft): void {
    for (let i = this.#random.whole(1, 3); i > 0; i--) {
      const kinds = this.#calm ? 8 : 9
      const kind = this.#random.whole(0, kinds)
      if (kind <= 3) this.#overwrite(draft)
      else if (kind === 4) draft.bytes = draft.bytes.slice(0, this.#place(draft.bytes.length + 1))
      else if (kind === 5) this.#moveRange(draft)
      else if (kind === 6) this.#splice(draft)
      else if (kind === 7) draft.originalBytes = this.#length(draft.bytes.length)
      else if (kind === 8) draft.linkType = this.#one(linkTypes)
      else
        draft.second = this.#one([
          0,
          1,
          begin - 700,
          begin + 900,
          0x7fffffff,
          0x80000000,
          0xffffffff,
        ])
    }
  }

  /** A place in so many bytes, in the headers more often than behind them. */
  #place(length: number): number {
    const most = this.#chance(5) ? length : Math.min(length, 80)
    return this.#random.whole(0, Math.max(0, most - 1))
  }

  #length(near: number): number {
    return Math.max(
      0,
      this.#one([near, near + 1, near + 1000, 70_000, 0, 14, 34, 0xffff, 0x7fffffff]),
    )
  }

  #overwrite(draft: Draft): void {
    if (draft.bytes.length === 0) return
    const bytes = draft.bytes.slice()
    const at = this.#place(bytes.length)
    if (this.#chance(3)) bytes[at]! ^= 1 << this.#random.whole(0, 7)
    else if (this.#chance(2)) bytes[at] = this.#one(tellingBytes)
    else if (at + 1 < bytes.length) {
      const word = this.#chance(2) ? this.#one(tellingWords) : this.#length(bytes.length) & 0xffff
      bytes[at] = word >> 8
      bytes[at + 1] = word & 0xff
    }
    draft.bytes = bytes
  }

  /** Takes a range out or puts one in twice: tags, labels, options and extension headers among them. */
  #moveRange(draft: Draft): void {
    const { bytes } = draft
    const from = this.#place(bytes.length)
    const to = Math.min(bytes.length, from + this.#one([1, 2, 4, 4, 8, 8, 20, 40]))
    const times = this.#chance(2) ? 0 : this.#one([2, 2, 3, 40])
    const range = Array.from({ length: times }, () => bytes.subarray(from, to))
    draft.bytes = joined([bytes.subarray(0, from), ...range, bytes.subarray(to)])
    if (this.#chance(2)) draft.originalBytes = draft.bytes.length
  }

  #splice(draft: Draft): void {
    const other = this.#one(this.#one(this.#lists)).bytes
    const head = draft.bytes.subarray(0, this.#place(draft.bytes.length + 1))
    draft.bytes = joined([head, other.subarray(this.#place(other.length + 1))])
  }

  #pcap(drafts: readonly Draft[]): Uint8Array {
    const linkType = drafts[0]!.linkType
    const writer = new PcapWriter({
      linkType,
      nanoseconds: this.#chance(2),
      byteOrder: this.#chance(2) ? 'little' : 'big',
      snapLength: this.#one([0, 65_535, 262_144, 0xffffffff]),
    })
    for (const { second, bytes, originalBytes } of drafts)
      writer.packet(second, this.#random.whole(0, 999_999_999), bytes, bytes.length, originalBytes)
    return joined(writer.finish())
  }

  #pcapng(drafts: readonly Draft[]): Uint8Array {
    const order = (): 'little' | 'big' => (this.#chance(2) ? 'little' : 'big')
    const writer = new PcapngWriter({ byteOrder: order() })
    let known: number[] = []
    for (const { second, bytes, originalBytes, linkType } of drafts) {
      if (this.#chance(40)) {
        writer.section(order())
        known = []
      }
      if (this.#chance(30)) writer.block(this.#one([4, 5, 11, 0xbad]), new Uint8Array(12))
      if (!known.includes(linkType) || this.#chance(50)) {
        const timeResolution = this.#one([6, 6, 9, 3, 0, 0x80, 0x80 | 20])
        const offset = this.#chance(5) ? { timeOffset: this.#random.whole(0, begin - 1000) } : {}
        const calmOffset = second > begin - 1000 ? offset : {}
        writer.addInterface({ linkType, timeResolution, ...calmOffset })
        known.push(linkType)
      }
      const fits = Math.max(originalBytes, 0)
      if (this.#chance(8) && fits <= bytes.length && known[0] === linkType)
        writer.simplePacket(bytes, fits)
      else {
        const nanosecond = this.#random.whole(0, 999_999_999)
        const direction = this.#one([0, 0, 1, 2])
        const index = known.lastIndexOf(linkType)
        writer.packet(
          index,
          Math.max(second, begin - 1000),
          nanosecond,
          bytes,
          direction,
          bytes.length,
          originalBytes,
        )
      }
    }
    return joined(writer.finish())
  }

  /** Flipped bits, a cut, a range lost or repeated, anywhere in the file. */
  #damaged(written: Uint8Array): Uint8Array {
    const bytes = written.slice()
    const at = this.#random.whole(0, bytes.length - 1)
    const to = Math.min(bytes.length, at + this.#random.whole(1, 64))
    switch (this.#random.whole(0, 4)) {
      case 0:
        return bytes.subarray(0, at)
      case 1:
        return joined([bytes.subarray(0, at), bytes.subarray(to)])
      case 2:
        return joined([bytes.subarray(0, to), bytes.subarray(at)])
      case 3:
        bytes[at]! ^= 1 << this.#random.whole(0, 7)
        return bytes
      default:
        for (let i = at; i < Math.min(to, at + 4); i++) bytes[i] = this.#one([0, 255, 1, 0x7f])
        return bytes
    }
  }
}
