/** The log service's first signature, `LOG <key>:<base64>` (alibaba-api.md 3.2). */
import { createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

export type V1Method = 'hmac-sha1' | 'hmac-sha256'

export interface V1Request {
  readonly method: string
  /** As in the request line, still escaped. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** What stands for the date. */
  readonly date: string
  /** How a parameter without a value is written: by most as `name=`, by the Node gateway as `name`. */
  readonly empty: '=' | ''
}

/**
 * What is signed. Headers that are added after signing or on the way are left out: `x-log-date`, which a client sends
 * besides Date, and `x-log-meta-*`.
 */
export function v1StringToSign(request: V1Request): string {
  const { method, path, query, headers, date, empty } = request
  const lines = Object.keys(headers)
    .filter((name) => /^x-(log|acs)-/.test(name))
    .filter((name) => name !== 'x-log-date' && !name.startsWith('x-log-meta-'))
    .toSorted(byCode)
    .map((name) => `${name}:${text(headers[name])}\n`)
  return (
    `${method}\n${text(headers['content-md5'])}\n${text(headers['content-type'])}\n${date}\n` +
    `${lines.join('')}${path}${resourceOf(query, empty)}`
  )
}

/** Values stand there decoded. */
function resourceOf(query: URLSearchParams, empty: '=' | ''): string {
  const pairs = [...query]
    .toSorted(([a], [b]) => byCode(a, b))
    .map(([name, value]) => (value === '' ? `${name}${empty}` : `${name}=${value}`))
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

export const v1Signature = (stringToSign: string, secret: string, method: V1Method): string =>
  createHmac(method === 'hmac-sha1' ? 'sha1' : 'sha256', secret)
    .update(stringToSign, 'utf8')
    .digest('base64')

export const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** A header that is sent twice is one list. */
export const text = (value: string | readonly string[] | undefined): string =>
  (typeof value === 'object' ? value.join(', ') : (value ?? '')).trim()
