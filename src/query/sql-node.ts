import type { MaskedSql } from './sql-mask.ts'
import type { QueryText } from './place.ts'
import type { Name } from './sql-tree.ts'

/** An object of the parser's tree. */
export type Fields = Readonly<Record<string, unknown>>

/** Keys that say how something was written, not what it means. Every other key must be examined. */
const writing = new Set(
  (
    'span quoted trailing_comments leading_comments pre_alias_comments left_comments ' +
    'operator_comments alias_explicit_as alias_keyword original_name explicit_asc nesting_group ' +
    'use_inner_keyword use_outer_keyword kind_text start_side_text end_side_text ' +
    'integer_spelling real_spelling from_for_syntax sql_standard_syntax position_explicit ' +
    'bracket_notation alias_first nested use_bracket_syntax'
  ).split(' '),
)

const isEmpty = (value: unknown) =>
  value === null ||
  value === undefined ||
  value === false ||
  value === '' ||
  (Array.isArray(value) && value.length === 0)

/**
 * Reads the parser's tree with default deny: a node kind nobody asks for is refused, and so is a
 * node with a filled key that its reader does not name. Only this class and its two users know the
 * parser.
 */
export class NodeReader {
  readonly query: QueryText
  readonly masked: MaskedSql
  /** The last place seen: nodes without a place of their own are near it. */
  at: number
  /** False while a piece of text is parsed again: its offsets are those of the piece. */
  spansHold = true

  constructor(query: QueryText, masked: MaskedSql) {
    this.query = query
    this.masked = masked
    this.at = masked.offsetOf(0)
  }

  refused(what: string, hint?: string) {
    return this.query.refused(what, this.at, hint)
  }

  /** The kind and the fields of a node `{ kind: fields }`. */
  node(value: unknown): { kind: string; fields: Fields } {
    if (typeof value === 'string') return { kind: value, fields: {} }
    const entries = Object.entries(this.fields(value))
    if (entries.length !== 1) throw this.refused('this SQL is not supported')
    const [kind, fields] = entries[0]!
    return { kind, fields: isEmpty(fields) ? {} : this.fields(fields) }
  }

  fields(value: unknown): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.refused('this SQL is not supported')
    }
    return value as Fields
  }

  list(value: unknown): readonly unknown[] {
    if (isEmpty(value)) return []
    if (!Array.isArray(value)) throw this.refused('this SQL is not supported')
    return value as unknown[]
  }

  /** Refuses when a key besides `known` is filled. */
  only(fields: Fields, known: string, what: string): void {
    const names = known.split(' ')
    for (const [key, value] of Object.entries(fields)) {
      if (isEmpty(value) || names.includes(key)) continue
      if (writing.has(key) && !key.endsWith('comments')) continue
      throw this.refused(`${key.replaceAll('_', ' ')} is not supported in ${what}`)
    }
  }

  /** A name as the user wrote it, with its place. */
  name(value: unknown): Name {
    const fields = this.fields(value)
    this.only(fields, 'name', 'a name')
    const written = fields['name']
    if (typeof written !== 'string') throw this.refused('this SQL is not supported')
    const mark = this.masked.mark(written)
    if (mark !== undefined) {
      this.at = mark.at
      if (mark.kind === 'text') {
        throw this.refused('a text cannot be a name', 'names are quoted with double quotes')
      }
      this.reservedName(mark.text)
      return { text: mark.text, at: mark.at }
    }
    const span = fields['span'] as { start?: unknown } | null | undefined
    if (this.spansHold && typeof span?.start === 'number')
      this.at = this.masked.offsetOf(span.start)
    return { text: written, at: this.at }
  }

  reservedName(name: string): void {
    if (/^(__(src|store)\w*|sls_.*|wq\d+)$/i.test(name)) {
      throw this.refused(`the name ${name} is kept for Weir itself`)
    }
  }

  /** The text of a literal. */
  text(value: unknown): string {
    if (typeof value !== 'string') throw this.refused('this SQL is not supported')
    const mark = this.masked.mark(value)
    if (mark === undefined || mark.kind !== 'text') {
      throw this.refused('this text is not supported')
    }
    this.at = mark.at
    return mark.text
  }

  optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
    return isEmpty(value) ? undefined : read(value)
  }
}

export const isGiven = (fields: Fields, key: string): boolean =>
  fields[key] !== null && fields[key] !== undefined

export const isTrue = (fields: Fields, key: string): boolean => fields[key] === true
