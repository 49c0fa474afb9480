import { jsFunction } from './udf-kinds.ts'
import type { JsFunction } from './udf-kinds.ts'

const dataUnits = ['B', 'KB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']

const sizeOf = (unit: string): number => 1024 ** dataUnits.indexOf(unit.toUpperCase())

/** Two decimals at most, none when it is whole: `1.17`, `4.5`, `1024`. */
function shown(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toFixed(2)))
}

/** Bytes of `1.5GB`, or null for a text that is no size. */
function bytesOf(text: string): number | null {
  const found = /^\s*(\d+(?:\.\d+)?)\s*([KMGTPEZY]?B)\s*$/i.exec(text)
  return found === null ? null : Number(found[1]) * sizeOf(found[2]!)
}

function inUnit(bytes: number, unit: string): string | null {
  const known = dataUnits.find((each) => each === unit.toUpperCase())
  return known === undefined ? null : `${shown(bytes / sizeOf(known))}${known}`
}

/** In the largest unit in which it is at least 1. */
function readableSize(bytes: number): string {
  const unit = dataUnits.findLast((each) => bytes >= sizeOf(each)) ?? 'B'
  return `${shown(bytes / sizeOf(unit))}${unit}`
}

const secondsIn: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
}

/** Nanoseconds of `1.2h`, or null for a text that is no time. A whole number stays one. */
function nanosecondsOf(text: string): number | null {
  const found = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h|d)\s*$/.exec(text)
  if (found === null) return null
  return Number(found[1]) * Math.round(secondsIn[found[2]!]! * 1e9)
}

/** As the airlift library of Presto writes it: two decimals, in the largest unit that fits. */
function succinct(nanoseconds: number): string {
  const units = Object.keys(secondsIn)
  const size = (unit: string) => secondsIn[unit]! * 1e9
  const unit = units.findLast((each) => nanoseconds >= size(each)) ?? 'ns'
  return `${(nanoseconds / size(unit)).toFixed(2)}${unit}`
}

/** `1 hour, 2 minutes, 42 seconds`: Presto's human_readable_seconds, which rounds to a second. */
function readableSeconds(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`${value} seconds cannot be written out`)
  let rest = Math.round(Math.abs(value))
  const parts = ([604_800, 86_400, 3600, 60, 1] as const).map((size) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return count
  })
  const names = ['week', 'day', 'hour', 'minute', 'second']
  const words = parts
    .map((count, index) => ({ count, name: names[index]! }))
    .filter(({ count }) => count !== 0)
    .map(({ count, name }) => `${count} ${name}${count === 1 ? '' : 's'}`)
  return words.length === 0 ? '0 seconds' : `${value < 0 ? '-' : ''}${words.join(', ')}`
}

export const unitFunctions: readonly JsFunction[] = [
  jsFunction('sls_js_data_size', ['text'], 'double', bytesOf),
  jsFunction('sls_js_readable_size', ['text'], 'text', (text) => {
    const bytes = bytesOf(text)
    return bytes === null ? null : readableSize(bytes)
  }),
  jsFunction('sls_js_size_in_unit', ['double', 'text'], 'text', inUnit),
  jsFunction('sls_js_nanoseconds', ['text'], 'double', nanosecondsOf),
  jsFunction('sls_js_succinct_time', ['text'], 'text', (text) => {
    const nanoseconds = nanosecondsOf(text)
    return nanoseconds === null ? null : succinct(nanoseconds)
  }),
  jsFunction('sls_js_readable_seconds', ['double'], 'text', readableSeconds),
]
