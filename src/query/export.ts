import { rename, rm } from 'node:fs/promises'
import { uniqueNames } from '../base/unique-names.ts'
import { quoteName, quoteText } from './quote.ts'
import type { QueryColumn } from './result.ts'

/**
 * Writes a result as a Parquet file: bigint, double, boolean, timestamp and date as such, all else
 * as VARCHAR. The file appears whole or not at all. Runs in this process: the values are data here,
 * never SQL.
 */
export async function exportParquet(
  result: {
    readonly columns: readonly QueryColumn[]
    readonly rows: readonly (readonly (string | null)[])[]
  },
  path: string,
): Promise<void> {
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const partial = `${path}.partial`
  try {
    const names = uniqueNames(
      result.columns.map(({ name }, i) => (name === '' ? `_${i}` : name)),
      (name) => name.toLowerCase(), // the engine takes names that differ in case for one
    )
    const columns = names.map((name) => `${quoteName(name)} VARCHAR`)
    await connection.run(`CREATE TABLE result (${columns.join(', ')})`)
    const appender = await connection.createAppender('result')
    for (const row of result.rows) {
      for (const value of row) {
        if (value === null) appender.appendNull()
        else appender.appendVarchar(value)
      }
      appender.endRow()
    }
    appender.closeSync()
    const typed = result.columns.map(({ type }, index) => {
      const name = quoteName(names[index]!)
      return `CAST(${name} AS ${parquetTypes[type] ?? 'VARCHAR'}) AS ${name}`
    })
    await connection.run(
      `COPY (SELECT ${typed.join(', ')} FROM result) TO ${quoteText(partial)} (FORMAT parquet, COMPRESSION zstd)`,
    )
    await rename(partial, path)
  } finally {
    connection.closeSync()
    instance.closeSync()
    await rm(partial, { force: true })
  }
}

const parquetTypes: Readonly<Record<string, string>> = {
  bigint: 'BIGINT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMP',
  date: 'DATE',
}
