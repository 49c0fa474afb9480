import { elementOf } from './functions/lists.ts'
import type { ExpressionPrinter } from './print-expression.ts'
import { checkCondition } from './print-operators.ts'
import type { Place } from './print-place.ts'
import type { QueryText } from './place.ts'
import { quoteName } from './quote.ts'
import { Scope } from './scope.ts'
import type { ScopeColumn, ScopeRelation } from './scope.ts'
import type { Alias, Name, Query, Relation } from './sql-tree.ts'
import type { SqlField } from './fields.ts'
import type { QueryRange } from './plan-range.ts'
import type { Source } from './source.ts'
import { classOf, typeName } from './types.ts'
import type { SqlType } from './types.ts'

export interface OutputColumn {
  readonly name: string
  readonly type: SqlType
}

export interface PrintedQuery {
  readonly sql: string
  readonly columns: readonly OutputColumn[]
}

/** Queries of WITH by lower-case name, as they are seen at one place. */
export type Ctes = ReadonlyMap<
  string,
  {
    readonly name: string
    readonly columns: readonly OutputColumn[]
    /** The time range that it was printed for. */
    readonly range: QueryRange
  }
>

/** What the relations of a query are printed with. */
export interface RelationEnvironment {
  readonly query: QueryText
  /** The logstore's own name, which is open beside `log`. */
  readonly storeName: string
  readonly expressions: ExpressionPrinter
  ctes(): Ctes
  print(query: Query, outer: Scope | undefined): PrintedQuery
  /** The range that is printed for. */
  range(): QueryRange
  /** What a name that is no WITH query reads, or undefined where that is not open. */
  source(name: string): Source | undefined
}

/** Prints what stands in FROM: tables, queries, joins and UNNEST. */
export class RelationPrinter {
  readonly #env: RelationEnvironment

  constructor(env: RelationEnvironment) {
    this.#env = env
  }

