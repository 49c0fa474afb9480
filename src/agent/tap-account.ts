/**
 * The account of one ENI at one interface: every frame that the kernel counted there is in a record or in an
 * open window, was left out for a reason, or was lost and is said to be. It goes on over restarts of the process
 * for as long as the interface stays: what passed while nobody looked is a gap, and a gap is a loss.
 */
import {
  difference,
  type LedgerAmounts,
  type LossReason,
  unmeasuredBytes,
} from '../ledger/ledger.ts'
import type { Totals, WindowEnd } from '../window/window.ts'
import { type InterfaceReading, nothingRead } from './tap-source.ts'
import { addTotals, noTotals } from './totals.ts'

interface FramesAndBytes {
  frames: number
  /** As the kernel counts them: with link headers, and an offloaded frame's once. */
  bytes: number
}

/** What is settled: open windows and the ring come on top. Plain data, for it stands in notes. */
export interface AccountState {
  /** The kernel's counters where the account begins. */
  readonly base: FramesAndBytes
  /** Whether base and gaps are to the frame. */
  settled: boolean
  /** What the kernel has counted since, and whether nothing passed while that was read. */
  readonly interface: FramesAndBytes & { exact: boolean }
  /** Packets that the interface counted one by one and the kernel joined before the tap (GRO). */
  joined: number
  /** Frames that the tap had seen when the interface dropped them. */
  droppedBehindTap: number
  frameBytes: number
  readonly records: Totals
  multicast: number
  nonIp: number
  malformed: number
  filtered: number
  unassigned: number
  refused: number
  readonly lost: Partial<Record<LossReason, FramesAndBytes>>
}

/** A time without a tap. */
export interface Gap {
  readonly reason: LossReason
  /** Unix seconds. */
  readonly since: number
  readonly until: number
}

/** A gap and what passed in it, as far as is known: settled when it is to the frame. */
export interface MeasuredGap extends Gap {
  readonly missed: Readonly<FramesAndBytes>
  readonly settled: boolean
}

/** What a capture thread counts itself, since it began. */
export interface OwnCounts {
  readonly multicast: number
  readonly unassigned: number
  /** In open windows. */
  readonly open: Totals
}

/** An Ethernet header, which the kernel counts and a record does not. */
const linkHeaderBytes = 14

export class TapAccount {
  readonly state: AccountState
  #own: OwnCounts = { multicast: 0, unassigned: 0, open: noTotals() }
  /** As last read of the tap that is open, and of the interface. */
  #source = nothingRead
  #drops = 0
  #extraPackets = 0
  #gap: (Gap & { missed: FramesAndBytes; settled: boolean }) | undefined
  /** Of the interface's count, what was explained when the tap was opened. */
  #explainedAtOpening: FramesAndBytes = { frames: 0, bytes: 0 }

  private constructor(state: AccountState) {
    this.state = state
  }

  /** An account that begins with the tap that is about to open: what passed before is nobody's loss. */
  static begin(): TapAccount {
    return new TapAccount({
      base: { frames: 0, bytes: 0 },
      settled: false,
      interface: { frames: 0, bytes: 0, exact: false },
      joined: 0,
      droppedBehindTap: 0,
      frameBytes: 0,
      records: noTotals(),
      multicast: 0,
      nonIp: 0,
      malformed: 0,
      filtered: 0,
      unassigned: 0,
      refused: 0,
      lost: {},
    })
  }

  /**
   * Goes on with the account of an earlier process.
   * @param open what the windows held that were open when it was noted: it is lost, and part of the gap
   */
  static resume(state: AccountState, open: Totals): TapAccount {
    const copy = structuredClone(state)
    copy.frameBytes -= open.bytes + open.frames * linkHeaderBytes
    return new TapAccount(copy)
  }

  /** A tap has opened after a time without one. Its first quiet reading says how much was missed. */
  beginGap(gap: Gap): void {
    this.#gap = { ...gap, missed: { frames: 0, bytes: 0 }, settled: false }
    this.#explainedAtOpening = this.#explained()
    this.state.settled = false
  }

  /** The last gap. */
  get gap(): MeasuredGap | undefined {
    return this.#gap
  }

