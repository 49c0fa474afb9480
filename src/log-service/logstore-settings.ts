import { WeirError } from '../base/errors.ts'

/**
 * What a logstore was told, by the names of the API. What is undefined was never said, and is not said back: Terraform would
 * take it for a change (alibaba-api.md §4.2).
 */
export interface LogstoreSettings {
  readonly autoSplit?: boolean
  readonly maxSplitShard?: number
  /** Web tracking: anyone may write, without a signature. */
  readonly enable_tracking?: boolean
  /** Each log is told when it came and from where. */
  readonly appendMeta?: boolean
  readonly telemetryType?: string
  /** Days; -1: all of them. */
  readonly hot_ttl?: number
  /** Days. */
  readonly infrequentAccessTTL?: number
  readonly mode?: string
  readonly encrypt_conf?: Readonly<Record<string, unknown>>
  readonly processorId?: string
}

type FieldRule = (value: unknown) => boolean

const isFlag: FieldRule = (value) => typeof value === 'boolean'
const isText: FieldRule = (value) => typeof value === 'string'
const isWhole: FieldRule = (value) => Number.isInteger(value)
const isObject: FieldRule = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const fields: Readonly<Record<keyof LogstoreSettings, FieldRule>> = {
  autoSplit: isFlag,
  maxSplitShard: isWhole,
  enable_tracking: isFlag,
  appendMeta: isFlag,
  telemetryType: isText,
  hot_ttl: isWhole,
  infrequentAccessTTL: isWhole,
  mode: isText,
  encrypt_conf: isObject,
  processorId: isText,
}

/** Fields whose 0 a client sends for one that it was not given. */
const unsetZeros: readonly string[] = ['maxSplitShard', 'hot_ttl', 'infrequentAccessTTL']

/** The settings among the fields of a body; the others are left out. Throws ParameterInvalid for one of a wrong type. */
export function readSettings(body: Readonly<Record<string, unknown>>): LogstoreSettings {
  const given: Record<string, unknown> = {}
  for (const [name, isRight] of Object.entries(fields)) {
    const value = body[name]
    if (value === undefined || value === null) continue
    if (!isRight(value)) throw invalid(`${name} has a wrong type`)
    if (value === 0 && unsetZeros.includes(name)) continue
    given[name] = value
  }
  return given
}

const splitShardsMax = 256
const hotDaysMin = 7
const infrequentDaysMin = 30

/** @throws WeirError ParameterInvalid, also for what would be kept and then not be done */
export function checkSettings(settings: LogstoreSettings, ttlDays: number): void {
  const { maxSplitShard, telemetryType = '', hot_ttl, infrequentAccessTTL, mode } = settings
  if (maxSplitShard !== undefined && (maxSplitShard < 1 || maxSplitShard > splitShardsMax))
    throw invalid(`maxSplitShard must be from 1 to ${splitShardsMax}`)
  if (telemetryType === 'Metrics')
    throw invalid('telemetryType Metrics is not supported: Weir keeps logs only')
  if (telemetryType !== '' && telemetryType !== 'None')
    throw invalid(`telemetryType ${telemetryType} is invalid`)
  if (hot_ttl !== undefined && hot_ttl !== -1 && (hot_ttl < hotDaysMin || hot_ttl > ttlDays))
    throw invalid(`hot_ttl must be -1 or from ${hotDaysMin} to ttl`)
  if (infrequentAccessTTL !== undefined && infrequentAccessTTL < infrequentDaysMin)
    throw invalid(`infrequentAccessTTL must be at least ${infrequentDaysMin}`)
  if (mode !== undefined && mode !== 'standard' && mode !== 'query')
    throw invalid(`mode ${mode} is invalid`)
  if (settings.encrypt_conf?.['enable'] === true)
    throw invalid('encrypt_conf is not supported: encrypt the disk instead')
  if ((settings.processorId ?? '') !== '')
    throw invalid('processorId is not supported: logs are kept as they come')
}

const invalid = (message: string): WeirError => new WeirError('ParameterInvalid', message)
