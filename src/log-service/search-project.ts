import { WeirError } from '../base/errors.ts'

export interface ProjectQuery {
  readonly logstore: string
  /** `search | SQL` over that logstore. */
  readonly query: string
  /** Unix seconds: what it can find lies within. */
  readonly from: number
  readonly to: number
}

/** 9999-12-31T23:59:59Z and a second: no log is later. */
const timeEnd = 253_402_300_800

/**
 * A query over a project: SQL alone, whose FROM names the logstore, also without the quotes that a name with a hyphen
 * needs elsewhere. Throws ParameterInvalid.
 * @param isLogstore whether the project has a logstore of that name
 */
export function readProjectQuery(sql: string, isLogstore: (name: string) => boolean): ProjectQuery {
  const masked = mask(sql)
  const named = [...masked.matchAll(/\bfrom\s+(?:"([^"]+)"|([\w-]+))/gi)]
  const names = named.map((match) => match[1] ?? match[2] ?? '')
  const logstore = names.find(isLogstore) ?? names[0]
  if (logstore === undefined)
    throw new WeirError('ParameterInvalid', 'the query names no logstore', {
      hint: 'as in SELECT count(*) FROM my-logstore',
    })
  let text = ''
  let end = 0
  for (const [index, match] of named.entries()) {
    if (names[index] !== logstore) continue
    const last = match.index + match[0].length
    const name = match[0].slice(match[0].search(/\s/)).trimStart()
    text += `${sql.slice(end, last - name.length)}log`
    end = last
  }
  return { logstore, query: `* | ${text}${sql.slice(end)}`, ...timesOf(masked) }
}

/** Texts and comments blanked, all else at its place. */
const mask = (sql: string): string =>
  sql.replace(/'(?:[^']|'')*'|--[^\n]*|\/\*[\s\S]*?\*\//g, (found) => ' '.repeat(found.length))

/**
 * The range of a query of one SELECT whose WHERE is conditions joined by AND, those of `__time__` among them; of any other
 * all times. The conditions are checked for each log anyway: a range only spares reading.
 */
function timesOf(masked: string): { readonly from: number; readonly to: number } {
  const all = { from: 0, to: timeEnd }
  const flat = withoutParentheses(masked)
  const where = /\bwhere\b([\s\S]*?)(?:\b(?:group|having|order|limit|window)\b|;|$)/i.exec(
    flat,
  )?.[1]
  const plain = (masked.match(/\bselect\b/gi) ?? []).length === 1
  if (where === undefined || !plain || /\b(?:or|not|case)\b/i.test(where)) return all
  const conditions = where
    .replace(/"__time__"/g, '__time__')
    .replace(/\b__time__\s+between\s+(\d+)\s+and\s+(\d+)/gi, '__time__ >= $1 and __time__ <= $2')
    .split(/\band\b/i)
  let { from, to } = all
  for (const condition of conditions) {
    const [, operator, digits] =
      /^\s*__time__\s*(>=|>|<=|<|=)\s*(\d{1,12})\s*$/.exec(condition) ?? []
    if (operator === undefined) continue
    const second = Number(digits)
    if (operator === '>' || operator === '>=' || operator === '=')
      from = Math.max(from, operator === '>' ? second + 1 : second)
    if (operator === '<' || operator === '<=' || operator === '=')
      to = Math.min(to, operator === '<' ? second : second + 1)
  }
  return from < to ? { from, to } : { from, to: from + 1 }
}

/** What stands in parentheses is blanked. */
function withoutParentheses(text: string): string {
  let depth = 0
  let flat = ''
  for (const character of text) {
    if (character === '(') depth++
    flat += depth > 0 ? ' ' : character
    if (character === ')') depth = Math.max(0, depth - 1)
  }
  return flat
}
