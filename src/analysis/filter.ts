/**
 * Filters as conditions (alibaba-api.md 5). A value of a user is compared with only as a quoted literal or as a number
 * that was read.
 */
import { isIP } from 'node:net'
import { ipv4Text, ipv6Text } from '../base/ip.ts'
import { parseIp } from '../base/parse-ip.ts'
import { invalid } from './analyzer.ts'
import { protocolNumber } from './protocols.ts'
import { type Dimension, isInteger, keysOf, type TupleKey } from './tuples.ts'

export interface FilterClause {
  readonly Key: string
  /** `in` unless told, `not in` or `like`. */
  readonly Operator?: string
  readonly Value: readonly string[]
}

const columns: Readonly<Record<string, TupleKey>> = {
  FlowAction: 'action',
  VpcId: 'vpc-id',
  VSwitchId: 'vswitch-id',
  NetworkInterfaceId: 'eni-id',
  EcsId: 'vm-id',
  CloudIp: 'cloud-ip',
  SourceIp: 'srcaddr',
  DestinationIp: 'dstaddr',
  TrafficPath: 'traffic_path',
  Protocol: 'protocol',
  SourcePort: 'srcport',
  DestinationPort: 'dstport',
}

/** Where the peer of an address is, from the files that the server was given. */
const places: Readonly<Record<string, string>> = {
  ClientCountry: 'country',
  ClientProvince: 'province',
  ClientCity: 'city',
  ClientIsp: 'isp',
  ClientAsn: 'asn',
}

const bounds: Readonly<Record<string, readonly ['bytes' | 'packets', '>=' | '<=']>> = {
  MinBytes: ['bytes', '>='],
  MaxBytes: ['bytes', '<='],
  MinPackages: ['packets', '>='],
  MaxPackages: ['packets', '<='],
}

const addresses: ReadonlySet<string> = new Set(['cloud-ip', 'srcaddr', 'dstaddr'])
const valuesMax = 100
const clausesMax = 50
const valueMax = 256

export interface Bound {
  readonly total: 'bytes' | 'packets'
  readonly operator: '>=' | '<='
  /** A whole number. */
  readonly value: string
}

export interface Conditions {
  /** Of rows of a rollup. */
  readonly rows: readonly string[]
  /** What those are about. */
  readonly keys: readonly TupleKey[]
  /** Of places, by `places`' columns. */
  readonly places: readonly { readonly place: string; readonly condition: string }[]
  /** Of the totals of a group, bounds included. */
  readonly groups: readonly Bound[]
}

/** @throws WeirError ParameterInvalid, for what is not in the tuples of the dimension too */
export function conditionsOf(
  filter: readonly FilterClause[],
  dimension: Dimension,
  isInternet: boolean,
): Conditions {
  if (filter.length > clausesMax) throw invalid('Filter', `it has more than ${clausesMax} parts`)
  const actions = filter.filter(({ Key }) => Key === 'FlowAction')
  if (actions.length !== 1)
    throw invalid(
      'Filter',
      'it needs FlowAction once',
      'Such as {"Key": "FlowAction", "Value": ["ACCEPT"]}',
    )
  const rows: string[] = []
  const keys: TupleKey[] = []
  const ofPlaces: Conditions['places'][number][] = []
  const groups: Conditions['groups'][number][] = []
  for (const [index, clause] of filter.entries()) {
    const place = `Filter[${index}]`
    checkValues(clause, place)
    const { Key } = clause
    const bound = Object.hasOwn(bounds, Key) ? bounds[Key] : undefined
    if (bound !== undefined) {
      const [total, operator] = bound
      groups.push({ total, operator, value: wholeOf(only(clause, place), place) })
    } else if (isInternet && Object.hasOwn(places, Key)) {
      if (dimension === 'Tuple1') throw noPeers(`${place}.Key`)
      const column = places[Key]!
      ofPlaces.push({ place: column, condition: listed(`"${column}"`, clause, place, quoted) })
    } else {
      const column = columnOf(clause, dimension, place)
      keys.push(column)
      rows.push(conditionOf(clause, column, place))
    }
  }
  return { rows, keys, places: ofPlaces, groups }
}

export const noPeers = (place: string): Error =>
  invalid(place, 'a 1-tuple has no peer to tell the place of', 'Ask Tuple2 or Tuple5')

