/**
 * ACCEPT or REJECT: "Accept: Traffic that is allowed by security groups and network ACLs. Reject: Traffic
 * that is rejected by security groups and network ACLs." Routes play no part (records.md 37). Verdicts are
 * made in the order packets are read (34).
 */
import { about, protocol, rowWords, tcpFlag, word, type PacketBatch } from '../packet/packet.ts'
import { action } from '../record/batch.ts'
import { ConnectionTable, packetTime } from './connections.ts'
import { FragmentVerdicts } from './fragment-verdicts.ts'
import { NetworkAcls } from './network-acls.ts'
import { SecurityGroups } from './security-groups.ts'
import type { Topology } from './topology.ts'

/** What `ConnectionTable.verdict` says of a connection (records.md 26). */
const connection = { unknown: 0, open: 1, refused: 2 } as const

/** Connections held before idle ones are swept for the first time. */
const sweepConnections = 1 << 16

/** How far back in time packets may jump and still find their connection after a sweep, in seconds. */
const jumpSeconds = 120

export class Judge {
  readonly #groups: SecurityGroups
  readonly #acls: NetworkAcls
  readonly #connections = new ConnectionTable()
  readonly #fragments = new FragmentVerdicts()
  #sweepAt = sweepConnections

  constructor(topology: Topology) {
    this.#groups = new SecurityGroups(topology)
    this.#acls = new NetworkAcls(topology)
  }

  /**
   * The action code for a packet at an ENI, and what it does to the state of that ENI.
   * @param way direction.in or direction.out
   * @param row of the packet in `batch`
   * @param peer where the peer's address begins in `batch.words`
   * @param peerEni the ENI of the same VPC that has the peer as a private address, -1 for none
   * @param inside whether the peer is inside the ENI's own vSwitch
   */
  judge(
    eni: number,
    way: number,
    batch: PacketBatch,
    row: number,
    peer: number,
    peerEni: number,
    inside: boolean,
  ): number {
    const words = batch.words
    const base = row * rowWords
    const mark = words[base + word.about]!
    // "ICMPv6 types 133 to 137 are never filtered (ACCEPT, no state)." (31)
    if (mark & about.neighbourDiscovery) return action.accept
    const stateful = this.#groups.filters(eni)
    if (!stateful && !this.#acls.filters(eni)) return action.accept

    const second = packetTime(words[base + word.second]!, words[base + word.nanosecond]!)
    if (mark & about.laterFragment) {
      const first = this.#fragments.find(eni, way, words, base, second)
      if (first !== 0) return first
    }
    // "ACCEPT only if both accept" (16)
    let accepted = this.#acls.accept(eni, way, words, base, peer, inside)
    if (stateful && !(mark & about.icmpError && this.#related(eni, batch.quoted, base, second)))
      accepted = this.#withState(eni, way, words, base, peer, peerEni, second, accepted)
    const verdict = accepted ? action.accept : action.reject
    if (mark & about.firstFragment) this.#fragments.put(eni, way, words, base, second, verdict)
    return verdict
  }

  /**
   * Security groups with their state (26 to 29).
   * @returns whether groups and ACL accept the packet
   */
  #withState(
    eni: number,
    way: number,
    words: Int32Array,
    base: number,
    peer: number,
    peerEni: number,
    second: number,
    aclAccepts: boolean,
  ): boolean {
    const connections = this.#connections
    const mark = words[base + word.about]!
    const tcp = (mark & about.protocolMask) === protocol.tcp
    const flags = (mark >>> about.flagsShift) & 0xff
    let slot = connections.find(eni, words, base)
    const alive = slot !== 0 && !connections.forgotten(slot, second)
    const state = alive ? connections.verdict[slot]! : connection.unknown
    // "A TCP packet with SYN and without ACK on a refused or closed connection is a first packet again" (28)
    const newSyn = tcp && (flags & (tcpFlag.syn | tcpFlag.ack)) === tcpFlag.syn
    const first =
      state === connection.unknown ||
      (newSyn && (state === connection.refused || connections.closed(slot)))
    const groupsAccept =
      (state === connection.open && !first) ||
      this.#groups.accept(eni, way, words, base, peer, peerEni)
    const accepted = aclAccepts && groupsAccept
    if (first) {
      // A later fragment whose first was not seen is "judged with ports 0, opening nothing" (32).
      if (mark & about.laterFragment) return accepted
      if (slot === 0) slot = this.#insert(eni, words, base, second)
      else connections.reset(slot)
      connections.verdict[slot] = accepted ? connection.open : connection.refused
      connections.last[slot] = second
    } else if (accepted || state === connection.refused) {
      // "a rejected packet does not refresh an open connection, any packet keeps a refused one" (29)
      connections.last[slot] = second
    }
    if (tcp && accepted) connections.takeFlags(slot, flags, connections.side(words, base))
    return accepted
  }

  /** "An ICMP error ... whose quoted packet belongs, either way round, to an open connection of this ENI" (30). */
  #related(eni: number, quoted: Int32Array, base: number, second: number): boolean {
    const slot = this.#connections.find(eni, quoted, base)
    return (
      slot !== 0 &&
      this.#connections.verdict[slot] === connection.open &&
      !this.#connections.forgotten(slot, second)
    )
  }

  #insert(eni: number, words: Int32Array, base: number, second: number): number {
    const connections = this.#connections
    if (connections.size >= this.#sweepAt) {
      connections.sweep(second - jumpSeconds)
      this.#sweepAt = Math.max(sweepConnections, connections.size * 2)
    }
    return connections.insert(eni, words, base)
  }
}
