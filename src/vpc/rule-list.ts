/**
 * Rules of security groups and network ACLs in the order they are tried, as flat arrays. What a rule
 * matches: records.md 21, 22 and 36.
 */
import { about, protocol } from '../packet/packet.ts'
import { maskWord } from './address.ts'
import type { PortRange, RulePeer } from './topology-schema.ts'

export interface TrafficRule {
  readonly policy: 'accept' | 'drop'
  /** -1 is all. */
  readonly protocol: number
  readonly ports?: PortRange | undefined
  /** Absent: anyone, both families. */
  readonly peer?: RulePeer | undefined
}

/** A rule and where it stands in the topology. */
export interface ListedRule {
  /** The security group or network ACL. */
  readonly id: string
  /** Its index among the rules of `id`; of an ACL, among those of its direction. */
  readonly entry: number
  readonly rule: TrafficRule & { readonly priority?: number }
}

export const ruleVerdict = { none: 0, accept: 1, drop: 2 } as const

/** What a rule's peer is, in the first word of a rule. */
const anyone = 0
const inGroup = 1
// else the family of the block: 4 or 6

const ruleWords = 14
const at = { peer: 0, protocol: 1, from: 2, to: 3, policy: 4, group: 5, net: 6, mask: 10 } as const

export class RuleList {
  readonly #rules: Int32Array

  /** @param groupIndex the number a security group has in `peerGroups` of `verdict` */
  constructor(rules: readonly TrafficRule[], groupIndex: (id: string) => number) {
    this.#rules = new Int32Array(rules.length * ruleWords)
    for (const [i, rule] of rules.entries()) {
      const words = this.#rules.subarray(i * ruleWords, (i + 1) * ruleWords)
      words[at.protocol] = rule.protocol
      words[at.from] = rule.ports?.from ?? 0
      words[at.to] = rule.ports?.to ?? 65535
      words[at.policy] = rule.policy === 'accept' ? ruleVerdict.accept : ruleVerdict.drop
      if (rule.peer === undefined) words[at.peer] = anyone
      else if ('group' in rule.peer) {
        words[at.peer] = inGroup
        words[at.group] = groupIndex(rule.peer.group)
      } else {
        const { family, words: net, length } = rule.peer.cidr
        words[at.peer] = family
        words.set(net, at.net)
        for (let word = 0; word < 4; word++) words[at.mask + word] = maskWord(length, word)
      }
    }
  }

  /** The policy of the first rule that matches, or `ruleVerdict.none`. See `find`. */
  verdict(words: Int32Array, packet: number, peer: number, peerGroups: Int32Array): number {
    const rule = this.find(words, packet, peer, peerGroups)
    return rule < 0 ? ruleVerdict.none : this.#rules[rule * ruleWords + at.policy]!
  }

  /**
   * The index of the first rule that matches, -1 when none does.
   * @param packet where the packet's row begins in `words`
   * @param peer where the peer's address begins in `words`
   * @param peerGroups groups of the ENI of this VPC that has the peer as a private address, in ascending order
   */
  find(words: Int32Array, packet: number, peer: number, peerGroups: Int32Array): number {
    const rules = this.#rules
    const mark = words[packet + 9]!
    const proto = mark & about.protocolMask
    const family = mark & about.ipv6 ? 6 : 4
    const hasPorts = proto === protocol.tcp || proto === protocol.udp
    const port = words[packet + 8]! & 0xffff
    for (let rule = 0; rule < rules.length; rule += ruleWords) {
      const wanted = rules[rule + at.protocol]!
      if (wanted !== -1) {
        if (wanted !== proto) continue
        if (hasPorts && (port < rules[rule + at.from]! || port > rules[rule + at.to]!)) continue
      }
      const kind = rules[rule + at.peer]!
      if (kind === inGroup) {
        if (!peerGroups.includes(rules[rule + at.group]!)) continue
      } else if (kind !== anyone) {
        if (kind !== family) continue
        let i = 0
        const width = family === 6 ? 4 : 1
        while (
          i < width &&
          (words[peer + i]! & rules[rule + at.mask + i]!) === rules[rule + at.net + i]
        )
          i++
        if (i < width) continue
      }
      return rule / ruleWords
    }
    return -1
  }
}
