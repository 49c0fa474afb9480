/** What packets mean at ENIs: the batch that assigners fill and flows are counted from. */
import { type PacketBatch, packetBatchRows } from '../packet/packet.ts'
import type { EniIdentity } from '../record/batch.ts'
import type { Topology } from './topology.ts'

/**
 * Whose a flow is, in one word: ENI, direction and action (record/batch.ts codes), above eight bits left for
 * the protocol.
 */
export const ownerOf = (eni: number, direction: number, action: number): number =>
  (eni << 12) | (direction << 10) | (action << 8)
export const owner = {
  eni: (word: number): number => word >>> 12,
  direction: (word: number): number => (word >>> 10) & 3,
  action: (word: number): number => (word >>> 8) & 3,
  protocol: (word: number): number => word & 0xff,
} as const
/** ENIs an owner word has room for. */
export const ownerEnisMax = 1 << 20

/** One row an observation: a packet may give none, one or two. Flat and reused. */
export class ObservationBatch {
  rows = 0
  /** Row in the PacketBatch. */
  readonly packet = new Uint16Array(packetBatchRows * 2)
  /** `ownerOf` the index in Assigner.enis, the direction and the action. */
  readonly owner = new Int32Array(packetBatchRows * 2)
  /** Traffic path 0 to 22, or noTrafficPath. */
  readonly path = new Uint8Array(packetBatchRows * 2)
}

/** Where frames were read. */
export interface CaptureInterface {
  /** The base name of the capture file, `-` for standard input; `undefined` for a live interface. */
  readonly file: string | undefined
  /** The interface's name, if the file or the system says. */
  readonly name: string | undefined
  /** A router's interface whose flows it exports; the router by its address as text. */
  readonly exporter?: { readonly address: string; readonly ifIndex: number }
}

export interface Assigner {
  /** Identities of the ENIs; indexes are those in the observations. */
  readonly enis: readonly EniIdentity[]
  /** Packets that belonged to no ENI so far (records.md 6). */
  readonly unassigned: number
  /** Rows of multicast packets so far; like all that is not counted in a flow, they are in the ledger. */
  readonly multicastRows: number
  /** Rows of packets so far that the cloud does not capture (uncaptured.ts). */
  readonly uncapturedRows: number
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

/** An assigner that takes new versions of its topology. */
export interface ChangingAssigner extends Assigner {
  /**
   * Packets mean what this version says from now on; it holds for packets of connections not open, and for
   * ACLs and paths at once. What is remembered (open and refused connections, fragments, `addInterface`)
   * stays. An ENI keeps its index in `enis` as long as all five fields of its identity stay; others are
   * appended; one that is gone makes no more observations.
   * @throws TopologyInvalid, and nothing changed, when a known interface is the tap of two ENIs
   */
  change(topology: Topology): void
}
