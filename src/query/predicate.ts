import type { WordRules } from './index-config.ts'

/**
 * What the search part means, as a tree one can print. `not` is a set complement: a record whose
 * value is missing satisfies `not bytes > 100`.
 */
export type Predicate =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Predicate[] }
  | { readonly kind: 'not'; readonly of: Predicate }
  | Condition

/** One condition; `at` is its offset in the whole query. A key of undefined is a full-text term. */
export type Condition =
  | { readonly kind: 'present'; readonly key: string; readonly at: number }
  | { readonly kind: 'empty'; readonly key: string; readonly at: number }
  | TextCondition
  | {
      readonly kind: 'compare'
      readonly key: string
      readonly operator: '>' | '>=' | '<' | '<=' | '='
      /** A decimal number as written. */
      readonly number: string
      readonly at: number
    }
  | {
      readonly kind: 'range'
      readonly key: string
      readonly low: string
      readonly high: string
      readonly lowIncluded: boolean
      readonly highIncluded: boolean
      readonly at: number
    }

export interface TextCondition {
  readonly kind: 'words' | 'phrase' | 'pattern'
  readonly key: string | undefined
  readonly text: string
  readonly at: number
  /** Where the value begins. */
  readonly valueAt: number
}

/** The documents' default delimiters: they cut a text field into words. */
export const delimiters = ' ,\'";=()[]{}?@&<>/:\n\t\r'

/** The words of a text, as `rules` cut it: lower-cased where case does not count. */
export function wordsOf(text: string, { token, caseSensitive }: WordRules): string[] {
  const words: string[] = []
  let word = ''
  for (const character of caseSensitive ? text : text.toLowerCase()) {
    if (!token.includes(character)) {
      word += character
    } else if (word !== '') {
      words.push(word)
      word = ''
    }
  }
  return word === '' ? words : [...words, word]
}
