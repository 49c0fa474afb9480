/**
 * access/: who may do what. It knows no resource, only their names.
 *
 *   access-keys.ts   AccessKeys and their encrypted secrets (master-key.ts, changed by rewrap.ts), in SQLite
 *   policy.ts        what a key may do: documents of statements
 *   verify.ts        the signatures of the log service (sign-v1.ts, sign-v4.ts); also the signer of Weir's own commands
 *   verify-cloud.ts  the signatures of the cloud's other APIs (sign-acs3.ts, sign-rpc.ts), each taken once (nonces.ts)
 *   audit-log.ts     every change, and who made it
 *   rate-limits.ts   requests and bytes a second of a key
 */
import { WeirError } from '../base/errors.ts'
import type { Caller } from './caller.ts'
import { text } from './sign-v1.ts'
import { v4Algorithm } from './sign-v4.ts'
import { type SignedRequest, type SigningKeys, unreadable, verifyV1, verifyV4 } from './verify.ts'

export { AccessKeys, type KeyEntry, type NewKey } from './access-keys.ts'
export {
  type AuditEnd,
  type AuditEntry,
  type AuditIntent,
  AuditLog,
  type AuditQuery,
} from './audit-log.ts'
export type { Caller } from './caller.ts'
export { type MasterKey, openMasterKey } from './master-key.ts'
export { Nonces } from './nonces.ts'
export {
  allows,
  type Permission,
  type PermissionLevel,
  permissionLevels,
  type Policy,
  parsePolicy,
  policyOf,
} from './policy.ts'
export { type KeyLimits, type LimitsChange, RateLimits } from './rate-limits.ts'
export { changeMasterKey, openKeys } from './rewrap.ts'
export {
  assertSignedBody,
  type ClientRequest,
  type SignedRequest,
  signLogService,
} from './verify.ts'
export { type CloudRequest, isAcs3, verifyCloud } from './verify-cloud.ts'

const authorizationLengthMax = 1024

/**
 * Who signed a request of the log service, in either of its signatures.
 *
 * @param nowMs Unix milliseconds
 * @throws WeirError Unauthorized, InvalidAccessKeyId, SignatureNotMatch, RequestTimeTooSkewed, MissingDate,
 *   InvalidDateFormat, MissingSignatureMethod, InvalidSignatureMethod
 */
export function verifyLogService(request: SignedRequest, keys: SigningKeys, nowMs: number): Caller {
  const authorization = text(request.headers.authorization)
  if (authorization === '')
    throw new WeirError('Unauthorized', 'the request is not signed', {
      hint: 'Sign it with an AccessKey: commands take one by --key-file FILE, or find that of a server whose data they may read',
    })
  if (authorization.length > authorizationLengthMax) throw unreadable()
  if (authorization.startsWith('LOG ')) return verifyV1(request, authorization, keys, nowMs)
  if (authorization.startsWith(`${v4Algorithm} `))
    return verifyV4(request, authorization, keys, nowMs)
  throw unreadable()
}
