/** What a scheduled SQL does, as its configuration says (alibaba-api.md 3.8). */
import { invalid } from './schedule.ts'
import { timeOf } from './time-expression.ts'

export interface ScheduledSqlConfig {
  /** `search | SQL`. */
  readonly script: string
  readonly sourceLogstore: string
  readonly destProject: string
  readonly destLogstore: string
  /** The range of a run, told from its time: `@m-5m` to `@m`. */
  readonly fromTimeExpr: string
  readonly toTimeExpr: string
  /** Unix seconds: runs of times from here on. */
  readonly fromTime: number
  /** Unix seconds, exclusive; 0 for ever. */
  readonly toTime: number
  readonly maxRetries: number
  readonly maxRunTimeInSeconds: number
}

/** Names of another region's endpoint, of roles and of pools say nothing here; they may be sent and are not kept apart. */
const ignored = ['destEndpoint', 'roleArn', 'destRoleArn', 'resourcePool']
const known = [
  'script',
  'sqlType',
  'sourceLogstore',
  'destProject',
  'destLogstore',
  'dataFormat',
  'fromTimeExpr',
  'toTimeExpr',
  'fromTime',
  'toTime',
  'maxRetries',
  'maxRunTimeInSeconds',
  'parameters',
]

/** @throws WeirError ParameterInvalid, also for what would not be carried out */
export function scheduledSqlConfigOf(
  fields: Readonly<Record<string, unknown>>,
  project: string,
): ScheduledSqlConfig {
  for (const [name, value] of Object.entries(fields))
    if (!known.includes(name) && !ignored.includes(name) && !isEmpty(value))
      throw invalid(`configuration.${name}`, 'it would not be carried out')
  onlyValue(fields, 'sqlType', ['searchQuery', 'standard'])
  onlyValue(fields, 'dataFormat', ['log2log'])
  if (!isEmpty(fields['parameters'])) throw invalid('configuration.parameters', 'there are none')
  const text = (name: string, otherwise?: string): string => {
    const value = fields[name] ?? otherwise
    if (typeof value === 'string' && value !== '') return value
    throw invalid(`configuration.${name}`, 'it must be a text')
  }
  const whole = (name: string, otherwise: number, most: number): number => {
    const value = fields[name] ?? otherwise
    if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= most) return Number(value)
    throw invalid(`configuration.${name}`, `${JSON.stringify(value)} is not 0 to ${most}`)
  }
  const config: ScheduledSqlConfig = {
    script: text('script'),
    sourceLogstore: text('sourceLogstore'),
    destProject: text('destProject', project),
    destLogstore: text('destLogstore'),
    fromTimeExpr: text('fromTimeExpr'),
    toTimeExpr: text('toTimeExpr'),
    fromTime: whole('fromTime', 0, timeMax),
    toTime: whole('toTime', 0, timeMax),
    maxRetries: whole('maxRetries', 10, 100),
    maxRunTimeInSeconds: whole('maxRunTimeInSeconds', 600, 3600),
  }
  const at = 1_700_000_000
  const from = timeOf(config.fromTimeExpr, at, 'UTC', 'configuration.fromTimeExpr')
  if (from >= timeOf(config.toTimeExpr, at, 'UTC', 'configuration.toTimeExpr'))
    throw invalid('configuration.toTimeExpr', 'it is not after fromTimeExpr')
  return config
}

const timeMax = 253_402_300_799

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0)

function onlyValue(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  values: readonly string[],
): void {
  const value = fields[name]
  if (isEmpty(value) || values.includes(String(value))) return
  throw invalid(`configuration.${name}`, `${JSON.stringify(value)} is not ${values.join(' or ')}`)
}
