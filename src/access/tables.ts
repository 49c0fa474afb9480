import type { DatabaseSync } from 'node:sqlite'
import { WeirError } from '../base/errors.ts'

const version = 1

const schema = `
  CREATE TABLE access_keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, secret BLOB NOT NULL, policy TEXT NOT NULL, limits TEXT NOT NULL,
    enabled INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, used_at INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, key_id TEXT NOT NULL, source TEXT NOT NULL,
    request_id TEXT NOT NULL, action TEXT NOT NULL, resource TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT
  ) STRICT;
  CREATE INDEX audit_at ON audit (at);
  CREATE TRIGGER audit_is_appended_to BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'what happened is not changed'); END;
`

/** Makes the tables of access.db where there are none. Throws DataDirInvalid when a newer Weir made them. */
export function openTables(db: DatabaseSync): void {
  const found = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
  if (found === version) return
  if (found > version)
    throw new WeirError(
      'DataDirInvalid',
      `access.db is of version ${found}, made by a newer Weir`,
      {
        hint: `This one reads version ${version}: start the newer one`,
      },
    )
  inTransaction(db, () => db.exec(`${schema}; PRAGMA user_version = ${version}`))
}

/** All of it is on the disk, or none. */
export function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    work()
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
