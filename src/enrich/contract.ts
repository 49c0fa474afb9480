/** What is looked up, and in which files. */

/** The forms of threat feeds. */
export const threatFormats = [
  'plain', // an address, block or first-last range a line; # or ; comments; domains and URLs too
  'netset', // FireHOL: plain, with a header that names it
  'tor', // ExitAddress lines
  'drop', // Spamhaus DROP as text
  'drop-json', // Spamhaus DROP as JSON lines
  'csv', // with a line of names: Feodo Tracker, ThreatFox, URLhaus
  'abuseipdb', // the JSON blacklist
  'misp', // an event, several, or a folder of them
  'stix', // a STIX 2.1 bundle or TAXII envelope
  'zeek', // Zeek intelligence
] as const

export type ThreatFormat = (typeof threatFormats)[number]

/** Names are given in these languages where a file has them; countries in both, always. */
export type Language = 'en' | 'zh-CN'

/** One file for both families, or one a family. */
export type FamilyFiles = string | { readonly ipv4?: string; readonly ipv6?: string }

export interface ThreatFile {
  readonly path: string
  /** What hits call the feed; else the name in the file, else the file's. */
  readonly name?: string
  /** For entries that the file gives no category: `scanner`, `botnet`. */
  readonly category?: string
  /** Found out from the file when absent. */
  readonly format?: ThreatFormat
}

/** Each may be absent; what needs it is then `undefined`. */
export interface EnrichmentFiles {
  /** MMDB, MaxMind's nested records or flat ones. */
  readonly country?: FamilyFiles
  /** MMDB; gives the country too where `country` does not. */
  readonly city?: FamilyFiles
  /** CSV of first, last, number, name, with addresses or numbers; or MMDB. */
  readonly asn?: FamilyFiles
  readonly threats?: readonly ThreatFile[]
}

/** An entry of a feed. Times are Unix seconds. */
export interface ThreatEntry {
  /** What the feed lists: an address or CIDR block (of a range, the part that was hit), a domain, or a URL without its scheme. */
  readonly indicator: string
  readonly feed: string
  readonly category?: string
  /** 0 to 100. */
  readonly confidence?: number
  readonly firstSeen?: number
  readonly lastSeen?: number
  /** A case number, malware name, event or link. */
  readonly reference?: string
  /** No hit from this second on. */
  readonly validUntil?: number
}

/** What became of a feed. */
export interface ThreatFeed {
  readonly path: string
  readonly name: string
  readonly format: ThreatFormat
  /** Networks, domains and URLs that can be hit. */
  readonly entries: number
  /** Entries that name private or reserved ranges only: they never match. */
  readonly reserved: number
  /** Lines or items that are no entry. */
  readonly malformed: number
  /** The first of them, each with its place: `line 7: "1.2.3" is no address`. */
  readonly problems: readonly string[]
}

/**
 * Look-ups. An address is text, IPv4 or IPv6; an IPv4-mapped one (::ffff:1.2.3.4) is the IPv4 address. What is no
 * address (`-`), or is a private or reserved one, is `undefined`, and no threat.
 */
export interface Enrichment {
  /** ISO 3166-1 alpha-2: `CN`. */
  countryCode(ip: string): string | undefined
  country(ip: string, language?: Language): string | undefined
  /** The first subdivision: province or state. */
  province(ip: string, language?: Language): string | undefined
  city(ip: string, language?: Language): string | undefined
  /** `latitude,longitude` of the address, as near as the file knows, in degrees: `30.2943,120.1663`. */
  geo(ip: string): string | undefined
  /** The same of its city, when that is known. */
  cityGeo(ip: string): string | undefined
  /** The autonomous system's number. */
  asn(ip: string): number | undefined
  /** The autonomous system's name. */
  provider(ip: string): string | undefined
  /** @param at Unix seconds that entries must be valid at; now unless told. The longest prefix of each feed, longest first. */
  checkIp(ip: string, at?: number): readonly ThreatEntry[]
  /** A domain, or one above it, that a feed lists. */
  checkDomain(domain: string, at?: number): readonly ThreatEntry[]
  /** A URL that a feed lists, or its host. */
  checkUrl(url: string, at?: number): readonly ThreatEntry[]
  /** The feeds, read now if they were not. */
  feeds(): readonly ThreatFeed[]
}
