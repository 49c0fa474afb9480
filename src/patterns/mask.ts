/** What stands for what varies. */
export const variable = '<*>'

/** Of a text, what is looked at. */
const charactersMax = 4096

/**
 * For engines that look before they call, as expressions that JavaScript and RE2 read alike: a text that is one
 * variable, and a text of which `maskOf` may change something.
 */
const hex = '[0-9a-fA-F]'
const ipv6 = `(?:::)?(?:${hex}+::?)*${hex}*[0-9]${hex}*(?:::?${hex}+)*`
export const wholeVaries = `[A-Za-z_.-]*[0-9][0-9A-Za-z_.-]*|${ipv6}`
export const mayVary = `[0-9]|:[^ ]*:|[\\x00-\\x1f]|  |^ | $|.{1000}`

const other = 0
const word = 1
const space = 2
const colon = 3
/** By character below 128; those above belong to words. */
const kinds = new Uint8Array(128).fill(word)
for (let code = 0; code <= 32; code++) kinds[code] = space
for (const sign of ',;=()[]{}"\'<>|/&?!') kinds[sign.charCodeAt(0)] = other
kinds[':'.charCodeAt(0)] = colon

const kindOf = (code: number): number => (code < 128 ? kinds[code]! : word)
const isDigit = (code: number): boolean => code >= 48 && code <= 57
const isHex = (code: number): boolean =>
  isDigit(code) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70)

/**
 * A text with `<*>` for each word that has a digit: numbers, addresses, times, ids, names with a number. Words end at
 * blanks and most signs; colons belong to times and IPv6 addresses. Blanks become one, and variables with nothing but a
 * sign between them too. Runs once a record, over character codes.
 */
export function maskOf(text: string): string {
  const end = Math.min(text.length, charactersMax)
  let masked = ''
  let at = 0
  while (at < end) {
    const kind = kindOf(text.charCodeAt(at))
    if (kind === space) {
      while (at < end && kindOf(text.charCodeAt(at)) === space) at++
      if (masked !== '' && at < end) masked += ' '
      continue
    }
    if (kind === other) {
      masked += text[at++]!
      continue
    }
    const begin = at
    at = wordEnd(text, begin, end)
    masked += varies(text, begin, at) ? variable : text.slice(begin, at)
  }
  return masked
}

/** Behind a word: a colon goes on with it between digits, and in what is hexadecimal so far, before more of it or a colon. */
function wordEnd(text: string, begin: number, end: number): number {
  let hexadecimal = true
  let at = begin
  for (; at < end; at++) {
    const code = text.charCodeAt(at)
    const kind = kindOf(code)
    if (kind === word) {
      hexadecimal &&= isHex(code) || code === 46
      continue
    }
    if (kind !== colon) break
    const next = at + 1 < end ? text.charCodeAt(at + 1) : 0
    if (at === begin && (next !== 58 || text.charCodeAt(at + 2) === 58)) return at + 1
    const inTime = at > begin && isDigit(text.charCodeAt(at - 1)) && isDigit(next)
    if (inTime || (hexadecimal && (isHex(next) || next === 58))) continue
    return at
  }
  return at
}

/** With a digit, or an IPv6 address that has none, as `fe::ab`. */
function varies(text: string, begin: number, end: number): boolean {
  let colons = 0
  for (let at = begin; at < end; at++) {
    const code = text.charCodeAt(at)
    if (isDigit(code)) return true
    if (code === 58) colons++
  }
  return colons >= 2 && end - begin > 2
}
