import { createHash } from 'node:crypto'
import { WeirError } from '../base/errors.ts'
import {
  pullRows,
  type PulledRow,
  type PullResult,
  type PullThings,
  windowsBefore,
  windowsFrom,
} from './pull-rows.ts'
import { type LogRow, rowPrinter } from './search-rows.ts'

/** What identifies a log, for the logs around it. The layout is our own. */
export interface Pack {
  readonly __pack_id__: string
  readonly __pack_meta__: string
}

export interface ContextRequest {
  readonly project: string
  readonly logstore: string
  readonly packMeta: string
  /** Logs before it, 0 to 100. */
  readonly back: number
  /** Logs after it, 0 to 100. */
  readonly forward: number
}

export interface ContextLogs {
  /** Those found, before and after. */
  readonly back: number
  readonly forward: number
  /** In the order in which they came; none when the log itself is gone. */
  readonly logs: readonly LogRow[]
}

type Values = NonNullable<PulledRow['values']>

/** "One day before and one day after" the log. */
const reachSeconds = 86_400
const chunkRows = 5000
const charactersMax = 64 * 1024 * 1024
const version = '1'

/**
 * The second in which a log came, and a digest of all its fields: the log is found again however segments were merged, and
 * columns that were added since change nothing. Of logs that are the same in all, the first is meant.
 * @returns undefined for rows that do not say when they came
 */
export function packer(columns: readonly string[]): (values: Values) => Pack | undefined {
  const received = columns.indexOf('__receive_time__')
  return (values) => {
    const second = values[received]
    if (typeof second !== 'string') return undefined
    const digest = digestOf(columns, values)
    return {
      __pack_id__: `${digest.slice(0, 16)}-${Number(second).toString(16).toUpperCase()}`,
      __pack_meta__: [version, Buffer.from(second).toString('base64'), digest].join('|'),
    }
  }
}

function digestOf(columns: readonly string[], values: Values): string {
  const fields = columns
    .map((name, index) => [name, values[index] ?? null] as const)
    .filter(([, value]) => value !== null)
    .sort(([one], [other]) => (one < other ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify(fields))
    .digest('hex')
    .slice(0, 32)
    .toUpperCase()
}

/** Throws ParameterInvalid for a `packMeta` that was never given out, and what `QueryEngine.pull` throws. */
export async function contextOf(
  things: PullThings,
  request: ContextRequest,
  signal?: AbortSignal,
): Promise<ContextLogs> {
  const { project, logstore, back, forward } = request
  const { second, digest } = parsePackMeta(request.packMeta)
  const place = { project, logstore, charactersMax }
  const found = await find(things, { ...place, second, digest, back }, signal)
  if (found === undefined) return { back: 0, forward: 0, logs: [] }
  const earlier = await collect(
    windowsBefore(second - reachSeconds, second),
    back - found.before.length,
    (range) => pullRows(things, { ...place, ...range, reverse: true }, signal),
  )
  const after = await collect(windowsFrom(second, second + reachSeconds + 1), forward, (range) => {
    const skip = range.from === second ? found.index + 1 : 0
    return pullRows(things, { ...place, ...range, skip }, signal)
  })
  const before = [...earlier.reverse(), ...found.before]
  const print = rowPrinter(found.columns, things.store.columns(project, logstore))
  const pack = packer(found.columns)
  const logs = [...before, found.values, ...after].map((values, index) => ({
    ...print(values),
    ...pack(values),
    __index_number__: String(index - before.length),
  }))
  return { back: before.length, forward: after.length, logs }
}

/** The first rows of the windows, one window after the other. */
async function collect(
  windows: Iterable<{ readonly from: number; readonly until: number }>,
  wanted: number,
  pull: (range: { from: number; until: number; rows: number }) => Promise<PullResult | undefined>,
): Promise<Values[]> {
  const rows: Values[] = []
  for (const { from, until } of windows) {
    if (rows.length >= wanted) break
    const result = await pull({ from, until, rows: wanted - rows.length })
    rows.push(
      ...(result?.rows ?? []).flatMap(({ values }) => (values === undefined ? [] : [values])),
    )
  }
  return rows
}

interface Found {
  readonly columns: readonly string[]
  readonly values: Values
  /** Its place among the rows of its second. */
  readonly index: number
  /** Rows of the same second before it, no more than asked. */
  readonly before: readonly Values[]
}

/** Looks through the rows of one second. */
async function find(
  things: PullThings,
  wanted: {
    readonly project: string
    readonly logstore: string
    readonly charactersMax: number
    readonly second: number
    readonly digest: string
    readonly back: number
  },
  signal: AbortSignal | undefined,
): Promise<Found | undefined> {
  const { second, digest, back, ...place } = wanted
  let before: Values[] = []
  const last = (rows: Values[]): Values[] => (back === 0 ? [] : rows.slice(-back))
  for (let skip = 0; ;) {
    const range = { ...place, from: second, until: second + 1, skip, rows: chunkRows }
    const result = await pullRows(things, range, signal)
    if (result === undefined || result.rows.length === 0) return undefined
    for (const [offset, { values }] of result.rows.entries()) {
      if (values === undefined) continue
      if (digestOf(result.columns, values) === digest)
        return { columns: result.columns, values, index: skip + offset, before: last(before) }
      before.push(values)
      if (before.length > 2 * back) before = last(before)
    }
    skip += result.rows.length
  }
}

function parsePackMeta(text: string): { readonly second: number; readonly digest: string } {
  const [found, second = '', digest = '', ...more] = text.split('|')
  const digits = Buffer.from(second, 'base64').toString('latin1')
  if (
    found !== version ||
    more.length > 0 ||
    !/^\d{1,12}$/.test(digits) ||
    !/^[0-9A-F]{32}$/.test(digest)
  )
    throw new WeirError('ParameterInvalid', `pack_meta ${JSON.stringify(text)} is invalid`)
  return { second: Number(digits), digest }
}
