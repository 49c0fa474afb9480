import type { CallContext, FunctionRule } from './functions/rule.ts'
import { functionTable } from './functions/table.ts'
import { lambdaCalls, lambdaTypes } from './functions/lists.ts'
import { insteadOf } from './functions/unsupported.ts'
import { nearest } from '../base/nearest.ts'
import type { Environment, Place } from './print-place.ts'
import { checkCondition } from './print-operators.ts'
import { lambdaParameter } from './scope.ts'
import type { Call, Expression, OrderItem, Window } from './sql-tree.ts'
import { classOf, typeName } from './types.ts'
import type { Printed } from './types.ts'

/** Prints an expression inside a call. */
export type PrintExpression = (expression: Expression, place: Place) => Printed

/** Functions of windows that can pass over what is NULL. */
const skipsNulls = new Set(['first_value', 'last_value', 'nth_value', 'lag', 'lead'])

/** Prints calls: looks the function up, checks its arguments, puts DISTINCT, FILTER and OVER in place. */
export class CallPrinter {
  readonly #env: Environment
  readonly #print: PrintExpression

  constructor(env: Environment, print: PrintExpression) {
    this.#env = env
    this.#print = print
  }

  #syntax(message: string, at: number, hint?: string) {
    return this.#env.query.syntax(message, at, hint)
  }

  context(place: Place, at: number): CallContext {
    return {
      zone: this.#env.zone,
      inTry: place.inTry !== undefined,
      nulls: place.inTry === 'nulls',
      inLambda: place.inLambda === true,
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
    const instead = insteadOf(call.name)
    if (instead !== undefined) {
      throw this.#env.query.refused(`function not supported: ${call.name}`, call.at, instead)
    }
    const near = nearest(call.name, functionTable.keys())
    const hint = near === undefined ? undefined : `did you mean ${near}?`
    throw this.#syntax(`the function ${call.name} is not known`, call.at, hint)
  }

  print(call: Call, place: Place): Printed {
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
    const order = printedOrder.length === 0 ? '' : ` ORDER BY ${printedOrder.join(', ')}`
    const context: CallContext = {
      ...this.context(place, call.at),
      distinct: call.distinct ? 'DISTINCT ' : '',
      orderBy: call.ignoreNulls ? `${order} IGNORE NULLS` : order,
      tail: this.#tail(call, inner, place),
      windowed: call.over !== undefined,
    }
    const sql = rule.print(args, context)
    const type = typeof rule.returns === 'function' ? rule.returns(args, context) : rule.returns
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
    if (call.ignoreNulls && !skipsNulls.has(name)) {
      throw this.#env.query.refused(`${name}() cannot have IGNORE NULLS`, call.at)
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
          : this.#print(each, place)
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
    if (!lambdaCalls.has(name)) throw this.#syntax(`${name}() takes no lambda`, lambda.at)
    const scope = place.scope.withParameters(lambda.parameters, lambdaTypes(name, before))
    const body = this.#print(lambda.body, {
      ...place,
      scope,
      noAggregates: 'a lambda',
      inLambda: true,
    })
    const parameters = lambda.parameters.map(lambdaParameter)
    const sql = `lambda ${parameters.join(', ')}: ${body.sql}`
    return { sql, type: body.type, at: lambda.at, lambda: { parameters, body: body.sql } }
  }

  #try(call: Call, place: Place): Printed {
    const [of, ...more] = call.args
    if (of === undefined || more.length > 0) throw this.#syntax('try() takes 1 argument', call.at)
    const caught = this.#print(of, { ...place, inTry: 'caught' })
    // The engine's TRY takes no aggregates and no queries: there, what would fail is made NULL.
    if (caught.aggregate === true || caught.sql.includes('(SELECT')) {
      return { ...this.#print(of, { ...place, inTry: 'nulls' }), at: call.at }
    }
    return { sql: `TRY(${caught.sql})`, type: caught.type, at: call.at }
  }

  #tail(call: Call, inner: Place, place: Place): string {
    const filter =
      call.filter === undefined
        ? ''
        : ` FILTER (WHERE ${checkCondition(this.#env.query, this.#print(call.filter, inner), 'a condition').sql})`
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
      typeof each === 'string' ? each : `${this.#print(each.offset, place).sql} ${each.direction}`
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
    return items.map((item) => `${this.#print(item.value, place).sql}${direction(item)}`)
  }
  #all(expressions: readonly Expression[], place: Place): Printed[] {
    return expressions.map((each) => this.#print(each, place))
  }
}

/** Nulls are last in either direction, unless the query says otherwise. */
export const direction = (item: OrderItem): string =>
  `${item.descending ? ' DESC' : ' ASC'} NULLS ${item.nullsFirst ? 'FIRST' : 'LAST'}`
