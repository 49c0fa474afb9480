import type { ColumnSpec } from '../base/columns.ts'
import { flowRecordFields, notApplicable } from '../record/fields.ts'
import type { Condition, Predicate, TextCondition } from './predicate.ts'
import { delimiters, wordsOf } from './predicate.ts'
import { nearest } from '../base/nearest.ts'
import type { QueryText } from './place.ts'
import { quoteName, quoteText } from './quote.ts'

/**
 * The predicate as a DuckDB condition over `columns`. A field of a flow log record, `__topic__` and
 * `__source__` are one word each, whatever they hold (an IPv6 address is not cut at its colons);
 * other texts are cut into words by the default delimiters. Throws QuerySyntax with the place of the
 * condition: unknown key, a comparison on a text, a word where a number is needed.
 */
export function printPredicate(
  query: QueryText,
  predicate: Predicate,
  columns: readonly ColumnSpec[],
): string {
  const print = (each: Predicate): string => {
    if (each.kind === 'all') return 'TRUE'
    if (each.kind === 'and' || each.kind === 'or') {
      return `(${each.of.map(print).join(each.kind === 'and' ? ' AND ' : ' OR ')})`
    }
    if (each.kind === 'not') return `(NOT coalesce(${print(each.of)}, FALSE))`
    return `(${printCondition(query, each as Condition, columns)})`
  }
  return print(predicate)
}

const flowFields = new Set<string>(flowRecordFields.map((field) => field.name))
const isOneWord = (name: string) =>
  flowFields.has(name) || name === '__topic__' || name === '__source__'

function printCondition(
  query: QueryText,
  condition: Condition,
  columns: readonly ColumnSpec[],
): string {
  if (condition.key === undefined) return printFullText(condition as TextCondition, columns)
  const column = findColumn(query, condition.key, condition.at, columns)
  const name = quoteName(column.name)
  if (condition.kind === 'present') return `${name} IS NOT NULL`
  if (condition.kind === 'empty') return column.kind === 'text' ? `${name} = ''` : 'FALSE'
  if (condition.kind === 'compare' || condition.kind === 'range') {
    if (column.kind === 'text') throw notANumber(query, condition)
    if (condition.kind === 'compare') return `${name} ${condition.operator} ${condition.number}`
    const low = `${name} ${condition.lowIncluded ? '>=' : '>'} ${condition.low}`
    return `${low} AND ${name} ${condition.highIncluded ? '<=' : '<'} ${condition.high}`
  }
  return column.kind === 'text'
    ? printText(column, condition)
    : printNumber(query, column, condition)
}

/** A term without a key: in any text column; several words may be in different ones. */
function printFullText(condition: TextCondition, columns: readonly ColumnSpec[]): string {
  const texts = columns.filter((column) => column.kind === 'text')
  const anywhere = (each: typeof condition) =>
    ['FALSE', ...texts.map((column) => `coalesce(${printText(column, each)}, FALSE)`)].join(' OR ')
  const words = condition.kind === 'words' ? wordsOf(condition.text) : []
  if (words.length < 2) return anywhere(condition)
  const each = words.map((text) => `(${anywhere({ ...condition, text })})`).join(' AND ')
  return `${anywhere(condition)} OR (${each})`
}

function findColumn(
  query: QueryText,
  key: string,
  at: number,
  columns: readonly ColumnSpec[],
): ColumnSpec {
  const column = columns.find((each) => each.name === key)
  if (column !== undefined) return column
  const names = columns.map((each) => each.name)
  const near = nearest(key, names)
  throw query.syntax(
    `"${key}" is not a field of this logstore`,
    at,
    near === undefined
      ? 'put the text in double quotes if the ":" is part of it'
      : `did you mean ${near}?`,
  )
}

function notANumber(query: QueryText, condition: Condition) {
  return query.syntax(
    `${condition.key} is a text and cannot be compared with a number`,
    condition.at,
    `write ${condition.key}:value, or compare it in SQL with cast(... as bigint)`,
  )
}

function printNumber(query: QueryText, column: ColumnSpec, condition: TextCondition): string {
  const text = condition.text.trim()
  if (condition.kind === 'pattern') {
    throw query.syntax(
      `${column.name} is a number and has no wildcards`,
      condition.valueAt,
      `write a range, ${column.name} in [80 89]`,
    )
  }
  if (text === notApplicable) return `${quoteName(column.name)} IS NULL`
  if (!/^[+-]?\d{1,18}(\.\d{1,9})?$/.test(text)) {
    throw query.syntax(`${column.name} is a number, not "${text}"`, condition.valueAt)
  }
  return `${quoteName(column.name)} = ${text}`
}

function printText(column: ColumnSpec, condition: TextCondition): string {
  const name = quoteName(column.name)
  const text = condition.text.toLowerCase()
  // Without letters there is no case to fold, and the plain column keeps its statistics and filters.
  const folded = /\p{L}/u.test(text) ? `lower(${name})` : name
  if (!isOneWord(column.name)) return printWords(name, condition)
  if (condition.kind === 'pattern') {
    const prefix = /^[^*?]*\*$/.test(text)
    if (prefix) return `starts_with(${folded}, ${quoteText(text.slice(0, -1))})`
    return `${folded} LIKE ${quoteText(likePattern(text))} ESCAPE '\\'`
  }
  if (text === notApplicable && condition.key !== undefined) return `${name} IS NULL`
  return `${folded} = ${quoteText(text)}`
}

/** The words of a column, as a list in DuckDB. */
const wordList = (name: string) =>
  `regexp_split_to_array(lower(${name}), ${quoteText(`[${delimiters.replace(/[[\]]/g, '\\$&')}]+`)})`

function printWords(name: string, condition: TextCondition): string {
  if (condition.kind === 'pattern') {
    const pattern = quoteText(likePattern(condition.text.toLowerCase()))
    return `len(list_filter(${wordList(name)}, lambda w: w LIKE ${pattern} ESCAPE '\\')) > 0`
  }
  const words = wordsOf(condition.text)
  if (words.length === 0) return 'FALSE'
  if (condition.kind === 'phrase') {
    const joined = `' ' || array_to_string(${wordList(name)}, ' ') || ' '`
    return `contains(${joined}, ${quoteText(` ${words.join(' ')} `)})`
  }
  return words.map((word) => `list_contains(${wordList(name)}, ${quoteText(word)})`).join(' AND ')
}

const likePattern = (text: string): string =>
  text
    .replace(/[\\%_]/g, '\\$&')
    .replaceAll('*', '%')
    .replaceAll('?', '_')
