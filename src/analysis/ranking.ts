/** Rankings: the tuples, or groups of them, with most bytes or packets. */
import { WeirError } from '../base/errors.ts'
import type { QueryResult } from '../query/query.ts'
import { type Analyzer, invalid } from './analyzer.ts'
import { type Asked, askedOf, logstoreOf, type NisRequest } from './asked.ts'
import { noPeers } from './filter.ts'
import { protocolName } from './protocols.ts'
import { keysOf, type TupleKey } from './tuples.ts'
import { mergedRows, type Order, partsOf } from './whole-days.ts'

export interface RankingRequest extends NisRequest {
  /** `Bytes` or `Packets`. */
  readonly OrderBy: string
  /** All that the dimension tells apart, unless told. */
  readonly GroupBy?: readonly string[]
  /** `Desc` unless told, or `Asc`; in any case. */
  readonly Sort?: string
  /** 1 to 1000; 100 unless told. */
  readonly TopN?: number
  /** Of places: `zh-CN` unless told, or `en-US`. */
  readonly Language?: string
}

/** A row has what was grouped by, of that alone. */
export interface FlowRanking {
  readonly RegionId: string
  readonly Direction: string
  readonly VpcId?: string
  readonly VSwitchId?: string
  readonly NetworkInterfaceId?: string
  readonly EcsId?: string
  readonly CloudIp?: string
  readonly TrafficPath?: string
  readonly SourceIp?: string
  readonly SourcePort?: number
  readonly DestinationIp?: string
  readonly DestinationPort?: number
  readonly Protocol?: string
  readonly ClientCountry?: string
  readonly ClientProvince?: string
  readonly ClientCity?: string
  readonly ClientIsp?: string
  readonly ClientAsn?: string
  readonly Bytes: number
  readonly Packets: number
  /** Of all bytes that fit the filter, 0 to 1. */
  readonly BytesRate: number
}

/** The range of a query, and the rollup that it is asked of. */
export interface AskedOf extends Pick<Asked, 'from' | 'to'> {
  readonly logstore: string
}

export type Ask = (query: string, of: AskedOf, rows: number) => Promise<QueryResult>

/** A grouping, the column it is of, and the field of a row that tells it. */
interface Grouping {
  readonly name: string
  readonly column: TupleKey | undefined
  readonly field: Exclude<
    keyof FlowRanking,
    'RegionId' | 'Direction' | 'Bytes' | 'Packets' | 'BytesRate'
  >
  /** Of the function that finds it for a peer. */
  readonly place?: string
}

const of = (name: Grouping['field'], column: TupleKey): Grouping => ({ name, column, field: name })
const at = (name: string, field: Grouping['field'], place: string): Grouping => ({
  name,
  field,
  place,
  column: undefined,
})

const groupings: readonly Grouping[] = [
  of('VpcId', 'vpc-id'),
  of('VSwitchId', 'vswitch-id'),
  of('NetworkInterfaceId', 'eni-id'),
  of('EcsId', 'vm-id'),
  of('CloudIp', 'cloud-ip'),
  of('SourceIp', 'srcaddr'),
  of('DestinationIp', 'dstaddr'),
  of('TrafficPath', 'traffic_path'),
  of('Protocol', 'protocol'),
  of('SourcePort', 'srcport'),
  of('DestinationPort', 'dstport'),
  at('Country', 'ClientCountry', 'country'),
  at('Province', 'ClientProvince', 'province'),
  at('City', 'ClientCity', 'city'),
  at('Isp', 'ClientIsp', 'isp'),
  at('Asn', 'ClientAsn', 'asn'),
]

const topMax = 1000
const topDefault = 100

