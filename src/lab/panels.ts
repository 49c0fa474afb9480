/**
 * The panels of the product page's use cases: for each the flow logs that the page has one create, on the target
 * it names, into a logstore of its own, and the queries it then asks. A logstore that a second flow log filled
 * too, on a VPC say, would hold east-west traffic twice: once at the sender, once at the receiver.
 */
import { pageQueries } from './page-queries.ts'
import type { ScenarioName } from './scenarios.ts'

/** A flow log in the words of `weir flow-log create`. */
export interface PanelFlowLog {
  readonly target: 'eni' | 'vswitch' | 'vpc'
  readonly id: string
  /** "Sampling Path"; all traffic paths without. */
  readonly path?: 'transitRouter'
}

export interface Panel {
  readonly name: ScenarioName
  readonly title: string
  /** What the page says of the flow log. */
  readonly says: string
  readonly flowLogs: readonly PanelFlowLog[]
  readonly logstore: string
  /** Verbatim. */
  readonly queries: readonly string[]
}

/** The project of the panels' logstores. */
export const panelProject = 'lab'

/** The queries divide by 60: "Divide by the capture window of 1 minute to get the rate in bit/s." */
export const panelWindowSeconds = 60

export const panels: readonly Panel[] = [
  {
    name: 'web',
    title: 'Analyze internet source IPs',
    says: 'For Resource Instance, select the ENI of the web server.',
    flowLogs: [{ target: 'eni', id: 'eni-web1' }],
    logstore: 'web',
    queries: [pageQueries.sourcesOfWeb],
  },
  {
    name: 'ecs',
    title: 'Analyze ECS traffic: intra-VPC traffic',
    says: 'Resource Instance: Select the ECS1 ENI',
    flowLogs: [{ target: 'eni', id: 'eni-ecs1' }],
    logstore: 'ecs',
    queries: [pageQueries.betweenEcs],
  },
  {
    name: 'peering',
    title: 'Analyze ECS traffic: inter-VPC traffic',
    says: 'For Resource Instance, select VPC VPC1.',
    flowLogs: [{ target: 'vpc', id: 'vpc-lab-1' }],
    logstore: 'peering',
    queries: [pageQueries.betweenVpcs],
  },
  {
    name: 'nat',
    title: 'Analyze NAT gateway traffic',
    says: 'For Resource Instance, select the vSwitch2 where the Internet NAT Gateway is located.',
    flowLogs: [{ target: 'vswitch', id: 'vsw-2' }],
    logstore: 'nat',
    queries: [
      pageQueries.toOnePublicAddress,
      pageQueries.fromOnePublicAddress,
      pageQueries.toAllPublicAddresses,
    ],
  },
  {
    name: 'express',
    title: 'Analyze Express Connect traffic ratio',
    says:
      'Create two flow logs and deliver the logs to the same Logstore. For Resource Instance, ' +
      'select VPC VPC1 and VPC2. For Sampling Path, select Transit Router.',
    flowLogs: [
      { target: 'vpc', id: 'vpc-lab-app1', path: 'transitRouter' },
      { target: 'vpc', id: 'vpc-lab-app2', path: 'transitRouter' },
    ],
    logstore: 'express',
    queries: [pageQueries.expressRatio],
  },
]

/** A query of the page with this address where the page has `120.26.XX.XX`. */
export const atAddress = (query: string, address: string): string =>
  query.replaceAll('120.26.XX.XX', address)

/** The command line that creates a flow log of a panel, after `weir`. */
export const createArguments = (
  { logstore, name }: Panel,
  { target, id, path }: PanelFlowLog,
): string[] => [
  'flow-log',
  'create',
  `--${target}`,
  id,
  ...(path === undefined ? [] : ['--path', path]),
  '--window',
  String(panelWindowSeconds),
  '--ip-version',
  'dualstack',
  '--name',
  `lab-${name}`,
  '--project',
  panelProject,
  '--logstore',
  logstore,
  '--create',
]
