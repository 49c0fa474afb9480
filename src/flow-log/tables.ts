/** The tables of flow logs, and how those of an earlier Weir become today's. */
import type { DatabaseSync } from 'node:sqlite'

const tables = `
  CREATE TABLE IF NOT EXISTS flow_logs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    traffic_type TEXT NOT NULL,
    ip_version TEXT NOT NULL,
    window_seconds INTEGER NOT NULL,
    scope TEXT NOT NULL, -- names with commas between
    project TEXT NOT NULL,
    logstore TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS flow_log_periods (
    number INTEGER PRIMARY KEY,
    flow_log TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER -- NULL while the flow log is active
  ) STRICT;
  CREATE INDEX IF NOT EXISTS flow_log_periods_of ON flow_log_periods (flow_log);
  -- What a flow log is as a resource of the cloud; one that has no row has what is usual.
  CREATE TABLE IF NOT EXISTS flow_log_resources (
    flow_log TEXT PRIMARY KEY,
    region TEXT NOT NULL,
    account TEXT NOT NULL,
    resource_group TEXT NOT NULL,
    delivers INTEGER NOT NULL, -- 0: to no logstore, or no longer
    analyzer TEXT, -- NULL: none
    counts INTEGER NOT NULL, -- 0: Weir made it by itself, so it uses up no quota
    deleted_by TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS flow_log_tags (
    flow_log TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (flow_log, key)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS flow_log_transitions (
    flow_log TEXT PRIMARY KEY,
    state TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS flow_log_changes (
    number INTEGER PRIMARY KEY,
    flow_log TEXT NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    did TEXT NOT NULL,
    before TEXT NOT NULL, -- JSON of what became something else
    after TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS flow_log_changes_of ON flow_log_changes (flow_log);
  CREATE TABLE IF NOT EXISTS flow_log_quotas (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    account TEXT NOT NULL,
    value INTEGER NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS flow_log_prerequisites (
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    PRIMARY KEY (account, name)
  ) STRICT`

/** Columns that tables got after they were first made; each with what rows of before have there. */
const laterColumns = {
  flow_logs: {
    description: "TEXT NOT NULL DEFAULT ''",
    changed_at: 'INTEGER NOT NULL DEFAULT 0',
    deleted_at: 'INTEGER',
  },
  flow_log_prerequisites: { token: 'TEXT' },
} as const

/**
 * When a flow log was stopped was not kept at first: such a stop counts as one right after its creation, so that
 * it is due no window of later.
 */
const fillWhatIsMissing = `
  UPDATE flow_logs SET changed_at = created_at WHERE changed_at = 0;
  INSERT INTO flow_log_periods (flow_log, since, until)
    SELECT id, created_at, CASE status WHEN 'Active' THEN NULL ELSE created_at END
    FROM flow_logs WHERE id NOT IN (SELECT flow_log FROM flow_log_periods)
    ORDER BY number`

/** Makes the tables, or brings them up to date. */
export function prepareTables(database: DatabaseSync): void {
  inTransaction(database, () => {
    database.exec(tables)
    for (const [table, columns] of Object.entries(laterColumns)) {
      const there = new Set(
        database
          .prepare('SELECT name FROM pragma_table_info(?)')
          .all(table)
          .map(({ name }) => name),
      )
      for (const [name, type] of Object.entries(columns))
        if (!there.has(name)) database.exec(`ALTER TABLE ${table} ADD COLUMN ${name} ${type}`)
    }
    database.exec(fillWhatIsMissing)
  })
}

/** All of it or nothing; inside another transaction, a part of that. */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  if (database.isTransaction) return work()
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
