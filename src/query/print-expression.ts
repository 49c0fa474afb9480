import type { CallContext } from './functions/rule.ts'
import { elementOf } from './functions/lists.ts'
import { isZone, localTime, utcTime, zoneArgument } from './functions/time.ts'
import { isPlanned } from './planned.ts'
import { CallPrinter } from './print-call.ts'
import { printCast } from './print-cast.ts'
import {
  arithmetic,
  carried,
  checkComparable,
  checkCondition,
  concatenated,
  inSameZone,
  plain,
} from './print-operators.ts'
import type { Environment, Place } from './print-place.ts'
import { quoteText } from './quote.ts'
import { fieldOf } from './scope.ts'
import type { BinaryOperator, Expression, OrderItem, Query } from './sql-tree.ts'
import { classOf, commonType, typeName } from './types.ts'
import type { Printed } from './types.ts'

const comparisons = new Set<BinaryOperator>(['=', '<>', '<', '<=', '>', '>='])

/** The fields of a row without names are `field0`, `field1`, as in Presto. */
const namedRow = (items: readonly string[]): string =>
  `{${items.map((item, index) => `'field${index}': ${item}`).join(', ')}}`

/** Prints expressions for DuckDB, with their types as far as they are known. */
export class ExpressionPrinter {
  readonly #env: Environment
  readonly #calls: CallPrinter

  constructor(env: Environment) {
    this.#env = env
    this.#calls = new CallPrinter(env, (expression, place) => this.print(expression, place))
  }

  print(expression: Expression, place: Place): Printed {
    const printed = this.#dispatch(expression, place)
    return { ...printed, at: expression.at }
  }

  context(place: Place, at: number): CallContext {
    return this.#calls.context(place, at)
  }

  orderBy(items: readonly OrderItem[], place: Place): string[] {
    return this.#calls.orderBy(items, place)
  }

