/** The forms of threat feeds, each told by its first lines (reference enrichment.md, Threat intelligence). */
import { columnsOf, readCsv } from './threat-csv.ts'
import type { ThreatFormat } from './contract.ts'
import { type FeedTaker, linesOf } from './feed-taker.ts'
import { jsonOf, listOf, readAbuseIpdb, readDropJson, readMisp } from './threat-json.ts'
import { readDrop, readNetset, readPlain, readTor, readZeek } from './threat-lines.ts'
import { readStix } from './threat-stix.ts'
import { inside } from './mmdb.ts'

type Reader = (text: string, taker: FeedTaker) => void

const ofJson =
  (read: (value: unknown, taker: FeedTaker) => void): Reader =>
  (text, taker) => {
    const value = jsonOf(text)
    if (value === undefined) taker.fault('the file', 'it is not JSON')
    else read(value, taker)
  }

export const threatReaders: Readonly<Record<ThreatFormat, Reader>> = {
  plain: readPlain,
  netset: readNetset,
  tor: readTor,
  drop: readDrop,
  'drop-json': readDropJson,
  csv: readCsv,
  abuseipdb: ofJson(readAbuseIpdb),
  misp: ofJson(readMisp),
  stix: ofJson(readStix),
  zeek: readZeek,
}

/** @returns undefined for JSON that is none of the forms */
export function formatOf(text: string): ThreatFormat | undefined {
  if (/^\uFEFF?\s*[[{]/.test(text)) return jsonFormatOf(text)
  const lines: string[] = []
  for (const [line] of linesOf(text)) {
    if (line.trim() !== '') lines.push(line)
    if (lines.length === 200) break
  }
  if (lines.some((line) => line.startsWith('#fields\t'))) return 'zeek'
  if (lines.some((line) => line.startsWith('ExitAddress '))) return 'tor'
  const first = lines.findIndex((line) => !/^[#;]/.test(line))
  const head = lines.slice(0, first < 0 ? lines.length : first + 1)
  if (head.some((line) => columnsOf(line) !== undefined)) return 'csv'
  if (head.some((line) => /^#\s*(Maintainer|Category)\s*:/.test(line))) return 'netset'
  if (/^[0-9a-f.:]+(\/\d+)?\s*;\s*SBL/i.test(lines[first] ?? '')) return 'drop'
  return 'plain'
}

function jsonFormatOf(text: string): ThreatFormat | undefined {
  for (const [line] of linesOf(text)) {
    if (line.trim() === '') continue
    const value = jsonOf(line)
    const known = ['cidr', 'asn', 'sblid'].some((name) => inside(value, name) !== undefined)
    if (known || inside(value, 'type') === 'metadata') return 'drop-json'
    break
  }
  const value = jsonOf(text)
  if (Array.isArray(inside(value, 'objects'))) return 'stix'
  if (inside(value, 'Event') !== undefined || inside(value, 'response') !== undefined) return 'misp'
  const abuse = listOf(inside(value, 'data'))
  if (abuse.length > 0 && inside(abuse[0], 'ipAddress') !== undefined) return 'abuseipdb'
  return inside(value, 'meta', 'generatedAt') === undefined ? undefined : 'abuseipdb'
}
