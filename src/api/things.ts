/** What the API asks: the things the program hands in. Each says only what a route needs of it. */
import type { Registry } from 'prom-client'
import type { AccessKeys, AuditLog } from '../access/access.ts'
import type { Log } from '../base/log.ts'
import type {
  FlowLogChange,
  FlowLogEdit,
  FlowLogResource,
  NewFlowLog,
  Prerequisites,
  Quotas,
} from '../flow-log/flow-log.ts'
import type { LedgerBook } from '../ledger/ledger.ts'
import type { AnalyzerKeeper } from './analyzer-contract.ts'
import type { BillKeeper } from './billing-contract.ts'
import type { LogServiceGate } from './log-service/things.ts'
import type { LogStore } from '../logstore/logstore.ts'
import type { TopologyVersions } from '../vpc/vpc.ts'
import type { CloudThings } from './cloud/cloud.ts'
import type { LogServiceThings } from './log-service/log-service.ts'
import type {
  AgentEntry,
  AgentOrdersAnswer,
  AgentReport,
  ExplainRequest,
  Explanation,
  QueryAnswer,
  QueryRequest,
} from './contract.ts'

export interface ApiThings {
  readonly query: QueryRunner
  readonly store: RecordStore
  readonly sample: SampleKeeper
  readonly flowLogs: FlowLogKeeper
  readonly ledger: LedgerReader
  readonly agents: AgentKeeper
  /**
   * Why a packet is accepted or rejected, by the topology that was in force. Throws WeirError NotFound when there
   * is none, ParameterInvalid for a question that is none.
   */
  readonly explain: (request: ExplainRequest) => Promise<Explanation>
  readonly topology: Pick<TopologyVersions, 'list' | 'textOf'>
  /** Undefined: nothing is billed here. */
  readonly billing?: BillKeeper
  /** Undefined: this server has no traffic analyzers. */
  readonly analyzers?: AnalyzerKeeper
  /** Undefined: this server has no log service. */
  readonly logService?: LogServiceThings
  /** Undefined: this server has none of the cloud's RPC APIs. */
  readonly cloud?: CloudThings
  /** What is broken now, a sentence each; none when all is well. /healthz asks. */
  readonly problems: () => readonly string[]
  readonly access: AccessGate
  /** Where the data are, for programs of this machine. */
  readonly dataDir: string
  readonly log: Log
  /** Where the counters of the API join those of the other parts; /metrics prints it all. */
  readonly metrics: Registry
}

/** Who may ask, and what is written down of it. */
export interface AccessGate extends LogServiceGate {
  readonly keys: AccessKeys
  readonly audit: Pick<AuditLog, 'list'>
  /** @returns where the old one is kept. Throws ParameterInvalid when it is in the environment. */
  changeMasterKey(): string
}

/** A `QueryEngine`. */
export interface QueryRunner {
  /**
   * Runs `search | SQL`. Throws WeirError of the Query codes, InvalidTimeRange, ProjectNotExist,
   * LogStoreNotExist; QueryCancelled once `signal` aborts.
   */
  run(request: RangedQuery, signal: AbortSignal): Promise<QueryAnswer>
}

export type RangedQuery = QueryRequest & {
  readonly from: number
  readonly to: number
  /** Other logstores of the project that SQL may name. */
  readonly stores?: readonly { readonly name: string }[]
}

export type RecordStore = Pick<
  LogStore,
  'projects' | 'logstores' | 'lease' | 'append' | 'verify' | 'accounts' | 'stats'
>

/** The accounts of all taps. */
export type LedgerReader = Pick<LedgerBook, 'ledgers' | 'losses'>

export interface SampleKeeper {
  /** Makes the sample project anew, its hour ending at the last full one. */
  add(): Promise<void>
  /** Removes the sample project with all it holds. Throws ProjectNotExist. */
  remove(): Promise<void>
}

/**
 * The flow logs of a server: what is ordered here is captured. Changes answer when capture has taken the order. All but
 * `list` throw FlowLogNotExist, and changes throw as those of `FlowLogService`. `by` is who asks, an AccessKey's id.
 */
export interface FlowLogKeeper {
  /**
   * Collects from now on. ProjectNotExist and LogStoreNotExist are not thrown with `createMissing`, which makes project and logstore. `analysisReport` gives the logstore the index of
   * flow logs and 7 days to keep them, as the page says of "Enable Log Analysis Report".
   */
  create(
    wanted: NewFlowLog & { readonly analyzer?: string },
    options: { readonly createMissing?: boolean; readonly analysisReport?: boolean },
    by: string,
  ): Promise<FlowLogResource>
  /** A logstore for flow log records, and its project, where there is none yet. Throws ParameterInvalid as `create`. */
  makeLogstore(project: string, logstore: string): Promise<void>
  /** The oldest first. */
  list(): readonly FlowLogResource[]
  get(id: string): FlowLogResource
  modify(id: string, change: FlowLogChange, by: string): Promise<FlowLogResource>
  start(id: string, by: string): Promise<FlowLogResource>
  stop(id: string, by: string): Promise<FlowLogResource>
  /** Records that were collected stay. */
  delete(id: string, by: string): Promise<void>
  /** Delivers to its logstore no more, for good; one with an analyzer goes on for that. */
  disableDelivery(id: string, by: string): Promise<FlowLogResource>
  /** @param analyzer undefined: none */
  attachAnalyzer(id: string, analyzer: string | undefined, by: string): FlowLogResource
  /** Also of one that is deleted. */
  history(id: string): readonly FlowLogEdit[]
  /** Whose a target is; undefined: there is none such. */
  accountOf(target: Pick<FlowLogResource, 'resourceType' | 'resourceId'>): string | undefined
  /** Whose things are that say nothing else. */
  ownAccount(): string
  readonly quotas: Pick<Quotas, 'list' | 'set'>
  readonly prerequisites: Pick<Prerequisites, 'list' | 'fulfil'>
}

/** The capture agents of other hosts. */
export interface AgentKeeper {
  /**
   * Takes in what an agent says of itself, and says what it is to do. Throws AgentNotAllowed while another agent of
   * the same name is there.
   */
  report(name: string, address: string, report: AgentReport): AgentOrdersAnswer
  /** By name. */
  list(): readonly AgentEntry[]
}
