import type { WeirError } from '../../base/errors.ts'
import type { Printed, SqlType, TypeClass } from '../types.ts'

/** What a rule knows of the call it prints. */
export interface CallContext {
  /** The one zone of the query, as an SQL text literal can hold it. */
  readonly zone: string
  /** Inside `try(...)`: what would be an error gives NULL. */
  readonly inTry: boolean
  /** `DISTINCT ` or empty: goes in front of an aggregate's arguments. */
  readonly distinct: string
  /** ` ORDER BY ...` or empty: goes behind an aggregate's arguments. */
  readonly orderBy: string
  /** ` FILTER (...) OVER (...)` or empty: goes behind the call. */
  readonly tail: string
  /** `OVER (...)` is there. */
  readonly windowed: boolean
  error(message: string, at: number, hint?: string): WeirError
}

export type PrintCall = (args: readonly Printed[], call: CallContext) => string

/** A function of the query language: a row of the function table. */
export interface FunctionRule {
  readonly name: string
  readonly kind: 'scalar' | 'aggregate' | 'window'
  readonly min: number
  readonly max: number
  /** The classes the arguments must have; the last one holds for all that follow. */
  readonly takes: readonly TypeClass[]
  readonly returns: SqlType | ((args: readonly Printed[]) => SqlType)
  readonly print: PrintCall
}

type Returns = FunctionRule['returns']
type Arity = number | readonly [min: number, max: number]

const row = (
  kind: FunctionRule['kind'],
  name: string,
  arity: Arity,
  takes: string,
  returns: Returns,
  print: PrintCall,
): FunctionRule => {
  const [min, max] = typeof arity === 'number' ? [arity, arity] : arity
  return { kind, name, min, max, takes: takes.split(' ') as TypeClass[], returns, print }
}

/** A scalar function; `takes` is one class a argument, parted by spaces. */
export const scalar = (
  name: string,
  arity: Arity,
  takes: string,
  returns: Returns,
  print: PrintCall | string = name,
): FunctionRule =>
  row('scalar', name, arity, takes, returns, typeof print === 'string' ? renamed(print) : print)

/** An aggregate. Printed with `DISTINCT`, `ORDER BY`, `FILTER` and `OVER` in their places. */
export const aggregate = (
  name: string,
  arity: Arity,
  takes: string,
  returns: Returns,
  print: PrintCall | string = name,
): FunctionRule =>
  row(
    'aggregate',
    name,
    arity,
    takes,
    returns,
    typeof print === 'string' ? (args, call) => aggregated(print, args, call) : print,
  )

export const windowOnly = (
  name: string,
  arity: Arity,
  takes: string,
  returns: Returns,
  print?: PrintCall,
): FunctionRule =>
  row(
    'window',
    name,
    arity,
    takes,
    returns,
    print ?? ((args, call) => aggregated(name, args, call)),
  )

const renamed =
  (name: string): PrintCall =>
  (args) =>
    `${name}(${list(args)})`

export const list = (args: readonly Printed[]): string => args.map((arg) => arg.sql).join(', ')

export const aggregated = (
  name: string,
  args: readonly Printed[],
  call: CallContext,
  inside = list(args),
): string => `${name}(${call.distinct}${inside}${call.orderBy})${call.tail}`

/** The same type as the argument at `index`. */
export const sameAs =
  (index = 0) =>
  (args: readonly Printed[]): SqlType =>
    args[index]?.type ?? 'unknown'

/** The value of an argument that must be a literal. */
export function literalOf(arg: Printed, what: string, call: CallContext): string {
  if (arg.literal !== undefined) return arg.literal
  throw call.error(`${what} must be a literal`, arg.at)
}
