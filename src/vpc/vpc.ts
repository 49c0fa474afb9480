/**
 * vpc/: what a packet means in a VPC: the ENI it belongs to, its direction there, ACCEPT or REJECT, and its
 * traffic path. Rules: reference records.md, sections A to C.
 *
 * `topology.ts` loads the file that says what the cloud knows, `network.ts` makes look-up tables of it,
 * `judge.ts` gives the verdict (security groups, network ACLs, connection state), `path-finder.ts` the
 * traffic path. Here stands the front: batches of packets in, batches of observations out. Nothing here
 * counts or knows windows: that is `flow/` and `window/`. Nothing is allocated per packet.
 */
import { about, packetBatchRows, rowWords, type PacketBatch } from '../packet/packet.ts'
import { action, noTrafficPath, type EniIdentity } from '../record/batch.ts'

export { ConnectionTable, forgetSeconds } from './connections.ts'
export { loadTopology, parseTopology, type Topology } from './topology.ts'
export { trafficPaths } from './traffic-path.ts'

/** What packets of a batch mean at ENIs: one row an observation (a packet may give none, one or two). Flat, reused. */
export class ObservationBatch {
  rows = 0
  /** Row in the PacketBatch. */
  readonly packet = new Uint16Array(packetBatchRows * 2)
  /** Index in Assigner.enis. */
  readonly eni = new Uint32Array(packetBatchRows * 2)
  /** Codes of record/batch.ts. */
  readonly direction = new Uint8Array(packetBatchRows * 2)
  readonly action = new Uint8Array(packetBatchRows * 2)
  /** Traffic path 0 to 22, or noTrafficPath. */
  readonly path = new Uint8Array(packetBatchRows * 2)
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
    const hintMask = this.#hintMask
    const byInterface = this.#byInterface
    let rows = 0
    for (let row = 0; row < batch.rows; row++) {
      const base = row * rowWords
      const mark = words[base + 9]!
      if (mark & about.multicast) continue
      out.packet[rows] = row
      out.eni[rows] = byInterface ? words[base + 13]! : 0
      out.direction[rows] = (mark >>> about.directionShift) & hintMask
      out.action[rows] = action.accept
      out.path[rows] = noTrafficPath
      rows++
    }
    out.rows = rows
  }
}
