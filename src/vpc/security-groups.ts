/**
 * Security groups of ENIs, without state: "Security groups are stateful" is `judge.ts`. Rules: records.md 18
 * to 23.
 */
import { direction } from '../record/batch.ts'
import { type ListedRule, RuleList, ruleVerdict } from './rule-list.ts'
import type { Topology } from './topology.ts'

/** The groups of one ENI, or of several with the same ones. */
interface GroupSet {
  readonly ingress: RuleList
  readonly egress: RuleList
  /** The same rules as they were written, in the same order. */
  readonly listed: {
    readonly ingress: readonly ListedRule[]
    readonly egress: readonly ListedRule[]
  }
  /** Numbers of its groups whose members reach each other. */
  readonly friends: Int32Array
}

const noGroups = new Int32Array(0)

export class SecurityGroups {
  /** By ENI. An ENI that lists no group is not filtered. */
  readonly #sets: readonly (GroupSet | undefined)[]
  readonly #groupsOf: readonly Int32Array[]

  constructor(topology: Topology) {
    const numbers = new Map(topology.securityGroups.map(({ id }, i) => [id, i]))
    const built = new Map<string, GroupSet>()
    this.#groupsOf = topology.enis.map(({ securityGroups }) =>
      Int32Array.from(securityGroups, (id) => numbers.get(id)!),
    )
    this.#sets = topology.enis.map(({ securityGroups }) => {
      if (securityGroups.length === 0) return undefined
      const key = JSON.stringify(securityGroups.toSorted())
      const set = built.get(key) ?? groupSet(topology, securityGroups, numbers)
      built.set(key, set)
      return set
    })
  }

  /** Whether the ENI lists any group: "what is absent does not filter" (18). */
  filters(eni: number): boolean {
    return this.#sets[eni] !== undefined
  }

  /**
   * Whether the groups of `eni` accept a packet that is judged by itself.
   * @param way direction.in or direction.out
   * @param peerEni the ENI of the same VPC that has the peer as a private address, -1 for none
   */
  accept(
    eni: number,
    way: number,
    words: Int32Array,
    packet: number,
    peer: number,
    peerEni: number,
  ): boolean {
    const set = this.#sets[eni]
    if (set === undefined) return true
    const peerGroups = this.#groups(peerEni)
    const rules = way === direction.in ? set.ingress : set.egress
    const verdict = rules.verdict(words, packet, peer, peerGroups)
    if (verdict !== ruleVerdict.none) return verdict === ruleVerdict.accept
    // "members of one group reach each other ...; else ingress drop, egress accept" (23)
    return way === direction.out || meet(set.friends, peerGroups)
  }

  /** The rules for packets of direction `way` at an ENI, in the order they are tried. */
  rules(eni: number, way: number): readonly ListedRule[] {
    return this.#sets[eni]?.listed[way === direction.in ? 'ingress' : 'egress'] ?? []
  }

  /** Which of `rules` decides, -1 when none matches. Parameters as `accept`'s. */
  decides(
    eni: number,
    way: number,
    words: Int32Array,
    packet: number,
    peer: number,
    peerEni: number,
  ): number {
    const set = this.#sets[eni]
    if (set === undefined) return -1
    const rules = way === direction.in ? set.ingress : set.egress
    return rules.find(words, packet, peer, this.#groups(peerEni))
  }

  #groups(eni: number): Int32Array {
    return eni < 0 ? noGroups : this.#groupsOf[eni]!
  }
}

/** "The rules of all groups are one list" (19), least priority first, and "any `drop` wins" among equals (20). */
function groupSet(
  topology: Topology,
  ids: readonly string[],
  numbers: ReadonlyMap<string, number>,
): GroupSet {
  const groups = [...new Set(ids)].map((id) => topology.byId.securityGroups.get(id)!)
  const rules = groups
    .flatMap(({ id, rules: its }) => its.map((rule, entry) => ({ id, entry, rule })))
    .sort(
      ({ rule: a }, { rule: b }) =>
        a.priority - b.priority || dropFirst[a.policy] - dropFirst[b.policy],
    )
  const listed = {
    ingress: rules.filter(({ rule }) => rule.direction === 'ingress'),
    egress: rules.filter(({ rule }) => rule.direction === 'egress'),
  }
  const list = (its: readonly ListedRule[]): RuleList =>
    new RuleList(
      its.map(({ rule }) => rule),
      (id) => numbers.get(id)!,
    )
  const friends = groups.filter(({ innerAccess }) => innerAccess === 'accept')
  return {
    ingress: list(listed.ingress),
    egress: list(listed.egress),
    listed,
    friends: Int32Array.from(friends, ({ id }) => numbers.get(id)!),
  }
}

const dropFirst = { drop: 0, accept: 1 } as const

function meet(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < a.length; i++) if (b.includes(a[i]!)) return true
  return false
}
