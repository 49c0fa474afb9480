import type { DatabaseSync } from 'node:sqlite'
import type { SumsByColumn } from './sums.ts'
import { sumsFromJson, sumsToJson } from './sums.ts'

/** A Parquet file with totals of a segment. */
export interface RollupFile {
  readonly name: string
  /** Below the data directory. */
  readonly path: string
  readonly bytes: number
  /** SHA-256 of its bytes, hex. */
  readonly checksum: string
}

/** A catalogued Parquet file. */
export interface Segment {
  readonly id: number
  readonly logstore: number
  /** Below the data directory. */
  readonly path: string
  /** Hours since 1970; every row's `__time__` lies in it. */
  readonly hour: number
  readonly level: number
  readonly rows: number
  readonly bytes: number
  readonly timeMin: number
  readonly timeMax: number
  readonly sums: SumsByColumn
  /** Between these its rows came, Unix seconds. */
  readonly receiveMin: number
  readonly cameBy: number
  /** SHA-256 of its bytes, hex; a catalogue of version 1 had none. */
  readonly checksum: string | undefined
  /** Why no query may read it. */
  readonly damage: string | undefined
  readonly rollups: readonly RollupFile[]
}

/** The catalogue's segments, and the files that are not segments any more but not yet unlinked. */
export class SegmentTable {
  readonly #db: DatabaseSync
  #nextId: number

  constructor(db: DatabaseSync) {
    this.#db = db
    const row = db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'segments'").get()
    this.#nextId = Number(row?.['seq'] ?? 0) + 1
  }

  /** An id no segment has had; it is in the file's name too. */
  takeId(): number {
    return this.#nextId++
  }

  add(segment: Segment): void {
    this.#db
      .prepare(
        'INSERT INTO segments (id, logstore, path, hour, level, rows, bytes, time_min, time_max, sums,' +
          ' receive_min, came_by, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(
        segment.id,
        segment.logstore,
        segment.path,
        segment.hour,
        segment.level,
        segment.rows,
        segment.bytes,
        segment.timeMin,
        segment.timeMax,
        sumsToJson(segment.sums),
        segment.receiveMin,
        segment.cameBy,
        segment.checksum ?? null,
      )
    const addRollup = this.#db.prepare('INSERT INTO rollups VALUES (?, ?, ?, ?, ?)')
    for (const { name, path, bytes, checksum } of segment.rollups)
      addRollup.run(segment.id, name, path, bytes, checksum)
  }

  /** Takes segments out of every later query; their files wait for `pendingDeletes`. */
  retire(segments: readonly Segment[]): void {
    const remove = this.#db.prepare('DELETE FROM segments WHERE id = ?')
    const pend = this.#db.prepare('INSERT OR IGNORE INTO pending_deletes VALUES (?)')
    for (const { id, path } of segments) {
      this.dropRollups(id, this.#rollupsOf(id))
      remove.run(id)
      pend.run(path)
    }
  }

  /** They are not used any more; their files wait for `pendingDeletes`. */
  dropRollups(segment: number, rollups: readonly RollupFile[]): void {
    const remove = this.#db.prepare('DELETE FROM rollups WHERE segment = ? AND name = ?')
    const pend = this.#db.prepare('INSERT OR IGNORE INTO pending_deletes VALUES (?)')
    for (const { name, path } of rollups) {
      remove.run(segment, name)
      pend.run(path)
    }
  }

  /** Whether all of them are still segments. */
  holds(segments: readonly Segment[]): boolean {
    const find = this.#db.prepare('SELECT 1 FROM segments WHERE id = ?')
    return segments.every(({ id }) => find.get(id) !== undefined)
  }

  /** Those that may hold rows with `from <= __time__ < to`, oldest first. */
  overlapping(logstore: number, from: number, to: number): Segment[] {
    return this.#select('WHERE logstore = ? AND time_max >= ? AND time_min < ?', logstore, from, to)
  }

  /** Those that may hold rows with `from <= __receive_time__ < to`, oldest first. */
  received(logstore: number, from: number, to: number): Segment[] {
    const where = 'WHERE logstore = ? AND came_by >= ? AND receive_min < ?'
    return this.#select(where, logstore, from, to)
  }

  ofLogstore(logstore: number): Segment[] {
    return this.#select('WHERE logstore = ?', logstore)
  }

  /** Of hours before this one, whose rows had all come by then. */
  before(logstore: number, hour: number, cameBy: number): Segment[] {
    const where = 'WHERE logstore = ? AND hour < ? AND came_by <= ?'
    return this.#select(where, logstore, hour, cameBy)
  }

  /** Of hours that are not one final file. */
  unmerged(logstore: number): Segment[] {
    const hours = 'SELECT hour FROM segments WHERE logstore = ? AND level < 2 AND damage IS NULL'
    const where = `WHERE logstore = ? AND damage IS NULL AND hour IN (${hours})`
    return this.#select(where, logstore, logstore)
  }

  all(): Segment[] {
    return this.#select('')
  }

  setDamage(id: number, damage: string | undefined): void {
    this.#db.prepare('UPDATE segments SET damage = ? WHERE id = ?').run(damage ?? null, id)
  }

  setChecksum(id: number, checksum: string): void {
    this.#db.prepare('UPDATE segments SET checksum = ? WHERE id = ?').run(checksum, id)
  }

  totals(): Record<'segments' | 'rows' | 'bytes' | 'rollups' | 'rollupBytes', number> {
    const row = this.#db
      .prepare(
        'SELECT count(*) AS n, total(rows) AS rows, total(bytes) AS bytes FROM segments' +
          ' WHERE damage IS NULL',
      )
      .get()
    const rollups = this.#db
      .prepare('SELECT count(*) AS n, total(bytes) AS bytes FROM rollups')
      .get()
    return {
      segments: Number(row?.['n']),
      rows: Number(row?.['rows']),
      bytes: Number(row?.['bytes']),
      rollups: Number(rollups?.['n']),
      rollupBytes: Number(rollups?.['bytes']),
    }
  }

  pendingDeletes(): string[] {
    return this.#db
      .prepare('SELECT path FROM pending_deletes ORDER BY path')
      .all()
      .map((row) => String(row['path']))
  }

  /** The files are gone. */
  deleted(paths: readonly string[]): void {
    const remove = this.#db.prepare('DELETE FROM pending_deletes WHERE path = ?')
    for (const path of paths) remove.run(path)
  }

  #rollupsOf(segment: number): RollupFile[] {
    return this.#db
      .prepare('SELECT * FROM rollups WHERE segment = ? ORDER BY name')
      .all(segment)
      .map((row) => ({
        name: String(row['name']),
        path: String(row['path']),
        bytes: Number(row['bytes']),
        checksum: String(row['checksum']),
      }))
  }

  #select(where: string, ...values: number[]): Segment[] {
    return this.#db
      .prepare(`SELECT * FROM segments ${where} ORDER BY hour, id`)
      .all(...values)
      .map((row) => ({
        id: Number(row['id']),
        logstore: Number(row['logstore']),
        path: String(row['path']),
        hour: Number(row['hour']),
        level: Number(row['level']),
        rows: Number(row['rows']),
        bytes: Number(row['bytes']),
        timeMin: Number(row['time_min']),
        timeMax: Number(row['time_max']),
        sums: sumsFromJson(String(row['sums'])),
        receiveMin: Number(row['receive_min']),
        cameBy: Number(row['came_by']),
        checksum: textOf(row['checksum']),
        damage: textOf(row['damage']),
        rollups: Number(row['level']) === 2 ? this.#rollupsOf(Number(row['id'])) : [],
      }))
  }
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined
