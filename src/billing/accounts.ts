/** The money of accounts, and what follows when there is too little of it. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { WeirError } from '../base/errors.ts'
import {
  nextOverdue,
  nextStepAt,
  type OverdueEffect,
  type OverdueRules,
  type OverdueState,
} from './overdue.ts'
import { inTransaction } from './tables.ts'

/** What is done to the flow logs of an account. Each may be asked for again after a crash, and does nothing then. */
export type OverdueEffects = Readonly<Record<OverdueEffect, (account: string) => Promise<void>>>

export interface AccountStanding {
  readonly account: string
  /** In units of `amountOne`; below 0 it owes. */
  readonly balance: bigint
  readonly state: OverdueState
  /** When the next step comes if nothing is paid, Unix seconds. */
  readonly nextStepAt?: number
}

const normal: OverdueState = { name: 'normal' }

/**
 * What an account was charged it owes in the currency of that bill, so no list of another may go on with it. Throws
 * ConfigInvalid.
 */
export function checkCurrency(db: DatabaseSync, currency: string): void {
  const other = db
    .prepare(
      'SELECT currency FROM billing_moves JOIN billing_cycles USING (cycle) WHERE currency <> ? LIMIT 1',
    )
    .get(currency)
  if (other === undefined) return
  const theirs = String(other['currency'])
  throw new WeirError(
    'ConfigInvalid',
    `accounts were charged in ${theirs}, and the price list is in ${currency}`,
    { place: 'billing.prices', hint: `Use a list in ${theirs}, or leave out billing.overdue` },
  )
}

/** Only where overdue rules are configured: without them nobody pays and nobody is stopped. */
export class Accounts {
  readonly #db: DatabaseSync
  readonly #rules: OverdueRules
  readonly #effects: OverdueEffects
  readonly #move: StatementSync
  #working: Promise<void> = Promise.resolve()

  constructor(db: DatabaseSync, rules: OverdueRules, effects: OverdueEffects) {
    this.#db = db
    this.#rules = rules
    this.#effects = effects
    this.#move = db.prepare(
      'INSERT INTO billing_moves (account, at, cycle, note, amount) VALUES (?, ?, ?, ?, ?)',
    )
  }

  /** Within the transaction that makes the bill. */
  charge(account: string, cycle: number, amount: bigint, now: number): void {
    if (amount > 0n) this.#move.run(account, Math.floor(now), cycle, 'bill', String(-amount))
  }

  /** Pays in, and resumes what that resumes. Throws ParameterInvalid. */
  async topUp(account: string, amount: bigint, now: number): Promise<AccountStanding> {
    if (amount <= 0n)
      throw new WeirError('ParameterInvalid', 'a top-up is an amount above 0', { place: 'amount' })
    this.#move.run(account, Math.floor(now), null, 'top-up', String(amount))
    await this.advance(now)
    return this.standing(account)
  }

  /** Takes every account as far as it has come, and does what is due; what a crash left undone first. */
  advance(now: number): Promise<void> {
    const step = async (): Promise<void> => {
      await this.#carryOut()
      for (const account of this.#names()) {
        this.#advance(account, now)
        await this.#carryOut()
      }
    }
    const working = this.#working.then(step)
    this.#working = working.catch(() => undefined)
    return working
  }

  /** "no operation possible on flow logs", and none of its hours is billed. */
  isSuspended(account: string): boolean {
    return this.#stateOf(account).name === 'suspended'
  }

  standing(account: string): AccountStanding {
    const state = this.#stateOf(account)
    const at = nextStepAt(this.#rules, state)
    const balance = this.#balanceOf(account)
    return { account, balance, state, ...(at === undefined ? {} : { nextStepAt: at }) }
  }

  standings(): AccountStanding[] {
    return this.#names().map((account) => this.standing(account))
  }

  #advance(account: string, now: number): void {
    const before = this.#stateOf(account)
    const { state, effect } = nextOverdue(this.#rules, before, this.#balanceOf(account), now)
    if (state === before) return
    inTransaction(this.#db, () =>
      this.#db
        .prepare('INSERT OR REPLACE INTO billing_accounts VALUES (?, ?, ?)')
        .run(account, JSON.stringify(state), effect ?? null),
    )
  }

  /** The state is on the disk with what is due for it, so that a crash in between loses nothing. */
  async #carryOut(): Promise<void> {
    const due = this.#db
      .prepare('SELECT account, due FROM billing_accounts WHERE due IS NOT NULL ORDER BY account')
      .all()
    for (const row of due) {
      const account = String(row['account'])
      await this.#effects[String(row['due']) as OverdueEffect](account)
      this.#db.prepare('UPDATE billing_accounts SET due = NULL WHERE account = ?').run(account)
    }
  }

  #names(): string[] {
    return this.#db
      .prepare('SELECT DISTINCT account FROM billing_moves ORDER BY account')
      .all()
      .map((row) => String(row['account']))
  }

  #stateOf(account: string): OverdueState {
    const row = this.#db
      .prepare('SELECT state FROM billing_accounts WHERE account = ?')
      .get(account)
    return row === undefined ? normal : (JSON.parse(String(row['state'])) as OverdueState)
  }

  #balanceOf(account: string): bigint {
    return this.#db
      .prepare('SELECT amount FROM billing_moves WHERE account = ?')
      .all(account)
      .reduce((sum, row) => sum + BigInt(String(row['amount'])), 0n)
  }
}