/** Throws ParameterInvalid, InvalidTimeRange, and what a query throws. */
export async function rank(
  request: RankingRequest,
  analyzer: Analyzer,
  ask: Ask,
  now: number,
): Promise<FlowRanking[]> {
  const asked = askedOf(request, analyzer, { now })
  const groups = groupsOf(request, asked)
  const total = totalOf(request.OrderBy)
  const top = topOf(request.TopN)
  const ascending = isAscending(request.Sort)
  const language = languageOf(request.Language)
  const sql = `* | ${rankingSql(asked, groups, language)}`
  const ofKeys = (
    these: readonly Grouping[],
    { from, to }: Pick<Asked, 'from' | 'to'>,
  ): AskedOf => {
    const part = { ...asked, from, to }
    const logstore = logstoreOf(part, neededKeys(asked, these), 0, { analyzer, now })
    return { from, to, logstore }
  }
  const order = { total, ascending, bounds: asked.conditions.groups, top }
  const parts = isFew(groups) ? partsOf(asked)?.map((part) => ofKeys(groups, part)) : undefined
  const merged = parts && (await askedInParts(sql, { parts, keys: groups.length, order }, ask))
  const told = (rows: readonly (readonly (string | null)[])[], bytes: number): FlowRanking[] =>
    rows.map((row) => rankingOf(row, groups, { analyzer, asked, bytes }))
  if (merged !== undefined) return told(merged.rows, Number(merged.bytes))
  const found = await ask(`${sql} ${topSql(groups, order)}`, ofKeys(groups, asked), top)
  if (found.rows.length === 0) return []
  const all = await ask(`* | ${allSql(asked, language)}`, ofKeys([], asked), 1)
  return told(found.rows, Number(all.rows[0]?.[0] ?? 0))
}

/** More groups than these are cheaper to order where they are. */
const partGroupsMax = 10_000
const manyValues: ReadonlySet<string> = new Set([
  'SourceIp',
  'DestinationIp',
  'SourcePort',
  'DestinationPort',
])
/** Whether it is likely that there are not more. */
const isFew = (groups: readonly Grouping[]): boolean =>
  groups.filter(({ name }) => manyValues.has(name)).length <= 1

/** Undefined: there are too many groups. */
async function askedInParts(
  sql: string,
  { parts, keys, order }: { parts: readonly AskedOf[]; keys: number; order: Order },
  ask: Ask,
) {
  const answers: QueryResult[] = []
  for (const part of parts) {
    const answer = await ask(`${sql} LIMIT ${partGroupsMax + 1}`, part, partGroupsMax + 1)
    if (answer.rows.length > partGroupsMax) return undefined
    answers.push(answer)
  }
  return mergedRows(answers, keys, order)
}

function topSql(groups: readonly Grouping[], { total, ascending, bounds, top }: Order): string {
  const having = bounds.map((bound) => `sum(${bound.total}) ${bound.operator} ${bound.value}`)
  const keys = groups.map((_, index) => `k${index}`)
  const order = [`${total} ${ascending ? 'ASC' : 'DESC'}`, ...keys].join(', ')
  return `${having.length === 0 ? '' : `HAVING ${having.join(' AND ')} `}ORDER BY ${order} LIMIT ${top}`
}

function groupsOf({ GroupBy = [] }: RankingRequest, asked: Asked): readonly Grouping[] {
  const has = ({ column }: Grouping): boolean =>
    column !== undefined && keysOf[asked.dimension].includes(column)
  if (GroupBy.length === 0)
    return groupings
      .filter((each) => each.name !== 'CloudIp' || asked.dimension === 'Tuple1')
      .filter(has)
  return [...new Set(GroupBy)].map((name) => {
    const found = groupings.find((each) => each.name === name)
    if (found === undefined)
      throw invalid(
        'GroupBy',
        `it has what is not one of ${groupings.map((each) => each.name).join(', ')}`,
      )
    if (found.place === undefined) {
      if (!has(found))
        throw invalid('GroupBy', `${name} is not in the tuples of ${asked.dimension}`)
    } else if (!asked.isInternet)
      throw invalid('GroupBy', `${name} is for the scenario VpcFlowLogInternet`)
    else if (asked.dimension === 'Tuple1') throw noPeers('GroupBy')
    return found
  })
}

const column = (name: string): string => `"${name}"`

/** Peers too, where places are asked of. */
function neededKeys(asked: Asked, groups: readonly Grouping[]): TupleKey[] {
  const keys = groups.flatMap((each) => each.column ?? [])
  const hasPlaces =
    asked.conditions.places.length > 0 || groups.some(({ place }) => place !== undefined)
  return hasPlaces ? [...keys, peerOf(asked)] : keys
}

export const peerOf = ({ direction }: Pick<Asked, 'direction'>): TupleKey =>
  direction === 'in' ? 'srcaddr' : 'dstaddr'

/** Groups with their totals: `k0`, `k1` and so on, `bytes` and `packets`. */
function rankingSql(asked: Asked, groups: readonly Grouping[], language: string): string {
  const places = groups.flatMap(({ place }) => place ?? [])
  const select = groups.map(
    ({ column: name, place }, index) => `${column(name ?? place!)} AS k${index}`,
  )
  const names = groups.map(({ column: name, place }) => column(name ?? place!))
  return [
    `SELECT ${[...select, 'sum(bytes) AS bytes', 'sum(packets) AS packets'].join(', ')}`,
    fromOf(asked, { keys: groups.flatMap(({ column: name }) => name ?? []), places, language }),
    `GROUP BY ${names.join(', ')}`,
  ].join(' ')
}

