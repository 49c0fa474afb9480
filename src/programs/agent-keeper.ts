/** A server's agents: what each last said of itself, kept over restarts, and what it is told to do. */
import type { DatabaseSync } from 'node:sqlite'
import type { AgentEntry, AgentOrdersAnswer, AgentReport } from '../api/contract.ts'
import type { AgentKeeper } from '../api/things.ts'
import { WeirError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { unixSeconds } from '../base/time.ts'
import type { LedgerBook } from '../ledger/ledger.ts'
import type { EniIdentity } from '../record/batch.ts'
import type { CaptureOrders } from './capture-orders.ts'

const table = `
  CREATE TABLE IF NOT EXISTS agents (
    name TEXT PRIMARY KEY,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    entry TEXT NOT NULL -- JSON
  ) STRICT`

/** An agent that has said nothing for so long may have been started anew, or elsewhere. */
const awaySeconds = 15
/** An agent reports each second; one that is silent for so long is a problem. */
const silentSeconds = 60
/** What stands on disk of an agent that says the same as ever is at most so old. */
const keptSeconds = 30

export class Agents implements AgentKeeper {
  readonly #database: DatabaseSync
  readonly #orders: CaptureOrders
  readonly #ledger: LedgerBook
  readonly #log: Log
  readonly #entries: Map<string, AgentEntry>
  readonly #kept = new Map<string, number>()
  readonly #revisions = new Map<string, string | undefined>()
  readonly #now: () => number
  readonly #onEnis: (enis: readonly EniIdentity[]) => void

  constructor(
    database: DatabaseSync,
    parts: {
      readonly orders: CaptureOrders
      readonly ledger: LedgerBook
      readonly log: Log
      /** Told of the ENIs of an agent that is new, or has others than before. */
      readonly onEnis?: (enis: readonly EniIdentity[]) => void
      readonly now?: () => number
    },
  ) {
    this.#database = database
    this.#orders = parts.orders
    this.#ledger = parts.ledger
    this.#log = parts.log
    this.#now = parts.now ?? (() => unixSeconds(Date.now() / 1000))
    this.#onEnis = parts.onEnis ?? (() => {})
    database.exec(table)
    this.#entries = new Map(
      database
        .prepare('SELECT name, entry FROM agents')
        .all()
        .map(({ name, entry }) => [String(name), JSON.parse(String(entry)) as AgentEntry]),
    )
  }

  report(name: string, address: string, report: AgentReport): AgentOrdersAnswer {
    const now = this.#now()
    const before = this.#entries.get(name)
    if (before !== undefined && before.run !== report.run && now - before.lastSeen < awaySeconds)
      this.#checkSuccessor(name, before, report)
    const { accounts, revision, ...said } = report
    for (const { ledger, losses } of accounts)
      this.#ledger.report({ ...ledger, host: name }, losses)
    const entry = { ...said, name, address, firstSeen: before?.firstSeen ?? now, lastSeen: now }
    this.#entries.set(name, entry)
    this.#revisions.set(name, revision)
    if (before?.run !== report.run || now - (this.#kept.get(name) ?? 0) >= keptSeconds)
      this.#keep(entry)
    if (before?.run !== report.run) this.#log.info('an agent is here', { agent: name, address })
    if (idsOf(before) !== idsOf(entry)) this.#onEnis(report.taps.map(({ eni }) => eni))
    return this.#answer(revision)
  }

  list(): AgentEntry[] {
    return [...this.#entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** The ENIs that agents have: a flow log can be about them. */
  enis(): EniIdentity[] {
    return this.list().flatMap(({ taps }) => taps.map(({ eni }) => eni))
  }

  /** Names of those that are there and have not said yet that they have the orders in force. */
  behind(): string[] {
    const now = this.#now()
    return this.list()
      .filter(({ lastSeen }) => now - lastSeen < awaySeconds)
      .map(({ name }) => name)
      .filter((name) => this.#revisions.get(name) !== this.#orders.revision)
  }

  /** What agents say is wrong, and which of them say nothing any more. */
  problems(): string[] {
    const now = this.#now()
    return this.list().flatMap(({ name, lastSeen, problems }) =>
      now - lastSeen > silentSeconds
        ? [`agent ${name} has said nothing for ${now - lastSeen} s`]
        : problems.map((problem) => `agent ${name}: ${problem}`),
    )
  }

  /** An agent that was killed and started anew comes from the same host; another host must take another name. */
  #checkSuccessor(name: string, before: AgentEntry, report: AgentReport): void {
    if (before.hostname === report.hostname) return
    throw new WeirError(
      'AgentNotAllowed',
      `an agent ${name} is already here, on ${before.hostname}`,
      {
        hint: 'Give this one another name: --name NAME',
      },
    )
  }

  #keep(entry: AgentEntry): void {
    this.#kept.set(entry.name, entry.lastSeen)
    this.#database
      .prepare(
        `INSERT INTO agents VALUES (?, ?, ?, ?) ON CONFLICT (name)
         DO UPDATE SET last_seen = excluded.last_seen, entry = excluded.entry`,
      )
      .run(entry.name, entry.firstSeen, entry.lastSeen, JSON.stringify(entry))
  }

  #answer(known: string | undefined): AgentOrdersAnswer {
    const { revision, topology } = this.#orders
    if (known === revision) return { revision }
    return {
      revision,
      orders: {
        flowLogs: this.#orders.current().flowLogs,
        topology:
          topology === undefined
            ? null
            : {
                file: topology.topology.file,
                text: topology.text,
                version: topology.topology.version,
                since: topology.topology.loadedAt,
              },
      },
    }
  }
}

const idsOf = (entry: AgentEntry | undefined): string =>
  JSON.stringify(entry?.taps.map(({ eni }) => [eni.vpcId, eni.eniId]))
