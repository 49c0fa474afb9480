/** The token that lets an agent in, from its file. */
import { readFileSync } from 'node:fs'
import { WeirError } from '../base/errors.ts'

const lengthMin = 16

/**
 * @throws WeirError FileUnreadable; ConfigInvalid when what is in it can be guessed, or is no token
 */
export function readToken(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw new WeirError('FileUnreadable', `cannot read the token: ${(cause as Error).message}`, {
      place: path,
      cause,
    })
  }
  if (text.length >= lengthMin && /^[\x21-\x7e]{1,1024}$/.test(text)) return text
  throw new WeirError('ConfigInvalid', `a token is one word of ${lengthMin} characters or more`, {
    place: path,
    hint: 'Make one with: openssl rand -hex 32 > FILE',
  })
}
