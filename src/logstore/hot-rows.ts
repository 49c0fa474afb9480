import type { BatchId } from '../base/columns.ts'
import { assert } from '../base/assert.ts'
import type { HotBatch } from './hot-batches.ts'

/** A log record that is synced and not yet in a segment. */
export interface HotRecord extends HotBatch {
  readonly id: BatchId | undefined
}

/**
 * What is acknowledged and lies in the log alone, by logstore, in sequence order. It keeps the
 * encoded bodies: they are small, and nobody else has their bytes.
 */
export class HotRows {
  readonly #byLogstore = new Map<number, { records: HotRecord[]; rows: number; bytes: number }>()
  #rows = 0
  #bytes = 0
  #lastSequence: number
  /** Called when rows went. */
  onDrop: () => void = () => undefined

  /** `lastSequence`: everything up to it is in segments. */
  constructor(lastSequence: number) {
    this.#lastSequence = lastSequence
  }

  get rows(): number {
    return this.#rows
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Every synced record passes here, in order; one whose logstore is gone only counts. */
  note(sequence: number): void {
    assert(sequence > this.#lastSequence, 'log records become durable in order')
    this.#lastSequence = sequence
  }

  add(logstore: number, record: HotRecord): void {
    const hot = this.#byLogstore.get(logstore) ?? { records: [], rows: 0, bytes: 0 }
    this.#byLogstore.set(logstore, hot)
    hot.records.push(record)
    hot.rows += record.rows
    hot.bytes += record.body.length
    this.#rows += record.rows
    this.#bytes += record.body.length
  }

  logstores(): number[] {
    return [...this.#byLogstore.keys()]
  }

  rowsOf(logstore: number): number {
    return this.#byLogstore.get(logstore)?.rows ?? 0
  }

  bytesOf(logstore: number): number {
    return this.#byLogstore.get(logstore)?.bytes ?? 0
  }

  get lastSequence(): number {
    return this.#lastSequence
  }

  /** The sequence of a logstore's oldest hot record; Infinity without one. */
  first(logstore: number): number {
    return this.#byLogstore.get(logstore)?.records[0]?.sequence ?? Infinity
  }

  /** The sequence of a logstore's newest hot record; 0 without one. */
  newest(logstore: number): number {
    return this.#byLogstore.get(logstore)?.records.at(-1)?.sequence ?? 0
  }

  /** In order. */
  recordsOf(logstore: number): readonly HotRecord[] {
    return this.#byLogstore.get(logstore)?.records ?? []
  }

  /** The logstore with the most rows; undefined when nothing is hot. */
  fullest(): number | undefined {
    let most: { readonly logstore: number; readonly rows: number } | undefined
    for (const [logstore, { rows }] of this.#byLogstore)
      if (most === undefined || rows > most.rows) most = { logstore, rows }
    return most?.logstore
  }

  /** The oldest records of a logstore: whole ones, up to `rowsMax` rows and `bytesMax` bytes but at least one record. */
  oldest(logstore: number, rowsMax: number, bytesMax = Infinity): readonly HotRecord[] {
    const records = this.#byLogstore.get(logstore)?.records ?? []
    let rows = 0
    let bytes = 0
    const end = records.findIndex((each, index) => {
      rows += each.rows
      bytes += each.body.length
      return (rows > rowsMax || bytes > bytesMax) && index > 0
    })
    return end < 0 ? [...records] : records.slice(0, end)
  }

  /** They are in segments now, or their logstore is gone. */
  drop(logstore: number, through: number): void {
    const hot = this.#byLogstore.get(logstore)
    if (!hot) return
    const records = hot.records.filter(({ sequence }) => sequence > through)
    const rows = records.reduce((sum, each) => sum + each.rows, 0)
    const bytes = records.reduce((sum, { body }) => sum + body.length, 0)
    this.#rows += rows - hot.rows
    this.#bytes += bytes - hot.bytes
    if (records.length > 0) this.#byLogstore.set(logstore, { records, rows, bytes })
    else this.#byLogstore.delete(logstore)
    this.onDrop()
  }

  /** The log up to here is in segments, once `logstore` has all its records up to `through` in them. */
  coveredThrough(logstore: number, through: number): number {
    let covered = this.#lastSequence
    for (const [each, { records }] of this.#byLogstore) {
      const first = records.find(({ sequence }) => each !== logstore || sequence > through)
      if (first) covered = Math.min(covered, first.sequence - 1)
    }
    return covered
  }
}
