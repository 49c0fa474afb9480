/**
 * Traffic of a topology that makes no record: "Capturing traffic from a public-facing Classic Load Balancer
 * (CLB) to the Internet is not supported." The topology names such a load balancer as a service of type
 * `publicClb`; a packet between one of its `privateIps` and a public address is not captured.
 */
import { word } from '../packet/packet.ts'
import { AddressTable } from './address-table.ts'
import { PublicAddresses } from './special-addresses.ts'
import type { Topology } from './topology.ts'

export class Uncaptured {
  readonly #loadBalancers = new AddressTable()
  readonly #public: PublicAddresses
  readonly #any: boolean

  constructor(topology: Topology) {
    this.#public = new PublicAddresses(topology)
    const vpcIndex = new Map(topology.vpcs.map(({ id }, i) => [id, i]))
    const services = topology.services.filter(({ type }) => type === 'publicClb')
    this.#any = services.length > 0
    for (const { vpc, privateIps = [] } of services)
      for (const address of privateIps) this.#loadBalancers.put(vpcIndex.get(vpc!)!, address, 1)
  }

  /**
   * Whether a packet seen at an ENI is left out.
   * @param vpc the index of the ENI's VPC: in another one the address may be somebody else's
   * @param base where the packet's row begins in `words`
   */
  has(vpc: number, mark: number, words: Int32Array, base: number): boolean {
    if (!this.#any) return false
    const source = base + word.source
    const destination = base + word.destination
    return (
      (this.#loadBalancers.find(vpc, mark, words, source) !== 0 &&
        this.#public.has(mark, words, destination)) ||
      (this.#loadBalancers.find(vpc, mark, words, destination) !== 0 &&
        this.#public.has(mark, words, source))
    )
  }
}
