/** Which autonomous system an address belongs to. */
import { csvFields } from '../base/csv-line.ts'
import { WeirError } from '../base/errors.ts'
import { parseIp } from '../base/parse-ip.ts'
import { type Family, readPublic } from './address.ts'
import type { FamilyFiles } from './contract.ts'
import { inside, Mmdb, textOf } from './mmdb.ts'
import { checkFile, readFile } from './read-file.ts'
import { compareAt, positionOf, wordsEach, WordList } from './sorted-addresses.ts'

export interface Network {
  readonly asn: number
  readonly name: string | undefined
}

interface NetworkLookUp {
  get(family: Family, words: Uint32Array): Network | undefined
}

/** A table is read when the first address is looked up: most queries never do. */
export class Networks {
  readonly #files: FamilyFiles
  readonly #words = new Uint32Array(4)
  #lookUp: NetworkLookUp | undefined

  /** @throws WeirError FileUnreadable when a file is not there */
  constructor(files: FamilyFiles) {
    this.#files = files
    for (const path of pathsOf(files)) checkFile(path)
  }

  /** @throws WeirError FileUnreadable, ConfigInvalid at the first call when the file is no such table */
  at(ip: string): Network | undefined {
    const family = readPublic(ip, this.#words)
    if (family === 0) return undefined
    this.#lookUp ??= pathsOf(this.#files).every((path) => path.endsWith('.mmdb'))
      ? mmdbNetworks(this.#files)
      : new NetworkTable(pathsOf(this.#files))
    return this.#lookUp.get(family, this.#words)
  }
}

const pathsOf = (files: FamilyFiles): string[] =>
  typeof files === 'string'
    ? [files]
    : [files.ipv4, files.ipv6].filter((path) => path !== undefined)

/** MaxMind's `autonomous_system_number`; `asn: "AS15169"` in files of others. */
function mmdbNetworks(files: FamilyFiles): NetworkLookUp {
  const mmdb = new Mmdb(files)
  return {
    get(family, words) {
      const record = mmdb.get(family, words)
      const number = inside(record, 'autonomous_system_number')
      const asn =
        typeof number === 'number' ? number : Number(textOf(inside(record, 'asn'))?.slice(2))
      if (!Number.isSafeInteger(asn) || asn <= 0) return undefined
      const name =
        textOf(inside(record, 'autonomous_system_organization')) ??
        textOf(inside(record, 'as_name'))
      return { asn, name }
    },
  }
}

/**
 * Lines of first, last, number, name; the addresses as text or as decimal numbers, both families in any order.
 * Where ranges overlap the one that begins later is asked alone.
 */
export class NetworkTable implements NetworkLookUp {
  readonly #ranges: Record<Family, Ranges> = { 4: new Ranges(4), 6: new Ranges(6) }
  readonly #networks: Network[] = []
  readonly #known = new Map<string, number>()

  constructor(paths: readonly string[]) {
    for (const path of paths) this.#read(path)
    this.#ranges[4].close()
    this.#ranges[6].close()
  }

  get(family: Family, words: Uint32Array): Network | undefined {
    const index = this.#ranges[family].find(words)
    return index === undefined ? undefined : this.#networks[index]
  }

  #read(path: string): void {
    const bytes = readFile(path)
    const first = new Uint32Array(4)
    const last = new Uint32Array(4)
    let line = 0
    for (let at = 0; at < bytes.length;) {
      const found = bytes.indexOf(10, at)
      const end = found < 0 ? bytes.length : found
      line++
      const text = bytes.toString('utf8', at, bytes[end - 1] === 13 ? end - 1 : end)
      at = end + 1
      if (text === '' || text.startsWith('#')) continue
      const a = text.indexOf(',')
      const b = text.indexOf(',', a + 1)
      const family = a < 0 || b < 0 ? 0 : readNumeric(text.slice(0, a), first)
      if (family === 0 || readNumeric(text.slice(a + 1, b), last) !== family) {
        if (line === 1) continue // names of the columns
        throw invalid(path, line, 'does not begin with two addresses of one family')
      }
      const index = this.#networkOf(text.slice(b + 1))
      if (index === undefined)
        throw invalid(path, line, 'has no number and name after its addresses')
      if (index >= 0) this.#ranges[family].push(first, last, index)
    }
  }

  /** @returns undefined when the text is malformed; -1 for number 0, "not routed" */
  #networkOf(text: string): number | undefined {
    const known = this.#known.get(text)
    if (known !== undefined) return known
    const [number, name] = csvFields(text) ?? []
    const asn = Number(
      number === undefined || number === '' ? Number.NaN : number.replace(/^AS/, ''),
    )
    if (!Number.isSafeInteger(asn) || asn < 0 || asn > 0xffff_ffff) return undefined
    const index = asn === 0 ? -1 : this.#networks.push({ asn, name: textOf(name) }) - 1
    this.#known.set(text, index)
    return index
  }
}

const invalid = (path: string, line: number, what: string): WeirError =>
  new WeirError('ConfigInvalid', `the line ${what}`, {
    place: `${path}:${line}`,
    hint: 'A table of networks has lines of first address, last address, number, name',
  })

/** An address, or the number that it is. A number below 2^32 is an IPv4 address. */
function readNumeric(text: string, words: Uint32Array): Family | 0 {
  if (!/^\d{1,39}$/.test(text)) return parseIp(text, words)
  let rest = BigInt(text)
  if (rest >> 128n !== 0n) return 0
  const family = rest >> 32n === 0n ? 4 : 6
  words.fill(0)
  for (let i = family === 4 ? 0 : 3; i >= 0; i--) {
    words[i] = Number(rest & 0xffff_ffffn)
    rest >>= 32n
  }
  return family
}

/** Ranges of one family, in typed arrays by their first address. */
class Ranges {
  readonly #family: Family
  #building = { first: new WordList(), last: new WordList(), index: new WordList() }
  #first = new Uint32Array(0)
  #last = new Uint32Array(0)
  #index = new Uint32Array(0)

  constructor(family: Family) {
    this.#family = family
  }

  push(first: Uint32Array, last: Uint32Array, index: number): void {
    this.#building.first.pushAddress(this.#family, first)
    this.#building.last.pushAddress(this.#family, last)
    this.#building.index.push(index)
  }

  close(): void {
    const { first, last, index } = this.#building
    const each = wordsEach(this.#family)
    const order = orderOf(this.#family, first.words)
    const picked = (words: Uint32Array, width: number): Uint32Array<ArrayBuffer> =>
      Uint32Array.from(
        { length: words.length },
        (_, i) => words[order[Math.floor(i / width)]! * width + (i % width)]!,
      )
    this.#first = picked(first.words, each)
    this.#last = picked(last.words, each)
    this.#index = picked(index.words, 1)
    this.#building = { first: new WordList(0), last: new WordList(0), index: new WordList(0) }
  }

  find(words: Uint32Array): number | undefined {
    const at = positionOf(this.#family, this.#first, words)
    if (at < 0) return undefined
    const past =
      this.#family === 4 ? this.#last[at]! < words[0]! : compareAt(this.#last, at * 4, words, 0) < 0
    return past ? undefined : this.#index[at]
  }
}

function orderOf(family: Family, sorted: Uint32Array): Uint32Array {
  const order = Uint32Array.from({ length: sorted.length / wordsEach(family) }, (_, i) => i)
  return family === 4
    ? order.sort((a, b) => sorted[a]! - sorted[b]!)
    : order.sort((a, b) => compareAt(sorted, a * 4, sorted, b * 4))
}
