import type { ColumnSpec } from '../base/columns.ts'
import { decodeBatch } from '../base/batch-codec.ts'
import { appendChunks, chunkRows, copyPresence, copyWords } from './append-chunks.ts'
import type { Fill } from './append-chunks.ts'
import type { DuckDBConnection } from './engine.ts'
import type { HotBatch, HotLease } from './hot-batches.ts'
import { stageColumns } from './stage.ts'
import type { StagedColumn } from './stage.ts'

/** Batches of a logstore in an engine. */
export interface HotTable {
  /** What to read FROM; the names of its columns are nothing that a user says. */
  readonly from: string
  /** The value of each column that they have, the reserved ones among them; others are NULL. */
  readonly values: ReadonlyMap<string, string>
  /** The sequence of a row's batch; `first` and `last` are the least and the greatest. */
  readonly sequence: string
  readonly first: number
  readonly last: number
  readonly rows: number
  readonly timeMin: number
  readonly timeMax: number
}

/** A table takes batches up to so many rows: it is dropped as a whole when all of them are in segments. */
const tableRows = 16_384

/**
 * Batches that no segment holds, in an engine that is kept from one query to the next: a lease brings those that
 * it lacks, and says which are in segments since.
 */
export class HotTables {
  readonly #connection: DuckDBConnection
  /** By logstore, in the order of their batches. */
  readonly #tables = new Map<number, readonly BatchTable[]>()
  #made = 0

  constructor(connection: DuckDBConnection) {
    this.#connection = connection
  }

  /** By logstore: of the batches that leases said are hot, all up to this one are here. */
  held(): ReadonlyMap<number, number> {
    return new Map([...this.#tables].map(([logstore, tables]) => [logstore, tables.at(-1)!.last]))
  }

  /**
   * Takes what a query may read, and forgets what it may not: other logstores, and what is in segments now. When it
   * throws, the engine is of no more use.
   */
  async take(leases: readonly HotLease[]): Promise<void> {
    const byLogstore = Map.groupBy(leases, ({ logstore }) => logstore)
    for (const logstore of this.#tables.keys()) {
      const after = byLogstore.get(logstore)?.map((each) => each.after) ?? [Infinity]
      await this.#forget(logstore, Math.min(...after))
    }
    for (const [logstore, some] of byLogstore) {
      const held = this.#tables.get(logstore)?.at(-1)?.last ?? 0
      const batches = some
        .flatMap((lease) => lease.batches)
        .filter(({ sequence }) => sequence > held)
      const once = new Map(batches.map((each) => [each.sequence, each]))
      const ordered = [...once.values()].toSorted((a, b) => a.sequence - b.sequence)
      if (ordered.length > 0) await this.#add(logstore, ordered)
    }
  }

  /** Those with rows of a lease that was taken. */
  tablesOf({ logstore, after, through }: HotLease): readonly HotTable[] {
    const tables = this.#tables.get(logstore) ?? []
    return tables.filter(({ first, last }) => last > after && first <= through)
  }

  async #forget(logstore: number, after: number): Promise<void> {
    const tables = this.#tables.get(logstore) ?? []
    const kept = tables.filter(({ last }) => last > after)
    for (const each of tables) if (!kept.includes(each)) await each.drop()
    if (kept.length > 0) this.#tables.set(logstore, kept)
    else this.#tables.delete(logstore)
  }

  async #add(logstore: number, batches: readonly HotBatch[]): Promise<void> {
    const decoded = batches.map(({ body, receiveTime }) => ({
      batch: decodeBatch(body),
      receiveTime,
    }))
    const own = decoded.flatMap(({ batch }) => [...batch.columns])
    const specs = new Map(own.map(([name, { kind }]) => [name, { name, kind }]))
    specs.delete('__time__') // it is among the reserved ones
    const { rows, columns } = await stageColumns(decoded, [...specs.values()])
    const staged = [...columns, sequencesOf(batches, rows)]
    const tables = this.#tables.get(logstore) ?? []
    const last = tables.at(-1)
    const grows = last !== undefined && last.rows < tableRows && last.hasAll(staged)
    const table = grows
      ? last
      : await BatchTable.make(this.#connection, this.#made++, staged, last?.columns ?? [])
    await table.append(staged, batches)
    if (!grows) this.#tables.set(logstore, [...tables, table])
  }
}

const sequenceName = ''

/** Texts are numbers in it, of one dictionary, which is a list in a table of one row. */
class BatchTable implements HotTable {
  readonly columns: readonly ColumnSpec[]
  readonly from: string
  readonly values: ReadonlyMap<string, string>
  readonly sequence: string
  first = Infinity
  last = 0
  rows = 0
  timeMin = Infinity
  timeMax = -Infinity
  readonly #connection: DuckDBConnection
  readonly #name: string
  readonly #texts: string
  readonly #codes = new Map<string, number>()

