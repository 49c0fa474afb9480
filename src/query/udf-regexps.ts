import { jsFunction } from './udf-kinds.ts'
import type { JsFunction } from './udf-kinds.ts'

/**
 * Patterns that need backtracking (look-around, back-references), which the engine's automaton does
 * not have. A pattern can be made to take for ever: then it ends with its process at the query's time
 * limit, as every call that cannot be interrupted.
 */
const compiled = new Map<string, RegExp>()
const compiledMax = 64

/** Flags in front, `(?i)`, become the expression's own; `\A`, `\z` and `\Z` are its ends. */
export function backtrackingPattern(pattern: string): RegExp {
  const known = compiled.get(pattern)
  if (known !== undefined) return known
  const flags = /^\(\?([ims]+)\)/.exec(pattern)
  const body = pattern
    .slice(flags?.[0].length ?? 0)
    .replace(/\\([^])/g, (escape, letter: string) =>
      letter === 'A' ? '(?<![^])' : /^[zZ]$/.test(letter) ? '(?![^])' : escape,
    )
  const expression = compile(body, `g${flags?.[1] ?? ''}`)
  if (compiled.size === compiledMax) compiled.clear()
  compiled.set(pattern, expression)
  return expression
}

/** By code points where the pattern allows it: that form has no needless escapes such as `\-`. */
function compile(body: string, flags: string): RegExp {
  try {
    return new RegExp(body, `${flags}u`)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return new RegExp(body, flags)
  }
}

/** `$1` and `${name}` stand for groups, a backslash takes the next character as it is. */
function replacementOf(text: string): string {
  return text.replace(
    /\\([^])|\$\{(\w+)\}|\$(?!\d)/g,
    (_, escaped: string | undefined, name: string | undefined) => {
      if (name !== undefined) return `$<${name}>`
      return escaped === undefined || escaped === '$' ? '$$' : escaped
    },
  )
}

function groupOf(found: RegExpExecArray, group: bigint): string | null {
  if (group < 0n || group >= BigInt(found.length)) {
    throw new Error(`the pattern has ${found.length - 1} groups, and not ${group}`)
  }
  return found[Number(group)] ?? null
}

function* matches(text: string, pattern: string): Generator<RegExpExecArray> {
  yield* text.matchAll(backtrackingPattern(pattern))
}

export const regexpFunctions: readonly JsFunction[] = [
  jsFunction('sls_js_regexp_like', ['text', 'text'], 'boolean', (text, pattern) => {
    return text.search(backtrackingPattern(pattern)) !== -1
  }),
  jsFunction(
    'sls_js_regexp_extract',
    ['text', 'text', 'bigint'],
    'text',
    (text, pattern, group) => {
      const [found] = matches(text, pattern)
      return found === undefined ? null : groupOf(found, group)
    },
  ),
  jsFunction(
    'sls_js_regexp_extract_all',
    ['text', 'text', 'bigint'],
    'texts',
    (text, pattern, group) => [...matches(text, pattern)].map((found) => groupOf(found, group)),
  ),
  jsFunction('sls_js_regexp_replace', ['text', 'text', 'text'], 'text', (text, pattern, by) =>
    text.replace(backtrackingPattern(pattern), replacementOf(by)),
  ),
  jsFunction('sls_js_regexp_split', ['text', 'text'], 'texts', (text, pattern) => {
    const parts: string[] = []
    let at = 0
    for (const found of matches(text, pattern)) {
      parts.push(text.slice(at, found.index))
      at = found.index + found[0].length
    }
    return [...parts, text.slice(at)]
  }),
]
