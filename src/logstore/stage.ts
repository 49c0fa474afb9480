import type { ColumnSpec } from '../base/columns.ts'
import type { LoggedBatch, LoggedColumn } from '../base/batch-codec.ts'
import { integerAt } from '../base/batch-codec.ts'
import { reservedColumns, shardColumn } from './contract.ts'
import type { ColumnSums } from './sums.ts'
import { mayBeSameAsTime } from './same-as-time.ts'
import { integerSums, textSums } from './sums.ts'

/** Rows ready to be copied into the engine: fixed-width words and dictionaries, no value alone. */
export interface StagedRows {
  readonly rows: number
  readonly columns: readonly StagedColumn[]
  /** Every hour that has rows, in order. */
  readonly hours: readonly StagedHour[]
}

export type StagedColumn =
  | { name: string; kind: 'text'; codes: Uint32Array; dictionary: readonly string[] }
  | {
      name: string
      kind: 'integer'
      /** int64 a row, as its lower and upper half. */
      halves: Uint32Array
      /** A bit a row, set where there is a value; undefined where all have one. */
      present: Uint32Array | undefined
    }

export interface StagedHour {
  /** Hours since 1970. */
  readonly hour: number
  readonly rows: number
  readonly timeMin: number
  readonly timeMax: number
  /** Of its rows, by column. */
  readonly sums: ReadonlyMap<string, ColumnSums>
  /** Columns, none of them reserved, that are `__time__` in each of its rows. */
  readonly sameAsTime: readonly string[]
}

export interface StagedBatch {
  readonly batch: LoggedBatch
  readonly receiveTime: number
}

export const hourSeconds = 3600

/** Puts batches of one logstore behind each other, and finds their hours. */
export async function stageRows(
  batches: readonly StagedBatch[],
  specs: readonly ColumnSpec[],
): Promise<StagedRows> {
  const staged = await stageColumns(batches, specs)
  return { ...staged, hours: await stageHours(staged.columns, staged.rows) }
}

/** The reserved columns, then these. A column of 50,000 rows takes some milliseconds. */
export async function stageColumns(
  batches: readonly StagedBatch[],
  specs: readonly ColumnSpec[],
): Promise<Omit<StagedRows, 'hours'>> {
  const rows = batches.reduce((sum, { batch }) => sum + batch.rows, 0)
  const columns: StagedColumn[] = []
  const turns = new Turns()
  const sharded = batches.some(({ batch }) => batch.shard !== 0) ? [shardColumn] : []
  for (const { name, kind } of [...reservedColumns, ...sharded, ...specs]) {
    const stage = kind === 'text' ? stageText : stageInteger
    columns.push(stage(name, batches, rows))
    await turns.next()
  }
  return { rows, columns }
}

/** As long at a stretch: a turn of a busy event loop takes longer than a column, and a flush has a hundred of them. */
const stretchMilliseconds = 10

/** Lets what waits on the event loop go first, now and then. */
export class Turns {
  #since = performance.now()

