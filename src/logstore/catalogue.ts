import { DatabaseSync } from 'node:sqlite'
import { WeirError } from '../base/errors.ts'
import type { ColumnSpec } from '../base/columns.ts'
import type { Logstore, LogstoreOptions, Project, ProjectOptions } from './contract.ts'

/** Raised with every change of the tables. An older catalogue is brought up to it, a newer refused. */
export const catalogueVersion = 1
/** "WEIR": tells our SQLite files from others'. */
const applicationId = 0x57454952

/** Ids are never given twice: a log record of a deleted logstore must not meet a new one. */
const schema = `
  CREATE TABLE projects (
    name TEXT PRIMARY KEY, description TEXT NOT NULL, labels TEXT NOT NULL, created_at REAL NOT NULL
  ) STRICT;
  CREATE TABLE logstores (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project TEXT NOT NULL REFERENCES projects (name), name TEXT NOT NULL,
    columns TEXT NOT NULL, sort_by TEXT NOT NULL, ttl_days INTEGER NOT NULL, created_at REAL NOT NULL,
    covered INTEGER NOT NULL DEFAULT 0, -- its log records up to this sequence are in segments
    UNIQUE (project, name)
  ) STRICT;
  CREATE TABLE segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, logstore INTEGER NOT NULL REFERENCES logstores (id),
    path TEXT NOT NULL UNIQUE, -- below the data directory
    hour INTEGER NOT NULL, -- hours since 1970; every row's __time__ lies in it
    level INTEGER NOT NULL, -- 0 from the log, 1 merged, 2 the hour's final file
    rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
    time_min INTEGER NOT NULL, time_max INTEGER NOT NULL,
    sums TEXT NOT NULL, came_by REAL NOT NULL
  ) STRICT;
  CREATE INDEX segments_by_hour ON segments (logstore, hour);
  CREATE TABLE delivered ( -- numbers first to last of a run are stored
    logstore INTEGER NOT NULL REFERENCES logstores (id), flow_log TEXT NOT NULL, run TEXT NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (logstore, flow_log, run, first)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pending_deletes (path TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE log_state (covered_through INTEGER NOT NULL) STRICT;
  INSERT INTO log_state VALUES (0);
  PRAGMA user_version = ${catalogueVersion};
  PRAGMA application_id = ${applicationId};
`

/** A logstore as the store's own parts know it. */
export interface LogstoreEntry extends Logstore {
  readonly id: number
  readonly project: string
}

/**
 * What exists, in SQLite (WAL, synchronous=FULL): a transaction is on the disk when it returns. The
 * only writer is the process that holds the data directory's lock.
 */
export class Catalogue {
  readonly db: DatabaseSync

  /** Throws DataDirInvalid when the file is of a newer Weir, or no catalogue of Weir. */
  constructor(path: string) {
    this.db = openDatabase(path)
  }

  /** All of `work` or none. */
  transaction<T>(work: () => T): T {
    this.db.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.db.exec('COMMIT')
      return result
    } catch (error) {
      if (this.db.isTransaction) this.db.exec('ROLLBACK')
      throw error
    }
  }

  addProject(name: string, options: ProjectOptions, now: number): void {
    this.db
      .prepare('INSERT INTO projects VALUES (?, ?, ?, ?)')
      .run(name, options.description, JSON.stringify(options.labels ?? {}), now)
  }

  removeProject(name: string): void {
    this.db.prepare('DELETE FROM projects WHERE name = ?').run(name)
  }

  projects(): Project[] {
    return this.db
      .prepare('SELECT * FROM projects ORDER BY name')
      .all()
      .map((row) => ({
        name: String(row['name']),
        description: String(row['description']),
        labels: JSON.parse(String(row['labels'])) as Record<string, string>,
        createdAt: Number(row['created_at']),
      }))
  }

  addLogstore(project: string, name: string, options: LogstoreOptions, now: number): void {
    this.db
      .prepare(
        'INSERT INTO logstores (project, name, columns, sort_by, ttl_days, created_at)' +
          ' VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run(
        project,
        name,
        JSON.stringify(options.columns.map((each) => ({ name: each.name, kind: each.kind }))),
        JSON.stringify(options.sortBy ?? []),
        options.ttlDays,
        now,
      )
  }

  /** Its segments and batches must be gone from the catalogue. */
  removeLogstore(logstore: number): void {
    this.db.prepare('DELETE FROM logstores WHERE id = ?').run(logstore)
  }

  setTtl(logstore: number, ttlDays: number): void {
    this.db.prepare('UPDATE logstores SET ttl_days = ? WHERE id = ?').run(ttlDays, logstore)
  }

  logstores(): LogstoreEntry[] {
    return this.db
      .prepare('SELECT * FROM logstores ORDER BY name')
      .all()
      .map((row) => ({
        id: Number(row['id']),
        project: String(row['project']),
        name: String(row['name']),
        columns: JSON.parse(String(row['columns'])) as ColumnSpec[],
        sortBy: JSON.parse(String(row['sort_by'])) as string[],
        ttlDays: Number(row['ttl_days']),
        createdAt: Number(row['created_at']),
      }))
  }

  /** Log records of a logstore up to this sequence are in segments. */
  covered(logstore: number): number {
    const row = this.db.prepare('SELECT covered FROM logstores WHERE id = ?').get(logstore)
    return Number(row?.['covered'] ?? 0)
  }

  setCovered(logstore: number, sequence: number): void {
    this.db.prepare('UPDATE logstores SET covered = ? WHERE id = ?').run(sequence, logstore)
  }

  /** Log records of all logstores up to this sequence are in segments. */
  coveredThrough(): number {
    return Number(
      this.db.prepare('SELECT covered_through FROM log_state').get()?.['covered_through'],
    )
  }

  setCoveredThrough(sequence: number): void {
    this.db.prepare('UPDATE log_state SET covered_through = ?').run(sequence)
  }

  close(): void {
    this.db.close()
  }
}

function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  try {
    const version = pragma(db, 'user_version')
    const empty = Number(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n']) === 0
    if (!empty && pragma(db, 'application_id') !== applicationId)
      throw new WeirError('DataDirInvalid', 'this is not a catalogue of Weir', { place: path })
    if (!empty && version !== catalogueVersion)
      throw new WeirError(
        'DataDirInvalid',
        `the catalogue has version ${version}, this Weir knows ${catalogueVersion}`,
        { place: path, hint: 'start the newer Weir that wrote it' },
      )
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
    if (empty) db.exec(`BEGIN IMMEDIATE; ${schema} COMMIT`)
    return db
  } catch (error) {
    db.close()
    if (error instanceof WeirError) throw error
    throw new WeirError('DataDirInvalid', 'the catalogue cannot be read', {
      place: path,
      hint: 'restore it from a backup',
      cause: error,
    })
  }
}

const pragma = (db: DatabaseSync, name: string): number =>
  Number(db.prepare(`PRAGMA ${name}`).get()?.[name])
