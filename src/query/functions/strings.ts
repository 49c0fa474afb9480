import { quoteText } from '../quote.ts'
import { classOf, type Printed, type SqlType, typeName } from '../types.ts'
import type { CallContext, FunctionRule } from './rule.ts'
import { inJs, list, literalOf, onDistinct, scalar } from './rule.ts'

/** The longest text or list one call may make: Presto stops at 10,000 elements too. */
export const itemsMax = 10_000

/** A count that a user gives, bounded: at once when it is a literal, else while the query runs. */
export function capped(arg: Printed, call: CallContext): string {
  if (arg.literal !== undefined && arg.type === 'bigint') {
    if (Number(arg.literal) <= itemsMax) return arg.sql
    throw call.error(`${arg.literal} is more than ${itemsMax} can be made`, arg.at)
  }
  return call.nulls
    ? `(CASE WHEN ${arg.sql} <= ${itemsMax} THEN ${arg.sql} END)`
    : `sls_cap(${arg.sql})`
}

const pad =
  (name: string) =>
  (args: readonly Printed[], call: CallContext): string =>
    `${name}(${args[0]!.sql}, CAST(${capped(args[1]!, call)} AS INTEGER), ${args[2]!.sql})`

function concat(args: readonly Printed[]): string {
  const arrays = args.some((arg) => typeof arg.type === 'object' && 'array' in arg.type)
  if (arrays)
    return args.map((arg) => arg.sql).reduce((left, right) => `list_concat(${left}, ${right})`)
  return `(${args.map((arg) => arg.sql).join(' || ')})`
}

/** Characters of a text, bytes of a binary. */
function lengthOf(args: readonly Printed[], call: CallContext): string {
  const { sql, type, at } = args[0]!
  const found = classOf(type)
  if (found === 'binary') return `octet_length(${sql})`
  if (found === 'text' || found === undefined) return `length(${sql})`
  throw call.error(`length() needs a varchar or a varbinary here, not a ${typeName(type)}`, at)
}

const concatType = (args: readonly Printed[]): SqlType =>
  args.find((arg) => typeof arg.type === 'object')?.type ?? 'varchar'

const substr = (args: readonly Printed[]): string => {
  const { literal } = args[1]!
  if (literal !== undefined && Number(literal) > 0) return `substr(${list(args)})`
  return `${args.length === 3 ? 'sls_substr_of' : 'sls_substr'}(${list(args)})`
}

/** Parts are counted from 1. */
function part({ sql, literal }: Printed, call: CallContext): string {
  if (literal !== undefined && Number(literal) > 0) return sql
  return call.nulls ? `(CASE WHEN ${sql} > 0 THEN ${sql} END)` : `sls_part(${sql})`
}

const reverse = (args: readonly Printed[]): string =>
  typeof args[0]!.type === 'object' ? `list_reverse(${list(args)})` : `reverse(${list(args)})`

const digest =
  (name: string) =>
  (args: readonly Printed[]): string =>
    `unhex(${name}(${args[0]!.sql}))`

/** Java's conversions that the engine has too; a width is bounded as every length. */
const conversion = /%(?:(%)|([-0,+ ]*)(\d{1,4})?(?:\.(\d{1,3}))?([sdfxXeE])|[^%A-Za-z]*[A-Za-z]?)/g

function format([pattern, ...values]: readonly Printed[], call: CallContext): string {
  const text = literalOf(pattern!, 'the format', call)
  const printed: string[] = []
  const engine = text.replace(
    conversion,
    (found, percent?: string, flags?: string, width?: string, digits?: string, letter?: string) => {
      if (percent !== undefined) return '%%'
      if (letter === undefined || (digits !== undefined && !/[feE]/.test(letter))) {
        throw call.error(`the format holds ${found}, which is not supported`, pattern!.at)
      }
      const precision = digits ?? (/[feE]/.test(letter) ? '6' : undefined)
      const value = values[printed.length]
      printed.push(value === undefined ? '' : formatted(value, letter, precision ?? '0'))
      return `%${flags}${width ?? ''}${precision === undefined ? '' : `.${precision}`}${letter}`
    },
  )
  if (printed.length === values.length) {
    return `printf(${[quoteText(engine), ...printed].join(', ')})`
  }
  const takes = `the format takes ${printed.length} values`
  throw call.error(`${takes}, and ${values.length} are given`, pattern!.at)
}

