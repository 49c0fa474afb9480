/** What an alert asks, when it fires and whom it tells (alibaba-api.md 3.8). A field that is not carried out is refused. */
import { type Condition, parseCondition } from './condition.ts'
import { invalid, objectIn, onlyFields, says, nothing, textOf } from './schedule.ts'
import { timeOf } from './time-expression.ts'

export interface AlertConfig {
  /** Up to three, named $0, $1 and $2 in conditions. */
  readonly queries: readonly AlertQuery[]
  /** Without it each query's rows stand alone, and conditions are about the first's. */
  readonly join: AlertJoin | undefined
  /** Fields by whose values rows are told apart; undefined: all rows together. */
  readonly groupBy: readonly string[] | undefined
  /** The first that holds decides. */
  readonly severities: readonly AlertSeverity[]
  readonly labels: readonly NamedText[]
  readonly annotations: readonly NamedText[]
  /** Runs in a row that must fire. */
  readonly threshold: number
  readonly noDataFire: boolean
  readonly noDataSeverity: number
  readonly sendResolved: boolean
  /** Unix seconds: until then nothing is sent. */
  readonly muteUntil: number
  readonly webhooks: readonly Webhook[]
}

export interface AlertQuery {
  /** Undefined: the alert's own. */
  readonly project: string | undefined
  readonly logstore: string
  readonly query: string
  readonly start: string
  readonly end: string
}

export interface AlertJoin {
  readonly type: 'cross_join' | 'inner_join' | 'left_join' | 'concat'
  /** Of an inner or left join: over fields written `$0.host`. */
  readonly condition: Condition | undefined
}

export interface AlertSeverity {
  /** 2 report, 4 low, 6 medium, 8 high, 10 critical. */
  readonly severity: number
  /** Of a row; undefined: every row. */
  readonly condition: Condition | undefined
  /** Of the number of rows that fit, `__count__ > 5`; undefined: one is enough. */
  readonly count: Condition | undefined
}

export interface NamedText {
  readonly key: string
  readonly value: string
}

export interface Webhook {
  readonly url: string
  readonly method: 'POST' | 'PUT'
  readonly headers: Readonly<Record<string, string>>
  /** With ${alert}, ${severity}, ...; undefined: all of it as JSON. */
  readonly content: string | undefined
}

type Fields = Readonly<Record<string, unknown>>

const carriedOut = [
  'version',
  'type',
  'queryList',
  'groupConfiguration',
  'joinConfigurations',
  'severityConfigurations',
  'conditionConfiguration',
  'labels',
  'annotations',
  'threshold',
  'noDataFire',
  'noDataSeverity',
  'sendResolved',
  'muteUntil',
  'notificationList',
  // what a console shows; it says nothing about what is done
  'dashboard',
  'autoAnnotation',
  'tags',
]
const inQuery = [
  'store',
  'storeType',
  'project',
  'query',
  'start',
  'end',
  'timeSpanType',
  'powerSqlMode',
  // what a console shows
  'chartTitle',
  'dashboardId',
  'ui',
]
const severities = [2, 4, 6, 8, 10]
const severityDefault = 6
const queriesMax = 3

/** @throws WeirError ParameterInvalid with the field */
export function alertConfigOf(
  fields: Fields,
  isWebhookAllowed: (url: URL) => boolean,
): AlertConfig {
  onlyFields(fields, carriedOut, 'configuration')
  onlyOf(fields['type'], ['default'], 'configuration.type')
  const queries = listIn(fields, 'queryList').map(queryOf)
  if (queries.length < 1 || queries.length > queriesMax)
    throw invalid('configuration.queryList', `there are 1 to ${queriesMax} queries`)
  return {
    queries,
    join: joinOf(fields, queries.length),
    groupBy: groupOf(fields),
    severities: severitiesOf(fields),
    labels: namedIn(fields, 'labels'),
    annotations: namedIn(fields, 'annotations'),
    threshold: wholeIn(fields, 'threshold', 1, 1, 1000),
    noDataFire: flagIn(fields, 'noDataFire'),
    noDataSeverity: severityIn(fields['noDataSeverity'], 'configuration.noDataSeverity'),
    sendResolved: flagIn(fields, 'sendResolved'),
    muteUntil: wholeIn(fields, 'muteUntil', 0, 0, 253_402_300_799),
    webhooks: listIn(fields, 'notificationList').map((each, index) =>
      webhookOf(each, `configuration.notificationList[${index}]`, isWebhookAllowed),
    ),
  }
}

