/** Flow logs of other clouds, read in pieces, as rows of values; what a record lacks is not in its row. */
import { type FlowLogFormat, type ReadOptions, readFlowLogs } from '../src/formats/formats.ts'

export type Row = Readonly<Record<string, string | number>>

export interface Imported {
  readonly rows: readonly Row[]
  /** Rows of each batch. */
  readonly batches: readonly number[]
  readonly malformed: number
  readonly problems: readonly string[]
}

async function* inPieces(text: string | Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** @param size bytes of a piece */
export async function imported(
  text: string | Uint8Array,
  format: FlowLogFormat,
  options: ReadOptions = {},
  size = 65_536,
): Promise<Imported> {
  const rows: Row[] = []
  const batches: number[] = []
  const problems: string[] = []
  let malformed = 0
  for await (const part of readFlowLogs(inPieces(text, size), format, options)) {
    batches.push(part.batch.rows)
    malformed += part.malformed
    problems.push(...part.problems)
    for (let row = 0; row < part.batch.rows; row++) {
      const values: Record<string, string | number> = {}
      for (const [name, column] of part.batch.columns)
        if (column.kind === 'text') {
          const text = column.dictionary[column.codes[row]! - 1]
          if (text !== undefined) values[name] = text
        } else if (!Number.isNaN(column.values[row])) values[name] = column.values[row]!
      rows.push(values)
    }
  }
  return { rows, batches, malformed, problems }
}
