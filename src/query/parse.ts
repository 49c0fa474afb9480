import { QueryText } from './place.ts'
import type { Predicate } from './predicate.ts'
import { parseSearch } from './search-parse.ts'
import { splitQuery } from './split.ts'
import type { QueryPart } from './split.ts'
import { parseSql } from './sql-parse.ts'
import type { Query } from './sql-tree.ts'

/** A query as read: what it says, before anything is known of the logstore. */
export interface ParsedQuery {
  readonly text: QueryText
  readonly search: Predicate
  readonly sql: Query | undefined
}

/** The search part only, at once: no parser of SQL is loaded. */
export function parseSearchPart(text: string): { search: Predicate; sql: QueryPart | undefined } {
  const query = new QueryText(text)
  const parts = splitQuery(query)
  return { search: parseSearch(query, parts.search), sql: parts.sql }
}

/** `search` or `search | SQL`. Throws QuerySyntax and QueryRefused with the place in `text`. */
export async function parseQuery(text: string): Promise<ParsedQuery> {
  const query = new QueryText(text)
  const { search, sql } = splitQuery(query)
  const predicate = parseSearch(query, search)
  const statement = sql === undefined ? undefined : await parseSql(query, sql)
  return { text: query, search: predicate, sql: statement }
}
