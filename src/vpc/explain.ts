/**
 * Why a packet is accepted or rejected, and which way it takes: "for any flow, the verdict, the group or ACL rule
 * that decided, and for a default drop the rule that came nearest". Verdict and path are those of the code that
 * judges packets (`Judge`, `PathFinder`); `explain-checks.ts` and `explain-path.ts` only say where they come from.
 */
import { assert } from '../base/assert.ts'
import { nearest } from '../base/nearest.ts'
import { type PacketBatch, protocol, tcpFlag, word } from '../packet/packet.ts'
import { action, direction } from '../record/batch.ts'
import type { Address } from './address.ts'
import { Checks, type PlaceOf, type Seen } from './explain-checks.ts'
import { Paths } from './explain-path.ts'
import {
  type AskedPacket,
  batchOf,
  invalid,
  isDiscovery,
  isIcmpError,
  isMulticast,
  packetText,
  readPacket,
  turned,
} from './explain-question.ts'
import type {
  Action,
  CheckExplanation,
  EniExplanation,
  Explanation,
  Question,
  Way,
} from './explanation.ts'
import { forgetSeconds } from './connections.ts'
import { Judge } from './judge.ts'
import { Network } from './network.ts'
import { Sight } from './sight.ts'
import type { Topology } from './topology.ts'
import { TopologyYaml } from './topology-yaml.ts'
import { Uncaptured } from './uncaptured.ts'

/**
 * Explains a packet as the first of its connection.
 *
 * @param text of the topology file: then rules and routes are told with `file:line:column`
 * @throws WeirError ParameterInvalid for a question that is none, an unknown ENI, or an address of ENIs in several VPCs
 */
export function explain(topology: Topology, question: Question, text?: string): Explanation {
  const packet = readPacket(question)
  const yaml = text === undefined ? undefined : new TopologyYaml(text, topology.file)
  const explainer = new Explainer(topology, packet, (path) => yaml?.place(path))
  const sightings = explainer.sightings(question)
  const notCaptured = explainer.notCaptured(sightings)
  const enis = isMulticast(packet.destination)
    ? []
    : sightings.map((each) => explainer.explain(each))
  return {
    topology: { file: topology.file, version: topology.version, since: topology.loadedAt },
    packet: packetText(packet),
    enis: withUnreached(enis),
    ...(notCaptured !== undefined && { notCaptured }),
    notes: notesOn(packet, sightings, enis, notCaptured !== undefined),
  }
}

/** Where a packet is seen: the index of the ENI, and a direction code. */
interface Sighting {
  readonly eni: number
  readonly way: number
}

const actionOf = (accepts: boolean): Action => (accepts ? 'ACCEPT' : 'REJECT')
const otherWay = (way: number): number => (way === direction.in ? direction.out : direction.in)
const wayText = (way: number): Way => (way === direction.in ? 'in' : 'out')

class Explainer {
  readonly #topology: Topology
  readonly #packet: AskedPacket
  readonly #network: Network
  readonly #checks: Checks
  readonly #paths: Paths