function queryOf(value: unknown, index: number): AlertQuery {
  const place = `configuration.queryList[${index}]`
  const fields = objectIn(value, place)
  onlyFields(fields, inQuery, place)
  onlyOf(fields['storeType'], ['log'], `${place}.storeType`)
  onlyOf(fields['timeSpanType'], ['Relative', 'Truncated', 'Custom'], `${place}.timeSpanType`)
  onlyOf(fields['powerSqlMode'], ['auto', 'disable', 'enable'], `${place}.powerSqlMode`)
  const text = (name: string, otherwise?: string): string => {
    const found = fields[name] ?? otherwise
    if (typeof found === 'string' && found !== '') return found
    throw invalid(`${place}.${name}`, 'it must be a text')
  }
  const [start, end] = [text('start', '-15m'), text('end', 'now')]
  const at = 1_700_000_000
  if (timeOf(start, at, 'UTC', `${place}.start`) >= timeOf(end, at, 'UTC', `${place}.end`))
    throw invalid(`${place}.end`, 'it is not after start')
  const project = fields['project']
  return {
    project: typeof project === 'string' && project !== '' ? project : undefined,
    logstore: text('store'),
    query: text('query'),
    start,
    end,
  }
}

function joinOf(fields: Fields, queries: number): AlertJoin | undefined {
  const joins = listIn(fields, 'joinConfigurations').map((each, index) => {
    const place = `configuration.joinConfigurations[${index}]`
    const join = objectIn(each, place)
    onlyFields(join, ['type', 'condition'], place)
    return { type: String(join['type']), condition: textOf(join['condition']), place }
  })
  const [first, ...others] = joins
  if (first === undefined || joins.every(({ type }) => type === 'no_join')) return undefined
  if (others.some(({ type }) => type !== first.type))
    throw invalid(first.place, 'joins of several types would not be carried out')
  if (queries < 2) throw invalid(first.place, 'there is one query only')
  const { type, condition, place } = first
  if (type === 'cross_join' || type === 'concat') {
    if (condition === '') return { type, condition: undefined }
    throw invalid(`${place}.condition`, `${type} has none`)
  }
  if (type !== 'inner_join' && type !== 'left_join')
    throw invalid(`${place}.type`, `${JSON.stringify(type)} would not be carried out`)
  if (queries > 2) throw invalid(place, `${type} takes two queries`)
  return { type, condition: parseCondition(condition, `${place}.condition`) }
}

function groupOf(fields: Fields): readonly string[] | undefined {
  const value = fields['groupConfiguration']
  if (says(value, nothing)) return undefined
  const place = 'configuration.groupConfiguration'
  const group = objectIn(value, place)
  onlyFields(group, ['type', 'fields'], place)
  const { type, fields: names } = group
  if (type === 'no_group' || says(type, nothing)) {
    if (says(names, nothing)) return undefined
    throw invalid(`${place}.fields`, 'they are for the type custom')
  }
  if (type !== 'custom') throw invalid(`${place}.type`, 'only no_group and custom are carried out')
  if (Array.isArray(names) && names.length > 0 && names.every((each) => typeof each === 'string'))
    return names
  throw invalid(`${place}.fields`, 'custom needs the names of fields')
}

