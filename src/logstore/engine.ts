import { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { DuckDBDataChunk } from '@duckdb/node-api'

/** The in-memory DuckDB that writes and merges Parquet. It holds no rows between two files. */
export interface Engine {
  /** For micro-segments. */
  readonly flushing: DuckDBConnection
  /** For merges, which may take long and may be interrupted. */
  readonly merging: DuckDBConnection
  close(): void
}

export interface EngineConfig {
  readonly engineMemoryBytes: number
  readonly engineThreads: number
}

/** `temporaryFolder` takes what a sort spills. */
export async function openEngine(config: EngineConfig, temporaryFolder: string): Promise<Engine> {
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: `${Math.floor(config.engineMemoryBytes / 1024)}KiB`,
    threads: String(config.engineThreads),
    temp_directory: temporaryFolder,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  const flushing = await instance.connect()
  const merging = await instance.connect()
  return {
    flushing,
    merging,
    close() {
      flushing.closeSync()
      merging.closeSync()
      instance.closeSync()
    },
  }
}

/** The values of the only row of a statement, as text. */
export async function onlyRow(
  connection: DuckDBConnection,
  sql: string,
): Promise<readonly string[]> {
  const reader = await connection.runAndReadAll(sql)
  return (reader.getRows()[0] ?? []).map(String)
}

export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`

export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** What to sort an ENUM column by: sorting by itself fails where one of its texts has a NUL. */
export const enumKey = (column: string): string => `enum_code(${column})`

export type { DuckDBConnection, DuckDBDataChunk }
