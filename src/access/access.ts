/**
 * access/: who may do what. It knows no resource, only their names.
 *
 *   access-keys.ts   AccessKeys and their encrypted secrets (master-key.ts), in SQLite
 *   policy.ts        what a key may do: documents of statements
 *   verify.ts        who signed a request (sign-v1.ts, sign-v4.ts); also the signer of Weir's own commands
 *   audit-log.ts     every change, and who made it
 *   rate-limits.ts   requests and bytes a second of a key
 */
export { AccessKeys, type KeyEntry, type NewKey } from './access-keys.ts'
export { type AuditEntry, AuditLog, type AuditQuery } from './audit-log.ts'
export type { Caller } from './caller.ts'
export { type MasterKey, openMasterKey } from './master-key.ts'
export {
  type Permission,
  type PermissionLevel,
  permissionLevels,
  type Policy,
  parsePolicy,
  policyOf,
} from './policy.ts'
export { type KeyLimits, RateLimits } from './rate-limits.ts'
export {
  assertSignedBody,
  type ClientRequest,
  type SignedRequest,
  signLogService,
  verifyLogService,
} from './verify.ts'
