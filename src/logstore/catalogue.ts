import { DatabaseSync } from 'node:sqlite'
import { WeirError } from '../base/errors.ts'
import type { ColumnKind, ColumnSpec } from '../base/columns.ts'
import type {
  Logstore,
  LogstoreOptions,
  Project,
  ProjectOptions,
  RollupSpec,
  Shard,
} from './contract.ts'
import { applicationId, schemaSteps } from './schema.ts'
import { firstShards } from './shard-keys.ts'

/** Raised with every change of the tables. An older catalogue is brought up to it, a newer refused. */
export const catalogueVersion = schemaSteps.length

/** A logstore as the store's own parts know it. */
export interface LogstoreEntry extends Logstore {
  readonly id: number
  readonly project: string
  /** Of each of its own columns. */
  readonly kinds: ReadonlyMap<string, ColumnKind>
  readonly rollups: readonly RollupSpec[]
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
      .prepare('INSERT INTO projects VALUES (?, ?, ?, ?, ?)')
      .run(name, options.description, JSON.stringify(options.labels ?? {}), now, now)
  }

  setDescription(project: string, description: string, now: number): void {
    this.db
      .prepare('UPDATE projects SET description = ?, updated_at = ? WHERE name = ?')
      .run(description, now, project)
  }

  removeProject(name: string): void {
    this.db.prepare('DELETE FROM attributes WHERE project = ?').run(name)
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
        updatedAt: Number(row['updated_at']),
      }))
  }

  /** Within a transaction. */
  addLogstore(project: string, name: string, options: LogstoreOptions, now: number): void {
    const { lastInsertRowid } = this.db
      .prepare(
        'INSERT INTO logstores (project, name, columns, sort_by, ttl_days, open_columns, rollups,' +
          ' created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(
        project,
        name,
        columnsToJson(options.columns),
        JSON.stringify(options.sortBy ?? []),
        options.ttlDays,
        options.openColumns ? 1 : 0,
        JSON.stringify(options.rollups ?? []),
        now,
        now,
      )
    this.putShards(Number(lastInsertRowid), firstShards(options.shards ?? 1, now))
  }

  /** Its segments and batches must be gone from the catalogue. */
  removeLogstore(logstore: number): void {
    this.db.prepare('DELETE FROM attributes WHERE logstore = ?').run(logstore)
    this.db.prepare('DELETE FROM shards WHERE logstore = ?').run(logstore)
    this.db.prepare('DELETE FROM logstores WHERE id = ?').run(logstore)
  }

  setTtl(logstore: number, ttlDays: number, now: number): void {
    this.db
      .prepare('UPDATE logstores SET ttl_days = ?, updated_at = ? WHERE id = ?')
      .run(ttlDays, now, logstore)
  }

  setColumns(logstore: number, columns: readonly ColumnSpec[]): void {
    this.db
      .prepare('UPDATE logstores SET columns = ? WHERE id = ?')
      .run(columnsToJson(columns), logstore)
  }

  logstores(): LogstoreEntry[] {
    return this.db
      .prepare('SELECT * FROM logstores ORDER BY name')
      .all()
      .map((row) => {
        const columns = JSON.parse(String(row['columns'])) as ColumnSpec[]
        return {
          id: Number(row['id']),
          project: String(row['project']),
          name: String(row['name']),
          columns,
          kinds: new Map(columns.map(({ name, kind }) => [name, kind])),
          sortBy: JSON.parse(String(row['sort_by'])) as string[],
          ttlDays: Number(row['ttl_days']),
          openColumns: row['open_columns'] === 1,
          rollups: JSON.parse(String(row['rollups'])) as RollupSpec[],
          createdAt: Number(row['created_at']),
          updatedAt: Number(row['updated_at']),
        }
      })
  }

  /** Log records of a logstore up to this sequence are in segments. */
  covered(logstore: number): number {
    const row = this.db.prepare('SELECT covered FROM logstores WHERE id = ?').get(logstore)
    return Number(row?.['covered'] ?? 0)
  }

  setCovered(logstore: number, sequence: number): void {
    this.db.prepare('UPDATE logstores SET covered = ? WHERE id = ?').run(sequence, logstore)
  }

  /** Within the transaction that adds or drops the segments of these rows. */
  countRows(logstore: number, { stored = 0, expired = 0 }): void {
    this.db
      .prepare(
        'UPDATE logstores SET stored_rows = stored_rows + ?, expired_rows = expired_rows + ? WHERE id = ?',
      )
      .run(stored, expired, logstore)
  }

  /** Log records of all logstores up to this sequence are in segments. */
  coveredThrough(): number {
    return this.#logState('covered_through')
  }

  setCoveredThrough(sequence: number): void {
    this.db.prepare('UPDATE log_state SET covered_through = ?').run(sequence)
  }

  /** The greatest receive time of rows in segments, those long gone included. */
  receivedThrough(): number {
    return this.#logState('received_through')
  }

  raiseReceivedThrough(receiveTime: number): void {
    this.db
      .prepare('UPDATE log_state SET received_through = max(received_through, ?)')
      .run(receiveTime)
  }

  /** The greatest second that anybody was told no row can come in any more. */
  sealedThrough(): number {
    return this.#logState('sealed_through')
  }

  setSealedThrough(second: number): void {
    this.db.prepare('UPDATE log_state SET sealed_through = ?').run(second)
  }

  /** By id. */
  shards(logstore: number): Shard[] {
    return this.db
      .prepare('SELECT * FROM shards WHERE logstore = ? ORDER BY id')
      .all(logstore)
      .map((row) => ({
        id: Number(row['id']),
        status: row['readonly_at'] === null ? 'readwrite' : 'readonly',
        beginKey: String(row['begin_key']),
        endKey: String(row['end_key']),
        createdAt: Number(row['created_at']),
        readonlyAt: row['readonly_at'] === null ? undefined : Number(row['readonly_at']),
      }))
  }

  putShards(logstore: number, shards: readonly Shard[]): void {
    const put = this.db.prepare('INSERT OR REPLACE INTO shards VALUES (?, ?, ?, ?, ?, ?)')
    for (const { id, beginKey, endKey, createdAt, readonlyAt } of shards)
      put.run(logstore, id, beginKey, endKey, createdAt, readonlyAt ?? null)
  }

  #logState(column: 'covered_through' | 'received_through' | 'sealed_through'): number {
    return Number(this.db.prepare(`SELECT ${column} FROM log_state`).get()?.[column])
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
    if (!empty && !(version >= 1 && version <= catalogueVersion))
      throw new WeirError(
        'DataDirInvalid',
        `the catalogue has version ${version}, this Weir knows ${catalogueVersion}`,
        { place: path, hint: 'start the newer Weir that wrote it' },
      )
    checkWhole(db, path)
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
    const steps = schemaSteps.slice(empty ? 0 : version)
    if (steps.length > 0)
      db.exec(
        `BEGIN IMMEDIATE; ${steps.join('')} PRAGMA user_version = ${catalogueVersion}; COMMIT`,
      )
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

/** What a flipped bit did to the pages shows here, not only when a query meets it. */
function checkWhole(db: DatabaseSync, path: string): void {
  const found = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (found === 'ok') return
  throw new WeirError('DataDirInvalid', `the catalogue is damaged: ${String(found)}`, {
    place: path,
    hint: 'restore it from a backup',
  })
}

const columnsToJson = (columns: readonly ColumnSpec[]): string =>
  JSON.stringify(columns.map(({ name, kind }) => ({ name, kind })))

const pragma = (db: DatabaseSync, name: string): number =>
  Number(db.prepare(`PRAGMA ${name}`).get()?.[name])
