/**
 * The conditions of alerts: `errors > 10 && ratio >= 0.5`, `$0.pv < $1.pv`, `host =~ "^web"`. Values are a row's, as
 * texts; where both sides are numbers they are compared as such. A field that the row lacks satisfies nothing.
 */
import { createContext, Script } from 'node:vm'
import { invalid } from './schedule.ts'

/** A field's value in a row; undefined when the row has none. */
export type Look = (field: string) => string | undefined

export type Condition = (look: Look) => boolean

type Value = string | number | boolean | undefined
type Expression = (look: Look) => Value

interface Token {
  readonly kind: 'number' | 'text' | 'field' | 'sign'
  readonly text: string
  readonly at: number
}

const lengthMax = 4096
const depthMax = 64
const pattern =
  /\s*(?:(\d+(?:\.\d+)?)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|((?:\$\d+\.)?[A-Za-z_][\w-]*(?:\.[A-Za-z_]\w*)*)|(==|!=|>=|<=|=~|!~|&&|\|\||[-+*/%()<>!]))/y

/** @throws WeirError ParameterInvalid with `place` and the position */
export function parseCondition(text: string, place: string): Condition {
  if (text.length > lengthMax) throw invalid(place, `it has more than ${lengthMax} characters`)
  const parser = new Parser(tokensOf(text, place), place)
  const expression = parser.all()
  return (look) => truth(expression(look))
}

function tokensOf(text: string, place: string): Token[] {
  const tokens: Token[] = []
  pattern.lastIndex = 0
  while (pattern.lastIndex < text.trimEnd().length) {
    const at = pattern.lastIndex
    const found = pattern.exec(text)
    if (found === null) throw invalid(place, `nothing that can be read at character ${at + 1}`)
    const [, number, double, single, field, sign] = found
    if (number !== undefined) tokens.push({ kind: 'number', text: number, at })
    else if (field !== undefined) tokens.push({ kind: 'field', text: field, at })
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign, at })
    else tokens.push({ kind: 'text', text: (double ?? single)!.replace(/\\(.)/g, '$1'), at })
  }
  return tokens
}

const levels: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['==', '!=', '>', '>=', '<', '<=', '=~', '!~'],
  ['+', '-'],
  ['*', '/', '%'],
]

class Parser {
  readonly #tokens: readonly Token[]
  readonly #place: string
  #next = 0
  #depth = 0

  constructor(tokens: readonly Token[], place: string) {
    this.#tokens = tokens
    this.#place = place
  }

  all(): Expression {
    const expression = this.#level(0)
    if (this.#next < this.#tokens.length) throw this.#unexpected()
    return expression
  }

  #level(level: number): Expression {
    const signs = levels[level]
    if (signs === undefined) return this.#unary()
    let left = this.#level(level + 1)
    for (let sign = this.#take(signs); sign !== undefined; sign = this.#take(signs)) {
      const [first, second] = [left, this.#operand(sign, level)]
      const work = operations[sign]!
      left = (look) => work(first, second, look)
    }
    return left
  }

  /** What stands behind =~ and !~ must be a pattern that can be read, before any row comes. */
  #operand(sign: string, level: number): Expression {
    if (sign !== '=~' && sign !== '!~') return this.#level(level + 1)
    const token = this.#tokens[this.#next++]
    if (token?.kind !== 'text') throw this.#unexpected(-1)
    try {
      const regexp = new RegExp(token.text, 'u')
      if (token.text.length > patternMax) throw new Error(`more than ${patternMax} characters`)
      return () => regexp.source
    } catch (cause) {
      throw invalid(this.#place, `no pattern: ${(cause as Error).message}`, cause)
    }
  }

  #unary(): Expression {
    if (++this.#depth > depthMax) throw invalid(this.#place, 'it is nested too deep')
    try {
      if (this.#take(['!']) !== undefined) {
        const of = this.#unary()
        return (look) => !truth(of(look))
      }
      if (this.#take(['-']) !== undefined) {
        const of = this.#unary()
        return (look) => calculated([0, of(look)], (a, b) => a - b)
      }
      return this.#primary()
    } finally {
      this.#depth--
    }
  }

  #primary(): Expression {
    if (this.#take(['(']) !== undefined) {
      const inner = this.#level(0)
      if (this.#take([')']) === undefined) throw this.#unexpected()
      return inner
    }
    const token = this.#tokens[this.#next]
    if (token === undefined || token.kind === 'sign') throw this.#unexpected()
    this.#next++
    if (token.kind === 'number') return () => Number(token.text)
    if (token.kind === 'text') return () => token.text
    if (token.text === 'true' || token.text === 'false') return () => token.text === 'true'
    return (look) => look(token.text)
  }

  #take(signs: readonly string[]): string | undefined {
    const token = this.#tokens[this.#next]
    if (token?.kind !== 'sign' || !signs.includes(token.text)) return undefined
    this.#next++
    return token.text
  }

