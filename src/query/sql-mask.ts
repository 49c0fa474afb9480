/**
 * The SQL part, read once by a lexer of our own before the parser sees it. What the parser gets is
 * of a small known alphabet: comments are gone, and every text literal, quoted name and function
 * name has become a mark (`wq7`), which leads back to what stood there and where. So no text of a
 * user reaches the parser, every call is its plain call node, and every error has a place.
 */
import type { QueryText } from './place.ts'
import type { QueryPart } from './split.ts'

export interface MaskedSql {
  readonly text: string
  /** What a mark stands for, or undefined for a name that is not a mark. */
  mark(name: string): Mark | undefined
  /** The offset in the whole query of an offset in the masked text. */
  offsetOf(masked: number): number
}

export interface Mark {
  readonly kind: 'text' | 'name' | 'call'
  readonly text: string
  /** Offset in the whole query. */
  readonly at: number
}

const operators = '<> != <= >= || -> + - * / % ( ) , . ; = < > [ ]'.split(' ')

/** Words before a `(` that are syntax, and calls that have a syntax of their own in the parser. */
const notCalls = new Set(
  (
    'in and or not over values using exists as on by when then else from where select case ' +
    'cast try_cast extract position trim substring array row map decimal varchar char timestamp ' +
    'time unnest lateral between like escape is distinct all any some union intersect except limit ' +
    'offset join having group order sets rollup cube interval array_agg within with table return'
  ).split(' '),
)

const markPattern = /^wq(\d+)$/i

export function maskSql(query: QueryText, part: QueryPart): MaskedSql {
  const masker = new Masker(query, part)
  masker.run()
  const { marks, positions } = masker
  return {
    text: masker.out,
    mark: (name) => {
      const number = markPattern.exec(name)?.[1]
      return number === undefined ? undefined : marks[Number(number)]
    },
    offsetOf: (masked) => {
      const found = positions.findLast((each) => each.masked <= masked)
      return (found ?? positions[0])?.original ?? part.offset
    },
  }
}

class Masker {
  out = ''
  readonly marks: Mark[] = []
  readonly positions: { masked: number; original: number }[] = []
  readonly #query: QueryText
  readonly #text: string
  readonly #offset: number
  #at = 0

  constructor(query: QueryText, part: QueryPart) {
    this.#query = query
    this.#text = part.text
    this.#offset = part.offset
  }

  run(): void {
    while (this.#at < this.#text.length) {
      this.#skipBlanks()
      if (this.#at < this.#text.length) this.#token()
    }
  }

  #skipBlanks(): void {
    const blank = /(?:\s|--[^\n]*|\/\*[^]*?\*\/)*/y
    blank.lastIndex = this.#at
    const skipped = blank.exec(this.#text)![0]
    // A comment parts words as a space does; line ends are kept for the parser's own messages.
    if (skipped !== '') this.out += skipped.includes('\n') ? '\n' : ' '
    this.#at += skipped.length
    if (this.#text.startsWith('/*', this.#at)) throw this.#syntax('the comment /* is never closed')
  }

  #syntax(message: string, hint?: string) {
    return this.#query.syntax(message, this.#offset + this.#at, hint)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    return pattern.exec(this.#text)?.[0]
  }

  #token(): void {
    this.positions.push({ masked: this.out.length, original: this.#offset + this.#at })
    const character = this.#text[this.#at]!
    if (character === "'") return this.#quoted("'", 'text')
    if (character === '"') return this.#quoted('"', 'name')
    const word = this.#match(/[A-Za-z_][A-Za-z0-9_]*/y)
    if (word !== undefined) return this.#word(word)
    const number = this.#match(/(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y)
    if (number !== undefined) return this.#number(number)
    const operator = operators.find((each) => this.#text.startsWith(each, this.#at))
    if (operator === '=' && this.#text[this.#at + 1] === '=') {
      throw this.#syntax('unexpected "=="', 'equality is written =')
    }
    if (operator === undefined) throw this.#unexpected(character)
    this.#emit(operator, operator.length)
  }

  #emit(text: string, length: number): void {
    this.out += text
    this.#at += length
  }

  #unexpected(character: string) {
    const hints: Record<string, string> = {
      '|': 'texts are joined with ||',
      '`': 'names are quoted with double quotes',
      '!': 'not equal is written <> or !=',
    }
    const hint = /[^\0-\x7f]/.test(character)
      ? 'put names with other letters in double quotes, texts in single quotes'
      : hints[character]
    return this.#syntax(`unexpected character "${character}"`, hint)
  }

  #mark(kind: Mark['kind'], text: string, length: number): void {
    const name = `wq${this.marks.length}`
    this.marks.push({ kind, text, at: this.#offset + this.#at })
    this.#emit(kind === 'text' ? `'${name}'` : kind === 'name' ? `"${name}"` : name, length)
  }

  #quoted(quote: string, kind: 'text' | 'name'): void {
    const raw = this.#match(quote === "'" ? /'(?:[^']|'')*'/y : /"(?:[^"]|"")*"/y)
    if (raw === undefined) throw this.#syntax(`the quote ${quote} is never closed`)
    const text = raw.slice(1, -1).replaceAll(quote + quote, quote)
    if (text.includes('\0')) throw this.#syntax('a text cannot hold the character NUL')
    if (kind === 'name' && text === '') throw this.#syntax('a name cannot be empty')
    this.#mark(kind, text, raw.length)
  }

  /** `U&'\\0041'`: code points by number. */
  #unicodeText(): void {
    const raw = this.#match(/u&'(?:[^']|'')*'/iy)
    if (raw === undefined) throw this.#syntax("the quote ' is never closed")
    const text = raw
      .slice(3, -1)
      .replaceAll("''", "'")
      .replace(/\\(?:([0-9a-f]{4})|\+([0-9a-f]{6})|(\\)|)/gi, (_, short, long, backslash) => {
        if (backslash !== undefined) return '\\'
        const code = Number.parseInt(String(short ?? long ?? ''), 16)
        if (code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) {
          return String.fromCodePoint(code)
        }
        throw this.#syntax('a code point is written \\0041 or \\+01F600')
      })
    this.#mark('text', text, raw.length)
  }

  #word(word: string): void {
    const lower = word.toLowerCase()
    if (markPattern.test(word) || lower.startsWith('sls_') || lower === '__src') {
      throw this.#query.refused(`the name ${word} is kept for Weir itself`, this.#offset + this.#at)
    }
    const after = this.#text.slice(this.#at + word.length)
    if (lower === 'u' && after.startsWith("&'")) return this.#unicodeText()
    if (after.startsWith("'")) {
      throw this.#syntax(`a text with the prefix ${word} is not supported`, "write 'text'")
    }
    const blanks = /^(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)*/.exec(after)![0]
    const opens = after[blanks.length] === '('
    // `filter (where ...)` is syntax, `filter(array, x -> ...)` a call.
    const syntax =
      lower === 'filter' ? /^\(\s*where\b/i.test(after.slice(blanks.length)) : notCalls.has(lower)
    if (opens && !syntax) {
      return this.#mark('call', word, word.length)
    }
    this.#emit(word, word.length)
  }

  #number(number: string): void {
    if (/^[A-Za-z0-9_."']/.test(this.#text.slice(this.#at + number.length))) {
      throw this.#syntax(`"${number}" is followed by something that is not part of a number`)
    }
    this.#emit(number, number.length)
  }
}
