/** A flow log, its values, and the checks they pass before one is kept. */
import { WeirError } from '../base/errors.ts'
import type { UnixSeconds } from '../base/time.ts'

/** "You can create flow logs to capture traffic at three levels: an ENI, a vSwitch, or a VPC." */
export const resourceTypes = ['VPC', 'VSwitch', 'NetworkInterface'] as const
/** "traffic that is allowed or rejected by access control rules" */
export const trafficTypes = ['All', 'Allow', 'Drop'] as const
/** "Select IPv4 to capture only IPv4 traffic, or select Dual-stack to capture both IPv4 and IPv6 traffic." */
export const ipVersions = ['IPv4', 'DualStack'] as const
/** "You can set the interval to 1, 5, or 10 minutes." */
export const windowLengths = [60, 300, 600] as const
export const flowLogStatuses = ['Active', 'Inactive'] as const

/**
 * "To reduce costs, you can capture traffic from only the following network paths": each with the traffic
 * path codes it keeps (reference alibaba-api.md 1.9, records.md 64).
 */
export const scopePaths = {
  all: undefined,
  internetGateway: [13, 14, 15],
  ipv4Gateway: [13],
  natGateway: [7],
  vpnGateway: [9],
  transitRouter: [8],
  gatewayEndpoint: [6],
  vbr: [10],
  ecr: [21],
  gatewayLoadBalancerEndpoint: [22],
} as const
export type Scope = keyof typeof scopePaths
export const scopes = Object.keys(scopePaths) as readonly Scope[]

export interface FlowLog {
  readonly id: string
  /** May be empty. */
  readonly name: string
  /** May be empty. */
  readonly description: string
  readonly resourceType: (typeof resourceTypes)[number]
  readonly resourceId: string
  readonly trafficType: (typeof trafficTypes)[number]
  readonly ipVersion: (typeof ipVersions)[number]
  readonly windowSeconds: (typeof windowLengths)[number]
  /** In the order they were given; `all` stands alone. */
  readonly scope: readonly Scope[]
  /** Both are empty where its records only ever went to a traffic analyzer. */
  readonly project: string
  readonly logstore: string
  readonly status: (typeof flowLogStatuses)[number]
  readonly createdAt: UnixSeconds
  /** When it was last created, modified, started or stopped. */
  readonly changedAt: UnixSeconds
  /** When it last began to collect. */
  readonly startedAt: UnixSeconds
  /** When it last ended; absent while it is active. */
  readonly stoppedAt?: UnixSeconds
  /** When it was active before its last start, in order, as far as that is not forgotten. */
  readonly earlier: readonly ActivePeriod[]
}

/** From its start to its stop, both seconds included. */
export interface ActivePeriod {
  readonly since: UnixSeconds
  readonly until: UnixSeconds
}

/**
 * Whether the records of a window are due to a flow log for its time: "a flow log has the records of every
 * window that it was active in at any moment".
 *
 * @param window the seconds from `start` to before `start + seconds`
 */
export function activeIn(
  { startedAt, stoppedAt, earlier }: Pick<FlowLog, 'startedAt' | 'stoppedAt' | 'earlier'>,
  { start, seconds }: { readonly start: number; readonly seconds: number },
): boolean {
  const meets = (since: number, until: number): boolean => since < start + seconds && until >= start
  return (
    meets(startedAt, stoppedAt ?? Number.POSITIVE_INFINITY) ||
    earlier.some(({ since, until }) => meets(since, until))
  )
}

/** What a flow log is made of. What is left out is the page's default: all traffic, IPv4, 10 minutes, all scenarios. */
export interface NewFlowLog extends Pick<FlowLog, 'resourceType' | 'resourceId'> {
  /** Both or neither. */
  readonly project?: string
  readonly logstore?: string
  readonly name?: string
  readonly description?: string
  readonly trafficType?: FlowLog['trafficType']
  readonly ipVersion?: FlowLog['ipVersion']
  readonly windowSeconds?: FlowLog['windowSeconds']
  readonly scope?: readonly Scope[]
}

/** What can be changed later (alibaba-api.md 1.4). */
export type FlowLogChange = Partial<
  Pick<FlowLog, 'name' | 'description' | 'ipVersion' | 'windowSeconds'>
>

/** What a customer chooses. */
type FlowLogValues = Required<NewFlowLog>

/** With the page's defaults for what is left out. Throws ParameterInvalid. */
export function completed(wanted: NewFlowLog): FlowLogValues {
  const values: FlowLogValues = {
    name: wanted.name ?? '',
    description: wanted.description ?? '',
    resourceType: wanted.resourceType,
    resourceId: wanted.resourceId,
    trafficType: wanted.trafficType ?? 'All',
    ipVersion: wanted.ipVersion ?? 'IPv4',
    windowSeconds: wanted.windowSeconds ?? 600, // "each capture window (10 minutes by default)"
    scope: [...(wanted.scope ?? ['all'])],
    project: wanted.project ?? '',
    logstore: wanted.logstore ?? '',
  }
  checkValues(values)
  return values
}

/** Characters (alibaba-api.md 1.2). */
const lengthMax = { name: 128, description: 256 } as const

/** Throws ParameterInvalid for the first value that a flow log cannot have. */
export function checkValues(flowLog: FlowLogValues): void {
  checkKnown('resourceType', flowLog.resourceType, resourceTypes)
  checkKnown('trafficType', flowLog.trafficType, trafficTypes)
  checkKnown('ipVersion', flowLog.ipVersion, ipVersions)
  checkKnown('windowSeconds', flowLog.windowSeconds, windowLengths)
  if (flowLog.resourceId === '') throw invalid('resourceId is empty')
  for (const [key, other] of [
    ['project', 'logstore'],
    ['logstore', 'project'],
  ] as const)
    if (flowLog[key] === '' && flowLog[other] !== '') throw invalid(`${key} is empty`)
  checkName(flowLog.name)
  checkDescription(flowLog.description)
  checkScope(flowLog.scope)
}

/** Throws ParameterInvalid. */
export const checkName = (name: string): void => checkText('name', name)

/** Throws ParameterInvalid. */
export const checkDescription = (description: string): void => checkText('description', description)

function checkText(key: keyof typeof lengthMax, text: string): void {
  if (Array.from(text).length > lengthMax[key] || /^https?:\/\//.test(text))
    throw invalid(
      `a ${key} has at most ${lengthMax[key]} characters and does not begin with http:// or https://`,
    )
}

/** Throws ParameterInvalid. */
export function checkScope(scope: readonly string[]): void {
  for (const each of scope) checkKnown('scope', each, scopes)
  if (scope.length === 0) throw invalid('scope is empty', `One or several of ${list(scopes)}.`)
  if (new Set(scope).size < scope.length) throw invalid('a scope is given twice')
  // "Before you make a selection, you must deselect the default All Scenarios option."
  if (scope.includes('all') && scope.length > 1)
    throw invalid('the scope all cannot be combined with others', 'Leave out all.')
}

/** Throws ParameterInvalid, with what is known. */
export function checkKnown(key: string, value: unknown, known: readonly unknown[]): void {
  if (!known.includes(value))
    throw invalid(`unknown ${key} ${JSON.stringify(value)}`, `One of ${list(known)}.`)
}

const list = (values: readonly unknown[]): string => values.join(', ')

const invalid = (message: string, hint?: string): WeirError =>
  new WeirError('ParameterInvalid', message, hint === undefined ? {} : { hint })
