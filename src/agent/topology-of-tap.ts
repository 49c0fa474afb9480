/** A topology as one tap's thread needs it. */
import type { Topology } from '../vpc/vpc.ts'
import type { TapPlace } from './tap-place.ts'

/**
 * Interfaces of two namespaces may be called the same: the thread knows which of the ENIs it is at, so the others
 * lose their taps. Where a firewall reports what it rejects, the topology's rules do not judge this ENI.
 */
export function topologyOfTap(topology: Topology, { eni, nflog }: TapPlace): Topology {
  const enis = topology.enis.map((each) => {
    if (each.id !== eni.eniId) return { ...each, tap: undefined }
    return nflog === undefined ? each : { ...each, securityGroups: [] }
  })
  const own = enis.find(({ id }) => id === eni.eniId)
  const vSwitches =
    nflog === undefined
      ? topology.vSwitches
      : topology.vSwitches.map((each) =>
          each.id === own?.vSwitch ? { ...each, networkAcl: undefined } : each,
        )
  return {
    ...topology,
    enis,
    vSwitches,
    byId: {
      ...topology.byId,
      enis: new Map(enis.map((each) => [each.id, each])),
      vSwitches: new Map(vSwitches.map((each) => [each.id, each])),
    },
  }
}
