/** What security groups and network ACL say of a packet, and which of their rules decides. */
import { direction } from '../record/batch.ts'
import type { CheckExplanation, RuleReference } from './explanation.ts'
import { misses, nearestRule, portsText, type Sought } from './explain-nearest.ts'
import { protocolName } from './explain-question.ts'
import type { Network } from './network.ts'
import type { NetworkAcls } from './network-acls.ts'
import type { ListedRule } from './rule-list.ts'
import type { SecurityGroups } from './security-groups.ts'
import type { Eni, Topology } from './topology.ts'
import type { Path } from './topology-yaml.ts'

/** Where a value stands in the topology file, when that is known. */
export type PlaceOf = (path: Path) => string | undefined

/** A packet at an ENI, as the code that judges packets takes it. */
export interface Seen {
  readonly eni: number
  readonly way: number
  readonly words: Int32Array
  /** Where the peer's address begins in `words`. */
  readonly peer: number
  readonly peerEni: number
  readonly inside: boolean
  readonly sought: Sought
}

export class Checks {
  readonly #topology: Topology
  readonly #place: PlaceOf
  readonly #groups: SecurityGroups
  readonly #acls: NetworkAcls

  constructor(topology: Topology, place: PlaceOf, { groups, acls }: Network) {
    this.#topology = topology
    this.#place = place
    this.#groups = groups
    this.#acls = acls
  }

  securityGroups(seen: Seen): CheckExplanation {
    const { eni, way, words, peer, peerEni } = seen
    const check = 'securityGroups'
    const own = this.#topology.enis[eni]!
    if (!this.#groups.filters(eni))
      return notFiltered(check, `${own.id} is in no security group: not filtered`)
    const accepts = this.#groups.accept(eni, way, words, 0, peer, peerEni)
    const rules = this.#groups.rules(eni, way)
    const index = this.#groups.decides(eni, way, words, 0, peer, peerEni)
    if (index >= 0) return this.#byRule(check, seen, rules, index, accepts)
    if (way === direction.out)
      return { check, accepts, by: 'default', says: 'no rule matches: default egress accept' }
    const shared = this.#sharedGroups(own, peerEni)
    const friends = shared.filter((id) => this.#group(id).innerAccess === 'accept')
    if (accepts)
      return {
        check,
        accepts,
        by: 'membership',
        says: `no rule matches, but ${this.#topology.enis[peerEni]!.id} is a member of ${friends.join(', ')} too: accept`,
      }
    const strangers = shared.length === 0 ? '' : `, and ${shared.join(', ')} has innerAccess drop`
    const says = `no rule matches${strangers}: default ingress drop`
    return { check, accepts, by: 'default', says, ...this.#nearest(check, seen, rules) }
  }

  networkAcl(seen: Seen): CheckExplanation {
    const { eni, way, words, peer, inside } = seen
    const check = 'networkAcl'
    const vSwitch = this.#topology.byId.vSwitches.get(this.#topology.enis[eni]!.vSwitch)!
    if (!this.#acls.filters(eni))
      return notFiltered(check, `vSwitch ${vSwitch.id} has no network ACL: not filtered`)
    if (!this.#acls.judges(eni, words, 0, peer, inside)) {
      const where = inside ? `inside vSwitch ${vSwitch.id}` : 'on the link'
      const says = `the ${seen.sought.peerIs} is ${where}: ${vSwitch.networkAcl} is not asked`
      return notFiltered(check, says)
    }
    const accepts = this.#acls.accept(eni, way, words, 0, peer, inside)
    const rules = this.#acls.rules(eni, way)
    const index = this.#acls.decides(eni, way, words, 0, peer)
    if (index >= 0) return this.#byRule(check, seen, rules, index, accepts)
    const says = `no entry of ${vSwitch.networkAcl} matches: drop`
    return { check, accepts, by: 'default', says, ...this.#nearest(check, seen, rules) }
  }

  #byRule(
    check: CheckExplanation['check'],
    seen: Seen,
    rules: readonly ListedRule[],
    index: number,
    accepts: boolean,
  ): CheckExplanation {
    const rule = this.#reference(check, seen, rules[index]!)
    const what = check === 'securityGroups' ? 'rule' : 'entry'
    const later = accepts
      ? undefined
      : rules.find(
          (each) => each.rule.policy === 'accept' && misses(each.rule, seen.sought).length === 0,
        )
    return {
      check,
      accepts,
      by: 'rule',
      says: `${what} ${rule.entry} of ${rule.id} decides: ${rule.text}`,
      rule,
      ...(later && { overruled: this.#reference(check, seen, later) }),
    }
  }

  #nearest(
    check: CheckExplanation['check'],
    seen: Seen,
    rules: readonly ListedRule[],
  ): Pick<CheckExplanation, 'nearest'> {
    const near = nearestRule(rules, seen.sought)
    if (near === undefined) return {}
    return { nearest: { ...this.#reference(check, seen, rules[near.index]!), missed: near.missed } }
  }

  #reference(
    check: CheckExplanation['check'],
    { way }: Seen,
    { id, entry, rule }: ListedRule,
  ): RuleReference {
    const { securityGroups, networkAcls, version } = this.#topology
    const list = way === direction.in ? 'ingress' : 'egress'
    const place = this.#place(
      check === 'securityGroups'
        ? [check, securityGroups.findIndex((each) => each.id === id), 'rules', entry]
        : ['networkAcls', networkAcls.findIndex((each) => each.id === id), list, entry],
    )
    const text = ruleText(rule, way)
    return { id, entry: entry + 1, ...(place !== undefined && { place }), text, version }
  }

  #group(id: string) {
    return this.#topology.byId.securityGroups.get(id)!
  }

  /** "A private address of an ENI of the same VPC that shares a group with this ENI" (records.md 23). */
  #sharedGroups(own: Eni, peerEni: number): string[] {
    const theirs = this.#topology.enis[peerEni]?.securityGroups ?? []
    return own.securityGroups.filter((id) => theirs.includes(id))
  }
}

const notFiltered = (check: CheckExplanation['check'], says: string): CheckExplanation => ({
  check,
  accepts: true,
  by: 'notFiltered',
  says,
})

/** `accept tcp port 443 from 120.26.0.0/16, priority 1` */
function ruleText(rule: ListedRule['rule'], way: number): string {
  const { policy, protocol, ports, peer, priority } = rule
  const every = ports === undefined || (ports.from === 0 && ports.to === 65_535)
  const range = every ? '' : ` ${ports.from === ports.to ? 'port' : 'ports'} ${portsText(ports)}`
  const who = peer === undefined ? 'anyone' : 'group' in peer ? peer.group : peer.cidr.text
  const turn = way === direction.in ? 'from' : 'to'
  const rank = priority === undefined ? '' : `, priority ${priority}`
  return `${policy} ${protocolName(protocol)}${range} ${turn} ${who}${rank}`
}
