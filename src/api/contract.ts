/** What travels between Weir's own routes and their callers: JSON bodies, and nothing that runs. */
import type { AuditEntry, KeyEntry, KeyLimits, LimitsChange, Permission } from '../access/access.ts'
import type { FlowLog, FlowLogEdit, FlowLogResource, Tag } from '../flow-log/flow-log.ts'
import type { KeptLoss, Ledger, Loss } from '../ledger/ledger.ts'
import type { Damage, LogstoreAccount } from '../logstore/logstore.ts'
import type { EniIdentity } from '../record/batch.ts'
import type { Explanation, Question } from '../vpc/vpc.ts'

/** The answer of POST /weir/v1/explain. */
export type { Explanation }

/** The body of POST /weir/v1/query. */
export interface QueryRequest {
  readonly project: string
  readonly logstore: string
  /** `search | SQL`. */
  readonly query: string
  /** Unix seconds, `from <= __time__ < to`; without them everything stored. */
  readonly from?: number
  readonly to?: number
  /** For a search without SQL: how many rows, and from which on. */
  readonly line?: number
  readonly offset?: number
  /** For a search without SQL: newest first. */
  readonly reverse?: boolean
  /** The time zone that dates are read and written in, such as Asia/Shanghai. */
  readonly zone?: string
}

export interface QueryColumn {
  readonly name: string
  /** As SQL names it: bigint, double, varchar ... */
  readonly type: string
}

export interface QueryAnswer {
  readonly columns: readonly QueryColumn[]
  /** Values as text, as the log service prints them; an absent one is null. */
  readonly rows: readonly (readonly (string | null)[])[]
  /** Whether the query had a SQL part. */
  readonly hasSql: boolean
  /** "An answer is exact or says what is missing": then `missing` or `cut` does. */
  readonly exact: boolean
  /** Damaged segments that were left out: their share of the rows of the range, and where they lie, in Unix seconds. */
  readonly missing?: {
    readonly share: number
    readonly ranges: readonly { readonly from: number; readonly to: number }[]
  }
  /** The cap that left out rows which were asked for. */
  readonly cut?: 'rows' | 'characters'
  /** Rows and files that were read, whether or not they matched. */
  readonly scannedRows: number
  readonly scannedFiles: number
  readonly elapsedMs: number
  /** Whether there are more rows: the default LIMIT, the page or a cap left them out. */
  readonly limited: boolean
}

/** The body of POST /weir/v1/keys. */
export interface KeyRequest {
  readonly name: string
  /** The short form of a policy. */
  readonly permissions?: readonly Permission[]
  readonly policy?: object
  readonly limits?: KeyLimits
  /** Unix seconds. */
  readonly expiresAt?: number
  /** It touches nothing of another account; of all accounts unless told. */
  readonly account?: string
}

/** The body of PATCH /weir/v1/keys/ID. */
export type KeyChange = Partial<Omit<KeyRequest, 'expiresAt' | 'account' | 'limits'>> & {
  readonly enabled?: boolean
  /** What is left out stays. */
  readonly limits?: LimitsChange
}

/** The answer of POST /weir/v1/master-key. */
export interface MasterKeyAnswer {
  /** Where the server keeps the old one: backups from before need it. */
  readonly kept: string
}

/** The answer of POST /weir/v1/keys: the only time the secret is told. */
export interface NewKeyAnswer {
  readonly id: string
  readonly secret: string
}

export type KeyAnswer = Omit<KeyEntry, 'usedAt'> & { readonly usedAt?: number }

/** The answer of GET /weir/v1/keys. */
export interface KeysAnswer {
  readonly keys: readonly KeyAnswer[]
}

/** The answer of GET /weir/v1/audit, the latest first. */
export interface AuditAnswer {
  readonly entries: readonly AuditEntry[]
}

export interface LogstoreEntry {
  readonly name: string
  readonly rows: number
  readonly ttlDays: number
}

export interface ProjectEntry {
  readonly name: string
  readonly description: string
  readonly labels: Readonly<Record<string, string>>
  readonly logstores: readonly LogstoreEntry[]
}

/** The answer of GET /weir/v1/projects. */
export interface ProjectsAnswer {
  readonly projects: readonly ProjectEntry[]
}

/** The answer of POST /weir/v1/records. */
export interface RecordsAnswer {
  readonly rows: number
  /** False when this batch was stored before: the same flow log, run and number. */
  readonly stored: boolean
}

/** The body of POST /weir/v1/flow-logs: what a flow log is made of. What is left out is the page's default. */
export interface FlowLogRequest {
  /** At most 128 characters. */
  readonly name?: string
  /** At most 256 characters. */
  readonly description?: string
  readonly resourceType: 'VPC' | 'VSwitch' | 'NetworkInterface'
  readonly resourceId: string
  readonly trafficType?: 'All' | 'Allow' | 'Drop'
  readonly ipVersion?: 'IPv4' | 'DualStack'
  readonly windowSeconds?: 60 | 300 | 600
  /** `all`, or the traffic paths that are wanted by name: natGateway, vbr ... */
  readonly scope?: readonly FlowLogScope[]
  /** Both, or neither where records go to an analyzer alone. */
  readonly project?: string
  readonly logstore?: string
  /** A traffic analyzer, whose interval is not shorter than the window. */
  readonly analyzer?: string
  /** Makes project and logstore when they are not there. */
  readonly createMissing?: boolean
  /** "Enable Log Analysis Report": the index of flow logs, and 7 days to keep records. */
  readonly analysisReport?: boolean
}

