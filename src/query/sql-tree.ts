/**
 * The SQL part as our own tree: only what is listed here can be asked. `at` is an offset in the
 * whole query text.
 */
export interface Query {
  readonly kind: 'query'
  readonly ctes: readonly Cte[]
  readonly body: Select | SetOperation | Values | Query
  readonly orderBy: readonly OrderItem[]
  readonly limit: number | undefined
  readonly offset: number | undefined
  readonly at: number
}

export interface Cte {
  readonly name: Name
  readonly columns: readonly Name[]
  readonly query: Query
}

export interface Name {
  readonly text: string
  readonly at: number
}

export interface SetOperation {
  readonly kind: 'union' | 'intersect' | 'except'
  readonly all: boolean
  readonly left: Query
  readonly right: Query
}

export interface Values {
  readonly kind: 'values'
  readonly rows: readonly (readonly Expression[])[]
}

export interface Select {
  readonly kind: 'select'
  readonly distinct: boolean
  readonly items: readonly SelectItem[]
  readonly from: Relation | undefined
  readonly where: Expression | undefined
  readonly groupBy: readonly GroupItem[]
  readonly having: Expression | undefined
  readonly windows: readonly { readonly name: string; readonly window: Window }[]
}

export type SelectItem =
  | { readonly kind: 'star'; readonly table: Name | undefined; readonly at: number }
  | { readonly kind: 'item'; readonly value: Expression; readonly alias: Name | undefined }

export type GroupItem =
  | { readonly kind: 'expression'; readonly value: Expression }
  | { readonly kind: 'rollup' | 'cube'; readonly sets: readonly (readonly Expression[])[] }
  | { readonly kind: 'sets'; readonly sets: readonly (readonly Expression[])[] }

export type Relation =
  | { readonly kind: 'table'; readonly name: Name; readonly alias: Alias | undefined }
  | { readonly kind: 'subquery'; readonly query: Query; readonly alias: Alias | undefined }
  | {
      readonly kind: 'unnest'
      readonly of: readonly Expression[]
      readonly ordinality: boolean
      readonly alias: Alias | undefined
      readonly at: number
    }
  | {
      readonly kind: 'join'
      readonly join: 'inner' | 'left' | 'right' | 'full' | 'cross'
      readonly left: Relation
      readonly right: Relation
      readonly on: Expression | undefined
      readonly using: readonly Name[]
      readonly at: number
    }

export interface Alias {
  readonly name: Name
  readonly columns: readonly Name[]
}

export interface OrderItem {
  readonly value: Expression
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export interface Window {
  /** A window of the WINDOW clause. */
  readonly base: string | undefined
  readonly partitionBy: readonly Expression[]
  readonly orderBy: readonly OrderItem[]
  readonly frame: Frame | undefined
}

export interface Frame {
  readonly unit: 'ROWS' | 'RANGE'
  readonly start: FrameBound
  readonly end: FrameBound | undefined
}

export type FrameBound =
  | 'UNBOUNDED PRECEDING'
  | 'CURRENT ROW'
  | 'UNBOUNDED FOLLOWING'
  | { readonly offset: Expression; readonly direction: 'PRECEDING' | 'FOLLOWING' }

export interface CastType {
  readonly name:
    | 'bigint'
    | 'double'
    | 'varchar'
    | 'boolean'
    | 'timestamp'
    | 'date'
    | 'json'
    | 'varbinary'
    | 'decimal'
    | 'array'
    | 'map'
    | 'row'
  readonly of: readonly CastType[]
  /** Of a row: the names of its fields. */
  readonly fields?: readonly string[]
  /** Length of a varchar; precision and scale of a decimal. */
  readonly numbers: readonly number[]
}

export interface Call {
  readonly kind: 'call'
  /** Lower case. */
  readonly name: string
  readonly args: readonly Expression[]
  /** `count(*)`. */
  readonly star: boolean
  readonly distinct: boolean
  readonly orderBy: readonly OrderItem[]
  readonly filter: Expression | undefined
  readonly over: Window | undefined
  readonly ignoreNulls: boolean
  readonly at: number
}

export type BinaryOperator =
  | 'and'
  | 'or'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '||'
  | '='
  | '<>'
  | '<'
  | '<='
  | '>'
  | '>='

export type LiteralType =
  | 'varchar'
  | 'bigint'
  | 'double'
  | 'boolean'
  | 'null'
  | 'timestamp'
  | 'date'

export type Expression = { readonly at: number } & (
  | { readonly kind: 'literal'; readonly type: LiteralType; readonly text: string }
  | { readonly kind: 'column'; readonly table: Name | undefined; readonly name: string }
  | Call
  | { readonly kind: 'not' | 'negate'; readonly of: Expression }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: Expression
      readonly right: Expression
    }
  | {
      readonly kind: 'case'
      readonly operand: Expression | undefined
      readonly whens: readonly (readonly [Expression, Expression])[]
      readonly otherwise: Expression | undefined
    }
  | {
      readonly kind: 'cast'
      readonly of: Expression
      readonly to: CastType
      readonly safe: boolean
    }
  | {
      readonly kind: 'between'
      readonly of: Expression
      readonly low: Expression
      readonly high: Expression
      readonly negated: boolean
    }
  | {
      readonly kind: 'in'
      readonly of: Expression
      readonly list: readonly Expression[]
      readonly query: Query | undefined
      readonly negated: boolean
    }
  | {
      readonly kind: 'like'
      readonly of: Expression
      readonly pattern: Expression
      readonly escape: Expression | undefined
    }
  | { readonly kind: 'isNull'; readonly of: Expression; readonly negated: boolean }
  | {
      readonly kind: 'isDistinct'
      readonly left: Expression
      readonly right: Expression
      readonly negated: boolean
    }
  | { readonly kind: 'exists' | 'subquery'; readonly query: Query }
  | { readonly kind: 'lambda'; readonly parameters: readonly string[]; readonly body: Expression }
  | { readonly kind: 'array' | 'row'; readonly of: readonly Expression[] }
  | { readonly kind: 'subscript'; readonly of: Expression; readonly index: Expression }
  | { readonly kind: 'field'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'interval'; readonly amount: number; readonly unit: IntervalUnit }
  | { readonly kind: 'zoned'; readonly of: Expression; readonly zone: Expression }
)

export type IntervalUnit = 'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year'
