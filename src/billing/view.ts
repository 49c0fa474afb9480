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
}

export interface FreeQuota {
  readonly account: string
  readonly region: string
  readonly item: string
  readonly bytes: number
  readonly leftBytes: number
  /** At the rate of the last day; undefined when nothing is used. */
  readonly daysLeft?: number
}

const hoursOfDay = 24

const sumOf = (lines: readonly BillLine[], key: 'quantity' | 'free' | 'unpriced' | 'amount') =>
  lines.reduce((sum, line) => sum + line[key], 0n)

export const amountOfLines = (lines: readonly BillLine[]): string =>
  amountDigits(sumOf(lines, 'amount'))

export function rowsOf(lines: readonly BillLine[], by: BillGrouping, zone: string): BillRow[] {
  const of = ({ cycle, flowLog, target }: BillLine): string => {
    if (by === 'item') return ''
    if (by === 'flow-log') return flowLog === '' ? target : flowLog
    return by === 'day' ? dayAt(cycle, zone) : String(cycle)
  }
  const groups = Map.groupBy(lines, (line) =>
    JSON.stringify([of(line), line.account, line.region, line.item]),
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
    }
  })
}

/** Of each account and region that used something of an item with a free quota this month. */
export function freeQuotasOf(
  lines: readonly BillLine[],
  { list, plan }: Prices,
  now: number,
): FreeQuota[] {
  const items = itemsOf(list, plan).filter(({ free, per }) => free > 0n && per === 'GB')
  const groups = Map.groupBy(lines, ({ account, region, item }) =>
    JSON.stringify([account, region, item]),
  )
  return [...groups.values()].flatMap((group) => {
    const [{ account, region, item: name }] = group as [BillLine]
    const item = items.find((each) => each.item === name)
    if (item === undefined) return []
    const used = sumOf(group, 'quantity')
    const left = Number(item.free > used ? item.free - used : 0n)
    const dayAgo = now - hoursOfDay * 3600
    const recent = Number(
      sumOf(
        group.filter(({ cycle }) => cycle >= dayAgo),
        'quantity',
      ),
    )
    const began = Math.min(...group.map(({ cycle }) => cycle))
    const days = daysLeft(left, recent, now - Math.max(began, dayAgo))
    const base = { account, region, item: name, bytes: Number(item.free), leftBytes: left }
    return [days === undefined ? base : { ...base, daysLeft: days }]
  })
}
