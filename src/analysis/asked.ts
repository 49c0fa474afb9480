/** What rankings and metrics are both asked with, read and checked (alibaba-api.md 5). */
import { WeirError } from '../base/errors.ts'
import { alignedStart } from '../base/time.ts'
import { type Analyzer, invalid, isKept } from './analyzer.ts'
import { conditionsOf, type Conditions, type FilterClause, quoted } from './filter.ts'
import {
  dayMinutes,
  type Dimension,
  dimensions,
  keysOf,
  storeNameOf,
  type TupleKey,
} from './tuples.ts'

/** Names and values are the cloud's. */
export interface NisRequest {
  readonly TrafficAnalyzerId: string
  /** `VpcFlowLogAll` or `VpcFlowLogInternet`. */
  readonly TrafficScenario: string
  readonly RegionNo: string
  /** Unix milliseconds. The time asked begins and ends with the intervals that these fall in. */
  readonly BeginTime: number
  readonly EndTime: number
  /** `in` or `out`, in any case. */
  readonly Direction: string
  readonly TupleDimension?: string
  readonly Filter?: readonly FilterClause[]
  /** Minutes: the analyzer's interval or 1440. Unless told, 1440 where the time is whole days. */
  readonly StorageInterval?: number
  readonly MaxResults?: number
  readonly NextToken?: string
}

export interface Asked {
  readonly dimension: Dimension
  readonly isInternet: boolean
  readonly intervalMinutes: number
  /** Unix seconds, of whole intervals. */
  readonly from: number
  readonly to: number
  readonly direction: 'in' | 'out'
  readonly conditions: Conditions
  /** The conditions on rows, those of direction and scenario among them. */
  readonly where: string
}

const scenarios = ['VpcFlowLogAll', 'VpcFlowLogInternet'] as const
const otherScenarios: Readonly<Record<string, string>> = {
  TRFlowlog: 'flow logs of transit routers are not collected here',
  CbwpMetric: 'shared bandwidth packages are not measured here',
}

/** @throws WeirError ParameterInvalid, InvalidTimeRange */
export function askedOf(
  request: NisRequest,
  analyzer: Analyzer,
  { now, step = dayMinutes }: { readonly now: number; readonly step?: number },
): Asked {
  const { TrafficScenario: scenario, RegionNo: region, Filter = [] } = request
  if (!scenarios.some((each) => each === scenario))
    throw invalid(
      'TrafficScenario',
      otherScenarios[scenario] ?? `it is not ${scenarios.join(' or ')}`,
    )
  if (region !== analyzer.region)
    throw invalid('RegionNo', `the analyzer is in the region ${analyzer.region}`)
  const isInternet = scenario === 'VpcFlowLogInternet'
  const dimension = dimensions.find((each) => each === request.TupleDimension)
  if (dimension === undefined)
    throw invalid('TupleDimension', `it is not one of ${dimensions.join(', ')}`)
  const direction = request.Direction.toLowerCase()
  if (direction !== 'in' && direction !== 'out') throw invalid('Direction', 'it is not in or out')
  const intervalMinutes = intervalOf(request, analyzer, step)
  const range = rangeOf(request, analyzer, { dimension, intervalMinutes, now })
  const conditions = conditionsOf(Filter, dimension, isInternet)
  const where = [
    `"direction" = ${quoted(direction)}`,
    ...(isInternet ? ['"scope" = \'internet\''] : []),
    ...conditions.rows,
  ].join(' AND ')
  return {
    dimension,
    isInternet,
    intervalMinutes,
    direction,
    conditions,
    where,
    ...range,
  }
}

/**
 * The logstore of the coarsest rollup that has the same totals: of the shortest tuple that has the keys, and of days
 * where only whole ones are asked. A record is in every rollup, so the totals are the same to the byte.
 *
 * @param stepSeconds what times are told apart by
 */
