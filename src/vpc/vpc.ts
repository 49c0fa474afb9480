/**
 * vpc/: what a packet means in a VPC: the ENI it belongs to, its direction there, ACCEPT or REJECT, and its
 * traffic path. Rules: reference records.md, sections A to C.
 *
 * `topology.ts` loads the file that says what the cloud knows. `topology-assigner.ts` takes packets through it:
 * `vpc-addresses.ts` makes look-up tables, `capture-taps.ts` and `tap-direction.ts` tell where one was seen, `judge.ts` gives the verdict
 * (security groups, network ACLs, connection state), `path-finder.ts` the traffic path. `explain.ts` says why; `topology-versions.ts`
 * keeps what was in force, `topology-difference.ts` compares two of them. Here stands the front: batches of packets in, batches of observations out. Nothing here counts or knows windows: that is
 * `flow/` and `window/`. Nothing is allocated per packet.
 */
import { about, packetBatchRows, rowWords, word, type PacketBatch } from '../packet/packet.ts'
import { action, direction, noTrafficPath, type EniIdentity } from '../record/batch.ts'
import {
  type Assigner,
  type ChangingAssigner,
  type ObservationBatch,
  ownerOf,
} from './observations.ts'
import type { Explanation, Question } from './explanation.ts'
import type { Topology, TopologyLoad } from './topology.ts'

export { ConnectionTable, forgetSeconds, packetTime } from './connections.ts'
export {
  type Assigner,
  type CaptureInterface,
  type ChangingAssigner,
  ObservationBatch,
  owner,
  ownerOf,
} from './observations.ts'
export { topologyEnis } from './eni-numbers.ts'
export { enisWithoutTap, exporterKeyOf, type ExporterTap, exporterTaps } from './exporter-taps.ts'
export type * from './explanation.ts'
export type { Topology, TopologyLoad } from './topology.ts'
export { topologyDifferences } from './topology-difference.ts'
export { TopologyVersions, type TopologyVersion } from './topology-versions.ts'
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

/**
 * Why a packet, as the first of its connection, is accepted or rejected, and which way it takes.
 *
 * @param text of the topology's file: then rules and routes are told with `file:line:column`
 * @throws WeirError ParameterInvalid for a question that is none, an unknown ENI, or an address of several
 */
export async function explain(
  topology: Topology,
  question: Question,
  text?: string,
): Promise<Explanation> {
  return (await import('./explain.ts')).explain(topology, question, text)
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
  multicastRows = 0
  readonly uncapturedRows = 0
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
      if (mark & about.multicast) {
        this.multicastRows++
        continue
      }
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
 * when it is the tap of two ENIs (3). What judges packets is only loaded when a topology is.
 */
export async function topologyAssigner(topology: Topology): Promise<ChangingAssigner> {
  return new (await import('./topology-assigner.ts')).TopologyAssigner(topology)
}
