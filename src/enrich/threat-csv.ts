/** Feeds with columns: Feodo Tracker, ThreatFox, URLhaus, and what has columns of such names. */
import { csvFields } from '../base/csv-line.ts'
import { attributesOf, confidenceOf, type FeedTaker, linesOf, secondsOf } from './feed-taker.ts'

/** Names of columns in lower case, the first that a feed has. */
const columnNames = {
  indicator: [
    'ioc_value',
    'dst_ip',
    'ip',
    'ip_address',
    'ipaddress',
    'src_ip',
    'cidr',
    'network',
    'indicator',
    'address',
    'ioc',
    'url',
    'domain',
    'hostname',
    'host',
  ],
  category: ['threat_type', 'threat', 'category', 'type'],
  confidence: ['confidence_level', 'confidence', 'abuseconfidencescore', 'score'],
  firstSeen: ['first_seen_utc', 'first_seen', 'firstseen', 'dateadded'],
  lastSeen: ['last_seen_utc', 'last_seen', 'lastseen', 'last_online', 'lastreportedat'],
  validUntil: ['valid_until', 'expires', 'expiration'],
  reference: ['malware_printable', 'malware', 'reference', 'urlhaus_link', 'description'],
} as const

type Columns = Partial<Record<keyof typeof columnNames, number>>

/** The columns, when a line names one with indicators. Some feeds have it in a comment. */
export function columnsOf(line: string): Columns | undefined {
  const names = csvFields(line.replace(/^[#\s]+/, ''))?.map((name) => name.toLowerCase())
  if (names === undefined || names.length < 2) return undefined
  if (!names.every((name) => /^[a-z0-9_ ]*$/.test(name))) return undefined
  const columns: Columns = {}
  for (const [what, known] of Object.entries(columnNames) as [keyof Columns, readonly string[]][]) {
    const name = known.find((each) => names.includes(each))
    if (name !== undefined) columns[what] = names.indexOf(name)
  }
  return columns.indicator === undefined ? undefined : columns
}

/** Lines before the one that names the columns are comments. */
export function readCsv(text: string, taker: FeedTaker): void {
  let columns: Columns | undefined
  for (const [line, number] of linesOf(text)) {
    if (line.trim() === '') continue
    if (columns === undefined || line.startsWith('#')) columns ??= columnsOf(line)
    else readRow(csvFields(line), columns, `line ${number}`, taker)
  }
}

function readRow(
  values: readonly string[] | undefined,
  columns: Columns,
  place: string,
  taker: FeedTaker,
): void {
  if (values === undefined) return taker.fault(place, 'a quote is not closed')
  const value = (what: keyof Columns): string | undefined => {
    const at = columns[what]
    const found = at === undefined ? undefined : values[at]
    return found === '' || found === 'None' ? undefined : found
  }
  const indicator = value('indicator')
  if (indicator === undefined) return taker.fault(place, 'its indicator is missing')
  // ThreatFox lists hashes of files too.
  if (/^[0-9a-f]{32}$|^[0-9a-f]{40}$|^[0-9a-f]{64}$/i.test(indicator)) return
  const attributes = {
    category: value('category'),
    confidence: confidenceOf(value('confidence')),
    firstSeen: secondsOf(value('firstSeen')),
    lastSeen: secondsOf(value('lastSeen')),
    validUntil: secondsOf(value('validUntil')),
    reference: value('reference'),
  }
  taker.entry(indicator, place, attributesOf(attributes))
}
