/** STIX 2.1: bundles and TAXII envelopes; indicators by their patterns, and addresses themselves. */
import { attributesOf, confidenceOf, type FeedTaker, secondsOf, shown } from './feed-taker.ts'
import { inside, textOf } from './mmdb.ts'
import { listOf } from './threat-json.ts'

const addressTypes = ['ipv4-addr', 'ipv6-addr']
const ourTypes = [...addressTypes, 'domain-name', 'url']

export function readStix(bundle: unknown, taker: FeedTaker): void {
  listOf(inside(bundle, 'objects')).forEach((object, i) => {
    const place = `objects[${i}]`
    const type = textOf(inside(object, 'type'))
    if (type === undefined) taker.fault(place, 'it has no "type"')
    else if (type === 'indicator') readIndicatorObject(object, place, taker)
    else if (addressTypes.includes(type)) {
      const value = textOf(inside(object, 'value'))
      if (value === undefined) taker.fault(place, 'it has no "value"')
      else taker.entry(value, place, {})
    }
  })
}

function readIndicatorObject(object: unknown, place: string, taker: FeedTaker): void {
  const language = inside(object, 'pattern_type') ?? 'stix'
  if (inside(object, 'revoked') === true || language !== 'stix') return
  const pattern = textOf(inside(object, 'pattern'))
  if (pattern === undefined) return taker.fault(place, 'it has no "pattern"')
  const values = valuesOfPattern(pattern)
  if (values === undefined)
    return taker.fault(place, `${shown(pattern)} is not a choice of addresses, domains or URLs`)
  const attributes = attributesOf({
    category:
      textOf(listOf(inside(object, 'indicator_types'))[0]) ??
      textOf(listOf(inside(object, 'labels'))[0]),
    confidence: confidenceOf(inside(object, 'confidence')),
    firstSeen: secondsOf(inside(object, 'valid_from')),
    validUntil: secondsOf(inside(object, 'valid_until')),
    reference: textOf(inside(object, 'name')) ?? textOf(inside(object, 'id')),
  })
  for (const value of values) taker.entry(value, place, attributes)
}

/** A sign, an object path such as `file:hashes.'SHA-256'`, a text, a word. */
const token =
  /\s*(?:([[\](),])|([a-z0-9-]+:[\w-]+(?:\.(?:[\w-]+|'[^']*')|\[[^\]]*\])*)|'((?:[^'\\]|\\.)*)'|(!?=|[A-Za-z]+))/y

interface Token {
  readonly kind: 'sign' | 'path' | 'text' | 'word'
  readonly text: string
}

function tokensOf(pattern: string): Token[] | undefined {
  const tokens: Token[] = []
  const text = pattern.trim()
  for (token.lastIndex = 0; token.lastIndex < text.length;) {
    const found = token.exec(text)
    if (found === null) return undefined
    if (found[1] !== undefined) tokens.push({ kind: 'sign', text: found[1] })
    else if (found[2] !== undefined) tokens.push({ kind: 'path', text: found[2] })
    else if (found[3] !== undefined)
      tokens.push({ kind: 'text', text: found[3].replace(/\\(.)/g, '$1') })
    else tokens.push({ kind: 'word', text: (found[4] ?? '').toUpperCase() })
  }
  return tokens
}

/**
 * The values that each alone fulfil a pattern (STIX 2.1 §9): comparisons `=`, `IN` and `ISSUBSET` joined by OR, in one
 * observation or several. Values of other objects, hashes of files say, are passed over.
 *
 * @returns undefined for a pattern that asks for more at once (AND, FOLLOWEDBY, NOT, a qualifier), as no address
 *   fulfils it
 */
export function valuesOfPattern(pattern: string): readonly string[] | undefined {
  const tokens = tokensOf(pattern)
  if (tokens === undefined) return undefined
  const values: string[] = []
  for (let at = 0; at < tokens.length; at++) {
    const { kind, text } = tokens[at]!
    if (kind === 'word') {
      if (text !== 'OR') return undefined
    } else if (kind === 'path') {
      const compared = comparedTo(tokens, at + 1)
      if (compared === undefined) return undefined
      const [type, property] = text.split(':')
      if (property === 'value' && ourTypes.includes(type ?? '')) values.push(...compared.values)
      at += compared.tokens
    } else if (kind === 'text' || text === ',') return undefined
  }
  return values
}

/** What follows a path: `= 'x'`, `ISSUBSET 'x'` or `IN ('x', 'y')`. */
function comparedTo(
  tokens: readonly Token[],
  at: number,
): { values: readonly string[]; tokens: number } | undefined {
  const operator = tokens[at]?.text
  if (operator === '=' || operator === 'ISSUBSET') {
    const value = tokens[at + 1]
    return value?.kind === 'text' ? { values: [value.text], tokens: 2 } : undefined
  }
  if (operator !== 'IN' || tokens[at + 1]?.text !== '(') return undefined
  const values: string[] = []
  for (let next = at + 2; ; next += 2) {
    const value = tokens[next]
    const sign = tokens[next + 1]
    if (value?.kind !== 'text') return undefined
    values.push(value.text)
    if (sign?.text === ')') return { values, tokens: next + 2 - at }
    if (sign?.text !== ',') return undefined
  }
}