  /** Takes in what has been counted so far. */
  take(reading: InterfaceReading, own: OwnCounts): void {
    const { state } = this
    const { tap } = reading
    const before = this.#source
    state.multicast += own.multicast - this.#own.multicast
    state.unassigned += own.unassigned - this.#own.unassigned
    state.nonIp += tap.nonIp - before.nonIp
    state.malformed += tap.malformed - before.malformed
    state.filtered += tap.filtered - before.filtered
    state.multicast += tap.multicast - before.multicast
    state.frameBytes += tap.readBytes - before.readBytes
    if (tap.dropped > before.dropped) this.#lose('ring', tap.dropped - before.dropped, 0)
    if (tap.mapFull > before.mapFull) this.#lose('mapFull', tap.mapFull - before.mapFull, 0)
    this.#own = own
    this.#source = tap
    if (!state.settled) this.#settle(reading)
    state.interface.frames = reading.frames - state.base.frames
    state.interface.bytes = reading.bytes - state.base.bytes
    state.interface.exact = state.settled && reading.quiet
    if (state.interface.exact) this.#explain(reading)
    this.#drops = reading.drops
    this.#extraPackets = tap.extraPackets
  }

  /** The tap has closed: the next one counts from 0. */
  endTap(): void {
    this.#source = nothingRead
    this.#extraPackets = 0
  }

  /** The interface has gone with its counters: what the tap saw after they were last read, it has counted. */
  endInterface(): void {
    const { state } = this
    state.interface.frames += Math.max(0, -difference(this.amounts()))
    state.interface.bytes += Math.max(0, -unmeasuredBytes(this.amounts()))
    state.interface.exact = false
  }

  /**
   * A window has closed.
   * @param made packets and bytes of its records
   * @returns what of it is in records
   */
  windowEnded(end: WindowEnd, made: { readonly packets: number; readonly bytes: number }): Totals {
    const kept = { frames: end.totals.frames - end.refusedFrames, ...made }
    addTotals(this.state.records, kept, 1)
    this.state.refused += end.refusedFrames
    return kept
  }

  /** Records that were made could not be kept. */
  loseRecords(reason: LossReason, totals: Totals): void {
    addTotals(this.state.records, totals, -1)
    this.#lose(reason, totals.frames, totals.bytes + totals.frames * linkHeaderBytes)
  }

  /** The account as it is told: the interface's frames as a tap sees them. */
  amounts(): LedgerAmounts {
    const { frames, readFrames } = this.#source
    const { dropped, filtered } = this.#source
    const { base: _, settled: _2, joined, droppedBehindTap, ...kept } = structuredClone(this.state)
    kept.interface.frames += droppedBehindTap - joined
    return { ...kept, open: this.#own.open, inRing: frames - readFrames - dropped - filtered }
  }

  /**
   * A driver counts packets before the kernel joins them, and frames are dropped behind the tap: both are counted
   * too, and explain that many frames of a difference (sources/tap-counters.ts).
   */
  #explain({ drops, tap }: InterfaceReading): void {
    const { state } = this
    const frames = difference(this.amounts())
    if (frames > 0) state.joined += Math.min(frames, tap.extraPackets - this.#extraPackets)
    else state.droppedBehindTap += Math.min(-frames, drops - this.#drops)
  }

  /** What passed before the tap was opened is the gap, or lies before the account. */
  #settle({ opened }: InterfaceReading): void {
    const { state } = this
    const gap = this.#gap
    if (gap === undefined) {
      state.base.frames = opened.frames
      state.base.bytes = opened.bytes
    } else {
      const before = this.#explainedAtOpening
      const frames = opened.frames - state.base.frames - before.frames - gap.missed.frames
      const bytes = opened.bytes - state.base.bytes - before.bytes - gap.missed.bytes
      gap.missed.frames += frames
      gap.missed.bytes += bytes
      this.#lose(gap.reason, frames, bytes)
      gap.settled = opened.exact
    }
    state.settled = opened.exact
  }

  /** Frames and bytes of the interface that are in the account, but for those in windows that are open. */
  #explained(): FramesAndBytes {
    const { state } = this
    const { joined, droppedBehindTap, frameBytes } = state
    const lost = Object.values(state.lost).reduce((sum, each) => sum + each.bytes, 0)
    const empty = { ...this.amounts(), open: noTotals(), inRing: 0 }
    const unexplained = difference(empty)
    const frames = empty.interface.frames - unexplained + joined - droppedBehindTap
    return { frames, bytes: frameBytes + lost }
  }

  #lose(reason: LossReason, frames: number, bytes: number): void {
    const lost = (this.state.lost[reason] ??= { frames: 0, bytes: 0 })
    lost.frames += frames
    lost.bytes += bytes
  }
}
