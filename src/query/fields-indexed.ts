import type { ColumnSpec } from '../base/columns.ts'
import { flowRecordFields } from '../record/fields.ts'
import { restColumn } from '../base/rest-fields.ts'
import { jsonLeaf, numberIn, restText } from './field-values.ts'
import { allFields } from './fields-all.ts'
import type { SearchField, SqlField, StoreFields } from './fields.ts'
import type { FieldIndex, IndexConfig, WordRules } from './index-config.ts'
import { delimiters } from './predicate.ts'
import { quoteName } from './quote.ts'

/** @param columns the logstore's own and the reserved ones, as its view has them */
export function fieldsOf(
  columns: readonly ColumnSpec[],
  index: IndexConfig | undefined,
): StoreFields {
  return index === undefined ? allFields(columns) : new IndexedFields(columns, index)
}

const tagPrefix = '__tag__:'
const sqlTypes = { text: 'varchar', long: 'bigint', double: 'double', json: 'varchar' } as const
const flowTexts = new Set<string>(
  flowRecordFields
    .filter(({ name, kind }) => kind === 'text' && name !== 'srcaddr' && name !== 'dstaddr')
    .map(({ name }) => name),
)
/** "`__topic__` and `__source__` have an index without delimiters: exact match only." */
const wholeValue: WordRules = { token: [], caseSensitive: false }
const defaultWords: WordRules = {
  token: Array.from(delimiters),
  caseSensitive: false,
}

class IndexedFields implements StoreFields {
  readonly starred: readonly SqlField[]
  readonly fullText: readonly SearchField[]
  readonly #columns: ReadonlyMap<string, ColumnSpec>
  readonly #index: IndexConfig
  readonly #inSql: ReadonlyMap<string, SqlField>

