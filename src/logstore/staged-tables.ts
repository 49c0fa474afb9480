import duckdb from '@duckdb/node-bindings'
import { assert } from '../base/assert.ts'
import { appendChunks, chunkRows, copyPresence, copyWords } from './append-chunks.ts'
import type { Fill } from './append-chunks.ts'
import type { DuckDBConnection } from './engine.ts'
import { enumKey, quoteName, quoteText } from './engine.ts'
import { parquetOptions } from './parquet.ts'
import type { StagedColumn, StagedHour, StagedRows } from './stage.ts'
import { hourSeconds } from './stage.ts'

/** A dictionary up to this long is written into the statement; above, a query over a table is cheaper. */
const listedTextsMax = 10_000
/** Up to so many rows a distinct text, strings of their own cost less than a type of them. */
const rowsPerTextMin = 3
const plainTextsMin = 1000

type TextColumn = StagedColumn & { kind: 'text' }
type Form = 'integer' | 'enum' | 'plain' | 'absent'

/**
 * Rows in a table of the engine. Text columns are ENUMs of their dictionaries, so codes are copied as they
 * are and Parquet's dictionaries need no hashing; columns of which most values differ are VARCHAR. A file
 * reads as VARCHAR in both cases.
 */
export class StagedTables {
  readonly #connection: DuckDBConnection
  readonly #staged: StagedRows
  readonly #forms: readonly Form[]

  private constructor(connection: DuckDBConnection, staged: StagedRows, forms: readonly Form[]) {
    this.#connection = connection
    this.#staged = staged
    this.#forms = forms
  }

  static async load(connection: DuckDBConnection, staged: StagedRows): Promise<StagedTables> {
    const forms = staged.columns.map((each) => formOf(each, staged))
    await connection.run(`${dropTables}; CREATE SCHEMA staged`)
    const fields: string[] = []
    for (const [index, column] of staged.columns.entries()) {
      const form = forms[index]!
      if (form === 'absent') continue
      const type =
        column.kind === 'text' && form === 'enum'
          ? await enumOf(connection, column, index)
          : sqlTypes[form]
      fields.push(`c${index} ${type}`)
    }
    await connection.run(`CREATE TABLE staged.records (${fields.join(', ')})`)
    const fills = staged.columns.flatMap((each, index) => fillOf(each, forms[index]!) ?? [])
    await appendChunks(connection, 'staged', 'records', staged.rows, fills)
    return new StagedTables(connection, staged, forms)
  }

  /** Writes the rows of one hour as Parquet, sorted by `sortBy` and time. The file is not synced. */
  async writeHour(hour: StagedHour, path: string, sortBy: readonly string[]): Promise<void> {
    const from = hour.hour * hourSeconds
    const time = this.#keyOf('__time__')
    assert(time !== undefined, 'every row has a time')
    // A file has the whole dictionary of an ENUM: one with few of the rows shall not.
    const few = hour.rows * 2 < this.#staged.rows
    const values = this.#staged.columns.flatMap(({ name, kind }, index) => {
      if (hour.sameAsTime.includes(name)) return []
      const value = this.#forms[index] === 'absent' ? 'NULL' : `c${index}`
      const cast = kind === 'text' && (few || value === 'NULL') ? '::VARCHAR' : ''
      return `${value}${cast} AS ${quoteName(name)}`
    })
    const keys = sortBy.filter((name) => !hour.sameAsTime.includes(name))
    const order = [...keys.flatMap((name) => this.#keyOf(name) ?? []), time]
    await this.#connection.run(
      `COPY (SELECT ${values.join(', ')} FROM staged.records` +
        ` WHERE ${time} >= ${from} AND ${time} < ${from + hourSeconds}` +
        ` ORDER BY ${order.join(', ')}) TO ${quoteText(path)} (${parquetOptions(hour.sameAsTime)})`,
    )
  }

  async drop(): Promise<void> {
    await this.#connection.run(dropTables)
  }

  /** Text columns sort by their codes here: what is equal lies together, and that is what merging gains by. */
  #keyOf(name: string): string | undefined {
    const index = this.#staged.columns.findIndex((each) => each.name === name)
    const form = this.#forms[index]
    if (form === undefined || form === 'absent') return undefined
    return form === 'enum' ? enumKey(`c${index}`) : `c${index}`
  }
}

