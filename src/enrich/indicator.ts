/** What a feed names: addresses, blocks and ranges of them, domains and URLs. */
import { ipv4Text, ipv6Text } from '../base/ip.ts'
import { type Family, readAddress } from './address.ts'

export interface Block {
  readonly family: Family
  /** The first address. */
  readonly words: Uint32Array
  readonly length: number
}

export type Indicator =
  | { readonly kind: 'blocks'; readonly blocks: readonly Block[] }
  | { readonly kind: 'domain'; readonly name: string }
  | { readonly kind: 'url'; readonly url: string }

/**
 * Reads an address, `address/length`, `first-last`, `address:port`, a domain or a URL.
 * @returns undefined when it is none of them
 */
export function readIndicator(text: string): Indicator | undefined {
  if (text.includes('://')) {
    const url = urlKey(text)
    return url === undefined ? undefined : { kind: 'url', url }
  }
  const blocks = readBlocks(text)
  if (blocks !== undefined) return { kind: 'blocks', blocks }
  const name = domainKey(text)
  return name === undefined ? undefined : { kind: 'domain', name }
}

function readBlocks(text: string): readonly Block[] | undefined {
  const whole = blockOf(text)
  if (whole !== undefined) return [whole]
  const dash = text.indexOf('-')
  if (dash > 0) return rangeBlocks(text.slice(0, dash).trim(), text.slice(dash + 1).trim())
  const port = /^(?:(\d+\.\d+\.\d+\.\d+)|\[([0-9a-f:.]+)\]):\d{1,5}$/i.exec(text)
  const host = port === null ? undefined : blockOf(port[1] ?? port[2] ?? '')
  return host === undefined ? undefined : [host]
}

/** Host bits are cleared: 10.0.0.5/24 is 10.0.0.0/24. */
function blockOf(text: string): Block | undefined {
  const slash = text.indexOf('/')
  const words = new Uint32Array(4)
  const written = slash < 0 ? text : text.slice(0, slash)
  const family = readAddress(written, words)
  if (family === 0) return undefined
  const bits = family === 4 ? 32 : 128
  if (slash < 0) return { family, words, length: bits }
  const lengthText = text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(lengthText)) return undefined
  // The length of an IPv4-mapped block counts the 96 bits before the address.
  const length = Number(lengthText) - (family === 4 && written.includes(':') ? 96 : 0)
  if (length < 0 || length > bits) return undefined
  for (let i = 0; i < 4; i++) words[i] = words[i]! & maskWord(length, i)
  return { family, words, length }
}

function maskWord(length: number, i: number): number {
  const bits = Math.min(32, Math.max(0, length - i * 32))
  return bits === 0 ? 0 : -1 << (32 - bits)
}

/** The fewest blocks that make up a range. */
function rangeBlocks(firstText: string, lastText: string): Block[] | undefined {
  const first = new Uint32Array(4)
  const last = new Uint32Array(4)
  const family = readAddress(firstText, first)
  if (family === 0 || readAddress(lastText, last) !== family) return undefined
  const bits = family === 4 ? 32 : 128
  const end = numberOf(family, last)
  let at = numberOf(family, first)
  if (at > end) return undefined
  const blocks: Block[] = []
  while (at <= end) {
    let free = 0
    while (free < bits && (at >> BigInt(free)) % 2n === 0n && at + (2n << BigInt(free)) - 1n <= end)
      free++
    blocks.push({ family, words: wordsOf(family, at), length: bits - free })
    at += 1n << BigInt(free)
  }
  return blocks
}

function numberOf(family: Family, words: Uint32Array): bigint {
  const count = family === 4 ? 1 : 4
  return words.subarray(0, count).reduce((number, word) => (number << 32n) | BigInt(word), 0n)
}

function wordsOf(family: Family, number: bigint): Uint32Array {
  const words = new Uint32Array(4)
  for (let i = family === 4 ? 0 : 3; i >= 0; i--, number >>= 32n)
    words[i] = Number(number & 0xffff_ffffn)
  return words
}

/** `1.10.16.0/20`, or the address of a host. */
export function blockText(family: Family, address: Uint32Array, length: number): string {
  const words = address.map((word, i) => word & maskWord(length, i))
  const text = family === 4 ? ipv4Text(words[0]!) : ipv6Text(words)
  return length === (family === 4 ? 32 : 128) ? text : `${text}/${length}`
}

const domainLabels =
  /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/

/** A domain of at least two labels in lower case, `*.` and the dot of the root left out; else undefined. */
export function domainKey(text: string): string | undefined {
  const name = text.toLowerCase().replace(/^\*\./, '').replace(/\.$/, '')
  const ascii = /^[ -~]*$/.test(name) ? name : (URL.parse(`http://${name}`)?.hostname ?? '')
  return ascii.length <= 253 && domainLabels.test(ascii) ? ascii : undefined
}

/** Host, port, path and query as they compare: without scheme, user, fragment and a standard port. */
export function urlKey(text: string): string | undefined {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  if (url === null || url.hostname === '') return undefined
  return `${url.host}${url.pathname}${url.search}`
}

export const urlHost = (text: string): string | undefined => {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  return url === null ? undefined : url.hostname.replace(/^\[(.*)\]$/, '$1')
}
