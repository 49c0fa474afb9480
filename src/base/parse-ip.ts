/** Addresses from text into words, without an object each: millions are read from logs and lists. */

/** A zone (`%eth0`) is no part of an address here. */
const longestText = 45

/**
 * Reads an IPv4 or IPv6 address (RFC 4291 §2.2, with an IPv4 tail too) into `words`, host order: IPv4 into the
 * first word, the others 0.
 *
 * @returns the family; 0 when it is no address, and then `words` holds anything
 */
export function parseIp(text: string, words: Uint32Array): 4 | 6 | 0 {
  if (text.length > longestText) return 0
  if (text.includes(':')) return parseIpv6(text, words)
  words[1] = words[2] = words[3] = 0
  return parseIpv4(text, 0, words, 0) ? 4 : 0
}

/** Four decimal numbers of 0 to 255 without leading zeros, from `at` to the end of the text. */
function parseIpv4(text: string, at: number, words: Uint32Array, into: number): boolean {
  let value = 0
  for (let octet = 0; octet < 4; octet++) {
    if (octet > 0 && text.charCodeAt(at++) !== 46) return false
    const from = at
    let number = 0
    for (; at < text.length && at - from < 4; at++) {
      const digit = text.charCodeAt(at) - 48
      if (digit < 0 || digit > 9) break
      number = number * 10 + digit
    }
    if (at === from || number > 255 || (at - from > 1 && text.charCodeAt(from) === 48)) return false
    value = value * 256 + number
  }
  words[into] = value
  return at === text.length
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

const groups = new Uint16Array(8)
const tail = new Uint32Array(1)

function parseIpv6(text: string, words: Uint32Array): 6 | 0 {
  let count = 0
  let gap = -1
  let at = 0
  if (text.startsWith('::')) {
    gap = 0
    at = 2
  }
  while (at < text.length) {
    if (count === 8) return 0
    const from = at
    let value = 0
    for (; at < text.length && at - from < 4; at++) {
      const digit = hexDigit(text.charCodeAt(at))
      if (digit < 0) break
      value = value * 16 + digit
    }
    if (text.charCodeAt(at) === 46) {
      if (count > 6 || !parseIpv4(text, from, tail, 0)) return 0
      groups[count++] = tail[0]! >>> 16
      groups[count++] = tail[0]! & 0xffff
      break
    }
    if (at === from) return 0
    groups[count++] = value
    if (at === text.length) break
    if (text.charCodeAt(at++) !== 58) return 0
    if (text.charCodeAt(at) === 58) {
      if (gap >= 0) return 0
      gap = count
      at++
    } else if (at === text.length) return 0
  }
  return spread(count, gap, words)
}

/** Puts the zeros of `::` in, and two groups into a word. */
function spread(count: number, gap: number, words: Uint32Array): 6 | 0 {
  if (gap < 0 ? count !== 8 : count > 7) return 0
  if (gap >= 0) {
    groups.copyWithin(gap + 8 - count, gap, count)
    groups.fill(0, gap, gap + 8 - count)
  }
  for (let i = 0; i < 4; i++) words[i] = groups[i * 2]! * 65_536 + groups[i * 2 + 1]!
  return 6
}
