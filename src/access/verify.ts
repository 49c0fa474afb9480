/** The two signatures of the log service, checked; and the signer of Weir's own commands. */
import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { WeirError } from '../base/errors.ts'
import type { AccessKeys } from './access-keys.ts'
import type { Caller } from './caller.ts'
import { text, v1Signature, v1StringToSign } from './sign-v1.ts'
import {
  escapeLoosely,
  escapeStrictly,
  hashOfNothing,
  rememberSigningKey,
  scopeText,
  v4Algorithm,
  v4Signature,
  v4StringToSign,
} from './sign-v4.ts'

/** Without its body, which the headers name by its hash: `assertSignedBody` looks at that when it has come. */
export interface SignedRequest {
  readonly method: string
  /** Path and query exactly as they were sent. */
  readonly url: string
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
}

export type SigningKeys = Pick<AccessKeys, 'secretOf' | 'caller'>

const skewMilliseconds = 15 * 60_000
const v1Pattern = /^LOG ([\w.@-]{1,128}):([A-Za-z0-9+/=]{1,128})$/
const v4Pattern =
  /^SLS4-HMAC-SHA256 Credential=([\w.@-]{1,128})\/(\d{8})\/([\w-]{1,64})\/sls\/aliyun_v4_request, ?Signature=([0-9a-f]{64})$/

export const unreadable = (): WeirError =>
  new WeirError('Unauthorized', 'the authorization header is of no kind this server reads', {
    place: 'header authorization',
  })

/** `authorization` is `LOG KEY:SIGNATURE`. */
export function verifyV1(
  { method, url, headers }: SignedRequest,
  authorization: string,
  keys: SigningKeys,
  nowMs: number,
): Caller {
  const [, id, signature] = v1Pattern.exec(authorization) ?? []
  if (authorization.startsWith('LOG :'))
    throw new WeirError('MissAccessKeyId', 'the authorization header names no AccessKeyId')
  if (id === undefined || signature === undefined) throw unreadable()
  const named = text(headers['x-log-signaturemethod'])
  if (named === '')
    throw new WeirError('MissingSignatureMethod', 'x-log-signaturemethod is missing.')
  if (named !== 'hmac-sha1' && named !== 'hmac-sha256')
    throw new WeirError('InvalidSignatureMethod', `signature method ${named} is not supported.`)
  const secret = keys.secretOf(id)
  const dates = [text(headers.date), text(headers['x-log-date'])].filter((each) => each !== '')
  if (dates.length === 0) throw new WeirError('MissingDate', 'Date is missing.')
  const times = dates.map(rfc1123)
  const parts = partsOf(url)
  // One client adds x-log-date unsigned, and browsers cannot send Date: whichever was signed is the time.
  const signed = dates.findIndex((date) =>
    (['=', ''] as const).some((empty) =>
      same(
        v1Signature(v1StringToSign({ method, ...parts, headers, date, empty }), secret, named),
        signature,
      ),
    ),
  )
  if (signed === -1 || isAmbiguous(parts.query)) throw notMatched(signature)
  checkTime(times[signed]!, nowMs)
  return keys.caller(id)
}

/** `authorization` is `SLS4-HMAC-SHA256 Credential=...,Signature=...`. */
export function verifyV4(
  { method, url, headers }: SignedRequest,
  authorization: string,
  keys: SigningKeys,
  nowMs: number,
): Caller {
  const [, id, day, region, signature] = v4Pattern.exec(authorization) ?? []
  if (id === undefined || day === undefined || region === undefined || signature === undefined)
    throw unreadable()
  const scope = { day, region }
  const secret = keys.secretOf(id)
  const date = text(headers['x-log-date'])
  if (date === '') throw new WeirError('MissingDate', 'x-log-date is missing.')
  checkTime(basicTime(date), nowMs)
  if (!date.startsWith(day) || !/^[0-9a-f]{64}$/.test(text(headers['x-log-content-sha256'])))
    throw notMatched(signature)
  const request = { method, headers, ...partsOf(url) }
  const isSigned = [escapeStrictly, escapeLoosely].some((escape) =>
    same(v4Signature(v4StringToSign(request, scope, escape), secret, scope), signature),
  )
  if (!isSigned || isAmbiguous(request.query)) throw notMatched(signature)
  rememberSigningKey(secret, scope)
  return keys.caller(id)
}

