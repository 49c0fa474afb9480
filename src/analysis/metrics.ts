/** Metrics: bits or packets a second, step by step. */
import { alignedStart } from '../base/time.ts'
import { type Analyzer, invalid } from './analyzer.ts'
import { type Asked, askedOf, logstoreOf, type NisRequest, pageOf } from './asked.ts'
import { type Ask, fromOf, peerOf, stepOf } from './ranking.ts'

export interface MetricsRequest extends NisRequest {
  /** `bps` or `pps`. */
  readonly MetricName: string
  /** A multiple of the storage interval; that unless told. */
  readonly StepMinutes?: number
  /** `TimestampAscending` unless told, or `TimestampDescending`. */
  readonly ScanBy?: string
}

export interface MetricPoint {
  /** Unix milliseconds: where the step begins. */
  readonly TimeStamp: number
  readonly Value: number
}

export interface MetricsAnswer {
  readonly Unit: string
  readonly TotalCount: number
  readonly MaxResults: number
  /** Empty: there is no more. */
  readonly NextToken: string
  readonly MetricStatics: readonly MetricPoint[]
}

/** "At most 1440 points." */
const pointsMax = 1440

const metrics = {
  bps: { unit: 'Bits/Second', total: 'bytes', times: 8 },
  pps: { unit: 'Packets/Second', total: 'packets', times: 1 },
} as const

/**
 * A point is the step's traffic over the seconds of the step. Steps that are not over at `now` would be shown lower
 * than they are, and are left out; those without traffic are 0.
 *
 * Throws ParameterInvalid, InvalidTimeRange, and what a query throws.
 */
export async function metricsOf(
  request: MetricsRequest,
  analyzer: Analyzer,
  ask: Ask,
  now: number,
): Promise<MetricsAnswer> {
  const metric = metricOf(request.MetricName)
  const { StepMinutes } = request
  const asked = askedOf(
    request,
    analyzer,
    StepMinutes === undefined ? { now } : { now, step: StepMinutes },
  )
  if (asked.conditions.groups.length > 0)
    throw invalid('Filter', 'bounds of bytes and packets are for rankings')
  const ascending = isAscending(request.ScanBy)
  const seconds = stepSeconds(StepMinutes ?? asked.intervalMinutes, asked)
  const steps = stepsOf(asked, seconds, now)
  const totals = await totalsOf(asked, { seconds, total: metric.total }, ask, { analyzer, now })
  const points = steps.map((at) => ({
    TimeStamp: at * 1000,
    Value: ((totals.get(at) ?? 0) * metric.times) / seconds,
  }))
  const { page, nextToken, maxResults } = pageOf(ascending ? points : points.reverse(), request, {
    most: pointsMax,
    otherwise: pointsMax,
  })
  return {
    Unit: metric.unit,
    TotalCount: points.length,
    MaxResults: maxResults,
    NextToken: nextToken,
    MetricStatics: page,
  }
}

function stepSeconds(minutes: number, { intervalMinutes }: Asked): number {
  if (Number.isInteger(minutes) && minutes >= 1 && minutes % intervalMinutes === 0)
    return minutes * 60
  throw invalid('StepMinutes', `it is not a multiple of the storage interval, ${intervalMinutes}`)
}

/** Where the steps begin that are over. */
function stepsOf({ from, to }: Asked, seconds: number, now: number): number[] {
  const first = alignedStart(from, seconds)
  const end = Math.min(Math.ceil(to / seconds) * seconds, alignedStart(now, seconds))
  const count = Math.max(0, (end - first) / seconds)
  if (count > pointsMax)
    throw invalid('StepMinutes', `that are ${count} points, and ${pointsMax} is the most`)
  return Array.from({ length: count }, (_, index) => first + index * seconds)
}

async function totalsOf(
  asked: Asked,
  { seconds, total }: { readonly seconds: number; readonly total: 'bytes' | 'packets' },
  ask: Ask,
  of: { readonly analyzer: Analyzer; readonly now: number },
): Promise<ReadonlyMap<number, number>> {
  const whole: Asked = {
    ...asked,
    from: alignedStart(asked.from, seconds),
    to: Math.ceil(asked.to / seconds) * seconds,
  }
  const step = asked.conditions.places.length > 0 ? 'step' : stepOf(seconds)
  const from = fromOf(whole, { keys: [], places: [], language: 'en', step: seconds })
  const select = `SELECT ${step} AS step, sum(${total}) AS total ${from}`
  const query = `* | ${select} GROUP BY ${step} LIMIT ${pointsMax + 1}`
  const keys = asked.conditions.places.length > 0 ? [peerOf(asked)] : []
  const logstore = logstoreOf(whole, keys, seconds, of)
  const { rows } = await ask(query, { ...whole, logstore }, pointsMax + 1)
  return new Map(rows.map(([at, value]) => [Number(at), Number(value)]))
}

function metricOf(name: string) {
  if (name === 'bps' || name === 'pps') return metrics[name]
  if (name === 'rtt' || name === 'RetransmitRate')
    throw invalid('MetricName', `flow log records do not tell ${name}`)
  throw invalid('MetricName', 'it is not bps or pps')
}

function isAscending(scan = 'TimestampAscending'): boolean {
  if (scan === 'TimestampAscending' || scan === 'TimestampDescending')
    return scan === 'TimestampAscending'
  throw invalid('ScanBy', 'it is not TimestampAscending or TimestampDescending')
}
