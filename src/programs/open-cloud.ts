/** The cloud's own APIs of a server: what they look up, over what is in force. */
import type { FlowLogKeeper } from '../api/api.ts'
import type { CloudRegion, CloudThings } from '../api/cloud/cloud.ts'
import { networkOf, type NetworkThings } from '../api/cloud/network.ts'
import type { EniIdentity } from '../record/batch.ts'
import type { Topology } from '../vpc/vpc.ts'
import { cloudFlowLogs, type Resource } from './cloud-flow-logs.ts'
import type { Access } from './open-access.ts'
import type { StartConfig } from './start-config.ts'

export interface CloudParts {
  readonly access: Access
  readonly flowLogs: FlowLogKeeper
  readonly topology: () => Topology | undefined
  readonly interfaces: () => readonly EniIdentity[]
}

export function openCloud(
  { api: { region, account } }: StartConfig,
  { access, flowLogs, topology, interfaces }: CloudParts,
): CloudThings {
  const network = { region, account, topology, interfaces }
  return {
    ...network,
    gate: access,
    regions: () => regionsOf(topology(), region),
    flowLogs: cloudFlowLogs(flowLogs, (resource) => regionOf(resource, network)),
  }
}

/** The server's own, and those that the topology names. */
function regionsOf(topology: Topology | undefined, own: string): CloudRegion[] {
  const named = topology?.vpcs.flatMap(({ region }) => region ?? []) ?? []
  return [...new Set([own, ...named])].map((id) => ({ id, name: id }))
}

/** A resource that is not known is the server's: it will be said that it is not there. */
function regionOf({ resourceType, resourceId }: Resource, things: NetworkThings): string {
  const { vpcs, vSwitches, enis } = networkOf(things)
  const vpc =
    resourceType === 'VPC'
      ? vpcs.find(({ id }) => id === resourceId)
      : (resourceType === 'VSwitch' ? vSwitches : enis).find(({ id }) => id === resourceId)?.vpc
  return vpc?.region ?? things.region
}