/**
 * What is signed holds names as they are after decoding, so `a%3D1` would pass for `a=1`, and drop a parameter: no
 * parameter of the service has such a name.
 */
const isAmbiguous = (query: URLSearchParams): boolean =>
  [...query.keys()].some((name) => /[=&]/.test(name))

const notMatched = (signature: string): WeirError =>
  new WeirError('SignatureNotMatch', `Signature ${signature} is not matched.`)

/** Takes the same time whatever differs. */
export function same(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)]
  return x.length === y.length && timingSafeEqual(x, y)
}

/** A plus in the query is a space, as clients send it. */
function partsOf(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const mark = url.indexOf('?')
  if (mark === -1) return { path: url, query: new URLSearchParams() }
  return { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) }
}

function rfc1123(date: string): number {
  const at = /^[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(date)
    ? Date.parse(date)
    : Number.NaN
  if (!Number.isNaN(at)) return at
  throw new WeirError('InvalidDateFormat', `Date ${date} must follow RFC822.`)
}

function basicTime(date: string): number {
  const at = basicPattern.test(date)
    ? Date.parse(date.replace(basicPattern, '$1-$2-$3T$4:$5:$6Z'))
    : Number.NaN
  if (!Number.isNaN(at)) return at
  throw new WeirError('InvalidDateFormat', `x-log-date ${date} must be like 20261122T140058Z.`)
}

const basicPattern = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/

function checkTime(at: number, nowMs: number): void {
  if (Math.abs(nowMs - at) <= skewMilliseconds) return
  throw new WeirError(
    'RequestTimeTooSkewed',
    'Request time exceeds server time more than 15 minutes.',
  )
}

/**
 * Whether a body is the one that was signed. Version 1 signs the MD5 of a body that is not empty. In version 4 a client
 * may sign the hash of an empty body on purpose; where that is not let pass, `strict`.
 *
 * @param body as it came, compressed
 * @throws WeirError SignatureNotMatch
 */
export function assertSignedBody(headers: IncomingHttpHeaders, body: Buffer, strict = false): void {
  const isV1 = text(headers.authorization).startsWith('LOG ')
  const name = isV1 ? 'content-md5' : 'x-log-content-sha256'
  const given = text(headers[name])
  if (body.length === 0 && isV1 && given === '') return
  if (!isV1 && !strict && given === hashOfNothing) return
  if (given === (isV1 ? hash('md5', body).toUpperCase() : hash('sha256', body))) return
  throw new WeirError('SignatureNotMatch', 'the body is not the one that was signed', {
    place: `header ${name}`,
  })
}

/** A request that is going to be sent. */
export interface ClientRequest {
  readonly method: string
  /** Path and query as they are sent. */
  readonly url: string
  /** Host and port, as the Host header is sent. */
  readonly host: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** @returns the headers to send besides: version 4, of the region `weir` unless told */
export function signLogService(
  { method, url, host, headers, body }: ClientRequest,
  key: { readonly id: string; readonly secret: string },
  now: Date,
  region = 'weir',
): Record<string, string> {
  const date = now.toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = { day: date.slice(0, 8), region }
  const own = {
    'x-log-date': date,
    'x-log-content-sha256': hash('sha256', body),
  }
  const request = { method, headers: { ...headers, ...own, host }, ...partsOf(url) }
  const signature = v4Signature(v4StringToSign(request, scope, escapeStrictly), key.secret, scope)
  const credential = `${key.id}/${scopeText(scope)}`
  return {
    ...own,
    authorization: `${v4Algorithm} Credential=${credential},Signature=${signature}`,
  }
}
