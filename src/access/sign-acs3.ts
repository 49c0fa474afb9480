/** The signature of the cloud's APIs in a header, `ACS3-HMAC-SHA256 Credential=...` (alibaba-api.md 2.3). */
import { createHmac, hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { byCode, text } from './sign-v1.ts'
import { escapeStrictly } from './sign-v4.ts'

export const acs3Algorithm = 'ACS3-HMAC-SHA256'

export interface Acs3Request {
  readonly method: string
  /** As in the request line, still escaped. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  /** As the Authorization header lists them, in its order. */
  readonly signedHeaders: readonly string[]
}

/** The body is in it by the hash that `x-acs-content-sha256` names. */
export function acs3StringToSign(request: Acs3Request): string {
  const { method, path, query, headers, signedHeaders } = request
  const canonical =
    `${method}\n${path === '' ? '/' : path}\n${canonicalQuery(query)}\n` +
    `${signedHeaders.map((name) => `${name}:${own(headers, name)}\n`).join('')}\n` +
    `${signedHeaders.join(';')}\n${text(headers['x-acs-content-sha256'])}`
  return `${acs3Algorithm}\n${hash('sha256', canonical)}`
}

/** The list is a stranger's: `constructor` is in it when he likes. */
const own = (headers: IncomingHttpHeaders, name: string): string =>
  Object.hasOwn(headers, name) ? text(headers[name]) : ''

/** Both of the cloud's signatures are over parameters that are decoded and escaped anew. */
export const canonicalQuery = (pairs: Iterable<readonly [name: string, value: string]>): string =>
  [...pairs]
    .map(([name, value]) => [escapeStrictly(name), escapeStrictly(value)] as const)
    .toSorted(([a], [b]) => byCode(a, b))
    .map((pair) => pair.join('='))
    .join('&')

export const acs3Signature = (stringToSign: string, secret: string): string =>
  createHmac('sha256', secret).update(stringToSign, 'utf8').digest('hex')
