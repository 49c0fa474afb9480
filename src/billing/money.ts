/**
 * Money without fractions: an amount is a whole number of units so small that a byte, or a byte for an
 * hour, times a price is never rounded. 1/2^30 is 5^30/10^30, a price has six decimals, a day 24 hours.
 */
import { WeirError } from '../base/errors.ts'

/** Units of `Amount` in one of the currency. */
export const amountOne = 24n * 10n ** 36n
/** "1 GB = 2^30": the page's examples count a TB as 1024 GB. */
export const gigabyte = 2n ** 30n

const priceDecimals = 6
/** What a byte costs at a price of a millionth a GB. */
const perByte = 24n * 5n ** 30n
const perByteHour = 5n ** 30n

/** Millionths of the currency of `2.5`. Throws ParameterInvalid. */
export function millionthsOf(text: string): bigint {
  const [, whole, decimals = ''] = /^(\d{1,9})(?:\.(\d{1,6}))?$/.exec(text) ?? []
  if (whole === undefined)
    throw new WeirError('ParameterInvalid', `${JSON.stringify(text)} is no price such as 2.5`, {
      hint: `At most ${priceDecimals} decimals`,
    })
  return BigInt(whole + decimals.padEnd(priceDecimals, '0'))
}

/** Of an amount as people write it: `100`, `12.50`. Throws ParameterInvalid. */
export const amountOfText = (text: string): bigint =>
  millionthsOf(text) * (amountOne / 10n ** BigInt(priceDecimals))

/** @param millionths what a GB costs, or a GB for a day of which `bytes` are there for an hour */
export const amountOf = (bytes: bigint, millionths: bigint, per: 'GB' | 'GB-day'): bigint =>
  bytes * millionths * (per === 'GB' ? perByte : perByteHour)

/** Rounded half up, away from zero, to cents: `63987.50`. */
export const amountText = (amount: bigint): string => textOf(amount, 2, amountOne / 2n)

/**
 * Cut off after six decimals: rounding these half up gives the same cents as rounding the amount does, while
 * rounding twice would not.
 */
export const amountDigits = (amount: bigint): string => textOf(amount, 6, 0n)

function textOf(amount: bigint, decimals: number, more: bigint): string {
  const size = amount < 0n ? -amount : amount
  const shown = (size * 10n ** BigInt(decimals) + more) / amountOne
  const digits = shown.toString().padStart(decimals + 1, '0')
  const sign = amount < 0n && shown > 0n ? '-' : ''
  return `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}
