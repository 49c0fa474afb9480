import { WeirError } from '../base/errors.ts'

/** Protocol buffers' wire types; 3 and 4, groups, are not in use and refused. */
export const wireType = { varint: 0, eight: 1, bytes: 2, four: 5 } as const

/** A place in a body and the reading of what stands there. Never moves past the end it is given. */
export class WireReader {
  readonly body: Buffer
  readonly view: DataView
  at = 0

  constructor(body: Buffer) {
    this.body = body
    this.view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  }

  /** Field number × 8 + wire type. */
  tag(end: number): number {
    const start = this.at
    const first = start < end ? this.body[start]! : 0x80
    const tag = first < 0x80 ? ((this.at = start + 1), first) : this.varint(end)
    if (tag < 8 || tag > 0xffff_ffff) throw bodyInvalid(start, 'there is no such field number')
    return tag
  }

  /** Up to ten bytes; exact up to 2^53, and larger than that where it is not. */
  varint(end: number): number {
    const start = this.at
    let value = 0
    for (let index = 0, unit = 1; index < 10; index++, unit *= 128) {
      if (start + index >= end) throw bodyInvalid(start, 'a number is cut off')
      const byte = this.body[start + index]!
      value += (byte & 0x7f) * unit
      if (byte < 0x80) {
        this.at = start + index + 1
        return value
      }
    }
    throw bodyInvalid(start, 'a number is longer than ten bytes')
  }

  uint32(end: number, what: string): number {
    const start = this.at
    const value = this.varint(end)
    if (value > 0xffff_ffff) throw bodyInvalid(start, `${what} is larger than 32 bits`)
    return value
  }

  fixed32(end: number): number {
    const start = this.at
    this.#move(4, end)
    return this.view.getUint32(start, true)
  }

  /** The length of a text or message; `at` is then at its first byte, and all of it is there. */
  length(end: number): number {
    const start = this.at
    const length = this.varint(end)
    if (length > end - this.at)
      throw bodyInvalid(
        start,
        `a length of ${length} goes ${length - (end - this.at)} past the end`,
      )
    return length
  }

  skipBytes(end: number): void {
    const length = this.length(end)
    this.at += length
  }

  /** Moves past the value of a field that nobody here knows. */
  skip(tag: number, end: number): void {
    const start = this.at
    const type = tag & 7
    if (type === wireType.varint) this.varint(end)
    else if (type === wireType.eight) this.#move(8, end)
    else if (type === wireType.four) this.#move(4, end)
    else if (type === wireType.bytes) this.skipBytes(end)
    else throw bodyInvalid(start, `a field has wire type ${type}, which logs do not use`)
  }

  #move(count: number, end: number): void {
    if (count > end - this.at) throw bodyInvalid(this.at, 'a number is cut off')
    this.at += count
  }
}

export function bodyInvalid(byte: number, message: string, hint?: string): WeirError {
  const place = `byte ${byte} of the body`
  return new WeirError('PostBodyInvalid', message, hint === undefined ? { place } : { place, hint })
}

/** Whether the `length` bytes at `a` are those at `b`. */
export function sameBytes(view: DataView, a: number, b: number, length: number): boolean {
  if (length < 4) {
    for (let i = 0; i < length; i++) if (view.getUint8(a + i) !== view.getUint8(b + i)) return false
    return true
  }
  const last = a + length - 4
  const toB = b - a
  for (let i = a; i < last; i += 4)
    if (view.getInt32(i, true) !== view.getInt32(i + toB, true)) return false
  return view.getInt32(last, true) === view.getInt32(last + toB, true)
}
