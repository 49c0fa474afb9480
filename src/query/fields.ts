/**
 * How a query sees a logstore: through its index, or, where there is none, every column as it is. A
 * type of the index is a way to read what is stored, never a change of it.
 */
import type { WordRules } from './index-config.ts'

/** A field in SQL. */
export interface SqlField {
  readonly name: string
  readonly type: 'bigint' | 'double' | 'varchar'
  /** Over the view of the logstore. */
  readonly sql: string
}

/** A field in the search part. */
export interface SearchField {
  readonly name: string
  readonly type: 'text' | 'long' | 'double'
  /** Over the view of the logstore: a VARCHAR or a number. */
  readonly sql: string
  /** The condition that a record has the field, whatever its value. */
  readonly present: string
  /** Of a text; without delimiters the whole value is one word. */
  readonly words: WordRules
  /** Its values hold no delimiter: a word of it is all of it. */
  readonly oneWord: boolean
  /** `-` stands for an absent value outside. */
  readonly dashIsAbsent: boolean
}

export interface StoreFields {
  /** Those of `*`. */
  readonly starred: readonly SqlField[]
  /** By its name in SQL, in any case. */
  sqlField(name: string): SqlField | undefined
  /** What is said of a name that is no field, or undefined for the usual. */
  unknownInSql(name: string): string | undefined
  searchField(key: string): SearchField | undefined
  unknownInSearch(key: string): { readonly message: string; readonly hint?: string }
  /** What a term without a key looks into. */
  readonly fullText: readonly SearchField[]
}
