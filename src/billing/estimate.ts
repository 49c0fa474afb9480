/** What a flow log would cost, from records of the same traffic. */
import { nameOfList, type Prices } from './bills.ts'
import { feeOf, quantityOf } from './fees.ts'
import { amountText } from './money.ts'
import { itemsOf } from './price-list.ts'

/** What records weigh if they are made with such a window. */
export interface Measured {
  readonly windowSeconds: number
  /** What access control said; `none` of records that tell of no traffic, which every flow log has. */
  readonly traffic: 'Allow' | 'Drop' | 'none'
  readonly records: number
  readonly bytes: number
}

export interface EstimatedOption {
  readonly windowSeconds: number
  readonly trafficType: 'All' | 'Allow' | 'Drop'
  readonly recordsPerDay: number
  readonly bytesPerDay: number
  /** Of 30 such days, the month's free quotas taken off: generation, and what the log service takes for writing. */
  readonly amount: string
  /** Bytes against all traffic with the shortest window that could be measured: -87 is 87 % less. */
  readonly percent: number
}

export interface Estimate {
  readonly currency: string
  readonly prices: string
  /** What was looked at, seconds. */
  readonly seconds: number
  readonly options: readonly EstimatedOption[]
}

const daySeconds = 86_400
const monthDays = 30
const trafficTypes = ['All', 'Allow', 'Drop'] as const

/** @param seconds how long the traffic went on that was measured */
export function estimate(measured: readonly Measured[], seconds: number, prices: Prices): Estimate {
  const { list, plan } = prices
  const windows = [...new Set(measured.map(({ windowSeconds }) => windowSeconds))].toSorted(
    (a, b) => a - b,
  )
  const sums = windows.flatMap((windowSeconds) =>
    trafficTypes.map((trafficType) => {
      const parts = measured.filter(
        (each) =>
          each.windowSeconds === windowSeconds &&
          (trafficType === 'All' || each.traffic === 'none' || each.traffic === trafficType),
      )
      const sum = (key: 'records' | 'bytes') => parts.reduce((total, part) => total + part[key], 0)
      return { windowSeconds, trafficType, records: sum('records'), bytes: sum('bytes') }
    }),
  )
  const most = sums[0]?.bytes ?? 0
  return {
    currency: list.currency,
    prices: nameOfList(list),
    seconds,
    options: sums.map(({ records, bytes, ...option }) => ({
      ...option,
      recordsPerDay: Math.round((records * daySeconds) / seconds),
      bytesPerDay: Math.round((bytes * daySeconds) / seconds),
      amount: monthAmount(bytes, seconds, { list, plan }),
      percent: most === 0 ? 0 : Math.round((bytes / most - 1) * 1000) / 10,
    })),
  }
}

function monthAmount(bytes: number, seconds: number, { list, plan }: Prices): string {
  const month = (BigInt(bytes) * BigInt(monthDays * daySeconds)) / BigInt(Math.ceil(seconds))
  const amount = itemsOf(list, plan)
    .filter((item) => item.of === 'generated')
    .reduce((sum, item) => sum + feeOf(item, 0n, quantityOf(item, month)).amount, 0n)
  return amountText(amount)
}
