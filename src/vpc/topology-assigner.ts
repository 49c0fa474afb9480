/** Which ENIs of a topology a packet is seen at, with what verdict and by which path. */
import { assert } from '../base/assert.ts'
import { about, rowWords, word, type PacketBatch } from '../packet/packet.ts'
import { action, direction, type EniIdentity } from '../record/batch.ts'
import { byAddress, CaptureTaps } from './capture-taps.ts'
import { Judge } from './judge.ts'
import {
  type Assigner,
  type CaptureInterface,
  type ObservationBatch,
  ownerEnisMax,
  ownerOf,
} from './observations.ts'
import { PathFinder } from './path-finder.ts'
import { TapDirection } from './tap-direction.ts'
import type { Topology } from './topology.ts'
import { path } from './traffic-path.ts'
import { Owners, VpcAddresses } from './vpc-addresses.ts'

/** See `topologyAssigner` in vpc.ts. */
export class TopologyAssigner implements Assigner {
  readonly enis: readonly EniIdentity[]
  unassigned = 0
  multicastRows = 0
  readonly #taps: CaptureTaps
  readonly #addresses: VpcAddresses
  readonly #owners: Owners
  readonly #tapDirection: TapDirection
  readonly #judge: Judge
  readonly #paths: PathFinder

  /** @param enis who the ENIs are, in the topology's order */
  constructor(topology: Topology, enis: readonly EniIdentity[]) {
    assert(enis.length <= ownerEnisMax, `an owner word numbers ${ownerEnisMax} ENIs`)
    this.enis = enis
    this.#taps = new CaptureTaps(topology)
    this.#addresses = new VpcAddresses(topology)
    this.#owners = new Owners(topology)
    this.#tapDirection = new TapDirection(topology, this.#addresses, this.#owners)
    this.#judge = new Judge(topology)
    this.#paths = new PathFinder(topology, this.#addresses)
  }

  addInterface(index: number, from: CaptureInterface): void {
    this.#taps.add(index, from.file, from.name)
  }

  coveredEnis(): readonly number[] {
    return this.#taps.covered()
  }

  assign(batch: PacketBatch, out: ObservationBatch): void {
    const words = batch.words
    out.rows = 0
    for (let row = 0; row < batch.rows; row++) {
      const base = row * rowWords
      if (words[base + word.about]! & about.multicast) {
        this.multicastRows++
        continue
      }
      const owner = this.#taps.owner(words[base + word.interface]!)
      if (owner >= 0) this.#atTap(owner, batch, row, out)
      else if (owner !== byAddress || !this.#byAddress(batch, row, out))
        this.unassigned += words[base + word.packets]!
    }
  }

  /** "Belong to that ENI alone: one record a packet, its side only" (3). */
  #atTap(eni: number, batch: PacketBatch, row: number, out: ObservationBatch): void {
    const way = this.#tapDirection.find(eni, batch.words, row * rowWords)
    if (way !== direction.none) this.#observe(eni, way, batch, row, out)
    else write(out, row, eni, way, action.accept, path.other) // "else `-` with action ACCEPT and path 0" (4)
  }

  /** "A packet is `out` at the ENI that owns its source address and `in` at the ENI that owns its destination" (1). */
  #byAddress(batch: PacketBatch, row: number, out: ObservationBatch): boolean {
    const words = batch.words
    const source = row * rowWords + word.source
    const destination = row * rowWords + word.destination
    const mark = words[row * rowWords + word.about]!
    let sender = this.#owners.ofPrivate(mark, words, source)
    let receiver = this.#owners.ofPrivate(mark, words, destination)
    if (sender === 0 && receiver === 0) {
      sender = this.#owners.ofPublic(mark, words, source)
      receiver = this.#owners.ofPublic(mark, words, destination)
      if (sender === 0 && receiver === 0) return false
    }
    // "One record, `in`: a host does not send to itself over its interface." (5)
    if (sender !== 0 && sender !== receiver) {
      const verdict = this.#observe(sender - 1, direction.out, batch, row, out)
      // "If the sender's side is REJECT the receiver has no record, no state and no traffic from it." (17)
      if (verdict === action.reject) return true
    }
    if (receiver !== 0) this.#observe(receiver - 1, direction.in, batch, row, out)
    return true
  }

  /** @returns the action */
  #observe(
    eni: number,
    way: number,
    batch: PacketBatch,
    row: number,
    out: ObservationBatch,
  ): number {
    const words = batch.words
    const addresses = this.#addresses
    const mark = words[row * rowWords + word.about]!
    const peer = row * rowWords + (way === direction.out ? word.destination : word.source)
    const holder = addresses.holder(addresses.vpcOf[eni]!, mark, words, peer)
    const inside = addresses.insideVSwitch(eni, holder, mark, words, peer)
    const peerEni = addresses.eniOf(holder)
    const verdict = this.#judge.judge(eni, way, batch, row, peer, peerEni, inside)
    const trafficPath = this.#paths.find(eni, holder, inside, mark, words, peer)
    write(out, row, eni, way, verdict, trafficPath)
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
