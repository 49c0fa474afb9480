import { createLog, type Log } from '../src/base/log.ts'
import type { Column } from '../src/base/columns.ts'
import type { Parcel } from '../src/delivery/delivery.ts'

/** A parcel of one flow log: row r of number n has bytes n * 1000 + r, and "even" or nothing. */
export function parcelOf(number: number, rows: number, flowLog = 'fl-1', run = 'run-1'): Parcel {
  const bytes = Float64Array.from({ length: rows }, (_, row) => number * 1000 + row)
  const codes = Uint32Array.from({ length: rows }, (_, row) => (row + 1) % 2)
  const columns = new Map<string, Column>([
    ['__time__', { kind: 'integer', values: bytes.map(() => 1_700_000_000) }],
    ['bytes', { kind: 'integer', values: bytes }],
    ['text', { kind: 'text', dictionary: ['even'], codes }],
  ])
  return {
    project: 'weir',
    logstore: 'all',
    id: { flowLog, run, number },
    batch: { rows, columns },
  }
}

/** A log that keeps its lines, without their time. */
export function recorded(): { log: Log; lines: string[] } {
  const lines: string[] = []
  return { lines, log: createLog((line) => void lines.push(line.replace(/^\S+ /, ''))) }
}

/** Small, so that files are many and soon freed, and the spool is full now and then. */
export const killedSpool = { bytesMax: 400_000 }

/** How many rows each parcel of an entry has in the kill test. */
export const rowsOfEntry = (number: number): number => (number * 7) % 90