  #unexpected(back = 0): Error {
    const token = this.#tokens[this.#next + back]
    return token === undefined
      ? invalid(this.#place, 'the condition ends too early')
      : invalid(this.#place, `"${token.text}" cannot stand at character ${token.at + 1}`)
  }
}

const patternMax = 256

const operations: Readonly<
  Record<string, (left: Expression, right: Expression, look: Look) => Value>
> = {
  '||': (left, right, look) => truth(left(look)) || truth(right(look)),
  '&&': (left, right, look) => truth(left(look)) && truth(right(look)),
  '==': (left, right, look) => compared(left(look), right(look), (order) => order === 0),
  '!=': (left, right, look) => compared(left(look), right(look), (order) => order !== 0),
  '>': (left, right, look) => compared(left(look), right(look), (order) => order > 0),
  '>=': (left, right, look) => compared(left(look), right(look), (order) => order >= 0),
  '<': (left, right, look) => compared(left(look), right(look), (order) => order < 0),
  '<=': (left, right, look) => compared(left(look), right(look), (order) => order <= 0),
  '=~': (left, right, look) => fits(left(look), right(look)) === true,
  '!~': (left, right, look) => fits(left(look), right(look)) === false,
  '+': (left, right, look) => calculated([left(look), right(look)], (a, b) => a + b),
  '-': (left, right, look) => calculated([left(look), right(look)], (a, b) => a - b),
  '*': (left, right, look) => calculated([left(look), right(look)], (a, b) => a * b),
  '/': (left, right, look) => calculated([left(look), right(look)], (a, b) => a / b),
  '%': (left, right, look) => calculated([left(look), right(look)], (a, b) => a % b),
}

const truth = (value: Value): boolean => value === true || value === 'true'

const numberOf = (value: Value): number | undefined => {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value.trim() === '') return undefined
  const number = Number(value)
  return Number.isNaN(number) ? undefined : number
}

function compared(left: Value, right: Value, is: (order: number) => boolean): boolean {
  if (left === undefined || right === undefined) return false
  const [a, b] = [numberOf(left), numberOf(right)]
  if (a !== undefined && b !== undefined) return is(a - b)
  const [x, y] = [String(left), String(right)]
  return is(x < y ? -1 : x > y ? 1 : 0)
}

function calculated(
  values: readonly [Value, Value],
  work: (a: number, b: number) => number,
): Value {
  const [a, b] = values.map(numberOf)
  if (a === undefined || b === undefined) return undefined
  const result = work(a, b)
  return Number.isFinite(result) ? result : undefined
}

const patternMilliseconds = 50
const fitting = new Script("new RegExp(source, 'u').test(text)")

/** An unlucky pattern takes for ever: it is stopped, and the run of the alert fails. */
function fits(value: Value, source: Value): boolean | undefined {
  if (value === undefined) return undefined
  const context = createContext({ source: String(source), text: String(value) })
  return fitting.runInContext(context, { timeout: patternMilliseconds }) === true
}
