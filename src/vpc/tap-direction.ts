/** The direction of a packet that was read at an ENI's tap (records.md 4). */
import { about, word } from '../packet/packet.ts'
import { direction } from '../record/batch.ts'
import { cidr, lastWords } from './address.ts'
import { AddressTable } from './address-table.ts'
import { CidrSet } from './cidr-set.ts'
import type { Topology } from './topology.ts'
import type { Owners, VpcAddresses } from './vpc-addresses.ts'

/** Direction hints of the capture's source: word 9's two bits. */
const hint = { in: 1, out: 2 } as const

/** "Broadcast = 255.255.255.255 and the all-ones address of a vSwitch CIDR" (10). */
const limitedBroadcast = new CidrSet([cidr('255.255.255.255')])

export class TapDirection {
  readonly #addresses: VpcAddresses
  readonly #owners: Owners
  /** By ENI: whether its tap is the far end of a veth, where directions turn. */
  readonly #farSide: readonly boolean[]
  /** By VPC index. */
  readonly #insideVpc: readonly CidrSet[]
  readonly #broadcasts = new AddressTable()

  constructor(topology: Topology, addresses: VpcAddresses, owners: Owners) {
    this.#addresses = addresses
    this.#owners = owners
    this.#farSide = topology.enis.map(({ tap }) => tap?.side === 'host')
    this.#insideVpc = topology.vpcs.map((vpc, vpcIndex) => {
      const blocks = topology.vSwitches
        .filter((each) => each.vpc === vpc.id)
        .flatMap((each) => each.cidrs)
      // A block of one or two addresses has no broadcast address (RFC 3021).
      const broadcasts = new Map(
        blocks
          .filter(({ family, length }) => family === 4 && length < 31)
          .map((block) => [lastWords(block)[0], { ...block, words: lastWords(block) }]),
      )
      for (const address of broadcasts.values()) this.#broadcasts.put(vpcIndex, address, 1)
      return new CidrSet([...vpc.cidrs, ...blocks])
    })
  }

  /** direction.in, direction.out, or direction.none when nothing tells. */
  find(eni: number, words: Int32Array, base: number): number {
    const mark = words[base + word.about]!
    const source = base + word.source
    const destination = base + word.destination
    if (this.#owns(eni, mark, words, destination)) return direction.in
    if (this.#owns(eni, mark, words, source)) return direction.out
    const owners = this.#owners
    // "`publicIp` assigns a packet only when neither address is an own address of any ENI" (7)
    if (!owners.isPrivate(mark, words, source) && !owners.isPrivate(mark, words, destination)) {
      if (owners.ofPublic(mark, words, destination) === eni + 1) return direction.in
      if (owners.ofPublic(mark, words, source) === eni + 1) return direction.out
    }
    const vpc = this.#addresses.vpcOf[eni]!
    if (
      limitedBroadcast.has(mark, words, destination) ||
      this.#broadcasts.find(vpc, mark, words, destination) !== 0
    )
      return direction.in
    const told = (mark >>> about.directionShift) & about.directionMask
    if (told === hint.in) return this.#farSide[eni] ? direction.out : direction.in
    if (told === hint.out) return this.#farSide[eni] ? direction.in : direction.out
    const fromInside = this.#insideVpc[vpc]!.has(mark, words, source)
    const toInside = this.#insideVpc[vpc]!.has(mark, words, destination)
    if (fromInside === toInside) return direction.none
    return fromInside ? direction.in : direction.out
  }

  #owns(eni: number, mark: number, words: Int32Array, at: number): boolean {
    const holder = this.#addresses.holder(this.#addresses.vpcOf[eni]!, mark, words, at)
    return this.#addresses.eniOf(holder) === eni
  }
}