  private constructor(
    connection: DuckDBConnection,
    number: number,
    columns: readonly ColumnSpec[],
  ) {
    this.#connection = connection
    this.columns = columns
    this.#name = `rows${number}`
    this.#texts = `hot.texts${number}`
    this.from = `hot.${this.#name}, ${this.#texts}`
    const value = ({ kind }: ColumnSpec, index: number): string =>
      kind === 'text' ? `texts[c${index}]` : `c${index}`
    this.values = new Map(columns.map((each, index) => [each.name, value(each, index)]))
    this.sequence = this.values.get(sequenceName)!
  }

  /** @param more columns that it has besides: what one batch had may come again */
  static async make(
    connection: DuckDBConnection,
    number: number,
    staged: readonly StagedColumn[],
    more: readonly ColumnSpec[],
  ): Promise<BatchTable> {
    const columns = new Map([...more, ...staged].map(({ name, kind }) => [name, { name, kind }]))
    const table = new BatchTable(connection, number, [...columns.values()])
    const fields = table.columns.map(
      ({ kind }, index) => `c${index} ${kind === 'text' ? 'UINTEGER' : 'BIGINT'}`,
    )
    await connection.run(
      `CREATE SCHEMA IF NOT EXISTS hot; CREATE TABLE hot.${table.#name} (${fields.join(', ')});` +
        ` CREATE TABLE ${table.#texts} AS SELECT []::VARCHAR[] AS texts`,
    )
    return table
  }

  hasAll(staged: readonly StagedColumn[]): boolean {
    return staged.every(({ name }) => this.values.has(name))
  }

  async append(staged: readonly StagedColumn[], batches: readonly HotBatch[]): Promise<void> {
    const byName = new Map(staged.map((each) => [each.name, each]))
    const added: string[] = []
    const fills = this.columns.map(({ name, kind }) => {
      const column = byName.get(name)
      if (column?.kind === 'text') return fillCodes(column.codes, this.#codesOf(column, added))
      return column === undefined ? fillAbsent(kind) : fillIntegers(column)
    })
    if (added.length > 0) await this.#addTexts(added)
    const rows = batches.reduce((sum, each) => sum + each.rows, 0)
    await appendChunks(this.#connection, 'hot', this.#name, rows, fills)
    this.rows += rows
    this.first = Math.min(this.first, batches[0]!.sequence)
    this.last = batches.at(-1)!.sequence
    for (const { timeMin, timeMax } of batches) {
      this.timeMin = Math.min(this.timeMin, timeMin)
      this.timeMax = Math.max(this.timeMax, timeMax)
    }
  }

  async drop(): Promise<void> {
    await this.#connection.run(`DROP TABLE hot.${this.#name}; DROP TABLE ${this.#texts}`)
  }

  /** What stands for each code of a column in this table; texts that are new are put into `added` too. */
  #codesOf({ dictionary }: StagedText, added: string[]): Uint32Array {
    const codes = new Uint32Array(dictionary.length + 1)
    for (const [index, text] of dictionary.entries()) {
      let code = this.#codes.get(text)
      if (code === undefined) {
        code = this.#codes.size + 1
        this.#codes.set(text, code)
        added.push(text)
      }
      codes[index + 1] = code
    }
    return codes
  }

  /** A list that is changed in its place would leave the one before in memory. */
  async #addTexts(added: readonly string[]): Promise<void> {
    const mark = markFor(added.join(''))
    await this.#connection.run(
      `CREATE OR REPLACE TABLE ${this.#texts} AS` +
        ` SELECT list_concat(texts, string_split($1, $2)) AS texts FROM ${this.#texts}`,
      [added.join(mark), mark],
    )
  }
}

type StagedText = StagedColumn & { readonly kind: 'text' }

/** A character that is not in the text. */
function markFor(text: string): string {
  for (let code = 1; code < 0xd800; code++) {
    const mark = String.fromCharCode(code)
    if (!text.includes(mark)) return mark
  }
  throw new Error('texts of one batch hold every character')
}

function fillCodes(codes: Uint32Array, own: Uint32Array): Fill {
  const words = new Uint32Array(chunkRows)
  return (vector, from, count) => {
    for (let row = 0; row < count; row++) words[row] = own[codes[from + row]!]!
    copyWords(vector, words, 0, count)
  }
}

const fillIntegers =
  ({ halves, present }: StagedColumn & { readonly kind: 'integer' }): Fill =>
  (vector, from, count) => {
    copyWords(vector, halves, from * 2, count * 2)
    if (present) copyPresence(vector, present, from, count)
  }

/** The text of number 0 is NULL. */
const fillAbsent =
  (kind: ColumnSpec['kind']): Fill =>
  (vector, _, count) => {
    const words = new Uint32Array(kind === 'text' ? count : count * 2)
    copyWords(vector, words, 0, words.length)
    if (kind === 'integer') copyPresence(vector, new Uint32Array(Math.ceil(count / 32)), 0, count)
  }

function sequencesOf(batches: readonly HotBatch[], rows: number): StagedColumn {
  const halves = new Uint32Array(rows * 2)
  let at = 0
  for (const batch of batches)
    for (let row = 0; row < batch.rows; row++) {
      halves[at++] = batch.sequence
      halves[at++] = Math.floor(batch.sequence / 2 ** 32)
    }
  return { name: sequenceName, kind: 'integer', halves, present: undefined }
}
