import { amountOf } from './money.ts'
import type { PriceItem } from './price-list.ts'

export interface Fee {
  /** Bytes within the free quota. */
  readonly free: bigint
  /** Bytes that no price is set for. */
  readonly unpriced: bigint
  /** In units of `amountOne`. */
  readonly amount: bigint
}

/** The bytes that an item counts. */
export const quantityOf = ({ percent }: Pick<PriceItem, 'percent'>, bytes: bigint): bigint =>
  (bytes * BigInt(percent)) / 100n

/**
 * What the next bytes cost. The free quota is the first part of the first tier: "(10 x 1024 - 5) x 2.5". So any
 * way to cut a month into hours gives the same sum.
 *
 * @param before bytes that went before them, of the same month, account and region
 */
export function feeOf(
  { free, tiers, per }: Pick<PriceItem, 'free' | 'tiers' | 'per'>,
  before: bigint,
  quantity: bigint,
): Fee {
  const after = before + quantity
  const within = (from: bigint, to: bigint): bigint => {
    const least = from > before ? from : before
    const most = to < after ? to : after
    return most > least ? most - least : 0n
  }
  let amount = 0n
  let unpriced = 0n
  let from = free
  for (const { upTo, price } of tiers) {
    const end = upTo ?? (after > from ? after : from)
    const bytes = within(from, end)
    if (price === undefined) unpriced += bytes
    else amount += amountOf(bytes, price, per)
    if (end > from) from = end
  }
  return { free: within(0n, free), unpriced, amount }
}
