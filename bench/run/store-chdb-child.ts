/** Holds chdb for store-chdb.ts: one data folder a process, and its CPU apart from the bench's. */
import { createRequire } from 'node:module'
import { join } from 'node:path'

export interface ChdbQuestion {
  readonly sql: string
}

export interface ChdbAnswer {
  readonly rows: readonly (readonly unknown[])[]
  readonly cpuSeconds: number
}

interface Chdb {
  readonly Session: new (folder: string) => { query(sql: string, format: string): string }
}

const [packages, folder] = process.argv.slice(2) as [string, string]
const { Session } = createRequire(join(packages, 'package.json'))('chdb') as Chdb
const session = new Session(folder)
session.query('SET max_threads = 1, max_insert_threads = 1', 'JSONCompact')

process.on('message', ({ sql }: ChdbQuestion) => {
  try {
    const before = process.cpuUsage()
    const said = session.query(sql, 'JSONCompact')
    const { user, system } = process.cpuUsage(before)
    const rows = said === '' ? [] : (JSON.parse(said) as { data: unknown[][] }).data
    process.send?.({ rows, cpuSeconds: (user + system) / 1e6 } satisfies ChdbAnswer)
  } catch (error) {
    process.send?.({ failed: String(error) })
  }
})
