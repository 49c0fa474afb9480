import type { ColumnSpec } from '../base/columns.ts'
import { notApplicable } from '../record/fields.ts'
import { fieldsOf } from './fields-indexed.ts'
import type { SearchField, StoreFields } from './fields.ts'
import type { Condition, Predicate, TextCondition } from './predicate.ts'
import { delimiters, wordsOf } from './predicate.ts'
import type { QueryText } from './place.ts'
import { quoteName, quoteText } from './quote.ts'

/** The predicate over every column of a logstore; see `printSearch`. */
export const printPredicate = (
  query: QueryText,
  predicate: Predicate,
  columns: readonly ColumnSpec[],
): string => printSearch(query, predicate, fieldsOf(columns, undefined))

/**
 * The predicate as a DuckDB condition over the view of a logstore. Throws QuerySyntax with the place of
 * the condition: a key that is no field, a comparison on a text, a word where a number is needed.
 */
export function printSearch(query: QueryText, predicate: Predicate, fields: StoreFields): string {
  const print = (each: Predicate, mustHold: boolean): string => {
    if (each.kind === 'all') return 'TRUE'
    if (each.kind === 'and') return `(${each.of.map((of) => print(of, mustHold)).join(' AND ')})`
    if (each.kind === 'or') return `(${each.of.map((of) => print(of, false)).join(' OR ')})`
    if (each.kind === 'not') return `(NOT coalesce(${print(each.of, false)}, FALSE))`
    return `(${printCondition(query, each as Condition, fields, mustHold)})`
  }
  return print(predicate, true)
}

/** @param mustHold of each row, whatever else does */
function printCondition(
  query: QueryText,
  condition: Condition,
  fields: StoreFields,
  mustHold: boolean,
): string {
  if (condition.key === undefined) return printFullText(condition as TextCondition, fields)
  const field = fields.searchField(condition.key)
  if (field === undefined) {
    const { message, hint } = fields.unknownInSearch(condition.key)
    throw query.syntax(message, condition.at, hint)
  }
  const { sql, type } = field
  if (condition.kind === 'present') return field.present
  if (condition.kind === 'empty') return type === 'text' ? `${sql} = ''` : 'FALSE'
  if (condition.kind === 'compare' || condition.kind === 'range') {
    if (type === 'text') throw notANumber(query, condition)
    if (condition.kind === 'compare') return `${sql} ${condition.operator} ${condition.number}`
    const low = `${sql} ${condition.lowIncluded ? '>=' : '>'} ${condition.low}`
    return `${low} AND ${sql} ${condition.highIncluded ? '<=' : '<'} ${condition.high}`
  }
  return type === 'text'
    ? printText(field, condition, mustHold)
    : printNumber(query, field, condition)
}

/** A term without a key: in any text; several words may be in different fields. */
function printFullText(condition: TextCondition, { fullText }: StoreFields): string {
  const anywhere = (each: typeof condition) =>
    ['FALSE', ...fullText.map((field) => `coalesce(${printText(field, each, false)}, FALSE)`)].join(
      ' OR ',
    )
  const cut = { token: Array.from(delimiters), caseSensitive: true }
  const words = condition.kind === 'words' ? wordsOf(condition.text, cut) : []
  if (words.length < 2) return anywhere(condition)
  const each = words.map((text) => `(${anywhere({ ...condition, text })})`).join(' AND ')
  return `${anywhere(condition)} OR (${each})`
}

function notANumber(query: QueryText, condition: Condition) {
  return query.syntax(
    `${condition.key} is a text and cannot be compared with a number`,
    condition.at,
    `write ${condition.key}:value, or compare it in SQL with cast(... as bigint)`,
  )
}

