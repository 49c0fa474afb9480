/**
 * vpc/: what a packet means in a VPC: the ENI it belongs to, its direction there, ACCEPT or REJECT, and its
 * traffic path. Rules: reference records.md, sections A to C.
 *
 * `topology.ts` loads the file that says what the cloud knows, `vpc-addresses.ts` makes look-up tables of
 * it, `capture-taps.ts` and `tap-direction.ts` tell where a packet was seen, `judge.ts` gives the verdict
 * (security groups, network ACLs, connection state), `path-finder.ts` the traffic path. Here stands the
 * front: batches of packets in, batches of observations out. Nothing here counts or knows windows: that is
 * `flow/` and `window/`. Nothing is allocated per packet.
 */
import { about, packetBatchRows, rowWords, word, type PacketBatch } from '../packet/packet.ts'
import { action, direction, noTrafficPath, type EniIdentity } from '../record/batch.ts'
import { byAddress, CaptureTaps } from './capture-taps.ts'
import { Judge } from './judge.ts'
import { type ObservationBatch, ownerOf } from './observations.ts'
import { PathFinder } from './path-finder.ts'
import { TapDirection } from './tap-direction.ts'
import type { Topology, TopologyLoad } from './topology.ts'
import { path } from './traffic-path.ts'
import { Owners, VpcAddresses } from './vpc-addresses.ts'

export { ConnectionTable, forgetSeconds, packetTime } from './connections.ts'
export { ObservationBatch, owner, ownerEnisMax, ownerOf } from './observations.ts'
export type { Topology, TopologyLoad } from './topology.ts'
export { trafficPaths } from './traffic-path.ts'

/**
 * Reads and checks a topology file. Throws FileUnreadable, and TopologyInvalid as `parseTopology` does. The
 * YAML and schema libraries are only loaded when a topology is.
 */
export async function loadTopology(file: string, load: TopologyLoad = {}): Promise<Topology> {
  return (await import('./topology.ts')).loadTopology(file, load)
}

/**
 * Checks the text of a topology file. Throws TopologyInvalid that tells every problem, each with
 * `fileName:line:column` and, for a wrong name, the nearest right one.
 */
export async function parseTopology(
  text: string,
  fileName: string,
  load: TopologyLoad = {},
): Promise<Topology> {
  return (await import('./topology.ts')).parseTopology(text, fileName, load)
}

/** Where frames were read. */
export interface CaptureInterface {
  /** The base name of the capture file, `-` for standard input; `undefined` for a live interface. */
  readonly file: string | undefined
  /** The interface's name, if the file or the system says. */
  readonly name: string | undefined
}

export interface Assigner {
  /** Identities of the ENIs; indexes are those in the observations. */
  readonly enis: readonly EniIdentity[]
  /** Packets that belonged to no ENI so far (records.md 6). */
  readonly unassigned: number
  /** Tells of a capture interface (word 13 of a packet row) before its first packet. */
  addInterface(index: number, from: CaptureInterface): void
  /** Indexes of the ENIs that make NODATA records (records.md 56), in ascending order. */
  coveredEnis(): readonly number[]
  /**
   * Overwrites `out` with the observations of `batch`, in its order. Multicast packets make none
   * ("Flow logs do not capture multicast traffic").
   */
  assign(batch: PacketBatch, out: ObservationBatch): void
}

/** The identity of everything in a capture without a topology (records.md 14). */
export const captureIdentity: EniIdentity = {
  accountId: '-',
  eniId: 'eni-capture',
  vmId: '-',
  vSwitchId: '-',
  vpcId: '-',
}

/** The VPC of host interfaces that no topology describes. */
export const hostVpcId = 'vpc-host'

/** A host interface without a topology. */
export const hostIdentity = (interfaceName: string): EniIdentity => ({
  ...captureIdentity,
  eniId: `eni-${interfaceName}`,
  vpcId: hostVpcId,
})

/**
 * No topology, one ENI: every packet that is not multicast is one observation, ACCEPT, without a path;
 * the direction is `-` (records.md 14), or what the source of the capture says.
 */
