/** Flow logs of a server as a resource of the cloud, with what the topology, the log store and bills know of them. */
import { WeirError } from '../base/errors.ts'
import { type FlowLogs, FlowLogService, type FlowLogServiceThings } from '../flow-log/flow-log.ts'
import type { Topology } from '../vpc/vpc.ts'
import {
  checkLogstore,
  checkResource,
  type KnownResources,
  type Logstores,
} from './flow-log-keeper.ts'
import { accountOfFlowLog } from './overdue-effects.ts'

export interface FlowLogParts extends Pick<FlowLogServiceThings, 'placeOf' | 'prerequisitesDone'> {
  readonly flowLogs: FlowLogs
  readonly store: Logstores
  /** Asked at each creation, since topologies and interfaces change. */
  readonly known: () => KnownResources
  /** Undefined: there are no analyzers. */
  readonly checkAnalyzer?: FlowLogServiceThings['checkAnalyzer']
  /** Undefined: nobody has to pay. */
  readonly checkPaid?: FlowLogServiceThings['checkPaid']
  /** Undefined: orders are taken when they are on disk. */
  readonly taken?: FlowLogServiceThings['taken']
  /** Why no records are delivered now, a sentence. */
  readonly waitsFor?: () => string | undefined
}

type Target = Parameters<FlowLogServiceThings['placeOf']>[0]

/** By the topology in force; of what it does not know, the server's own. */
export function placesOf(
  topologyOf: (target: Target) => Topology | undefined,
  own: { readonly region: string; readonly account: string },
): FlowLogServiceThings['placeOf'] {
  return (target) => {
    const known = topologyOf(target)
    const region = known === undefined ? undefined : regionOf(known, target)
    const accountOf = accountOfFlowLog(() => known, own.account)
    return { region: region ?? own.region, account: accountOf(target) }
  }
}

/** Without a topology in force the network of the sample project is there, for what is in it. */
export function orSample(
  topology: () => Topology | undefined,
  sample: Topology | undefined,
): (target: Target) => Topology | undefined {
  return ({ resourceId }) => topology() ?? (isIn(sample, resourceId) ? sample : undefined)
}

const isIn = (topology: Topology | undefined, id: string): boolean =>
  topology !== undefined &&
  [topology.byId.vpcs, topology.byId.vSwitches, topology.byId.enis].some((each) => each.has(id))

function regionOf(
  { byId: { enis, vSwitches, vpcs }, region }: Topology,
  { resourceType, resourceId }: Target,
): string | undefined {
  const vSwitch = resourceType === 'NetworkInterface' ? enis.get(resourceId)?.vSwitch : resourceId
  const vpc = resourceType === 'VPC' ? resourceId : vSwitches.get(vSwitch ?? '')?.vpc
  return vpcs.get(vpc ?? '')?.region ?? region
}

/** What a crash left under way goes on from here. */
export function openFlowLogService(parts: FlowLogParts): FlowLogService {
  const { store, known, placeOf, prerequisitesDone, waitsFor } = parts
  const service = new FlowLogService(parts.flowLogs, {
    placeOf,
    prerequisitesDone,
    checkTarget: ({ resourceType, resourceId }) => checkResource(known(), resourceType, resourceId),
    checkDestination: (project, logstore) => checkLogstore(store, project, logstore),
    checkAnalyzer: parts.checkAnalyzer ?? noAnalyzer,
    checkPaid: parts.checkPaid ?? (() => {}),
    taken: parts.taken ?? (() => Promise.resolve()),
    deliveryProblem({ project, logstore }, delivers) {
      const isThere =
        !delivers ||
        (store.projects().some(({ name }) => name === project) &&
          store.logstores(project).some(({ name }) => name === logstore))
      return isThere ? waitsFor?.() : `there is no logstore ${project}/${logstore}`
    },
  })
  service.resume()
  return service
}

function noAnalyzer(analyzer: string): never {
  throw new WeirError('AnalyzerNotExist', `there is no traffic analyzer ${analyzer}`)
}
