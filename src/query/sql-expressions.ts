import type { Fields } from './sql-node.ts'
import { NodeReader, isGiven, isTrue } from './sql-node.ts'
import { readCastType } from './sql-cast-type.ts'
import { insteadOfKind } from './sql-instead.ts'
import { readOrder, readWindow } from './sql-windows.ts'
import type {
  BinaryOperator,
  Call,
  Expression,
  IntervalUnit,
  LiteralType,
  Query,
} from './sql-tree.ts'

const binaryKinds: Readonly<Record<string, BinaryOperator>> = {
  and: 'and',
  or: 'or',
  add: '+',
  sub: '-',
  mul: '*',
  div: '/',
  mod: '%',
  concat: '||',
  eq: '=',
  neq: '<>',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
}

/** Names that stand for a call without parentheses. */
const bareCalls = new Set(['current_date', 'current_timestamp', 'localtimestamp'])

/** Fields of EXTRACT are functions of a time by the same name, but for these. */
const shortFields = new Map([
  ['dow', 'day_of_week'],
  ['dayofweek', 'day_of_week'],
  ['doy', 'day_of_year'],
  ['dayofyear', 'day_of_year'],
  ['yow', 'year_of_week'],
])
const extractable = new Set(
  (
    'year quarter month week week_of_year day day_of_month day_of_week day_of_year year_of_week ' +
    'hour minute second millisecond'
  ).split(' '),
)

/** The parser knows some fields by names of its own, and others not. */
function extracted(field: unknown): string {
  const custom = typeof field === 'object' && field !== null && 'Custom' in field
  const name = String(custom ? field.Custom : field).toLowerCase()
  return shortFields.get(name) ?? name
}

/** How an expression reads the queries inside it. */
export type ReadQuery = (value: unknown) => Query

type Reader = (fields: Fields) => Expression

/** The parser's expressions as ours. */
export class ExpressionReader extends NodeReader {
  /** Set by the reader of queries, which needs this class in turn. */
  readQuery: ReadQuery = () => {
    throw this.refused('a query is not supported here')
  }
  /** Parses an expression again that the parser gave back as text. */
  reparse: (text: string) => unknown = () => undefined

  expression(value: unknown): Expression {
    const { kind, fields } = this.node(value)
    const operator = binaryKinds[kind]
    if (operator !== undefined) return this.#binary(operator, fields)
    const read = this.#readers[kind]
    if (read === undefined) {
      const what = `${kind.replaceAll('_', ' ')} is not supported in an expression`
      throw this.refused(what, insteadOfKind[kind])
    }
    return read(fields)
  }

  expressions(value: unknown): Expression[] {
    return this.list(value).map((each) => this.expression(each))
  }

