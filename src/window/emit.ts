/** Closed windows to records: start, end, and who had nothing to say. */
import { FlowRecordBatch, logStatus, recordBatchRows, action as actions } from '../record/batch.ts'
import { entryIpv6, entryWords, type FlowTable, type OpenFlows, unitWords } from '../flow/flow.ts'
import { owner } from '../vpc/vpc.ts'
import type { CaptureWindow } from './window-lengths.ts'

/** Takes records before it returns; the batch is used again. All of a batch are of one window. */
export type RecordTaker = (batch: FlowRecordBatch, window: CaptureWindow) => void

export class RecordEmitter {
  readonly #flows: OpenFlows
  readonly #taker: RecordTaker
  readonly #batch = new FlowRecordBatch()
  /** ENIs with a record, by window start. */
  readonly #spoken = new Map<number, Set<number>>()

  constructor(flows: OpenFlows, taker: RecordTaker) {
    this.#flows = flows
    this.#taker = taker
  }

  /** One OK record for each flow of a window. */
  emitFlows(table: FlowTable, window: CaptureWindow): void {
    const { words: entries, totals } = table
    const spoken = this.#spokenAt(window.start)
    const windowEnd = window.start + window.seconds
    let lastEni = -1
    // Hot at a window's end: a million flows are copied column by column, nothing is allocated.
    for (let entry = unitWords; entry < table.endWords; entry += entryWords(entries, entry)) {
      if (totals[(entry >>> 1) + 2] === 0) continue // all of it was rejected
      const eni = owner.eni(entries[entry + 3]!)
      if (eni !== lastEni) spoken.add((lastEni = eni))
      this.#writeFlow(table, entries, entry, windowEnd)
      if (this.#batch.rows === recordBatchRows) this.#give(window)
    }
    this.#give(window)
  }

  #writeFlow(table: FlowTable, entries: Int32Array, entry: number, windowEnd: number): void {
    const batch = this.#batch
    const row = batch.rows++
    const ownerWord = entries[entry + 3]!
    const ports = entries[entry + 2]!
    const marks = entries[entry + 10]!
    const last = entries[entry + 9]! >>> 0
    batch.eni[row] = owner.eni(ownerWord)
    batch.status[row] = logStatus.ok
    batch.direction[row] = owner.direction(ownerWord)
    batch.action[row] = owner.action(ownerWord)
    batch.protocol[row] = owner.protocol(ownerWord)
    batch.source[row * 4] = entries[entry]!
    batch.destination[row * 4] = entries[entry + 1]!
    if (marks & entryIpv6) {
      batch.family[row] = 6
      for (let i = 1; i < 4; i++) {
        batch.source[row * 4 + i] = entries[entry + 15 + i]!
        batch.destination[row * 4 + i] = entries[entry + 19 + i]!
      }
    } else batch.family[row] = 4
    batch.sourcePort[row] = ports >>> 16
    batch.destinationPort[row] = ports & 0xffff
    batch.packets[row] = table.totals[(entry >>> 1) + 2]!
    batch.bytes[row] = table.totals[(entry >>> 1) + 3]!
    batch.start[row] = entries[entry + 8]! >>> 0
    batch.tcpFlags[row] = marks & 0xff
    batch.path[row] = (marks >>> 8) & 0xff
    // "The end time of the capture window for a persistent connection, or the time when a short-lived
    // connection was closed"; packets after the close extend it (records.md 47, 48).
    const closedAt =
      owner.action(ownerWord) === actions.accept ? this.#flows.closedAt(table, entry) : Number.NaN
    batch.end[row] = Number.isNaN(closedAt) ? windowEnd : Math.max(closedAt, last)
  }

  /**
   * "NODATA: The network interface sent or received no traffic during the capture window", "SKIPDATA: Some
   * flow log records were skipped during the capture window".
   */
  emitStatus(enis: readonly number[], window: CaptureWindow, lost: (eni: number) => boolean): void {
    const spoken = this.#spoken.get(window.start)
    for (const eni of enis) {
      const skipped = lost(eni)
      if (!skipped && spoken?.has(eni)) continue
      const row = this.#batch.rows++
      this.#batch.eni[row] = eni
      this.#batch.status[row] = skipped ? logStatus.skipData : logStatus.noData
      this.#batch.direction[row] = 0
      this.#batch.action[row] = 0
      this.#batch.family[row] = 0
      this.#batch.start[row] = window.start
      this.#batch.end[row] = window.start + window.seconds
      if (this.#batch.rows === recordBatchRows) this.#give(window)
    }
    this.#give(window)
    this.#spoken.delete(window.start)
  }

  #spokenAt(windowStart: number): Set<number> {
    let spoken = this.#spoken.get(windowStart)
    if (spoken === undefined) this.#spoken.set(windowStart, (spoken = new Set()))
    return spoken
  }

  #give(window: CaptureWindow): void {
    if (this.#batch.rows > 0) this.#taker(this.#batch, window)
    this.#batch.rows = 0
  }
}
