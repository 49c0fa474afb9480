import duckdb from '@duckdb/node-bindings'
import { DuckDBDataChunk } from '@duckdb/node-api'
import type { DuckDBAppender } from '@duckdb/node-api'
import { assert } from '../base/assert.ts'
import type { DuckDBConnection } from './engine.ts'
import { Turns } from './stage.ts'

/** The engine's vector size: rows of one chunk. */
export const chunkRows = 2048
/** Chunks copied before the event loop gets a turn, about 8 ms of 25 columns: each turn costs the engine an append of its own. */
const chunksPerTurn = 8

/** Copies the values of a column for rows `from` on into a chunk. */
export type Fill = (vector: duckdb.Vector, from: number, count: number) => void

/** Words of rows `from` on: as they lie. */
export function copyWords(
  vector: duckdb.Vector,
  words: Uint8Array | Uint16Array | Uint32Array,
  from: number,
  count: number,
): void {
  const size = words.BYTES_PER_ELEMENT
  const start = words.byteOffset + from * size
  duckdb.copy_data_to_vector(vector, 0, bufferOf(words), start, count * size)
}

/** Bits of rows `from` on, set where there is a value. A chunk starts at a multiple of 2048 rows, so its bits start at a whole word. */
export function copyPresence(
  vector: duckdb.Vector,
  bits: Uint32Array,
  from: number,
  count: number,
): void {
  duckdb.vector_ensure_validity_writable(vector)
  const bytes = Math.ceil(count / 32) * 4
  duckdb.copy_data_to_vector_validity(vector, 0, bufferOf(bits), bits.byteOffset + from / 8, bytes)
}

function bufferOf({ buffer }: Uint8Array | Uint16Array | Uint32Array): ArrayBuffer {
  assert(buffer instanceof ArrayBuffer, 'staged words lie in an ArrayBuffer')
  return buffer
}

/** Appends rows to a table, a column by each fill, in a transaction of their own. */
export async function appendChunks(
  connection: DuckDBConnection,
  schema: string,
  table: string,
  rows: number,
  fills: readonly Fill[],
): Promise<void> {
  const empty = await connection.run(`SELECT * FROM ${schema}.${table} LIMIT 0`)
  const types = fills.map((_, index) => empty.columnLogicalType(index).logical_type)
  await connection.run('BEGIN') // appends of their own transactions cost twice as much
  try {
    const appender = await connection.createAppender(table, schema)
    await copyChunks(appender, rows, fills, types)
    await connection.run('COMMIT')
  } catch (error) {
    await connection.run('ROLLBACK')
    throw error
  }
}

async function copyChunks(
  appender: DuckDBAppender,
  rows: number,
  fills: readonly Fill[],
  types: duckdb.LogicalType[],
): Promise<void> {
  const turns = new Turns()
  try {
    for (let from = 0; from < rows; from += chunkRows) {
      const count = Math.min(chunkRows, rows - from)
      const chunk = new DuckDBDataChunk(duckdb.create_data_chunk(types))
      chunk.rowCount = count
      fills.forEach((fill, index) =>
        fill(duckdb.data_chunk_get_vector(chunk.chunk, index), from, count),
      )
      appender.appendDataChunk(chunk)
      if ((from / chunkRows) % chunksPerTurn !== chunksPerTurn - 1) continue
      appender.flushSync() // else all of it is done by the last call, without a turn
      await turns.next()
    }
  } finally {
    appender.closeSync()
  }
}
