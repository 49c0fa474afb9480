/**
 * What the program itself must remember between starts, beside the log store: flow logs, versions of the
 * topology and a few facts.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FlowLogs } from '../flow-log/flow-log.ts'
import { LedgerBook } from '../ledger/ledger.ts'
import { TopologyVersions } from '../vpc/vpc.ts'
import { stateFile } from './data-directory.ts'

export interface State {
  readonly flowLogs: FlowLogs
  readonly ledger: LedgerBook
  readonly topologyVersions: TopologyVersions
  /** For those who keep a table of their own here. */
  readonly database: DatabaseSync
  get(name: string): string | undefined
  set(name: string, value: string): void
  close(): void
}

/** Opened after the log store, whose lock says that no other process has this data directory. */
export function openState(dataDir: string): State {
  mkdirSync(dataDir, { recursive: true })
  const database = new DatabaseSync(join(dataDir, stateFile))
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  database.exec(
    'CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT',
  )
  const select = database.prepare('SELECT value FROM facts WHERE name = ?')
  const upsert = database.prepare(
    'INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  )
  return {
    flowLogs: new FlowLogs(database),
    ledger: new LedgerBook(database),
    topologyVersions: new TopologyVersions(database),
    database,
    get: (name) => select.get(name)?.['value'] as string | undefined,
    set: (name, value) => void upsert.run(name, value),
    close: () => database.close(),
  }
}
