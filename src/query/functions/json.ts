import { quoteText } from '../quote.ts'
import type { Printed } from '../types.ts'
import type { CallContext, FunctionRule } from './rule.ts'
import { scalar } from './rule.ts'

const hasWildcard = (arg: Printed): boolean => arg.literal?.includes('*') === true

/** A path with `*` has a list of values, which is a JSON array. */
const extract = (args: readonly Printed[], call: CallContext): string => {
  const values = `json_extract(${withPath(args, call)})`
  return hasWildcard(args[1]!) ? `json(CAST(${values} AS JSON))` : values
}

/** One value at a path. */
const atPath = (args: readonly Printed[], call: CallContext): string => {
  if (!hasWildcard(args[1]!)) return withPath(args, call)
  throw call.error('a path with * has many values', args[1]!.at, 'json_extract() gives them all')
}

/** `$["a b"]` is `$."a b"` for the engine; what it does not have is refused with its place. */
function path(arg: Printed, call: CallContext): string {
  const { literal } = arg
  if (literal === undefined) return arg.sql
  const converted = literal.replace(
    /\[\s*(?:"([^"]*)"|'([^']*)')\s*\]/g,
    (_, double: string | undefined, single: string | undefined) => `."${double ?? single}"`,
  )
  if (/^\$(\.\w[\w-]*|\."[^"]*"|\[\d+\]|\[\*\]|\.\*)*$/.test(converted)) return quoteText(converted)
  throw call.error(`${literal} is not a path into JSON`, arg.at, "as in '$.a.b[0]'")
}

const valid = ({ sql, type }: Printed): string => (type === 'json' ? sql : `sls_json(${sql})`)

const withPath = ([json, at]: readonly Printed[], call: CallContext): string =>
  `${valid(json!)}, ${path(at!, call)}`

const overJson =
  (name: string) =>
  ([json, ...more]: readonly Printed[]): string =>
    `${name}(${[valid(json!), ...more.map(({ sql }) => sql)].join(', ')})`

const extracted = (name: string, type: 'bigint' | 'double' | 'boolean'): FunctionRule =>
  scalar(
    name,
    2,
    'any text',
    type,
    (args, call) => `TRY_CAST(sls_json_scalar(${atPath(args, call)}) AS ${type.toUpperCase()})`,
  )

export const json: readonly FunctionRule[] = [
  scalar(
    'json_extract_scalar',
    2,
    'any text',
    'varchar',
    (args, call) => `sls_json_scalar(${atPath(args, call)})`,
  ),
  scalar('json_extract', 2, 'any text', 'json', extract),
  extracted('json_extract_long', 'bigint'),
  extracted('json_extract_double', 'double'),
  extracted('json_extract_bool', 'boolean'),
  scalar('json_array_get', 2, 'any number', 'varchar', overJson('sls_json_array_get')),
  scalar('json_array_contains', 2, 'any any', 'boolean', overJson('sls_json_array_contains')),
  scalar('json_array_length', 1, 'any', 'bigint', overJson('sls_json_array_length')),
  scalar(
    'json_size',
    2,
    'any text',
    'bigint',
    (args, call) => `sls_json_size(${atPath(args, call)})`,
  ),
  scalar(
    'is_json_scalar',
    1,
    'any',
    'boolean',
    ([json]) => `(json_type(${valid(json!)}) NOT IN ('ARRAY', 'OBJECT'))`,
  ),
  scalar('json_parse', 1, 'text', 'json', ([text]) => `CAST(${text!.sql} AS JSON)`),
  scalar('json_format', 1, 'any', 'varchar', ([value]) => `CAST(json(${value!.sql}) AS VARCHAR)`),
]
