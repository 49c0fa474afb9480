/** What the reader of one cloud's format is given and gives. */
import type { FlowRecord } from './record-rows.ts'

export interface Taker {
  /** @throws Malformed when its values cannot be a record's */
  record(record: FlowRecord): void
  /** Something that is no record, where the rest of the item may be read on. */
  fault(reason: string): void
}

/** Reads the items of one file, in order. Throws Malformed for one that is none. */
export type FormatReader = (text: string, taker: Taker) => void
