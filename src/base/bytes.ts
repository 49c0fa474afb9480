/** Codes or differences of a column: one a row. Float64Array holds whole numbers too. */
export type Words = Uint8Array | Uint16Array | Uint32Array | Float64Array

const noText = 0xffff_ffff

/** Grows as it is written. Little endian, as the typed arrays of every machine Node 24 runs on. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(64 * 1024)
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
    const length = this.#bytes.write(value, at + 4)
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

  /** Each value as an unsigned integer of `width` bytes; width 8 is a float64. */
  words(values: Uint32Array | Float64Array, width: 1 | 2 | 4 | 8): void {
    const words = new (wordsType(width))(values)
    const at = this.#take(words.byteLength)
    this.#bytes.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength), at)
  }

  /** A copy of what was written, no larger than it. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length))
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
