/** The signature of the cloud's APIs in a parameter, HMAC-SHA1 of version 1.0 (alibaba-api.md 2.4). */
import { createHmac } from 'node:crypto'
import { canonicalQuery } from './sign-acs3.ts'
import { escapeStrictly } from './sign-v4.ts'

/** @param pairs all parameters of query and form, decoded; the signature itself is left out */
export function rpcStringToSign(
  method: string,
  pairs: readonly (readonly [name: string, value: string])[],
): string {
  const signed = canonicalQuery(pairs.filter(([name]) => name !== 'Signature'))
  return `${method}&%2F&${escapeStrictly(signed)}`
}

export const rpcSignature = (stringToSign: string, secret: string): string =>
  createHmac('sha1', `${secret}&`).update(stringToSign, 'utf8').digest('base64')
