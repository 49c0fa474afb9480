/** Codes or differences of a column: one a row. Float64Array holds whole numbers too. */
export type Words = Uint8Array | Uint16Array | Uint32Array | Float64Array

const noText = 0xffff_ffff
const keptBytesMax = 256 * 1024
const shortTextMax = 40

/** Grows as it is written. Little endian, as the typed arrays of every machine Node 24 runs on. */
export class ByteWriter {
  #bytes: Buffer = Buffer.allocUnsafe(64 * 1024)
  #length = 0

  u8(value: number): void {
    const at = this.#take(1)
    this.#bytes.writeUInt8(value, at)
  }

  u16(value: number): void {
    const at = this.#take(2)
    this.#bytes.writeUInt16LE(value, at)
  }

  u32(value: number): void {
    const at = this.#take(4)
    this.#bytes.writeUInt32LE(value, at)
  }

  f64(value: number): void {
    const at = this.#take(8)
    this.#bytes.writeDoubleLE(value, at)
  }

  text(value: string): void {
    const at = this.#take(4 + value.length * 3) // UTF-8 takes at most 3 bytes a UTF-16 unit
    const length = this.#shortAscii(value, at + 4) || this.#bytes.write(value, at + 4)
    this.#bytes.writeUInt32LE(length, at)
    this.#length = at + 4 + length
  }

  /** Bytes as they are; their length goes before them. */
  bytes(value: Uint8Array): void {
    const at = this.#take(4 + value.length)
    this.#bytes.writeUInt32LE(value.length, at)
    this.#bytes.set(value, at + 4)
  }

  optionalText(value: string | undefined): void {
    if (value === undefined) this.u32(noText)
    else this.text(value)
  }

  /** The first `count` values, each as an unsigned integer of `width` bytes; width 8 is a float64. */
  words(values: Uint32Array | Float64Array, count: number, width: 1 | 2 | 4 | 8): void {
    let at = this.#take(count * width)
    const bytes = this.#bytes
    if (width === 1) for (let i = 0; i < count; i++) bytes[at++] = values[i]!
    else if (width === 8) for (let i = 0; i < count; i++) at = bytes.writeDoubleLE(values[i]!, at)
    else
      for (let i = 0; i < count; i++) {
        const value = values[i]!
        bytes[at++] = value
        bytes[at++] = value >>> 8
        if (width === 2) continue
        bytes[at++] = value >>> 16
        bytes[at++] = value >>> 24
      }
  }

  /** Forgets what was written; a buffer that became large is given up. */
  clear(): void {
    this.#length = 0
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.allocUnsafe(keptBytesMax)
  }

  /** A copy of what was written, no larger than it. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length))
  }

  /** A call of the library costs more than a short text does. Returns its length, 0 where it is none of these. */
  #shortAscii(value: string, at: number): number {
    const length = value.length
    if (length > shortTextMax) return 0
    const bytes = this.#bytes
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code > 0x7f) return 0
      bytes[at + i] = code
    }
    return length
  }

  #take(count: number): number {
    const at = this.#length
    if (at + count > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, at + count))
      this.#bytes.copy(grown, 0, 0, at)
      this.#bytes = grown
    }
    this.#length += count
    return at
  }
}

export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#skip(1))
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#skip(2))
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#skip(4))
  }

  f64(): number {
    return this.#bytes.readDoubleLE(this.#skip(8))
  }

  text(): string {
    return this.#text(this.u32())
  }

  /**
   * Made together, which costs a fifth of making each: what keeps one of them keeps them all.
   * Throws RangeError where there are fewer.
   */
  texts(count: number): string[] {
    const bytes = this.#bytes
    const start = this.#at
    const ends: number[] = []
    let ascii = true
    for (let index = 0; index < count; index++) {
      const length = this.u32()
      const end = this.#skip(length) + length
      if (end > bytes.length) throw new RangeError(`a text of ${length} bytes goes past the end`)
      for (let at = end - length; at < end; at++) ascii &&= bytes[at]! < 0x80
      ends.push(end)
    }
    const together = ascii ? bytes.toString('latin1', start, this.#at) : undefined
    let before = start
    return ends.map((end) => {
      const at = before + 4
      before = end
      return together?.substring(at - start, end - start) ?? bytes.toString('utf8', at, end)
    })
  }

  optionalText(): string | undefined {
    const length = this.u32()
    return length === noText ? undefined : this.#text(length)
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const length = this.u32()
    const at = this.#skip(length)
    return this.#bytes.subarray(at, at + length)
  }

  words(count: number, width: number): Words {
    const at = this.#skip(count * width)
    const start = this.#bytes.byteOffset + at
    const copy = this.#bytes.buffer.slice(start, start + count * width) // a typed array must be aligned
    return new (wordsType(width))(copy as ArrayBuffer)
  }

  #text(length: number): string {
    const at = this.#skip(length)
    return this.#bytes.toString('utf8', at, at + length)
  }

  #skip(count: number): number {
    const at = this.#at
    this.#at += count
    return at
  }
}

const wordsType = (width: number) =>
  width === 1 ? Uint8Array : width === 2 ? Uint16Array : width === 4 ? Uint32Array : Float64Array
