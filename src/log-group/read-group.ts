import { isUtf8 } from 'node:buffer'
import { assert } from '../base/assert.ts'
import type { TextColumn } from '../base/columns.ts'
import { type ByteDictionary, DictionaryPool } from './byte-dictionary.ts'
import { bodyInvalid, sameBytes, WireReader, wireType } from './wire.ts'

export interface DecodedLogGroup {
  readonly rows: number
  /** '' where none was sent. */
  readonly topic: string
  readonly source: string
  readonly tags: readonly (readonly [key: string, value: string])[]
  /** Unix seconds, one a row. */
  readonly times: Float64Array
  /** Nanoseconds within the second as sent, 0 where a log has none; undefined if none of the logs has. */
  readonly timeNs: Uint32Array | undefined
  /** By key, in the order in which the keys first came. */
  readonly columns: ReadonlyMap<string, TextColumn>
}

/** Distinct keys in a group: the dictionary of one takes some 500 bytes however little is in it. */
const columnsMax = 4096
/** Rows × keys of one body, whether sent or absent: 64 MB of codes. A dense body of 10 MB has 2 M. */
export const cellsMax = 16 * 1024 * 1024
const tagsMax = 4096

const smaller = 'send it as several groups'

const field = (number: number, type: number): number => (number << 3) | type
/** By the table of alibaba-api.md 3.5. */
const groupField = { logs: 1, topic: 3, source: 4, tags: 6 } as const
const logField = { time: 1, contents: 2, timeNs: 4 } as const
const pairField = { key: 1, value: 2 } as const

/** Cells that the rest of a body may still take. */
export interface Budget {
  cells: number
}

/** The group that stands from the reader's place to `end`. */
export function readGroup(reader: WireReader, end: number, budget: Budget): DecodedLogGroup {
  const { body, at: start } = reader
  const tags: [string, string][] = []
  let topic = ''
  let source = ''
  let rows = 0
  while (reader.at < end) {
    const at = reader.at
    const tag = reader.tag(end)
    const number = tag >>> 3
    if (number === groupField.logs) {
      checkBytes(tag, at, 'a log')
      reader.skipBytes(end)
      rows++
    } else if (number === groupField.topic || number === groupField.source) {
      checkBytes(tag, at, 'a topic or source')
      const length = reader.length(end)
      const text = body.toString('utf8', reader.at, (reader.at += length))
      if (number === groupField.topic) topic = text
      else source = text
    } else if (number === groupField.tags) {
      checkBytes(tag, at, 'a tag')
      const pair = readPair(reader, end)
      if (tags.length === tagsMax) throw bodyInvalid(at, `a group has at most ${tagsMax} tags`)
      tags.push([pairText(body, pair.key), pairText(body, pair.value)])
    } else reader.skip(tag, end)
  }
  reader.at = start
  const logs = new LogReader(reader, rows, budget)
  logs.readAll(end)
  return { rows, topic, source, tags, ...logs.finish() }
}

interface Column {
  /** Where the bytes `0a LENGTH KEY` stand, and how many; 0 if the key was sent in another way. */
  readonly headAt: number
  readonly headLength: number
  readonly name: string
  readonly codes: Uint32Array
  readonly dictionary: ByteDictionary
  /** The column that came behind this one in the log before. */
  next: Column | undefined
}

const pool = new DictionaryPool()

/** The logs of one group. A log that has the keys of the log before, in that order, is read fastest. */
class LogReader {
  readonly #reader: WireReader
  readonly #rows: number
  readonly #budget: Budget
  readonly #times: Float64Array
  #timeNs: Uint32Array | undefined
  readonly #keys: ByteDictionary
  readonly #columns: Column[] = []
  #first: Column | undefined

  constructor(reader: WireReader, rows: number, budget: Budget) {
    this.#reader = reader
    this.#rows = rows
    this.#budget = budget
    this.#take(rows, reader.at)
    this.#times = new Float64Array(rows)
    this.#keys = pool.take(reader.body, reader.view)
  }

  readAll(end: number): void {
    const reader = this.#reader
    for (let row = 0; reader.at < end;) {
      const tag = reader.tag(end)
      if (tag >>> 3 !== groupField.logs) reader.skip(tag, end)
      else {
        const length = reader.length(end)
        this.#readLog(row++, reader.at + length)
      }
    }
  }

