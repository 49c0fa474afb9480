/** When a job runs (alibaba-api.md 3.8: FixedRate, Cron and the calendar's types). */
import { Cron } from 'croner'
import { WeirError } from '../base/errors.ts'

export type Schedule =
  | {
      readonly type: 'FixedRate'
      readonly intervalSeconds: number
      readonly delaySeconds: number
      readonly runImmediately: boolean
    }
  | {
      readonly type: 'Cron'
      readonly expression: string
      readonly zone: string
      readonly delaySeconds: number
      readonly runImmediately: boolean
    }

const carriedOut = [
  'type',
  'interval',
  'cronExpression',
  'timeZone',
  'delay',
  'runImmediately',
  'dayOfWeek',
  'hour',
]
const intervalMax = 86_400 * 7
const delayMax = 3600

/**
 * What a schedule of the API means. Hourly, Daily and Weekly are cron expressions in their zone.
 * @throws WeirError ParameterInvalid with the field
 */
export function scheduleOf(wire: unknown): Schedule {
  const fields = objectIn(wire, 'schedule')
  onlyFields(fields, carriedOut, 'schedule')
  const common = {
    delaySeconds: wholeIn(fields, 'delay', 0, delayMax) ?? 0,
    runImmediately: fields['runImmediately'] === true,
  }
  const cron = (expression: string): Schedule => {
    const zone = zoneIn(fields)
    checkCron(expression, zone)
    return { type: 'Cron', expression, zone, ...common }
  }
  const hour = () => wholeIn(fields, 'hour', 0, 23) ?? 0
  switch (fields['type']) {
    case 'FixedRate':
      return { type: 'FixedRate', intervalSeconds: intervalIn(fields['interval']), ...common }
    case 'Hourly':
      return cron('0 * * * *')
    case 'Daily':
      return cron(`0 ${hour()} * * *`)
    case 'Weekly':
      return cron(`0 ${hour()} * * ${wholeIn(fields, 'dayOfWeek', 0, 7) ?? 0}`)
    case 'Cron':
      return cron(textOf(fields['cronExpression']))
    default:
      throw invalid(
        'schedule.type',
        `${JSON.stringify(fields['type'])} is none of FixedRate, Hourly, Daily, Weekly, Cron`,
      )
  }
}

/**
 * The first moment after `after` that the schedule names, before its delay. A fixed rate is aligned to the epoch, so a
 * restart moves nothing.
 * @param after Unix seconds
 * @returns Unix seconds
 */
export function nextTime(schedule: Schedule, after: number): number {
  if (schedule.type === 'FixedRate') {
    const { intervalSeconds } = schedule
    return (Math.floor(after / intervalSeconds) + 1) * intervalSeconds
  }
  const next = cronOf(schedule.expression, schedule.zone).nextRun(new Date(after * 1000))
  return next === null ? Number.POSITIVE_INFINITY : Math.floor(next.getTime() / 1000)
}

/** The last moment up to `at` that the schedule names, both in Unix seconds. */
export function lastTime(schedule: Schedule, at: number): number {
  if (schedule.type === 'FixedRate')
    return Math.floor(at / schedule.intervalSeconds) * schedule.intervalSeconds
  const cron = cronOf(schedule.expression, schedule.zone)
  const [last] = cron.previousRuns(1, new Date((at + 1) * 1000))
  return last === undefined ? Number.NEGATIVE_INFINITY : Math.floor(last.getTime() / 1000)
}

const cronOf = (expression: string, zone: string): Cron =>
  new Cron(expression, { timezone: zone, mode: '5-part', paused: true })

function checkCron(expression: string, zone: string): void {
  try {
    if (cronOf(expression, zone).nextRun() !== null) return
  } catch (cause) {
    throw invalid(
      'schedule.cronExpression',
      `${JSON.stringify(expression)}: ${(cause as Error).message}`,
    )
  }
  throw invalid('schedule.cronExpression', `${JSON.stringify(expression)} never comes`)
}

/** `60s`, `5m`, `1h`, `1d`. */
function intervalIn(text: unknown): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(String(text)) ?? []
  const seconds = Number(count) * { s: 1, m: 60, h: 3600, d: 86_400 }[(unit ?? 's') as 's']!
  if (count !== undefined && seconds >= 1 && seconds <= intervalMax) return seconds
  throw invalid('schedule.interval', `${JSON.stringify(text)} is not 1s to 7d, such as 60s or 5m`)
}

/** `+0800` as the API writes it, or a name. */
function zoneIn(fields: Readonly<Record<string, unknown>>): string {
  const text = textOf(fields['timeZone'])
  if (text === '') return 'UTC'
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(text) ?? []
  const zone = sign === undefined ? text : `${sign}${hours}:${minutes}`
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return zone
  } catch (cause) {
    throw invalid('schedule.timeZone', `${JSON.stringify(text)} is no time zone`, cause)
  }
}

function wholeIn(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most)
    return Number(value)
  throw invalid(`schedule.${name}`, `${JSON.stringify(value)} is not ${least} to ${most}`)
}

/** What is no text is none. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

export function objectIn(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw invalid(place, 'it must be an object')
}

export const nothing = [undefined, null, '', false, 0] as const

/** Whether a value is one of these, or empty. */
export const says = (value: unknown, values: readonly unknown[]): boolean =>
  values.includes(value) ||
  (typeof value === 'object' && value !== null && Object.keys(value).length === 0)

/** @throws WeirError ParameterInvalid for a field that is none of `known` and says something */
export function onlyFields(
  fields: Readonly<Record<string, unknown>>,
  known: readonly string[],
  place: string,
): void {
  for (const [name, value] of Object.entries(fields))
    if (!known.includes(name) && !says(value, nothing))
      throw invalid(`${place}.${name}`, 'it would not be carried out')
}

export const invalid = (place: string, message: string, cause?: unknown): WeirError =>
  new WeirError('ParameterInvalid', `${place}: ${message}`, {
    place,
    ...(cause === undefined ? {} : { cause }),
  })
