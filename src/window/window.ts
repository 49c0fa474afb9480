/**
 * window/: capture windows. "During each capture window (10 minutes by default), the system aggregates
 * traffic into flow log records."
 *
 * Here time cuts flows into records. Windows are aligned to the epoch; a packet exactly on a bound is in the
 * next window (records.md 51). A window closes when its time is over, as the packets of a file or a clock tell; the
 * rest of its packets, if any still come, make further records and are counted as late (54). `emit.ts` turns
 * flows into records. Which records a flow log keeps is `flow-log/`.
 */
import type { UnixSeconds } from '../base/time.ts'
import { type FlowTable, OpenFlows } from '../flow/flow.ts'
import { rowWords, word, type PacketBatch } from '../packet/packet.ts'
import { action } from '../record/batch.ts'
import { ObservationBatch, owner, ownerOf, type Assigner } from '../vpc/vpc.ts'
import { RecordEmitter, type RecordTaker } from './emit.ts'
import {
  type CaptureWindow,
  WindowLengths,
  type WindowSeconds,
  type WindowSpan,
} from './window-lengths.ts'

export {
  type CaptureWindow,
  type WindowSeconds,
  windowSecondsAllowed,
  windowSecondsDefault,
  type WindowSpan,
} from './window-lengths.ts'

export interface WindowConfig {
  /** Until `changeLength` says otherwise. */
  readonly windowSeconds: WindowSeconds
  /** Seconds after its end that a window waits for packets that come out of order. */
  readonly lateSeconds: number
  /** Flows one window may hold: a port scan must not take the host's memory. Beyond it is SKIPDATA. */
  readonly flowsMax: number
  /** Whether each window counts its frames, packets and bytes as they come: for the ledger of a live tap. */
  readonly totals?: boolean
  /** Called with the flows of a window when it is over, before they become records. */
  readonly settle?: (flows: FlowTable, window: CaptureWindow) => void
}

/** What one window, or several, took in: rows of packet batches, and what they stand for. */
export interface Totals {
  frames: number
  packets: number
  bytes: number
}

/** What is known of a window when its flows have been handed on. */
export interface WindowEnd {
  readonly start: UnixSeconds
  readonly seconds: WindowSeconds
  /** All that came, what found no room included. Zeroes unless the configuration asks for totals. */
  readonly totals: Readonly<Totals>
  /** Of these, frames and packets that found no room. */
  readonly refusedFrames: number
  readonly refusedPackets: number
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
  readonly seconds: WindowSeconds
  readonly end: number
  readonly table: FlowTable
  readonly totals: Totals
}

export class CaptureWindows {
  readonly #config: WindowConfig
  readonly #assigner: Assigner
  readonly #flows: OpenFlows
  readonly #emitter: RecordEmitter
  readonly #lengths: WindowLengths
  readonly #ended: (end: WindowEnd) => void
  readonly #observed = new ObservationBatch()
  readonly #open = new Map<number, OpenWindow>()
  /** Windows before this one have been closed; a packet for them is late. */
  #closedBefore = Number.NEGATIVE_INFINITY
  #newest = Number.NEGATIVE_INFINITY
  #flowsExpected = 0
  #current: OpenWindow | undefined
  #skipped = 0
  #totalling: boolean
  /** Packets that came after their window had been closed. */
  latePackets = 0
  /** Packets that found no room in a full table. */
  refusedPackets = 0

  /**
   * @param taker is given the records of a window when it closes
   * @param ended is told after that
   */
  constructor(
    config: WindowConfig,
    assigner: Assigner,
    taker: RecordTaker,
    ended: (end: WindowEnd) => void = () => {},
  ) {
    this.#config = config
    this.#assigner = assigner
    this.#flows = new OpenFlows(config.flowsMax)
    this.#emitter = new RecordEmitter(this.#flows, taker)
    this.#lengths = new WindowLengths(config.windowSeconds)
    this.#ended = ended
    this.#totalling = config.totals === true
  }

  /** The window that a second is in, as lengths are in force. */
  windowOf(second: number): CaptureWindow {
    return this.#lengths.windowOf(second)
  }

  /** The second of the newest packet, -Infinity before the first. */
  get newest(): number {
    return this.#newest
  }

  /**
   * Windows become longer or shorter from a bound of both lengths on.
   * @param spans the lengths in force one after the other; that of the windows now open is the first
   */
  changeLength(spans: readonly WindowSpan[]): void {
    this.#lengths.change(spans)
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
    this.#countObserved(batch, oldest, newest)
  }

  /**
   * Counts packets in that a firewall reported as rejected. They are no frames of the tap: the totals leave
   * them out.
   */
  addRejected(batch: PacketBatch): void {
    const observed = this.#observed
    this.#assigner.assign(batch, observed)
    for (let row = 0; row < observed.rows; row++) {
      const seen = observed.owner[row]!
      observed.owner[row] = ownerOf(owner.eni(seen), owner.direction(seen), action.reject)
    }
    this.#totalling = false
    this.#countByWindow(batch)
    this.#totalling = this.#config.totals === true
  }

