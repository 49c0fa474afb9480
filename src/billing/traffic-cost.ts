/** What the traffic itself costs: bytes by path and direction times a price table that the user keeps. */
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { amountOf, amountDigits } from './money.ts'
import { currency, day, price, readYaml } from './price-list.ts'

const row = z.strictObject({
  says: z.string().min(1).max(64),
  /** Codes of traffic paths. */
  paths: z.array(z.int().min(0).max(255)).min(1),
  direction: z.enum(['in', 'out', 'both']),
  /** Of a GB; none: traffic is shown, and costs nothing. */
  price: price.optional(),
})

const table = z.strictObject({ currency, date: day, rows: z.array(row).min(1) })

export type TrafficPrices = z.infer<typeof table>

/** Rows without prices: what a contract says is not known here. */
export const emptyTrafficPrices = fileURLToPath(new URL('./prices/traffic.yaml', import.meta.url))

/** @throws WeirError FileUnreadable, ConfigInvalid */
export const readTrafficPrices = (path: string): TrafficPrices => readYaml(path, table)

export const trafficGroupings = ['path', 'instance', 'peer'] as const
export type TrafficGrouping = (typeof trafficGroupings)[number]

/** Traffic that was accepted, as a query added it up. */
export interface TrafficSum {
  /** Undefined where a record says none. */
  readonly path: number | undefined
  readonly direction: string
  /** The instance or the peer; empty by path. */
  readonly of: string
  readonly bytes: bigint
  readonly records: number
  /** The search that finds these records. */
  readonly query: string
}

export interface TrafficCost extends Omit<TrafficSum, 'bytes'> {
  readonly bytes: number
  /** The row of the price table, where one fits. */
  readonly says?: string
  /** Cut off after six decimals; absent where no price is set. */
  readonly amount?: string
}

export interface TrafficCosts {
  readonly currency: string
  /** The date of the price table. */
  readonly date: string
  /** Of the rows with a price. */
  readonly total: string
  /** The most bytes first. */
  readonly rows: readonly TrafficCost[]
}

export function trafficCosts(sums: readonly TrafficSum[], prices: TrafficPrices): TrafficCosts {
  let total = 0n
  const rows = sums.map(({ bytes, ...sum }): TrafficCost => {
    const fitting = prices.rows.find(
      ({ paths, direction }) =>
        sum.path !== undefined &&
        paths.includes(sum.path) &&
        (direction === 'both' || direction === sum.direction),
    )
    const base = { ...sum, bytes: Number(bytes) }
    if (fitting === undefined) return base
    if (fitting.price === undefined) return { ...base, says: fitting.says }
    const amount = amountOf(bytes, fitting.price, 'GB')
    total += amount
    return { ...base, says: fitting.says, amount: amountDigits(amount) }
  })
  return {
    currency: prices.currency,
    date: prices.date,
    total: amountDigits(total),
    rows: rows.toSorted((a, b) => b.bytes - a.bytes),
  }
}
