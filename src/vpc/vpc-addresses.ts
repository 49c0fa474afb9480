/**
 * Who has which address: in each VPC for verdicts and paths, and in the whole topology for assigning packets
 * to ENIs.
 */
import { WeirError } from '../base/errors.ts'
import { about } from '../packet/packet.ts'
import type { Address } from './address.ts'
import { AddressTable } from './address-table.ts'
import { CidrSet } from './cidr-set.ts'
import { PrefixTable } from './prefix-table.ts'
import type { Topology } from './topology.ts'
import { path, pathOfGateway } from './traffic-path.ts'

export class VpcAddresses {
  /** By ENI index: indexes of its VPC and its vSwitch. */
  readonly vpcOf: Int32Array
  readonly vSwitchOf: Int32Array
  readonly #inVpc = new AddressTable()
  /** By holder: the index of the ENI, or -1 for a gateway's or service's own address; holder 0 is nobody. */
  readonly #holderEni: number[] = [-1]
  readonly #holderPath: number[] = [path.vpcResource]
  readonly #vSwitchBlocks: readonly CidrSet[]
  /** By VPC: "an address of an ENI, service or gateway must lie in a CIDR of its VPC" (records.md 13). */
  readonly #vpcBlocks: readonly CidrSet[]

  constructor(topology: Topology) {
    const vpcIndex = new Map(topology.vpcs.map(({ id }, i) => [id, i]))
    const vSwitchIndex = new Map(topology.vSwitches.map(({ id }, i) => [id, i]))
    this.vpcOf = Int32Array.from(topology.enis, ({ vpc }) => vpcIndex.get(vpc)!)
    this.vSwitchOf = Int32Array.from(topology.enis, ({ vSwitch }) => vSwitchIndex.get(vSwitch)!)
    this.#vSwitchBlocks = topology.vSwitches.map(({ cidrs }) => new CidrSet(cidrs))
    this.#vpcBlocks = topology.vpcs.map(({ cidrs }) => new CidrSet(cidrs))
    const gatewayPaths = gatewayPathOfEni(topology)
    for (const [i, eni] of topology.enis.entries()) {
      const local = eni.instance === undefined ? path.vpcResource : path.instance
      this.#hold(this.vpcOf[i]!, eni.privateIps, i, gatewayPaths.get(eni.id) ?? local)
    }
    for (const { vpc, privateIps = [], ...gateway } of topology.gateways)
      this.#hold(vpcIndex.get(vpc ?? '') ?? -1, privateIps, -1, pathOfGateway(gateway))
    for (const { vpc, privateIps = [] } of topology.services)
      this.#hold(vpcIndex.get(vpc ?? '') ?? -1, privateIps, -1, path.vpcResource)
  }

  /** Who holds an address in a VPC, 0 for nobody. */
  holder(vpc: number, mark: number, words: Int32Array, at: number): number {
    if (!this.#vpcBlocks[vpc]!.has(mark, words, at)) return 0
    return this.#inVpc.find(vpc, mark, words, at)
  }

  /** The ENI that has a holder's address among its `privateIps`, -1 for none. */
  eniOf(holder: number): number {
    return this.#holderEni[holder]!
  }

  /** The traffic path towards a local address (records.md 39, row 4). */
  pathOf(holder: number): number {
    return this.#holderPath[holder]!
  }

  /** "Inside = in a CIDR of that vSwitch, or an own address of an ENI of that vSwitch" (records.md 24). */
  insideVSwitch(eni: number, holder: number, mark: number, words: Int32Array, at: number): boolean {
    const vSwitch = this.vSwitchOf[eni]!
    const peer = this.#holderEni[holder]!
    if (peer >= 0 && this.vSwitchOf[peer] === vSwitch) return true
    return this.#vSwitchBlocks[vSwitch]!.has(mark, words, at)
  }

  #hold(vpc: number, addresses: readonly Address[], eni: number, code: number): void {
    for (const address of addresses) {
      this.#inVpc.put(vpc, address, this.#holderEni.length)
      this.#holderEni.push(eni)
      this.#holderPath.push(code)
    }
  }
}

/** ENIs that are "the `eni` of a gateway", with that gateway's path; of several the first in the file. */
export function gatewayPathOfEni(topology: Topology): Map<string, number> {
  const paths = new Map<string, number>()
  for (const gateway of topology.gateways)
    if (gateway.eni !== undefined && !paths.has(gateway.eni))
      paths.set(gateway.eni, pathOfGateway(gateway))
  return paths
}

/** The ENI that owns an address of a packet, over all VPCs (records.md 1, 7, 9). */
export class Owners {
  readonly #private = new AddressTable()
  readonly #public = new AddressTable()
  /** 1 in the CIDRs of VPCs. Most peers are elsewhere, and cost no look-up in a large table. */
  readonly #vpcBlocks: PrefixTable
  readonly #topology: Topology

  constructor(topology: Topology) {
    this.#topology = topology
    const blocks = topology.vpcs.flatMap(({ cidrs }) => cidrs)
    this.#vpcBlocks = new PrefixTable(blocks.map((block) => ({ block, value: 1 })))
    const seen = new Map<string, { address: Address; owners: number[] }>()
    for (const [i, eni] of topology.enis.entries()) {
      if (eni.publicIp) this.#public.put(0, eni.publicIp, i + 1)
      for (const address of eni.privateIps) {
        const key = `${address.family}:${address.words.join()}`
        const known = seen.get(key)
        if (known) known.owners.push(i)
        else seen.set(key, { address, owners: [i] })
      }
    }
    for (const { address, owners } of seen.values())
      this.#private.put(0, address, owners.length === 1 ? owners[0]! + 1 : -1)
  }

  /** ENI index + 1 of the owner of a private address, 0 for nobody; TopologyAmbiguous if it has several. */
  ofPrivate(mark: number, words: Int32Array, at: number): number {
    if (this.#vpcBlocks.find(mark, words, at) === 0) return 0
    const owner = this.#private.find(0, mark, words, at)
    if (owner < 0) this.#refuse(mark, words, at)
    return owner
  }

  /** Whether any ENI has the address among its private ones. */
  isPrivate(mark: number, words: Int32Array, at: number): boolean {
    return this.#private.find(0, mark, words, at) !== 0
  }

  /** ENI index + 1 of the ENI with this public address, 0 for nobody. */
  ofPublic(mark: number, words: Int32Array, at: number): number {
    return this.#public.find(0, mark, words, at)
  }

  /** "Assignment by address of such a packet is refused (exit 2, both ENIs named, a capture tap suggested)" (9). */
  #refuse(mark: number, words: Int32Array, at: number): never {
    const width = mark & about.ipv6 ? 4 : 1
    const same = (address: Address): boolean =>
      (address.family === 6) === (width === 4) &&
      address.words.slice(0, width).every((word, i) => word === words[at + i])
    const enis = this.#topology.enis.filter(({ privateIps }) => privateIps.some(same))
    const address = enis[0]!.privateIps.find(same)!
    const names = enis.map(({ id, vpc }) => `${id} (${vpc})`)
    throw new WeirError(
      'TopologyAmbiguous',
      `${address.text} is an address of ${names.join(' and ')}: whose packet this is cannot be told`,
      {
        place: enis[0]!.place,
        hint: 'Say where the file was taken with a tap of the ENI: { capture: FILE-GLOB, interface: NAME }',
      },
    )
  }
}
