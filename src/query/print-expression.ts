import { divisor } from './functions/maths.ts'
import { lambdaTypes, elementOf } from './functions/lists.ts'
import type { CallContext, FunctionRule } from './functions/rule.ts'
import { functionTable } from './functions/table.ts'
import { localTime, utcTime, zoneArgument } from './functions/time.ts'
import { nearest } from './place.ts'
import type { QueryText } from './place.ts'
import { printCast } from './print-cast.ts'
import { quoteText } from './quote.ts'
import { lambdaParameter } from './scope.ts'
import type { Scope } from './scope.ts'
import type { BinaryOperator, Call, Expression, OrderItem, Query, Window } from './sql-tree.ts'
import { classOf, commonType, typeName } from './types.ts'
import type { Printed, SqlType } from './types.ts'

/** Where an expression stands. */
export interface Place {
  readonly scope: Scope
  /** The clause in which an aggregate is not allowed, or undefined where it is. */
  readonly noAggregates?: string
  readonly inTry?: boolean
  readonly windows?: ReadonlyMap<string, Window>
}

export interface Environment {
  readonly query: QueryText
  readonly zone: string
  /** Prints a query inside an expression; its columns decide the type. */
  subquery(query: Query, scope: Scope): { sql: string; types: readonly SqlType[] }
}

const comparisons = new Set<BinaryOperator>(['=', '<>', '<', '<=', '>', '>='])

/** Functions that are documented and wait for their own work. */
const later =
  /^(compare|ts_compare|time_series|log_reduce|compare_log_reduce|ip_to_(country|country_code|province|city|geo|city_geo|provider|country_geo)|security_check_(ip|domain|url)|approx_set|numeric_histogram|checksum|window_funnel|ts_\w+|promql_\w+|st_\w+|geohash)$/

/** Prints expressions for DuckDB, with their types as far as they are known. */
export class ExpressionPrinter {
  readonly #env: Environment

  constructor(env: Environment) {
    this.#env = env
  }

