/** Which addresses can be looked up: those of hosts on the internet. */
import { parseIp } from '../base/parse-ip.ts'

export type Family = 4 | 6

/**
 * Reads an address; an IPv4-mapped one (RFC 4291 §2.5.5.2) is the IPv4 address.
 * @returns its family; 0 when it is no address, or one that no host on the internet has
 */
export function readPublic(text: string, words: Uint32Array): Family | 0 {
  const family = readAddress(text, words)
  return family === 0 || isReserved(family, words) ? 0 : family
}

/** The same without the look at what it is for. */
export function readAddress(text: string, words: Uint32Array): Family | 0 {
  const family = parseIp(text, words)
  if (family !== 6 || words[0] !== 0 || words[1] !== 0 || words[2] !== 0xffff) return family
  words[0] = words[3]!
  words[1] = words[2] = words[3] = 0
  return 4
}

type Block = readonly [first: number, length: number]

const block = (text: string): Block => {
  const [address = '', length] = text.split('/')
  const words = new Uint32Array(4)
  if (parseIp(address, words) === 0) throw new Error(`bug: ${text} is no block`)
  return [words[0]!, Number(length)]
}

/** IANA's special-purpose registries (RFC 6890): not globally reachable. Their first 32 bits tell. */
const reservedBlocks: Readonly<Record<Family, readonly Block[]>> = {
  4: [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
    '192.168.0.0/16',
    '198.18.0.0/15',
    '224.0.0.0/3',
  ].map(block),
  6: ['2001:10::/28', '2001:20::/28'].map(block),
}

/** For documentation. A list that names the whole block names what is reserved; one that names a part means it. */
const documentationBlocks: Readonly<Record<Family, readonly Block[]>> = {
  4: ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'].map(block),
  6: ['2001:db8::/32', '3fff::/20'].map(block),
}

export function isReserved(family: Family, words: Uint32Array): boolean {
  const first = words[0]!
  // IPv6 addresses are handed out of 2000::/3 only.
  if (family === 6 && first >>> 29 !== 1) return true
  return inOne(reservedBlocks[family], first, 32)
}

/** True of an entry of a list that means no host: inside a reserved block, or a whole block for documentation. */
export function isReservedBlock(family: Family, words: Uint32Array, length: number): boolean {
  if (family === 6 && words[0]! >>> 29 !== 1) return length >= 3
  if (inOne(reservedBlocks[family], words[0]!, length)) return true
  return documentationBlocks[family].some(([first, own]) => own === length && first === words[0])
}

const inOne = (blocks: readonly Block[], word: number, length: number): boolean =>
  blocks.some(([first, own]) => length >= own && (word ^ first) >>> (32 - own) === 0)
