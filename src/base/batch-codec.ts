/**
 * A batch of columns as bytes, such as the body of a log record, little endian.
 *
 *     u8   version: 1, or 2 with a shard
 *     u8   1 if the batch has an id, else 0
 *     u16  columns
 *     u32  rows
 *     u32  shard                                  (only in version 2)
 *     text topic, text source                     (u32 byte length and UTF-8; length ffffffff: none)
 *     text flow log, text run, f64 number         (only with an id)
 *     then for each column
 *       text name
 *       u8   kind: 1 text, 2 integer
 *       u8   width: bytes of one code or difference, 1, 2, 4 or 8
 *       text column:    u32 entries, that many texts, then a code per row: 0 absent, n the n-th entry
 *       integer column: f64 least value, then value - least + 1 per row, 0 where absent; width 8 is
 *                       an f64, the others are unsigned integers. Where the values are too far apart
 *                       for that to be exact, least is NaN and the values follow, NaN where absent
 *
 * Only dictionary entries that occur are kept.
 */
import { assert } from './assert.ts'
import type { BatchId, Column, ColumnBatch, IntegerColumn, TextColumn } from './columns.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import type { Words } from './bytes.ts'

export interface LoggedBatch {
  readonly rows: number
  /** 0 unless the batch was given another. */
  readonly shard: number
  readonly topic: string | undefined
  readonly source: string | undefined
  readonly id: BatchId | undefined
  readonly columns: ReadonlyMap<string, LoggedColumn>
}

/** Integers as drawn above: `integerAt` reads them. */
export type LoggedColumn =
  | { readonly kind: 'text'; readonly codes: Words; readonly dictionary: readonly string[] }
  | { readonly kind: 'integer'; readonly least: number; readonly differences: Words }

const version = 1
const versionWithShard = 2
const shardAt = 8
const kindCode = { text: 1, integer: 2 } as const
/** A code or a difference above this needs the next width. */
const widthMax = { 1: 2 ** 8 - 1, 2: 2 ** 16 - 1, 4: 2 ** 32 - 1 } as const

/** One for all batches, and what is noted for a column: new ones for each would make much garbage. */
const writer = new ByteWriter()
let newCode = new Uint32Array(1024)
let words = new Uint32Array(1024)

export function encodeBatch(
  batch: ColumnBatch,
  options: { id?: BatchId; topic?: string; source?: string; shard?: number },
): Buffer {
  writer.clear()
  writer.u8(options.shard === undefined ? version : versionWithShard)
  writer.u8(options.id ? 1 : 0)
  writer.u16(batch.columns.size)
  writer.u32(batch.rows)
  if (options.shard !== undefined) writer.u32(options.shard)
  writer.optionalText(options.topic)
  writer.optionalText(options.source)
  if (options.id) {
    writer.text(options.id.flowLog)
    writer.text(options.id.run)
    writer.f64(options.id.number)
  }
  for (const [name, column] of batch.columns) {
    writer.text(name)
    encodeColumn(column, batch.rows)
  }
  return writer.finish()
}

/** Gives a batch that was encoded with a shard another one. */
export function setShard(body: Buffer, shard: number): void {
  assert(body[0] === versionWithShard, 'the batch was encoded without a shard')
  body.writeUInt32LE(shard, shardAt)
}

function encodeColumn(column: Column, rows: number): void {
  writer.u8(kindCode[column.kind])
  if (words.length < rows) words = new Uint32Array(rows)
  if (column.kind === 'text') encodeText(column, rows)
  else encodeInteger(column, rows)
}

function encodeText({ codes, dictionary }: TextColumn, rows: number): void {
  if (newCode.length <= dictionary.length) newCode = new Uint32Array(dictionary.length + 1)
  else newCode.fill(0, 0, dictionary.length + 1)
  const entries: string[] = []
  for (let row = 0; row < rows; row++) {
    const code = codes[row]!
    words[row] = code === 0 ? 0 : (newCode[code] ||= entries.push(dictionary[code - 1]!))
  }
  const width = widthFor(entries.length)
  writer.u8(width)
  writer.u32(entries.length)
  for (const entry of entries) writer.text(entry)
  writer.words(words, rows, width)
}

function encodeInteger({ values }: IntegerColumn, rows: number): void {
  let least = Infinity
  let greatest = -Infinity
  for (let row = 0; row < rows; row++) {
    const value = values[row]!
    if (value < least) least = value
    if (value > greatest) greatest = value
  }
  if (least === Infinity) least = greatest = 0
  const whole = greatest - least >= Number.MAX_SAFE_INTEGER
  const width = whole ? 8 : widthFor(greatest - least + 1)
  writer.u8(width)
  writer.f64(whole ? Number.NaN : least)
  const differences = width === 8 ? new Float64Array(rows) : words
  for (let row = 0; row < rows; row++) {
    const value = values[row]!
    differences[row] = Number.isNaN(value) ? 0 : value - least + 1
  }
  writer.words(whole ? values : differences, rows, width)
}

const widthFor = (greatest: number): 1 | 2 | 4 | 8 =>
  greatest <= widthMax[1] ? 1 : greatest <= widthMax[2] ? 2 : greatest <= widthMax[4] ? 4 : 8

/** `body` passed its CRC, so what it says is what was written. */
export function decodeBatch(body: Buffer): LoggedBatch {
  const reader = new ByteReader(body)
  const found = reader.u8()
  assert(found === version || found === versionWithShard, `a batch of version ${found} in the log`)
  const hasId = reader.u8() === 1
  const columnCount = reader.u16()
  const rows = reader.u32()
  const shard = found === versionWithShard ? reader.u32() : 0
  const topic = reader.optionalText()
  const source = reader.optionalText()
  const id = hasId
    ? { flowLog: reader.text(), run: reader.text(), number: reader.f64() }
    : undefined
  const columns = new Map<string, LoggedColumn>()
  for (let index = 0; index < columnCount; index++) {
    const name = reader.text()
    columns.set(name, decodeColumn(reader, rows))
  }
  return { rows, shard, topic, source, id, columns }
}

function decodeColumn(reader: ByteReader, rows: number): LoggedColumn {
  const kind = reader.u8()
  const width = reader.u8()
  if (kind === kindCode.integer) {
    const least = reader.f64()
    return { kind: 'integer', least, differences: reader.words(rows, width) }
  }
  assert(kind === kindCode.text, `a column of kind ${kind} in the log`)
  const dictionary = reader.texts(reader.u32())
  return { kind: 'text', dictionary, codes: reader.words(rows, width) }
}

/** The batch as it was given to `encodeBatch`, but for entries of dictionaries that no row has. */
export function columnsOf({ rows, columns }: LoggedBatch): ColumnBatch {
  const plain = ([name, column]: [string, LoggedColumn]): [string, Column] => [
    name,
    column.kind === 'text'
      ? { kind: 'text', codes: Uint32Array.from(column.codes), dictionary: column.dictionary }
      : {
          kind: 'integer',
          values: Float64Array.from({ length: rows }, (_, row) => integerAt(column, row)),
        },
  ]
  return { rows, columns: new Map([...columns].map(plain)) }
}

/** The value of a row; NaN where it is absent. */
export function integerAt(column: { least: number; differences: Words }, row: number): number {
  const word = column.differences[row]!
  if (Number.isNaN(column.least)) return word
  return word === 0 ? Number.NaN : column.least + (word - 1)
}
