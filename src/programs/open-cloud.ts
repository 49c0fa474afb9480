/** The cloud's own APIs of a server: what they look up, over what is in force. */
import type { CloudRegion, CloudThings } from '../api/cloud/cloud.ts'
import type { EniIdentity } from '../record/batch.ts'
import type { Topology } from '../vpc/vpc.ts'
import type { Access } from './open-access.ts'
import type { StartConfig } from './start-config.ts'

export interface CloudParts {
  readonly access: Access
  readonly topology: () => Topology | undefined
  readonly interfaces: () => readonly EniIdentity[]
}

export function openCloud(
  { api }: StartConfig,
  { access, topology, interfaces }: CloudParts,
): CloudThings {
  return {
    gate: access,
    region: api.region,
    account: api.account,
    regions: () => regionsOf(topology(), api.region),
    topology,
    interfaces,
  }
}

/** The server's own, and those that the topology names. */
function regionsOf(topology: Topology | undefined, own: string): CloudRegion[] {
  const named = topology?.vpcs.flatMap(({ region }) => region ?? []) ?? []
  return [...new Set([own, ...named])].map((id) => ({ id, name: id }))
}
