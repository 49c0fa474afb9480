import { quoteText } from '../quote.ts'
import type { Printed, SqlType } from '../types.ts'
import type { CallContext, FunctionRule } from './rule.ts'
import { literalOf, scalar } from './rule.ts'

/** An instant as local time of a zone: `instant` is a TIMESTAMP in UTC. */
export function localTime(utc: string, zone: string): string {
  const offset = zoneOffset(zone)
  if (offset === 0) return utc
  if (offset !== undefined) return `(${utc} + to_minutes(${offset}))`
  return `timezone(${quoteText(zone)}, timezone('UTC', ${utc}))`
}

/** Local time of a zone as TIMESTAMP in UTC. */
export function utcTime(local: string, zone: string): string {
  const offset = zoneOffset(zone)
  if (offset === 0) return local
  if (offset !== undefined) return `(${local} - to_minutes(${offset}))`
  return `timezone('UTC', timezone(${quoteText(zone)}, ${local}))`
}

/** Minutes east of UTC of a zone without rules: `UTC`, `+08:00`. */
function zoneOffset(zone: string): number | undefined {
  if (/^(UTC|GMT|Z|Etc\/UTC)$/i.test(zone)) return 0
  const fixed = /^([+-])(\d\d):?(\d\d)$/.exec(zone)
  if (fixed === null) return undefined
  const minutes = Number(fixed[2]) * 60 + Number(fixed[3])
  return fixed[1] === '-' ? -minutes : minutes
}

/** Whether it is a zone one can name: `Asia/Shanghai`, `UTC`, `+08:00`. */
export function isZone(zone: string): boolean {
  if (zoneOffset(zone) !== undefined) return true
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(zone)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== ''
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

const fromSeconds = (arg: Printed): string =>
  arg.type === 'bigint'
    ? `make_timestamp(CAST(${arg.sql} AS BIGINT) * 1000000)`
    : `make_timestamp(CAST(round(CAST(${arg.sql} AS DOUBLE) * 1000000) AS BIGINT))`

/**
 * A time argument as local TIMESTAMP of the query's zone: Unix seconds, a text, a date or a
 * timestamp, told apart by type.
 */
export function asTimestamp(arg: Printed, call: CallContext): string {
  const { type, sql } = arg
  if (type === 'timestamp') return sql
  if (type === 'bigint' || type === 'double' || type === 'decimal') {
    return localTime(fromSeconds(arg), call.zone)
  }
  if (type === 'varchar' || type === 'date' || type === 'null') return `CAST(${sql} AS TIMESTAMP)`
  if (typeof type === 'object' && 'zoned' in type)
    return localTime(utcTime(sql, type.zoned), call.zone)
  if (type === 'unknown') return `sls_any_ts(${sql}, ${quoteText(call.zone)})`
  throw call.error('expected a time: Unix seconds, a timestamp, a date or a text', arg.at)
}

const units = 'millisecond second minute hour day week month quarter year'.split(' ')

function unitOf(arg: Printed, call: CallContext): string {
  const unit = literalOf(arg, 'the unit of time', call).toLowerCase()
  if (units.includes(unit)) return unit
  throw call.error(`"${unit}" is not a unit of time`, arg.at, `the units are ${units.join(', ')}`)
}

const mysqlLetters: Readonly<Record<string, string>> = {
  a: '%a',
  b: '%b',
  c: '%-m',
  d: '%d',
  e: '%-d',
  f: '%f',
  H: '%H',
  h: '%I',
  I: '%I',
  i: '%M',
  j: '%j',
  k: '%-H',
  l: '%-I',
  M: '%B',
  m: '%m',
  p: '%p',
  r: '%I:%M:%S %p',
  S: '%S',
  s: '%S',
  T: '%H:%M:%S',
  v: '%V',
  W: '%A',
  w: '%w',
  x: '%G',
  Y: '%Y',
  y: '%y',
  '%': '%%',
}

/** A MySQL format as the engine's: `%i` minutes becomes `%M`, `%M` the month's name `%B`. */
export function mysqlFormat(arg: Printed, call: CallContext): string {
  const format = literalOf(arg, 'the format', call)
  const converted = format.replace(/%([^]?)/g, (_, letter: string) => {
    const same = Object.hasOwn(mysqlLetters, letter) ? mysqlLetters[letter] : undefined
    if (same !== undefined) return same
    throw call.error(`the format letter %${letter} is not supported`, arg.at)
  })
  return quoteText(converted)
}

const jodaLetters: Readonly<Record<string, string>> = {
  yyyy: '%Y',
  yy: '%y',
  MM: '%m',
  M: '%-m',
  MMM: '%b',
  MMMM: '%B',
  dd: '%d',
  d: '%-d',
  HH: '%H',
  H: '%-H',
  hh: '%I',
  h: '%-I',
  mm: '%M',
  ss: '%S',
  SSS: '%g',
  a: '%p',
  EEE: '%a',
  EEEE: '%A',
}

function jodaFormat(arg: Printed, call: CallContext): string {
  const format = literalOf(arg, 'the format', call)
  const converted = format.replace(
    /'([^']*)'|([A-Za-z])\2*|%/g,
    (run, quoted: string | undefined) => {
      if (quoted !== undefined) return quoted === '' ? "'" : quoted.replaceAll('%', '%%')
      if (run === '%') return '%%'
      const letter = Object.hasOwn(jodaLetters, run) ? jodaLetters[run] : undefined
      if (letter !== undefined) return letter
      throw call.error(`the format letters ${run} are not supported`, arg.at)
    },
  )
  return quoteText(converted)
}

