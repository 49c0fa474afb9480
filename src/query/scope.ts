import { nearest } from '../base/nearest.ts'
import type { QueryText } from './place.ts'
import { quoteName, quoteText } from './quote.ts'
import type { Name } from './sql-tree.ts'
import { typeName } from './types.ts'
import type { Printed, SqlType } from './types.ts'

/** A column of something that stands in FROM. */
export interface ScopeColumn {
  /** What users call it. */
  readonly name: string
  /** How it is printed, with the name of its relation. */
  readonly sql: string
  readonly type: SqlType
  /** Told when the column is used. */
  readonly use?: () => void
}

export interface ScopeRelation {
  readonly alias: string | undefined
  /** Those of `*`. */
  readonly columns: readonly ScopeColumn[]
  /** A column by name that is not among them. */
  readonly more?: (name: string) => ScopeColumn | undefined
  /** What is said of a name that is no column, instead of the usual. */
  readonly unknown?: (name: string) => string | undefined
}

/**
 * What names mean at one place of a query: the columns of the relations in FROM, then what the
 * query around it has. In ORDER BY the aliases of the SELECT come first.
 */
export class Scope {
  readonly relations: readonly ScopeRelation[]
  readonly aliases: ReadonlyMap<string, Printed>
  readonly #query: QueryText
  readonly #parent: Scope | undefined

  constructor(
    query: QueryText,
    relations: readonly ScopeRelation[],
    parent: Scope | undefined,
    aliases: ReadonlyMap<string, Printed> = new Map(),
  ) {
    this.#query = query
    this.relations = relations
    this.#parent = parent
    this.aliases = aliases
  }

  withAliases(aliases: ReadonlyMap<string, Printed>): Scope {
    return new Scope(this.#query, this.relations, this.#parent, aliases)
  }

  /** The parameters of a lambda are seen in front of every column. */
  withParameters(names: readonly string[], types: readonly SqlType[]): Scope {
    const parameter = (name: string, index: number): ScopeColumn => ({
      name,
      sql: lambdaParameter(name),
      type: types[index] ?? 'unknown',
    })
    const columns = names.map(parameter)
    return new Scope(this.#query, [{ alias: undefined, columns }], this)
  }

  column(table: Name | undefined, name: string, at: number): Printed {
    const found = this.#find(table, name, at) ?? this.#field(table, name, at)
    if (found !== undefined) return found
    throw this.#unknown(table, name, at)
  }

  /** `a.b` where `a` is no table: the field of a row. */
  #field(row: Name | undefined, name: string, at: number): Printed | undefined {
    const of = row === undefined ? undefined : this.#find(undefined, row.text, row.at)
    return of?.type === 'row' || of?.type === 'unknown'
      ? { ...fieldOf(of, name, this.#query), at }
      : undefined
  }

  #find(table: Name | undefined, name: string, at: number): Printed | undefined {
    const wanted = name.toLowerCase()
    const alias = table === undefined ? this.aliases.get(wanted) : undefined
    if (alias !== undefined) return { ...alias, at }
    const relations = this.relations.filter((relation) => isNamed(relation, table))
    const columns = relations.flatMap((relation) => relation.columns)
    const found = columns.filter((column) => column.name.toLowerCase() === wanted)
    if (found.length > 1) {
      throw this.#query.syntax(`the column ${name} is ambiguous`, at, 'write table.column')
    }
    const column = found[0] ?? relations.flatMap((each) => each.more?.(name) ?? [])[0]
    if (column === undefined) {
      return this.#parent === undefined ? undefined : this.#parent.#find(table, name, at)
    }
    column.use?.()
    return { sql: column.sql, type: column.type, at }
  }

  #unknown(table: Name | undefined, name: string, at: number) {
    const chain = this.#chain()
    const relations = chain.flatMap((scope) => scope.relations)
    if (table !== undefined && !relations.some((relation) => isNamed(relation, table))) {
      return this.#query.syntax(`there is no table ${table.text} here`, table.at)
    }
    const named = relations.filter((relation) => isNamed(relation, table))
    const message = named.flatMap((relation) => relation.unknown?.(name) ?? [])[0]
    if (message !== undefined) return this.#query.syntax(message, at)
    const names = named.flatMap((relation) => relation.columns.map((column) => column.name))
    const near = nearest(name, names)
    const hint =
      near === undefined
        ? "texts are in single quotes: 'ACCEPT'"
        : `did you mean ${/^[a-z_]\w*$/.test(near) ? near : quoteName(near)}?`
    return this.#query.syntax(`column ${name} cannot be resolved`, at, hint)
  }

  #chain(): Scope[] {
    return [this, ...(this.#parent === undefined ? [] : this.#parent.#chain())]
  }

  /** The columns of `*` or `table.*`. */
  star(table: Name | undefined, at: number): readonly ScopeColumn[] {
    const relations = this.relations.filter((relation) => isNamed(relation, table))
    if (relations.length === 0) {
      const what = table === undefined ? '"*" needs a FROM' : `there is no table ${table.text} here`
      throw this.#query.syntax(what, table?.at ?? at)
    }
    const columns = relations.flatMap((relation) => relation.columns)
    for (const column of columns) column.use?.()
    return columns
  }
}

const isNamed = (relation: ScopeRelation, table: Name | undefined): boolean =>
  table === undefined || relation.alias?.toLowerCase() === table.text.toLowerCase()

/** The field of a row; only the engine knows its type. */
export function fieldOf(row: Printed, name: string, query: QueryText): Printed {
  if (row.type !== 'row' && row.type !== 'unknown') {
    throw query.syntax(`a ${typeName(row.type)} has no fields`, row.at)
  }
  return { ...row, sql: `struct_extract(${row.sql}, ${quoteText(name)})`, type: 'unknown' }
}

/** A lambda's parameter for the engine: never the name of a column. */
export const lambdaParameter = (name: string): string => quoteName(`l_${name.toLowerCase()}`)