  print(expression: Expression, place: Place): Printed {
    const printed = this.#dispatch(expression, place)
    return { ...printed, at: expression.at }
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
        return this.#call(expression, place)
      case 'not':
        return this.#plain(
          'boolean',
          [this.#boolean(expression.of, place)],
          ([of]) => `(NOT ${of})`,
        )
      case 'negate':
        return this.#negate(expression.of, place)
      case 'binary':
        return this.#binary(expression, place)
      case 'case':
        return this.#case(expression, place)
      case 'cast': {
        const of = this.print(expression.of, {
          ...place,
          inTry: expression.safe || place.inTry === true,
        })
        return { ...printCast(of, expression.to, expression.safe, this.#env), ...carried([of]), at }
      }
      case 'between':
        return this.#between(expression, place)
      case 'in':
        return this.#in(expression, place)
      case 'like':
        return this.#like(expression, place)
      case 'isNull': {
        const of = this.print(expression.of, place)
        return this.#plain(
          'boolean',
          [of],
          ([sql]) => `(${sql} IS ${expression.negated ? 'NOT ' : ''}NULL)`,
        )
      }
      case 'isDistinct':
        return this.#isDistinct(expression, place)
      case 'exists':
        return {
          sql: `EXISTS (${this.#env.subquery(expression.query, place.scope).sql})`,
          type: 'boolean',
          at,
        }
      case 'subquery': {
        const { sql, types } = this.#env.subquery(expression.query, place.scope)
        if (types.length !== 1) throw this.#syntax('a query in an expression has one column', at)
        return { sql: `(${sql})`, type: types[0]!, at }
      }
      case 'array': {
        const of = this.#all(expression.of, place)
        const type = { array: commonType(of.map((each) => each.type)) }
        return this.#plain(type, of, (items) => `[${items.join(', ')}]`)
      }
      case 'row':
        return this.#plain(
          'row',
          this.#all(expression.of, place),
          (items) => `(${items.join(', ')})`,
        )
      case 'subscript':
        return this.#subscript(expression, place)
      case 'interval':
        return { sql: `to_${expression.unit}s(${expression.amount})`, type: 'interval', at }
      case 'zoned':
        return this.#zoned(expression, place)
      case 'lambda':
        throw this.#syntax('a lambda can only be the argument of a function', at)
    }
  }

  #syntax(message: string, at: number, hint?: string) {
    return this.#env.query.syntax(message, at, hint)
  }

  #plain(type: SqlType, of: readonly Printed[], sql: (items: string[]) => string): Printed {
    return { sql: sql(of.map((each) => each.sql)), type, at: of[0]?.at ?? 0, ...carried(of) }
  }

  #literal(literal: Expression & { kind: 'literal' }): Printed {
    const { type, text, at } = literal
    if (type === 'varchar') return { sql: quoteText(text), type, at, literal: text }
    if (type === 'bigint') return { sql: text, type, at, literal: text }
    if (type === 'double') return { sql: `CAST(${text} AS DOUBLE)`, type, at, literal: text }
    if (type === 'boolean') return { sql: text.toUpperCase(), type, at, literal: text }
    if (type === 'null') return { sql: 'NULL', type, at }
    const shape =
      type === 'date'
        ? /^\d{4}-\d\d?-\d\d?$/
        : /^\d{4}-\d\d?-\d\d?([ T]\d\d?:\d\d(:\d\d(\.\d{1,6})?)?)?$/
    if (!shape.test(text))
      throw this.#syntax(`"${text}" is not a ${type}`, at, `as in ${type} '2020-01-31'`)
    return { sql: `CAST(${quoteText(text)} AS ${type.toUpperCase()})`, type, at }
  }

  #boolean(expression: Expression, place: Place): Printed {
    const printed = this.print(expression, place)
    const found = classOf(printed.type)
    if (found === undefined || found === 'boolean') return printed
    throw this.#syntax(`expected a condition, not a ${typeName(printed.type)}`, expression.at)
  }

  #negate(of: Expression, place: Place): Printed {
    const printed = this.print(of, place)
    const found = classOf(printed.type)
    if (found !== undefined && found !== 'number' && found !== 'interval') {
      throw this.#syntax(`a ${typeName(printed.type)} has no negative`, of.at)
    }
    const literal = printed.literal === undefined ? {} : { literal: `-${printed.literal}` }
    return { ...this.#plain(printed.type, [printed], ([sql]) => `(- ${sql})`), ...literal }
  }

  #binary(expression: Expression & { kind: 'binary' }, place: Place): Printed {
    const { operator } = expression
    if (operator === 'and' || operator === 'or') {
      const sides = this.#chain(expression, operator).map((each) => this.#boolean(each, place))
      return this.#plain(
        'boolean',
        sides,
        (items) => `(${items.join(` ${operator.toUpperCase()} `)})`,
      )
    }
    const left = this.print(expression.left, place)
    const right = this.print(expression.right, place)
    if (comparisons.has(operator)) {
      this.#comparable(left, right, `"${operator}"`)
      return this.#plain(
        'boolean',
        this.#sameZone(left, right),
        ([a, b]) => `(${a} ${operator} ${b})`,
      )
    }
    if (operator === '||') {
      const type = typeof left.type === 'object' ? left.type : 'varchar'
      return this.#plain(type, [left, right], ([a, b]) => `(${a} || ${b})`)
    }
    return this.#arithmetic(operator, left, right, place)
  }

  /** `a and b and c` as one list, so that long conditions do not nest. */
  #chain(expression: Expression, operator: BinaryOperator): Expression[] {
    if (expression.kind !== 'binary' || expression.operator !== operator) return [expression]
    return [...this.#chain(expression.left, operator), ...this.#chain(expression.right, operator)]
  }

  #arithmetic(operator: BinaryOperator, left: Printed, right: Printed, place: Place): Printed {
    const both = [left, right]
    const classes = both.map((each) => classOf(each.type))
    const time = classes.indexOf('time')
    if (time !== -1 || classes.includes('interval'))
      return this.#timeArithmetic(operator, left, right)
    const wrong = both.find((each) => !['number', undefined].includes(classOf(each.type)))
    if (wrong !== undefined) {
      throw this.#syntax(
        `"${operator}" needs numbers, and this is a ${typeName(wrong.type)}`,
        wrong.at,
        'write cast(... as bigint)',
      )
    }
    const type = commonType(both.map((each) => each.type))
    if (operator === '/' && (left.type === 'double' || right.type === 'double')) {
      const literal = right.literal !== undefined && Number(right.literal) !== 0
      if (literal) return this.#plain('double', both, ([a, b]) => `(${a} / ${b})`)
      return this.#plain(
        'double',
        both,
        ([a, b]) => `sls_divide(CAST(${a} AS DOUBLE), CAST(${b} AS DOUBLE))`,
      )
    }
    const divides = operator === '/' || operator === '%'
    const second = divides ? divisor(right, { inTry: place.inTry === true }) : right.sql
    return this.#plain(type, both, ([a]) => `(${a} ${operator} ${second})`)
  }

  #timeArithmetic(operator: BinaryOperator, left: Printed, right: Printed): Printed {
    const [first, second] = [classOf(left.type), classOf(right.type)]
    const addition = operator === '+' && (first === 'interval' || second === 'interval')
    if (!addition && operator !== '-') {
      throw this.#syntax(`"${operator}" cannot be used with times`, left.at)
    }
    const printed = this.#plain('unknown', [left, right], ([a, b]) => `(${a} ${operator} ${b})`)
    if (first === 'time' && second === 'time') {
      return {
        ...printed,
        type: left.type === 'date' && right.type === 'date' ? 'unknown' : 'interval',
      }
    }
    const [base, other] = first === 'time' ? [left, second] : [right, first]
    if (other !== 'interval') {
      throw this.#syntax(
        `"${operator}" joins a time and an interval`,
        right.at,
        "write + interval '5' minute, or use date_add",
      )
    }
    if (base.type !== 'date') return { ...printed, type: base.type }
    return { ...printed, type: 'date', sql: `CAST(${printed.sql} AS DATE)` }
  }

  #comparable(left: Printed, right: Printed, what: string): void {
    const [a, b] = [classOf(left.type), classOf(right.type)]
    if (a === undefined || b === undefined || a === b) return
    // A text that stands for a time is read as one.
    const text = a === 'text' ? left : right
    if (
      (a === 'time' || b === 'time') &&
      (a === 'text' || b === 'text') &&
      text.literal !== undefined
    )
      return
    const hint =
      a === 'text' || b === 'text'
        ? 'texts are in single quotes; or write cast(... as bigint)'
        : undefined
    throw this.#syntax(
      `${what} cannot compare a ${typeName(left.type)} with a ${typeName(right.type)}`,
      right.at,
      hint,
    )
  }

  /** Two times as local times of one zone, so that they compare as instants. */
  #sameZone(left: Printed, right: Printed): Printed[] {
    const zoned = (printed: Printed) => typeof printed.type === 'object' && 'zoned' in printed.type
    if (!zoned(left) && !zoned(right)) return [left, right]
    return [left, right].map((each) => {
      if (typeof each.type !== 'object' || !('zoned' in each.type)) return each
      return { ...each, sql: localTime(utcTime(each.sql, each.type.zoned), this.#env.zone) }
    })
  }

  #case(expression: Expression & { kind: 'case' }, place: Place): Printed {
    const operand =
      expression.operand === undefined ? undefined : this.print(expression.operand, place)
    const whens = expression.whens.map(([when, then]) => {
      const condition = operand === undefined ? this.#boolean(when, place) : this.print(when, place)
      if (operand !== undefined) this.#comparable(operand, condition, 'CASE')
      return [condition, this.print(then, place)] as const
    })
    const otherwise =
      expression.otherwise === undefined ? [] : [this.print(expression.otherwise, place)]
    const results = [...whens.map(([, then]) => then), ...otherwise]
    const branches = whens.map(([when, then]) => ` WHEN ${when.sql} THEN ${then.sql}`).join('')
    const last = otherwise.map((each) => ` ELSE ${each.sql}`).join('')
    const parts = [...(operand === undefined ? [] : [operand]), ...whens.flat(), ...otherwise]
    const type = commonType(results.map((each) => each.type))
    return this.#plain(type, parts, () => `(CASE ${operand?.sql ?? ''}${branches}${last} END)`)
  }

  #between(expression: Expression & { kind: 'between' }, place: Place): Printed {
    const [of, low, high] = this.#all([expression.of, expression.low, expression.high], place)
    this.#comparable(of!, low!, 'BETWEEN')
    this.#comparable(of!, high!, 'BETWEEN')
    const not = expression.negated ? 'NOT ' : ''
    return this.#plain(
      'boolean',
      [of!, low!, high!],
      ([a, b, c]) => `(${a} ${not}BETWEEN ${b} AND ${c})`,
    )
  }

  #in(expression: Expression & { kind: 'in' }, place: Place): Printed {
    const of = this.print(expression.of, place)
    const not = expression.negated ? 'NOT ' : ''
    if (expression.query !== undefined) {
      const { sql, types } = this.#env.subquery(expression.query, place.scope)
      if (types.length !== 1) throw this.#syntax('the query of IN has one column', expression.at)
      this.#comparable(of, { sql: '', type: types[0]!, at: expression.query.at }, 'IN')
      return this.#plain('boolean', [of], ([a]) => `(${a} ${not}IN (${sql}))`)
    }
    const list = this.#all(expression.list, place)
    for (const each of list) this.#comparable(of, each, 'IN')
    return this.#plain(
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
    return this.#plain('boolean', [of!, pattern!], ([a, b]) => `(${a} LIKE ${b}${tail})`)
  }

  #isDistinct(expression: Expression & { kind: 'isDistinct' }, place: Place): Printed {
    const [left, right] = this.#all([expression.left, expression.right], place)
    this.#comparable(left!, right!, 'IS DISTINCT FROM')
    const not = expression.negated ? 'NOT ' : ''
    return this.#plain('boolean', [left!, right!], ([a, b]) => `(${a} IS ${not}DISTINCT FROM ${b})`)
  }

  #subscript(expression: Expression & { kind: 'subscript' }, place: Place): Printed {
    const [of, index] = this.#all([expression.of, expression.index], place)
    const found = classOf(of!.type)
    if (found !== undefined && found !== 'array' && found !== 'map') {
      throw this.#syntax(`a ${typeName(of!.type)} has no elements`, expression.at)
    }
    const { type } = of!
    const element = typeof type === 'object' && 'map' in type ? type.map[1] : elementOf(type)
    return this.#plain(element, [of!, index!], ([a, b]) => `(${a})[${b}]`)
  }

  #zoned(expression: Expression & { kind: 'zoned' }, place: Place): Printed {
    const of = this.print(expression.of, place)
    const zone = zoneArgument(
      this.print(expression.zone, place),
      this.#context(place, expression.at),
    )
    const own = typeof of.type === 'object' && 'zoned' in of.type ? of.type.zoned : this.#env.zone
    if (classOf(of.type) !== 'time') throw this.#syntax('AT TIME ZONE needs a timestamp', of.at)
    return this.#plain({ zoned: zone }, [of], ([sql]) => localTime(utcTime(sql!, own), zone))
  }

  #context(place: Place, at: number): CallContext {
    return {
      zone: this.#env.zone,
      inTry: place.inTry === true,
      distinct: '',
      orderBy: '',
      tail: '',
      windowed: false,
      error: (message, where, hint) => this.#syntax(message, where || at, hint),
    }
  }

  #rule(call: Call): FunctionRule {
    const rule = functionTable.get(call.name)
    if (rule !== undefined) return rule
    if (later.test(call.name)) {
      throw this.#env.query.refused(`the function ${call.name} is not supported yet`, call.at)
    }
    const near = nearest(call.name, functionTable.keys())
    const hint = near === undefined ? undefined : `did you mean ${near}?`
    throw this.#syntax(`the function ${call.name} is not known`, call.at, hint)
  }

  #call(call: Call, place: Place): Printed {
    if (call.name === 'try') return this.#try(call, place)
    const rule = this.#rule(call)
    const { name, kind } = rule
    if (kind !== 'scalar' && place.noAggregates !== undefined) {
      throw this.#syntax(`${name}() cannot be used in ${place.noAggregates}`, call.at)
    }
    this.#modifiers(call, rule)
    // The arguments of an aggregate are of the rows: neither aliases nor other aggregates are there.
    const inner: Place =
      kind === 'aggregate' && call.over === undefined
        ? {
            ...place,
            scope: place.scope.withAliases(new Map()),
            noAggregates: `the arguments of ${name}()`,
          }
        : place
    const args = this.#arguments(call, rule, inner)
    const printedOrder = kind === 'scalar' ? [] : this.orderBy(call.orderBy, inner)
    const context: CallContext = {
      ...this.#context(place, call.at),
      distinct: call.distinct ? 'DISTINCT ' : '',
      orderBy: printedOrder.length === 0 ? '' : ` ORDER BY ${printedOrder.join(', ')}`,
      tail: this.#tail(call, inner, place),
      windowed: call.over !== undefined,
    }
    const sql = rule.print(args, context)
    const type = typeof rule.returns === 'function' ? rule.returns(args) : rule.returns
    const aggregated = kind !== 'scalar' || args.some((arg) => arg.aggregate === true)
    return { sql, type, at: call.at, ...(aggregated ? { aggregate: true } : {}) }
  }

  #modifiers(call: Call, rule: FunctionRule): void {
    const { name, kind } = rule
    if (
      kind === 'scalar' &&
      (call.distinct || call.filter || call.over || call.orderBy.length > 0)
    ) {
      throw this.#syntax(`${name}() is not an aggregate`, call.at)
    }
    if (kind === 'window' && call.over === undefined) {
      throw this.#syntax(`${name}() needs OVER (...)`, call.at)
    }
    if (call.star && name !== 'count') throw this.#syntax(`${name}(*) is not known`, call.at)
    if (!call.star && name === 'count' && call.args.length === 0 && call.distinct) {
      throw this.#syntax('count(distinct) needs an argument', call.at)
    }
    if (call.ignoreNulls) {
      throw this.#env.query.refused('IGNORE NULLS is not supported', call.at)
    }
    if (call.args.length >= rule.min && call.args.length <= rule.max) return
    const wanted = rule.min === rule.max ? `${rule.min}` : `${rule.min} to ${rule.max}`
    throw this.#syntax(`${name}() takes ${wanted} arguments, not ${call.args.length}`, call.at)
  }

  #arguments(call: Call, rule: FunctionRule, place: Place): Printed[] {
    const args: Printed[] = []
    for (const [index, each] of call.args.entries()) {
      const printed =
        each.kind === 'lambda'
          ? this.#lambda(each, call.name, args, place)
          : this.print(each, place)
      const wanted = rule.takes[Math.min(index, rule.takes.length - 1)]!
      const found = classOf(printed.type)
      if (wanted !== 'any' && found !== undefined && found !== wanted) {
        const needs = {
          text: 'a varchar',
          number: 'a number',
          time: 'a timestamp',
          boolean: 'a condition',
          array: 'an array',
          map: 'a map',
          binary: 'a varbinary',
        }
        throw this.#syntax(
          `${rule.name}() needs ${needs[wanted]} here, not a ${typeName(printed.type)}`,
          each.at,
          wanted === 'number' ? 'write cast(... as bigint)' : undefined,
        )
      }
      args.push(printed)
    }
    return args
  }

  #lambda(
    lambda: Expression & { kind: 'lambda' },
    name: string,
    before: readonly Printed[],
    place: Place,
  ): Printed {
    const scope = place.scope.withParameters(lambda.parameters, lambdaTypes(name, before))
    const body = this.print(lambda.body, { ...place, scope, noAggregates: 'a lambda' })
    const parameters = lambda.parameters.map(lambdaParameter)
    const sql = `lambda ${parameters.join(', ')}: ${body.sql}`
    return { sql, type: body.type, at: lambda.at, lambda: { parameters, body: body.sql } }
  }

  #try(call: Call, place: Place): Printed {
    const [of, ...more] = call.args
    if (of === undefined || more.length > 0) throw this.#syntax('try() takes 1 argument', call.at)
    const printed = this.print(of, { ...place, inTry: true })
    // The engine's TRY refuses aggregates; inside, a division by zero is NULL already.
    const wrapped =
      printed.aggregate === true || printed.sql.includes('(SELECT')
        ? printed.sql
        : `TRY(${printed.sql})`
    return { sql: wrapped, type: printed.type, at: call.at, ...carried([printed]) }
  }

  #tail(call: Call, inner: Place, place: Place): string {
    const filter =
      call.filter === undefined ? '' : ` FILTER (WHERE ${this.#boolean(call.filter, inner).sql})`
    return call.over === undefined
      ? filter
      : `${filter} OVER (${this.#window(call.over, place, call.at)})`
  }

  #window(window: Window, place: Place, at: number): string {
    const base =
      window.base === undefined ? undefined : place.windows?.get(window.base.toLowerCase())
    if (window.base !== undefined && base === undefined) {
      throw this.#syntax(`there is no window ${window.base}`, at)
    }
    const partitions = this.#all(
      base?.partitionBy.length ? base.partitionBy : window.partitionBy,
      place,
    )
    const order = this.orderBy(
      window.orderBy.length > 0 ? window.orderBy : (base?.orderBy ?? []),
      place,
    )
    const frame = window.frame ?? base?.frame
    const bound = (each: NonNullable<typeof frame>['start']) =>
      typeof each === 'string' ? each : `${this.print(each.offset, place).sql} ${each.direction}`
    const parts = [
      partitions.length === 0
        ? ''
        : `PARTITION BY ${partitions.map((each) => each.sql).join(', ')}`,
      order.length === 0 ? '' : `ORDER BY ${order.join(', ')}`,
      frame === undefined
        ? ''
        : frame.end === undefined
          ? `${frame.unit} ${bound(frame.start)}`
          : `${frame.unit} BETWEEN ${bound(frame.start)} AND ${bound(frame.end)}`,
    ]
    return parts.filter((each) => each !== '').join(' ')
  }

  orderBy(items: readonly OrderItem[], place: Place): string[] {
    return items.map((item) => `${this.print(item.value, place).sql}${direction(item)}`)
  }
}

/** Nulls are last in either direction, unless the query says otherwise. */
export const direction = (item: OrderItem): string =>
  `${item.descending ? ' DESC' : ' ASC'} NULLS ${item.nullsFirst ? 'FIRST' : 'LAST'}`

const carried = (of: readonly Printed[]): { aggregate?: true } =>
  of.some((each) => each.aggregate === true) ? { aggregate: true } : {}
