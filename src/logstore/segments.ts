import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { SumsByColumn } from './sums.ts'
import { sumsFromJson, sumsToJson } from './sums.ts'

/** A Parquet file with totals of a segment, or of many, whose own it tells by `rollupColumns.part`. */
export interface RollupFile {
  readonly name: string
  /** Below the data directory. */
  readonly path: string
  readonly bytes: number
  /** SHA-256 of its bytes, hex. */
  readonly checksum: string
  /** Segments it was made of; 1: of no other. */
  readonly parts: number
}

/** A catalogued Parquet file. */
export interface Segment {
  readonly id: number
  readonly logstore: number
  /** Below the data directory. */
  readonly path: string
  /** Hours since 1970; every row's `__time__` lies in it, or, at level 3, in the day that begins with it. */
  readonly hour: number
  /** 0 from the log, 1 merged, 2 the hour's final file, 3 the day's. */
  readonly level: number
  readonly rows: number
  readonly bytes: number
  readonly timeMin: number
  readonly timeMax: number
  /** Of all its columns, those that the file leaves out among them. */
  readonly sums: SumsByColumn
  /** Columns that the file leaves out: each of their values is the `__time__` of its row. */
  readonly sameAsTime: readonly string[]
  /** Between these its rows came, Unix seconds. */
  readonly receiveMin: number
  readonly cameBy: number
  /** SHA-256 of its bytes, hex; a catalogue of version 1 had none. */
  readonly checksum: string | undefined
  /** Why no query may read it. */
  readonly damage: string | undefined
  readonly rollups: readonly RollupFile[]
}

