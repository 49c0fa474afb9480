/**
 * window/: capture windows. "During each capture window (10 minutes by default), the system aggregates
 * traffic into flow log records."
 *
 * Here time cuts flows into records. Windows are aligned to the epoch; a packet exactly on a bound is in the
 * next window (records.md 51). A window closes when its time is over, as the packets of a file or a clock tell; the
 * rest of its packets, if any still come, make further records and are counted as late (54). `emit.ts` turns
 * flows into records. Which records a flow log keeps is `flow-log/`.
 */
import { alignedStart, type UnixSeconds } from '../base/time.ts'
import { type FlowTable, OpenFlows } from '../flow/flow.ts'
import { rowWords, word, type PacketBatch } from '../packet/packet.ts'
import { ObservationBatch, type Assigner } from '../vpc/vpc.ts'
import { RecordEmitter, type RecordTaker } from './emit.ts'

/** "You can set the interval to 1, 5, or 10 minutes." */
export const windowSecondsAllowed = [60, 300, 600] as const
export type WindowSeconds = (typeof windowSecondsAllowed)[number]
/** "10 minutes by default" */
export const windowSecondsDefault: WindowSeconds = 600

export interface WindowConfig {
  readonly windowSeconds: WindowSeconds
  /** Seconds after its end that a window waits for packets that come out of order. */
  readonly lateSeconds: number
  /** Flows one window may hold: a port scan must not take the host's memory. Beyond it is SKIPDATA. */
  readonly flowsMax: number
}

/** "late packets (more than 60 s out of order in a file, 2 s live)" */
export const fileLateSeconds = 60
export const liveLateSeconds = 2
/** A million flows take about 100 MB. */
export const liveFlowsMax = 1_000_000

/** Windows that may be open at once; a capture with wild timestamps opens no more. */
const openWindowsMax = 64

interface OpenWindow {
  readonly start: UnixSeconds
  readonly table: FlowTable
}

export class CaptureWindows {
  readonly #config: WindowConfig
  readonly #assigner: Assigner
  readonly #flows: OpenFlows
  readonly #emitter: RecordEmitter
  readonly #observed = new ObservationBatch()
  readonly #open = new Map<number, OpenWindow>()
  /** Windows before this one have been closed; a packet for them is late. */
  #closedBefore = Number.NEGATIVE_INFINITY
  #newest = Number.NEGATIVE_INFINITY
  #flowsExpected = 0
  #current: OpenWindow | undefined
  #skipped = 0
  /** Packets that came after their window had been closed. */
  latePackets = 0
  /** Packets that found no room in a full table. */
  refusedPackets = 0

  constructor(config: WindowConfig, assigner: Assigner, taker: RecordTaker) {
    this.#config = config
    this.#assigner = assigner
    this.#flows = new OpenFlows(config.flowsMax)
    this.#emitter = new RecordEmitter(config.windowSeconds, this.#flows, taker)
  }

  /** Counts a batch of packets in. Closes windows that its times show to be over. */
  add(batch: PacketBatch): void {
    const words = batch.words
    let oldest = Number.POSITIVE_INFINITY
    let newest = 0
    for (let row = 0; row < batch.rows; row++) {
      const second = words[row * rowWords + word.second]! >>> 0
      if (second < oldest) oldest = second
      if (second > newest) newest = second
    }
    this.#assigner.assign(batch, this.#observed)
    const current = this.#current
    // Mostly the whole batch is of the window before it.
    if (
      current !== undefined &&
      oldest >= current.start &&
      newest < current.start + this.#config.windowSeconds
    ) {
      this.#count(words, 0, this.#observed.rows)
      this.#advance(newest)
    } else this.#countByWindow(batch)
  }