export type FlowLogScope =
  | 'all'
  | 'internetGateway'
  | 'ipv4Gateway'
  | 'natGateway'
  | 'vpnGateway'
  | 'transitRouter'
  | 'gatewayEndpoint'
  | 'vbr'
  | 'ecr'
  | 'gatewayLoadBalancerEndpoint'

/** The body of PATCH /weir/v1/flow-logs/:id: what a flow log can change, one or several. */
export type FlowLogPatch = Partial<
  Pick<FlowLogRequest, 'name' | 'description' | 'ipVersion' | 'windowSeconds'>
>

/** The answer of the routes of one flow log. Times are Unix seconds. */
export interface FlowLogEntry extends Required<
  Omit<FlowLogRequest, 'createMissing' | 'analysisReport' | 'analyzer'>
> {
  readonly id: string
  /** While an order is under way: `Activating` ... */
  readonly status: FlowLogResource['status']
  readonly region: string
  readonly account: string
  readonly resourceGroup: string
  readonly tags: readonly Tag[]
  readonly businessStatus: FlowLogResource['businessStatus']
  /** False where there is no logstore, or delivery to it was switched off, for good. */
  readonly delivers: boolean
  readonly deliverStatus: FlowLogResource['deliverStatus']
  /** Empty while records arrive. */
  readonly deliverError: string
  /** The traffic analyzer that gets its records. */
  readonly analyzer?: string
  readonly serviceType: string
  readonly createdAt: number
  /** When it was last created, modified, started or stopped. */
  readonly changedAt: number
  /** When it last began to collect. */
  readonly startedAt: number
  /** When it last ended; absent while it is active. */
  readonly stoppedAt?: number
}

/** The query of GET /weir/v1/flow-logs: only those that have each of these values. */
export type FlowLogFilter = Partial<
  Pick<FlowLogEntry, 'resourceType' | 'resourceId' | 'status' | 'project' | 'logstore'>
>

/** The answer of GET /weir/v1/flow-logs/:id/history, the oldest first. */
export interface FlowLogHistoryAnswer {
  readonly edits: readonly FlowLogEdit[]
}

/** The answer of GET /weir/v1/flow-logs, the oldest first. */
export interface FlowLogsAnswer {
  readonly flowLogs: readonly FlowLogEntry[]
}

/** The body of POST /weir/v1/explain. */
export interface ExplainRequest extends Question {
  /** With the topology in force at this time, Unix seconds; with the newest unless told. */
  readonly at?: number
}

/** The query string of GET /weir/v1/ledger: which taps, and losses of which time, Unix seconds, `from <= t < to`. */
export interface LedgerRequest {
  readonly eni?: string
  readonly host?: string
  readonly from?: number
  readonly to?: number
}

/** The answer of GET /weir/v1/ledger. */
export interface LedgerAnswer {
  readonly ledgers: readonly Ledger[]
  readonly losses: readonly KeptLoss[]
}

/** The answer of GET /weir/v1/store-check: every file of the log store was read again. */
export interface StoreCheckAnswer {
  /** Segments and log files that were read. */
  readonly files: number
  readonly logBytes: number
  readonly logstores: readonly LogstoreAccount[]
  readonly damages: readonly Damage[]
}

/** The answer of GET /healthz. */
export interface HealthAnswer {
  readonly status: 'ok' | 'failing'
  /** A sentence each. */
  readonly problems: readonly string[]
}

/** The body of every reply that is an error. */
export interface ErrorBody {
  readonly code: string
  readonly message: string
  readonly place?: string
  readonly hint?: string
  readonly requestId: string
}

/** One tap of an agent's host. */
export interface AgentTap {
  readonly eni: EniIdentity
  /** `eth0`, or `NAMESPACE/eth0`. */
  readonly tap: string
  readonly state: 'capturing' | 'opening' | 'shed' | 'absent' | 'failed' | 'not ordered'
  readonly reason?: string
  /** CPU seconds a second of its thread. */
  readonly cpu: number
}

/** The body of POST /weir/v1/agents/NAME/report: what an agent says of itself, each second. */
export interface AgentReport {
  /** Another one at each start of the agent: two agents of one name are noticed by it. */
  readonly run: string
  readonly version: string
  readonly hostname: string
  readonly interfaces: readonly { readonly name: string; readonly addresses: readonly string[] }[]
  readonly taps: readonly AgentTap[]
  /** Accounts and losses of its taps, as far as they changed since a report that was answered. */
  readonly accounts: readonly {
    readonly ledger: Ledger
    readonly losses: readonly Loss[]
  }[]
  readonly spool: {
    readonly windows: number
    readonly bytes: number
    /** When the oldest window that waits was closed, Unix seconds. */
    readonly oldest?: number
    readonly full: boolean
  }
  /** CPU seconds a second of the whole process, and what it may use. */
  readonly cpu: number
  readonly cpuBudget?: number
  readonly problems: readonly string[]
  /** The revision of the orders that it has. */
  readonly revision?: string
}

/** The answer to a report. Orders are left out when the agent has them. */
export interface AgentOrdersAnswer {
  readonly revision: string
  readonly orders?: {
    readonly flowLogs: readonly FlowLog[]
    /** null: the server has none, and an agent's interfaces are ENIs by themselves. */
    readonly topology: {
      readonly file: string
      readonly text: string
      readonly version: number
      readonly since: number
    } | null
  }
}

/** One agent, in the answer of GET /weir/v1/agents. */
export interface AgentEntry extends Omit<AgentReport, 'accounts' | 'revision'> {
  readonly name: string
  readonly address: string
  /** Unix seconds. */
  readonly firstSeen: number
  readonly lastSeen: number
}

/** The answer of GET /weir/v1/agents. */
export interface AgentsAnswer {
  readonly agents: readonly AgentEntry[]
}
