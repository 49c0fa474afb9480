/**
 * Random security groups and network ACLs judge real packets: by the rules as nftables enforces them, with the
 * kernel's connection tracking, and by `vpc/`. Both see the same bytes in the same order.
 *
 * Left out, because there the kernel's states are other ones than those of records.md, or it does not forward:
 * - A packet the other way after a refusal. Here a refused connection opens nothing until a new SYN (27); the
 *   kernel remembers nothing of a packet that was dropped. Behind a firewall nobody answers what did not arrive.
 * - What follows a packet of TCP that the kernel calls invalid (a first FIN, RST or SYN-ACK): it is judged by the
 *   rules in both, but only here it opens a connection (26).
 * - Echo requests from both ends: one connection here (30), two in the kernel, which goes by their identifier.
 * - A SYN from the other end right after a reset, which the kernel calls invalid.
 * - Time-outs, fragments, SCTP (the kernel follows its handshake), link-local and broadcast peers.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  about,
  decoded,
  decodeFrame,
  linkType,
  PacketBatch,
  protocol,
  word,
} from '../src/packet/packet.ts'
import { action } from '../src/record/batch.ts'
import {
  type Assigner,
  ObservationBatch,
  owner,
  parseTopology,
  type Topology,
  topologyAssigner,
} from '../src/vpc/vpc.ts'
import { type Conversation, hold, scriptFor, type Sent } from './conversations.ts'
import { type Group, type GuardedEni, rulesetOf } from './nftables-rules.ts'
import { Dice, randomGroupRule, randomRule } from './random-rules.ts'
import { noFirewall, TunFirewall } from './tun-firewall.ts'

const ruleSets = process.env['WEIR_LONG'] === '1' ? 10_000 : 300
/** How many share a ruleset of nftables and the connections in its table. */
const ruleSetsAtOnce = 500
const conversationsMax = 12

/** "the first packet of a connection may be any": mid-stream pick-up; sequence numbers are never looked at (48). */
const sysctls = [
  'net.netfilter.nf_conntrack_tcp_loose=1',
  'net.netfilter.nf_conntrack_tcp_be_liberal=1',
]

const groupIds = ['sg-0', 'sg-1', 'sg-2'] as const
const outside4 = ['8.8.8.8', '8.8.9.9', '9.1.2.3', '192.168.7.7', '100.64.1.1']
const outside6 = ['2001:db8::1', '2001:db8:1::1', '2600::1']
const protocols = ['tcp', 'udp', 'icmp', 'icmpv6', 'gre', '50', 'all']
const servicePorts = [22, 53, 80, 443, 8080]
const portRanges = ['22/80', '80/80', '0/53', '443/443', '-1/-1', '1024/65535', '53/8080']