const dropTables = 'DROP SCHEMA IF EXISTS staged CASCADE'

const sqlTypes = { integer: 'BIGINT', plain: 'VARCHAR', enum: '', absent: '' } as const

function formOf(column: StagedColumn, { rows, hours }: StagedRows): Form {
  if (column.kind === 'integer') return 'integer'
  const texts = column.dictionary.length
  if (texts === 0) return 'absent'
  if (texts < plainTextsMin || texts * rowsPerTextMin < rows) return 'enum'
  // Long texts that repeat must not be spelled out for each row.
  const spelled = hours.reduce((sum, { sums }) => sum + Number(sums.get(column.name)?.sum ?? 0), 0)
  const once = column.dictionary.reduce((sum, text) => sum + text.length, 0)
  return spelled <= 2 * rowsPerTextMin * once ? 'plain' : 'enum'
}

/** An ENUM of the dictionary in its order: written out, or a type made of a table. */
async function enumOf(
  connection: DuckDBConnection,
  { dictionary }: TextColumn,
  index: number,
): Promise<string> {
  if (dictionary.length <= listedTextsMax && !dictionary.some((text) => text.includes('\0')))
    return `ENUM (${dictionary.map(quoteText).join(', ')})`
  await connection.run(`CREATE TABLE staged.texts${index} (code UINTEGER, says VARCHAR)`)
  const codes = Uint32Array.from(dictionary, (_, code) => code)
  await appendChunks(connection, 'staged', `texts${index}`, dictionary.length, [
    (vector, from, count) => copyWords(vector, codes, from, count),
    (vector, from, count) => {
      for (let row = 0; row < count; row++) assignText(vector, row, dictionary[from + row]!)
    },
  ])
  await connection.run(
    `CREATE TYPE staged.e${index} AS ENUM (SELECT says FROM staged.texts${index} ORDER BY code)`,
  )
  return `staged.e${index}`
}

const assignText = (vector: duckdb.Vector, row: number, text: string): void =>
  duckdb.vector_assign_string_element_len(vector, row, Buffer.from(text))

function fillOf(column: StagedColumn, form: Form): Fill | undefined {
  if (form === 'absent') return undefined
  if (column.kind === 'text') return form === 'enum' ? fillEnum(column) : fillPlain(column)
  const { halves, present } = column
  return (vector, from, count) => {
    copyWords(vector, halves, from * 2, count * 2)
    if (present) copyPresence(vector, present, from, count)
  }
}

/** An ENUM's codes begin with 0, in as many bytes as its dictionary needs. */
function fillEnum({ codes, dictionary }: TextColumn): Fill {
  const Words =
    dictionary.length <= 0xff ? Uint8Array : dictionary.length <= 0xffff ? Uint16Array : Uint32Array
  const words = new Words(chunkRows)
  const present = new Uint32Array(chunkRows / 32)
  return (vector, from, count) => {
    let absent = 0
    present.fill(0)
    for (let row = 0; row < count; row++) {
      const code = codes[from + row]!
      words[row] = code === 0 ? 0 : code - 1
      if (code === 0) absent++
      else present[row >>> 5]! |= 1 << (row & 31)
    }
    copyWords(vector, words, 0, count)
    if (absent > 0) copyPresence(vector, present, 0, count)
  }
}

function fillPlain({ codes, dictionary }: TextColumn): Fill {
  const present = new Uint32Array(chunkRows / 32)
  return (vector, from, count) => {
    present.fill(0)
    for (let row = 0; row < count; row++) {
      const code = codes[from + row]!
      if (code === 0) continue
      assignText(vector, row, dictionary[code - 1]!)
      present[row >>> 5]! |= 1 << (row & 31)
    }
    copyPresence(vector, present, 0, count)
  }
}
