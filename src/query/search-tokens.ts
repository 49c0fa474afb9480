import type { QueryPart } from './split.ts'
import type { QueryText } from './place.ts'

export interface SearchToken {
  readonly kind: 'word' | 'quoted' | 'phrase' | 'symbol' | 'end'
  /** A quoted token's text is without its quotes and escapes. */
  readonly text: string
  /** Offset in the whole query. */
  readonly at: number
  /** Whether white space stands before it. */
  readonly spaced: boolean
}

const symbols = ['>=', '<=', '>', '<', '=', ':', '(', ')', '[', ']']
const wordEnds = ' \t\r\n"\'()[]<>=:'

/** Words, quoted texts and symbols of the search part; the last token is `end`. */
export function searchTokens(query: QueryText, part: QueryPart): SearchToken[] {
  const tokens: SearchToken[] = []
  const { text } = part
  let at = 0
  while (at < text.length) {
    const start = at
    while (/\s/.test(text[at] ?? '')) at++
    if (at === text.length) break
    const token = readToken(query, part, at)
    tokens.push({ ...token, at: part.offset + at, spaced: at > start })
    at += token.length
  }
  return [...tokens, { kind: 'end', text: '', at: part.offset + text.length, spaced: true }]
}

function readToken(query: QueryText, part: QueryPart, at: number) {
  const { text } = part
  const character = text[at]!
  if (character === '"' || character === "'") return readQuoted(query, part, at, 'quoted')
  if (character === '#' && text[at + 1] === '"') {
    const phrase = readQuoted(query, part, at + 1, 'phrase')
    return { ...phrase, length: phrase.length + 1 }
  }
  const symbol = symbols.find((each) => text.startsWith(each, at))
  if (symbol !== undefined) return { kind: 'symbol' as const, text: symbol, length: symbol.length }
  let word = ''
  let end = at
  while (end < text.length && !wordEnds.includes(text[end]!)) {
    if (text[end] === '\\' && end + 1 < text.length) end++
    word += text[end++]
  }
  return { kind: 'word' as const, text: word, length: end - at }
}

function readQuoted(
  query: QueryText,
  part: QueryPart,
  at: number,
  kind: 'quoted' | 'phrase',
): { kind: 'quoted' | 'phrase'; text: string; length: number } {
  const { text } = part
  const quote = text[at]!
  let value = ''
  for (let end = at + 1; end < text.length; end++) {
    const next = text[end + 1]
    if (text[end] === quote) return { kind, text: value, length: end + 1 - at }
    if (text[end] === '\\' && (next === '"' || next === '\\' || next === "'")) end++
    value += text[end]
  }
  throw query.syntax(`the quote ${quote} is never closed`, part.offset + at)
}
