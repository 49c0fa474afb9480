/** Threat feeds together: read once, asked by address, domain and URL. */
import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { WeirError } from '../base/errors.ts'
import { type Family, isReservedBlock, readPublic } from './address.ts'
import type { ThreatEntry, ThreatFeed, ThreatFile, ThreatFormat } from './contract.ts'
import { type Attributes, type FeedTaker, shown } from './feed-taker.ts'
import { blockText, domainKey, readIndicator, urlHost, urlKey } from './indicator.ts'
import { BlockList, PrefixTree } from './prefix-tree.ts'
import { checkFile, readFile } from './read-file.ts'
import { formatOf, threatReaders } from './threat-formats.ts'
import { jsonOf, readMisp } from './threat-json.ts'

/** So many of what is malformed in a feed are told one by one. */
const problemsMax = 20

interface Kept {
  readonly feed: number
  readonly attributes: Attributes
}

/** Feeds are read when the first look-up comes: most queries never make one. */
export class Threats {
  readonly #files: readonly ThreatFile[]
  #table: ThreatTable | undefined

  /** @throws WeirError FileUnreadable when a file is not there */
  constructor(files: readonly ThreatFile[]) {
    this.#files = files
    for (const { path } of files) checkFile(path)
  }

  /** @throws WeirError FileUnreadable, ConfigInvalid at the first call */
  get table(): ThreatTable {
    return (this.#table ??= new ThreatTable(this.#files))
  }
}

class ThreatTable {
  readonly feeds: readonly ThreatFeed[]
  readonly #entries: Kept[] = []
  readonly #trees: Record<Family, PrefixTree>
  readonly #domains = new Map<string, number[]>()
  readonly #urls = new Map<string, number[]>()
  readonly #words = new Uint32Array(4)

  constructor(files: readonly ThreatFile[]) {
    const blocks: Record<Family, BlockList> = { 4: new BlockList(4), 6: new BlockList(6) }
    this.feeds = files.map((file, feed) => this.#read(file, feed, blocks))
    this.#trees = { 4: new PrefixTree(4, blocks[4]), 6: new PrefixTree(6, blocks[6]) }
  }

  ofIp(ip: string, at: number): ThreatEntry[] {
    const family = readPublic(ip, this.#words)
    const hits = new Map<number, ThreatEntry>()
    if (family !== 0)
      this.#trees[family].find(this.#words, (entry, length) =>
        this.#add(hits, entry, at, () => blockText(family, this.#words, length)),
      )
    return [...hits.values()]
  }

  /** The domain itself, then those above it. */
  ofDomain(text: string, at: number): ThreatEntry[] {
    const hits = new Map<number, ThreatEntry>()
    for (let name = domainKey(text); name?.includes('.'); name = name.slice(name.indexOf('.') + 1))
      for (const entry of this.#domains.get(name) ?? []) this.#add(hits, entry, at, () => name)
    return [...hits.values()]
  }

  ofUrl(text: string, at: number): ThreatEntry[] {
    const key = urlKey(text)
    const host = urlHost(text)
    if (key === undefined || host === undefined) return []
    const hits = new Map<number, ThreatEntry>()
    for (const entry of this.#urls.get(key) ?? []) this.#add(hits, entry, at, () => key)
    return [...hits.values(), ...this.ofDomain(host, at), ...this.ofIp(host, at)]
  }

  /** One hit a feed: the nearest that is valid, as they come nearest first. */
  #add(hits: Map<number, ThreatEntry>, entry: number, at: number, indicator: () => string): void {
    const { feed, attributes } = this.#entries[entry]!
    const expired = attributes.validUntil !== undefined && at >= attributes.validUntil
    if (expired || hits.has(feed)) return
    hits.set(feed, { indicator: indicator(), feed: this.feeds[feed]!.name, ...attributes })
  }

  #keep(feed: number, file: ThreatFile, attributes: Attributes): number {
    const category = attributes.category ?? file.category
    const kept = category === undefined ? attributes : { ...attributes, category }
    return this.#entries.push({ feed, attributes: kept }) - 1
  }

  #read(file: ThreatFile, feed: number, blocks: Record<Family, BlockList>): ThreatFeed {
    const problems: string[] = []
    const counts = { entries: 0, reserved: 0, malformed: 0 }
    let name = file.name
    let plainEntry: number | undefined
    const taker: FeedTaker = {
      name: (text) => (name ??= text),
      fault: (place, reason) => {
        if (counts.malformed++ < problemsMax) problems.push(`${place}: ${reason}`)
      },
      entry: (text, place, attributes) => {
        const indicator = readIndicator(text)
        if (indicator === undefined)
          return taker.fault(place, `${shown(text)} is no address, domain or URL`)
        // A plain list says the same of a million addresses.
        const plain = Object.keys(attributes).length === 0
        const entry = (plain ? plainEntry : undefined) ?? this.#keep(feed, file, attributes)
        if (plain) plainEntry = entry
        if (indicator.kind === 'domain') put(this.#domains, indicator.name, entry)
        else if (indicator.kind === 'url') put(this.#urls, indicator.url, entry)
        else {
          const open = indicator.blocks.filter(
            (each) => !isReservedBlock(each.family, each.words, each.length),
          )
          for (const { family, words, length } of open) blocks[family].push(words, length, entry)
          if (open.length === 0) return void counts.reserved++
        }
        counts.entries++
      },
    }
    const format = readFeed(file, taker)
    return { path: file.path, name: name ?? nameOf(file.path), format, ...counts, problems }
  }
}

function put(map: Map<string, number[]>, key: string, entry: number): void {
  const entries = map.get(key)
  if (entries === undefined) map.set(key, [entry])
  else entries.push(entry)
}

const nameOf = (path: string): string => basename(path).replace(/\.[^.]+$/, '')

/** @returns its format */
function readFeed(file: ThreatFile, taker: FeedTaker): ThreatFormat {
  if (statSync(file.path).isDirectory()) return readFolder(file, taker)
  const text = readFile(file.path).toString('utf8')
  const format = file.format ?? formatOf(text)
  if (format === undefined)
    throw new WeirError('ConfigInvalid', `${file.path} is JSON, but no feed that Weir knows`, {
      hint: 'Known are Spamhaus DROP, AbuseIPDB, MISP and STIX 2.1',
    })
  threatReaders[format](text, taker)
  return format
}

/** A MISP feed: a file an event, and `manifest.json`, which only tells of them. */
function readFolder({ path }: ThreatFile, taker: FeedTaker): 'misp' {
  for (const name of readdirSync(path).sort()) {
    if (!name.endsWith('.json') || name === 'manifest.json') continue
    const value = jsonOf(readFile(join(path, name)).toString('utf8'))
    if (value === undefined) taker.fault(name, 'it is not JSON')
    else readMisp(value, taker, name)
  }
  return 'misp'
}