function fromUnixtime(args: readonly Printed[], call: CallContext): string {
  const utc = fromSeconds(args[0]!)
  if (args[1] === undefined) return localTime(utc, call.zone)
  return localTime(utc, zoneArgument(args[1], call))
}

export function zoneArgument(arg: Printed, call: CallContext): string {
  const zone = literalOf(arg, 'the zone', call)
  if (isZone(zone)) return zone
  throw call.error(`"${zone}" is not a time zone`, arg.at, "as in 'Asia/Shanghai' or '+08:00'")
}

const zonedType = ([, zone]: readonly Printed[]): SqlType =>
  zone?.literal === undefined ? 'timestamp' : { zoned: zone.literal }

function dateAdd([unit, amount, time]: readonly Printed[], call: CallContext): string {
  const name = unitOf(unit!, call)
  const count = `CAST(${amount!.sql} AS INTEGER)`
  const step = name === 'quarter' ? `to_months(3 * ${count})` : `to_${name}s(${count})`
  const result = `(${asTimestamp(time!, call)} + ${step})`
  return time!.type === 'date' && /^(day|week|month|quarter|year)$/.test(name)
    ? `CAST(${result} AS DATE)`
    : result
}

const dateAddType = ([unit, , time]: readonly Printed[]): SqlType =>
  time!.type === 'date' && /^(day|week|month|quarter|year)$/i.test(unit!.literal ?? '')
    ? 'date'
    : 'timestamp'

function dateTrunc([unit, time]: readonly Printed[], call: CallContext): string {
  const truncated = `date_trunc(${quoteText(unitOf(unit!, call))}, ${asTimestamp(time!, call)})`
  return time!.type === 'date' ? `CAST(${truncated} AS DATE)` : `CAST(${truncated} AS TIMESTAMP)`
}

const part = (name: string, engine = name): FunctionRule =>
  scalar(name, 1, 'any', 'bigint', ([time], call) => `${engine}(${asTimestamp(time!, call)})`)

const nowIn = (call: CallContext) =>
  localTime(`CAST(timezone('UTC', now()) AS TIMESTAMP)`, call.zone)

