/**
 * Finds the traffic path of an ENI and a peer: "the first of these that fits" (records.md 39). The same for
 * both directions and both actions (38).
 */
import { about } from '../packet/packet.ts'
import { PrefixTable, type Prefix } from './prefix-table.ts'
import { cloudRange, nowhere, PublicAddresses } from './special-addresses.ts'
import type { Topology, VSwitch } from './topology.ts'
import { path, pathOfGateway } from './traffic-path.ts'
import { gatewayPathOfEni, type VpcAddresses } from './vpc-addresses.ts'

/** What a prefix leads to, in the prefix table: local, a service, or the code of a next hop plus `hop`. */
const local = 1
const service = 2
const hop = 3

export class PathFinder {
  readonly #addresses: VpcAddresses
  /** By ENI: the path of the gateway whose `eni` it is, plus 1; 0 for others. */
  readonly #own: Uint8Array
  /** By ENI: the family of its public address, 0 without one. */
  readonly #publicFamily: Uint8Array
  readonly #routes: readonly PrefixTable[]
  readonly #public: PublicAddresses

  constructor(topology: Topology, addresses: VpcAddresses) {
    this.#addresses = addresses
    const gatewayPaths = gatewayPathOfEni(topology)
    this.#own = Uint8Array.from(topology.enis, ({ id }) => (gatewayPaths.get(id) ?? -1) + 1)
    this.#publicFamily = Uint8Array.from(topology.enis, ({ publicIp }) => publicIp?.family ?? 0)
    const bySwitch = routesOfVSwitches(topology)
    this.#routes = topology.enis.map(({ vSwitch }) => bySwitch.get(vSwitch)!)
    this.#public = new PublicAddresses(topology)
  }

  /**
   * The traffic path, 0 to 22.
   * @param holder who holds the peer's address in the ENI's VPC (VpcAddresses.holder)
   * @param inside whether the peer is inside the ENI's own vSwitch (VpcAddresses.insideVSwitch)
   */
  find(
    eni: number,
    holder: number,
    inside: boolean,
    mark: number,
    words: Int32Array,
    peer: number,
  ): number {
    if (this.#own[eni] !== 0) return this.#own[eni]! - 1
    if (nowhere.has(mark, words, peer)) return path.other
    const found = inside ? local : this.#routes[eni]!.find(mark, words, peer)
    if (found === local) return this.#addresses.pathOf(holder)
    if (found === service) return path.cloudService
    const code = found === 0 ? path.other : found - hop
    // "the cloud prefers the own public IP to SNAT" (41)
    const ownPublicIp =
      (found === 0 || code === path.natGateway) && this.#goesPublic(eni, mark, words, peer)
    return ownPublicIp ? path.publicIp : code
  }

  /** "The ENI has a `publicIp` of the peer's family, the peer is public." (41) */
  #goesPublic(eni: number, mark: number, words: Int32Array, peer: number): boolean {
    const v6 = (mark & about.ipv6) !== 0
    return this.#publicFamily[eni] === (v6 ? 6 : 4) && this.#public.has(mark, words, peer)
  }
}

/** Row 3: route entries, the VPC's own blocks and the cloud's ranges in one table for each vSwitch, shared where equal. */
function routesOfVSwitches(topology: Topology): Map<string, PrefixTable> {
  const services = topology.services.flatMap(({ cidrs = [] }) => cidrs)
  const cloud = [cloudRange, ...services].map((block): Prefix => ({ block, value: service }))
  const built = new Map<string, PrefixTable>()
  const bySwitch = new Map<string, PrefixTable>()
  for (const vSwitch of topology.vSwitches) {
    // "The table of the vSwitch if it names one, else the VPC's; absent = no entries." (38)
    const vpc = topology.byId.vpcs.get(vSwitch.vpc)!
    const tableId = vSwitch.routeTable ?? vpc.routeTable
    const key = JSON.stringify([vpc.id, tableId])
    const table =
      built.get(key) ??
      new PrefixTable([
        // "at equal length entry before local before service"
        ...entriesOf(topology, tableId),
        ...localBlocks(topology, vSwitch).map((block) => ({ block, value: local })),
        ...cloud,
      ])
    built.set(key, table)
    bySwitch.set(vSwitch.id, table)
  }
  return bySwitch
}

const localBlocks = (topology: Topology, { vpc }: VSwitch) => [
  ...topology.byId.vpcs.get(vpc)!.cidrs,
  ...topology.vSwitches.filter((each) => each.vpc === vpc).flatMap(({ cidrs }) => cidrs),
]

function entriesOf(topology: Topology, tableId: string | undefined): Prefix[] {
  const entries = tableId === undefined ? [] : topology.byId.routeTables.get(tableId)!.entries
  return entries.map(({ destination, nextHop }) => {
    const gateway = topology.byId.gateways.get(nextHop)
    return { block: destination, value: hop + (gateway ? pathOfGateway(gateway) : path.eni) }
  })
}
