/**
 * Addresses and CIDR blocks as a topology names them, in the words of a packet row: host order, IPv4 in
 * the first word, the others 0.
 */
import { isIPv4, isIPv6 } from 'node:net'

export type Family = 4 | 6
export type AddressWords = readonly [number, number, number, number]

export interface Address {
  readonly family: Family
  readonly words: AddressWords
  readonly text: string
}

/** A block; host bits are cleared (10.0.0.5/24 is 10.0.0.0/24). `text` is as written. */
export interface Cidr extends Address {
  readonly length: number
}

export const familyBits = (family: Family): 32 | 128 => (family === 4 ? 32 : 128)

/** `undefined` when `text` is no IPv4 or IPv6 address (a zone such as %eth0 is none). */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return { family: 4, words: [ipv4Word(text), 0, 0, 0], text }
  if (!isIPv6(text) || text.includes('%')) return undefined
  const [head = '', tail] = text.split('::')
  const front = groupsOf(head)
  const back = tail === undefined ? [] : groupsOf(tail)
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => 0)
  const groups = [...front, ...zeros, ...back]
  const word = (i: number): number => (groups[i * 2]! << 16) | groups[i * 2 + 1]!
  return { family: 6, words: [word(0), word(1), word(2), word(3)], text }
}

/** An address with a prefix length; "an address without a length is that host" (records.md 21). */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (!address) return undefined
  const bits = familyBits(address.family)
  const lengthText = text.slice(slash + 1)
  if (slash >= 0 && !/^\d{1,3}$/.test(lengthText)) return undefined
  const length = slash < 0 ? bits : Number(lengthText)
  if (length > bits) return undefined
  const kept = (i: number): number => address.words[i]! & maskWord(length, i)
  return { family: address.family, words: [kept(0), kept(1), kept(2), kept(3)], length, text }
}

/** A block written in the source: a bug when it is none. */
export function cidr(text: string): Cidr {
  const parsed = parseCidr(text)
  if (!parsed) throw new Error(`bug: ${text} is no CIDR block`)
  return parsed
}

/** Word `i` of the mask of a prefix of `length` bits. */
export function maskWord(length: number, i: number): number {
  const bits = Math.min(32, Math.max(0, length - i * 32))
  return bits === 0 ? 0 : -1 << (32 - bits)
}

export function holds(block: Cidr, address: Address): boolean {
  if (block.family !== address.family) return false
  return block.words.every((w, i) => (address.words[i]! & maskWord(block.length, i)) === w)
}

/** The last address of a block. */
export function lastWords(block: Cidr): AddressWords {
  const bits = familyBits(block.family)
  const word = (i: number): number =>
    i * 32 < bits ? block.words[i]! | ~maskWord(block.length, i) : 0
  return [word(0), word(1), word(2), word(3)]
}

/** One text per address, whatever way it was written: a key for maps. */
export const addressKey = (address: Address): string =>
  `${address.family}:${address.words.map((w) => (w >>> 0).toString(16)).join('.')}`

const ipv4Word = (text: string): number =>
  text.split('.').reduce((word, part) => (word << 8) | Number(part), 0)

function groupsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)]
    const word = ipv4Word(part)
    return [word >>> 16, word & 0xffff]
  })
}