/** The ENI `eni-own` of one rule set, and who it talks to: addresses of a rule set are its own. */
class RuleSet {
  readonly own: { readonly four: string; readonly six: string }
  readonly #hosts: readonly {
    id: string
    vSwitch: string
    privateIps: string[]
    groups: string[]
  }[]
  readonly #groups: readonly Group[]
  readonly #acl: GuardedEni['acl']
  readonly #blocks: { readonly own: string[]; readonly other: string[] }
  readonly #unknown: readonly string[]

  constructor(number: number, dice: Dice) {
    const four = `10.${number >> 8}.${number & 255}`
    const six = `fd00:${number.toString(16)}`
    this.own = { four: `${four}.1`, six: `${six}::1` }
    this.#blocks = {
      own: [`${four}.0/26`, ...(dice.chance(50) ? [`${six}::/64`] : [])],
      other: [`${four}.64/26`, ...(dice.chance(50) ? [`${six}:0:1::/64`] : [])],
    }
    const held = (): string[] => [...new Set(dice.times(2, () => dice.of(groupIds)))]
    const [ownSix, otherSix] = [`${six}::`, `${six}:0:1::`]
    this.#hosts = [
      {
        id: 'eni-own',
        vSwitch: 'vsw-own',
        privateIps: [this.own.four, this.own.six],
        groups: held(),
      },
      {
        id: 'eni-near',
        vSwitch: 'vsw-own',
        privateIps: [`${four}.2`, `${ownSix}2`],
        groups: held(),
      },
      {
        id: 'eni-far',
        vSwitch: 'vsw-other',
        privateIps: [`${four}.66`, `${otherSix}2`],
        groups: held(),
      },
      {
        id: 'eni-far2',
        vSwitch: 'vsw-other',
        privateIps: [`${four}.67`, `${otherSix}3`],
        groups: held(),
      },
    ]
    this.#unknown = [`${four}.9`, `${four}.70`, `${four}.130`, `${ownSix}9`, `${otherSix}9`]
    const far = ['0.0.0.0/0', '::/0', '8.0.0.0/7', '8.8.8.8/32', '2001:db8::/32', '192.168.0.0/16']
    const near = [`${four}.0/24`, `${four}.64/26`, `${four}.66/32`, `${six}::/48`, `${otherSix}/64`]
    const peers = [...far, ...near]
    const choices = { protocols, ports: portRanges, peers }
    const groupChoices = { ...choices, peers: [...peers, ...groupIds] }
    this.#groups = groupIds.map((id) => ({
      id,
      innerAccess: dice.chance(70) ? 'accept' : 'drop',
      rules: dice.times(5, () => randomGroupRule(dice, groupChoices)),
    }))
    const entries = () => dice.times(4, () => randomRule(dice, choices))
    this.#acl = dice.chance(40)
      ? {
          // Often all but a few may pass: else hardly a connection would open.
          ingress: [...entries(), ...(dice.chance(60) ? [{ policy: 'accept' as const }] : [])],
          egress: [...entries(), ...(dice.chance(60) ? [{ policy: 'accept' as const }] : [])],
        }
      : undefined
  }

  /** As a topology file; JSON is YAML. */
  topology(): string {
    return JSON.stringify({
      vpcs: [{ id: 'vpc', cidrs: ['10.0.0.0/8', 'fd00::/16'] }],
      vSwitches: [
        {
          id: 'vsw-own',
          vpc: 'vpc',
          cidrs: this.#blocks.own,
          ...(this.#acl && { networkAcl: 'acl' }),
        },
        { id: 'vsw-other', vpc: 'vpc', cidrs: this.#blocks.other },
      ],
      enis: this.#hosts.map(({ groups, ...eni }) => ({
        ...eni,
        securityGroups: groups,
        ...(eni.id === 'eni-own' && { tap: { capture: '*' } }),
      })),
      securityGroups: this.#groups,
      networkAcls: this.#acl && [{ id: 'acl', ...this.#acl }],
    })
  }

  guarded(): GuardedEni {
    const [own, near] = this.#hosts
    const members = groupIds.map(
      (id) =>
        [
          id,
          this.#hosts
            .filter(({ groups }) => groups.includes(id))
            .flatMap(({ privateIps }) => privateIps),
        ] as const,
    )
    return {
      addresses: own!.privateIps,
      groups: this.#groups.filter(({ id }) => own!.groups.includes(id)),
      acl: this.#acl,
      inside: [...this.#blocks.own, ...own!.privateIps, ...near!.privateIps],
      members: new Map(members),
    }
  }

  /** Talks that have nothing to do with each other: no two of them are one connection. */
  conversations(dice: Dice): Conversation[] {
    const talks: Conversation[] = []
    const peersOf = (six: boolean): string[] =>
      [
        ...(six ? outside6 : outside4),
        ...this.#unknown,
        ...this.#hosts.slice(1).flatMap(({ privateIps }) => privateIps),
      ].filter((each) => each.includes(':') === six)
    const taken = new Set<string>()
    for (let i = dice.whole(6, conversationsMax); i > 0; i--) {
      const six = dice.chance(30)
      const number = dice.of([6, 6, 6, 17, 17, six ? 58 : 1, 47, 50])
      const hasPorts = number === protocol.tcp || number === protocol.udp
      const opens = dice.chance(50)
      const peer = dice.of(peersOf(six))
      const [client, service] = hasPorts ? [40_000 + i, dice.of(servicePorts)] : [0, 0]
      const key = `${number} ${peer} ${client}`
      if (taken.has(key)) continue
      taken.add(key)
      talks.push({
        own: six ? this.own.six : this.own.four,
        peer,
        router: six ? '2600:ffff::1' : '9.255.255.1',
        opens,
        protocol: number,
        ownPort: opens ? client : service,
        peerPort: opens ? service : client,
        script: scriptFor(dice, number),
      })
    }
    return talks
  }
}

