/** Values of JSON whose shape others decide. */
import { Malformed, shown } from './record-rows.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** @throws Malformed */
export function objectOf(text: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new Malformed(`not JSON: ${error.message}`)
    throw error
  }
  if (isObject(value)) return value
  throw new Malformed('not a JSON object')
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A value within objects within each other; undefined when one is not there. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  for (const name of path) value = isObject(value) ? value[name] : undefined
  return value
}

export const listAt = (value: unknown, ...path: readonly string[]): readonly unknown[] => {
  const list = at(value, ...path)
  return Array.isArray(list) ? list : []
}

/** A text or a number, for a field of a record. */
export function scalarAt(value: unknown, ...path: readonly string[]): string | number | undefined {
  const found = at(value, ...path)
  return typeof found === 'string' || typeof found === 'number' ? found : undefined
}

/**
 * Unix seconds of a date in RFC 3339, rounded down.
 * @throws Malformed
 */
export function secondsAt(value: unknown, name: string): number {
  const text = at(value, name)
  const milliseconds = typeof text === 'string' ? Date.parse(text) : Number.NaN
  if (Number.isNaN(milliseconds)) throw new Malformed(`"${name}" is ${shown(text)}, not a date`)
  return Math.floor(milliseconds / 1000)
}
