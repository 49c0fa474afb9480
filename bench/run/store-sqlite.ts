/** The records in a table of SQLite, with an index on the time. */
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { ColumnBatch } from '../../src/base/columns.ts'
import { flowRecordFields } from '../../src/record/fields.ts'
import type { Engine } from './store-ask.ts'
import type { PeerOptions } from './store-peers.ts'
import { StoreRecords } from './store-records.ts'

const insertRows = 1000

export async function openSqlite(options: PeerOptions): Promise<readonly Engine[]> {
  const { kept, seed, say } = options
  const rows = Math.min(options.rows, options.peerRows)
  const path = join(kept, 'data/records.sqlite')
  rmSync(path, { force: true })
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  const columns = flowRecordFields.map(
    ({ name, kind }) => `"${name}" ${kind === 'text' ? 'TEXT' : 'INTEGER'}`,
  )
  database.exec(`CREATE TABLE log ("__time__" INTEGER, ${columns.join(', ')})`)
  database.exec('CREATE INDEX by_time ON log ("__time__")')
  const marks = Array.from({ length: columns.length + 1 }, () => '?').join(', ')
  const insert = database.prepare(`INSERT INTO log VALUES (${marks})`)
  const records = new StoreRecords(seed)
  let seconds = 0
  for (let made = 0; made < rows; made += insertRows) {
    const values = rowsOf(records.next(Math.min(insertRows, rows - made)))
    const cpu = process.cpuUsage()
    database.exec('BEGIN')
    for (const row of values) insert.run(...row)
    database.exec('COMMIT')
    const { user, system } = process.cpuUsage(cpu)
    seconds += (user + system) / 1e6
  }
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  const version = database.prepare('SELECT sqlite_version() AS v').get()!['v']
  const bytes = statSync(path).size / rows
  const stored = `${(rows / seconds / 1000).toFixed(0)} k records/CPU s stored, ${bytes.toFixed(0)} bytes a record`
  say(`SQLite: ${stored}`)
  const whole = rows === options.rows
  const engine: Engine = {
    name: 'SQLite',
    version: `${String(version)} of Node ${process.version}`,
    remark: whole ? stored : `${stored}; of ${rows} records, times ${options.rows / rows}`,
    scale: options.rows / rows,
    async ask({ sql }) {
      const cpu = process.cpuUsage()
      const found = database.prepare(sql).all()
      const { user, system } = process.cpuUsage(cpu)
      const answer = found.map((row) => Object.values(row))
      return { rows: whole ? answer : undefined, cpuSeconds: (user + system) / 1e6 }
    },
    async close() {
      database.close()
    },
  }
  return [engine]
}

function rowsOf({ rows, columns }: ColumnBatch): (string | number | null)[][] {
  return Array.from({ length: rows }, (_, row) =>
    [...columns.values()].map((column) =>
      column.kind === 'text'
        ? (column.dictionary[column.codes[row]! - 1] ?? null)
        : column.values[row]!,
    ),
  )
}
