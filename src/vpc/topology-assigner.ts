/** Which ENIs of a topology a packet is seen at, with what verdict and by which path. */
import { about, rowWords, word, type PacketBatch } from '../packet/packet.ts'
import { action, direction, type EniIdentity } from '../record/batch.ts'
import { byAddress, CaptureTaps } from './capture-taps.ts'
import { ConnectionTable } from './connections.ts'
import { EniNumbers } from './eni-numbers.ts'
import { Judge } from './judge.ts'
import { Network } from './network.ts'
import {
  type CaptureInterface,
  type ChangingAssigner,
  type ObservationBatch,
  ownerOf,
} from './observations.ts'
import { PairCache, pairSlotsMax, stride } from './pair-cache.ts'
import { factShift, pair, pairPeerA, pairStateful, viewWords } from './pair-entry.ts'
import { tapByAddress, tapEni, tapNobody } from './pair-hash.ts'
import { pathUnknown, Sight } from './sight.ts'
import type { Topology } from './topology.ts'
import { path } from './traffic-path.ts'

/** In a byte of facts: "else `-` with action ACCEPT and path 0" (records.md 4). */
const wayUntold = 3

/** See `topologyAssigner` in vpc.ts. */
export class TopologyAssigner implements ChangingAssigner {
  unassigned = 0
  multicastRows = 0
  uncapturedRows = 0
  readonly #numbers = new EniNumbers()
  readonly #pairs: PairCache
  readonly #judge: Judge
  readonly #sight = new Sight()
  #taps: CaptureTaps
  #network: Network
  /** By capture interface: the tap's part of a pair's key. */
  #tapOf = new Int32Array(0)

  /** @param pairSlots pairs of which is kept what the topology says of them */
  constructor(topology: Topology, pairSlots = pairSlotsMax) {
    const connections = new ConnectionTable()
    this.#pairs = new PairCache(connections, pairSlots)
    this.#judge = new Judge(connections, this.#pairs)
    this.#taps = new CaptureTaps(topology)
    this.#network = new Network(topology, this.#numbers.take(topology))
  }

  get enis(): readonly EniIdentity[] {
    return this.#numbers.enis
  }

  change(topology: Topology): void {
    const taps = this.#taps.of(topology)
    this.#network = new Network(topology, this.#numbers.take(topology))
    this.#taps = taps
    this.#pairs.clear()
    this.#tapOf = Int32Array.from(this.#tapOf, (_, index) => this.#tapKey(index))
  }

  addInterface(index: number, from: CaptureInterface): void {
    this.#taps.add(index, from)
    const known = this.#tapOf.length
    if (index >= known) {
      const wider = new Int32Array(Math.max(index + 1, known * 2)).fill(tapByAddress)
      wider.set(this.#tapOf)
      this.#tapOf = wider
    }
    this.#tapOf[index] = this.#tapKey(index)
  }

  #tapKey(index: number): number {
    const owner = this.#taps.owner(index)
    if (owner >= 0) return tapEni + this.#network.numberOf[owner]!
    return owner === byAddress ? tapByAddress : tapNobody
  }

  coveredEnis(): readonly number[] {
    const numbers = this.#taps.covered().map((index) => this.#network.numberOf[index]!)
    return numbers.sort((a, b) => a - b)
  }

  assign(batch: PacketBatch, out: ObservationBatch): void {
    const { words } = batch
    const pairs = this.#pairs
    out.rows = 0
    for (let start = 0; start < batch.rows; start += stride) {
      const count = Math.min(stride, batch.rows - start)
      pairs.lookUp(words, start, count, this.#tapOf)
      for (let i = 0; i < count; i++) {
        i = pairs.answer(words, start, i, count, out)
        if (i < count) this.#assignRow(batch, start + i, i, out)
      }
    }
  }

  /** @param i the row's number in its stride */
  #assignRow(batch: PacketBatch, row: number, i: number, out: ObservationBatch): void {
    const { words } = batch
    const base = row * rowWords
    if (words[base + word.about]! & about.multicast) {
      this.multicastRows++
      return
    }
    const from = words[base + word.interface]!
    const tap = from < this.#tapOf.length ? this.#tapOf[from]! : tapByAddress
    if (tap === tapNobody) this.unassigned += words[base + word.packets]!
    else if (tap === tapByAddress) this.#byAddress(batch, row, i, out)
    else this.#atTap(tap - tapEni, batch, row, i, out)
  }