/** The verdicts of `vpc/` on packets seen at the ENI's tap. */
class Model {
  readonly #assigner: Assigner
  readonly #batch = new PacketBatch()
  readonly #out = new ObservationBatch()

  private constructor(assigner: Assigner) {
    this.#assigner = assigner
    assigner.addInterface(0, { file: 'tap.pcap', name: undefined })
  }

  /** One that has seen nothing yet. */
  static async of(topology: Topology): Promise<Model> {
    return new Model(await topologyAssigner(topology))
  }

  accepts(packet: Uint8Array): boolean {
    const batch = this.#batch
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length)
    const what = decodeFrame(view, 0, packet.length, packet.length, linkType.raw, batch, 0)
    assert.equal(what, decoded.packet)
    batch.rows = 1
    batch.words[word.second] = 1000
    batch.words[word.nanosecond] = 0
    batch.words[word.interface] = 0
    batch.words[word.about]! &= ~(about.directionMask << about.directionShift)
    this.#assigner.assign(batch, this.#out)
    assert.equal(this.#out.rows, 1)
    return owner.action(this.#out.owner[0]!) === action.accept
  }
}

test(
  `${ruleSets} random rule sets: real packets through nftables get the same verdicts`,
  { skip: noFirewall() },
  async (context) => {
    const seed = Number(process.env['WEIR_SEED'] ?? 60)
    context.diagnostic(`WEIR_SEED=${seed}`)
    const count = { conversations: 0, opened: 0, packets: 0, accepted: 0, byState: 0 }
    for (let begin = 0; begin < ruleSets; begin += ruleSetsAtOnce) {
      const length = Math.min(ruleSetsAtOnce, ruleSets - begin)
      const dice = Array.from({ length }, (_, i) => new Dice(seed + begin + i))
      const sets = dice.map((each, i) => new RuleSet(begin + i, each))
      using firewall = new TunFirewall(sysctls, rulesetOf(sets.map((each) => each.guarded())))
      for (const [i, set] of sets.entries()) {
        const topology = await parseTopology(set.topology(), 'random.yaml')
        const model = await Model.of(topology)
        for (const talk of set.conversations(dice[i]!)) {
          const story: string[] = []
          count.conversations++
          let answer: Uint8Array | undefined
          let opened = false
          hold(talk, dice[i]!, ({ out, packet }: Sent) => {
            const passed = firewall.passes(out ? 'eni0' : 'net0', packet)
            const accepted = model.accepts(packet)
            story.push(
              `${out ? 'out' : 'in'} ${hex(packet)} nftables ${verdict(passed)}, Weir ${verdict(accepted)}`,
            )
            if (passed !== accepted)
              assert.fail(
                `WEIR_SEED=${seed + begin + i} (rule set ${begin + i})\n${JSON.stringify(talk)}\n${story.join('\n')}\n${set.topology()}\n${rulesetOf([set.guarded()])}`,
              )
            count.packets++
            if (passed) count.accepted++
            if (passed && story.length === 1) opened = true
            if (passed && opened && out !== talk.opens) answer ??= packet
            return passed
          })
          if (opened) count.opened++
          if (answer !== undefined && !(await Model.of(topology)).accepts(answer)) count.byState++
        }
      }
    }
    context.diagnostic(JSON.stringify(count))
    assert.ok(count.packets > ruleSets * 10, 'packets')
    assert.ok(count.opened > ruleSets * 2, 'connections that open')
    assert.ok(count.conversations - count.opened > ruleSets, 'connections that are refused')
    assert.ok(count.byState > ruleSets / 4, 'answers that only pass because of what they answer')
  },
)

const verdict = (accepts: boolean): string => (accepts ? 'ACCEPT' : 'REJECT')
const hex = (packet: Uint8Array): string => Buffer.from(packet).toString('hex')