  constructor(topology: Topology, packet: AskedPacket, place: PlaceOf) {
    this.#topology = topology
    this.#packet = packet
    this.#network = new Network(
      topology,
      Int32Array.from(topology.enis, (_, index) => index),
    )
    this.#checks = new Checks(topology, place, this.#network)
    this.#paths = new Paths(topology, place, this.#network)
  }

  sightings({ eni: id, direction: wanted }: Question): Sighting[] {
    const way = wanted === undefined ? undefined : direction[wanted]
    if (id === undefined)
      return this.#byAddress().filter((each) => way === undefined || each.way === way)
    const { enis } = this.#topology
    const eni = enis.findIndex((each) => each.id === id)
    if (eni < 0) {
      const near = nearest(
        id,
        enis.map((each) => each.id),
      )
      const hint = near === undefined ? undefined : `Did you mean ${JSON.stringify(near)}?`
      throw invalid(`there is no ENI ${JSON.stringify(id)} in ${this.#topology.file}`, hint)
    }
    return [{ eni, way: way ?? this.#directionAt(eni) }]
  }

  /** Records.md 4: what an ENI's tap would say. */
  #directionAt(eni: number): number {
    const { words } = batchOf(this.#packet)
    const found = this.#network.tapDirection.find(eni, words, 0)
    if (found !== direction.none) return found
    const { id } = this.#topology.enis[eni]!
    throw invalid(`nothing tells whether ${id} sends or receives this packet`, 'Give "direction".')
  }

  /**
   * "A packet is `out` at the ENI that owns its source address and `in` at the ENI that owns its destination"
   * (records.md 1, 2); "one record, `in`" when one ENI owns both (5); public addresses only "when neither address
   * is an own address of any ENI" (7).
   */
  #byAddress(): Sighting[] {
    const { source, destination } = this.#packet
    let sender = this.#privateOwner(source)
    let receiver = this.#privateOwner(destination)
    if (sender < 0 && receiver < 0) {
      sender = this.#publicOwner(source)
      receiver = this.#publicOwner(destination)
    }
    return [
      ...(sender >= 0 && sender !== receiver ? [{ eni: sender, way: direction.out }] : []),
      ...(receiver >= 0 ? [{ eni: receiver, way: direction.in }] : []),
    ]
  }

  #privateOwner(address: Address): number {
    const { enis } = this.#topology
    const owners = enis.filter(({ privateIps }) => privateIps.some((its) => isSame(its, address)))
    if (owners.length > 1) {
      const names = owners.map(({ id, vpc }) => `${id} (${vpc})`).join(' and ')
      throw invalid(`${address.text} is an address of ${names}`, 'Say which one: give "eni".')
    }
    return owners.length === 0 ? -1 : enis.indexOf(owners[0]!)
  }

  #publicOwner(address: Address): number {
    return this.#topology.enis.findIndex(
      ({ publicIp }) => publicIp !== undefined && isSame(publicIp, address),
    )
  }

  /** Why there is no record of the packet. */
  notCaptured(sightings: readonly Sighting[]): string | undefined {
    if (isMulticast(this.#packet.destination)) return 'Flow logs do not capture multicast traffic.'
    const { words } = batchOf(this.#packet)
    const uncaptured = new Uncaptured(this.#topology)
    const vpcs =
      sightings.length > 0
        ? sightings.map(({ eni }) => this.#network.addresses.vpcOf[eni]!)
        : this.#topology.vpcs.map((_, vpc) => vpc)
    return vpcs.some((vpc) => uncaptured.has(vpc, words[word.about]!, words, 0))
      ? 'Capturing traffic from a public-facing Classic Load Balancer (CLB) to the Internet is not supported.'
      : undefined
  }

  explain({ eni, way }: Sighting): EniExplanation {
    const batch = batchOf(this.#packet)
    const { seen, holder } = this.#see(eni, way, this.#packet, batch)
    const checks = this.#inOrder(seen)
    const accepts = this.#judge(seen, batch)
    const byChecks = checks.every((each) => each.accepts)
    assert(byChecks === accepts, `the checks say ${byChecks}, the judge says ${accepts}`)
    const asReply = this.#asReply({ eni, way }, accepts, checks)
    return {
      eni: this.#topology.enis[eni]!.id,
      direction: wayText(way),
      action: actionOf(accepts),
      checks,
      trafficPath: this.#paths.explain(seen, holder, batch.words[word.about]!),
      ...(asReply && { asReply }),
      notes: [...this.#ownership(seen), ...this.#statefulness(way, accepts, asReply)],
    }
  }

  /** Security groups accept what belongs to an open connection; "every packet is judged alone" by an ACL (26, 25). */
  #asReply({ eni, way }: Sighting, accepts: boolean, checks: readonly CheckExplanation[]) {
    if (!this.#packet.sourcePortKnown) return undefined
    const other = turned(this.#packet)
    const batch = batchOf(other)
    const { seen } = this.#see(eni, otherWay(way), other, batch)
    const opening = this.#judge(seen, batch)
    const acl = checks.find(({ check }) => check === 'networkAcl')!
    return { opening: actionOf(opening), action: actionOf(opening ? acl.accepts : accepts) }
  }

  #statefulness(way: number, accepts: boolean, asReply: EniExplanation['asReply']): string[] {
    if (accepts || asReply?.action !== 'ACCEPT' || isNewSyn(this.#packet)) return []
    const opener = `${packetText(turned(this.#packet))} (${wayText(otherWay(way))})`
    return [
      `As the answer to ${opener}, which would be accepted, it is ACCEPT: security groups are stateful.`,
    ]
  }

  #see(eni: number, way: number, packet: AskedPacket, { words }: PacketBatch) {
    const { addresses } = this.#network
    const mark = words[word.about]!
    const peer = way === direction.out ? word.destination : word.source
    const holder = addresses.holder(addresses.vpcOf[eni]!, mark, words, peer)
    const peerEni = addresses.eniOf(holder)
    const sought = {
      protocol: packet.protocol,
      destinationPort: packet.destinationPort,
      peer: way === direction.out ? packet.destination : packet.source,
      peerIs: way === direction.out ? ('destination' as const) : ('source' as const),
      peerGroups: this.#topology.enis[peerEni]?.securityGroups ?? [],
    }
    const inside = addresses.insideVSwitch(eni, holder, mark, words, peer)
    const seen: Seen = { eni, way, words, peer, peerEni, inside, sought }
    return { seen, holder }
  }

  /** A judge that has seen nothing yet: the packet is the first of its connection. */
  #judge({ eni, way }: Seen, batch: PacketBatch): boolean {
    const sight = new Sight()
    sight.begin(this.#network, eni, way, batch, 0)
    return new Judge().judge(sight) === action.accept
  }

  /** "`out`: security groups, then the vSwitch's network ACL; `in`: network ACL, then security groups." (16) */
  #inOrder(seen: Seen): CheckExplanation[] {
    const checks = isDiscovery(this.#packet)
      ? neighbourDiscovery
      : [this.#checks.securityGroups(seen), this.#checks.networkAcl(seen)]
    return seen.way === direction.out ? [...checks] : checks.toReversed()
  }

  #ownership({ eni, way }: Seen): string[] {
    const { id, privateIps, publicIp } = this.#topology.enis[eni]!
    const owns = (address: Address): boolean =>
      [...privateIps, ...(publicIp ? [publicIp] : [])].some((its) => isSame(its, address))
    const { source, destination } = this.#packet
    const [own, far] = way === direction.in ? [destination, source] : [source, destination]
    if (owns(own)) return []
    if (owns(far))
      return [`${far.text} is ${id}'s own address, yet the direction is ${wayText(way)}.`]
    return [`${id} has neither address: it forwards this packet, so only its own tap sees it.`]
  }
}

/** No answer begins with SYN alone. */
const isNewSyn = ({ tcpFlags }: AskedPacket): boolean =>
  tcpFlags !== undefined && (tcpFlags & (tcpFlag.syn | tcpFlag.ack)) === tcpFlag.syn

const neighbourDiscovery = (['securityGroups', 'networkAcl'] as const).map(
  (check): CheckExplanation => ({
    check,
    accepts: true,
    by: 'neighbourDiscovery',
    says: 'neighbour discovery (ICMPv6 types 133 to 137) is never filtered',
  }),
)

const isSame = (one: Address, other: Address): boolean =>
  one.family === other.family && one.words.every((each, i) => each === other.words[i])

/** "If the sender's side is REJECT the receiver has no record, no state and no traffic from it." (records.md 17) */
function withUnreached(enis: readonly EniExplanation[]): EniExplanation[] {
  const [sender, receiver] = enis
  if (sender?.action !== 'REJECT' || receiver === undefined) return [...enis]
  const note = `${sender.eni} may not send it, so it does not reach ${receiver.eni}, which has no record of it.`
  return [sender, { ...receiver, notes: [note, ...receiver.notes] }]
}

function notesOn(
  packet: AskedPacket,
  sightings: readonly Sighting[],
  enis: readonly EniExplanation[],
  uncaptured: boolean,
): string[] {
  const notes: string[] = []
  if (sightings.length === 0 && !uncaptured)
    notes.push('No ENI of the topology has one of these addresses: there is no record.')
  if (enis.length === 0) return notes
  const filtered = enis.some(({ checks }) => checks.some(({ by }) => by !== 'notFiltered'))
  if (!filtered || isDiscovery(packet)) return notes
  const tcp = packet.protocol === protocol.tcp
  const seconds = tcp ? forgetSeconds.tcp : forgetSeconds.other
  notes.push(
    `This is the verdict on the first packet of a connection. Of an accepted one, security groups let replies and later packets pass until ${seconds} s after the last; network ACLs judge every packet.`,
  )
  if (packet.tcpFlags !== undefined && !isNewSyn(packet))
    notes.push(
      'Its flags are not those of a first packet: if its connection is open, it passes by state.',
    )
  if (isIcmpError(packet))
    notes.push('An ICMP error about a packet of an open connection is accepted by security groups.')
  return notes
}