/** A day, since 1970, and the name of a rollup. */
interface RollupDay {
  readonly day: number
  readonly name: string
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
          ' same_as_time, receive_min, came_by, checksum)' +
          ' VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
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
        JSON.stringify(segment.sameAsTime),
        segment.receiveMin,
        segment.cameBy,
        segment.checksum ?? null,
      )
    for (const each of segment.rollups) this.#addRollup(segment.id, each)
  }

  /** Their totals lie in other files from now on than in those that they name. */
  moveRollups(segments: readonly Segment[], fileOf: (id: number) => RollupFile): void {
    for (const { id, rollups } of segments) {
      this.dropRollups(id, rollups)
      this.#addRollup(id, fileOf(id))
    }
  }

  /** Whether each of them still is a segment and has its totals in the same files. */
  haveRollups(segments: readonly Segment[]): boolean {
    const find = this.#db.prepare(
      'SELECT 1 FROM rollups WHERE segment = ? AND name = ? AND path = ?',
    )
    return segments.every(({ id, rollups }) =>
      rollups.every(({ name, path }) => find.get(id, name, path) !== undefined),
    )
  }

  /** Days (since 1970) before one, by name of the rollup, that have files of more than one segment. */
  joinedDays(logstore: number, before: number): RollupDay[] {
    return rollupDays(
      this.#db
        .prepare(
          'SELECT hour / 24 AS day, name FROM rollups CROSS JOIN segments ON id = segment' +
            ' WHERE parts > 1 AND logstore = ? AND hour < ? * 24 GROUP BY 1, 2 ORDER BY 1, 2',
        )
        .all(logstore, before),
    )
  }

  /** Days from one on and before another, the last first, that have several files of one segment each. */
  apartDays(logstore: number, from: number, before: number): RollupDay[] {
    return rollupDays(
      this.#db
        .prepare(
          'SELECT hour / 24 AS day, name FROM rollups CROSS JOIN segments ON id = segment' +
            ' WHERE parts = 1 AND logstore = ? AND hour >= ? * 24 AND hour < ? * 24' +
            ' GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1 DESC, 2',
        )
        .all(logstore, from, before),
    )
  }

  /** Days from one on and before another, the last first, of so many rows at most and more than one file, all good. */
  smallDays(logstore: number, from: number, before: number, rows: number): number[] {
    return this.#db
      .prepare(
        'SELECT hour / 24 AS day FROM segments WHERE logstore = ? AND hour >= ? * 24 AND hour < ? * 24' +
          ' GROUP BY 1 HAVING count(*) > 1 AND sum(rows) <= ? AND count(damage) = 0 ORDER BY 1 DESC',
      )
      .all(logstore, from, before, rows)
      .map((row) => Number(row['day']))
  }

  /** Files of days that began before this hour. */
  dayFiles(logstore: number, hour: number): Segment[] {
    const where = 'WHERE logstore = ? AND hour < ? AND level = 3 AND damage IS NULL'
    return this.#select(where, logstore, hour)
  }

  /** In the order of their hours. */
  ofDay(logstore: number, day: number): Segment[] {
    return this.#select(
      'WHERE logstore = ? AND hour >= ? AND hour < ?',
      logstore,
      day * 24,
      day * 24 + 24,
    )
  }

  /** Nothing has an id of these later on, although it is no segment's. Within a transaction. */
  keepIds(through: number): void {
    this.#db
      .prepare("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'segments'")
      .run(through)
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

  /** They are not used any more; files that no segment has now wait for `pendingDeletes`. */
  dropRollups(segment: number, rollups: readonly RollupFile[]): void {
    const remove = this.#db.prepare('DELETE FROM rollups WHERE segment = ? AND name = ?')
    const pend = this.#db.prepare(
      'INSERT OR IGNORE INTO pending_deletes SELECT ?1' +
        ' WHERE NOT EXISTS (SELECT 1 FROM rollups WHERE path = ?1)',
    )
    for (const { name, path } of rollups) {
      remove.run(segment, name)
      pend.run(path)
    }
  }

  isRollupFile(path: string): boolean {
    return this.#db.prepare('SELECT 1 FROM rollups WHERE path = ? LIMIT 1').get(path) !== undefined
  }

  /** The same of a file, whose ever it is. */
  dropRollupFile(path: string): void {
    this.#db.prepare('DELETE FROM rollups WHERE path = ?').run(path)
    this.#db.prepare('INSERT OR IGNORE INTO pending_deletes VALUES (?)').run(path)
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

  /** All of hours before this one, whose rows had all come by then. */
  before(logstore: number, hour: number, cameBy: number): Segment[] {
    const where =
      'WHERE logstore = ? AND hour < ? AND came_by <= ? AND (level < 3 OR hour + 24 <= ?)'
    return this.#select(where, logstore, hour, cameBy, hour)
  }

  /** Of hours that are not one final file. */
  unmerged(logstore: number): Segment[] {
    const hours = 'SELECT hour FROM segments WHERE logstore = ? AND level < 2 AND damage IS NULL'
    const where = `WHERE logstore = ? AND damage IS NULL AND level < 3 AND hour IN (${hours})`
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
      .prepare(
        'SELECT count(*) AS n, total(bytes) AS bytes FROM (SELECT DISTINCT path, bytes FROM rollups)',
      )
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

  #addRollup(segment: number, { name, path, bytes, checksum, parts }: RollupFile): void {
    this.#db
      .prepare('INSERT INTO rollups VALUES (?, ?, ?, ?, ?, ?)')
      .run(segment, name, path, bytes, checksum, parts)
  }

  #rollupsOf(segment: number): RollupFile[] {
    return rollupsIn(
      this.#db.prepare('SELECT * FROM rollups WHERE segment = ? ORDER BY name').all(segment),
    )
  }

  #select(where: string, ...values: number[]): Segment[] {
    const rollups = Map.groupBy(
      this.#db
        .prepare(
          `SELECT * FROM rollups WHERE segment IN (SELECT id FROM segments ${where})` +
            ' ORDER BY segment, name',
        )
        .all(...values),
      (row) => Number(row['segment']),
    )
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
        sameAsTime: JSON.parse(String(row['same_as_time'])) as string[],
        receiveMin: Number(row['receive_min']),
        cameBy: Number(row['came_by']),
        checksum: textOf(row['checksum']),
        damage: textOf(row['damage']),
        rollups: rollupsIn(rollups.get(Number(row['id'])) ?? []),
      }))
  }
}

const rollupDays = (rows: readonly Record<string, SQLOutputValue>[]): RollupDay[] =>
  rows.map((row) => ({ day: Number(row['day']), name: String(row['name']) }))

const rollupsIn = (rows: readonly Record<string, SQLOutputValue>[]): RollupFile[] =>
  rows.map((row) => ({
    name: String(row['name']),
    path: String(row['path']),
    bytes: Number(row['bytes']),
    checksum: String(row['checksum']),
    parts: Number(row['parts']),
  }))

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined
