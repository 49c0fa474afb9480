/** One ENI whose flows routers export: its windows, what came for it, and which windows are told of. */
import { randomUUID } from 'node:crypto'
import type { UnixSeconds } from '../base/time.ts'
import { type Schedule, windowAt, windowSchedule } from '../flow-log/flow-log.ts'
import type { FramesAndBytes, Ledger, LossReason } from '../ledger/ledger.ts'
import type { CaptureWindow, Totals, WindowSeconds } from '../window/window.ts'
import { Closings, type WindowRecords } from './closings.ts'
import type { ExportAccount, ExportPlan } from './export-messages.ts'
import { scheduleAfter } from './schedule-after.ts'
import { addTotals, noTotals } from './totals.ts'
import { type StatusDue, WindowStatus } from './window-status.ts'

interface OpenTotals {
  readonly seconds: WindowSeconds
  readonly totals: Totals
}

/** Losses of exporters reach back an hour at most. */
const toldMax = 600

/** What an account of exported flows never has. */
export const emptyAmounts = {
  multicast: 0,
  nonIp: 0,
  malformed: 0,
  filtered: 0,
  unassigned: 0,
  refused: 0,
  inRing: 0,
} as const

export class ExportEni {
  /** Among the assigner's ENIs. */
  readonly number: number
  readonly closings: Closings
  plan: ExportPlan
  readonly #status: WindowStatus
  readonly #host: string
  /** The id of its account: it goes on over restarts. */
  readonly opening: string
  readonly #openedAt: UnixSeconds
  #schedule: Schedule
  /** Since when no flow log is about it. */
  #leftAt: UnixSeconds | undefined
  readonly #received: { frames: number; bytes: number }
  #filtered: number
  readonly #records: Totals
  readonly #lost: Partial<Record<LossReason, FramesAndBytes>>
  readonly #open = new Map<number, OpenTotals>()
  /** Where the last flow was counted, mostly where the next one is. */
  #last = { start: 0, end: 0, totals: noTotals() }
  /** Starts of windows that were told to be not whole, the newest. */
  readonly #toldLost = new Set<number>()
  /** Packets and bytes in the records of the window that closes. */
  #made = { packets: 0, bytes: 0 }

  /**
   * @param account what an earlier process knew of it
   * @param since the first second that may have been missed; `now` when none
   */
  constructor(
    number: number,
    plan: ExportPlan,
    about: { readonly host: string; readonly now: UnixSeconds; readonly since: number },
    account: ExportAccount | undefined,
  ) {
    const { host, now, since } = about
    this.number = number
    this.plan = plan
    this.#host = host
    const before = account?.ledger
    this.opening = before?.opening ?? randomUUID()
    this.#openedAt = before?.openedAt ?? now
    this.#received = { frames: before?.interface.frames ?? 0, bytes: before?.interface.bytes ?? 0 }
    this.#filtered = before?.filtered ?? 0
    this.#records = { ...(before?.records ?? noTotals()) }
    this.#lost = { ...before?.lost }
    this.#schedule = scheduleAfter(account, plan.windowSeconds, now)
    this.#status = new WindowStatus(this.windowOf, since, Number.POSITIVE_INFINITY)
    this.closings = new Closings(account?.untold)
    if (before !== undefined) this.#lose('restart', before.open)
  }

