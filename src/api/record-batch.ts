/** Records as they travel between Weir's own programs: a batch of columns, and its number in the query string. */
import { columnsOf, decodeBatch } from '../base/batch-codec.ts'
import type { ColumnBatch } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'

/** About 80,000 records: two to four bytes of memory for each byte of it while it is read. */
export const recordsBytesMax = 32 * 1024 * 1024
const rowsMax = 100_000

export interface RecordsQuery {
  readonly project: string
  readonly logstore: string
  readonly flowLog: string
  readonly run: string
  readonly number: string
}

const name = { type: 'string', minLength: 1, maxLength: 128 } as const
/** Empty where a flow log has no logstore. */
const place = { type: 'string', maxLength: 128 } as const
export const recordsQuery = {
  type: 'object',
  required: ['project', 'logstore', 'flowLog', 'run', 'number'],
  additionalProperties: false,
  properties: {
    project: place,
    logstore: place,
    flowLog: name,
    run: name,
    number: { type: 'string', pattern: '^(0|[1-9][0-9]{0,14})$' },
  },
} as const

/**
 * Reads bytes that anybody may have sent. What the columns are the log store checks.
 * @throws WeirError ParameterInvalid
 */
export function recordBatchOf(body: Buffer): ColumnBatch {
  try {
    const batch = decodeBatch(body)
    if (batch.rows <= rowsMax) return columnsOf(batch)
  } catch (cause) {
    throw invalid('is none', cause)
  }
  throw invalid(`has more than ${rowsMax} rows`)
}

const invalid = (what: string, cause?: unknown): WeirError =>
  new WeirError('ParameterInvalid', `the batch of records ${what}`, {
    place: 'body',
    ...(cause === undefined ? {} : { cause }),
  })
