/** The log service's fourth signature, `SLS4-HMAC-SHA256 Credential=...,Signature=<hex>` (alibaba-api.md 3.2). */
import { createHash, createHmac } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { byCode, text } from './sign-v1.ts'

export const v4Algorithm = 'SLS4-HMAC-SHA256'
export const hashOfNothing = createHash('sha256').digest('hex')

export interface V4Request {
  readonly method: string
  /** As in the request line, still escaped. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
}

export interface V4Scope {
  /** `yyyymmdd`. */
  readonly day: string
  readonly region: string
}

/** How a value of the query is escaped. */
export type Escape = (value: string) => string

/** As RFC 3986, section 2.3, says. */
export const escapeStrictly: Escape = (value) =>
  encodeURIComponent(value).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** As one client does: only the first plus and the first star are escaped, and none of ! ' ( ). */
export const escapeLoosely: Escape = (value) =>
  encodeURIComponent(value).replace('+', '%20').replace('*', '%2A')

/** The list of signed headers is not sent: they are all of these. */
const isSigned = (name: string): boolean =>
  name === 'host' ||
  name === 'content-type' ||
  name.startsWith('x-acs-') ||
  (name.startsWith('x-log-') && !name.startsWith('x-log-meta-'))

export function v4StringToSign(request: V4Request, scope: V4Scope, escape: Escape): string {
  const { method, path, query, headers } = request
  const names = Object.keys(headers).filter(isSigned).toSorted(byCode)
  const pairs = [...query]
    .toSorted(([a], [b]) => byCode(a, b))
    .map(([name, value]) => (value === '' ? name : `${name}=${escape(value)}`))
  const canonical =
    `${method}\n${path}\n${pairs.join('&')}\n` +
    `${names.map((name) => `${name}:${text(headers[name])}\n`).join('')}\n` +
    `${names.join(';')}\n${text(headers['x-log-content-sha256'])}`
  const hash = createHash('sha256').update(canonical, 'utf8').digest('hex')
  return `${v4Algorithm}\n${text(headers['x-log-date'])}\n${scopeText(scope)}\n${hash}`
}

export const scopeText = ({ day, region }: V4Scope): string =>
  `${day}/${region}/sls/aliyun_v4_request`

const keysMax = 1000
/** By secret and scope; the one that was used longest ago stands first. */
const signingKeys = new Map<string, Buffer>()

function signingKey(secret: string, scope: V4Scope): Buffer {
  const known = signingKeys.get(keyName(secret, scope))
  if (known !== undefined) return known
  let key = hmac(`aliyun_v4${secret}`, scope.day)
  for (const part of [scope.region, 'sls', 'aliyun_v4_request']) key = hmac(key, part)
  return key
}

/**
 * It changes once a day: four of five digests are saved. Only for what was found to be signed by it, so a stranger
 * cannot push the keys in use out.
 */
export function rememberSigningKey(secret: string, scope: V4Scope): void {
  const name = keyName(secret, scope)
  const key = signingKey(secret, scope)
  signingKeys.delete(name)
  if (signingKeys.size >= keysMax) signingKeys.delete(signingKeys.keys().next().value!)
  signingKeys.set(name, key)
}

const keyName = (secret: string, scope: V4Scope): string => `${scopeText(scope)} ${secret}`

const hmac = (key: string | Buffer, value: string): Buffer =>
  createHmac('sha256', key).update(value, 'utf8').digest()

export const v4Signature = (stringToSign: string, secret: string, scope: V4Scope): string =>
  createHmac('sha256', signingKey(secret, scope)).update(stringToSign, 'utf8').digest('hex')