  readonly #readers: Readonly<Record<string, Reader>> = {
    literal: (fields) => this.#literal(fields),
    boolean: (fields) => {
      this.only({ ...fields, value: null }, '', 'a boolean')
      return this.#constant('boolean', String(fields['value'] === true))
    },
    null: (fields) => {
      this.only(fields, '', 'NULL')
      return this.#constant('null', 'NULL')
    },
    column: (fields) => this.#column(fields),
    paren: (fields) => {
      this.only(fields, 'this', 'parentheses')
      return this.expression(fields['this'])
    },
    neg: (fields) => {
      this.only(fields, 'this', 'a minus sign')
      const of = this.expression(fields['this'])
      if (of.kind === 'interval') return { ...of, amount: -of.amount }
      return { kind: 'negate', of, at: of.at }
    },
    not: (fields) => {
      this.only(fields, 'this', 'NOT')
      const of = this.expression(fields['this'])
      return { kind: 'not', of, at: of.at }
    },
    raw: (fields) => this.#raw(fields),
    function: (fields) => this.#call(fields),
    aggregate_function: (fields) => this.#call(fields),
    array_agg: (fields) => this.#arrayAgg(fields),
    within_group: (fields) => this.#withinGroup(fields),
    filter: (fields) => {
      this.only(fields, 'this expression', 'FILTER')
      const call = this.#asCall(this.expression(fields['this']))
      if (call.filter !== undefined) throw this.refused('FILTER is given twice')
      return { ...call, filter: this.expression(fields['expression']) }
    },
    window_function: (fields) => {
      this.only(fields, 'this over', 'a window function')
      const call = this.#asCall(this.expression(fields['this']))
      return { ...call, over: readWindow(this, fields['over']) }
    },
    case: (fields) => this.#case(fields),
    cast: (fields) => this.#cast(fields, false),
    try_cast: (fields) => this.#cast(fields, true),
    between: (fields) => {
      this.only(fields, 'this low high not', 'BETWEEN')
      const [of, low, high] = ['this', 'low', 'high'].map((key) => this.expression(fields[key]))
      return {
        kind: 'between',
        of: of!,
        low: low!,
        high: high!,
        negated: isTrue(fields, 'not'),
        at: of!.at,
      }
    },
    in: (fields) => this.#in(fields),
    like: (fields) => this.#like(fields),
    is_null: (fields) => {
      this.only(fields, 'this not', 'IS NULL')
      const of = this.expression(fields['this'])
      return { kind: 'isNull', of, negated: isTrue(fields, 'not'), at: of.at }
    },
    null_safe_neq: (fields) => this.#isDistinct(fields, false),
    null_safe_eq: (fields) => this.#isDistinct(fields, true),
    exists: (fields) => {
      this.only(fields, 'this not', 'EXISTS')
      const { at } = this
      const exists = { kind: 'exists' as const, query: this.readQuery(fields['this']), at }
      return isTrue(fields, 'not') ? { kind: 'not', of: exists, at } : exists
    },
    subquery: (fields) => {
      const { at } = this
      return { kind: 'subquery', query: this.readQuery({ subquery: fields }), at }
    },
    lambda: (fields) => {
      this.only(fields, 'parameters body', 'a lambda')
      const { at } = this
      const parameters = this.list(fields['parameters']).map((each) => this.name(each).text)
      return { kind: 'lambda', parameters, body: this.expression(fields['body']), at }
    },
    parse_json: (fields) => {
      this.only(fields, 'this', 'a JSON literal')
      return this.#plainCall('json_parse', [this.expression(fields['this'])], this.at)
    },
    array_func: (fields) => this.#items('array', fields),
    tuple: (fields) => this.#items('row', fields),
    subscript: (fields) => {
      this.only(fields, 'this index', 'a subscript')
      const of = this.expression(fields['this'])
      return { kind: 'subscript', of, index: this.expression(fields['index']), at: of.at }
    },
    dot: (fields) => {
      this.only(fields, 'this field', 'a field of a row')
      const of = this.expression(fields['this'])
      const { text, at } = this.name(fields['field'])
      return { kind: 'field', of, name: text, at }
    },
    interval: (fields) => this.#interval(fields),
    at_time_zone: (fields) => {
      this.only(fields, 'this zone', 'AT TIME ZONE')
      const of = this.expression(fields['this'])
      return { kind: 'zoned', of, zone: this.expression(fields['zone']), at: of.at }
    },
    extract: (fields) => {
      this.only(fields, 'this field', 'EXTRACT')
      const { at } = this
      const field = extracted(fields['field'])
      if (!extractable.has(field)) throw this.refused(`extract(${field} from ...) is not supported`)
      return this.#plainCall(field, [this.expression(fields['this'])], at)
    },
    str_position: (fields) => {
      this.only(fields, 'this substr', 'POSITION')
      const { at } = this
      const args = [this.expression(fields['this']), this.expression(fields['substr'])]
      return this.#plainCall('strpos', args, at)
    },
    substring: (fields) => {
      this.only(fields, 'this start length', 'SUBSTRING')
      const keys = ['this', 'start', 'length'].filter((key) => isGiven(fields, key))
      const { at } = this
      return this.#plainCall(
        'substr',
        keys.map((key) => this.expression(fields[key])),
        at,
      )
    },
    trim: (fields) => this.#trim(fields),
  }

  #constant(type: LiteralType, text: string): Expression {
    return { kind: 'literal', type, text, at: this.at }
  }

  #binary(operator: BinaryOperator, fields: Fields): Expression {
    this.only(fields, 'left right', `"${operator}"`)
    const left = this.expression(fields['left'])
    const right = this.expression(fields['right'])
    return { kind: 'binary', operator, left, right, at: left.at }
  }

  #isDistinct(fields: Fields, negated: boolean): Expression {
    this.only(fields, 'left right', 'IS DISTINCT FROM')
    const left = this.expression(fields['left'])
    const right = this.expression(fields['right'])
    return { kind: 'isDistinct', left, right, negated, at: left.at }
  }

  #literal(fields: Fields): Expression {
    this.only({ ...fields, value: null }, 'literal_type', 'a literal')
    const type = fields['literal_type']
    if (type === 'string') return this.#constant('varchar', this.text(fields['value']))
    if (type === 'timestamp' || type === 'date') {
      const text = this.text(fields['value'])
      return this.#constant(type, text)
    }
    const value = String(fields['value'])
    if (type !== 'number' || !/^(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(value)) {
      throw this.refused(`a ${String(type).replaceAll('_', ' ')} literal is not supported`)
    }
    if (!/^\d+$/.test(value)) return this.#constant('double', value)
    if (BigInt(value) > 2n ** 63n - 1n) {
      throw this.query.syntax(`the number ${value} does not fit in a bigint`, this.at)
    }
    return this.#constant('bigint', BigInt(value).toString())
  }

  #column(fields: Fields): Expression {
    this.only(fields, 'name table', 'a column')
    const table = this.optional(fields['table'], (value) => this.name(value))
    const name = this.name(fields['name'])
    const at = table?.at ?? name.at
    return { kind: 'column', table, name: name.text, at }
  }

  /** `not a like 'x'` comes back from the parser as text: what follows the NOT is parsed again. */
  #raw(fields: Fields): Expression {
    this.only(fields, 'sql', 'an expression')
    const rest = /^not\s+([^]*)$/i.exec(String(fields['sql']))?.[1]
    const parsed = rest === undefined ? undefined : this.reparse(rest)
    if (parsed === undefined) throw this.refused('this expression is not supported')
    this.spansHold = false
    const of = this.expression(parsed)
    this.spansHold = true
    return { kind: 'not', of, at: of.at }
  }

  #call(fields: Fields): Expression {
    this.only(fields, 'name args distinct filter no_parens ignore_nulls', 'a call')
    const written = String(fields['name'])
    const mark = this.masked.mark(written)
    if (mark === undefined) {
      const lower = written.toLowerCase()
      if (isTrue(fields, 'no_parens')) {
        if (bareCalls.has(lower)) return this.#plainCall(lower, [], this.at)
        return { kind: 'column', table: undefined, name: written, at: this.at }
      }
      if (lower !== 'map' && lower !== 'row') throw this.refused(`${written} is not supported here`)
      if (lower === 'row') return this.#items('row', { expressions: fields['args'] })
      return this.#plainCall('map', this.expressions(fields['args']), this.at)
    }
    if (mark.kind !== 'call') throw this.refused('this SQL is not supported')
    this.at = mark.at
    const args = this.list(fields['args'])
    const star = args.length === 1 && this.node(args[0]).kind === 'star'
    if (star) this.only(this.node(args[0]).fields, '', '"*"')
    return {
      ...this.#plainCall(mark.text.toLowerCase(), star ? [] : this.expressions(args), mark.at),
      star,
      distinct: isTrue(fields, 'distinct'),
      ignoreNulls: isTrue(fields, 'ignore_nulls'),
      filter: this.optional(fields['filter'], (value) => this.expression(value)),
    }
  }

  #plainCall(name: string, args: Expression[], at: number): Call & { at: number } {
    const none = { star: false, distinct: false, ignoreNulls: false, orderBy: [] }
    return { kind: 'call', name, args, ...none, filter: undefined, over: undefined, at }
  }

  #asCall(expression: Expression): Call {
    if (expression.kind !== 'call') throw this.refused('expected a function before OVER or FILTER')
    return expression
  }

  #arrayAgg(fields: Fields): Expression {
    this.only(fields, 'this distinct filter order_by name', 'array_agg')
    const { at } = this
    return {
      ...this.#plainCall('array_agg', [this.expression(fields['this'])], at),
      distinct: isTrue(fields, 'distinct'),
      orderBy: readOrder(this, fields['order_by']),
      filter: this.optional(fields['filter'], (value) => this.expression(value)),
    }
  }

  #withinGroup(fields: Fields): Expression {
    this.only(fields, 'this order_by', 'WITHIN GROUP')
    const call = this.#asCall(this.expression(fields['this']))
    return { ...call, orderBy: readOrder(this, fields['order_by']), at: call.at }
  }

  #case(fields: Fields): Expression {
    this.only(fields, 'operand whens else_', 'CASE')
    const { at } = this
    const operand = this.optional(fields['operand'], (value) => this.expression(value))
    const whens = this.list(fields['whens']).map((each) => {
      const [when, then] = this.list(each)
      return [this.expression(when), this.expression(then)] as const
    })
    const otherwise = this.optional(fields['else_'], (value) => this.expression(value))
    return { kind: 'case', operand, whens, otherwise, at: whens[0]?.[0].at ?? at }
  }

  #cast(fields: Fields, safe: boolean): Expression {
    this.only(fields, 'this to', 'CAST')
    const of = this.expression(fields['this'])
    return { kind: 'cast', of, to: readCastType(this, fields['to']), safe, at: of.at }
  }

  #in(fields: Fields): Expression {
    this.only(fields, 'this expressions query not', 'IN')
    const of = this.expression(fields['this'])
    const list = this.expressions(fields['expressions'])
    const query = this.optional(fields['query'], (value) => this.readQuery(value))
    return { kind: 'in', of, list, query, negated: isTrue(fields, 'not'), at: of.at }
  }

  #like(fields: Fields): Expression {
    this.only(fields, 'left right escape', 'LIKE')
    const of = this.expression(fields['left'])
    const pattern = this.expression(fields['right'])
    const escape = this.optional(fields['escape'], (value) => this.expression(value))
    return { kind: 'like', of, pattern, escape, at: of.at }
  }

  #items(kind: 'array' | 'row', fields: Fields): Expression {
    this.only(fields, 'expressions', kind === 'array' ? 'an array' : 'a row')
    const { at } = this
    const of = this.expressions(fields['expressions'])
    return { kind, of, at: of[0]?.at ?? at }
  }

  #interval(fields: Fields): Expression {
    this.only(fields, 'this unit', 'an interval')
    const { at } = this
    const unit = this.fields(fields['unit'])
    this.only(unit, 'type unit', 'the unit of an interval')
    const name = String(unit['unit']).toLowerCase()
    if (unit['type'] !== 'simple' || !/^(second|minute|hour|day|week|month|year)$/.test(name)) {
      throw this.refused('this interval is not supported', "write interval '5' minute")
    }
    const literal = this.expression(fields['this'])
    const text = literal.kind === 'literal' ? literal.text : ''
    if (!/^[+-]?\d{1,9}$/.test(text)) {
      throw this.refused('an interval has a whole number', "write interval '5' minute")
    }
    return { kind: 'interval', amount: Number(text), unit: name as IntervalUnit, at }
  }

  #trim(fields: Fields): Expression {
    this.only(fields, 'this characters position', 'TRIM')
    const { at } = this
    const sides: Record<string, string> = { Leading: 'ltrim', Trailing: 'rtrim', Both: 'trim' }
    const name = sides[String(fields['position'])] ?? 'trim'
    const keys = ['this', 'characters'].filter((key) => isGiven(fields, key))
    return this.#plainCall(
      name,
      keys.map((key) => this.expression(fields[key])),
      at,
    )
  }
}
