import duckdb from '@duckdb/node-bindings'
import { BIGINT, DuckDBConnection, DuckDBDataChunk, UINTEGER, VARCHAR } from '@duckdb/node-api'
import type { DuckDBAppender, DuckDBType } from '@duckdb/node-api'
import type { ColumnSpec } from '../base/columns.ts'
import { assert } from '../base/assert.ts'
import { onlyRow, quoteName, quoteText } from './engine.ts'
import type { StagedColumn, StagedRows } from './stage.ts'
import { hourSeconds, nextTurn } from './stage.ts'
import type { SumsByColumn } from './sums.ts'

/** The engine's vector size: rows of one chunk. */
const chunkRows = 2048
/** Chunks copied before the event loop gets a turn: about 5 ms of 25 columns. */
const chunksPerTurn = 4
const listedTextsMax = 8

/**
 * One file an hour was 16.4 bytes a record with row groups of 491,520 rows and format v2, 19.5 with the
 * defaults; bloom filters come with dictionary columns by themselves.
 */
export const parquetOptions =
  'FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 491520, PARQUET_VERSION v2, WRITE_BLOOM_FILTER true'

/**
 * Rows in the engine's tables: `rows` holds a code per text value and int64 per integer, `texts` the
 * dictionaries. Strings cross into native code once per distinct text, never once per value.
 */
export class StagedTables {
  readonly #connection: DuckDBConnection
  readonly #columns: readonly StagedColumn[]

  private constructor(connection: DuckDBConnection, columns: readonly StagedColumn[]) {
    this.#connection = connection
    this.#columns = columns
  }

  static async load(connection: DuckDBConnection, staged: StagedRows): Promise<StagedTables> {
    const { columns } = staged
    await connection.run(dropTables)
    const types = columns.map((each) => (each.kind === 'text' ? 'UINTEGER' : 'BIGINT'))
    const fields = types.map((type, index) => `c${index} ${type}`)
    await connection.run(`CREATE TABLE staged_rows (${fields.join(', ')})`)
    await connection.run('CREATE TABLE staged_texts (field UINTEGER, code UINTEGER, says VARCHAR)')
    await appendRows(connection, staged)
    await appendTexts(connection, columns)
    return new StagedTables(connection, columns)
  }

  /** Writes the rows of one hour as Parquet. The file is not synced. */
  async writeHour(hour: number, path: string): Promise<void> {
    const time = this.#field('__time__')
    const from = hour * hourSeconds
    const values = this.#columns.map(
      (each, index) => `${valueOf(each, index)} AS ${quoteName(each.name)}`,
    )
    const joins = this.#columns.flatMap((each, index) => (isJoined(each) ? [joinOf(index)] : []))
    await this.#connection.run(
      `COPY (SELECT ${values.join(', ')} FROM staged_rows r ${joins.join(' ')}` +
        ` WHERE r.${time} >= ${from} AND r.${time} < ${from + hourSeconds})` +
        ` TO ${quoteText(path)} (${parquetOptions})`,
    )
  }

  async drop(): Promise<void> {
    await this.#connection.run(dropTables)
  }

  #field(name: string): string {
    const index = this.#columns.findIndex((each) => each.name === name)
    assert(index >= 0, `no column ${name} among the staged ones`)
    return `c${index}`
  }
}

/** A short dictionary is written into the statement as a list: planning a join costs a millisecond. */
const isJoined = (column: StagedColumn): boolean =>
  column.kind === 'text' &&
  (column.dictionary.length > listedTextsMax ||
    column.dictionary.some((text) => text.includes('\0')))

function valueOf(column: StagedColumn, index: number): string {
  if (column.kind === 'integer') return `r.c${index}`
  if (isJoined(column)) return `t${index}.says`
  return `([${column.dictionary.map(quoteText).join(', ')}]::VARCHAR[])[r.c${index}]`
}

const joinOf = (index: number): string =>
  `LEFT JOIN (SELECT code, says FROM staged_texts WHERE field = ${index}) t${index}` +
  ` ON r.c${index} = t${index}.code`

const dropTables = 'DROP TABLE IF EXISTS staged_rows; DROP TABLE IF EXISTS staged_texts'

async function appendRows(connection: DuckDBConnection, { rows, columns }: StagedRows) {
  const types = columns.map((each) => (each.kind === 'text' ? UINTEGER : BIGINT))
  await appendChunks(connection, 'staged_rows', types, rows, (chunk, from, count) => {
    columns.forEach((column, index) => {
      const vector = duckdb.data_chunk_get_vector(chunk.chunk, index)
      if (column.kind === 'text') copyWords(vector, column.codes, from, count)
      else {
        copyWords(vector, column.halves, from * 2, count * 2)
        if (column.present) copyPresence(vector, column.present, from, count)
      }
    })
  })
}

