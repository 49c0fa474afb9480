import type { QueryText } from './place.ts'

/** A part of the query and where it begins in the whole text. */
export interface QueryPart {
  readonly text: string
  readonly offset: number
}

/** `search` or `search | SQL`. */
export interface SplitQuery {
  readonly search: QueryPart
  readonly sql: QueryPart | undefined
}

/** A query is read into memory whole, several times: past this size it is refused unread. */
export const queryCharactersMax = 64 * 1024

/**
 * Cuts at the first `|` outside quotes. In the search part a quote of either kind runs to the next
 * one of its kind, and a backslash protects the character after it.
 */
export function splitQuery(query: QueryText): SplitQuery {
  const { text } = query
  if (text.length > queryCharactersMax) {
    throw query.refused(
      `the query has ${text.length} characters, at most ${queryCharactersMax} are read`,
      queryCharactersMax,
    )
  }
  const pipe = findPipe(query)
  if (pipe === -1) return { search: { text, offset: 0 }, sql: undefined }
  const sql = text.slice(pipe + 1)
  if (sql.trim() === '') {
    throw query.syntax('expected SQL after "|"', pipe, 'leave the "|" out to search only')
  }
  return {
    search: { text: text.slice(0, pipe), offset: 0 },
    sql: { text: sql, offset: pipe + 1 },
  }
}

function findPipe(query: QueryText): number {
  const { text } = query
  let quote = ''
  let opened = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!
    if (character === '\\') at++
    else if (quote !== '') quote = character === quote ? '' : quote
    else if (character === '|') return at
    else if (character === '"' || character === "'") [quote, opened] = [character, at]
  }
  if (quote === '') return -1
  throw query.syntax(
    `the quote ${quote} is never closed`,
    opened,
    `to search for the character itself write "\\${quote}"`,
  )
}
