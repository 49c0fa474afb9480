/** The two signatures of the cloud's own APIs, checked (alibaba-api.md 2.2 to 2.5). */
import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { WeirError } from '../base/errors.ts'
import type { Caller } from './caller.ts'
import type { Nonces } from './nonces.ts'
import { acs3Algorithm, acs3Signature, acs3StringToSign } from './sign-acs3.ts'
import { rpcSignature, rpcStringToSign } from './sign-rpc.ts'
import { text } from './sign-v1.ts'
import { same, type SigningKeys } from './verify.ts'

/** With its body: one of the signatures is over the parameters in it. */
export interface CloudRequest {
  readonly method: string
  /** As in the request line, still escaped. */
  readonly path: string
  readonly query: URLSearchParams
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** The parameters that the body holds; none when it is no form. */
  readonly form: URLSearchParams
}

interface Signed {
  readonly keyId: string
  /** As it was sent. */
  readonly time: string
  readonly nonce: string
  readonly stringToSign: string
  readonly signature: string
  readonly expected: (stringToSign: string, secret: string) => string
}

const skewMilliseconds = 15 * 60_000
const nonceLengthMax = 256
/** A message that tells what was signed is for people. */
const toldLengthMax = 4096
const keyIdPattern = /^[\w.@-]{1,128}$/
const acs3Pattern =
  /^ACS3-HMAC-SHA256 Credential=([\w.@-]{1,128}), ?SignedHeaders=([a-z0-9-]+(?:;[a-z0-9-]+)*), ?Signature=([0-9a-f]{64})$/
/** What decides what a request does, and when. */
const mustBeSigned = [
  'host',
  'x-acs-action',
  'x-acs-content-sha256',
  'x-acs-date',
  'x-acs-signature-nonce',
  'x-acs-version',
]

export const isAcs3 = (headers: IncomingHttpHeaders): boolean =>
  text(headers.authorization).startsWith('ACS3-')

/**
 * Who signed a request to an API of the cloud, in either signature; it will not be taken again.
 *
 * @param nowMs Unix milliseconds
 * @throws WeirError MissingParameter, InvalidSignatureMethod, Unauthorized, InvalidAccessKeyId, SignatureNotMatch,
 *   InvalidDateFormat, RequestTimeTooSkewed, SignatureNonceUsed, ReadQuotaExceed
 */
export function verifyCloud(
  request: CloudRequest,
  keys: SigningKeys,
  nonces: Pick<Nonces, 'use'>,
  nowMs: number,
): Caller {
  const signed = isAcs3(request.headers) ? acs3Of(request) : rpcOf(request)
  const { keyId, nonce, stringToSign, signature } = signed
  const at = timeOf(signed.time)
  if (nonce.length > nonceLengthMax)
    throw new WeirError(
      'ParameterInvalid',
      `a signature nonce has at most ${nonceLengthMax} characters`,
    )
  const expected = signed.expected(stringToSign, keys.secretOf(keyId))
  if (!same(expected, signature)) throw notMatched(stringToSign)
  if (Math.abs(nowMs - at) > skewMilliseconds)
    throw new WeirError('RequestTimeTooSkewed', 'Specified time stamp or date value is expired.')
  // As long as the request itself would be taken, and a quarter of an hour at least.
  nonces.use(keyId, nonce, Math.max(nowMs, at) + skewMilliseconds, nowMs)
  return keys.caller(keyId)
}

function acs3Of(request: CloudRequest): Signed {
  const { headers, body } = request
  const [, keyId, list, signature] = acs3Pattern.exec(text(headers.authorization)) ?? []
  if (keyId === undefined || list === undefined || signature === undefined)
    throw new WeirError('IncompleteSignature', 'the authorization header cannot be read', {
      hint: `It is ${acs3Algorithm} Credential=KEY,SignedHeaders=NAMES,Signature=HEX`,
    })
  const signedHeaders = list.split(';')
  for (const name of mustBeSigned) if (text(headers[name]) === '') throw missing(name)
  const unsigned = [...mustBeSigned, ...(body.length > 0 ? ['content-type'] : [])].find(
    (name) => !signedHeaders.includes(name),
  )
  if (unsigned !== undefined)
    throw new WeirError('IncompleteSignature', `the header ${unsigned} must be signed`)
  const bodyHash = text(headers['x-acs-content-sha256'])
  const stringToSign = acs3StringToSign({ ...request, signedHeaders })
  if (!same(bodyHash, hash('sha256', body)))
    throw new WeirError('SignatureNotMatch', 'the body is not the one that was signed', {
      place: 'header x-acs-content-sha256',
    })
  return {
    keyId,
    time: text(headers['x-acs-date']),
    nonce: text(headers['x-acs-signature-nonce']),
    stringToSign,
    signature,
    expected: acs3Signature,
  }
}

function rpcOf({ method, query, form }: CloudRequest): Signed {
  const pairs = [...query, ...form]
  const given = new Map(pairs)
  const value = (name: string): string => {
    const found = given.get(name) ?? ''
    if (found === '') throw missing(name)
    return found
  }
  if ((given.get('SignatureType') ?? '') !== '')
    throw new WeirError('InvalidSignatureMethod', 'a SignatureType is not supported')
  const keyId = value('AccessKeyId')
  const signature = value('Signature')
  for (const [name, only] of [
    ['SignatureMethod', 'HMAC-SHA1'],
    ['SignatureVersion', '1.0'],
  ] as const)
    if (value(name) !== only)
      throw new WeirError('InvalidSignatureMethod', `${name} must be ${only}.`)
  if (!keyIdPattern.test(keyId))
    throw new WeirError('InvalidAccessKeyId', 'Specified access key is not found.')
  return {
    keyId,
    time: value('Timestamp'),
    nonce: value('SignatureNonce'),
    stringToSign: rpcStringToSign(method, pairs),
    signature,
    expected: rpcSignature,
  }
}

const missing = (name: string): WeirError =>
  new WeirError(
    'MissingParameter',
    `The input parameter "${name}" that is mandatory for processing this request is not supplied.`,
  )

/** The Go client looks for the words before the text (alibaba-api.md 2.6). */
const notMatched = (stringToSign: string): WeirError =>
  new WeirError(
    'SignatureNotMatch',
    `Specified signature is not matched with our calculation. server string to sign is:${stringToSign.slice(0, toldLengthMax)}`,
  )

function timeOf(time: string): number {
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(time) ? Date.parse(time) : Number.NaN
  if (!Number.isNaN(at)) return at
  throw new WeirError(
    'InvalidDateFormat',
    'Specified time stamp or date value is not well formatted.',
    {
      hint: 'It is in UTC, as 2026-11-22T14:00:00Z',
    },
  )
}