/** A value as its conversion takes it; Java rounds halves away from zero. */
function formatted({ sql, type }: Printed, letter: string, digits: string): string {
  if (letter === 's') {
    return type === 'double' ? `sls_double_text(${sql})` : `CAST(${sql} AS VARCHAR)`
  }
  if (/[dxX]/.test(letter)) return `CAST(${sql} AS BIGINT)`
  return letter === 'f' ? `round(CAST(${sql} AS DOUBLE), ${digits})` : `CAST(${sql} AS DOUBLE)`
}

export const strings: readonly FunctionRule[] = [
  scalar('concat', [2, 64], 'any', concatType, concat),
  scalar('length', 1, 'any', 'bigint', lengthOf),
  scalar('lower', 1, 'text', 'varchar'),
  scalar('upper', 1, 'text', 'varchar'),
  scalar('trim', [1, 2], 'text', 'varchar'),
  scalar('ltrim', [1, 2], 'text', 'varchar'),
  scalar('rtrim', [1, 2], 'text', 'varchar'),
  scalar('lpad', 3, 'text number text', 'varchar', pad('lpad')),
  scalar('rpad', 3, 'text number text', 'varchar', pad('rpad')),
  scalar('substr', [2, 3], 'text number number', 'varchar', substr),
  scalar('substring', [2, 3], 'text number number', 'varchar', substr),
  scalar('strpos', 2, 'text', 'bigint'),
  scalar(
    'replace',
    [2, 3],
    'text',
    'varchar',
    (args) => `replace(${list(args)}${args.length === 2 ? ", ''" : ''})`,
  ),
  scalar('reverse', 1, 'any', (args) => args[0]!.type, reverse),
  scalar('split', [2, 3], 'text text number', { array: 'varchar' }, (args) =>
    args.length === 2 ? `string_split(${list(args)})` : `sls_split(${list(args)})`,
  ),
  scalar(
    'split_part',
    3,
    'text text number',
    'varchar',
    ([text, delimiter, index], call) =>
      `string_split(${text!.sql}, ${delimiter!.sql})[${part(index!, call)}]`,
  ),
  scalar('split_to_map', 3, 'text', { map: ['varchar', 'varchar'] }, 'sls_split_to_map'),
  scalar('starts_with', 2, 'text', 'boolean'),
  scalar('ends_with', 2, 'text', 'boolean'),
  scalar('translate', 3, 'text', 'varchar'),
  scalar('chr', 1, 'number', 'varchar', ([code]) => `chr(CAST(${code!.sql} AS INTEGER))`),
  scalar('codepoint', 1, 'text', 'bigint', 'unicode'),
  scalar('levenshtein_distance', 2, 'text', 'bigint', 'levenshtein'),
  scalar('hamming_distance', 2, 'text', 'bigint', 'hamming'),
  scalar('normalize', 1, 'text', 'varchar', 'nfc_normalize'),
  scalar('to_utf8', 1, 'text', 'varbinary', 'encode'),
  scalar('from_utf8', 1, 'binary', 'varchar', 'decode'),
  scalar('to_hex', 1, 'binary', 'varchar', 'hex'),
  scalar('from_hex', 1, 'text', 'varbinary', 'unhex'),
  scalar('to_base64', 1, 'binary', 'varchar', 'base64'),
  scalar('from_base64', 1, 'text', 'varbinary'),
  scalar('md5', 1, 'binary', 'varbinary', digest('md5')),
  scalar('sha1', 1, 'binary', 'varbinary', digest('sha1')),
  scalar('sha256', 1, 'binary', 'varbinary', digest('sha256')),
  scalar('sha512', 1, 'binary', 'varbinary', (args, call) =>
    onDistinct(`unhex(sls_js_sha512(${args[0]!.sql}))`, args, call),
  ),
  inJs('crc32', 1, 'binary', 'bigint', 'sls_js_crc32', 'BLOB'),
  scalar('xxhash64', 1, 'binary', 'varbinary', (args, call) =>
    onDistinct(`unhex(sls_js_xxhash64(${args[0]!.sql}))`, args, call),
  ),
  scalar('format', [1, 64], 'text any', 'varchar', format),
  scalar('uuid', 0, 'any', 'varchar', () => 'CAST(uuid() AS VARCHAR)'),
]
