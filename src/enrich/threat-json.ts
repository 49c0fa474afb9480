/** Feeds of JSON: Spamhaus DROP, AbuseIPDB and MISP. STIX is `threat-stix.ts`. */
import {
  attributesOf,
  confidenceOf,
  type FeedTaker,
  linesOf,
  secondsOf,
  shown,
} from './feed-taker.ts'
import { inside, textOf } from './mmdb.ts'

/** `undefined` when it is not JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** A line `{"cidr":"1.10.16.0/20","sblid":"SBL256894","rir":"apnic"}` each; the last one tells of the file. */
export function readDropJson(text: string, taker: FeedTaker): void {
  for (const [line, number] of linesOf(text)) {
    if (line.trim() === '') continue
    const place = `line ${number}`
    const value = jsonOf(line)
    const cidr = textOf(inside(value, 'cidr'))
    if (inside(value, 'type') === 'metadata') continue
    if (cidr !== undefined) {
      const reference = textOf(inside(value, 'sblid'))
      taker.entry(cidr, place, attributesOf({ category: 'hijacked', reference }))
    } else if (inside(value, 'asn') !== undefined)
      taker.fault(place, 'it names an autonomous system, not a network')
    else taker.fault(place, `${shown(line)} has no "cidr"`)
  }
}

/** `{"meta":{...},"data":[{"ipAddress","countryCode","abuseConfidenceScore","lastReportedAt"}]}` */
export function readAbuseIpdb(value: unknown, taker: FeedTaker): void {
  listOf(inside(value, 'data')).forEach((item, i) => {
    const place = `data[${i}]`
    const address = textOf(inside(item, 'ipAddress'))
    if (address === undefined) return taker.fault(place, 'it has no "ipAddress"')
    const attributes = {
      category: 'abuse',
      confidence: confidenceOf(inside(item, 'abuseConfidenceScore')),
      lastSeen: secondsOf(inside(item, 'lastReportedAt')),
    }
    taker.entry(address, place, attributesOf(attributes))
  })
}

/** What stands before `|` is the indicator. */
const mispTypes = [
  'ip-src',
  'ip-dst',
  'ip-src|port',
  'ip-dst|port',
  'domain',
  'domain|ip',
  'hostname',
  'hostname|port',
  'url',
]

/** `Event.Attribute[]` and `Event.Object[].Attribute[]`; those that are not for detection (`to_ids`) are left out. */
export function readMisp(value: unknown, taker: FeedTaker, file = ''): void {
  const response = inside(value, 'response')
  const events = Array.isArray(response) ? response : [value]
  for (const each of events) {
    const event = inside(each, 'Event')
    const objects = listOf(inside(event, 'Object'))
    const attributes = [event, ...objects].flatMap((owner) => listOf(inside(owner, 'Attribute')))
    const info = textOf(inside(event, 'info'))
    attributes.forEach((attribute, i) =>
      readMispAttribute(attribute, info, `attribute ${i + 1}${file && ` of ${file}`}`, taker),
    )
  }
}

function readMispAttribute(
  attribute: unknown,
  info: string | undefined,
  place: string,
  taker: FeedTaker,
): void {
  const type = textOf(inside(attribute, 'type'))
  if (type === undefined) return taker.fault(place, 'it has no "type"')
  if (!mispTypes.includes(type) || inside(attribute, 'to_ids') === false) return
  const value = textOf(inside(attribute, 'value'))
  const [indicator, second] = type.includes('|') ? (value?.split('|') ?? []) : [value]
  if (indicator === undefined) return taker.fault(place, 'it has no "value"')
  const entry = attributesOf({
    category: textOf(inside(attribute, 'category')),
    firstSeen: secondsOf(inside(attribute, 'first_seen')),
    lastSeen: secondsOf(inside(attribute, 'last_seen') ?? inside(attribute, 'timestamp')),
    reference: textOf(inside(attribute, 'comment')) ?? info,
  })
  taker.entry(indicator, place, entry)
  if (type === 'domain|ip' && second !== undefined) taker.entry(second, place, entry)
}
