/**
 * One version of a topology as look-up tables: addresses, taps' directions, rules and routes. A new version
 * is a new Network; what is remembered of packets is not in it.
 */
import { NetworkAcls } from './network-acls.ts'
import { PathFinder } from './path-finder.ts'
import { SecurityGroups } from './security-groups.ts'
import { TapDirection } from './tap-direction.ts'
import type { Topology } from './topology.ts'
import { Uncaptured } from './uncaptured.ts'
import { Owners, VpcAddresses } from './vpc-addresses.ts'

export class Network {
  readonly addresses: VpcAddresses
  readonly owners: Owners
  readonly tapDirection: TapDirection
  readonly groups: SecurityGroups
  readonly acls: NetworkAcls
  readonly paths: PathFinder
  readonly uncaptured: Uncaptured
  /** By an ENI's index in this version: its number (eni-numbers.ts). */
  readonly numberOf: Int32Array
  /** By number: the index in this version, -1 when it lacks the ENI. */
  readonly indexOf: Int32Array

  /** @param numberOf by an ENI's index in `topology` */
  constructor(topology: Topology, numberOf: Int32Array) {
    this.addresses = new VpcAddresses(topology)
    this.owners = new Owners(topology)
    this.tapDirection = new TapDirection(topology, this.addresses, this.owners)
    this.groups = new SecurityGroups(topology)
    this.acls = new NetworkAcls(topology)
    this.paths = new PathFinder(topology, this.addresses)
    this.uncaptured = new Uncaptured(topology)
    this.numberOf = numberOf
    this.indexOf = new Int32Array(numberOf.reduce((most, each) => Math.max(most, each + 1), 0))
    this.indexOf.fill(-1)
    for (const [index, number] of numberOf.entries()) this.indexOf[number] = index
  }
}
