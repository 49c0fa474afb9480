/** Addresses that mean something by themselves, in no matter which topology (records.md 39, 41, 42). */
import { about } from '../packet/packet.ts'
import { cidr } from './address.ts'
import { CidrSet } from './cidr-set.ts'
import { PrefixTable } from './prefix-table.ts'
import type { Topology } from './topology.ts'

/** Row 2 of rule 39: addresses that lead nowhere. */
export const nowhere = new CidrSet(
  ['255.255.255.255', '0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', 'fe80::/10', '::', '::1'].map(
    cidr,
  ),
)

/** "100.64.0.0/10 is always a cloud range." (42) */
export const cloudRange = cidr('100.64.0.0/10')

const reservedIpv4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '224.0.0.0/3',
].map(cidr)
const publicIpv6 = new CidrSet([cidr('2000::/3')])

/** "Public = not in ... (IPv6: in 2000::/3) and not in a CIDR of any VPC of the file." (41) */
export class PublicAddresses {
  readonly #notPublic: PrefixTable

  constructor(topology: Topology) {
    const blocks = [...reservedIpv4, ...topology.vpcs.flatMap(({ cidrs }) => cidrs)]
    this.#notPublic = new PrefixTable(blocks.map((block) => ({ block, value: 1 })))
  }

  /** @param mark word 9 of the packet, for the family; the address begins at `words[at]` */
  has(mark: number, words: Int32Array, at: number): boolean {
    if (mark & about.ipv6 && !publicIpv6.has(mark, words, at)) return false
    return this.#notPublic.find(mark, words, at) === 0
  }
}
