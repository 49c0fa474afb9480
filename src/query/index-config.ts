/**
 * The index of a logstore: which of its fields a query sees, and as what (sls-query.md §1.3, §1.4). Stored values are as
 * they were sent; a type is how they are read.
 */
export interface IndexConfig {
  /** Full-text terms reach the rest of a record too; undefined: only fields that have an index of their own. */
  readonly line: (WordRules & FieldSelection) | undefined
  readonly keys: ReadonlyMap<string, FieldIndex>
}

export interface WordRules {
  /** What cuts a text into words, a character each; none: the whole value is one word. */
  readonly token: readonly string[]
  readonly caseSensitive: boolean
}

/** At most one of the two is there. */
export interface FieldSelection {
  readonly includeKeys?: readonly string[]
  readonly excludeKeys?: readonly string[]
}

export type FieldIndex =
  | (WordRules & { readonly type: 'text' } & Analysed)
  | ({ readonly type: 'long' | 'double' } & Analysed)
  | (WordRules & {
      readonly type: 'json'
      /** Leaves that are not in `jsonKeys` are texts. */
      readonly indexAll: boolean
      /** -1: however deep. */
      readonly maxDepth: number
      /** By path, `a.b`. */
      readonly jsonKeys: ReadonlyMap<
        string,
        { readonly type: 'text' | 'long' | 'double' } & Analysed
      >
    } & Analysed)

interface Analysed {
  /** Another name, in SQL only. */
  readonly alias?: string
  /** Whether SQL may use it. */
  readonly docValue: boolean
}