export const times: readonly FunctionRule[] = [
  scalar('from_unixtime', [1, 2], 'number text', zonedType, fromUnixtime),
  scalar('to_unixtime', 1, 'any', 'double', ([time], call) => {
    const zone =
      typeof time!.type === 'object' && 'zoned' in time!.type ? time!.type.zoned : undefined
    const utc =
      zone === undefined ? utcTime(asTimestamp(time!, call), call.zone) : utcTime(time!.sql, zone)
    return `(epoch_us(${utc}) / CAST(1000000 AS DOUBLE))`
  }),
  scalar(
    'date_format',
    2,
    'any text',
    'varchar',
    ([time, format], call) =>
      `strftime(${asTimestamp(time!, call)}, ${mysqlFormat(format!, call)})`,
  ),
  scalar(
    'date_parse',
    2,
    'text text',
    'timestamp',
    ([text, format], call) => `strptime(${text!.sql}, ${mysqlFormat(format!, call)})`,
  ),
  scalar(
    'format_datetime',
    2,
    'any text',
    'varchar',
    ([time, format], call) => `strftime(${asTimestamp(time!, call)}, ${jodaFormat(format!, call)})`,
  ),
  scalar(
    'parse_datetime',
    2,
    'text text',
    'timestamp',
    ([text, format], call) => `strptime(${text!.sql}, ${jodaFormat(format!, call)})`,
  ),
  scalar(
    'date_trunc',
    2,
    'text any',
    ([, time]) => (time!.type === 'date' ? 'date' : 'timestamp'),
    dateTrunc,
  ),
  scalar('date_add', 3, 'text number any', dateAddType, dateAdd),
  scalar(
    'date_diff',
    3,
    'text any any',
    'bigint',
    ([unit, from, to], call) =>
      `date_sub(${quoteText(unitOf(unit!, call))}, ${asTimestamp(from!, call)}, ${asTimestamp(to!, call)})`,
  ),
  part('year'),
  part('quarter'),
  part('month'),
  part('week'),
  part('week_of_year', 'week'),
  part('day'),
  part('day_of_month', 'day'),
  part('day_of_week', 'isodow'),
  part('dow', 'isodow'),
  part('day_of_year', 'dayofyear'),
  part('doy', 'dayofyear'),
  part('year_of_week', 'isoyear'),
  part('yow', 'isoyear'),
  part('hour'),
  part('minute'),
  part('second'),
  scalar(
    'millisecond',
    1,
    'any',
    'bigint',
    ([time], call) => `(millisecond(${asTimestamp(time!, call)}) % 1000)`,
  ),
  scalar('date', 1, 'any', 'date', ([time], call) => `CAST(${asTimestamp(time!, call)} AS DATE)`),
  scalar(
    'last_day_of_month',
    1,
    'any',
    'date',
    ([time], call) => `last_day(${asTimestamp(time!, call)})`,
  ),
  scalar('from_iso8601_timestamp', 1, 'text', 'timestamp', ([text], call) =>
    localTime(`CAST(timezone('UTC', CAST(${text!.sql} AS TIMESTAMPTZ)) AS TIMESTAMP)`, call.zone),
  ),
  scalar('from_iso8601_date', 1, 'text', 'date', ([text]) => `CAST(${text!.sql} AS DATE)`),
  scalar('to_iso8601', 1, 'any', 'varchar', ([time], call) =>
    time!.type === 'date'
      ? `strftime(${time!.sql}, '%Y-%m-%d')`
      : `strftime(${asTimestamp(time!, call)}, '%Y-%m-%dT%H:%M:%S.%g')`,
  ),
  scalar('now', 0, 'any', 'timestamp', (_, call) => nowIn(call)),
  scalar(
    'current_timestamp',
    0,
    'any',
    (_, call) => ({ zoned: call.zone }),
    (_, call) => nowIn(call),
  ),
  scalar('localtimestamp', 0, 'any', 'timestamp', (_, call) => nowIn(call)),
  scalar('current_date', 0, 'any', 'date', (_, call) => `CAST(${nowIn(call)} AS DATE)`),
  scalar('current_timezone', 0, 'any', 'varchar', (_, call) => quoteText(call.zone)),
]
