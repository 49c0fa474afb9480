/** Where ENIs are tapped on this host: the taps that a topology names, or every interface that is up. */
import { WeirError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { EniIdentity } from '../record/batch.ts'
import { hostInterfaces } from '../sources/sources.ts'
import { hostIdentity, type Topology, topologyEnis } from '../vpc/vpc.ts'

/** One interface and the ENI it is the tap of. */
export interface TapPlace {
  readonly eni: EniIdentity
  readonly interfaceName: string
  /** A network namespace by name; absent for this process's own. */
  readonly netns?: string
  /** Of a veth or tap: the ENI's own end, or the far one, where directions turn. */
  readonly side: 'guest' | 'host'
  /** The firewall's reports decide what was rejected, not the topology's rules. */
  readonly nflog?: { readonly group: number; readonly netns?: string }
}

/** `eth0`, or `NAMESPACE/eth0`: interfaces of two namespaces may be called the same. */
export const tapName = ({ interfaceName, netns }: TapPlace): string =>
  netns === undefined ? interfaceName : `${netns}/${interfaceName}`

/**
 * The taps of a topology that are on this agent's host, in the topology's order.
 *
 * @param agent the agent's name; `undefined` for the server's own host, which has the taps that name no agent
 */
export function tapsOfTopology(topology: Topology, agent?: string): TapPlace[] {
  const identities = topologyEnis(topology)
  return topology.enis.flatMap(({ tap }, i): TapPlace[] => {
    if (tap?.interface === undefined || tap.capture !== undefined) return []
    if (tap.agent !== agent) return []
    const netns = named(tap.netns)
    const { nflog } = tap
    const rulesIn = named(nflog?.netns) ?? netns
    return [
      {
        interfaceName: tap.interface,
        side: tap.side ?? 'guest',
        eni: identities[i]!,
        ...(netns === undefined ? {} : { netns }),
        ...(nflog === undefined
          ? {}
          : {
              nflog: { group: nflog.group, ...(rulesIn === undefined ? {} : { netns: rulesIn }) },
            }),
      },
    ]
  })
}

/** `netns: host` is the namespace that the agent itself is in. */
const named = (netns: string | undefined): string | undefined =>
  netns === 'host' ? undefined : netns

/**
 * Every interface of this host that is up is an ENI, `eni-<interface>` (DESIGN.md, Commands); on an agent's host
 * `eni-<agent>-<interface>`, because two hosts have an eth0 each.
 */
export function tapsOfHost(wanted: readonly string[] | undefined, agent?: string): TapPlace[] {
  const prefix = agent === undefined ? '' : `${agent}-`
  return hostInterfaces()
    .filter((interfaceName) => wanted === undefined || wanted.includes(interfaceName))
    .map((interfaceName) => ({
      interfaceName,
      side: 'guest' as const,
      eni: { ...hostIdentity(interfaceName), eniId: `eni-${prefix}${interfaceName}` },
    }))
}

/** Throws ConfigInvalid for the name of an interface that this host does not have. */
export function checkInterfaces(wanted: readonly string[] | undefined): void {
  const there = hostInterfaces()
  for (const each of wanted ?? []) {
    if (there.includes(each)) continue
    const near = nearest(each, there)
    throw new WeirError('ConfigInvalid', `there is no interface ${each} that is up`, {
      hint:
        near === undefined ? `There are: ${there.join(', ') || 'none'}` : `Did you mean ${near}?`,
    })
  }
}
