/**
 * The versions a topology file has had: "each change is a new version with a time, kept, so that a record can be
 * explained with the rules that were in force." A table of their own on a SQLite connection.
 */
import { createHash } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { assert } from '../base/assert.ts'
import { unixSeconds, type UnixSeconds } from '../base/time.ts'

export interface TopologyVersion {
  /** 1, 2, ... */
  readonly number: number
  /** When it came in force; never before the version before it. */
  readonly since: UnixSeconds
  readonly file: string
  /** SHA-256 of its text, in hexadecimal. */
  readonly sha256: string
  /** Whose change it is: the user that the file belonged to; undefined where that was not kept. */
  readonly by: string | undefined
}

const table = `
  CREATE TABLE IF NOT EXISTS topology_versions (
    number INTEGER PRIMARY KEY,
    since INTEGER NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    text TEXT NOT NULL
  ) STRICT`

const columns = 'number, since, file, sha256, by'

export class TopologyVersions {
  readonly #database: DatabaseSync

  /** Makes its table when it is not there. */
  constructor(database: DatabaseSync) {
    this.#database = database
    database.exec(table)
    const there = database.prepare('PRAGMA table_info(topology_versions)').all()
    if (!there.some(({ name }) => name === 'by'))
      database.exec('ALTER TABLE topology_versions ADD COLUMN by TEXT')
  }

  /**
   * Keeps the text of a topology as a new version, unless it is that of the current one, whatever its file's name.
   *
   * @param text of a topology that `parseTopology` takes; it is not checked here
   * @param since when it comes in force; a clock that went back does not put it before the current version
   * @param by whose change it is
   */
  add(
    text: string,
    file: string,
    since: UnixSeconds,
    by?: string,
  ): { version: TopologyVersion; changed: boolean } {
    const current = this.current()
    const sha256 = createHash('sha256').update(text).digest('hex')
    if (current !== undefined && current.sha256 === sha256)
      return { version: current, changed: false }
    const version: TopologyVersion = {
      number: (current?.number ?? 0) + 1,
      since: unixSeconds(Math.max(since, current?.since ?? since)),
      file,
      sha256,
      by,
    }
    this.#database
      .prepare(`INSERT INTO topology_versions (${columns}, text) VALUES (?, ?, ?, ?, ?, ?)`)
      .run(version.number, version.since, file, sha256, by ?? null, text)
    return { version, changed: true }
  }

  /** The newest; undefined when there is none. */
  current(): TopologyVersion | undefined {
    return this.#one(`SELECT ${columns} FROM topology_versions ORDER BY number DESC LIMIT 1`)
  }

  /**
   * The version in force at a time. Before the first one it is the first, and `early` says so; undefined when there
   * is none at all.
   */
  at(time: number): { version: TopologyVersion; early: boolean } | undefined {
    const version = this.#one(
      `SELECT ${columns} FROM topology_versions WHERE since <= ? ORDER BY number DESC LIMIT 1`,
      time,
    )
    if (version !== undefined) return { version, early: false }
    const first = this.#one(`SELECT ${columns} FROM topology_versions ORDER BY number LIMIT 1`)
    return first && { version: first, early: true }
  }

  /** All of them, the oldest first. */
  list(): TopologyVersion[] {
    return this.#database
      .prepare(`SELECT ${columns} FROM topology_versions ORDER BY number`)
      .all()
      .map(fromRow)
  }

  /** The whole text of a version, undefined when there is no such one. */
  textOf(number: number): string | undefined {
    const row = this.#database
      .prepare('SELECT text FROM topology_versions WHERE number = ?')
      .get(number)
    return row && textIn(row, 'text')
  }

  #one(query: string, ...values: number[]): TopologyVersion | undefined {
    const row = this.#database.prepare(query).get(...values)
    return row && fromRow(row)
  }
}

const fromRow = (row: Record<string, SQLOutputValue>): TopologyVersion => ({
  number: Number(row['number']),
  since: unixSeconds(Number(row['since'])),
  file: textIn(row, 'file'),
  sha256: textIn(row, 'sha256'),
  by: row['by'] === null ? undefined : textIn(row, 'by'),
})

function textIn(row: Record<string, SQLOutputValue>, column: string): string {
  const value = row[column]
  assert(typeof value === 'string', `topology_versions.${column} is a text`)
  return value
}
