/** Which ENIs of a topology a packet is seen at, with what verdict and by which path. */
import { about, rowWords, word, type PacketBatch } from '../packet/packet.ts'
import { action, direction, type EniIdentity } from '../record/batch.ts'
import { byAddress, CaptureTaps } from './capture-taps.ts'
import { EniNumbers } from './eni-numbers.ts'
import { Judge } from './judge.ts'
import { Network } from './network.ts'
import {
  type CaptureInterface,
  type ChangingAssigner,
  type ObservationBatch,
  ownerOf,
} from './observations.ts'
import { Sight } from './sight.ts'
import type { Topology } from './topology.ts'
import { path } from './traffic-path.ts'

/** See `topologyAssigner` in vpc.ts. */
export class TopologyAssigner implements ChangingAssigner {
  unassigned = 0
  multicastRows = 0
  readonly #numbers = new EniNumbers()
  readonly #judge = new Judge()
  readonly #sight = new Sight()
  #taps: CaptureTaps
  #network: Network

  constructor(topology: Topology) {
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
  }

  addInterface(index: number, from: CaptureInterface): void {
    this.#taps.add(index, from)
  }

  coveredEnis(): readonly number[] {
    const numbers = this.#taps.covered().map((index) => this.#network.numberOf[index]!)
    return numbers.sort((a, b) => a - b)
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
  #atTap(index: number, batch: PacketBatch, row: number, out: ObservationBatch): void {
    const { tapDirection, numberOf } = this.#network
    const eni = numberOf[index]!
    const way = tapDirection.find(index, batch.words, row * rowWords)
    if (way !== direction.none) this.#observe(eni, way, batch, row, out)
    else write(out, row, eni, way, action.accept, path.other) // "else `-` with action ACCEPT and path 0" (4)
  }

  /** "A packet is `out` at the ENI that owns its source address and `in` at the ENI that owns its destination" (1). */
  #byAddress(batch: PacketBatch, row: number, out: ObservationBatch): boolean {
    const { owners, numberOf } = this.#network
    const words = batch.words
    const source = row * rowWords + word.source
    const destination = row * rowWords + word.destination
    const mark = words[row * rowWords + word.about]!
    let sender = owners.ofPrivate(mark, words, source)
    let receiver = owners.ofPrivate(mark, words, destination)
    if (sender === 0 && receiver === 0) {
      sender = owners.ofPublic(mark, words, source)
      receiver = owners.ofPublic(mark, words, destination)
      if (sender === 0 && receiver === 0) return false
    }
    // "One record, `in`: a host does not send to itself over its interface." (5)
    if (sender !== 0 && sender !== receiver) {
      const verdict = this.#observe(numberOf[sender - 1]!, direction.out, batch, row, out)
      // "If the sender's side is REJECT the receiver has no record, no state and no traffic from it." (17)
      if (verdict === action.reject) return true
    }
    if (receiver !== 0) this.#observe(numberOf[receiver - 1]!, direction.in, batch, row, out)
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
    const sight = this.#sight
    sight.begin(this.#network, eni, way, batch, row)
    const verdict = this.#judge.judge(sight)
    write(out, row, eni, way, verdict, sight.trafficPath())
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
