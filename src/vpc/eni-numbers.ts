/**
 * Who the ENIs are, and the numbers observations name them by. A number is given once: it stays with its
 * identity through every version of a topology, also while a version lacks it.
 */
import type { EniIdentity } from '../record/batch.ts'
import { ownerEnisMax } from './observations.ts'
import { TopologyInvalid } from './topology-problems.ts'
import type { Topology } from './topology.ts'

/** Who the ENIs of a topology are, in its order. A vm-id or account-id that is not given is `-` (records.md 15). */
export const topologyEnis = (topology: Topology): EniIdentity[] =>
  topology.enis.map(({ id, instance, vSwitch, vpc }) => ({
    accountId: topology.byId.vpcs.get(vpc)!.account ?? '-',
    eniId: id,
    vmId: instance ?? '-',
    vSwitchId: vSwitch,
    vpcId: vpc,
  }))

export class EniNumbers {
  /** By number. Grows; what is in it stays. */
  readonly enis: EniIdentity[] = []
  readonly #numbers = new Map<string, number>()

  /**
   * The numbers of a topology's ENIs, in its order; an identity not seen before gets the next one.
   * @throws TopologyInvalid, before any is given, when there are more than an owner word has room for
   */
  take(topology: Topology): Int32Array {
    const identities = topologyEnis(topology)
    const unknown = identities.filter((each) => !this.#numbers.has(keyOf(each)))
    const count = this.enis.length + unknown.length
    if (count > ownerEnisMax)
      throw new TopologyInvalid([
        {
          place: topology.file,
          message: `${count} ENIs since the start, and a capture numbers ${ownerEnisMax}`,
          hint: 'Start Weir anew: ENIs that are gone keep their numbers until then.',
        },
      ])
    for (const each of unknown) this.#numbers.set(keyOf(each), this.enis.push(each) - 1)
    return Int32Array.from(identities, (each) => this.#numbers.get(keyOf(each))!)
  }
}

/** "All five fields": an ENI that moves to another instance or vSwitch is another to its records. */
const keyOf = ({ accountId, eniId, vmId, vSwitchId, vpcId }: EniIdentity): string =>
  JSON.stringify([accountId, eniId, vmId, vSwitchId, vpcId])
