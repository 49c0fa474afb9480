/**
 * billing/: what flow logs cost. It counts bytes that it is told about and knows no record, no VPC and no log
 * store.
 *
 * Every batch of a flow log's records is weighed (record-size) and counted once, in the hour it is stored in
 * (meter, usage, cycles). Hours after, each hour gets its bill (bills) by a price list, which is a data file
 * (price-list, fees, money), shown as a table (view). Where overdue rules are configured, bills take from an account's
 * money (accounts), and a debt has steps (overdue). traffic-cost and estimate put prices to what queries answer;
 * runway says how long disk and free quotas last.
 *
 * Left out: who asks, and what suspending a flow log is. `programs/` hands both in.
 */
import type { DatabaseSync } from 'node:sqlite'
import { type ColumnBatch, copyBatch } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { type AccountStanding, Accounts, checkCurrency, type OverdueEffects } from './accounts.ts'
import { type BillLine, Bills, nameOfList, type Prices } from './bills.ts'
import { cycleAt, cycleSeconds, monthAt, monthRange } from './cycles.ts'
import { type IsStored, Meter, type MeteredBatch, type MeteredPart } from './meter.ts'
import { amountOfText, amountDigits } from './money.ts'
import type { OverdueRules } from './overdue.ts'
import { recordSizes, sumByTexts } from './record-size.ts'
import { DiskBook, type DiskRunway } from './runway.ts'
import { inTransaction, prepareBillingTables } from './tables.ts'
import { type Usage, UsageBook } from './usage.ts'
import {
  type BillGrouping,
  type BillRow,
  type BillSum,
  type FreeQuota,
  freeQuotasOf,
  rowsOf,
  sumsOf,
} from './view.ts'

export { amount, cloudPrices, logServicePlans, readPriceList } from './price-list.ts'
export type { LogServicePlan, PriceList } from './price-list.ts'
export type { OverdueEffects } from './accounts.ts'
export type { Prices } from './bills.ts'
export type { MeteredBatch } from './meter.ts'
export type { OverdueRules } from './overdue.ts'
export { billGroupings } from './view.ts'
export type { BillGrouping, BillRow, FreeQuota } from './view.ts'
export { estimate } from './estimate.ts'
export type { Estimate, EstimatedOption, Measured } from './estimate.ts'
export {
  emptyTrafficPrices,
  readTrafficPrices,
  trafficCosts,
  trafficGroupings,
} from './traffic-cost.ts'
export type { TrafficCosts, TrafficGrouping, TrafficPrices } from './traffic-cost.ts'

/** Where a record says what it is made of, and whose it is. */
export interface RecordShape {
  readonly fields: readonly string[]
  readonly account: string
  readonly network: string
}

export interface BillingThings {
  readonly db: DatabaseSync
  readonly prices: Prices
  /** Undefined: bills are made, and nobody has to pay them. */
  readonly overdue: OverdueRules | undefined
  readonly effects: OverdueEffects
  readonly shape: RecordShape
  /** Who pays for the records of an account and a network (a VPC's id), where they say so. */
  readonly ownerOf: (
    account: string | undefined,
    network: string | undefined,
  ) => { readonly account: string; readonly region: string }
  /** The traffic analyzer that gets the records of a flow log too. */
  readonly analyzerOf: (flowLog: string) => string | undefined
  readonly isStored: IsStored
  /** What logstores (PROJECT/LOGSTORE) and analyzers (their ids) hold now: asked once an hour of those that were filled. */
  readonly stored: (targets: readonly string[]) => Promise<readonly StoredBytes[]>
  /** Of the disk that everything is kept on. */
  readonly freeBytes: () => number
  /** Unix seconds. */
  readonly now: () => number
  readonly log: Log
}

export interface StoredBytes {
  readonly target: string
  readonly bytes: bigint
  /** Of it what is older than `storedLongSeconds`. */
  readonly longBytes: bigint
}

/** Writing by data volume pays for a month of keeping. */
export const storedLongSeconds = 30 * 86_400

export interface BillRequest {
  /** `2026-11`; the current one unless told. */
  readonly month?: string
  /** Unless told `item`. */
  readonly by?: BillGrouping
  readonly flowLog?: string
  readonly account?: string
  readonly region?: string
}

