import type { QueryText } from './place.ts'
import { quoteName } from './quote.ts'
import { localTime, utcTime } from './functions/time.ts'
import type { CastType } from './sql-tree.ts'
import { classOf, typeName } from './types.ts'
import type { Printed, SqlType } from './types.ts'

interface CastEnvironment {
  readonly query: QueryText
  readonly zone: string
}

/**
 * `cast` and `try_cast` with the language's meaning: a double becomes the nearest bigint, halves
 * away from zero; a text becomes a bigint only if it is one; a double's text is Java's.
 */
export function printCast(
  of: Printed,
  to: CastType,
  safe: boolean,
  env: CastEnvironment,
): { sql: string; type: SqlType } {
  const type = sqlType(to)
  if (to.name === 'bigint') return { sql: toBigint(of, safe, env), type }
  if (to.name === 'varchar') return { sql: toText(of, to, env), type }
  if (to.name === 'timestamp' || to.name === 'date')
    return { sql: toTime(of, to.name, safe, env), type }
  if (to.name === 'varbinary') throw env.query.refused('cast to varbinary is not supported', of.at)
  if (to.name === 'boolean' && classOf(of.type) === 'time') throw impossible(of, to, env)
  return { sql: `${safe ? 'TRY_CAST' : 'CAST'}(${of.sql} AS ${engineType(to)})`, type }
}

const impossible = (of: Printed, to: CastType, env: CastEnvironment) =>
  env.query.syntax(`a ${typeName(of.type)} cannot be cast to ${to.name}`, of.at)

function toBigint(of: Printed, safe: boolean, env: CastEnvironment): string {
  const found = classOf(of.type)
  if (of.type === 'bigint' || of.type === 'null' || found === 'boolean')
    return `CAST(${of.sql} AS BIGINT)`
  if (found === 'number')
    return safe ? `sls_try_round_half_up(${of.sql})` : `sls_round_half_up(${of.sql})`
  if (found === 'text') return `${safe ? 'sls_try_text_bigint' : 'sls_text_bigint'}(${of.sql})`
  if (found === undefined)
    return safe ? `TRY_CAST(${of.sql} AS BIGINT)` : `sls_any_bigint(${of.sql})`
  throw impossible(of, { name: 'bigint', of: [], numbers: [] }, env)
}

function toText(of: Printed, to: CastType, env: CastEnvironment): string {
  const text = asText(of, to, env)
  const [length] = to.numbers
  return length === undefined ? text : `substr(${text}, 1, ${length})`
}

function asText(of: Printed, to: CastType, env: CastEnvironment): string {
  const { sql, type } = of
  if (type === 'varchar') return sql
  if (type === 'double') return `sls_double_text(${sql})`
  if (type === 'timestamp') return `strftime(${sql}, '%Y-%m-%d %H:%M:%S.%g')`
  if (typeof type === 'object' && 'zoned' in type) {
    return `(strftime(${sql}, '%Y-%m-%d %H:%M:%S.%g') || ' ${type.zoned}')`
  }
  if (typeof type === 'object' || type === 'row' || type === 'varbinary')
    throw impossible(of, to, env)
  return `CAST(${sql} AS VARCHAR)`
}

function toTime(
  of: Printed,
  name: 'timestamp' | 'date',
  safe: boolean,
  env: CastEnvironment,
): string {
  const found = classOf(of.type)
  if (found === 'number' || found === 'boolean') {
    throw env.query.syntax(
      `a ${typeName(of.type)} cannot be cast to ${name}`,
      of.at,
      'write from_unixtime(...)',
    )
  }
  const zoned = typeof of.type === 'object' && 'zoned' in of.type ? of.type.zoned : undefined
  const local = zoned === undefined ? of.sql : localTime(utcTime(of.sql, zoned), env.zone)
  return `${safe ? 'TRY_CAST' : 'CAST'}(${local} AS ${name.toUpperCase()})`
}

function sqlType(to: CastType): SqlType {
  if (to.name === 'array') return { array: to.of[0] === undefined ? 'unknown' : sqlType(to.of[0]) }
  if (to.name !== 'map') return to.name
  const [key, value] = to.of
  return {
    map: [
      key === undefined ? 'unknown' : sqlType(key),
      value === undefined ? 'unknown' : sqlType(value),
    ],
  }
}

function engineType(to: CastType): string {
  if (to.name === 'array') return `${to.of.map(engineType).join('')}[]`
  if (to.name === 'row') {
    const fields = to.of.map(
      (each, index) => `${quoteName(to.fields![index]!)} ${engineType(each)}`,
    )
    return `STRUCT(${fields.join(', ')})`
  }
  if (to.name === 'map') return `MAP(${to.of.map(engineType).join(', ')})`
  if (to.name === 'decimal') {
    const [precision = 38, scale = 0] = to.numbers
    return `DECIMAL(${Math.min(precision, 38)}, ${Math.min(scale, precision, 38)})`
  }
  return to.name.toUpperCase()
}
