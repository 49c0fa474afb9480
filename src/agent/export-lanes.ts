/**
 * Flows of many ENIs into windows of several lengths: a lane for each length. Each flow is assigned once and then
 * counted in the lane of its ENI, since what an assigner remembers of connections may see a packet but once.
 */
import { about, type PacketBatch, packetBatchRows, rowWords, word } from '../packet/packet.ts'
import { type Assigner, ObservationBatch, owner } from '../vpc/vpc.ts'
import {
  CaptureWindows,
  liveFlowsMax,
  type RecordTaker,
  type WindowEnd,
  type WindowSeconds,
  windowSecondsAllowed,
} from '../window/window.ts'
import type { ExportEni } from './export-eni.ts'

const noLane = 0xff

export class ExportLanes {
  /** Flows of ENIs that no flow log is about, or of none. */
  unassigned = 0
  readonly #assigner: Assigner
  readonly #eniOf: (number: number) => ExportEni | undefined
  readonly #observed = new ObservationBatch()
  /** Of each observation: the place of its length in `windowSecondsAllowed`. */
  readonly #laneOf = new Uint8Array(packetBatchRows * 2)
  readonly #open: (seconds: WindowSeconds) => CaptureWindows
  readonly #lanes = new Map<WindowSeconds, CaptureWindows>()

  /** @param eniOf the ENI of an assigner's number, if flows are received for it */
  constructor(
    assigner: Assigner,
    lateSeconds: number,
    eniOf: (number: number) => ExportEni | undefined,
    takers: { readonly records: RecordTaker; readonly ended: (end: WindowEnd) => void },
  ) {
    this.#assigner = assigner
    this.#eniOf = eniOf
    this.#open = (windowSeconds) =>
      new CaptureWindows(
        { windowSeconds, lateSeconds, flowsMax: liveFlowsMax },
        new LaneAssigner(assigner.enis, (_, out) => this.#share(windowSeconds, out)),
        takers.records,
        takers.ended,
      )
  }

  /** The windows of this length. */
  of(seconds: WindowSeconds): CaptureWindows {
    let lane = this.#lanes.get(seconds)
    if (lane === undefined) this.#lanes.set(seconds, (lane = this.#open(seconds)))
    return lane
  }

  get all(): CaptureWindows[] {
    return [...this.#lanes.values()]
  }

  /** The start of the oldest window that is open. */
  get openSince(): number | undefined {
    const starts = this.all.flatMap((lane) => lane.openTotals().since ?? [])
    return starts.length === 0 ? undefined : Math.min(...starts)
  }

  add(batch: PacketBatch): void {
    const multicast = this.#assigner.multicastRows
    this.#assigner.assign(batch, this.#observed)
    const wanted = this.#sort(batch.words)
    let flows = 0
    for (let row = 0; row < batch.rows; row++)
      if (batch.words[row * rowWords + word.packets]! > 0) flows++
    this.unassigned += flows - wanted - (this.#assigner.multicastRows - multicast)
    for (const [lane, seconds] of windowSecondsAllowed.entries())
      if (this.#laneOf.subarray(0, this.#observed.rows).includes(lane)) this.of(seconds).add(batch)
  }

  /** Says which lane each observation is for. @returns flows that are for any, or of a family left out */
  #sort(words: Int32Array): number {
    const { packet, owner: owners, rows } = this.#observed
    let flows = 0
    let counted = -1
    for (let i = 0; i < rows; i++) {
      const row = packet[i]!
      const base = row * rowWords
      const eni = this.#eniOf(owner.eni(owners[i]!))
      this.#laneOf[i] = noLane
      if (eni === undefined || eni.left) continue
      const packets = words[base + word.packets]!
      const bytes = words[base + word.bytes]! >>> 0
      if (row !== counted && packets > 0) flows++
      counted = row
      if ((words[base + word.about]! & about.ipv6) !== 0 && eni.plan.families === 'ipv4')
        eni.filter(packets, bytes)
      else {
        const seconds = eni.take(words[base + word.second]! >>> 0, packets, bytes)
        this.#laneOf[i] = windowSecondsAllowed.indexOf(seconds)
      }
    }
    return flows
  }

  /** The observations of one lane. */
  #share(seconds: WindowSeconds, out: ObservationBatch): void {
    const { packet, owner: owners, path, rows } = this.#observed
    const lane = windowSecondsAllowed.indexOf(seconds)
    let count = 0
    for (let i = 0; i < rows; i++) {
      if (this.#laneOf[i] !== lane) continue
      out.packet[count] = packet[i]!
      out.owner[count] = owners[i]!
      out.path[count] = path[i]!
      count++
    }
    out.rows = count
  }
}

/** What was assigned already. */
class LaneAssigner implements Assigner {
  readonly enis: Assigner['enis']
  readonly unassigned = 0
  readonly uncapturedRows = 0
  readonly multicastRows = 0
  readonly assign: Assigner['assign']

  constructor(enis: Assigner['enis'], assign: Assigner['assign']) {
    this.enis = enis
    this.assign = assign
  }

  addInterface(): void {
    // Whoever assigned was told.
  }

  coveredEnis(): readonly number[] {
    return []
  }
}
