/** The type of an expression as far as it is known without asking the engine. */
export type SqlType =
  | 'bigint'
  | 'double'
  | 'varchar'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | 'interval'
  | 'varbinary'
  | 'json'
  | 'decimal'
  | 'row'
  /** A set of distinct values' hashes. */
  | 'hyperloglog'
  | 'null'
  | 'unknown'
  /** A timestamp that keeps its zone: printed as the local time there. */
  | { readonly zoned: string }
  | { readonly array: SqlType }
  | { readonly map: readonly [SqlType, SqlType] }

/** An expression as text for DuckDB, with what is known of it. */
export interface Printed {
  readonly sql: string
  readonly type: SqlType
  /** Offset in the whole query. */
  readonly at: number
  /** The value, when it is a literal. */
  readonly literal?: string
  readonly aggregate?: boolean
  /** A lambda's parameters, as printed, and its body. */
  readonly lambda?: { readonly parameters: readonly string[]; readonly body: string }
}

export type TypeClass = 'text' | 'number' | 'time' | 'boolean' | 'array' | 'map' | 'any' | 'binary'

export function typeName(type: SqlType): string {
  if (typeof type === 'string') return type
  if ('zoned' in type) return 'timestamp with time zone'
  if ('array' in type) return `array(${typeName(type.array)})`
  return `map(${type.map.map(typeName).join(', ')})`
}

/** The class a type is in, or undefined where it may be any. */
export function classOf(type: SqlType): TypeClass | 'interval' | 'row' | undefined {
  if (typeof type === 'object') return 'zoned' in type ? 'time' : 'array' in type ? 'array' : 'map'
  const classes: Partial<Record<typeof type, TypeClass | 'interval' | 'row'>> = {
    bigint: 'number',
    double: 'number',
    decimal: 'number',
    varchar: 'text',
    boolean: 'boolean',
    timestamp: 'time',
    date: 'time',
    interval: 'interval',
    varbinary: 'binary',
    row: 'row',
  }
  return classes[type]
}

export const isNumber = (type: SqlType): boolean => classOf(type) === 'number'

/** What two branches of one value have in common. */
export function commonType(types: readonly SqlType[]): SqlType {
  const known = types.filter((type) => type !== 'null')
  const first = known[0]
  if (first === undefined) return 'null'
  if (known.every((type) => typeName(type) === typeName(first))) return first
  if (known.every(isNumber)) return known.includes('double') ? 'double' : 'decimal'
  return 'unknown'
}
