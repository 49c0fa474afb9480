import { quoteText } from '../quote.ts'
import { classOf, commonType, typeName } from '../types.ts'
import type { Printed, SqlType } from '../types.ts'
import type { CallContext, FunctionRule } from './rule.ts'
import { list, sameAs, scalar } from './rule.ts'

const doubles = (name: string, engine = name, arity: number = 1): FunctionRule =>
  scalar(
    name,
    arity,
    'number',
    'double',
    (args) => `${engine}(${args.map((arg) => `CAST(${arg.sql} AS DOUBLE)`).join(', ')})`,
  )

/** What is left of a division; of doubles by zero it is not a number. */
export function remainder(left: Printed, right: Printed, call: Pick<CallContext, 'nulls'>): string {
  const double = left.type === 'double' || right.type === 'double'
  const zero = right.literal === undefined || Number(right.literal) === 0
  if (!double || !zero) return `(${left.sql} % ${divisor(right, call)})`
  return `sls_remainder(CAST(${left.sql} AS DOUBLE), CAST(${right.sql} AS DOUBLE))`
}

/** A divisor: zero is an error for integers, as the language has it, and NULL inside `try`. */
export function divisor(arg: Printed, call: Pick<CallContext, 'nulls'>): string {
  if (arg.literal !== undefined && Number(arg.literal) !== 0) return arg.sql
  return call.nulls ? `nullif(${arg.sql}, 0)` : `sls_nz(${arg.sql})`
}

const anyNull = (args: readonly Printed[]) => args.map((arg) => `${arg.sql} IS NULL`).join(' OR ')

const extreme =
  (name: string) =>
  (args: readonly Printed[]): string =>
    `(CASE WHEN NOT (${anyNull(args)}) THEN ${name}(${list(args)}) END)`

/** A rounding: nothing to do for an integer. */
const whole =
  (name: string) =>
  ([value]: readonly Printed[]): string =>
    value!.type === 'bigint' ? value!.sql : `${name}(${value!.sql})`

const common = (args: readonly Printed[]): SqlType => commonType(args.map((arg) => arg.type))

function extremeOf(name: string): FunctionRule {
  return scalar(name, [1, 64], 'any', common, (args, call) => {
    const classes = args.map((arg) => classOf(arg.type)).filter((each) => each !== undefined)
    const other = classes.findIndex((each) => each !== classes[0])
    if (other === -1) return extreme(name)(args)
    throw call.error(`${name}() takes values of one type`, args[other]!.at)
  })
}