function printNumber(query: QueryText, field: SearchField, condition: TextCondition): string {
  const text = condition.text.trim()
  if (condition.kind === 'pattern') {
    throw query.syntax(
      `${field.name} is a number and has no wildcards`,
      condition.valueAt,
      `write a range, ${field.name} in [80 89]`,
    )
  }
  if (text === notApplicable && field.dashIsAbsent) return `${field.sql} IS NULL`
  if (!/^[+-]?\d{1,18}(\.\d{1,9})?$/.test(text)) {
    throw query.syntax(`${field.name} is a number, not "${text}"`, condition.valueAt)
  }
  return `${field.sql} = ${text}`
}

function printText(field: SearchField, condition: TextCondition, mustHold: boolean): string {
  const { caseSensitive, token } = field.words
  const text = caseSensitive ? condition.text : condition.text.toLowerCase()
  if (text === notApplicable && condition.key !== undefined && field.dashIsAbsent) {
    return `${field.sql} IS NULL`
  }
  // Without letters there is no case to fold, and the plain column keeps its statistics and filters.
  const folded = caseSensitive || !/\p{L}/u.test(text) ? field.sql : `lower(${field.sql})`
  const cut = token.some((delimiter) => text.includes(delimiter))
  if (token.length > 0 && (!field.oneWord || cut)) return printWords(field, condition, folded)
  if (condition.kind === 'pattern') {
    const prefix = /^[^*?]*\*$/.test(text)
    const isPlain = mustHold && folded === quoteName(field.name)
    if (prefix) return printPrefix(folded, text.slice(0, -1), isPlain)
    return `${folded} LIKE ${quoteText(likePattern(text))} ESCAPE '\\'`
  }
  return `${folded} = ${quoteText(text)}`
}

/**
 * Texts are in order of their bytes: those that begin so lie from the prefix up to where its last character is the next. A
 * plain column that must lie there is compared where it is read, by its statistics, dictionary and bytes; in other
 * places that costs more than a look at its beginning.
 */
function printPrefix(sql: string, prefix: string, isPlain: boolean): string {
  const last = prefix.charCodeAt(prefix.length - 1)
  if (!isPlain || !(last >= 0x20 && last < 0x7e)) return `starts_with(${sql}, ${quoteText(prefix)})`
  const next = prefix.slice(0, -1) + String.fromCharCode(last + 1)
  return `${sql} >= ${quoteText(prefix)} AND ${sql} < ${quoteText(next)}`
}

/** Words of a value that is cut: the condition's own words are cut in the same way. */
function printWords(field: SearchField, condition: TextCondition, folded: string): string {
  const { words: rules } = field
  const none = characterClass(rules.token, '^')
  const gap = characterClass(rules.token, '')
  const whole = (pattern: string) =>
    `regexp_matches(${folded}, ${quoteText(`(^|${gap})${pattern}($|${gap})`)})`
  const wild = condition.kind === 'pattern'
  const token = wild ? rules.token.filter((each) => each !== '*' && each !== '?') : rules.token
  const words = wordsOf(condition.text, { ...rules, token })
  if (words.length === 0) return 'FALSE'
  if (condition.kind === 'phrase') return whole(words.map(literal).join(`${gap}+`))
  const each = words.map((word) => {
    if (wild && /[*?]/.test(word)) {
      const pattern = word.split(/([*?])/).map((part) => {
        return part === '*' ? `${none}*` : part === '?' ? none : literal(part)
      })
      return whole(pattern.join(''))
    }
    return `contains(${folded}, ${quoteText(word)}) AND ${whole(literal(word))}`
  })
  return each.join(' AND ')
}

/** For the engine's regular expressions. */
const literal = (text: string): string => text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')

const characterClass = (characters: readonly string[], negated: '^' | ''): string =>
  `[${negated}${characters.map((each) => each.replace(/[\\\]^[-]/g, '\\$&')).join('')}]`

const likePattern = (text: string): string =>
  text
    .replace(/[\\%_]/g, '\\$&')
    .replaceAll('*', '%')
    .replaceAll('?', '_')
