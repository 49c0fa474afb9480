/** What the cloud's APIs are given. */
import type { AuditEnd, AuditIntent, Caller, CloudRequest } from '../../access/access.ts'
import type { FlowLogService, Region } from '../../flow-log/flow-log.ts'
import type { EniIdentity } from '../../record/batch.ts'
import type { AnalyzerKeeper } from '../analyzer-contract.ts'
import type { Topology } from '../../vpc/vpc.ts'

export interface CloudThings {
  readonly gate: CloudGate
  /** Where things are that say nothing else: `cn-hangzhou`. */
  readonly region: string
  /** Whose things are that say nothing else; `-` when nobody knows. */
  readonly account: string
  /** Whose alone are looked at; undefined: those of all accounts. */
  readonly owner?: string
  /** Those that requests may name. */
  regions(): readonly CloudRegion[]
  /** The one in force. */
  topology(): Topology | undefined
  /** The network of the sample project, which there is beside interfaces, where no topology is in force. */
  readonly sample: Topology | undefined
  /** What is captured, here and by agents: with a topology it is in that, else this is all that is known. */
  interfaces(): readonly EniIdentity[]
  readonly flowLogs: CloudFlowLogs
  /** Undefined: there are no traffic analyzers here. */
  readonly analyzers?: CloudAnalyzers
}

/** A region by its id and its name. */
export type CloudRegion = Pick<Region, 'id' | 'name'>

export type CloudAnalyzers = Pick<
  AnalyzerKeeper,
  'startRanking' | 'analyzerOfRanking' | 'ranking' | 'metrics'
>

export type CloudFlowLogs = Pick<
  FlowLogService,
  | 'accountOf'
  | 'ownAccount'
  | 'create'
  | 'list'
  | 'get'
  | 'modify'
  | 'activate'
  | 'deactivate'
  | 'delete'
  | 'tag'
  | 'untag'
  | 'tags'
  | 'moveToResourceGroup'
> & {
  readonly prerequisites: Pick<FlowLogService['prerequisites'], 'open' | 'isDone'>
}

export interface CloudGate {
  /** Who signed it. Throws as `verifyCloud` of access/ does. */
  verifyCloud(request: CloudRequest): Caller
  /** Counts a request and its body against limits. Throws WriteQuotaExceed, ReadQuotaExceed, PostBodyTooLarge. */
  take(caller: Pick<Caller, 'keyId' | 'limits'>, bytes: number): void
  /** Writes down what is about to be done. Throws StorageFull, StorageBroken: then it must not be done. */
  begin(intents: readonly Omit<AuditIntent, 'at'>[]): AuditEnd
}