function severitiesOf(fields: Fields): AlertSeverity[] {
  const list = listIn(fields, 'severityConfigurations').map((each, index) => {
    const place = `configuration.severityConfigurations[${index}]`
    const level = objectIn(each, place)
    onlyFields(level, ['severity', 'evalCondition'], place)
    const { severity, evalCondition } = level
    return {
      severity: severityIn(severity, `${place}.severity`),
      ...conditionsOf(evalCondition, `${place}.evalCondition`),
    }
  })
  const place = 'configuration.conditionConfiguration'
  const only = conditionsOf(fields['conditionConfiguration'], place)
  if (list.length === 0) return [{ severity: severityDefault, ...only }]
  if (only.condition === undefined && only.count === undefined) return list
  throw invalid(place, 'severityConfigurations have the conditions, or it has')
}

function conditionsOf(value: unknown, place: string): Omit<AlertSeverity, 'severity'> {
  if (says(value, nothing)) return { condition: undefined, count: undefined }
  const { condition, countCondition, ...others } = objectIn(value, place)
  onlyFields(others, [], place)
  const parsed = (text: unknown, at: string): Condition | undefined =>
    says(text, nothing) ? undefined : parseCondition(String(text), at)
  return {
    condition: parsed(condition, `${place}.condition`),
    count: parsed(countCondition, `${place}.countCondition`),
  }
}

function webhookOf(
  value: unknown,
  place: string,
  isWebhookAllowed: (url: URL) => boolean,
): Webhook {
  const { type, serviceUri, method, headers, content, ...others } = objectIn(value, place)
  if (type !== 'Webhook') throw invalid(`${place}.type`, 'only Webhook is carried out')
  onlyFields(others, [], place)
  const url = URL.parse(String(serviceUri))
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '')
    throw invalid(`${place}.serviceUri`, `${JSON.stringify(serviceUri)} is no URL of http or https`)
  if (!isWebhookAllowed(url))
    throw invalid(
      `${place}.serviceUri`,
      `this server does not send to ${url.host}; its configuration says where to, alerts: { webhooks: [HOST] }`,
    )
  onlyOf(method, ['POST', 'PUT'], `${place}.method`)
  const fields = says(headers, nothing) ? {} : objectIn(headers, `${place}.headers`)
  for (const [name, text] of Object.entries(fields))
    if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(name) || !/^[\t\x20-\x7e]*$/.test(String(text)))
      throw invalid(`${place}.headers.${name}`, 'it cannot be a header')
  return {
    url: url.href,
    method: method === 'PUT' ? 'PUT' : 'POST',
    headers: Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, String(text)])),
    content: typeof content === 'string' && content !== '' ? content : undefined,
  }
}

function onlyOf(value: unknown, values: readonly string[], place: string): void {
  if (says(value, nothing) || values.includes(String(value))) return
  throw invalid(place, `${JSON.stringify(value)} would not be carried out; ${values.join(', ')} is`)
}

function listIn(fields: Fields, name: string): readonly unknown[] {
  const value = fields[name] ?? []
  if (Array.isArray(value)) return value
  throw invalid(`configuration.${name}`, 'it must be a list')
}

function namedIn(fields: Fields, name: string): NamedText[] {
  return listIn(fields, name).map((each, index) => {
    const place = `configuration.${name}[${index}]`
    const { key, value = '', ...others } = objectIn(each, place)
    onlyFields(others, [], place)
    if (typeof key === 'string' && typeof value === 'string') return { key, value }
    throw invalid(place, 'a key and its value are texts')
  })
}

function wholeIn(
  fields: Fields,
  name: string,
  otherwise: number,
  least: number,
  most: number,
): number {
  const value = fields[name] ?? otherwise
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most)
    return Number(value)
  throw invalid(`configuration.${name}`, `${JSON.stringify(value)} is not ${least} to ${most}`)
}

function flagIn(fields: Fields, name: string): boolean {
  const value = fields[name] ?? false
  if (typeof value === 'boolean') return value
  throw invalid(`configuration.${name}`, `${JSON.stringify(value)} is not true or false`)
}

function severityIn(value: unknown, place: string): number {
  const found = value === undefined || value === null || value === 0 ? severityDefault : value
  if (severities.includes(found as number)) return found as number
  throw invalid(place, `${JSON.stringify(value)} is not one of ${severities.join(', ')}`)
}
