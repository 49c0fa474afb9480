import type { QueryText } from './place.ts'
import type { Scope } from './scope.ts'
import type { Call, Query, Window } from './sql-tree.ts'
import type { Printed, SqlType } from './types.ts'

/** Where an expression stands. */
export interface Place {
  readonly scope: Scope
  /** The clause in which an aggregate is not allowed, or undefined where it is. */
  readonly noAggregates?: string
  /** Inside `try(...)`: errors are caught, or, where the engine cannot, NULL is made instead. */
  readonly inTry?: 'caught' | 'nulls'
  readonly inLambda?: boolean
  readonly windows?: ReadonlyMap<string, Window>
  /** Prints the calls that say how the whole SELECT is answered. */
  readonly planned?: (call: Call, place: Place) => Printed
}

export interface Environment {
  readonly query: QueryText
  readonly zone: string
  /** Prints a query inside an expression; its columns decide the type. */
  subquery(query: Query, scope: Scope): { sql: string; types: readonly SqlType[] }
}
