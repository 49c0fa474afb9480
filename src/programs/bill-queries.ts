/** What bills ask of records: what they would weigh with longer windows, and where traffic went. */
import type { QueryRunner, RangedQuery } from '../api/api.ts'
import type { EstimateRequest, TrafficRequest } from '../api/billing-contract.ts'
import {
  estimate,
  type Estimate,
  type Measured,
  type Prices,
  trafficCosts,
  type TrafficCosts,
  type TrafficPrices,
} from '../billing/billing.ts'
import { WeirError } from '../base/errors.ts'
import { windowLengths } from '../flow-log/flow-log.ts'
import { flowRecordFields } from '../record/fields.ts'

type Run = QueryRunner['run']

const query = (run: Run, request: RangedQuery): ReturnType<Run> =>
  run(request, new AbortController().signal)

const names = flowRecordFields.reduce((sum, { name }) => sum + name.length, 0)
const column = (name: string): string => `"${name}"`
/** What tells a record from another of its window (DESIGN.md: ENI, window, direction, action, five-tuple). */
const keyColumns = [
  'eni-id',
  'direction',
  'action',
  'protocol',
  'srcaddr',
  'srcport',
  'dstaddr',
  'dstport',
].map(column)
/** How several records of a key become one. What they share has no need of it. */
const merged: Readonly<Record<string, string>> = {
  packets: 'sum(packets)',
  bytes: 'sum(bytes)',
  start: 'min(start)',
  end: 'max("end")',
  'tcp-flags': 'bitwise_or_agg("tcp-flags")',
}

/**
 * UTF-8 bytes of a record's names, and of its values as they are delivered; an absent one is "-".
 * @param keys columns that are grouped by
 */
const sizeOf = (keys: readonly string[]): string =>
  flowRecordFields
    .map(({ name }) => {
      const value = keys.includes(column(name))
        ? column(name)
        : (merged[name] ?? `max(${column(name)})`)
      return `length(to_utf8(coalesce(cast(${value} AS varchar), '-')))`
    })
    .reduce((sum, length) => `${sum} + ${length}`, String(names))

const windowStart = (seconds: number): string => `__time__ - __time__ % ${seconds}`

/** Records of traffic, as they would be with this window, by what access control said. */
const trafficQuery = (window: number): string =>
  `SELECT action, count(*) AS records, sum(size) AS bytes FROM (
    SELECT action, ${sizeOf(keyColumns)} AS size FROM log WHERE "log-status" = 'OK'
    GROUP BY ${keyColumns.join(', ')}, ${windowStart(window)}) GROUP BY action`

/** Windows of ENIs without any. A record of one weighs what the heaviest of them does. */
const quietQuery = (window: number): string =>
  `SELECT count(*) AS records, max(size) AS size FROM (
    SELECT ${sizeOf([column('eni-id')])} AS size, max(CASE WHEN "log-status" = 'OK' THEN 1 ELSE 0 END) AS busy
    FROM log GROUP BY "eni-id", ${windowStart(window)}) WHERE busy = 0`

const resourceColumns = {
  VPC: 'vpc-id',
  VSwitch: 'vswitch-id',
  NetworkInterface: 'eni-id',
} as const

/**
 * Exact for windows as long as those of the records, or a multiple.
 * @param recorded the window of the records, seconds
 */
export async function estimateOf(
  run: Run,
  { resourceType, resourceId, ...asked }: EstimateRequest,
  recorded: number,
  prices: Prices,
): Promise<Estimate> {
  const search =
    resourceType === undefined || resourceId === undefined
      ? '*'
      : `${resourceColumns[resourceType]}:${JSON.stringify(resourceId)}`
  const ask = async (sql: string) =>
    (await query(run, { ...asked, query: `${search} | ${sql}` })).rows
  // A flow log that is younger than the time that is asked about has no records of all of it.
  const [[first, last] = []] = await ask(
    `SELECT min(${windowStart(recorded)}), max(${windowStart(recorded)}) FROM log`,
  )
  const measured: Measured[] = []
  if (first === null || first === undefined) return estimate(measured, 0, prices)
  for (const windowSeconds of windowLengths.filter((window) => window % recorded === 0)) {
    for (const [action, records, bytes] of await ask(trafficQuery(windowSeconds)))
      measured.push({
        windowSeconds,
        traffic: action === 'REJECT' ? 'Drop' : 'Allow',
        records: Number(records),
        bytes: Number(bytes),
      })
    const [quiet] = await ask(quietQuery(windowSeconds))
    const records = Number(quiet?.[0] ?? 0)
    measured.push({
      windowSeconds,
      traffic: 'none',
      records,
      bytes: records * Number(quiet?.[1] ?? 0),
    })
  }
  return estimate(measured, Number(last) + recorded - Number(first), prices)
}

/** What records are added up by, and the field that finds them again. */
const whoColumns = {
  path: `''`,
  instance: `coalesce("vm-id", "eni-id")`,
  peer: `CASE direction WHEN 'out' THEN dstaddr ELSE srcaddr END`,
} as const

const rowsMax = 1000

/** Accepted traffic by path and direction, and by instance or peer; the 1000 rows with the most bytes. */
export async function trafficCostsOf(
  run: Run,
  { by, ...asked }: TrafficRequest,
  prices: TrafficPrices,
): Promise<TrafficCosts> {
  const sql = `SELECT traffic_path, direction, ${whoColumns[by]} AS who, sum(bytes) AS bytes, count(*) AS records
    FROM log WHERE "log-status" = 'OK' AND action = 'ACCEPT' GROUP BY traffic_path, direction, ${whoColumns[by]}
    ORDER BY sum(bytes) DESC LIMIT ${rowsMax}`
  const { rows, exact } = await query(run, { ...asked, query: `* | ${sql}` })
  if (!exact)
    throw new WeirError('QueryFailed', 'the answer would not be exact: records are damaged', {
      hint: 'weir check says which',
    })
  const sums = rows.map(([path, direction, who, bytes, records]) => ({
    path: path === null || path === undefined ? undefined : Number(path),
    direction: direction ?? '-',
    of: who ?? '-',
    bytes: BigInt(bytes ?? 0),
    records: Number(records),
    query: searchOf(by, path ?? undefined, direction ?? undefined, who ?? undefined),
  }))
  return trafficCosts(sums, prices)
}

/** Finds the records of a row and no others. Undefined: theirs say nothing. */
function searchOf(
  by: TrafficRequest['by'],
  path: string | undefined,
  direction: string | undefined,
  who: string | undefined,
): string {
  const is = (field: string, value: string | undefined): string =>
    value === undefined ? `not ${field}:*` : `${field}:${JSON.stringify(value)}`
  const parts = ['action:ACCEPT', is('traffic_path', path), is('direction', direction)]
  if (by === 'peer') parts.push(is(direction === 'out' ? 'dstaddr' : 'srcaddr', who))
  if (by === 'instance') {
    const without = `(${is('vm-id', undefined)} and ${is('eni-id', who)})`
    parts.push(who === undefined ? without : `(${is('vm-id', who)} or ${without})`)
  }
  return parts.join(' and ')
}