  /**
   * Frames that rows of packet batches stand for beyond one each, where the kernel has added frames up itself.
   * @param second when they came; a window that is not open (any more) does not count them
   */
  addFrames(second: number, frames: number): void {
    const window = this.#open.get(this.#lengths.startOf(second))
    if (window !== undefined && this.#totalling) window.totals.frames += frames
  }

  #countObserved(batch: PacketBatch, oldest: number, newest: number): void {
    const current = this.#current
    // Mostly the whole batch is of the window before it.
    if (current !== undefined && oldest >= current.start && newest < current.end) {
      this.#count(batch.words, 0, this.#observed.rows)
      this.#advance(newest)
    } else this.#countByWindow(batch)
  }

  /** Packet by packet: one that comes after its window was closed is late in the same batch too. */
  #countByWindow(batch: PacketBatch): void {
    const words = batch.words
    const { packet, rows: count } = this.#observed
    const { lateSeconds } = this.#config
    let from = 0
    let to = 0
    for (let row = 0; row < batch.rows; row++) {
      const second = words[row * rowWords + word.second]! >>> 0
      const start = this.#lengths.startOf(second)
      const first = to
      while (to < count && packet[to] === row) to++
      if (first < to && this.#current?.start !== start) {
        this.#count(words, from, first)
        from = first
        this.#current = this.#windowOf(start)
      }
      if (this.#lengths.startOf(second - lateSeconds) > this.#closedBefore) {
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
    const { start, table, totals } = this.#current!
    if (this.#totalling) addTotals(totals, words, this.#observed.packet, from, to)
    if (start < this.#closedBefore)
      for (let i = from; i < to; i++)
        this.latePackets += words[this.#observed.packet[i]! * rowWords + word.packets]!
    table.add(words, this.#observed, from, to)
  }

  #windowOf(start: UnixSeconds): OpenWindow {
    const known = this.#open.get(start)
    if (known !== undefined) return known
    if (this.#open.size >= openWindowsMax) this.#closeOldest()
    const seconds = this.#lengths.at(start)
    const opened = {
      start,
      seconds,
      end: start + seconds,
      table: this.#flows.open(this.#flowsExpected),
      totals: { frames: 0, packets: 0, bytes: 0 },
    }
    this.#open.set(start, opened)
    return opened
  }

  #closeOldest(): void {
    let oldest: OpenWindow | undefined
    for (const each of this.#open.values())
      if (oldest === undefined || each.start < oldest.start) oldest = each
    this.#close(oldest!)
    this.#closedBefore = Math.max(this.#closedBefore, oldest!.end)
  }

  /**
   * Closes the windows that ended at least `lateSeconds` before `now`: the newest packet's second, or a
   * clock's.
   */
  closeUntil(now: number): void {
    const bound = this.#lengths.startOf(now - this.#config.lateSeconds)
    if (bound <= this.#closedBefore) return
    this.#closedBefore = bound
    this.#closeBefore(bound)
  }

  /** Closes every window, e.g. at the end of the files or when capture stops. */
  closeAll(): void {
    this.#closeBefore(Number.POSITIVE_INFINITY)
    if (this.#newest === Number.NEGATIVE_INFINITY) return
    const { start, seconds } = this.#lengths.windowOf(this.#newest)
    this.#closedBefore = Math.max(this.#closedBefore, start + seconds)
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
    const { start, seconds, totals, table } = window
    this.refusedPackets += table.refused
    this.#config.settle?.(table, window)
    this.#emitter.emitFlows(table, window)
    this.#flows.close(table, Math.min(this.#newest, start))
    this.#ended({
      start,
      seconds,
      totals,
      refusedFrames: table.refusedRows,
      refusedPackets: table.refused,
    })
  }

  /** What the windows that are open took in so far, and when the oldest of them began. */
  openTotals(): Totals & { readonly since: UnixSeconds | undefined } {
    const sum = { frames: 0, packets: 0, bytes: 0 }
    let since: UnixSeconds | undefined
    for (const { start, totals } of this.#open.values()) {
      if (since === undefined || start < since) since = start
      sum.frames += totals.frames
      sum.packets += totals.packets
      sum.bytes += totals.bytes
    }
    return { ...sum, since }
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
    for (let start = first; start <= last;) {
      const seconds = this.#lengths.at(start)
      this.#emitter.emitStatus(enis, { start, seconds }, lost)
      start = (start + seconds) as UnixSeconds
    }
  }
}

function addTotals(
  totals: Totals,
  words: Int32Array,
  packet: Uint16Array,
  from: number,
  to: number,
): void {
  let packets = 0
  let bytes = 0
  for (let i = from; i < to; i++) {
    const at = packet[i]! * rowWords
    packets += words[at + word.packets]!
    bytes += words[at + word.bytes]! >>> 0
  }
  totals.frames += to - from
  totals.packets += packets
  totals.bytes += bytes
}

export type { RecordTaker } from './emit.ts'
