/** What the log service's routes are given. */
import type { AuditEnd, AuditIntent, Caller, SignedRequest } from '../../access/access.ts'
import type { LogStore } from '../../logstore/logstore.ts'
import type { LogServiceRoute } from './route.ts'

export interface LogServiceThings {
  readonly store: LogStore
  readonly gate: LogServiceGate
  /** Where projects say they are: `cn-hangzhou`. */
  readonly region: string
  /** The account that projects say they belong to. */
  readonly account: string
  /** Names of this server, lower case and without port: `localhost`, `sls.example.com`. A project's host is a label before one. */
  readonly endpoints: readonly string[]
  /** Routes besides those of projects, logstores and indexes. */
  readonly routes: readonly LogServiceRoute[]
}

export interface LogServiceGate {
  /** Who signed it. Throws the log service's codes for a signature that does not hold. */
  verify(request: SignedRequest): Caller
  /** Counts a request and its body against limits. Throws WriteQuotaExceed, ReadQuotaExceed, PostBodyTooLarge. */
  take(caller: Pick<Caller, 'keyId' | 'limits'>, bytes: number): void
  /** Writes down what is about to be done. Throws StorageFull, StorageBroken: then it must not be done. */
  begin(intents: readonly Omit<AuditIntent, 'at'>[]): AuditEnd
}