  constructor(columns: readonly ColumnSpec[], index: IndexConfig) {
    this.#columns = new Map(columns.map((column) => [column.name, column]))
    this.#index = index
    const keys = [...index.keys].filter(([name]) => !isReserved(name))
    const analysed = keys.filter(([, field]) => field.docValue)
    const own = analysed.map(([name, field]) => this.#sqlField(name, field, field.alias ?? name))
    const tags = columns.filter(({ name }) => name.startsWith(tagPrefix))
    const reserved = ['__topic__', '__source__', ...tags.map(({ name }) => name)]
    this.starred = [
      { name: '__time__', type: 'bigint', sql: '"__time__"' },
      ...own,
      ...reserved.map((name) => this.#text(name)),
    ]
    const received = {
      name: '__receive_time__',
      type: 'bigint',
      sql: '"__receive_time__"',
    } as const
    const more: SqlField[] = [
      ...keys.flatMap(([name, field]) => this.#leaves(name, field)),
      ...analysed.map(([name, field]) => this.#sqlField(name, field, name)),
      received,
      {
        name: `${tagPrefix}__receive_time__`,
        type: 'varchar',
        sql: 'CAST("__receive_time__" AS VARCHAR)',
      },
    ]
    const inSql = new Map<string, SqlField>()
    for (const field of [...this.starred, ...more]) {
      const name = field.name.toLowerCase()
      if (!inSql.has(name)) inSql.set(name, field)
    }
    this.#inSql = inSql
    this.fullText = this.#fullText(columns)
  }

  sqlField(name: string): SqlField | undefined {
    const known = this.#inSql.get(name.toLowerCase())
    if (known !== undefined) return known
    const leaf = this.#leafOf(name)
    if (leaf === undefined || !leaf.field.docValue) return undefined
    if (leaf.field.jsonKeys.get(leaf.path)?.docValue === false) return undefined
    return { name, type: 'varchar', sql: jsonLeaf(this.#value(leaf.key), leaf.path) }
  }

  unknownInSql(name: string): string {
    return `Column '${name}' cannot be resolved; please add the column in the index attribute`
  }

  searchField(key: string): SearchField | undefined {
    if (key === '__topic__' || key === '__source__') return this.#searchText(key, wholeValue)
    const field = this.#index.keys.get(key)
    if (field !== undefined) return this.#indexed(key, field)
    if (key.startsWith(tagPrefix)) return this.#searchText(key, this.#index.line ?? defaultWords)
    const leaf = this.#leafOf(key)
    if (leaf === undefined) return undefined
    const type = leaf.field.jsonKeys.get(leaf.path)?.type ?? 'text'
    return this.#leaf(leaf.key, leaf.field, leaf.path, type)
  }

  unknownInSearch(key: string) {
    return {
      message: `key (${key}) is not config as key value config, if symbol : is in your log, please wrap : with quotation mark "`,
    }
  }

  /**
   * The text that is stored, or NULL where no log has brought the field yet. A field that was indexed as a number has a
   * column of integers, and what else it held is in the rest; so is a field that came when there was no column left.
   */
  #value(name: string): string {
    const kind = this.#columns.get(name)?.kind
    if (kind === 'text') return quoteName(name)
    const own = kind === undefined ? 'CAST(NULL AS VARCHAR)' : `CAST(${quoteName(name)} AS VARCHAR)`
    if (!this.#columns.has(restColumn)) return own
    return kind === undefined ? restText(name) : `coalesce(${own}, ${restText(name)})`
  }

  #typed(name: string, type: FieldIndex['type']): string {
    if (type === 'text' || type === 'json') return this.#value(name)
    if (this.#columns.get(name)?.kind !== 'integer') return numberIn(this.#value(name), type)
    if (type === 'long') return quoteName(name)
    if (this.#columns.has(restColumn)) return numberIn(this.#value(name), type)
    return `CAST(${quoteName(name)} AS DOUBLE)`
  }

  #text(name: string): SqlField {
    return { name, type: 'varchar', sql: this.#value(name) }
  }

  #sqlField(name: string, { type }: FieldIndex, shown: string): SqlField {
    return { name: shown, type: sqlTypes[type], sql: this.#typed(name, type) }
  }

  /** A leaf that is a key of the index says for itself whether SQL may use it. */
  #leaves(name: string, field: FieldIndex): SqlField[] {
    if (field.type !== 'json') return []
    return [...field.jsonKeys]
      .filter(([, leaf]) => leaf.docValue)
      .flatMap(([path, { type, alias }]) => {
        const { sql } = this.#leaf(name, field, path, type)
        const names = [`${name}.${path}`, ...(alias === undefined ? [] : [alias])]
        return names.map((each) => ({ name: each, type: sqlTypes[type], sql }))
      })
  }

  /** The JSON field and the path in it that a name with dots stands for, where that is indexed. */
  #leafOf(name: string) {
    for (const [key, field] of this.#index.keys) {
      if (field.type !== 'json' || !name.startsWith(`${key}.`)) continue
      const path = name.slice(key.length + 1)
      const depth = path.split('.').length
      const within = field.indexAll && (field.maxDepth === -1 || depth <= field.maxDepth)
      if (path !== '' && (within || field.jsonKeys.has(path))) return { key, field, path }
    }
    return undefined
  }

  #leaf(
    key: string,
    rules: FieldIndex & { type: 'json' },
    path: string,
    type: 'text' | 'long' | 'double',
  ): SearchField {
    const text = jsonLeaf(this.#value(key), path)
    return {
      name: `${key}.${path}`,
      type,
      sql: type === 'text' ? text : numberIn(text, type),
      present: `${text} IS NOT NULL`,
      words: rules,
      oneWord: false,
      dashIsAbsent: false,
    }
  }

  #searchText(name: string, words: WordRules): SearchField {
    const sql = this.#value(name)
    const oneWord = flowTexts.has(name) || words.token.length === 0
    const dashIsAbsent = flowTexts.has(name) || this.#columns.get(name)?.kind === 'integer'
    return { name, type: 'text', sql, present: `${sql} IS NOT NULL`, words, oneWord, dashIsAbsent }
  }

  #indexed(name: string, field: FieldIndex): SearchField {
    const type = field.type === 'json' ? 'text' : field.type
    const words = 'token' in field ? field : wholeValue
    const text = this.#searchText(name, words)
    return { ...text, type, sql: this.#typed(name, field.type) }
  }

  /** "All text-indexed fields plus, when a full-text index exists, the rest of the record." */
  #fullText(columns: readonly ColumnSpec[]): SearchField[] {
    const { keys, line } = this.#index
    const own = [...keys].flatMap(([name, field]): SearchField[] => {
      if (field.type === 'text') return [this.#indexed(name, field)]
      if (field.type !== 'json') return []
      if (field.indexAll) return [this.#indexed(name, field)]
      const texts = [...field.jsonKeys].filter(([, leaf]) => leaf.type === 'text')
      return texts.map(([path]) => this.#leaf(name, field, path, 'text'))
    })
    if (line === undefined) return own
    const { includeKeys, excludeKeys = [] } = line
    const rest = columns.filter(({ name, kind }) => {
      if (keys.has(name) || name === '__topic__' || name === '__source__') return false
      if (kind === 'integer' && name.startsWith('__')) return false
      return includeKeys?.includes(name) ?? !excludeKeys.includes(name)
    })
    return [...own, ...rest.map(({ name }) => this.#searchText(name, line))]
  }
}

const isReserved = (name: string): boolean =>
  /^__(time|topic|source|receive_time)__$/.test(name) || name.startsWith(tagPrefix)
