/** How much of a thing an account may have. Each change is kept with who and when; the last one counts. */
import type { DatabaseSync } from 'node:sqlite'
import { WeirError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { type UnixSeconds, unixSeconds } from '../base/time.ts'

/** "The maximum number of flow log instances that a user can create." By default 10, and adjustable. */
export const flowLogQuota = 'vpc_quota_flowlog_inst_nums_per_user'

const defaults: Readonly<Record<string, number>> = { [flowLogQuota]: 10 }
/** Each flow log is looked at for each batch of records. */
const valueMax = 10_000

export interface Quota {
  readonly name: string
  readonly account: string
  readonly value: number
  readonly used: number
  /** Of the last change; absent while it is the default. */
  readonly at?: UnixSeconds
  readonly by?: string
}

export class Quotas {
  readonly #database: DatabaseSync
  readonly #used: (account: string) => number
  readonly #now: () => UnixSeconds

  /** @param used how many flow logs of an account count */
  constructor(
    database: DatabaseSync,
    used: (account: string) => number,
    now: () => UnixSeconds = () => unixSeconds(Date.now() / 1000),
  ) {
    this.#database = database
    this.#used = used
    this.#now = now
  }

  list(account: string): Quota[] {
    return Object.keys(defaults).map((name) => this.get(name, account))
  }

  /** Throws NotFound. */
  get(name: string, account: string): Quota {
    const standard = Object.hasOwn(defaults, name) ? defaults[name] : undefined
    if (standard === undefined) throw unknown(name)
    const row = this.#database
      .prepare(
        'SELECT value, at, by FROM flow_log_quotas WHERE name = ? AND account = ? ORDER BY number DESC LIMIT 1',
      )
      .get(name, account)
    const quota = { name, account, used: this.#used(account) }
    if (row === undefined) return { ...quota, value: standard }
    const { value, at, by } = row
    return { ...quota, value: Number(value), at: unixSeconds(Number(at)), by: String(by) }
  }

  /** What is there already stays, also when it is more. Throws NotFound, ParameterInvalid. */
  set(name: string, account: string, value: number, by: string): Quota {
    this.get(name, account)
    if (!Number.isSafeInteger(value) || value < 0 || value > valueMax)
      throw new WeirError('ParameterInvalid', `a quota is a number from 0 to ${valueMax}`)
    this.#database
      .prepare('INSERT INTO flow_log_quotas (name, account, value, at, by) VALUES (?, ?, ?, ?, ?)')
      .run(name, account, value, this.#now(), by)
    return this.get(name, account)
  }

  /** Call it in the transaction that adds one. Throws QuotaExceeded.Flowlog when there is room for none. */
  checkRoom(account: string): void {
    const { value, used } = this.get(flowLogQuota, account)
    if (used < value) return
    throw new WeirError(
      'QuotaExceeded.Flowlog',
      `account ${account} has ${used} flow logs, and its quota ${flowLogQuota} is ${value}`,
      { hint: `Delete one, or raise it: weir quota set ${flowLogQuota} N` },
    )
  }
}

function unknown(name: string): WeirError {
  const near = nearest(name, Object.keys(defaults)) ?? Object.keys(defaults).join(', ')
  return new WeirError('NotFound', `there is no quota ${name}`, { hint: `There is ${near}` })
}
