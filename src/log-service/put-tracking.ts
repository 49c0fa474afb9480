import { WeirError } from '../base/errors.ts'
import type { ReceivedGroup } from './fit.ts'

/** "At most 4096 logs" of one request. */
const logsMax = 4096

/** The body of PutWebtracking. Throws PostBodyInvalid. */
export function readTrackedLogs(
  body: Readonly<Record<string, unknown>>,
  now: number,
): ReceivedGroup {
  const { __topic__: topic, __source__: source, __logs__: logs, __tags__: tags } = body
  if (!Array.isArray(logs) || !logs.every(isObject))
    throw invalid('__logs__ is not a list of objects')
  if (logs.length > logsMax) throw invalid(`__logs__ has more than ${logsMax} logs`)
  if (tags !== undefined && !isObject(tags)) throw invalid('__tags__ is not an object')
  return groupOf(logs, {
    topic: textOf(topic ?? ''),
    source: textOf(source ?? ''),
    tags: Object.entries(tags ?? {}).map(([key, value]) => [key, textOf(value)]),
    now,
  })
}

/** One log of the simple form: each parameter is a field, but for the topic, the source and the API's version. */
export function readTrackedLog(
  query: URLSearchParams,
  more: Readonly<Record<string, string>>,
  now: number,
): ReceivedGroup {
  const {
    APIVersion: _,
    __topic__: topic = '',
    __source__: source = '',
    ...fields
  } = {
    ...more,
    ...Object.fromEntries(query),
  }
  return groupOf([fields], { topic, source, tags: [], now })
}

interface GroupFacts {
  readonly topic: string
  readonly source: string
  readonly tags: readonly (readonly [string, string])[]
  /** Unix seconds: when the logs are of. */
  readonly now: number
}

function groupOf(
  logs: readonly Readonly<Record<string, unknown>>[],
  { topic, source, tags, now }: GroupFacts,
): ReceivedGroup {
  const rows = logs.length
  const coded = new Map<string, { codes: Uint32Array; codeOf: Map<string, number> }>()
  logs.forEach((log, row) => {
    for (const [key, value] of Object.entries(log)) {
      if (value === null) continue
      const column = coded.get(key) ?? { codes: new Uint32Array(rows), codeOf: new Map() }
      coded.set(key, column)
      const text = textOf(value)
      const code = column.codeOf.get(text) ?? column.codeOf.size + 1
      column.codeOf.set(text, code)
      column.codes[row] = code
    }
    if (coded.size * rows > cellsMax) throw invalid('the logs have too many different keys')
  })
  const columns = new Map(
    [...coded].map(([key, { codes, codeOf }]) => [key, { codes, dictionary: [...codeOf.keys()] }]),
  )
  const times = new Float64Array(rows).fill(now)
  return { rows, topic, source, tags, times, timeNs: undefined, columns }
}

/** Logs times keys: what their codes take is bounded. */
const cellsMax = 4 * 1024 * 1024

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whatever is sent is kept as a text; lists and objects as JSON. */
const textOf = (value: unknown): string =>
  typeof value === 'string' ? value.toWellFormed() : JSON.stringify(value)

const invalid = (message: string): WeirError => new WeirError('PostBodyInvalid', message)