  /** "Belong to that ENI alone: one record a packet, its side only" (3). */
  #atTap(eni: number, batch: PacketBatch, row: number, i: number, out: ObservationBatch): void {
    const pairs = this.#pairs
    const { words } = batch
    const base = row * rowWords
    // No entry is ever made for them, so each of their packets comes here.
    if (this.#isUncaptured(eni, words, base)) {
      this.uncapturedRows++
      return
    }
    let entry = pairs.find(words, base, i)
    if (entry < 0) {
      entry = pairs.insert(words, base, i)
      this.#addView(entry, 0, eni)
    }
    const shift = factShift(0, pairs.orientation(words, base, entry))
    const hint = (words[base + word.about]! >>> about.directionShift) & about.directionMask
    const facts = (pairs.words[entry + pair.facts]! >>> shift) & 0xff
    if ((facts & 3) === 0 || facts >>> 6 !== hint) {
      const { tapDirection, indexOf } = this.#network
      const way = tapDirection.find(indexOf[eni]!, words, base)
      const told = way === direction.none ? wayUntold : way
      pairs.words[entry + pair.facts]! &= ~(0xff << shift)
      pairs.words[entry + pair.facts]! |= (told | (hint << 6)) << shift
    }
    if (((pairs.words[entry + pair.facts]! >>> shift) & 3) === wayUntold)
      write(out, row, eni, direction.none, action.accept, path.other)
    else this.#observe(entry, 0, shift, batch, row, out)
  }

  #isUncaptured(eni: number, words: Int32Array, base: number): boolean {
    const { uncaptured, addresses, indexOf } = this.#network
    const vpc = addresses.vpcOf[indexOf[eni]!]!
    return uncaptured.has(vpc, words[base + word.about]!, words, base)
  }

  /** "A packet is `out` at the ENI that owns its source address and `in` at the ENI that owns its destination" (1). */
  #byAddress(batch: PacketBatch, row: number, i: number, out: ObservationBatch): void {
    const pairs = this.#pairs
    const { words } = batch
    const base = row * rowWords
    let entry = pairs.find(words, base, i)
    if (entry < 0) entry = this.#addOwners(words, base, i)
    const orientation = pairs.orientation(words, base, entry)
    const facts = pairs.words[entry + pair.facts]!
    if (facts === 0) this.unassigned += words[base + word.packets]!
    else if (facts >>> factShift(1, 0) === 0)
      this.#observe(entry, 0, factShift(0, orientation), batch, row, out)
    else {
      // View 0 is the sender of the packets that go the way of the first.
      const sender = orientation
      const shift = factShift(sender, orientation)
      const verdict = this.#observe(entry, sender, shift, batch, row, out)
      // "If the sender's side is REJECT the receiver has no record, no state and no traffic from it." (17)
      if (verdict === action.reject) return
      this.#observe(entry, 1 - sender, factShift(1 - sender, orientation), batch, row, out)
    }
  }

  /** An entry with the ENIs that own the ends of a packet, and its directions there. */
  #addOwners(words: Int32Array, base: number, i: number): number {
    const { owners, numberOf } = this.#network
    const pairs = this.#pairs
    const source = base + word.source
    const destination = base + word.destination
    const mark = words[base + word.about]!
    let sender = owners.ofPrivate(mark, words, source)
    let receiver = owners.ofPrivate(mark, words, destination)
    if (sender === 0 && receiver === 0) {
      sender = owners.ofPublic(mark, words, source)
      receiver = owners.ofPublic(mark, words, destination)
    }
    const entry = pairs.insert(words, base, i)
    const wayOut = direction.out | (direction.in << factShift(0, 1))
    const wayIn = direction.in | (direction.out << factShift(0, 1))
    // "One record, `in`: a host does not send to itself over its interface." (5)
    const itself = direction.in | (direction.in << factShift(0, 1))
    let facts = 0
    if (sender !== 0 && sender === receiver) facts = itself
    else if (sender !== 0) facts = wayOut | (receiver === 0 ? 0 : wayIn << factShift(1, 0))
    else if (receiver !== 0) facts = wayIn
    pairs.words[entry + pair.facts] = facts
    if (sender !== 0) this.#addView(entry, 0, numberOf[sender - 1]!)
    else if (receiver !== 0) this.#addView(entry, 0, numberOf[receiver - 1]!)
    if (receiver !== 0 && sender !== 0) this.#addView(entry, 1, numberOf[receiver - 1]!)
    return entry
  }

  #addView(entry: number, view: number, eni: number): void {
    const { groups, indexOf } = this.#network
    this.#pairs.words[entry + pair.connection + view * viewWords] = 0
    const stateful = groups.filters(indexOf[eni]!) ? pairStateful : 0
    this.#pairs.words[entry + pair.eni + view * viewWords] = (eni << 12) | stateful | pathUnknown
  }

  /**
   * A packet at one ENI, by what is known of its pair; what had to be found is known from then on.
   * @param shift where the byte of the view and the packet's orientation stands in the facts
   * @returns the action
   */
  #observe(
    entry: number,
    view: number,
    shift: number,
    batch: PacketBatch,
    row: number,
    out: ObservationBatch,
  ): number {
    const { words } = this.#pairs
    const sight = this.#sight
    const eniAt = entry + pair.eni + view * viewWords
    const connectionAt = entry + pair.connection + view * viewWords
    const facts = words[entry + pair.facts]! >>> shift
    const eni = words[eniAt]! >>> 12
    const way = facts & 3
    const turned = (shift & factShift(0, 1)) !== 0
    const peerA = (way === direction.out) === turned ? pairPeerA : 0
    // At the tap of an ENI that forwards both ends may be the peer, each for one orientation.
    const kept = (words[eniAt]! & 0xff) === pathUnknown || (words[eniAt]! & pairPeerA) === peerA
    sight.begin(this.#network, eni, way, batch, row)
    sight.slot = words[connectionAt]!
    if (kept) {
      sight.acl = (facts >>> 2) & 3
      sight.groups = (facts >>> 4) & 3
      sight.path = words[eniAt]! & 0xff
    }
    const verdict = this.#judge.judge(sight)
    write(out, row, eni, way, verdict, sight.trafficPath())
    const alone = words[entry + pair.facts]! >>> factShift(1, 0) === 0
    if (!alone) words[connectionAt] = sight.slot
    else if (sight.slot !== 0) this.#pairs.take(entry, sight.slot)
    if (!kept) return verdict
    words[eniAt] = (words[eniAt]! & ~0xff) | peerA | sight.path
    words[entry + pair.facts]! |= ((sight.aclAction() << 2) | (sight.groups << 4)) << shift
    const back = shift ^ factShift(0, 1)
    const factsBack = words[entry + pair.facts]! >>> back
    if ((factsBack & 3) === 3 - way && ((factsBack >>> 2) & 3) === action.none)
      words[entry + pair.facts]! |= sight.aclActionBack() << (back + 2)
    return verdict
  }
}

function write(
  out: ObservationBatch,
  packet: number,
  eni: number,
  way: number,
  verdict: number,
  trafficPath: number,
): void {
  const row = out.rows++
  out.packet[row] = packet
  out.owner[row] = ownerOf(eni, way, verdict)
  out.path[row] = trafficPath
}
