import type { DuckDBType, DuckDBValue } from '@duckdb/node-api'

/** How the log service prints a value: text, or null. */
export function formatValue(
  value: DuckDBValue,
  zone: string | undefined,
  isInteger = false,
): string | null {
  if (value === null) return null
  if (typeof value === 'number') return isInteger ? String(value) : formatDouble(value)
  if (typeof value !== 'object') return String(value)
  const text = formatTime(value)
  if (text !== undefined) return zone === undefined ? text : `${text} ${zone}`
  if ('bytes' in value) return Buffer.from(value.bytes as Uint8Array).toString('hex')
  return 'items' in value || 'entries' in value ? nested(value) : String(value)
}

/** A double as Java prints it: 1176.0, 0.9966, 1.0E10. */
export function formatDouble(value: number): string {
  if (!Number.isFinite(value))
    return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const size = Math.abs(value)
  if (size >= 1e-3 && size < 1e7) {
    const text = String(value)
    return text.includes('.') ? text : `${text}.0`
  }
  const [mantissa, exponent] = value.toExponential().split('e')
  return `${mantissa!.includes('.') ? mantissa : `${mantissa}.0`}E${Number(exponent)}`
}

/** `YYYY-MM-DD HH:MM:SS.mmm`, a day, or an interval as `D HH:MM:SS.mmm`. */
function formatTime(value: object): string | undefined {
  if ('days' in value && 'months' in value) return formatInterval(value as unknown as Interval)
  if ('micros' in value) return formatMicros(value.micros as bigint)
  if ('days' in value)
    return formatMicros(BigInt(value.days as number) * 86_400_000_000n).slice(0, -13)
  return undefined
}

function formatMicros(micros: bigint): string {
  const milliseconds = Number(micros / 1000n - (micros % 1000n < 0n ? 1n : 0n))
  const date = new Date(milliseconds)
  if (Number.isNaN(date.getTime())) return micros > 0n ? 'infinity' : '-infinity'
  return date.toISOString().replace('T', ' ').slice(0, -1)
}

interface Interval {
  readonly months: number
  readonly days: number
  readonly micros: bigint
}

function formatInterval({ months, days, micros }: Interval): string {
  if (months !== 0) return `${Math.trunc(months / 12)}-${Math.abs(months % 12)}`
  const total = BigInt(days) * 86_400_000_000n + micros
  const size = total < 0n ? -total : total
  const clock = new Date(Number((size / 1000n) % 86_400_000n)).toISOString().slice(11, -1)
  return `${total < 0n ? '-' : ''}${size / 86_400_000_000n} ${clock}`
}

/** Lists, maps and rows as the text of JSON; an integer stays an integer whatever its size. */
function nested(value: DuckDBValue): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint')
    return String(value)
  if (typeof value === 'number')
    return Number.isFinite(value) ? String(value) : quoted(formatDouble(value))
  if (typeof value === 'object' && 'items' in value) {
    return `[${(value.items as DuckDBValue[]).map(nested).join(',')}]`
  }
  if (typeof value === 'object' && 'entries' in value) {
    const { entries } = value as { entries: Entry[] | Record<string, DuckDBValue> }
    const list = Array.isArray(entries)
      ? entries.map((entry) => [formatValue(entry.key, undefined, true), entry.value] as const)
      : Object.entries(entries)
    return `{${list.map(([key, each]) => `${quoted(key ?? 'null')}:${nested(each)}`).join(',')}}`
  }
  return quoted(formatValue(value, undefined) ?? 'null')
}

interface Entry {
  readonly key: DuckDBValue
  readonly value: DuckDBValue
}

const quoted = (text: string): string => JSON.stringify(text)

/** The language's name for a type of the engine. */
export function languageType(type: DuckDBType): string {
  const name = String(type)
  if (name.endsWith('[]')) return 'array'
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(name)) return 'bigint'
  if (/^(DOUBLE|FLOAT)$/.test(name)) return 'double'
  if (name.startsWith('TIMESTAMP')) return 'timestamp'
  const base = name.replace(/\(.*$/, '').toLowerCase()
  return base === 'struct' ? 'row' : base === 'blob' ? 'varbinary' : base
}