  /** Once, when all is read. */
  finish() {
    const columns = new Map<string, TextColumn>()
    for (const { name, codes, dictionary } of this.#columns)
      columns.set(name, { kind: 'text', codes, dictionary: dictionary.texts(codes) })
    pool.giveBack([this.#keys, ...this.#columns.map(({ dictionary }) => dictionary)])
    return { times: this.#times, timeNs: this.#timeNs, columns }
  }

  #readLog(row: number, end: number): void {
    const reader = this.#reader
    const start = reader.at
    let timed = false
    let before: Column | undefined
    while (reader.at < end) {
      const at = reader.at
      const tag = reader.tag(end)
      if (tag === field(logField.contents, wireType.bytes))
        before = this.#readContents(row, before, end)
      else if (tag === field(logField.time, wireType.varint)) {
        this.#times[row] = reader.uint32(end, 'a time')
        timed = true
      } else if (tag >>> 3 === logField.timeNs) this.#readTimeNs(row, tag, end)
      else if (tag >>> 3 === logField.time || tag >>> 3 === logField.contents)
        throw bodyInvalid(at, `a log's field ${tag >>> 3} has wire type ${tag & 7}`)
      else reader.skip(tag, end)
    }
    if (!timed) throw bodyInvalid(start, 'a log has no time')
  }

  /** fixed32 by the schema of most clients, a varint by that of one (alibaba-api.md 3.5). */
  #readTimeNs(row: number, tag: number, end: number): void {
    const reader = this.#reader
    this.#timeNs ??= new Uint32Array(this.#rows)
    if ((tag & 7) === wireType.four) this.#timeNs[row] = reader.fixed32(end)
    else if ((tag & 7) === wireType.varint) this.#timeNs[row] = reader.uint32(end, 'a Time_ns')
    else throw bodyInvalid(reader.at, `a log's field 4 has wire type ${tag & 7}`)
  }

  /**
   * Contents from the one whose tag was just read on, as long as their keys follow each other as in the log
   * before; or that one, of any key. Returns the column of the last key.
   */
  #readContents(row: number, before: Column | undefined, logEnd: number): Column {
    const reader = this.#reader
    const { body, view } = reader
    let at = reader.at
    let last = before
    let guess = before === undefined ? this.#first : before.next
    while (guess !== undefined && at < logEnd) {
      const headLength = guess.headLength
      const length = body[at]!
      const valueAt = at + headLength + 3
      const end = at + 1 + length
      if (
        length >= 0x80 ||
        valueAt > end ||
        end > logEnd ||
        headLength === 0 ||
        body[valueAt - 2] !== field(pairField.value, wireType.bytes) ||
        body[valueAt - 1] !== end - valueAt ||
        !sameBytes(view, guess.headAt, at + 1, headLength)
      )
        break
      guess.codes[row] = guess.dictionary.codeOf(valueAt, end - valueAt)
      reader.at = end
      last = guess
      if (end === logEnd || body[end] !== field(logField.contents, wireType.bytes)) return last
      at = end + 1
      guess = last.next
    }
    reader.at = at
    return this.#readAnyContent(row, last, logEnd)
  }

  #readAnyContent(row: number, before: Column | undefined, logEnd: number): Column {
    const { key, value } = readPair(this.#reader, logEnd)
    const code = this.#keys.codeOf(key.at, key.length)
    const column = this.#columns[code - 1] ?? this.#newColumn(key)
    if (before === undefined) this.#first = column
    else before.next = column
    column.codes[row] = column.dictionary.codeOf(value.at, value.length)
    return column
  }

  #newColumn(key: Place): Column {
    const { body, view } = this.#reader
    if (this.#columns.length === columnsMax)
      throw bodyInvalid(key.at, `a group has at most ${columnsMax} keys`, smaller)
    this.#take(this.#rows, key.at)
    if (!isUtf8(body.subarray(key.at, key.at + key.length)))
      throw bodyInvalid(key.at, 'a key is not UTF-8')
    const asUsual =
      key.length < 0x80 &&
      body[key.at - 1] === key.length &&
      body[key.at - 2] === field(pairField.key, wireType.bytes)
    const column: Column = {
      headAt: key.at - 2,
      headLength: asUsual ? key.length + 2 : 0,
      name: pairText(body, key),
      codes: new Uint32Array(this.#rows),
      dictionary: pool.take(body, view),
      next: undefined,
    }
    this.#columns.push(column)
    assert(this.#keys.count === this.#columns.length, 'a key without a column')
    return column
  }

  #take(cells: number, at: number): void {
    this.#budget.cells -= cells
    if (this.#budget.cells < 0)
      throw bodyInvalid(at, `logs times keys are more than ${cellsMax}`, smaller)
  }
}

interface Place {
  readonly at: number
  readonly length: number
}

const pairText = (body: Buffer, { at, length }: Place): string =>
  body.toString('utf8', at, at + length)

/** A Content or a LogTag: both of its texts are required, the last of each counts. */
function readPair(reader: WireReader, outerEnd: number): { key: Place; value: Place } {
  const length = reader.length(outerEnd)
  const start = reader.at
  const end = start + length
  let key: Place | undefined
  let value: Place | undefined
  while (reader.at < end) {
    const at = reader.at
    const tag = reader.tag(end)
    const number = tag >>> 3
    if (number !== pairField.key && number !== pairField.value) reader.skip(tag, end)
    else {
      checkBytes(tag, at, 'a key or value')
      const size = reader.length(end)
      const place = { at: reader.at, length: size }
      reader.at += size
      if (number === pairField.key) key = place
      else value = place
    }
  }
  if (key === undefined) throw bodyInvalid(start, 'a value has no key')
  if (value === undefined) throw bodyInvalid(start, 'a key has no value')
  return { key, value }
}

export function checkBytes(tag: number, at: number, what: string): void {
  if ((tag & 7) !== wireType.bytes) throw bodyInvalid(at, `${what} has wire type ${tag & 7}`)
}
