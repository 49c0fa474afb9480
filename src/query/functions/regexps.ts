import { quoteText } from '../quote.ts'
import type { Printed } from '../types.ts'
import type { CallContext, FunctionRule } from './rule.ts'
import { list, scalar } from './rule.ts'

/** The pattern, refused when it needs what the engine's automaton does not have. */
function pattern(arg: Printed, call: CallContext): string {
  const text = arg.literal
  if (text === undefined) return arg.sql
  const feature = /\(\?(?:[=!]|<[=!])/.test(text)
    ? 'look-around'
    : /(?:^|[^\\])(?:\\\\)*\\[1-9]/.test(text)
      ? 'back-references'
      : /\(\?>|[*+?}]\+/.test(text)
        ? 'possessive groups'
        : undefined
  if (feature === undefined) return arg.sql
  throw call.error(`regular expressions with ${feature} are not supported`, arg.at)
}

const withPattern = (args: readonly Printed[], call: CallContext): string =>
  [args[0]!.sql, pattern(args[1]!, call), ...args.slice(2).map((arg) => arg.sql)].join(', ')

/** `$1` in a replacement is written `\1` for the engine. */
function replacement(arg: Printed | undefined): string {
  if (arg === undefined) return "''"
  if (arg.literal === undefined) return `regexp_replace(${arg.sql}, '\\$(\\d)', '\\\\\\1', 'g')`
  const text = arg.literal.replace(/\\([^])|\$(\d)|\\$/g, (_, escaped?: string, group?: string) => {
    if (group !== undefined) return `\\${group}`
    return escaped === undefined || escaped === '\\' ? '\\\\' : escaped
  })
  return quoteText(text)
}

export const regexps: readonly FunctionRule[] = [
  scalar(
    'regexp_like',
    2,
    'text',
    'boolean',
    (args, call) => `regexp_matches(${withPattern(args, call)})`,
  ),
  scalar('regexp_extract', [2, 3], 'text text number', 'varchar', (args, call) => {
    const group = args[2]?.sql ?? '0'
    const found = `${args[0]!.sql}, ${pattern(args[1]!, call)}`
    return `(CASE WHEN regexp_matches(${found}) THEN regexp_extract(${found}, ${group}) END)`
  }),
  scalar(
    'regexp_extract_all',
    [2, 3],
    'text text number',
    { array: 'varchar' },
    (args, call) => `regexp_extract_all(${withPattern(args, call)})`,
  ),
  scalar(
    'regexp_replace',
    [2, 3],
    'text',
    'varchar',
    (args, call) =>
      `regexp_replace(${args[0]!.sql}, ${pattern(args[1]!, call)}, ${replacement(args[2])}, 'g')`,
  ),
  scalar(
    'regexp_split',
    2,
    'text',
    { array: 'varchar' },
    (args, call) => `regexp_split_to_array(${withPattern(args, call)})`,
  ),
  scalar(
    'regexp_count',
    2,
    'text',
    'bigint',
    (args, call) => `len(regexp_extract_all(${withPattern(args, call)}))`,
  ),
  scalar(
    'json_extract_scalar',
    2,
    'any text',
    'varchar',
    (args) => `sls_json_scalar(${list(args)})`,
  ),
  scalar('json_extract', 2, 'any text', 'json', (args) => `json_extract(${list(args)})`),
  scalar('json_array_length', 1, 'any', 'bigint'),
  scalar('json_parse', 1, 'text', 'json', ([text]) => `CAST(${text!.sql} AS JSON)`),
  scalar('json_format', 1, 'any', 'varchar', ([json]) => `CAST(json(${json!.sql}) AS VARCHAR)`),
]
