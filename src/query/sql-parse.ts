import { ExpressionReader } from './sql-expressions.ts'
import { loadParser } from './sql-grammar.ts'
import type { Fields } from './sql-node.ts'
import { readOrder, readWindow } from './sql-windows.ts'
import { maskSql } from './sql-mask.ts'
import type { MaskedSql } from './sql-mask.ts'
import type { QueryText } from './place.ts'
import type { QueryPart } from './split.ts'
import type {
  Alias,
  Cte,
  Expression,
  GroupItem,
  Name,
  Query,
  Relation,
  Select,
  SelectItem,
  SetOperation,
  Values,
} from './sql-tree.ts'

/** First words of the pipeline language (SPL), which is another language than SQL. */
const pipelineWords =
  /^\s*(where|extend|project(?:-\w+)?|parse-\w+|expand-values|stats|sort|limit|\.let)(?![\w-])/i

/** What does the same, where SQL has it. */
const inSql: Readonly<Record<string, string>> = {
  where: 'SELECT * FROM log WHERE ...',
  extend: 'SELECT *, ... AS name FROM log',
  project: 'SELECT name, name FROM log',
  'parse-json': "SELECT json_extract_scalar(name, '$.key') FROM log",
  'parse-regexp': "SELECT regexp_extract(name, '...', 1) FROM log",
  'expand-values': 'SELECT ... FROM log CROSS JOIN UNNEST(...) AS t (name)',
  stats: 'SELECT name, count(*) FROM log GROUP BY name',
  sort: 'SELECT * FROM log ORDER BY name',
  limit: 'SELECT * FROM log LIMIT 10',
}

/** Settings of the log service's clients that change nothing here. */
const sessionPrefix = /^\s*set\s+session\s+(\w+)\s*=\s*(\w+)\s*;/i
const knownSettings = /^(parallel_sql=(true|false)|mode=scan)$/i

/**
 * The SQL part as our tree. The parser (a WebAssembly module of 23 MB) is loaded by the first call.
 * Throws QuerySyntax and QueryRefused with the place in the whole query.
 */
export async function parseSql(query: QueryText, whole: QueryPart): Promise<Query> {
  const part = withoutSettings(query, whole)
  const stage = pipelineWords.exec(part.text)?.[1]
  if (stage !== undefined) {
    throw query.refused(
      `"| ${stage}" is a stage of the pipeline language (SPL), which is not supported`,
      part.offset,
      `after the "|" write SQL: ${inSql[stage.toLowerCase()] ?? 'SELECT ...'}`,
    )
  }
  if (/^\s*with_pack_meta\s*$/i.test(part.text)) {
    throw query.refused('with_pack_meta is not supported', part.offset)
  }
  const masked = maskSql(query, part)
  if (/\bwith\s+ties\b/i.test(masked.text)) {
    throw query.refused('WITH TIES is not supported', part.offset)
  }
  const { parse } = await loadParser()
  const parseText = (text: string): readonly unknown[] => {
    const parsed = parse(text, 'trino' as Parameters<typeof parse>[1])
    if (parsed.success) return parsed.ast
    throw parserError(query, masked, part, parsed)
  }
  const reader = new QueryReader(query, masked, parseText)
  return reader.statement(parseText(masked.text))
}

function withoutSettings(query: QueryText, part: QueryPart): QueryPart {
  const prefix = sessionPrefix.exec(part.text)
  if (prefix === null) return part
  const setting = `${prefix[1]}=${prefix[2]}`
  if (!knownSettings.test(setting)) {
    throw query.refused(`the session setting ${setting} is not known`, part.offset)
  }
  const length = prefix[0].length
  return { text: part.text.slice(length), offset: part.offset + length }
}

interface ParserFailure {
  readonly error?: string | null
  readonly errorStart?: number
}