  readonly windowOf = (second: number): CaptureWindow => windowAt(this.#schedule, second)

  /** The length of the windows that are open now or come next. */
  get shortestSeconds(): WindowSeconds {
    return Math.min(...this.#schedule.map(({ seconds }) => seconds)) as WindowSeconds
  }

  get left(): boolean {
    return this.#leftAt !== undefined
  }

  /** From now on a window without flows was a silent one: whoever exports them is there. */
  heard(now: UnixSeconds): void {
    this.#status.begun = Math.min(this.#status.begun, now)
  }

  change(plan: ExportPlan, now: UnixSeconds): void {
    this.#leftAt = undefined
    this.plan = plan
    this.#schedule = windowSchedule(this.#schedule, plan.windowSeconds, now)
  }

  /** No flow log is about it any more. Its windows close in their time. */
  leave(now: UnixSeconds): void {
    this.#leftAt ??= now
  }

  /** A flow has come that began in this second. @returns how long its window is */
  take(second: number, packets: number, bytes: number): WindowSeconds {
    const last = this.#last
    if (second < last.start || second >= last.end) this.#seek(second)
    const { start, end, totals } = this.#last
    // A row without packets only says that a connection closed.
    if (packets > 0) {
      totals.frames++
      this.#received.frames++
    }
    totals.packets += packets
    totals.bytes += bytes
    this.#received.bytes += bytes
    return (end - start) as WindowSeconds
  }

  #seek(second: number): void {
    const { start, seconds } = this.windowOf(second)
    let open = this.#open.get(start)
    if (open === undefined) this.#open.set(start, (open = { seconds, totals: noTotals() }))
    this.#last = { start, end: start + seconds, totals: open.totals }
  }

  /** A flow of a family that no flow log wants. */
  filter(packets: number, bytes: number): void {
    if (packets === 0) return
    this.#received.frames++
    this.#received.bytes += bytes
    this.#filtered++
  }

  addMade(packets: number, bytes: number): void {
    this.#made.packets += packets
    this.#made.bytes += bytes
  }

  /** A window of this length has closed. @returns packets that are in no record of it */
  windowEnded({ start, seconds }: CaptureWindow): number {
    const open = this.#open.get(start)
    if (open === undefined || open.seconds !== seconds) return 0
    this.#open.delete(start)
    this.#last = { start: 0, end: 0, totals: noTotals() }
    const made = this.#made
    this.#made = { packets: 0, bytes: 0 }
    const kept = { frames: open.totals.frames, ...made }
    addTotals(this.#records, kept, 1)
    this.closings.addRecords({ start, seconds }, kept)
    return open.totals.packets - made.packets
  }

  /** Something was lost from `from` to `to`: windows that were told of already are told of anew. */
  lose(from: number, to: number): void {
    const last = this.windowOf(to)
    this.#status.lose(this.windowOf(from).start, last.start + last.seconds - 1)
    const bound = Math.min(this.#status.next, to + 1)
    for (let start = this.windowOf(from).start; start < bound;) {
      const window = this.windowOf(start)
      if (!this.#toldLost.has(start)) this.closings.tellAgain(window)
      start = (start + window.seconds) as UnixSeconds
    }
  }

  /**
   * The windows to tell of now as silent or not whole. They count as told: their records must be made.
   * @param lateSeconds for which windows wait after their end
   * @param stops nothing comes any more: windows that still wait are told of too, if something was lost of them
   */
  takeDue(now: UnixSeconds, lateSeconds: number, stops: boolean): readonly StatusDue[] {
    const over = Math.min(now, this.#leftAt ?? now)
    const last = this.windowOf(over)
    const bound = stops ? last.start + last.seconds : this.windowOf(now - lateSeconds).start
    const waits = stops || this.left ? over - lateSeconds : Number.POSITIVE_INFINITY
    const due = new Map<number, StatusDue>()
    const known = this.closings.takeUntold(now)
    for (const { lost, ...window } of known) due.set(window.start, { window, lost })
    for (const each of this.#status.due(Math.min(bound, last.start + last.seconds), waits))
      due.set(each.window.start, each)
    for (const { window, lost } of due.values()) {
      this.closings.addStatus(window, lost)
      if (lost) this.#rememberTold(window.start)
    }
    return [...due.values()]
  }

  #rememberTold(start: number): void {
    this.#toldLost.add(start)
    if (this.#toldLost.size > toldMax) this.#toldLost.delete(this.#toldLost.values().next().value!)
  }

  /** No flow log is about it any more, and all of it was told and kept. */
  get isOver(): boolean {
    if (this.#leftAt === undefined) return false
    const { start, seconds } = this.windowOf(this.#leftAt)
    return (
      this.#status.next >= start + seconds &&
      this.#open.size === 0 &&
      this.closings.answered &&
      this.closings.untold.length === 0
    )
  }

  /** Whether the spool has taken what was handed over. @returns the records that are lost if not */
  answer(closing: number, kept: boolean, now: number): readonly WindowRecords[] {
    const lost = this.closings.answer(closing, kept, now)
    for (const { totals } of lost) {
      addTotals(this.#records, totals, -1)
      this.#lose('spoolFull', totals)
    }
    return lost
  }

  /** @param ordered whether it is to be captured on */
  account(asOf: UnixSeconds, ordered: boolean): ExportAccount {
    return {
      ledger: this.#ledger(asOf),
      windowSeconds: this.windowOf(asOf).seconds,
      untold: this.closings.untold,
      ordered: ordered && !this.left,
    }
  }

  /** A "frame" is what a router told of one flow; bytes are of the IP layer. */
  #ledger(asOf: UnixSeconds): Ledger {
    const open = noTotals()
    for (const { totals } of this.#open.values()) addTotals(open, totals, 1)
    const lostBytes = Object.values(this.#lost).reduce((sum, { bytes }) => sum + bytes, 0)
    return {
      ...emptyAmounts,
      interface: { ...this.#received, exact: true },
      frameBytes: this.#received.bytes - lostBytes,
      records: { ...this.#records },
      open,
      filtered: this.#filtered,
      lost: { ...this.#lost },
      eni: this.plan.place.eni.eniId,
      tap: this.plan.place.tap,
      host: this.#host,
      opening: this.opening,
      openedAt: this.#openedAt,
      asOf,
    }
  }

  #lose(reason: LossReason, { frames, bytes }: FramesAndBytes): void {
    if (frames === 0) return
    const before = this.#lost[reason] ?? { frames: 0, bytes: 0 }
    this.#lost[reason] = { frames: before.frames + frames, bytes: before.bytes + bytes }
  }
}
