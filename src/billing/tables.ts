/** The tables of bills, in the program's own database. */
import type { DatabaseSync } from 'node:sqlite'

const tables = `
  CREATE TABLE IF NOT EXISTS billing_pending ( -- batches on their way into the log store
    project TEXT NOT NULL,
    logstore TEXT NOT NULL,
    flow_log TEXT NOT NULL,
    run TEXT NOT NULL,
    number INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    parts TEXT NOT NULL, -- JSON: [account, region, bytes, analyzer, whether that alone gets it] of each owner
    PRIMARY KEY (project, logstore, flow_log, run, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS billing_counted ( -- batches that no logstore has
    flow_log TEXT NOT NULL,
    run TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (flow_log, run, first)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS billing_usage (
    cycle INTEGER NOT NULL, -- the first second of the hour
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    flow_log TEXT NOT NULL, -- '' where it is of none
    target TEXT NOT NULL, -- PROJECT/LOGSTORE, or the id of an analyzer or a job; '': records in no logstore
    kind TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (cycle, account, region, flow_log, target, kind)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS billing_runs ( -- of jobs that are counted
    job TEXT PRIMARY KEY,
    through INTEGER NOT NULL -- the moment of the latest one
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS billing_cycles (
    cycle INTEGER PRIMARY KEY,
    made_at INTEGER NOT NULL,
    prices TEXT NOT NULL, -- the name and the date of the list
    currency TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS billing_lines (
    number INTEGER PRIMARY KEY,
    cycle INTEGER NOT NULL,
    month TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    flow_log TEXT NOT NULL,
    target TEXT NOT NULL,
    item TEXT NOT NULL,
    per TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    free INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    amount TEXT NOT NULL -- of units too small for any other type
  ) STRICT;
  CREATE INDEX IF NOT EXISTS billing_lines_of ON billing_lines (month, account, region, item);
  CREATE TABLE IF NOT EXISTS billing_moves ( -- of an account's money: top-ups, and what bills took
    number INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    at INTEGER NOT NULL,
    cycle INTEGER, -- of a bill
    note TEXT NOT NULL,
    amount TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS billing_moves_of ON billing_moves (account, cycle);
  CREATE TABLE IF NOT EXISTS billing_accounts (
    account TEXT PRIMARY KEY,
    state TEXT NOT NULL, -- JSON
    due TEXT -- what is still to be done to its flow logs
  ) STRICT, WITHOUT ROWID`

export const prepareBillingTables = (database: DatabaseSync): void => database.exec(tables)

/** All of `work` or none. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
