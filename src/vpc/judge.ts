/**
 * ACCEPT or REJECT: "Accept: Traffic that is allowed by security groups and network ACLs. Reject: Traffic
 * that is rejected by security groups and network ACLs." Routes play no part (records.md 37). Verdicts are
 * made in the order packets are read (34). What the rules say of a packet comes as a Sight; here stands
 * what is remembered of those before it, by ENI number, through all versions of a topology.
 */
import { about, protocol, tcpFlag, word } from '../packet/packet.ts'
import { action } from '../record/batch.ts'
import { ConnectionTable, packetTime, standing } from './connections.ts'
import { FragmentVerdicts } from './fragment-verdicts.ts'
import type { Sight } from './sight.ts'

/** Connections held before idle ones are swept for the first time. */
const sweepConnections = 1 << 16

/** How far back in time packets may jump and still find their connection after a sweep, in seconds. */
const jumpSeconds = 120

/** Who may know better than the table when a connection was last heard of: pair-cache.ts. */
export interface ConnectionHolder {
  giveBack(slot: number): void
  /** Before a sweep, and after it: the new slot of each old one, 0 for the forgotten. */
  settle(): void
  move(moved: Int32Array): void
}

const nobody: ConnectionHolder = { giveBack() {}, settle() {}, move() {} }

export class Judge {
  readonly #connections: ConnectionTable
  readonly #holder: ConnectionHolder
  readonly #fragments = new FragmentVerdicts()
  #sweepAt = sweepConnections
  #sweptAt = Number.NaN

  constructor(connections = new ConnectionTable(), holder: ConnectionHolder = nobody) {
    this.#connections = connections
    this.#holder = holder
  }

  /** The action code for a packet at an ENI, and what it does to the state of that ENI. */
  judge(sight: Sight): number {
    const { mark, words, base, eni, way } = sight
    // "ICMPv6 types 133 to 137 are never filtered (ACCEPT, no state)." (31)
    if (mark & about.neighbourDiscovery) return action.accept
    if (!sight.filtered) return action.accept

    const second = packetTime(words[base + word.second]!, words[base + word.nanosecond]!)
    if (mark & about.laterFragment) {
      const first = this.#fragments.find(eni, way, words, base, second)
      if (first !== 0) return first
    }
    // "ACCEPT only if both accept" (16)
    let accepted = sight.aclAction() === action.accept
    if (sight.stateful && !(mark & about.icmpError && this.#related(sight, second)))
      accepted = this.#withState(sight, second, accepted)
    const verdict = accepted ? action.accept : action.reject
    if (mark & about.firstFragment) this.#fragments.put(eni, way, words, base, second, verdict)
    return verdict
  }

  /**
   * Security groups with their state (26 to 29).
   * @returns whether groups and ACL accept the packet
   */
  #withState(sight: Sight, second: number, aclAccepts: boolean): boolean {
    const connections = this.#connections
    const { mark, words, base, eni } = sight
    const tcp = (mark & about.protocolMask) === protocol.tcp
    const flags = (mark >>> about.flagsShift) & 0xff
    let slot = sight.slot === 0 ? connections.find(eni, words, base) : sight.slot
    this.#holder.giveBack(slot)
    const alive = slot !== 0 && !connections.forgotten(slot, second)
    const state = alive ? connections.verdict(slot) : 0
    // "A TCP packet with SYN and without ACK on a refused or closed connection is a first packet again" (28)
    const newSyn = tcp && (flags & (tcpFlag.syn | tcpFlag.ack)) === tcpFlag.syn
    const first =
      state === 0 || (newSyn && (state === standing.refused || connections.closed(slot)))
    const groupsAccept =
      (state === standing.open && !first) || sight.groupsAction() === action.accept
    const accepted = aclAccepts && groupsAccept
    if (first) {
      // A later fragment whose first was not seen is "judged with ports 0, opening nothing" (32).
      if (mark & about.laterFragment) return accepted
      if (slot === 0) slot = this.#insert(eni, words, base, second)
      connections.reset(slot, accepted ? standing.open : standing.refused)
      connections.last[slot] = second
    } else if (accepted || state === standing.refused) {
      // "a rejected packet does not refresh an open connection, any packet keeps a refused one" (29)
      connections.last[slot] = second
    }
    if (tcp && accepted) connections.takeFlags(slot, flags, connections.side(words, base))
    sight.slot = slot
    return accepted
  }

  /** "An ICMP error ... whose quoted packet belongs, either way round, to an open connection of this ENI" (30). */
  #related({ eni, quoted, base }: Sight, second: number): boolean {
    const slot = this.#connections.find(eni, quoted, base)
    this.#holder.giveBack(slot)
    return (
      slot !== 0 &&
      this.#connections.verdict(slot) === standing.open &&
      !this.#connections.forgotten(slot, second)
    )
  }

  #insert(eni: number, words: Int32Array, base: number, second: number): number {
    const connections = this.#connections
    const { size } = connections
    // Sooner than that after a sweep there is hardly anything to forget.
    if (size >= this.#sweepAt && !(Math.abs(second - this.#sweptAt) < jumpSeconds)) {
      this.#holder.settle()
      const moved = connections.sweep(second - jumpSeconds)
      if (connections.size < size) this.#holder.move(moved)
      this.#sweepAt = Math.max(sweepConnections, connections.size * 2)
      this.#sweptAt = second
    }
    if (size === 0) this.#sweptAt = second
    return connections.insert(eni, words, base)
  }
}
