/**
 * Which rejected packets a tap has seen before. What is upstream of what, for an ENI that is one end of a
 * veth or tap:
 *
 *     out   programs ─▶ rules in the guest ─▶ tap in the guest ─▶ tap at the host ─▶ rules at the host
 *     in    rules at the host ─▶ tap at the host ─▶ tap in the guest ─▶ rules in the guest ─▶ programs
 *
 * So it does not matter where the tap is, nor at which hook a packet was rejected: netdev, bridge or inet,
 * ingress, prerouting, input, forward, output, postrouting or egress. Each was tried.
 */
import type { RingSide } from './ring-frames.ts'

const seen = {
  guest: { in: true, out: false },
  host: { in: false, out: true },
} as const

/**
 * Whether taps see a packet of that direction that rules at `rules` reject. If so it has been counted as seen
 * and must be taken off; if not it only adds to what is rejected.
 */
export const seenBeforeVerdict = (rules: RingSide, direction: 'in' | 'out'): boolean =>
  seen[rules][direction]

/**
 * Where the rules are: those in the tap's own namespace are at its side, those of another namespace at the far
 * end of its veth.
 */
export function sideOfRules(tap: RingSide, sameNamespace: boolean): RingSide {
  if (sameNamespace) return tap
  return tap === 'guest' ? 'host' : 'guest'
}
