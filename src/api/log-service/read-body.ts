import { WeirError } from '../../base/errors.ts'
import type { LogServiceRequest } from './route.ts'

/** The body as a JSON object. Throws ParameterInvalid. */
export function objectOf({ body }: LogServiceRequest): Readonly<Record<string, unknown>> {
  const value = jsonOf(body)
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>
  throw new WeirError('ParameterInvalid', 'The body is not a json object')
}

/**
 * A name that a body will be found to hold, for permissions and the audit log, which come before it is looked at for good;
 * `*`, for all there are, when it is not there.
 */
export function nameIn({ body }: LogServiceRequest, field: string): string {
  try {
    const value = (JSON.parse(body.toString('utf8')) ?? {}) as Readonly<Record<string, unknown>>
    const name = value[field]
    return typeof name === 'string' ? name : '*'
  } catch {
    return '*'
  }
}

/** Throws ParameterInvalid. */
export function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new WeirError('ParameterInvalid', 'The body is not valid json string', { cause })
  }
}

/** What a list was asked for; a client sends an empty value for one that it leaves out. */
export function pageOf(
  { query }: LogServiceRequest,
  sizeDefault: number,
  sizeMax: number,
): { readonly offset: number; readonly size: number } {
  const whole = (name: string, otherwise: number, max: number): number => {
    const text = query.get(name) ?? ''
    if (text === '') return otherwise
    const value = Number(text)
    if (/^-?\d{1,15}$/.test(text) && value >= 0) return Math.min(value, max)
    throw new WeirError('ParameterInvalid', `${name} : ${text} pair is invalid`)
  }
  return {
    offset: whole('offset', 0, Number.MAX_SAFE_INTEGER),
    size: whole('size', sizeDefault, sizeMax),
  }
}