  async next(): Promise<void> {
    if (performance.now() - this.#since < stretchMilliseconds) return
    await new Promise((resolve) => setImmediate(resolve))
    this.#since = performance.now()
  }
}

const one = (count: number, value: number) => new Float64Array(count).fill(value)

/** The column as it was logged, or one made of what the batch says for all its rows. */
function columnOf(name: string, { batch, receiveTime }: StagedBatch): LoggedColumn | undefined {
  if (name === '__receive_time__' || name === shardColumn.name) {
    const least = name === shardColumn.name ? batch.shard : receiveTime
    return { kind: 'integer', least, differences: one(batch.rows, 1) }
  }
  const text = name === '__topic__' ? batch.topic : name === '__source__' ? batch.source : undefined
  if (text === undefined) return batch.columns.get(name)
  return { kind: 'text', dictionary: [text], codes: one(batch.rows, 1) }
}

function stageText(name: string, batches: readonly StagedBatch[], rows: number): StagedColumn {
  const codes = new Uint32Array(rows)
  const codeOf = new Map<string, number>()
  let at = 0
  for (const each of batches) {
    const column = columnOf(name, each)
    if (column?.kind === 'text') {
      const newCode = new Uint32Array(column.dictionary.length + 1)
      column.dictionary.forEach((text, index) => {
        const known = codeOf.get(text) ?? codeOf.size + 1
        codeOf.set(text, known)
        newCode[index + 1] = known
      })
      for (let row = 0; row < each.batch.rows; row++) codes[at + row] = newCode[column.codes[row]!]!
    }
    at += each.batch.rows
  }
  return { name, kind: 'text', codes, dictionary: [...codeOf.keys()] }
}

function stageInteger(name: string, batches: readonly StagedBatch[], rows: number): StagedColumn {
  const halves = new Uint32Array(rows * 2)
  const present = new Uint32Array(Math.ceil(rows / 32))
  let count = 0
  let at = 0
  for (const each of batches) {
    const column = columnOf(name, each)
    if (column?.kind === 'integer')
      for (let row = 0; row < each.batch.rows; row++) {
        const value = integerAt(column, row)
        if (Number.isNaN(value)) continue
        const target = at + row
        halves[target * 2] = value // the lower 32 bits, also of negative values
        halves[target * 2 + 1] = Math.floor(value / 2 ** 32)
        present[target >>> 5]! |= 1 << (target & 31)
        count++
      }
    at += each.batch.rows
  }
  return { name, kind: 'integer', halves, present: count === rows ? undefined : present }
}

async function stageHours(columns: readonly StagedColumn[], rows: number): Promise<StagedHour[]> {
  const times = columns.find((each) => each.name === '__time__')
  if (times?.kind !== 'integer' || rows === 0) return []
  const slotOf = new Map<number, number>()
  const slots = new Uint32Array(rows)
  const ranges: { hour: number; rows: number; timeMin: number; timeMax: number }[] = []
  for (let row = 0; row < rows; row++) {
    const time = times.halves[row * 2]! + times.halves[row * 2 + 1]! * 2 ** 32
    const hour = Math.floor(time / hourSeconds)
    let slot = slotOf.get(hour)
    if (slot === undefined) {
      slot = ranges.push({ hour, rows: 0, timeMin: time, timeMax: time }) - 1
      slotOf.set(hour, slot)
    }
    const range = ranges[slot]!
    range.rows++
    range.timeMin = Math.min(range.timeMin, time)
    range.timeMax = Math.max(range.timeMax, time)
    slots[row] = slot
  }
  const sums: ColumnSums[][] = []
  const turns = new Turns()
  for (const each of columns) {
    sums.push(
      each.kind === 'text'
        ? textSums(each.codes, each.dictionary, slots, ranges.length)
        : integerSums(each.halves, each.present, slots, ranges.length),
    )
    await turns.next()
  }
  return ranges
    .map((range, slot) => {
      const ofColumns = new Map(columns.map((each, index) => [each.name, sums[index]![slot]!]))
      const isSame = (each: StagedColumn) => isSameAsTime(each, times, slots, slot)
      const names = mayBeSameAsTime(ofColumns)
      const same = columns.filter((each) => names.includes(each.name) && isSame(each))
      return { ...range, sums: ofColumns, sameAsTime: same.map(({ name }) => name) }
    })
    .sort((a, b) => a.hour - b.hour)
}

/** Whether each value of the rows in a slot is the time of its row. */
function isSameAsTime(
  column: StagedColumn,
  times: StagedColumn & { kind: 'integer' },
  slots: Uint32Array,
  slot: number,
): boolean {
  if (column.kind === 'text') return false
  const { halves, present } = column
  for (let row = 0; row < slots.length; row++) {
    if (slots[row] !== slot) continue
    if (present && (present[row >>> 5]! & (1 << (row & 31))) === 0) return false
    const lower = row * 2
    if (halves[lower] !== times.halves[lower] || halves[lower + 1] !== times.halves[lower + 1])
      return false
  }
  return true
}
