/** Network ACLs: stateless, between vSwitches and to the outside. Rules: records.md 18, 24 and 25. */
import { direction } from '../record/batch.ts'
import { cidr } from './address.ts'
import { CidrSet } from './cidr-set.ts'
import { type ListedRule, RuleList, ruleVerdict } from './rule-list.ts'
import type { Topology } from './topology.ts'

interface AclRules {
  readonly ingress: RuleList
  readonly egress: RuleList
  /** The same entries as they were written. */
  readonly listed: {
    readonly ingress: readonly ListedRule[]
    readonly egress: readonly ListedRule[]
  }
}

/** Peers that count as inside every vSwitch (24). */
const onLink = new CidrSet(['255.255.255.255', '169.254.0.0/16', 'fe80::/10'].map(cidr))

const noGroups = new Int32Array(0)

export class NetworkAcls {
  /** By ENI. */
  readonly #rules: readonly (AclRules | undefined)[]

  constructor(topology: Topology) {
    // An ACL names no groups: the schema allows address ranges only.
    const list = (rules: ConstructorParameters<typeof RuleList>[0]): RuleList =>
      new RuleList(rules, () => -1)
    const built = new Map(
      topology.networkAcls.map(({ id, ingress, egress }) => [
        id,
        {
          ingress: list(ingress),
          egress: list(egress),
          listed: {
            ingress: ingress.map((rule, entry) => ({ id, entry, rule })),
            egress: egress.map((rule, entry) => ({ id, entry, rule })),
          },
        },
      ]),
    )
    this.#rules = topology.enis.map(({ vSwitch }) => {
      const acl = topology.byId.vSwitches.get(vSwitch)!.networkAcl
      return acl === undefined ? undefined : built.get(acl)
    })
  }

  /** Whether the vSwitch of the ENI has an ACL: "what is absent does not filter" (18). */
  filters(eni: number): boolean {
    return this.#rules[eni] !== undefined
  }

  /**
   * "First matching entry in file order decides, none = drop ...; every packet is judged alone, replies
   * too." (25)
   * @param way direction.in or direction.out
   * @param inside whether the peer is inside the ENI's own vSwitch (VpcAddresses.insideVSwitch)
   */
  accept(
    eni: number,
    way: number,
    words: Int32Array,
    packet: number,
    peer: number,
    inside: boolean,
  ): boolean {
    const acl = this.#rules[eni]
    if (acl === undefined || inside || onLink.has(words[packet + 9]!, words, peer)) return true
    const rules = way === direction.in ? acl.ingress : acl.egress
    return rules.verdict(words, packet, peer, noGroups) === ruleVerdict.accept
  }

  /** Whether the ACL judges packets of this peer at all: "evaluated when the peer is not inside the ENI's own vSwitch" (24). */
  judges(eni: number, words: Int32Array, packet: number, peer: number, inside: boolean): boolean {
    return this.#rules[eni] !== undefined && !inside && !onLink.has(words[packet + 9]!, words, peer)
  }

  /** The entries for packets of direction `way` at an ENI, in their order. */
  rules(eni: number, way: number): readonly ListedRule[] {
    return this.#rules[eni]?.listed[way === direction.in ? 'ingress' : 'egress'] ?? []
  }

  /** Which of `rules` decides, -1 when none matches. */
  decides(eni: number, way: number, words: Int32Array, packet: number, peer: number): number {
    const acl = this.#rules[eni]
    if (acl === undefined) return -1
    const rules = way === direction.in ? acl.ingress : acl.egress
    return rules.find(words, packet, peer, noGroups)
  }
}