export function singleEniAssigner(
  identity: EniIdentity,
  options: { readonly useDirectionHint: boolean },
): Assigner {
  return new PlainAssigner([identity], false, options.useDirectionHint)
}

/** Host interfaces without a topology: interface index = ENI index, the direction is the ring's. */
export function hostAssigner(enis: readonly EniIdentity[]): Assigner {
  return new PlainAssigner(enis, true, true)
}

class PlainAssigner implements Assigner {
  readonly enis: readonly EniIdentity[]
  readonly unassigned = 0
  readonly #byInterface: boolean
  readonly #hintMask: number
  /** The batch that holds what `#fillAlike` wrote. */
  #alike: ObservationBatch | undefined

  constructor(enis: readonly EniIdentity[], byInterface: boolean, useDirectionHint: boolean) {
    this.enis = enis
    this.#byInterface = byInterface
    this.#hintMask = useDirectionHint ? about.directionMask : 0
  }

  addInterface(): void {
    // Nothing depends on names here.
  }

  coveredEnis(): readonly number[] {
    return this.enis.map((_, i) => i)
  }

  assign(batch: PacketBatch, out: ObservationBatch): void {
    const words = batch.words
    let marks = 0
    for (let row = 0; row < batch.rows; row++) marks |= words[row * rowWords + word.about]!
    if ((marks & about.multicast) !== 0 || this.#byInterface || this.#hintMask !== 0)
      this.#assignEach(batch, out)
    else {
      // Every packet of every batch is observed alike: what stands in `out` from the last time still holds.
      if (out !== this.#alike) this.#fillAlike(out)
      out.rows = batch.rows
    }
  }

  #fillAlike(out: ObservationBatch): void {
    for (let row = 0; row < packetBatchRows; row++) out.packet[row] = row
    out.owner.fill(ownerOf(0, direction.none, action.accept))
    out.path.fill(noTrafficPath)
    this.#alike = out
  }

  #assignEach(batch: PacketBatch, out: ObservationBatch): void {
    this.#alike = undefined
    const words = batch.words
    let rows = 0
    for (let row = 0; row < batch.rows; row++) {
      const base = row * rowWords
      const mark = words[base + word.about]!
      if (mark & about.multicast) continue
      const eni = this.#byInterface ? words[base + word.interface]! : 0
      out.packet[rows] = row
      out.owner[rows] = ownerOf(
        eni,
        (mark >>> about.directionShift) & this.#hintMask,
        action.accept,
      )
      out.path[rows] = noTrafficPath
      rows++
    }
    out.rows = rows
  }
}

/**
 * ENIs, verdicts and paths as a topology says. `assign` throws TopologyAmbiguous when an address of a packet
 * that no tap explains belongs to ENIs of two VPCs (records.md 9); `addInterface` throws TopologyInvalid
 * when it is the tap of two ENIs (3).
 */
export function topologyAssigner(topology: Topology): Assigner {
  return new TopologyAssigner(topology)
}

/** Who the ENIs of a topology are, in its order. A vm-id or account-id that is not given is `-` (records.md 15). */
export const topologyEnis = (topology: Topology): EniIdentity[] =>
  topology.enis.map(({ id, instance, vSwitch, vpc }) => ({
    accountId: topology.byId.vpcs.get(vpc)!.account ?? '-',
    eniId: id,
    vmId: instance ?? '-',
    vSwitchId: vSwitch,
    vpcId: vpc,
  }))

class TopologyAssigner implements Assigner {
  readonly enis: readonly EniIdentity[]
  unassigned = 0
  readonly #taps: CaptureTaps
  readonly #addresses: VpcAddresses
  readonly #owners: Owners
  readonly #tapDirection: TapDirection
  readonly #judge: Judge
  readonly #paths: PathFinder

  constructor(topology: Topology) {
    this.enis = topologyEnis(topology)
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
      if (words[base + word.about]! & about.multicast) continue
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