export function logstoreOf(
  { dimension, intervalMinutes, from, to, conditions }: Asked,
  keys: readonly TupleKey[],
  stepSeconds: number,
  { analyzer, now }: { readonly analyzer: Analyzer; readonly now: number },
): string {
  const needed = [...keys, ...conditions.keys]
  const tuples = dimensions.slice(0, dimensions.indexOf(dimension) + 1)
  const daySeconds = dayMinutes * 60
  const isDays = [from, to, stepSeconds].every((time) => time % daySeconds === 0)
  const choices = tuples
    .filter((each) => needed.every((key) => keysOf[each].includes(key)))
    .flatMap((each) =>
      [...(isDays ? [dayMinutes] : []), intervalMinutes].map((minutes) => ({
        dimension: each,
        minutes,
      })),
    )
  const found = choices.find((each) => isKept(analyzer, each, from, now))
  return storeNameOf(found?.dimension ?? dimension, found?.minutes ?? intervalMinutes)
}

function intervalOf(
  { StorageInterval, BeginTime, EndTime }: NisRequest,
  { intervalMinutes }: Analyzer,
  step: number,
): number {
  const ofDays = [BeginTime, EndTime].every((time) => time % (dayMinutes * 60_000) === 0)
  const wanted =
    StorageInterval ?? (ofDays && step % dayMinutes === 0 ? dayMinutes : intervalMinutes)
  if (wanted === intervalMinutes || wanted === dayMinutes) return wanted
  throw invalid(
    'StorageInterval',
    `the analyzer keeps intervals of ${intervalMinutes} and ${dayMinutes} minutes`,
  )
}

/** Whole intervals. A time whose rollups were dropped already would be answered with too little, and is refused. */
function rangeOf(
  { BeginTime, EndTime }: NisRequest,
  analyzer: Analyzer,
  asked: { readonly dimension: Dimension; readonly intervalMinutes: number; readonly now: number },
): { readonly from: number; readonly to: number } {
  const isTime = (time: number): boolean => Number.isSafeInteger(time) && time >= 0 && time < 1e14
  if (!isTime(BeginTime) || !isTime(EndTime) || BeginTime >= EndTime)
    throw new WeirError('InvalidTimeRange', 'BeginTime must be before EndTime', {
      hint: 'Both are milliseconds since 1970',
    })
  const { dimension, intervalMinutes, now } = asked
  const seconds = intervalMinutes * 60
  const days = analyzer.storage[dimension][intervalMinutes === dayMinutes ? 'day' : 'interval']
  const from = alignedStart(BeginTime / 1000, seconds)
  if (!isKept(analyzer, { dimension, minutes: intervalMinutes }, from, now))
    throw new WeirError(
      'InvalidTimeRange',
      `BeginTime is before what is kept: ${dimension} of ${intervalMinutes} minutes, ${days} days`,
      { hint: 'Ask a later time, or one that a longer interval still has' },
    )
  return { from, to: Math.ceil(EndTime / 1000 / seconds) * seconds }
}

/** The rows of a page, and where the next begins. Throws ParameterInvalid. */
export function pageOf<Row>(
  rows: readonly Row[],
  { NextToken, MaxResults }: { readonly NextToken?: string; readonly MaxResults?: number },
  limits: { readonly most: number; readonly otherwise: number },
): { readonly page: readonly Row[]; readonly nextToken: string; readonly maxResults: number } {
  const maxResults = MaxResults ?? limits.otherwise
  if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > limits.most)
    throw invalid('MaxResults', `${maxResults} is not 1 to ${limits.most}`)
  const told = NextToken === undefined || NextToken === '' ? '0' : readToken(NextToken)
  if (!/^\d{1,9}$/.test(told)) throw invalid('NextToken', 'it is not one that an answer gave')
  const next = Number(told) + maxResults
  return {
    page: rows.slice(Number(told), next),
    nextToken: next < rows.length ? Buffer.from(`at:${next}`).toString('base64url') : '',
    maxResults,
  }
}

const readToken = (token: string): string =>
  /^at:(\d+)$/.exec(Buffer.from(token, 'base64url').toString())?.[1] ?? ''