/** Amounts are decimal text in `currency`, cut off after six decimals, bytes are of 2^30 to a GB. */
export interface Bill {
  readonly month: string
  /** Its days and months are those of this time zone. */
  readonly zone: string
  readonly currency: string
  /** The name of the price list, and its date; of each where there were several. */
  readonly prices: string
  readonly logService: Prices['plan']
  /** Of what is priced in `currency`. */
  readonly total: string
  /** Of it what is in bills that were made; the others come 3 to 4 hours after their hour. */
  readonly billed: string
  /** What bills say that were made by a price list of another currency. */
  readonly others: readonly BillSum[]
  /** The end of the latest hour with a bill, Unix seconds; 0 before the first. */
  readonly billedThrough: number
  readonly rows: readonly BillRow[]
  readonly freeQuotas: readonly FreeQuota[]
  readonly accounts: readonly Standing[]
  readonly disk: { readonly freeBytes: number; readonly daysLeft?: number }
}

/** Times are Unix seconds. */
export interface Standing {
  readonly account: string
  readonly balance: string
  readonly state: AccountStanding['state']['name']
  readonly since?: number
  readonly nextStepAt?: number
}

const tickMilliseconds = 60_000

export class Billing {
  readonly #things: BillingThings
  readonly #usage: UsageBook
  readonly #bills: Bills
  readonly #meter: Meter
  readonly #disk: DiskBook
  readonly #accounts: Accounts | undefined
  #timer: NodeJS.Timeout | undefined
  #ticking: Promise<void> | undefined
  #problem: string | undefined

  /**
   * Settles what an earlier run left, so the store must be open and take nothing yet. Throws ConfigInvalid for overdue
   * rules by a price list of another currency than the bills that were charged.
   */
  constructor(things: BillingThings) {
    const { db, prices, overdue, effects, isStored } = things
    this.#things = things
    prepareBillingTables(db)
    if (overdue !== undefined) checkCurrency(db, prices.list.currency)
    this.#usage = new UsageBook(db)
    this.#bills = new Bills(db, this.#usage, prices)
    this.#meter = new Meter(db, this.#usage, isStored)
    this.#disk = new DiskBook(db)
    this.#accounts = overdue === undefined ? undefined : new Accounts(db, overdue, effects)
  }

  /**
   * Has a batch of a flow log's records stored and counts it. It is copied before the call returns. Throws what `store`
   * throws, and what the disk says when there is no place for the note of it.
   */
  store<Result>(
    batch: MeteredBatch,
    records: ColumnBatch,
    store: (records: ColumnBatch) => Promise<Result>,
  ): Promise<Result> {
    const copy = copyBatch(records)
    return this.#meter.store(batch, this.#cycle(), this.#parts(batch, copy), () => store(copy))
  }

