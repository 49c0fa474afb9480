import { WeirError } from '../base/errors.ts'
import type { ErrorCode } from '../base/errors.ts'

/** `line 1:44`: line and column, both from 1, of `offset` in the whole query text. */
export function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  return `line ${before.split('\n').length}:${offset - lineStart + 1}`
}

/** Makes the errors of one query: each says where in the text of the user it is. */
export class QueryText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  error(code: ErrorCode, message: string, offset: number, hint?: string): WeirError {
    const place = placeOf(this.text, Math.min(offset, this.text.length))
    return new WeirError(code, message, hint === undefined ? { place } : { place, hint })
  }

  syntax(message: string, offset: number, hint?: string): WeirError {
    return this.error('QuerySyntax', message, offset, hint)
  }

  refused(message: string, offset: number, hint?: string): WeirError {
    return this.error('QueryRefused', message, offset, hint)
  }
}

/** The candidate that is fewest edits away from `name`, when it is near enough to be meant. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.slice(0, 64).toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(previous[j]! + 1, row[j - 1]! + 1, substitution))
    }
    previous = row
  }
  return previous[b.length]!
}