function copyWords(vector: duckdb.Vector, words: Uint32Array, from: number, count: number): void {
  duckdb.copy_data_to_vector(vector, 0, bufferOf(words), words.byteOffset + from * 4, count * 4)
}

/** A chunk starts at a multiple of 2048 rows, so its bits start at a whole word. */
function copyPresence(vector: duckdb.Vector, bits: Uint32Array, from: number, count: number): void {
  duckdb.vector_ensure_validity_writable(vector)
  const bytes = Math.ceil(count / 32) * 4
  duckdb.copy_data_to_vector_validity(vector, 0, bufferOf(bits), bits.byteOffset + from / 8, bytes)
}

function bufferOf(words: Uint32Array): ArrayBuffer {
  assert(words.buffer instanceof ArrayBuffer, 'staged words lie in an ArrayBuffer')
  return words.buffer
}

async function appendTexts(connection: DuckDBConnection, columns: readonly StagedColumn[]) {
  const fields: number[] = []
  const codes: number[] = []
  const texts: string[] = []
  columns.forEach((column, field) => {
    if (column.kind !== 'text' || !isJoined(column)) return
    column.dictionary.forEach((text, index) => {
      fields.push(field)
      codes.push(index + 1)
      texts.push(text)
    })
  })
  const fieldWords = Uint32Array.from(fields)
  const codeWords = Uint32Array.from(codes)
  const types = [UINTEGER, UINTEGER, VARCHAR]
  await appendChunks(connection, 'staged_texts', types, texts.length, (chunk, from, count) => {
    copyWords(duckdb.data_chunk_get_vector(chunk.chunk, 0), fieldWords, from, count)
    copyWords(duckdb.data_chunk_get_vector(chunk.chunk, 1), codeWords, from, count)
    const says = duckdb.data_chunk_get_vector(chunk.chunk, 2)
    for (let index = 0; index < count; index++)
      duckdb.vector_assign_string_element_len(says, index, Buffer.from(texts[from + index]!))
  })
}

async function appendChunks(
  connection: DuckDBConnection,
  table: string,
  types: readonly DuckDBType[],
  rows: number,
  fill: (chunk: DuckDBDataChunk, from: number, count: number) => void,
): Promise<void> {
  const appender: DuckDBAppender = await connection.createAppender(table)
  try {
    for (let from = 0; from < rows; from += chunkRows) {
      const count = Math.min(chunkRows, rows - from)
      const chunk = DuckDBDataChunk.create(types, count)
      fill(chunk, from, count)
      appender.appendDataChunk(chunk)
      if ((from / chunkRows) % chunksPerTurn !== chunksPerTurn - 1) continue
      appender.flushSync() // else all of it is done by the last call, without a turn
      await nextTurn()
    }
  } finally {
    appender.closeSync()
  }
}

export interface MergeInputs {
  readonly paths: readonly string[]
  /** Whether each of them has the same columns; else those a file lacks are NULL in its rows. */
  readonly alike: boolean
  /** Columns that all of them together have. */
  readonly sortBy: readonly string[]
}

/** Merges Parquet files of one hour into one, sorted by `sortBy` and `__time__`. Not synced. */
export async function mergeParquet(
  connection: DuckDBConnection,
  { paths, alike, sortBy }: MergeInputs,
  output: string,
): Promise<void> {
  const order = [...sortBy, '__time__'].map(quoteName).join(', ')
  const files = `[${paths.map(quoteText).join(', ')}]`
  await connection.run(
    `COPY (SELECT * FROM read_parquet(${files}, union_by_name = ${!alike}) ORDER BY ${order})` +
      ` TO ${quoteText(output)} (${parquetOptions})`,
  )
}

/** Reads a file back: its rows and, by column, how many values and their sum (sums.ts). */
export async function readSums(
  connection: DuckDBConnection,
  path: string,
  columns: readonly ColumnSpec[],
): Promise<{ rows: number; sums: SumsByColumn }> {
  const each = columns.flatMap(({ name, kind }) => {
    const column = quoteName(name)
    const value = kind === 'text' ? `strlen(${column})` : column
    return [`count(${column})`, `coalesce(sum(${value}), 0)::VARCHAR`]
  })
  const select = ['count(*)', ...each].join(', ')
  const row = await onlyRow(connection, `SELECT ${select} FROM read_parquet(${quoteText(path)})`)
  const sums = new Map(
    columns.map(({ name }, index) => [
      name,
      { values: Number(row[1 + index * 2]), sum: BigInt(row[2 + index * 2] ?? 0) },
    ]),
  )
  return { rows: Number(row[0]), sums }
}
