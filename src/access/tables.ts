import type { DatabaseSync } from 'node:sqlite'
import { WeirError } from '../base/errors.ts'

const version = 4

/** Of version 1. */
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

/** What version 2 has besides. Times are Unix milliseconds. */
const nonces = `
  CREATE TABLE nonces (
    key_id TEXT NOT NULL, nonce TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (key_id, nonce)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX nonces_until ON nonces (until);
`

/** What version 3 has besides: changes whose outcome is not known yet. */
const begun = `
  CREATE TABLE audit_begun (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, key_id TEXT NOT NULL, source TEXT NOT NULL,
    request_id TEXT NOT NULL, action TEXT NOT NULL, resource TEXT NOT NULL, detail TEXT
  ) STRICT;
`

/** What version 4 has besides: whose a key is. NULL: whoever runs the server. */
const accounts = 'ALTER TABLE access_keys ADD COLUMN account TEXT;'

/** Makes the tables of access.db, or those that it lacks. Throws DataDirInvalid when a newer Weir made them. */
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
  const lacking = [schema, nonces, begun, accounts].slice(found).join('')
  inTransaction(db, () => db.exec(`${lacking}; PRAGMA user_version = ${version}`))
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
