/**
 * The grammar of the search part, by recursive descent. Browser-safe: no import of Node.
 *
 *   or   := diff ( OR diff )*
 *   diff := and ( NOT and )*            "a not b" is the set difference
 *   and  := unary ( [AND] unary )*      juxtaposition is AND
 *   unary:= NOT unary | primary         NOT in first place, or after AND or OR
 */
import type { Condition, Predicate } from './predicate.ts'
import type { QueryPart } from './split.ts'
import type { QueryText } from './place.ts'
import type { SearchToken } from './search-tokens.ts'
import { searchTokens } from './search-tokens.ts'

/** "At most 30 conditions per search": operators are not counted. */
export const conditionsMax = 30
/** Nested parentheses and NOTs: enough for any of 30 conditions. */
const depthMax = 64
const patternCharactersMax = 64

const reserved = new Set('and or not in sort asc desc group by avg sum min max limit'.split(' '))

/** The predicate of the search part. Empty, blank and `*` are everything. */
export function parseSearch(query: QueryText, part: QueryPart): Predicate {
  const parser = new SearchParser(query, searchTokens(query, part))
  return parser.parse()
}

class SearchParser {
  readonly #query: QueryText
  readonly #tokens: readonly SearchToken[]
  #index = 0
  #conditions = 0
  #depth = 0

  constructor(query: QueryText, tokens: readonly SearchToken[]) {
    this.#query = query
    this.#tokens = tokens
  }

