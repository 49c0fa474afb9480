/** The cloud's own APIs of a server: what they look up, over what is in force. */
import type { CloudAnalyzers, CloudFlowLogs, CloudRegion, CloudThings } from '../api/cloud/cloud.ts'
import type { NetworkThings } from '../api/cloud/network.ts'
import { regions } from '../flow-log/flow-log.ts'
import type { Access } from './open-access.ts'

export interface CloudParts {
  readonly access: Access
  readonly network: NetworkThings
  readonly flowLogs: CloudFlowLogs
  readonly analyzers: CloudAnalyzers
}

export function openCloud({ access, network, flowLogs, analyzers }: CloudParts): CloudThings {
  return { ...network, gate: access, flowLogs, analyzers, regions: () => regionsOf(network) }
}

/** The cloud's, the server's own, and those that the topology names. */
function regionsOf({ topology, region }: NetworkThings): readonly CloudRegion[] {
  const named = topology()?.vpcs.flatMap((vpc) => vpc.region ?? []) ?? []
  const others = new Set([region, ...named])
  for (const { id } of regions) others.delete(id)
  return [...regions, ...[...others].map((id) => ({ id, name: id }))]
}