export const maths: readonly FunctionRule[] = [
  scalar('abs', 1, 'number', sameAs()),
  scalar('ceil', 1, 'number', sameAs(), whole('ceil')),
  scalar('ceiling', 1, 'number', sameAs(), whole('ceil')),
  scalar('floor', 1, 'number', sameAs(), whole('floor')),
  scalar('round', [1, 2], 'number', sameAs(), ([value, digits]) =>
    digits === undefined
      ? `round(${value!.sql})`
      : `round(${value!.sql}, CAST(${digits.sql} AS INTEGER))`,
  ),
  scalar('truncate', [1, 2], 'number', sameAs(), ([value, digits]) => {
    if (value!.type === 'bigint' && digits === undefined) return value!.sql
    if (digits === undefined) return `trunc(${value!.sql})`
    return `sls_truncate(CAST(${value!.sql} AS DOUBLE), ${digits.sql})`
  }),
  scalar('sign', 1, 'number', sameAs(), ([value]) =>
    value!.type === 'bigint'
      ? `CAST(sign(${value!.sql}) AS BIGINT)`
      : `CAST(sign(${value!.sql}) AS DOUBLE)`,
  ),
  scalar('mod', 2, 'number', common, (args, call) => remainder(args[0]!, args[1]!, call)),
  doubles('sqrt', 'sls_sqrt'),
  doubles('cbrt', 'sls_cbrt'),
  doubles('exp'),
  doubles('ln', 'sls_ln'),
  doubles('log2', 'sls_log2'),
  doubles('log10', 'sls_log10'),
  doubles('log', 'sls_log', 2),
  doubles('pow', 'pow', 2),
  doubles('power', 'pow', 2),
  doubles('degrees'),
  doubles('radians'),
  doubles('sin', 'sls_sin'),
  doubles('cos', 'sls_cos'),
  doubles('tan', 'sls_tan'),
  doubles('sinh'),
  doubles('cosh'),
  doubles('tanh'),
  doubles('asin', 'sls_asin'),
  doubles('acos', 'sls_acos'),
  doubles('atan'),
  doubles('atan2', 'atan2', 2),
  scalar('pi', 0, 'any', 'double'),
  scalar('e', 0, 'any', 'double', () => 'exp(CAST(1 AS DOUBLE))'),
  scalar('nan', 0, 'any', 'double', () => "CAST('nan' AS DOUBLE)"),
  scalar('infinity', 0, 'any', 'double', () => "CAST('inf' AS DOUBLE)"),
  scalar('is_nan', 1, 'number', 'boolean', 'isnan'),
  scalar('is_finite', 1, 'number', 'boolean', 'isfinite'),
  scalar('is_infinite', 1, 'number', 'boolean', 'isinf'),
  scalar(
    'random',
    [0, 1],
    'number',
    (args) => (args.length === 0 ? 'double' : 'bigint'),
    ([below]) =>
      below === undefined ? 'random()' : `CAST(floor(random() * ${below.sql}) AS BIGINT)`,
  ),
  scalar('rand', 0, 'any', 'double', 'random'),
  extremeOf('greatest'),
  extremeOf('least'),
  scalar(
    'to_base',
    2,
    'number',
    'varchar',
    ([value, base]) => `sls_to_base(CAST(${value!.sql} AS BIGINT), CAST(${base!.sql} AS INTEGER))`,
  ),
  scalar('from_base', 2, 'text number', 'bigint', 'sls_from_base'),
  scalar('width_bucket', [2, 4], 'number any number', 'bigint', (args, call) => {
    if (args.length === 4) return `sls_width_bucket(${list(args)})`
    if (args.length === 2 && typeof args[1]!.type === 'object') return `sls_bin(${list(args)})`
    throw call.error('width_bucket() takes two bounds and a count, or an array', args[1]!.at)
  }),
  scalar('bitwise_and', 2, 'number', 'bigint', ([a, b]) => `(${a!.sql} & ${b!.sql})`),
  scalar('bitwise_or', 2, 'number', 'bigint', ([a, b]) => `(${a!.sql} | ${b!.sql})`),
  scalar('bitwise_xor', 2, 'number', 'bigint', 'xor'),
  scalar('bitwise_not', 1, 'number', 'bigint', ([a]) => `(~ ${a!.sql})`),
  scalar('bitwise_left_shift', 2, 'number', 'bigint', 'sls_shift_left'),
  scalar('bitwise_right_shift', 2, 'number', 'bigint', 'sls_shift_right'),
  scalar('bitwise_right_shift_arithmetic', 2, 'number', 'bigint', 'sls_shift_right_signed'),
  scalar('bit_count', [1, 2], 'number', 'bigint', ([value, bits]) =>
    bits === undefined
      ? `CAST(bit_count(CAST(${value!.sql} AS BIGINT)) AS BIGINT)`
      : `sls_bit_count(CAST(${value!.sql} AS BIGINT), ${bits.sql})`,
  ),
]

const branches = (args: readonly Printed[]): SqlType =>
  commonType(args.slice(1).map((arg) => arg.type))

/** A whole number that is written out is an integer, of 32 bits, where it fits in one. */
function typeText({ type, literal, sql }: Printed): string {
  if (type === 'unknown') return `lower(typeof(${sql}))`
  if (type === 'null') return quoteText('unknown')
  const size = Number(literal)
  const isInteger = type === 'bigint' && size >= -(2 ** 31) && size < 2 ** 31
  return quoteText(isInteger ? 'integer' : typeName(type))
}

export const conditionals: readonly FunctionRule[] = [
  scalar(
    'if',
    [2, 3],
    'boolean any any',
    branches,
    ([condition, yes, no]) =>
      `(CASE WHEN ${condition!.sql} THEN ${yes!.sql} ELSE ${no?.sql ?? 'NULL'} END)`,
  ),
  scalar('coalesce', [1, 64], 'any', common),
  scalar('nullif', 2, 'any', sameAs()),
  scalar('typeof', 1, 'any', 'varchar', ([value]) => typeText(value!)),
]
