/** A month's bill as it is shown: lines added up, and what is left of the free quotas. */
import { dayAt } from './cycles.ts'
import type { BillLine, Prices } from './bills.ts'
import { amountDigits } from './money.ts'
import { itemsOf } from './price-list.ts'
import { daysLeft } from './runway.ts'

export const billGroupings = ['item', 'day', 'flow-log', 'hour'] as const
export type BillGrouping = (typeof billGroupings)[number]

/** Bytes are of 2^30 to a GB. For what is stored they are a mean over the hours of the row. */
export interface BillRow {
  /**
   * A day, a flow log (or what of none is about: PROJECT/LOGSTORE), or an hour's first second as Unix seconds; empty
   * by item.
   */
  readonly of: string
  readonly account: string
  readonly region: string
  readonly item: string
  readonly bytes: number
  readonly freeBytes: number
  /** Bytes that no price is set for: they are not in the amount. */
  readonly unpricedBytes: number
  /** Cut off after six decimals; sums are of what was not cut. */
  readonly amount: string
  readonly currency: string
}

/** What a month costs in one currency: bills keep that of the price list they were made by. */
export interface BillSum {
  readonly currency: string
  readonly total: string
  /** Of it what is in bills that were made. */
  readonly billed: string
}

export interface FreeQuota {
  readonly account: string
  readonly region: string
  readonly item: string
  readonly bytes: number
  readonly leftBytes: number
  /** At the rate of the last day; absent when nothing was used then, and of other months than this. */
  readonly daysLeft?: number
  /** Until the next month, which has a quota of its own; absent of other months than this. */
  readonly renewedInDays?: number
}

const daySeconds = 86_400

const sumOf = (lines: readonly BillLine[], key: 'quantity' | 'free' | 'unpriced' | 'amount') =>
  lines.reduce((sum, line) => sum + line[key], 0n)

const amountOfLines = (lines: readonly BillLine[]): string => amountDigits(sumOf(lines, 'amount'))

/** @param currency comes first, also where nothing costs that */
export function sumsOf(
  lines: readonly BillLine[],
  currency: string,
): readonly [BillSum, ...BillSum[]] {
  const of = (one: string): BillSum => {
    const its = lines.filter((line) => line.currency === one)
    return {
      currency: one,
      total: amountOfLines(its),
      billed: amountOfLines(its.filter(({ billed }) => billed)),
    }
  }
  const others = new Set(lines.map((line) => line.currency))
  others.delete(currency)
  return [of(currency), ...[...others].map(of)]
}

export function rowsOf(lines: readonly BillLine[], by: BillGrouping, zone: string): BillRow[] {
  const of = ({ cycle, flowLog, target }: BillLine): string => {
    if (by === 'item') return ''
    if (by === 'flow-log') return flowLog === '' ? target : flowLog
    return by === 'day' ? dayAt(cycle, zone) : String(cycle)
  }
  const groups = Map.groupBy(lines, (line) =>
    JSON.stringify([of(line), line.account, line.region, line.item, line.currency]),
  )
  return [...groups.values()].map((group) => {
    const [line] = group as [BillLine]
    const mean = line.per === 'GB' ? 1n : BigInt(new Set(group.map(({ cycle }) => cycle)).size)
    return {
      of: of(line),
      account: line.account,
      region: line.region,
      item: line.item,
      bytes: Number(sumOf(group, 'quantity') / mean),
      freeBytes: Number(sumOf(group, 'free') / mean),
      unpricedBytes: Number(sumOf(group, 'unpriced') / mean),
      amount: amountOfLines(group),
      currency: line.currency,
    }
  })
}

/**
 * Of each account and region that used something of an item with a free quota in a month.
 * @param lines of the month
 * @param lately those of the last day, in whatever month; none where the month is not this one
 */
export function freeQuotasOf(
  lines: readonly BillLine[],
  lately: readonly BillLine[],
  { prices: { list, plan }, now, renewedAt }: FreeQuotaTimes,
): FreeQuota[] {
  const items = itemsOf(list, plan).filter(({ free, per }) => free > 0n && per === 'GB')
  const key = ({ account, region, item }: BillLine) => JSON.stringify([account, region, item])
  const ofDay = Map.groupBy(lately, key)
  return [...Map.groupBy(lines, key)].flatMap(([name, group]) => {
    const [{ account, region, item: itemName }] = group as [BillLine]
    const item = items.find((each) => each.item === itemName)
    if (item === undefined) return []
    const used = sumOf(group, 'quantity')
    const left = Number(item.free > used ? item.free - used : 0n)
    const base = { account, region, item: itemName, bytes: Number(item.free), leftBytes: left }
    if (renewedAt === undefined) return [base]
    const recent = ofDay.get(name) ?? []
    const began = Math.min(...recent.map(({ cycle }) => cycle))
    const days = daysLeft(left, Number(sumOf(recent, 'quantity')), now - began)
    const renewedInDays = (renewedAt - now) / daySeconds
    return [{ ...base, renewedInDays, ...(days === undefined ? {} : { daysLeft: days }) }]
  })
}

interface FreeQuotaTimes {
  readonly prices: Prices
  readonly now: number
  /** When the next month begins; undefined: the lines are of another month than this. */
  readonly renewedAt: number | undefined
}