  /**
   * Counts what a run of a job read and wrote, in this hour. A job's runs have ever later moments: one that is counted
   * again, since a crash came before its end, counts once.
   * @param job tells it from every other job, also from one that had its name
   */
  countRun(job: string, moment: number, usage: Omit<Usage, 'cycle' | 'kind' | 'flowLog'>): void {
    if (!this.#isBilled(usage)) return
    const cycle = this.#cycle()
    inTransaction(this.#things.db, () => {
      if (this.#usage.isNewRun(job, moment))
        this.#usage.add({ ...usage, cycle, kind: 'transformed', flowLog: '' })
    })
  }

  start(): void {
    const tick = (): void => {
      this.#ticking = this.tick().catch((error: unknown) => {
        this.#problem = `bills are not made: ${String(error)}`
        this.#things.log.error('bills are not made', { reason: String(error) })
      })
    }
    tick()
    this.#timer = setInterval(tick, tickMilliseconds)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#ticking
    await this.#meter.settled()
  }

  problems(): readonly string[] {
    return this.#problem === undefined ? [] : [this.#problem]
  }

  /** What is due now: measures the hour that goes on, makes bills, and takes accounts a step further. */
  async tick(): Promise<void> {
    const { now, freeBytes, log } = this.#things
    const cycle = this.#cycle()
    this.#disk.note(cycle, freeBytes())
    await this.#measureStored(cycle)
    const made = this.#bills.makeDue(now(), (account, billed, amount) =>
      this.#accounts?.charge(account, billed, amount, now()),
    )
    if (made > 0) log.info('bills are made', { hours: made })
    await this.#accounts?.advance(Math.floor(now()))
    this.#problem = undefined
  }

  /** "stopping a flow log stops generation fees, stored logs go on costing" */
  async #measureStored(cycle: number): Promise<void> {
    if (this.#usage.has(cycle, 'stored')) return
    const logstores = this.#usage.targets('generated')
    const analyzers = this.#usage.targets('analyzed')
    const isAnalyzer = new Set(analyzers.map(({ target }) => target))
    const owners = new Map([...logstores, ...analyzers].map((owner) => [owner.target, owner]))
    for (const { target, bytes, longBytes } of await this.#things.stored([...owners.keys()])) {
      const { account, region } = owners.get(target)!
      if (this.isSuspended(account)) continue
      const use = { cycle, account, region, flowLog: '', target }
      if (isAnalyzer.has(target)) this.#usage.note({ ...use, kind: 'analysisStored', bytes })
      else {
        this.#usage.note({ ...use, kind: 'stored', bytes })
        this.#usage.note({ ...use, kind: 'storedLong', bytes: longBytes })
      }
    }
  }

  /** Throws ParameterInvalid. */
  bill({ month, by = 'item', ...only }: BillRequest): Bill {
    const { now, prices } = this.#things
    const { list, plan } = prices
    const wanted = month ?? monthAt(now(), list.zone)
    const lines = this.#bills.month(wanted)
    const chosen = lines.filter((line) => fits(line, only))
    const range = monthRange(wanted, list.zone)
    const billed = this.#usage.billedThrough()
    const isNow = now() >= range.from && now() < range.to
    const [own, ...others] = sumsOf(chosen, list.currency)
    const lists = new Set(chosen.map((line) => line.prices))
    return {
      month: wanted,
      zone: list.zone,
      ...own,
      others,
      prices: lists.size === 0 ? nameOfList(list) : [...lists].join('; '),
      logService: plan,
      billedThrough: billed < 0 ? 0 : billed + cycleSeconds,
      rows: rowsOf(chosen, by, list.zone),
      freeQuotas: freeQuotasOf(
        lines.filter((line) => fits(line, { ...only, flowLog: undefined })),
        isNow ? this.#linesOfDay(range.from, lines) : [],
        { prices, now: now(), renewedAt: isNow ? range.to : undefined },
      ),
      accounts: this.#standings(only.account),
      disk: withoutUndefined(this.runway()),
    }
  }

  /** Those of the last day, also of the month before when this one is younger. @param lines of this month */
  #linesOfDay(monthBegan: number, lines: readonly BillLine[]): readonly BillLine[] {
    const { now, prices } = this.#things
    const since = now() - 86_400
    const before =
      since < monthBegan ? this.#bills.month(monthAt(monthBegan - 1, prices.list.zone)) : []
    return [...before, ...lines].filter(({ cycle }) => cycle >= since)
  }

  /** How long the disk lasts. */
  runway(): DiskRunway {
    const { now, freeBytes } = this.#things
    return this.#disk.runway(now(), freeBytes())
  }

  /**
   * Pays into an account. Throws ParameterInvalid, also where no overdue rules are configured.
   * @param amount such as `100` or `12.50`
   */
  async topUp(account: string, amount: string): Promise<Standing> {
    if (this.#accounts === undefined)
      throw new WeirError('ParameterInvalid', 'accounts hold no money here', {
        hint: 'Bills are only shown; billing: { overdue: { protectionLimit: "100" } } in weir.yaml changes that',
      })
    const standing = await this.#accounts.topUp(
      account,
      amountOfText(amount),
      Math.floor(this.#things.now()),
    )
    return standingOf(standing)
  }

  /** Whether its flow logs are stopped for a debt: nothing can be done with them then. */
  isSuspended(account: string): boolean {
    return this.#accounts?.isSuspended(account) ?? false
  }

  #standings(account: string | undefined): Standing[] {
    const all = this.#accounts?.standings() ?? []
    return all.filter((each) => account === undefined || each.account === account).map(standingOf)
  }

  /** "After the VPC flow log is stopped, billing also stops" */
  #isBilled({ account }: { readonly account: string }): boolean {
    return !this.isSuspended(account)
  }

  #cycle(): number {
    return cycleAt(this.#things.now(), this.#things.prices.list.zone)
  }

  #parts({ id }: MeteredBatch, records: ColumnBatch): MeteredPart[] {
    const { shape, ownerOf, analyzerOf } = this.#things
    const analyzer = analyzerOf(id.flowLog)
    const sizes = recordSizes(records, shape.fields)
    return sumByTexts(records, sizes, [shape.account, shape.network])
      .map(({ values, bytes }) => ({ ...ownerOf(...values), bytes, analyzer }))
      .filter((part) => this.#isBilled(part))
  }
}

function fits(
  line: BillLine,
  {
    flowLog = line.flowLog,
    account = line.account,
    region = line.region,
  }: { flowLog?: string | undefined; account?: string; region?: string },
): boolean {
  return line.flowLog === flowLog && line.account === account && line.region === region
}

const standingOf = ({ account, balance, state, nextStepAt }: AccountStanding): Standing => ({
  account,
  balance: amountDigits(balance),
  state: state.name,
  ...(state.name === 'normal' ? {} : { since: state.since }),
  ...(nextStepAt === undefined ? {} : { nextStepAt }),
})

const withoutUndefined = ({ freeBytes, daysLeft }: DiskRunway): Bill['disk'] =>
  daysLeft === undefined ? { freeBytes } : { freeBytes, daysLeft }
