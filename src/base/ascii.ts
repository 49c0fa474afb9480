/**
 * Text written into memory four bytes at a time: what hot writers use in place of strings. A writer may
 * put up to three bytes behind what it says it wrote; the next piece overwrites them.
 */

/** A text as little-endian words of four characters. */
export interface Piece {
  readonly words: Int32Array
  readonly length: number
}

export function pieceOf(text: string): Piece {
  const bytes = new TextEncoder().encode(text)
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4)
  padded.set(bytes)
  return { words: new Int32Array(padded.buffer), length: bytes.length }
}

/** Writes a piece at `at` and returns the offset behind it. */
export function putPiece(view: DataView, at: number, piece: Piece): number {
  const words = piece.words
  for (let i = 0; i < words.length; i++) view.setInt32(at + i * 4, words[i]!, true)
  return at + piece.length
}

function digitsOf(n: number): number {
  return n < 10 ? 1 : n < 100 ? 2 : n < 1000 ? 3 : 4
}

const digit = (n: number, unit: number): number => 48 + (Math.floor(n / unit) % 10)
const packed = (a: number, b: number, c: number, d: number): number =>
  a | (b << 8) | (c << 16) | (d << 24)
/** 0 to 9999 with leading zeros, and without them. */
const filled = Int32Array.from({ length: 10_000 }, (_, n) =>
  packed(digit(n, 1000), digit(n, 100), digit(n, 10), digit(n, 1)),
)
const plain = filled.map((word, n) => word >>> ((4 - digitsOf(n)) * 8))
/** 0 to 255 with a dot behind. */
const octets = plain.slice(0, 256).map((word, n) => word | (46 << (digitsOf(n) * 8)))

/** Writes a non-negative whole number up to 2^53 and returns the offset behind it. */
export function putNumber(view: DataView, at: number, value: number): number {
  if (value < 10_000) {
    view.setInt32(at, plain[value]!, true)
    return at + digitsOf(value)
  }
  if (value < 100_000_000) {
    const n = value | 0
    const high = (n / 10_000) | 0
    return putFilled(view, putNumber(view, at, high), n - high * 10_000)
  }
  const high = Math.floor(value / 10_000)
  return putFilled(view, putNumber(view, at, high), value - high * 10_000)
}

function putFilled(view: DataView, at: number, value: number): number {
  view.setInt32(at, filled[value]!, true)
  return at + 4
}

/** Writes an IPv4 address, a word in host order, and returns the offset behind it. */
export function putIpv4(view: DataView, at: number, address: number): number {
  at = putOctet(view, at, address >>> 24)
  at = putOctet(view, at, (address >>> 16) & 0xff)
  at = putOctet(view, at, (address >>> 8) & 0xff)
  return putOctet(view, at, address & 0xff) - 1
}

function putOctet(view: DataView, at: number, octet: number): number {
  view.setInt32(at, octets[octet]!, true)
  return at + (octet < 10 ? 2 : octet < 100 ? 3 : 4)
}