function parserError(query: QueryText, masked: MaskedSql, part: QueryPart, failure: ParserFailure) {
  const at = failure.errorStart === undefined ? part.offset : masked.offsetOf(failure.errorStart)
  const message = failure.error ?? 'the SQL cannot be read'
  if (/GUARD|depth|stack|recursion|call stack|unreachable|memory/i.test(message)) {
    return query.refused('the SQL is nested too deeply', at, 'use fewer parentheses and terms')
  }
  const words = message.replace(/^Parse error at line \d+, column \d+: /, '')
  const plain = words.replace(/ near \[.*$/s, '').replace(/wq\d+/g, (name) => {
    return masked.mark(name)?.text ?? name
  })
  return query.syntax(`the SQL cannot be read: ${plain}`, at)
}

type ParseText = (text: string) => readonly unknown[]

/** The parser's queries as ours. */
class QueryReader {
  readonly #reader: ExpressionReader
  #depth = 0

  constructor(query: QueryText, masked: MaskedSql, parseText: ParseText) {
    this.#reader = new ExpressionReader(query, masked)
    this.#reader.readQuery = (value) => this.#query(value)
    this.#reader.reparse = (text) => {
      const [statement, ...more] = parseText(`select ${text}`)
      const items = this.#reader.list(this.#reader.node(statement).fields['expressions'])
      return more.length === 0 && items.length === 1 ? items[0] : undefined
    }
  }

  statement(statements: readonly unknown[]): Query {
    if (statements.length !== 1) {
      throw this.#reader.refused(`one statement is needed, not ${statements.length}`)
    }
    const { kind } = this.#reader.node(statements[0])
    if (!/^(select|union|intersect|except|values|subquery)$/.test(kind)) {
      throw this.#reader.refused(
        `${kind.replaceAll('_', ' ')} is not a query`,
        'only SELECT is answered: * | SELECT ...',
      )
    }
    return this.#query(statements[0])
  }

  #query(value: unknown): Query {
    const reader = this.#reader
    const { kind, fields } = reader.node(value)
    const at = reader.at
    if (++this.#depth > 32) throw reader.refused('queries are nested more than 32 deep')
    try {
      const ctes = this.#ctes(fields['with'])
      const body = this.#body(kind, fields)
      const orderBy = reader.optional(fields['order_by'], (each) => {
        const order = reader.fields(each)
        reader.only(order, 'expressions', 'ORDER BY')
        return readOrder(reader, order['expressions'])
      })
      const limit = this.#count(fields['limit'], 'LIMIT') ?? this.#fetch(fields['fetch'])
      const offset = this.#count(fields['offset'], 'OFFSET')
      return { kind: 'query', ctes, body, orderBy: orderBy ?? [], limit, offset, at }
    } finally {
      this.#depth--
    }
  }

  #body(kind: string, fields: Fields): Query['body'] {
    if (kind === 'select') return this.#select(fields)
    if (kind === 'union' || kind === 'intersect' || kind === 'except') {
      return this.#setOperation(kind, fields)
    }
    if (kind === 'values') return this.#values(fields)
    if (kind === 'subquery') {
      this.#reader.only(fields, 'this with order_by limit offset fetch', 'a query in parentheses')
      return this.#query(fields['this'])
    }
    throw this.#reader.refused(`${kind.replaceAll('_', ' ')} is not supported in a query`)
  }

  #count(value: unknown, clause: string): number | undefined {
    const reader = this.#reader
    if (value === null || value === undefined) return undefined
    const outer = reader.fields(value)
    let literal: unknown = value
    if ('this' in outer) {
      reader.only(outer, 'this', clause)
      literal = outer['this']
    }
    const { kind } = reader.node(literal)
    const expression = kind === 'literal' ? reader.expression(literal) : undefined
    if (expression?.kind === 'literal' && expression.type === 'bigint') {
      return Math.min(Number(expression.text), Number.MAX_SAFE_INTEGER)
    }
    throw reader.refused(`${clause} takes a whole number`, `write ${clause} 100`)
  }

  /** FETCH FIRST n ROWS ONLY, which is LIMIT n. */
  #fetch(value: unknown): number | undefined {
    return this.#reader.optional(value, (each) => {
      const fields = this.#reader.fields(each)
      this.#reader.only(fields, 'direction count rows', 'FETCH')
      return this.#count(fields['count'], 'FETCH FIRST') ?? 1
    })
  }

  #ctes(value: unknown): Cte[] {
    const reader = this.#reader
    if (value === null || value === undefined) return []
    const fields = reader.fields(value)
    reader.only(fields, 'ctes', 'WITH')
    return reader.list(fields['ctes']).map((each) => {
      const cte = reader.fields(each)
      reader.only(cte, 'alias columns this', 'WITH')
      const name = reader.name(cte['alias'])
      reader.reservedName(name.text)
      return { name, columns: this.#names(cte['columns']), query: this.#query(cte['this']) }
    })
  }

  #names(value: unknown): Name[] {
    return this.#reader.list(value).map((each) => this.#reader.name(each))
  }

  #setOperation(kind: SetOperation['kind'], fields: Fields): SetOperation {
    const known = 'left right all distinct with order_by limit offset fetch'
    this.#reader.only(fields, known, kind.toUpperCase())
    const left = this.#query(fields['left'])
    return { kind, all: fields['all'] === true, left, right: this.#query(fields['right']) }
  }

  #values(fields: Fields): Values {
    this.#reader.only(fields, 'expressions with order_by limit offset fetch', 'VALUES')
    const rows = this.#reader.list(fields['expressions']).map((each) => {
      const row = this.#reader.fields(each)
      this.#reader.only(row, 'expressions', 'VALUES')
      return this.#reader.expressions(row['expressions'])
    })
    return { kind: 'values', rows }
  }

  #select(fields: Fields): Select {
    const reader = this.#reader
    const known =
      'expressions from joins where_clause group_by having order_by limit offset fetch distinct with windows'
    reader.only(fields, known, 'SELECT')
    const items = reader.list(fields['expressions']).map((each) => this.#selectItem(each))
    if (items.length === 0) throw reader.query.syntax('SELECT needs columns', reader.at)
    const from = this.#from(fields['from'], fields['joins'])
    const where = reader.optional(fields['where_clause'], (value) => this.#clause(value, 'WHERE'))
    const groupBy = reader.optional(fields['group_by'], (value) => this.#groupBy(value)) ?? []
    const having = reader.optional(fields['having'], (value) => this.#clause(value, 'HAVING'))
    const windows = reader.list(fields['windows']).map((each) => {
      const named = reader.fields(each)
      reader.only(named, 'name spec', 'WINDOW')
      return { name: reader.name(named['name']).text, window: readWindow(reader, named['spec']) }
    })
    const distinct = fields['distinct'] === true
    return { kind: 'select', distinct, items, from, where, groupBy, having, windows }
  }

  #clause(value: unknown, clause: string): Expression {
    const fields = this.#reader.fields(value)
    this.#reader.only(fields, 'this', clause)
    return this.#reader.expression(fields['this'])
  }

  #selectItem(value: unknown): SelectItem {
    const reader = this.#reader
    const { kind, fields } = reader.node(value)
    if (kind === 'star') {
      reader.only(fields, 'table', '"*"')
      const table = reader.optional(fields['table'], (name) => reader.name(name))
      return { kind: 'star', table, at: reader.at }
    }
    if (kind !== 'alias') return { kind: 'item', value: reader.expression(value), alias: undefined }
    reader.only(fields, 'this alias', 'SELECT')
    const expression = reader.expression(fields['this'])
    return { kind: 'item', value: expression, alias: reader.name(fields['alias']) }
  }

  #groupBy(value: unknown): GroupItem[] {
    const reader = this.#reader
    const fields = reader.fields(value)
    reader.only(fields, 'expressions', 'GROUP BY')
    return reader.list(fields['expressions']).map((each) => {
      const { kind, fields: item } = reader.node(each)
      if (kind === 'tuple') return { kind: 'sets', sets: [this.#groupingSet(each)] }
      const name = kind === 'function' ? String(item['name']) : ''
      const shapes = { ROLLUP: 'rollup', CUBE: 'cube', 'GROUPING SETS': 'sets' } as const
      if (!Object.hasOwn(shapes, name)) {
        return { kind: 'expression', value: reader.expression(each) }
      }
      reader.only(item, 'name args', 'GROUP BY')
      const sets = reader.list(item['args']).map((set) => this.#groupingSet(set))
      return { kind: shapes[name as keyof typeof shapes], sets }
    })
  }

  #groupingSet(value: unknown): Expression[] {
    const { kind, fields } = this.#reader.node(value)
    if (kind !== 'tuple') return [this.#reader.expression(value)]
    this.#reader.only(fields, 'expressions', 'GROUP BY')
    return this.#reader.expressions(fields['expressions'])
  }

  #from(from: unknown, joins: unknown): Relation | undefined {
    const reader = this.#reader
    if (from === null || from === undefined) return undefined
    const fields = reader.fields(from)
    reader.only(fields, 'expressions', 'FROM')
    const listed = reader.list(fields['expressions']).map((each) => this.#relation(each))
    const none = { on: undefined, using: [] }
    const first = listed.reduce((left, right) => {
      return { kind: 'join', join: 'cross', left, right, ...none, at: reader.at }
    })
    return this.#joins(first, joins)
  }

  #joins(first: Relation, joins: unknown): Relation {
    return this.#reader.list(joins).reduce<Relation>((left, each) => this.#join(left, each), first)
  }

  #join(left: Relation, value: unknown): Relation {
    const reader = this.#reader
    const fields = reader.fields(value)
    reader.only(fields, 'this on using kind', 'JOIN')
    const kind = String(fields['kind']).toLowerCase()
    const join = (['inner', 'left', 'right', 'full', 'cross'] as const).find(
      (each) => each === kind,
    )
    if (join === undefined) throw reader.refused(`${kind.toUpperCase()} JOIN is not supported`)
    const right = this.#relation(fields['this'])
    const on = reader.optional(fields['on'], (each) => reader.expression(each))
    const using = this.#names(fields['using'])
    if (join !== 'cross' && on === undefined && using.length === 0) {
      throw reader.query.syntax('JOIN needs ON or USING', reader.at)
    }
    return { kind: 'join', join, left, right, on, using, at: reader.at }
  }

  #relation(value: unknown): Relation {
    const reader = this.#reader
    const { kind, fields } = reader.node(value)
    if (kind === 'table') {
      reader.only(fields, 'name alias column_aliases', 'FROM')
      const name = reader.name(fields['name'])
      return { kind: 'table', name, alias: this.#alias(fields) }
    }
    if (kind === 'subquery') {
      reader.only(fields, 'this alias column_aliases', 'FROM')
      return { kind: 'subquery', query: this.#query(fields['this']), alias: this.#alias(fields) }
    }
    if (kind === 'joined_table') {
      reader.only(fields, 'left joins', 'FROM')
      return this.#joins(this.#relation(fields['left']), fields['joins'])
    }
    if (kind === 'unnest') return this.#unnest(fields, undefined)
    if (kind === 'alias') {
      reader.only(fields, 'this alias column_aliases', 'FROM')
      const inner = reader.node(fields['this'])
      if (inner.kind === 'unnest') return this.#unnest(inner.fields, this.#alias(fields))
    }
    throw reader.refused(
      `${kind.replaceAll('_', ' ')} is not supported in FROM`,
      'FROM takes log, a WITH name, a query in parentheses or UNNEST',
    )
  }

  #unnest(fields: Fields, alias: Alias | undefined): Relation {
    const reader = this.#reader
    reader.only(fields, 'this expressions with_ordinality alias', 'UNNEST')
    const { at } = reader
    const of = [reader.expression(fields['this']), ...reader.expressions(fields['expressions'])]
    const ordinality = fields['with_ordinality'] === true
    const own = reader.optional(fields['alias'], (name) => ({
      name: reader.name(name),
      columns: [],
    }))
    return { kind: 'unnest', of, ordinality, alias: alias ?? own, at }
  }

  #alias(fields: Fields): Alias | undefined {
    const name = this.#reader.optional(fields['alias'], (value) => this.#reader.name(value))
    if (name === undefined) return undefined
    return { name, columns: this.#names(fields['column_aliases']) }
  }
}
