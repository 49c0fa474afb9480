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
