import { quoteText } from '../quote.ts'
import type { Printed } from '../types.ts'
import { backtrackingPattern } from '../udf-regexps.ts'
import type { CallContext, FunctionRule } from './rule.ts'
import { onDistinct, scalar } from './rule.ts'

/** What the engine's automaton does not have, if the pattern needs it. Escapes and classes aside. */
function beyondAutomaton(text: string): boolean {
  const bare = text.replace(/\\[^1-9k]/g, '_').replace(/\[\^?\]?[^\]]*\]/g, '_')
  return /\(\?(?:[=!]|<[=!])|\\[1-9]|\\k</.test(bare)
}

/**
 * Whether the call goes to the backtracking functions: only for a pattern that is written out and
 * needs look-around or back-references. They are slower and can take for ever, so that the query's
 * time limit ends them; everything else stays with the automaton, which is linear.
 */
function backtracks(arg: Printed, call: CallContext): boolean {
  const { literal } = arg
  if (literal === undefined || !beyondAutomaton(literal)) return false
  try {
    backtrackingPattern(literal)
    return true
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const reason = error.message.replace(/^.*\/[a-z]*: /, '')
    throw call.error(`the regular expression cannot be read: ${reason}`, arg.at)
  }
}

/** `(?<name>` is `(?P<name>` for the engine; what nobody has is refused. */
function pattern(arg: Printed, call: CallContext): string {
  const text = arg.literal
  if (text === undefined) return arg.sql
  if (/\(\?>|[*+?}]\+/.test(bared(text))) {
    throw call.error('regular expressions with possessive groups are not supported', arg.at)
  }
  return quoteText(text.replace(/(^|[^\\])\(\?<(?=\w)/g, '$1(?P<'))
}

/** The call by the automaton, or by backtracking where the pattern needs it. */
function matched(
  args: readonly Printed[],
  call: CallContext,
  automaton: (text: string, pattern: string) => string,
  backtracking: string,
): string {
  const [text, expression, ...more] = args
  if (!backtracks(expression!, call)) return automaton(text!.sql, pattern(expression!, call))
  const rest = more.map((arg) => `, ${arg.sql}`).join('')
  return onDistinct(`${backtracking}(${text!.sql}, ${expression!.sql}${rest})`, args, call)
}

/** `$1` in a replacement is written `\1` for the engine. */
function replacement(arg: Printed): string {
  if (arg.literal === undefined) return `regexp_replace(${arg.sql}, '\\$(\\d)', '\\\\\\1', 'g')`
  const text = arg.literal.replace(/\\([^])|\$(\d)|\\$/g, (_, escaped?: string, group?: string) => {
    if (group !== undefined) return `\\${group}`
    return escaped === undefined || escaped === '\\' ? '\\\\' : escaped
  })
  return quoteText(text)
}

/** The text with its escapes and classes blotted out. */
const bared = (text: string): string =>
  text.replace(/\\[^]/g, '_').replace(/\[\^?\]?[^\]]*\]/g, '_')

/** The group to take: the whole match where the query names none. */
function withGroup(args: readonly Printed[], call: CallContext): readonly Printed[] {
  const [text, expression, group] = args
  if (group === undefined) return [text!, expression!, { sql: '0', type: 'bigint', at: 0 }]
  if (group.literal !== undefined && expression!.literal !== undefined) {
    const groups = bared(expression!.literal).match(/\((?!\?)|\(\?P?<\w/g)?.length ?? 0
    if (!(Number(group.literal) >= 0 && Number(group.literal) <= groups)) {
      throw call.error(`the pattern has ${groups} groups, and not ${group.literal}`, group.at)
    }
  }
  return args
}

const extractAll = (args: readonly Printed[], call: CallContext): string =>
  matched(
    withGroup(args, call),
    call,
    (text, by) => `regexp_extract_all(${text}, ${by}, ${args[2]?.sql ?? '0'})`,
    'sls_js_regexp_extract_all',
  )

export const regexps: readonly FunctionRule[] = [
  scalar('regexp_like', 2, 'text', 'boolean', (args, call) =>
    matched(args, call, (text, by) => `regexp_matches(${text}, ${by})`, 'sls_js_regexp_like'),
  ),
  scalar('regexp_extract', [2, 3], 'text text number', 'varchar', (args, call) => {
    const group = args[2]?.sql ?? '0'
    return matched(
      withGroup(args, call),
      call,
      (text, by) =>
        `(CASE WHEN regexp_matches(${text}, ${by}) THEN regexp_extract(${text}, ${by}, ${group}) END)`,
      'sls_js_regexp_extract',
    )
  }),
  scalar('regexp_extract_all', [2, 3], 'text text number', { array: 'varchar' }, extractAll),
  scalar('regexp_replace', [2, 3], 'text', 'varchar', ([text, by, given], call) => {
    const into: Printed = given ?? { sql: "''", type: 'varchar', at: by!.at, literal: '' }
    return matched(
      [text!, by!, into],
      call,
      (of, found) => `regexp_replace(${of}, ${found}, ${replacement(into)}, 'g')`,
      'sls_js_regexp_replace',
    )
  }),
  scalar('regexp_split', 2, 'text', { array: 'varchar' }, (args, call) =>
    matched(
      args,
      call,
      (text, by) => `regexp_split_to_array(${text}, ${by})`,
      'sls_js_regexp_split',
    ),
  ),
  scalar('regexp_count', 2, 'text', 'bigint', (args, call) => `len(${extractAll(args, call)})`),
]
