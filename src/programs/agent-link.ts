/**
 * An agent's line to its server: each second it says what it has and gets its orders when they changed. While the
 * server is away the last orders stay in force, also over a restart of the agent.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AgentServer, reportAgent } from '../api/client.ts'
import type { AgentOrdersAnswer, AgentReport } from '../api/contract.ts'
import { describeError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { replaceFile } from '../base/replace-file.ts'

export type Orders = NonNullable<AgentOrdersAnswer['orders']>
type Accounts = AgentReport['accounts']

const everyMilliseconds = 1000
/** A server that takes longer is asked again. */
const timeoutMilliseconds = 10_000
const ordersFile = 'orders.json'

export class AgentLink {
  readonly #server: AgentServer
  readonly #file: string
  readonly #log: Log
  readonly #report: () => Omit<AgentReport, 'revision'>
  readonly #take: (orders: Orders) => Promise<void>
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #revision: string | undefined
  /** Accounts as they stood in the last report that was answered. */
  #answered = new Map<string, string>()
  #problem: string | undefined
  #wake: (() => void) | undefined

  constructor(
    server: AgentServer,
    options: {
      readonly dataDir: string
      readonly log: Log
      readonly report: () => Omit<AgentReport, 'revision'>
      /** Puts orders in force, and resolves when they are carried out. */
      readonly take: (orders: Orders) => Promise<void>
    },
  ) {
    this.#server = server
    this.#file = join(options.dataDir, ordersFile)
    this.#log = options.log
    this.#report = options.report
    this.#take = options.take
  }

  /** Why the server is not reached; undefined when it is. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Orders of an earlier run, until the server has others. */
  async takeKept(): Promise<void> {
    let text: string
    try {
      text = readFileSync(this.#file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      throw error
    }
    const { revision, orders } = JSON.parse(text) as { revision: string; orders: Orders }
    this.#revision = revision
    await this.#take(orders)
  }

  /** Reports once, and then each second until `stop`. Resolves when the first report was answered or not. */
  async start(): Promise<void> {
    await this.#once()
    this.#running = this.#repeat()
  }

  /** Tells once more how all ended, if the server is there. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake?.()
    await this.#running
    if (this.#problem === undefined) await this.#once()
  }

  async #repeat(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        setTimeout(resolve, everyMilliseconds)
      })
      if (!signal.aborted) await this.#once()
    }
  }

  async #once(): Promise<void> {
    const said = this.#report()
    const accounts = said.accounts.filter((each) => this.#isNew(each))
    const body = {
      ...said,
      accounts,
      ...(this.#revision === undefined ? {} : { revision: this.#revision }),
    }
    try {
      const signal = AbortSignal.timeout(timeoutMilliseconds)
      const { revision, orders } = await reportAgent(this.#server, body, signal)
      for (const each of accounts) this.#answered.set(keyOf(each), JSON.stringify(each))
      if (orders !== undefined) await this.#keepAndTake(revision, orders)
      if (this.#problem !== undefined) this.#log.info('the server is there again')
      this.#problem = undefined
      if (orders === undefined) return
    } catch (error) {
      const problem = describeError(error)
      if (this.#problem !== problem) this.#log.warn('the server cannot be told', { error: problem })
      this.#problem = problem
      return
    }
    await this.#once() // who ordered waits for the word that it is done
  }

  async #keepAndTake(revision: string, orders: Orders): Promise<void> {
    await this.#take(orders)
    replaceFile(this.#file, JSON.stringify({ revision, orders }), 0o600)
    this.#revision = revision
  }

  #isNew(account: Accounts[number]): boolean {
    return this.#answered.get(keyOf(account)) !== JSON.stringify(account)
  }
}

const keyOf = ({ ledger }: Accounts[number]): string => `${ledger.eni} ${ledger.opening}`