  /** Packet by packet: one that comes after its window was closed is late in the same batch too. */
  #countByWindow(batch: PacketBatch): void {
    const words = batch.words
    const { packet, rows: count } = this.#observed
    const { windowSeconds, lateSeconds } = this.#config
    let from = 0
    let to = 0
    for (let row = 0; row < batch.rows; row++) {
      const second = words[row * rowWords + word.second]! >>> 0
      const start = alignedStart(second, windowSeconds)
      const first = to
      while (to < count && packet[to] === row) to++
      if (first < to && this.#current?.start !== start) {
        this.#count(words, from, first)
        from = first
        this.#current = this.#windowOf(start)
      }
      if (alignedStart(second - lateSeconds, windowSeconds) > this.#closedBefore) {
        this.#count(words, from, to)
        from = to
      }
      this.#advance(second)
    }
    this.#count(words, from, to)
  }

  /** "Replay closes a window when a packet 60 s past its end has been read" (records.md 54). */
  #advance(second: number): void {
    if (second <= this.#newest) return
    this.#newest = second
    this.closeUntil(second)
  }

  #count(words: Int32Array, from: number, to: number): void {
    if (from === to) return
    const { start, table } = this.#current!
    if (start < this.#closedBefore)
      for (let i = from; i < to; i++)
        this.latePackets += words[this.#observed.packet[i]! * rowWords + word.packets]!
    table.add(words, this.#observed, from, to)
  }

  #windowOf(start: UnixSeconds): OpenWindow {
    const known = this.#open.get(start)
    if (known !== undefined) return known
    if (this.#open.size >= openWindowsMax) this.#closeOldest()
    const opened = { start, table: this.#flows.open(this.#flowsExpected) }
    this.#open.set(start, opened)
    return opened
  }

  #closeOldest(): void {
    let oldest: OpenWindow | undefined
    for (const each of this.#open.values())
      if (oldest === undefined || each.start < oldest.start) oldest = each
    this.#close(oldest!)
    this.#closedBefore = Math.max(this.#closedBefore, oldest!.start + this.#config.windowSeconds)
  }

  /**
   * Closes the windows that ended at least `lateSeconds` before `now`: the newest packet's second, or a
   * clock's.
   */
  closeUntil(now: number): void {
    const { windowSeconds, lateSeconds } = this.#config
    const bound = alignedStart(now - lateSeconds, windowSeconds)
    if (bound <= this.#closedBefore) return
    this.#closedBefore = bound
    this.#closeBefore(bound)
  }

  /** Closes every window, e.g. at the end of the files or when capture stops. */
  closeAll(): void {
    this.#closeBefore(Number.POSITIVE_INFINITY)
    this.#closedBefore = Math.max(
      this.#closedBefore,
      alignedStart(this.#newest, this.#config.windowSeconds) + this.#config.windowSeconds,
    )
  }

  #closeBefore(bound: number): void {
    const due = [...this.#open.values()].filter((each) => each.start < bound)
    due.sort((a, b) => a.start - b.start)
    for (const each of due) this.#close(each)
  }

  #close(window: OpenWindow): void {
    this.#open.delete(window.start)
    if (this.#current === window) this.#current = undefined
    this.#flowsExpected = window.table.flows
    this.refusedPackets += window.table.refused
    this.#emitter.emitFlows(window.table, window.start)
    this.#flows.close(window.table, Math.min(this.#newest, window.start))
  }

  /** Packets refused for want of room since the last call: a loss, so the window says SKIPDATA. */
  takeRefused(): number {
    const refused = this.refusedPackets - this.#skipped
    this.#skipped = this.refusedPackets
    return refused
  }

  /**
   * One NODATA record for each of the ENIs and windows from `first` to `last` (starts, inclusive) that had no
   * record, and one SKIPDATA record for each ENI that `lost` names, whatever it had.
   */
  emitStatus(
    enis: readonly number[],
    first: UnixSeconds,
    last: UnixSeconds,
    lost: (eni: number) => boolean = () => false,
  ): void {
    for (
      let start = first;
      start <= last;
      start = (start + this.#config.windowSeconds) as UnixSeconds
    )
      this.#emitter.emitStatus(enis, start, lost)
  }
}

export type { RecordTaker } from './emit.ts'
