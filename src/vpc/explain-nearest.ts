/**
 * Which accept rule came nearest to a packet that none accepts, and what it missed, as words. What a rule matches:
 * records.md 21, 22 and 36.
 */
import { protocol } from '../packet/packet.ts'
import { type Address, type Cidr, familyBits, holds, maskWord } from './address.ts'
import { protocolName } from './explain-question.ts'
import type { ListedRule, TrafficRule } from './rule-list.ts'
import type { PortRange } from './topology-schema.ts'

/** A packet as rules look at it. */
export interface Sought {
  readonly protocol: number
  readonly destinationPort: number
  readonly peer: Address
  /** What the peer is: the source of an `in` packet, the destination of an `out` one. */
  readonly peerIs: 'source' | 'destination'
  /** The groups of the ENI that has the peer as a private address. */
  readonly peerGroups: readonly string[]
}

interface Miss {
  readonly condition: 'protocol' | 'port' | 'peer'
  /** How far off, among misses of the same condition. */
  readonly distance: number
  readonly words: string
}

/** Farther than any range of addresses: another family, or a group. */
const farthest = 1000

/** The conditions of a rule that a packet does not meet; none when it fits. */
export function misses({ protocol: wanted, ports, peer }: TrafficRule, sought: Sought): Miss[] {
  const found: Miss[] = []
  if (wanted !== -1 && wanted !== sought.protocol)
    found.push({
      condition: 'protocol',
      distance: 0,
      words: `protocol ${protocolName(sought.protocol)}, rule allows ${protocolName(wanted)}`,
    })
  // "`ports` is tested for TCP and UDP only" (21); a rule of all protocols or of another has none (36).
  const port = sought.destinationPort
  if (ports !== undefined && hasPorts(wanted) && hasPorts(sought.protocol)) {
    const distance = Math.max(ports.from - port, port - ports.to, 0)
    if (distance > 0)
      found.push({
        condition: 'port',
        distance,
        words: `port ${port}, rule allows ${portsText(ports)}`,
      })
  }
  const is = `${sought.peerIs} ${sought.peer.text}`
  if (peer !== undefined && 'group' in peer) {
    if (!sought.peerGroups.includes(peer.group))
      found.push({
        condition: 'peer',
        distance: farthest,
        words: `${is}, rule allows members of ${peer.group}`,
      })
  } else if (peer !== undefined && !holds(peer.cidr, sought.peer))
    found.push({
      condition: 'peer',
      distance: distanceTo(peer.cidr, sought.peer),
      words: `${is}, rule allows ${peer.cidr.text}`,
    })
  return found
}

export interface Near {
  readonly index: number
  readonly missed: readonly string[]
}

/**
 * The accept rule that misses the fewest conditions. Among those that miss the same ones: the nearest port,
 * the longest common prefix; then the smallest priority, then the order of the file.
 *
 * @param rules in the order they are tried
 */
export function nearestRule(rules: readonly ListedRule[], sought: Sought): Near | undefined {
  const candidates = rules
    .map(({ rule }, index) => ({ rule, index, missed: misses(rule, sought) }))
    .filter(({ rule, missed }) => rule.policy === 'accept' && missed.length > 0)
  const fewest = Math.min(...candidates.map(({ missed }) => missed.length))
  // Distances of different conditions cannot be compared: the nearest of each, then by their order.
  const best = new Map<string, (typeof candidates)[number]>()
  for (const each of candidates) {
    if (each.missed.length > fewest) continue
    const kind = each.missed.map(({ condition }) => condition).join()
    const other = best.get(kind)
    if (other === undefined || isNearer(each.missed, other.missed)) best.set(kind, each)
  }
  const [first] = [...best.values()].toSorted(
    (a, b) => (a.rule.priority ?? 1) - (b.rule.priority ?? 1) || a.index - b.index,
  )
  return first && { index: first.index, missed: first.missed.map(({ words }) => words) }
}

/** Misses of the same conditions, in the same order. */
function isNearer(these: readonly Miss[], those: readonly Miss[]): boolean {
  for (const [i, { distance }] of these.entries())
    if (distance !== those[i]!.distance) return distance < those[i]!.distance
  return false
}

const hasPorts = (number: number): boolean => number === protocol.tcp || number === protocol.udp

export const portsText = ({ from, to }: PortRange): string =>
  from === to ? String(from) : `${from} to ${to}`

/** Bits of the block's prefix that the address does not share. */
function distanceTo(block: Cidr, address: Address): number {
  if (block.family !== address.family) return farthest
  let shared = 0
  while (shared < familyBits(block.family) && sharesBits(block, address, shared + 1)) shared++
  return familyBits(block.family) - shared
}

const sharesBits = (block: Cidr, address: Address, bits: number): boolean =>
  block.words.every((each, i) => ((each ^ address.words[i]!) & maskWord(bits, i)) === 0)
