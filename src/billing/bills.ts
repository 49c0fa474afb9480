/** Bills: what each hour's usage costs, made once, some hours after it. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { cycleAt, cycleSeconds, monthAt, monthRange } from './cycles.ts'
import { feeOf, quantityOf } from './fees.ts'
import { itemsOf, type LogServicePlan, type PriceItem, type PriceList } from './price-list.ts'
import { inTransaction } from './tables.ts'
import type { Usage, UsageBook } from './usage.ts'

/** "Bills are generated hourly, typically 3 to 4 hours after each billing cycle ends." */
export const billAfterSeconds = 3 * 3600

/** A figure of a bill: one item of one flow log, or of what it fills, in one hour. */
export interface BillLine {
  /** The first second of the hour. */
  readonly cycle: number
  /** `2026-11`, in the time zone of the price list. */
  readonly month: string
  readonly account: string
  readonly region: string
  readonly flowLog: string
  readonly target: string
  readonly item: string
  readonly per: PriceItem['per']
  /** Bytes, or bytes that were there for the hour. */
  readonly quantity: bigint
  readonly free: bigint
  readonly unpriced: bigint
  /** In units of `amountOne`. */
  readonly amount: bigint
  /** Of the list that it is priced by, as a bill keeps it. */
  readonly currency: string
  /** The name and the date of that list. */
  readonly prices: string
  /** Not yet: its bill is to come. */
  readonly billed: boolean
}

export interface Prices {
  readonly list: PriceList
  readonly plan: LogServicePlan
}

/** As people are told it: `cloud list prices, China (mainland), 2026-11-22`. */
export const nameOfList = ({ name, date }: PriceList): string => `${name}, ${date}`

/** Told of each bill within its transaction. */
export type OnBill = (account: string, cycle: number, amount: bigint) => void

const columns =
  'cycle, month, account, region, flow_log, target, item, per, quantity, free, unpriced, amount'

export class Bills {
  readonly #db: DatabaseSync
  readonly #usage: UsageBook
  readonly #prices: Prices
  readonly #put: StatementSync
  readonly #close: StatementSync
  readonly #lines: StatementSync
  readonly #before: StatementSync

  constructor(db: DatabaseSync, usage: UsageBook, prices: Prices) {
    this.#db = db
    this.#usage = usage
    this.#prices = prices
    this.#put = db.prepare(
      `INSERT INTO billing_lines (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#close = db.prepare('INSERT INTO billing_cycles VALUES (?, ?, ?, ?)')
    this.#lines = db.prepare(
      `SELECT ${columns}, prices, currency FROM billing_lines JOIN billing_cycles USING (cycle)
      WHERE month = ? ORDER BY number`,
    )
    this.#before = db.prepare(
      `SELECT account, region, item, sum(quantity) AS quantity FROM billing_lines WHERE month = ? AND per = 'GB'
      GROUP BY account, region, item`,
    )
    for (const statement of [this.#lines, this.#before]) statement.setReadBigInts(true)
  }

  /**
   * Makes every bill that is due, the oldest first, each in one transaction; what was due while nothing ran too.
   * @returns how many
   */
  makeDue(now: number, onBill: OnBill): number {
    const { list } = this.#prices
    const due = this.#usage.open(now - billAfterSeconds - cycleSeconds)
    for (const cycle of due)
      inTransaction(this.#db, () => {
        const lines = this.#price(
          this.#usage.of(cycle),
          this.#sums(monthAt(cycle, list.zone)),
          true,
        )
        for (const line of lines)
          this.#put.run(
            line.cycle,
            line.month,
            line.account,
            line.region,
            line.flowLog,
            line.target,
            line.item,
            line.per,
            line.quantity,
            line.free,
            line.unpriced,
            String(line.amount),
          )
        this.#close.run(cycle, Math.floor(now), nameOfList(list), list.currency)
        for (const [account, its] of Map.groupBy(lines, (line) => line.account))
          onBill(
            account,
            cycle,
            its.reduce((sum, { amount }) => sum + amount, 0n),
          )
      })
    return due.length
  }

  /** A month's, in order: those of bills that were made, and what later hours cost as it stands. */
  month(month: string): BillLine[] {
    const { zone } = this.#prices.list
    const range = monthRange(month, zone)
    const made = this.#lines.all(month).map(lineOf)
    const from = Math.max(range.from, this.#usage.billedThrough() + 1)
    const open = this.#usage
      .between(cycleAt(from, zone), range.to)
      .filter(({ cycle }) => cycle > this.#usage.billedThrough() && cycle >= range.from)
    return [...made, ...this.#price(open, this.#sums(month), false)]
  }

  #sums(month: string): Map<string, bigint> {
    return new Map(
      this.#before
        .all(month)
        .map((row) => [
          JSON.stringify([row['account'], row['region'], row['item']]),
          BigInt(row['quantity'] as bigint),
        ]),
    )
  }

  /** @param sums bytes of the month so far by account, region and item; what is priced is added */
  #price(usage: readonly Usage[], sums: Map<string, bigint>, billed: boolean): BillLine[] {
    const { list, plan } = this.#prices
    const items = itemsOf(list, plan)
    return usage.flatMap(({ kind, bytes, ...use }) =>
      items
        // Of what went to no logstore the log service takes nothing.
        .filter((item) => item.of === kind && (use.target !== '' || item.plan === undefined))
        .map((item): BillLine => {
          const quantity = quantityOf(item, bytes)
          // What is stored is measured anew each hour: its free quota too.
          const hour = item.per === 'GB' ? [] : [use.cycle]
          const key = JSON.stringify([use.account, use.region, item.item, ...hour])
          const before = sums.get(key) ?? 0n
          sums.set(key, before + quantity)
          return {
            ...use,
            month: monthAt(use.cycle, list.zone),
            currency: list.currency,
            prices: nameOfList(list),
            item: item.item,
            per: item.per,
            quantity,
            ...feeOf(item, before, quantity),
            billed,
          }
        }),
    )
  }
}

const lineOf = (row: Record<string, unknown>): BillLine => ({
  cycle: Number(row['cycle']),
  month: String(row['month']),
  account: String(row['account']),
  region: String(row['region']),
  flowLog: String(row['flow_log']),
  target: String(row['target']),
  item: String(row['item']),
  per: row['per'] === 'GB' ? 'GB' : 'GB-day',
  quantity: BigInt(row['quantity'] as bigint),
  free: BigInt(row['free'] as bigint),
  unpriced: BigInt(row['unpriced'] as bigint),
  amount: BigInt(String(row['amount'])),
  currency: String(row['currency']),
  prices: String(row['prices']),
  billed: true,
})
