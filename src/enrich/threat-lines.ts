/** Feeds of lines without columns: plain lists, FireHOL's, Tor's exits, Spamhaus DROP, and Zeek's intelligence. */
import { attributesOf, type FeedTaker, linesOf, secondsOf } from './feed-taker.ts'

/** An address, block or `first-last` range a line; `#` or `;` comments; what else stands on a line is left out. */
export function readPlain(text: string, taker: FeedTaker): void {
  for (const [line, number] of linesOf(text)) {
    const said = line.replace(/(^|\s)[#;].*$/, '').trim()
    if (said === '') continue
    const indicator = /^\S+\s*-\s+\S+|^\S+/.exec(said)![0]
    taker.entry(indicator.replace(/\s+/g, ''), `line ${number}`, {})
  }
}

/**
 * FireHOL: `#` lines have the name alone on the second, `Category : abuse`, `This File Date : Mon Nov 23 10:00:00 UTC
 * 2026`; then a plain list.
 */
export function readNetset(text: string, taker: FeedTaker): void {
  const header: Record<string, string> = {}
  for (const [line, number] of linesOf(text)) {
    if (line.startsWith('#')) {
      const said = line.slice(1).trim()
      const [, key, value] = /^([A-Z][A-Za-z ]*?)\s*: (.*)$/.exec(said) ?? []
      if (key !== undefined && value !== undefined) header[key] ??= value.trim()
      else if (/^[a-z0-9_]+$/.test(said) && header['name'] === undefined)
        taker.name((header['name'] = said))
      continue
    }
    if (line.trim() === '') continue
    taker.entry(line.trim(), `line ${number}`, netsetAttributes(header))
  }
}

function netsetAttributes(header: Readonly<Record<string, string>>) {
  const date = Date.parse(header['This File Date'] ?? '')
  return attributesOf({
    category: header['Category'],
    lastSeen: Number.isNaN(date) ? undefined : Math.floor(date / 1000),
    reference: header['Maintainer URL'],
  })
}

/** Blocks of lines that begin with `ExitNode FINGERPRINT`, with `ExitAddress ADDRESS DATE TIME` in them. */
export function readTor(text: string, taker: FeedTaker): void {
  let node: string | undefined
  for (const [line, number] of linesOf(text)) {
    const [word, value = '', ...rest] = line.trim().split(/\s+/)
    if (word === 'ExitNode') node = value
    else if (word === 'ExitAddress') {
      const lastSeen = secondsOf(rest.join(' '))
      const attributes = attributesOf({ category: 'tor-exit', lastSeen, reference: node })
      taker.entry(value, `line ${number}`, attributes)
    } else if (!['', 'Published', 'LastStatus'].includes(word ?? '') && !word?.startsWith('@'))
      taker.fault(`line ${number}`, `${word} is no word of a list of Tor exits`)
  }
}

/** `1.10.16.0/20 ; SBL256894` */
export function readDrop(text: string, taker: FeedTaker): void {
  for (const [line, number] of linesOf(text)) {
    const cut = line.indexOf(';')
    const indicator = (cut < 0 ? line : line.slice(0, cut)).trim()
    if (indicator === '') continue
    const reference = cut < 0 ? '' : line.slice(cut + 1).trim()
    const attributes = attributesOf({ reference: reference === '' ? undefined : reference })
    taker.entry(indicator, `line ${number}`, { category: 'hijacked', ...attributes })
  }
}

const zeekTypes = ['Intel::ADDR', 'Intel::SUBNET', 'Intel::DOMAIN', 'Intel::URL']

/** Tab-separated; `#fields` names the columns; `-` is no value. URLs have no scheme. */
export function readZeek(text: string, taker: FeedTaker): void {
  let columns: readonly string[] = []
  for (const [line, number] of linesOf(text)) {
    if (line.startsWith('#fields')) columns = line.split('\t').slice(1)
    if (line.startsWith('#') || line.trim() === '') continue
    const values = line.split('\t')
    const value = (name: string): string | undefined => {
      const found = values[columns.indexOf(name)]
      return found === '-' || found === '' ? undefined : found
    }
    const indicator = value('indicator')
    const type = value('indicator_type')
    if (indicator === undefined || type === undefined)
      taker.fault(`line ${number}`, 'indicator or indicator_type is missing')
    else if (zeekTypes.includes(type))
      taker.entry(
        type === 'Intel::URL' ? `http://${indicator}` : indicator,
        `line ${number}`,
        attributesOf({
          reference: value('meta.desc') ?? value('meta.url') ?? value('meta.source'),
        }),
      )
  }
}