  parse(): Predicate {
    const first = this.#next
    if (first.kind === 'end') return { kind: 'all' }
    if (first.kind === 'word' && /^(select|with)$/i.test(first.text) && this.#tokens.length > 2) {
      throw this.#query.syntax(
        'a SQL query must follow a search query',
        first.at,
        'write * | in front of it',
      )
    }
    const predicate = this.#or()
    const rest = this.#next
    if (rest.kind === 'end') return predicate
    throw this.#query.syntax(`unexpected "${rest.text}"`, rest.at)
  }

  get #next(): SearchToken {
    return this.#tokens[this.#index]!
  }

  #isWord(word: string): boolean {
    return this.#next.kind === 'word' && this.#next.text.toLowerCase() === word
  }

  #isSymbol(symbol: string): boolean {
    return this.#next.kind === 'symbol' && this.#next.text === symbol
  }

  #take(): SearchToken {
    return this.#tokens[this.#index++]!
  }

  #or(): Predicate {
    const parts = [this.#difference()]
    while (this.#isWord('or')) {
      this.#take()
      parts.push(this.#difference())
    }
    return parts.length === 1 ? parts[0]! : { kind: 'or', of: parts }
  }

  #difference(): Predicate {
    const parts = [this.#and()]
    while (this.#isWord('not')) {
      this.#take()
      parts.push({ kind: 'not', of: this.#and() })
    }
    return parts.length === 1 ? parts[0]! : { kind: 'and', of: parts }
  }

  #and(): Predicate {
    const parts = [this.#unary()]
    for (;;) {
      if (this.#isWord('and')) {
        this.#take()
        parts.push(this.#unary())
      } else if (this.#startsPrimary()) {
        parts.push(this.#primary())
      } else {
        return parts.length === 1 ? parts[0]! : { kind: 'and', of: parts }
      }
    }
  }

  #startsPrimary(): boolean {
    if (this.#next.kind === 'end' || this.#isSymbol(')')) return false
    return !this.#isWord('or') && !this.#isWord('not')
  }

  #unary(): Predicate {
    if (!this.#isWord('not')) return this.#primary()
    this.#deeper(this.#take().at)
    const of = this.#unary()
    this.#depth--
    return { kind: 'not', of }
  }

  #deeper(at: number): void {
    if (++this.#depth > depthMax) {
      throw this.#query.refused(`conditions are nested more than ${depthMax} deep`, at)
    }
  }

  #primary(): Predicate {
    const token = this.#next
    if (this.#isSymbol('(')) {
      this.#deeper(this.#take().at)
      const inner = this.#or()
      if (!this.#isSymbol(')')) {
        throw this.#query.syntax('expected ")"', this.#next.at, 'a "(" is never closed')
      }
      this.#take()
      this.#depth--
      return inner
    }
    if (token.kind === 'end') throw this.#query.syntax('expected a condition', token.at)
    if (token.kind === 'symbol') throw this.#query.syntax(`unexpected "${token.text}"`, token.at)
    if (token.kind === 'word' && token.text === '*' && !this.#keyFollows()) {
      this.#take()
      return { kind: 'all' }
    }
    if (++this.#conditions > conditionsMax) {
      throw this.#query.refused(`a search has at most ${conditionsMax} conditions`, token.at)
    }
    return this.#condition()
  }

  #keyFollows(): boolean {
    const after = this.#tokens[this.#index + 1]!
    return after.kind === 'symbol' && ['>=', '<=', '>', '<', '=', ':'].includes(after.text)
  }

  #condition(): Condition {
    const token = this.#take()
    if (token.kind === 'phrase') return this.#text(undefined, token, token.at)
    const key = this.#tagKey(token)
    if (this.#isSymbol(':')) {
      this.#take()
      return this.#value(key, token.at)
    }
    const operator = ['>=', '<=', '>', '<', '='].find((each) => this.#isSymbol(each))
    if (operator !== undefined) {
      this.#take()
      const number = this.#number(`after "${operator}"`)
      return { kind: 'compare', key, operator: operator as '=', number, at: token.at }
    }
    if (this.#next.kind === 'word' && this.#next.text === 'in') return this.#range(key, token.at)
    if (token.kind === 'word' && reserved.has(token.text.toLowerCase())) {
      throw this.#query.syntax(
        `"${token.text}" is a reserved word`,
        token.at,
        `to search for the word itself write "${token.text}" in double quotes`,
      )
    }
    return this.#text(undefined, token, token.at)
  }

  /** `__tag__:__path__:value` has two colons; `source:` is a short form of `__source__:`. */
  #tagKey(token: SearchToken): string {
    if (token.text === '__tag__' && this.#isSymbol(':')) {
      this.#take()
      return `__tag__:${this.#take().text}`
    }
    return token.text === 'source' && this.#isSymbol(':') ? '__source__' : token.text
  }

  #value(key: string, at: number): Condition {
    const value = this.#next
    const operator = value.kind === 'word' && /^(and|or|not)$/i.test(value.text)
    if (value.kind === 'end' || (value.kind === 'symbol' && value.text !== ':') || operator) {
      throw this.#query.syntax(`expected a value after "${key}:"`, value.at)
    }
    if (value.kind === 'quoted' && value.text === '') {
      this.#take()
      return { kind: 'empty', key, at }
    }
    if (value.kind === 'phrase' || value.kind === 'quoted') {
      return this.#text(key, this.#take(), at)
    }
    // An unquoted value may hold colons itself (an IPv6 address): it ends at the next space.
    let text = this.#take().text
    while (!this.#next.spaced && (this.#isSymbol(':') || this.#next.kind === 'word')) {
      text += this.#take().text
    }
    if (text === '*') return { kind: 'present', key, at }
    return this.#text(key, { ...value, kind: 'word', text }, at)
  }

  #text(key: string | undefined, value: SearchToken, at: number): Condition {
    const { text, at: valueAt } = value
    if (value.kind === 'phrase') return { kind: 'phrase', key, text, at, valueAt }
    if (value.kind === 'quoted' || !/[*?]/.test(text)) {
      return { kind: 'words', key, text, at, valueAt }
    }
    if (/^[*?]/.test(text)) {
      throw this.#query.syntax(
        'a wildcard cannot come first',
        valueAt,
        'search finds prefixes (10.0.*); in SQL, LIKE finds other parts',
      )
    }
    if (text.length > patternCharactersMax) {
      throw this.#query.syntax(
        `a word with wildcards has at most ${patternCharactersMax} characters`,
        valueAt,
      )
    }
    return { kind: 'pattern', key, text, at, valueAt }
  }

  #number(where: string): string {
    const token = this.#next
    if (token.kind === 'word' && /^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(token.text)) {
      return this.#take().text
    }
    throw this.#query.syntax(`expected a number ${where}`, token.at, 'as in bytes > 1000, [80 443]')
  }

  #range(key: string, at: number): Condition {
    this.#take()
    const open = this.#take()
    if (open.kind !== 'symbol' || (open.text !== '[' && open.text !== '(')) {
      throw this.#query.syntax('expected "[" or "(" after "in"', open.at, 'as in [100 200]')
    }
    const low = this.#number('at the low end of the range')
    const high = this.#number('at the high end of the range')
    const close = this.#take()
    if (close.kind !== 'symbol' || (close.text !== ']' && close.text !== ')')) {
      throw this.#query.syntax('expected "]" or ")"', close.at)
    }
    const ends = { lowIncluded: open.text === '[', highIncluded: close.text === ']' }
    return { kind: 'range', key, low, high, ...ends, at }
  }
}