  #all(expressions: readonly Expression[], place: Place): Printed[] {
    return expressions.map((each) => this.print(each, place))
  }

  #dispatch(expression: Expression, place: Place): Printed {
    const { at } = expression
    switch (expression.kind) {
      case 'literal':
        return this.#literal(expression)
      case 'column':
        return place.scope.column(expression.table, expression.name, at)
      case 'call':
        if (place.planned !== undefined && isPlanned(expression.name)) {
          return place.planned(expression, place)
        }
        return this.#calls.print(expression, place)
      case 'not':
        return plain('boolean', [this.#boolean(expression.of, place)], ([of]) => `(NOT ${of})`)
      case 'negate':
        return this.#negate(expression.of, place)
      case 'binary':
        return this.#binary(expression, place)
      case 'case':
        return this.#case(expression, place)
      case 'cast':
        return this.#cast(expression, place)
      case 'between':
        return this.#between(expression, place)
      case 'in':
        return this.#in(expression, place)
      case 'like':
        return this.#like(expression, place)
      case 'isNull': {
        const of = this.print(expression.of, place)
        const not = expression.negated ? 'NOT ' : ''
        return plain('boolean', [of], ([sql]) => `(${sql} IS ${not}NULL)`)
      }
      case 'isDistinct':
        return this.#isDistinct(expression, place)
      case 'exists':
        return {
          sql: `EXISTS (${this.#env.subquery(expression.query, place.scope).sql})`,
          type: 'boolean',
          at,
        }
      case 'subquery':
        return this.#subquery(expression.query, place, at)
      case 'array':
        return this.#array(expression.of, place)
      case 'row':
        return plain('row', this.#all(expression.of, place), namedRow)
      case 'subscript':
        return this.#subscript(expression, place)
      case 'field': {
        const of = this.print(expression.of, place)
        return { ...fieldOf(of, expression.name, this.#env.query), at }
      }
      case 'interval':
        return { sql: `to_${expression.unit}s(${expression.amount})`, type: 'interval', at }
      case 'zoned':
        return this.#zoned(expression, place)
      case 'lambda':
        throw this.#syntax('a lambda can only be the argument of a function', at)
    }
  }

  #cast(expression: Expression & { kind: 'cast' }, place: Place): Printed {
    const { safe, to, at } = expression
    if (to.name === 'row' && expression.of.kind === 'row') return this.#rowCast(expression, place)
    const of = this.print(expression.of, place)
    const makesNull = safe || place.inTry === 'nulls'
    return { ...printCast(of, to, makesNull, this.#env), ...carried([of]), at }
  }

  /** The fields of a row that is written out get their names and types by place. */
  #rowCast({ of, to, at, ...cast }: Expression & { kind: 'cast' }, place: Place): Printed {
    const items = of.kind === 'row' ? of.of : []
    if (items.length !== to.of.length) {
      throw this.#syntax(`the row has ${items.length} fields, and the type ${to.of.length}`, at)
    }
    const fields = items.map((item, index) =>
      this.#cast({ ...cast, of: item, to: to.of[index]!, at: item.at }, place),
    )
    const named = fields.map((field, index) => `${quoteText(to.fields![index]!)}: ${field.sql}`)
    return { ...plain('row', fields, () => `{${named.join(', ')}}`), at }
  }

  #subquery(query: Query, place: Place, at: number): Printed {
    const { sql, types } = this.#env.subquery(query, place.scope)
    const [type] = types
    if (type !== undefined && types.length === 1) return { sql: `(${sql})`, type, at }
    throw this.#syntax('a query in an expression has one column', at)
  }

  #array(items: readonly Expression[], place: Place): Printed {
    const of = this.#all(items, place)
    const type = { array: commonType(of.map((each) => each.type)) }
    return plain(type, of, (printed) => `[${printed.join(', ')}]`)
  }

  #syntax(message: string, at: number, hint?: string) {
    return this.#env.query.syntax(message, at, hint)
  }

  #literal(literal: Expression & { kind: 'literal' }): Printed {
    const { type, text, at } = literal
    if (type === 'varchar') return { sql: quoteText(text), type, at, literal: text }
    if (type === 'bigint') return { sql: text, type, at, literal: text }
    if (type === 'double') return { sql: `CAST(${text} AS DOUBLE)`, type, at, literal: text }
    if (type === 'boolean') return { sql: text.toUpperCase(), type, at, literal: text }
    if (type === 'null') return { sql: 'NULL', type, at }
    const zoned = type === 'timestamp' ? /^(.*\d) ?([A-Z+-]\S*)$/i.exec(text) : null
    const zone = zoned?.[2]
    if (zoned !== null && zone !== undefined && isZone(zone)) {
      const local = this.#literal({ ...literal, text: zoned[1]! })
      return { ...local, type: { zoned: zone } }
    }
    const shape =
      type === 'date'
        ? /^\d{4}-\d\d?-\d\d?$/
        : /^\d{4}-\d\d?-\d\d?([ T]\d\d?:\d\d(:\d\d(\.\d{1,6})?)?)?$/
    if (!shape.test(text))
      throw this.#syntax(`"${text}" is not a ${type}`, at, `as in ${type} '2020-01-31'`)
    return { sql: `CAST(${quoteText(text)} AS ${type.toUpperCase()})`, type, at }
  }

  #boolean(expression: Expression, place: Place): Printed {
    return checkCondition(this.#env.query, this.print(expression, place), 'a condition')
  }

  #negate(of: Expression, place: Place): Printed {
    const printed = this.print(of, place)
    const found = classOf(printed.type)
    if (found !== undefined && found !== 'number' && found !== 'interval') {
      throw this.#syntax(`a ${typeName(printed.type)} has no negative`, of.at)
    }
    const literal = printed.literal === undefined ? {} : { literal: `-${printed.literal}` }
    return { ...plain(printed.type, [printed], ([sql]) => `(- ${sql})`), ...literal }
  }

  #binary(expression: Expression & { kind: 'binary' }, place: Place): Printed {
    const { operator } = expression
    if (operator === 'and' || operator === 'or') {
      const sides = this.#chain(expression, operator).map((each) => this.#boolean(each, place))
      return plain('boolean', sides, (items) => `(${items.join(` ${operator.toUpperCase()} `)})`)
    }
    const left = this.print(expression.left, place)
    const right = this.print(expression.right, place)
    if (comparisons.has(operator)) {
      checkComparable(this.#env.query, left, right, `"${operator}"`)
      return plain(
        'boolean',
        inSameZone(left, right, this.#env.zone),
        ([a, b]) => `(${a} ${operator} ${b})`,
      )
    }
    if (operator === '||') return concatenated(left, right)
    return arithmetic(this.#env.query, operator, left, right, place.inTry === 'nulls')
  }

  /** `a and b and c` as one list, so that long conditions do not nest. */
  #chain(expression: Expression, operator: BinaryOperator): Expression[] {
    if (expression.kind !== 'binary' || expression.operator !== operator) return [expression]
    return [...this.#chain(expression.left, operator), ...this.#chain(expression.right, operator)]
  }

  #case(expression: Expression & { kind: 'case' }, place: Place): Printed {
    const operand =
      expression.operand === undefined ? undefined : this.print(expression.operand, place)
    const whens = expression.whens.map(([when, then]) => {
      const condition = operand === undefined ? this.#boolean(when, place) : this.print(when, place)
      if (operand !== undefined) checkComparable(this.#env.query, operand, condition, 'CASE')
      return [condition, this.print(then, place)] as const
    })
    const otherwise =
      expression.otherwise === undefined ? [] : [this.print(expression.otherwise, place)]
    const results = [...whens.map(([, then]) => then), ...otherwise]
    const branches = whens.map(([when, then]) => ` WHEN ${when.sql} THEN ${then.sql}`).join('')
    const last = otherwise.map((each) => ` ELSE ${each.sql}`).join('')
    const parts = [...(operand === undefined ? [] : [operand]), ...whens.flat(), ...otherwise]
    const type = commonType(results.map((each) => each.type))
    return plain(type, parts, () => `(CASE ${operand?.sql ?? ''}${branches}${last} END)`)
  }

  #between(expression: Expression & { kind: 'between' }, place: Place): Printed {
    const [of, low, high] = this.#all([expression.of, expression.low, expression.high], place)
    checkComparable(this.#env.query, of!, low!, 'BETWEEN')
    checkComparable(this.#env.query, of!, high!, 'BETWEEN')
    const not = expression.negated ? 'NOT ' : ''
    return plain('boolean', [of!, low!, high!], ([a, b, c]) => `(${a} ${not}BETWEEN ${b} AND ${c})`)
  }

  #in(expression: Expression & { kind: 'in' }, place: Place): Printed {
    const of = this.print(expression.of, place)
    const not = expression.negated ? 'NOT ' : ''
    if (expression.query !== undefined) {
      const { sql, types } = this.#env.subquery(expression.query, place.scope)
      if (types.length !== 1) throw this.#syntax('the query of IN has one column', expression.at)
      checkComparable(
        this.#env.query,
        of,
        { sql: '', type: types[0]!, at: expression.query.at },
        'IN',
      )
      return plain('boolean', [of], ([a]) => `(${a} ${not}IN (${sql}))`)
    }
    const list = this.#all(expression.list, place)
    for (const each of list) checkComparable(this.#env.query, of, each, 'IN')
    return plain(
      'boolean',
      [of, ...list],
      ([a, ...items]) => `(${a} ${not}IN (${items.join(', ')}))`,
    )
  }

  #like(expression: Expression & { kind: 'like' }, place: Place): Printed {
    const [of, pattern] = this.#all([expression.of, expression.pattern], place)
    for (const each of [of!, pattern!]) {
      const found = classOf(each.type)
      if (found === undefined || found === 'text') continue
      throw this.#syntax(`LIKE needs texts, and this is a ${typeName(each.type)}`, each.at)
    }
    const escape =
      expression.escape === undefined ? undefined : this.print(expression.escape, place)
    if (escape !== undefined && escape.literal?.length !== 1) {
      throw this.#syntax('ESCAPE takes one character', escape.at)
    }
    const tail = escape === undefined ? '' : ` ESCAPE ${escape.sql}`
    return plain('boolean', [of!, pattern!], ([a, b]) => `(${a} LIKE ${b}${tail})`)
  }

  #isDistinct(expression: Expression & { kind: 'isDistinct' }, place: Place): Printed {
    const [left, right] = this.#all([expression.left, expression.right], place)
    checkComparable(this.#env.query, left!, right!, 'IS DISTINCT FROM')
    const not = expression.negated ? 'NOT ' : ''
    return plain('boolean', [left!, right!], ([a, b]) => `(${a} IS ${not}DISTINCT FROM ${b})`)
  }

  #subscript(expression: Expression & { kind: 'subscript' }, place: Place): Printed {
    const [of, index] = this.#all([expression.of, expression.index], place)
    const found = classOf(of!.type)
    if (found !== undefined && found !== 'array' && found !== 'map') {
      throw this.#syntax(`a ${typeName(of!.type)} has no elements`, expression.at)
    }
    const { type } = of!
    const element = typeof type === 'object' && 'map' in type ? type.map[1] : elementOf(type)
    if (found === undefined || place.inTry === 'nulls') {
      return plain(element, [of!, index!], ([a, b]) => `(${a})[${b}]`)
    }
    const at = found === 'map' ? 'sls_value' : 'sls_item'
    return plain(element, [of!, index!], ([a, b]) => `${at}(${a}, ${b})`)
  }

  #zoned(expression: Expression & { kind: 'zoned' }, place: Place): Printed {
    const of = this.print(expression.of, place)
    const zone = zoneArgument(
      this.print(expression.zone, place),
      this.#calls.context(place, expression.at),
    )
    const own = typeof of.type === 'object' && 'zoned' in of.type ? of.type.zoned : this.#env.zone
    if (classOf(of.type) !== 'time') throw this.#syntax('AT TIME ZONE needs a timestamp', of.at)
    return plain({ zoned: zone }, [of], ([sql]) => localTime(utcTime(sql!, own), zone))
  }
}
