/** Which row of the path rules fits a packet (records.md 39), and by which route entry. */
import { assert } from '../base/assert.ts'
import { type Address, type Cidr, holds } from './address.ts'
import type { PathExplanation } from './explanation.ts'
import type { PlaceOf, Seen } from './explain-checks.ts'
import type { Network } from './network.ts'
import type { PathFinder } from './path-finder.ts'
import { cloudRange, nowhere } from './special-addresses.ts'
import type { Eni, Topology } from './topology.ts'
import { path, pathOfGateway, trafficPaths } from './traffic-path.ts'
import type { VpcAddresses } from './vpc-addresses.ts'

interface Fit extends Pick<PathExplanation, 'row' | 'because' | 'route'> {
  /** The code of the row by itself, before rule 41. */
  readonly code: number
}

export class Paths {
  readonly #topology: Topology
  readonly #place: PlaceOf
  readonly #addresses: VpcAddresses
  readonly #finder: PathFinder

  constructor(topology: Topology, place: PlaceOf, { addresses, paths }: Network) {
    this.#topology = topology
    this.#place = place
    this.#addresses = addresses
    this.#finder = paths
  }

  /**
   * @param holder who holds the peer's address in the ENI's VPC
   * @param mark word 9 of the packet
   */
  explain(
    { eni, words, peer, inside, sought }: Seen,
    holder: number,
    mark: number,
  ): PathExplanation {
    const code = this.#finder.find(eni, holder, inside, mark, words, peer)
    const own = this.#topology.enis[eni]!
    const fit =
      this.#ofGateway(own) ??
      (nowhere.has(mark, words, peer) ? leadsNowhere(sought.peer) : undefined) ??
      (inside ? this.#local(own, sought.peer, holder) : this.#byRoutes(own, sought.peer, holder))
    const { name, says } = trafficPaths.find((each) => each.code === code)!
    const { row, because, route } = fit
    // "the cloud prefers the own public IP to SNAT" (41)
    const ownPublicIp = row >= 6 && code === path.publicIp
    assert(code === fit.code || ownPublicIp, `path ${code} is explained as ${fit.code}`)
    const instead = `${because}; ${own.id} has the public address ${own.publicIp?.text}, which comes first`
    return {
      code,
      name,
      says,
      row,
      because: ownPublicIp ? instead : because,
      ...(route && { route }),
    }
  }

  /** Row 1: "the ENI is the `eni` of a gateway: that gateway's code, for all its records". */
  #ofGateway(own: Eni): Fit | undefined {
    const gateway = this.#topology.gateways.find(({ eni }) => eni === own.id)
    if (gateway === undefined) return undefined
    const because = `${own.id} is the interface of ${gateway.type} ${gateway.id}`
    return { row: 1, because, code: pathOfGateway(gateway) }
  }

  /** Row 4. */
  #local(own: Eni, peer: Address, holder: number): Fit {
    const code = this.#addresses.pathOf(holder)
    const who = this.#holderName(own.vpc, peer, this.#addresses.eniOf(holder))
    return { row: 4, because: `${peer.text} is ${who} in ${own.vpc}`, code }
  }

  #holderName(vpc: string, peer: Address, holder: number): string {
    const { enis, gateways, services } = this.#topology
    const eni = enis[holder]
    const has = (each: { vpc?: string | undefined; privateIps?: readonly Address[] | undefined }) =>
      each.vpc === vpc && (each.privateIps ?? []).some((its) => isSame(its, peer))
    const gateway = gateways.find((each) => (eni ? each.eni === eni.id : has(each)))
    if (gateway !== undefined) return `an address of ${gateway.type} ${gateway.id}`
    if (eni !== undefined)
      return eni.instance === undefined
        ? `an address of ${eni.id}, which no instance has,`
        : `an address of instance ${eni.instance} (${eni.id})`
    const service = services.find(has)
    return service === undefined
      ? 'nobody the topology knows'
      : `an address of service ${service.id}`
  }

  /** Row 3: the longest prefix, "at equal length entry before local before service", and what it leads to. */
  #byRoutes(own: Eni, peer: Address, holder: number): Fit {
    const { byId, vSwitches, services } = this.#topology
    const vpc = byId.vpcs.get(own.vpc)!
    const tableId = byId.vSwitches.get(own.vSwitch)!.routeTable ?? vpc.routeTable
    const entries = tableId === undefined ? [] : byId.routeTables.get(tableId)!.entries
    const local = [vpc, ...vSwitches.filter((each) => each.vpc === vpc.id)].flatMap(
      ({ cidrs }) => cidrs,
    )
    const cloud = [cloudRange, ...services.flatMap(({ cidrs = [] }) => cidrs)]
    const lead = (blocks: readonly Cidr[], leadsTo: (index: number) => Fit) =>
      blocks.map((block, index) => ({ block, fit: () => leadsTo(index) }))
    const found = [
      ...lead(
        entries.map(({ destination }) => destination),
        (index) => this.#entry(tableId!, index),
      ),
      ...lead(local, () => this.#local(own, peer, holder)),
      ...lead(cloud, (index) => ({
        row: 5,
        because: `${peer.text} is in the cloud's range ${cloud[index]!.text}`,
        code: path.cloudService,
      })),
    ]
      .filter(({ block }) => holds(block, peer))
      .reduce<{ block: Cidr; fit: () => Fit } | undefined>(
        (best, each) => (best === undefined || each.block.length > best.block.length ? each : best),
        undefined,
      )
    if (found !== undefined) return found.fit()
    const where =
      tableId === undefined ? `${own.vSwitch} has no route table` : `no entry of ${tableId} fits`
    return { row: 7, because: `${where}, and ${peer.text} is not in ${vpc.id}`, code: path.other }
  }

  /** Row 6. */
  #entry(table: string, index: number): Fit {
    const { byId, routeTables } = this.#topology
    const { destination, nextHop } = byId.routeTables.get(table)!.entries[index]!
    const gateway = byId.gateways.get(nextHop)
    const place = this.#place([
      'routeTables',
      routeTables.findIndex(({ id }) => id === table),
      'entries',
      index,
    ])
    const type = gateway?.type ?? 'eni'
    return {
      row: 6,
      because: `entry ${index + 1} of ${table} leads ${destination.text} to ${type} ${nextHop}`,
      code: gateway === undefined ? path.eni : pathOfGateway(gateway),
      route: {
        table,
        entry: index + 1,
        destination: destination.text,
        nextHop,
        type,
        ...(place !== undefined && { place }),
      },
    }
  }
}

const leadsNowhere = ({ text }: Address): Fit => ({
  row: 2,
  because: `${text} leads nowhere: broadcast, loopback or link-local`,
  code: path.other,
})

const isSame = (one: Address, other: Address): boolean =>
  one.family === other.family && one.words.every((each, i) => each === other.words[i])
