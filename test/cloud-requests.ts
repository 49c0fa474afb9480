/** Requests of the cloud's RPC APIs as a client signs them, and as no client does. */
import { createHash, createHmac, randomUUID } from 'node:crypto'
import type { ClientKey } from '../src/api/client-key.ts'

export interface CloudAnswer {
  readonly status: number
  readonly type: string
  readonly text: string
}

export interface CloudCall {
  readonly action: string
  readonly version?: string
  readonly parameters?: Readonly<Record<string, string>>
  /** Where the parameters that are no common ones stand. */
  readonly place?: 'query' | 'form'
  readonly common?: Readonly<Record<string, string>>
  readonly time?: Date
}

/** A request as it goes over the wire. */
export interface WireRequest {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const escape = (value: string): string =>
  encodeURIComponent(value).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  )

const joined = (pairs: readonly (readonly [string, string])[]): string =>
  pairs
    .map(([name, value]) => [escape(name), escape(value)] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')

const second = (time: Date): string => time.toISOString().replace(/\.\d+/, '')

/** HMAC-SHA1 of version 1.0, as Terraform sends it unless told: common parameters in the query, the others in the form. */
export function rpcRequest(
  key: ClientKey,
  {
    action,
    version = '2016-04-28',
    parameters = {},
    place = 'form',
    common = {},
    time = new Date(),
  }: CloudCall,
): WireRequest {
  const query: [string, string][] = Object.entries({
    AccessKeyId: key.id,
    Action: action,
    Format: 'JSON',
    SignatureMethod: 'HMAC-SHA1',
    SignatureNonce: randomUUID(),
    SignatureVersion: '1.0',
    Timestamp: second(time),
    Version: version,
    ...common,
  })
  const own = Object.entries(parameters)
  const method = place === 'form' ? 'POST' : 'GET'
  const stringToSign = `${method}&%2F&${escape(joined([...query, ...own]))}`
  const signature = createHmac('sha1', `${key.secret}&`).update(stringToSign).digest('base64')
  query.push(['Signature', signature])
  if (place === 'query') query.push(...own)
  return {
    method,
    target: `/?${joined(query)}`,
    headers: place === 'form' ? { 'content-type': 'application/x-www-form-urlencoded' } : {},
    body: place === 'form' ? joined(own) : '',
  }
}

/** ACS3-HMAC-SHA256, as the Node SDK sends it: all parameters in the query. */
export function acs3Request(
  key: ClientKey,
  host: string,
  { action, version = '2016-04-28', parameters = {}, common = {}, time = new Date() }: CloudCall,
): WireRequest {
  const query = joined(Object.entries(parameters))
  const headers: Record<string, string> = {
    host,
    'x-acs-action': action,
    'x-acs-version': version,
    'x-acs-date': second(time),
    'x-acs-signature-nonce': randomUUID(),
    'x-acs-content-sha256': createHash('sha256').digest('hex'),
    ...common,
  }
  const names = Object.keys(headers).toSorted()
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join('')
  const canonical = `POST\n/\n${query}\n${lines}\n${names.join(';')}\n${headers['x-acs-content-sha256']}`
  const hashed = createHash('sha256').update(canonical).digest('hex')
  const signature = createHmac('sha256', key.secret)
    .update(`ACS3-HMAC-SHA256\n${hashed}`)
    .digest('hex')
  headers['authorization'] =
    `ACS3-HMAC-SHA256 Credential=${key.id},SignedHeaders=${names.join(';')},Signature=${signature}`
  return { method: 'POST', target: `/?${query}`, headers, body: '' }
}

export async function sendWire(url: string, request: WireRequest): Promise<CloudAnswer> {
  const { method, target, headers, body } = request
  const { host: _, ...sent } = headers
  const response = await fetch(`${url}${target}`, {
    method,
    headers: sent,
    ...(body === '' ? {} : { body }),
  })
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    text: await response.text(),
  }
}

/** Sends and reads JSON, without the request's id, which is checked. */
export async function callCloud(url: string, key: ClientKey, call: CloudCall) {
  const { status, text } = await sendWire(url, rpcRequest(key, call))
  const { RequestId, ...body } = JSON.parse(text) as Record<string, unknown>
  if (!/^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/.test(String(RequestId)))
    throw new Error(`no request id in ${text}`)
  return { status, body }
}
