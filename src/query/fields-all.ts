import type { ColumnSpec } from '../base/columns.ts'
import { nearest } from '../base/nearest.ts'
import { flowRecordFields } from '../record/fields.ts'
import type { SearchField, SqlField, StoreFields } from './fields.ts'
import { delimiters } from './predicate.ts'
import { quoteName } from './quote.ts'

const flowFields = new Set<string>(flowRecordFields.map((field) => field.name))
const isOneWord = (name: string) =>
  flowFields.has(name) || name === '__topic__' || name === '__source__'

/**
 * Every column as it is. A field of a flow log record, `__topic__` and `__source__` are one word each,
 * whatever they hold (an IPv6 address is not cut at its colons); other texts are cut into words by the
 * default delimiters.
 */
export function allFields(columns: readonly ColumnSpec[]): StoreFields {
  const starred = columns.map(({ name, kind }): SqlField => ({
    name,
    type: kind === 'integer' ? 'bigint' : 'varchar',
    sql: quoteName(name),
  }))
  const search = columns.map(searchField)
  return {
    starred,
    sqlField: (name) => starred.find((each) => each.name.toLowerCase() === name.toLowerCase()),
    unknownInSql: () => undefined,
    searchField: (key) => search.find((each) => each.name === key),
    unknownInSearch: (key) => {
      const names = columns.map((each) => each.name)
      const near = nearest(key, names)
      const hint =
        near === undefined
          ? 'put the text in double quotes if the ":" is part of it'
          : `did you mean ${near}?`
      return { message: `"${key}" is not a field of this logstore`, hint }
    },
    fullText: search.filter((each) => each.type === 'text'),
  }
}

function searchField({ name, kind }: ColumnSpec): SearchField {
  const sql = quoteName(name)
  const oneWord = isOneWord(name)
  return {
    name,
    type: kind === 'integer' ? 'long' : 'text',
    sql,
    present: `${sql} IS NOT NULL`,
    words: { token: oneWord ? [] : Array.from(delimiters), caseSensitive: false },
    oneWord,
    dashIsAbsent: oneWord || kind === 'integer',
  }
}
