/**
 * IP addresses as words in host order, and as text. IPv6 text is RFC 5952; IPv4-mapped addresses are written
 * ::ffff:1.2.3.4 (reference records.md 61).
 */

const zero = 48
const octets = Array.from({ length: 256 }, (_, value) => new TextEncoder().encode(String(value)))

/** Writes a dotted IPv4 address into `buffer` and returns the offset behind it. */
export function writeIpv4(buffer: Uint8Array, at: number, address: number): number {
  for (let shift = 24; shift >= 0; shift -= 8) {
    const digits = octets[(address >>> shift) & 0xff]!
    for (let i = 0; i < digits.length; i++) buffer[at++] = digits[i]!
    if (shift > 0) buffer[at++] = 46
  }
  return at
}

/** Writes the IPv6 address in `words[from..from+3]` into `buffer` and returns the offset behind it. */
export function writeIpv6(
  buffer: Uint8Array,
  at: number,
  words: ArrayLike<number>,
  from: number,
): number {
  if (words[from] === 0 && words[from + 1] === 0 && words[from + 2] === 0xffff) {
    for (const byte of mappedPrefix) buffer[at++] = byte
    return writeIpv4(buffer, at, words[from + 3]!)
  }
  const group = (index: number): number =>
    (words[from + (index >> 1)]! >>> (index & 1 ? 0 : 16)) & 0xffff
  // The longest run of zero groups, the first of equals, at least two long (RFC 5952 §4.2).
  let runStart = -1
  let runLength = 1
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && group(i + length) === 0) length++
    if (length > runLength) {
      runStart = i
      runLength = length
    }
    i += length
  }
  for (let i = 0; i < 8; i++) {
    if (i === runStart) {
      buffer[at++] = 58
      if (i + runLength === 8) buffer[at++] = 58
      i += runLength - 1
      continue
    }
    if (i > 0) buffer[at++] = 58
    at = writeHex(buffer, at, group(i))
  }
  return at
}

const mappedPrefix = new TextEncoder().encode('::ffff:')

function writeHex(buffer: Uint8Array, at: number, value: number): number {
  let shift = value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0
  for (; shift >= 0; shift -= 4) {
    const digit = (value >>> shift) & 15
    buffer[at++] = digit < 10 ? zero + digit : 87 + digit
  }
  return at
}

const scratch = new Uint8Array(48)
const decoder = new TextDecoder('latin1')

export const ipv4Text = (address: number): string =>
  decoder.decode(scratch.subarray(0, writeIpv4(scratch, 0, address)))

export const ipv6Text = (words: ArrayLike<number>, from = 0): string =>
  decoder.decode(scratch.subarray(0, writeIpv6(scratch, 0, words, from)))