  /** Prints a relation and adds what can be named in it to `into`. */
  print(relation: Relation, into: ScopeRelation[], outer: Scope | undefined): string {
    if (relation.kind === 'join') return this.#join(relation, into, outer)
    if (relation.kind === 'unnest') return this.#unnest(relation, into, outer)
    if (relation.kind === 'subquery') {
      const { sql, columns } = this.#env.print(relation.query, outer)
      const name = relation.alias?.name ?? { text: `_query${into.length}`, at: relation.query.at }
      const renamed = renameColumns(this.#env.query, name, relation.alias?.columns ?? [], columns)
      const internal = internalNames(renamed)
      this.#add(into, relation.alias?.name, { columns: columnsOf(name.text, renamed, internal) })
      return `(${sql}) AS ${quoteName(name.text)}(${internal.map(quoteName).join(', ')})`
    }
    return this.#table(relation.name, relation.alias, into)
  }

  #add(
    into: ScopeRelation[],
    alias: Name | undefined,
    relation: Omit<ScopeRelation, 'alias'>,
  ): void {
    const taken = (each: ScopeRelation) => each.alias?.toLowerCase() === alias?.text.toLowerCase()
    if (alias !== undefined && into.some(taken)) {
      throw this.#env.query.syntax(
        `the table name ${alias.text} is used twice`,
        alias.at,
        'give one an alias',
      )
    }
    into.push({ ...relation, alias: alias?.text })
  }

  #table(name: Name, alias: Alias | undefined, into: ScopeRelation[]): string {
    const wanted = name.text.toLowerCase()
    const shown = alias?.name ?? name
    const cte = this.#env.ctes().get(wanted)
    if (cte !== undefined) {
      if (cte.range !== this.#env.range()) {
        throw this.#env.query.refused(
          `${name.text} cannot be read for an earlier range`,
          name.at,
          'write the query of WITH in its place',
        )
      }
      const renamed = renameColumns(this.#env.query, shown, alias?.columns ?? [], cte.columns)
      const internal = internalNames(renamed)
      this.#add(into, shown, { columns: columnsOf(shown.text, renamed, internal) })
      return `${quoteName(cte.name)} AS ${quoteName(shown.text)}(${internal.map(quoteName).join(', ')})`
    }
    const source = this.#env.source(name.text)
    if (source === undefined) throw this.#closed(name)
    return this.source(name, source, alias, into)
  }

  #closed(name: Name) {
    return this.#env.query.refused(
      `the table ${name.text} is not open to this query`,
      name.at,
      `FROM log is the logstore ${this.#env.storeName}`,
    )
  }

  /** Prints a table of records. */
  source(name: Name, source: Source, alias: Alias | undefined, into: ScopeRelation[]): string {
    if (alias !== undefined && alias.columns.length > 0) {
      throw this.#env.query.refused(`the columns of ${name.text} cannot be renamed here`, name.at)
    }
    const shown = alias?.name ?? name
    const { fields } = source
    const column = (field: SqlField): ScopeColumn => ({
      name: field.name,
      sql: `${quoteName(shown.text)}.${quoteName(field.name)}`,
      type: field.type,
      use: () => source.use(field),
    })
    const relation: ScopeRelation = {
      alias: shown.text,
      columns: fields.starred.map(column),
      more: (wanted) => {
        const field = fields.sqlField(wanted)
        return field === undefined ? undefined : column(field)
      },
      unknown: (wanted) => fields.unknownInSql(wanted),
    }
    this.#add(into, shown, relation)
    return `${source.cte} AS ${quoteName(shown.text)}`
  }

  #join(
    join: Relation & { kind: 'join' },
    into: ScopeRelation[],
    outer: Scope | undefined,
  ): string {
    const leftStart = into.length
    const left = this.print(join.left, into, outer)
    const rightStart = into.length
    const right = this.print(join.right, into, outer)
    const wrapped = join.right.kind === 'join' ? `(${right})` : right
    const sql = `${left} ${join.join.toUpperCase()} JOIN ${wrapped}`
    if (join.using.length > 0) return `${sql} ${this.#using(join, into, leftStart, rightStart)}`
    if (join.on === undefined) return sql
    const place: Place = { scope: new Scope(this.#env.query, into, outer), noAggregates: 'JOIN' }
    const on = checkCondition(
      this.#env.query,
      this.#env.expressions.print(join.on, place),
      'a condition',
    )
    return `${sql} ON ${on.sql}`
  }

  /** USING: the columns of both sides are compared, and seen once without a table name. */
  #using(
    join: Relation & { kind: 'join' },
    into: ScopeRelation[],
    leftStart: number,
    rightStart: number,
  ): string {
    const sides = [into.slice(leftStart, rightStart), into.slice(rightStart)]
    const pairs = join.using.map((name) => {
      const found = sides.map((side) =>
        new Scope(this.#env.query, side, undefined).column(undefined, name.text, name.at),
      )
      return { name, left: found[0]!, right: found[1]! }
    })
    const gone = new Set(join.using.map((name) => name.text.toLowerCase()))
    const merged = pairs.map(({ name, left, right }): ScopeColumn => {
      const sql =
        join.join === 'full'
          ? `coalesce(${left.sql}, ${right.sql})`
          : (join.join === 'right' ? right : left).sql
      return { name: name.text, sql, type: left.type }
    })
    const rest = into.splice(leftStart)
    into.push({ alias: undefined, columns: merged })
    for (const relation of rest) {
      const columns = relation.columns.filter((column) => !gone.has(column.name.toLowerCase()))
      into.push({ alias: relation.alias, columns })
    }
    return `ON (${pairs.map(({ left, right }) => `(${left.sql} = ${right.sql})`).join(' AND ')})`
  }

  /** UNNEST as a lateral query: several lists side by side, a map as keys and values. */
  #unnest(
    relation: Relation & { kind: 'unnest' },
    into: ScopeRelation[],
    outer: Scope | undefined,
  ): string {
    const place: Place = { scope: new Scope(this.#env.query, into, outer), noAggregates: 'UNNEST' }
    const lists = relation.of.flatMap((each) => {
      const printed = this.#env.expressions.print(each, place)
      const { type, sql } = printed
      if (typeof type === 'object' && 'map' in type) {
        return [
          { sql: `map_keys(${sql})`, type: type.map[0] },
          { sql: `map_values(${sql})`, type: type.map[1] },
        ]
      }
      const found = classOf(type)
      if (found === undefined || found === 'array') return [{ sql, type: elementOf(type) }]
      throw this.#env.query.syntax(
        `UNNEST needs an array or a map, not a ${typeName(type)}`,
        each.at,
      )
    })
    const items = lists.map((list) => ({ sql: `unnest(${list.sql})`, type: list.type }))
    const first = lists[0]!.sql
    const numbered = relation.ordinality
      ? [{ sql: `generate_subscripts(${first}, 1)`, type: 'bigint' as const }]
      : []
    const columns = [...items, ...numbered].map(({ type }, index) => ({
      name: `_col${index}`,
      type,
    }))
    const name = relation.alias?.name ?? { text: `_unnest${into.length}`, at: relation.at }
    const renamed = renameColumns(this.#env.query, name, relation.alias?.columns ?? [], columns)
    const internal = internalNames(renamed)
    this.#add(into, relation.alias?.name, { columns: columnsOf(name.text, renamed, internal) })
    const select = [...items, ...numbered].map((item) => item.sql).join(', ')
    return `LATERAL (SELECT ${select}) AS ${quoteName(name.text)}(${internal.map(quoteName).join(', ')})`
  }
}

/** Columns under the names a user gave them. */
export function renameColumns(
  query: QueryText,
  of: Name,
  names: readonly Name[],
  columns: readonly OutputColumn[],
): OutputColumn[] {
  if (names.length !== 0 && names.length !== columns.length) {
    throw query.syntax(
      `${of.text} has ${columns.length} columns, and ${names.length} names are given`,
      of.at,
    )
  }
  return columns.map((column, index) => ({ ...column, name: names[index]?.text ?? column.name }))
}

/** Column names as the engine sees them: each only once. */
export function internalNames(columns: readonly OutputColumn[]): string[] {
  const seen = new Set<string>()
  return columns.map(({ name }, index) => {
    const free = seen.has(name.toLowerCase()) ? `${name}:${index}` : name
    seen.add(free.toLowerCase())
    return free
  })
}

export function columnsOf(
  table: string,
  columns: readonly OutputColumn[],
  internal: readonly string[],
): ScopeColumn[] {
  return columns.map(({ name, type }, index) => ({
    name,
    type,
    sql: `${quoteName(table)}.${quoteName(internal[index]!)}`,
  }))
}