/** All that fits the filter, bounds of groups aside. */
const allSql = (asked: Asked, language: string): string =>
  `SELECT sum(bytes) AS bytes ${fromOf(asked, { keys: [], places: [], language })}`

interface Needed {
  readonly keys: readonly TupleKey[]
  readonly places: readonly string[]
  readonly language: string
  /** Seconds: tells the column `step` too, which is where a step begins. */
  readonly step?: number
}

export const stepOf = (seconds: number): string => `__time__ - __time__ % ${seconds}`

/** FROM and WHERE. Where places are asked of, addresses are added up first, so that each is looked up once. */
export function fromOf(asked: Asked, { keys, places, language, step }: Needed): string {
  const { conditions, where } = asked
  const wanted = [...new Set([...places, ...conditions.places.map(({ place }) => place)])]
  if (wanted.length === 0) return `FROM log WHERE ${where}`
  const peer = peerOf(asked)
  const inner = [...new Set<TupleKey>([...keys, peer])].map(column)
  const steps = step === undefined ? [] : [stepOf(step)]
  const select = [...inner, ...steps.map((each) => `${each} AS step`)].join(', ')
  const added = `SELECT ${select}, sum(bytes) AS bytes, sum(packets) AS packets FROM log WHERE ${where} GROUP BY ${[...inner, ...steps].join(', ')}`
  const found = wanted.map((place) => `${lookUp(place, peer, language)} AS ${column(place)}`)
  const each = [...keys.map(column), ...found, ...steps.map(() => 'step'), 'bytes', 'packets']
  const filter = conditions.places.map(({ condition }) => condition)
  const outer = filter.length === 0 ? '' : ` WHERE ${filter.join(' AND ')}`
  return `FROM (SELECT ${each.join(', ')} FROM (${added}) AS added) AS placed${outer}`
}

function lookUp(place: string, peer: string, language: string): string {
  switch (place) {
    case 'isp':
      return `ip_to_provider(${peer})`
    case 'asn':
      return `ip_to_asn(${peer})`
    default:
      return `ip_to_${place}(${peer}, '${language}')`
  }
}

function rankingOf(
  row: readonly (string | null)[],
  groups: readonly Grouping[],
  { analyzer, asked, bytes }: { analyzer: Analyzer; asked: Asked; bytes: number },
): FlowRanking {
  const told = groups.map(({ field }, index) => [field, toldOf(field, row[index] ?? null)])
  const own = Number(row[groups.length])
  return {
    RegionId: analyzer.region,
    ...Object.fromEntries(told),
    Direction: asked.direction,
    Bytes: own,
    Packets: Number(row[groups.length + 1]),
    BytesRate: bytes === 0 ? 0 : own / bytes,
  }
}

function toldOf(field: Grouping['field'], value: string | null): string | number {
  if (field === 'SourcePort' || field === 'DestinationPort') return Number(value ?? 0)
  if (value === null) return ''
  return field === 'Protocol' ? protocolName(Number(value)) : value
}

function totalOf(order: string): 'bytes' | 'packets' {
  if (order === 'Bytes') return 'bytes'
  if (order === 'Packets') return 'packets'
  if (order === 'RoundTripTime')
    throw invalid('OrderBy', 'flow log records have no round-trip time')
  throw invalid('OrderBy', 'it is not Bytes or Packets')
}

function topOf(top: number = topDefault): number {
  if (Number.isInteger(top) && top >= 1 && top <= topMax) return top
  throw invalid('TopN', `${top} is not 1 to ${topMax}`)
}

function isAscending(sort = 'Desc'): boolean {
  const way = sort.toLowerCase()
  if (way === 'asc' || way === 'desc') return way === 'asc'
  throw invalid('Sort', 'it is not Asc or Desc')
}

function languageOf(language = 'zh-CN'): string {
  if (language === 'zh-CN') return 'zh'
  if (language === 'en-US') return 'en'
  throw invalid('Language', 'it is not zh-CN or en-US')
}

/** Throws QueryFailed: a part of an answer is not an answer. */
export function assertWhole({ exact }: QueryResult): void {
  if (!exact)
    throw new WeirError(
      'QueryFailed',
      'a part of what is kept could not be read, so nothing is told',
    )
}