function columnOf({ Key }: FilterClause, dimension: Dimension, place: string): TupleKey {
  const column = Object.hasOwn(columns, Key) ? columns[Key] : undefined
  if (column !== undefined && keysOf[dimension].includes(column)) return column
  throw invalid(`${place}.Key`, whyUnknown(Key, column, dimension))
}

function conditionOf(clause: FilterClause, column: TupleKey, place: string): string {
  const { Key, Operator = 'in' } = clause
  const name = `"${column}"`
  if (Key === 'FlowAction') return `${name} = ${quoted(actionOf(only(clause, place), place))}`
  if (Operator.toLowerCase() === 'like') {
    if (!addresses.has(column))
      throw invalid(
        `${place}.Operator`,
        `like is for CloudIp, SourceIp and DestinationIp, not ${Key}`,
      )
    return `(${clause.Value.map((value) => `${name} LIKE ${patternOf(value, place)}`).join(' OR ')})`
  }
  return listed(name, clause, place, (value) => literalOf(column, value, place))
}

function whyUnknown(key: string, column: TupleKey | undefined, dimension: Dimension): string {
  if (column !== undefined) return `${key} is not in the tuples of ${dimension}`
  if (key.endsWith('RoundTripTime')) return 'flow log records have no round-trip time'
  if (Object.hasOwn(places, key)) return `${key} is for the scenario VpcFlowLogInternet`
  return `it is not one of ${[...Object.keys(columns), ...Object.keys(bounds)].join(', ')}`
}

function listed(
  name: string,
  { Operator = 'in', Value }: FilterClause,
  place: string,
  literal: (value: string) => string,
): string {
  const list = Value.map(literal).join(', ')
  switch (Operator.toLowerCase()) {
    case 'in':
      return `${name} IN (${list})`
    case 'not in': // what is absent is none of them
      return `(${name} IS NULL OR ${name} NOT IN (${list}))`
    default:
      throw invalid(`${place}.Operator`, 'it is not one of in, not in, like')
  }
}

function checkValues({ Value }: FilterClause, place: string): void {
  if (Value.length === 0) throw invalid(`${place}.Value`, 'there is none')
  if (Value.length > valuesMax)
    throw invalid(`${place}.Value`, `there are more than ${valuesMax} of them`)
  if (Value.some((value) => value.length > valueMax))
    throw invalid(`${place}.Value`, `one is longer than ${valueMax} characters`)
  if (Value.some((value) => value.includes('\0')))
    throw invalid(`${place}.Value`, 'a text cannot hold the character NUL')
}

function only({ Key, Operator = 'in', Value }: FilterClause, place: string): string {
  const [value] = Value
  if (Operator.toLowerCase() !== 'in')
    throw invalid(`${place}.Operator`, `${Key} is told by one value, with the operator in`)
  if (value !== undefined && Value.length === 1) return value
  throw invalid(`${place}.Value`, `${Key} is one value`)
}

function literalOf(column: TupleKey, value: string, place: string): string {
  if (column === 'protocol') return String(protocolNumber(value) ?? wholeOf(value, place))
  if (isInteger(column)) return wholeOf(value, place)
  return quoted(addresses.has(column) ? addressOf(value, place) : value)
}

function actionOf(value: string, place: string): string {
  const action = value.toUpperCase()
  if (action === 'ACCEPT' || action === 'REJECT') return action
  throw invalid(`${place}.Value`, 'FlowAction is ACCEPT or REJECT')
}

function wholeOf(value: string, place: string): string {
  if (/^\d{1,15}$/.test(value)) return String(Number(value))
  throw invalid(`${place}.Value`, 'it is not a whole number')
}

/** As records write it: IPv6 in its shortest form (RFC 5952). */
function addressOf(value: string, place: string): string {
  const words = new Uint32Array(4)
  const family = isIP(value) === 0 ? 0 : parseIp(value, words)
  if (family === 0) throw invalid(`${place}.Value`, 'it is not an address')
  return family === 4 ? ipv4Text(words[0]!) : ipv6Text(words)
}

/** A part of an address, anywhere in it; `%` stands for any part, and then the rest is the whole. */
function patternOf(value: string, place: string): string {
  if (!/^[0-9a-f:.%]+$/i.test(value))
    throw invalid(`${place}.Value`, 'a pattern of addresses is of digits, a to f, ":", "." and "%"')
  const pattern = value.toLowerCase()
  return quoted(pattern.includes('%') ? pattern : `%${pattern}%`)
}

export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
