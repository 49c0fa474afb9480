import { WeirError } from '../base/errors.ts'

/**
 * A place between two rows of a shard. As text it is the Base64 of a decimal number, like those of the cloud: the second,
 * and nine digits for the rows of it.
 */
export interface Cursor {
  /** Of receipt, Unix seconds. */
  readonly second: number
  /** Rows of that second that lie before, in the order in which they are pulled. */
  readonly skip: number
}

const skipDigits = 9

export const printCursor = ({ second, skip }: Cursor): string =>
  Buffer.from(`${second}${String(skip).padStart(skipDigits, '0')}`).toString('base64')

/** Throws InvalidCursor. */
export function parseCursor(text: string): Cursor {
  const digits = Buffer.from(text, 'base64').toString('latin1')
  const cursor = {
    second: Number(digits.slice(0, -skipDigits)),
    skip: Number(digits.slice(-skipDigits)),
  }
  if (/^\d{10,20}$/.test(digits) && printCursor(cursor) === text) return cursor
  throw new WeirError('InvalidCursor', `cursor ${JSON.stringify(text)} is invalid`)
}

export const isBefore = (one: Cursor, other: Cursor): boolean =>
  one.second < other.second || (one.second === other.second && one.skip < other.skip)
