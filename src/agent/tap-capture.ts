/**
 * Capture at one ENI, inside its thread: packets from the source into windows, records into parcels, and the
 * account of it all. Knows neither thread nor clock: `tap-worker.ts` drives it.
 */
import { randomUUID } from 'node:crypto'
import type { UnixSeconds } from '../base/time.ts'
import { encodeParcel, type Sorter } from '../delivery/delivery.ts'
import { type Schedule, windowSchedule } from '../flow-log/flow-log.ts'
import { difference, type Ledger, type LossReason } from '../ledger/ledger.ts'
import { direction, type FlowRecordBatch, logStatus } from '../record/batch.ts'
import { type FlowTable, LessRejected } from '../flow/flow.ts'
import { seenBeforeVerdict, sideOfRules } from '../sources/sources.ts'
import type { Assigner } from '../vpc/vpc.ts'
import {
  type CaptureWindow,
  CaptureWindows,
  liveFlowsMax,
  liveLateSeconds,
  type Totals,
  type WindowEnd,
} from '../window/window.ts'
import { Closings } from './closings.ts'
import { scheduleAfter } from './schedule-after.ts'
import type { TapMessage, TapPlan, TapTask } from './messages.ts'
import { TapAccount } from './tap-account.ts'
import { flowLogSorter } from './flow-log-sorter.ts'
import { LossList } from './loss-list.ts'
import { earlierLedgers, type InterfaceIdentity, type TapNote } from './tap-note.ts'
import { tapName, type TapPlace } from './tap-place.ts'
import type { SourceCounters, TapSource } from './tap-source.ts'
import { WindowStatus } from './window-status.ts'

/** A host that was away for long tells its last windows one by one: a week of minutes. */
const awaySecondsMax = 7 * 86_400
/** How often what is left in the tap is read at its end, until the account adds up. */
const restsMax = 3
/** So long may a busy interface take to be quiet for a moment before its gap is told as a loss unmeasured. */
const quietSecondsMax = 3
export class TapCapture {
  readonly #task: TapTask
  readonly #identity: InterfaceIdentity
  readonly #assigner: Assigner
  readonly #eni: number
  readonly #say: (message: TapMessage) => void
  readonly #opening: string
  readonly #account: TapAccount
  readonly #status: WindowStatus
  readonly #losses: LossList
  readonly #earlier: readonly Ledger[]
  readonly windows: CaptureWindows
  #source: TapSource | undefined
  #sourceSeen: SourceCounters | undefined
  #schedule: Schedule
  #sorter!: Sorter
  #window: CaptureWindow | undefined
  #made = { packets: 0, bytes: 0 }
  readonly #closings: Closings
  #looked: UnixSeconds
  #shedSince: UnixSeconds | undefined
  /** A gap whose size is not settled. */
  #gapOpen = false
  /** No window is told of before it is known whether the gap was a loss. */
  #gapWaits = false
  readonly #openedAt: UnixSeconds
  #ordered = true

  /**
   * @param identity the interface as it is now
   * @param eni the number of the task's ENI among the assigner's
   * @param now Unix seconds
   */
  constructor(
    task: TapTask,
    identity: InterfaceIdentity,
    assigner: Assigner,
    eni: number,
    now: UnixSeconds,
    say: (message: TapMessage) => void,
  ) {
    const { note } = task
    const goesOn = note?.ordered === true && sameInterface(note.interface, identity)
    this.#task = task
    this.#identity = identity
    this.#assigner = assigner
    this.#eni = eni
    this.#say = say
    this.#opening = goesOn ? note.ledger.opening : randomUUID()
    this.#openedAt = goesOn ? note.ledger.openedAt : now
    this.#losses = new LossList(note?.losses)
    this.#closings = new Closings(note?.untold)
    this.#earlier = goesOn ? note.earlier : earlierLedgers(note)
    this.#account = goesOn ? TapAccount.resume(note.account, note.ledger.open) : TapAccount.begin()
    this.#schedule = scheduleAfter(note, task.plan.windowSeconds, now)
    this.windows = new CaptureWindows(
      {
        windowSeconds: task.plan.windowSeconds,
        lateSeconds: liveLateSeconds,
        flowsMax: liveFlowsMax,
        totals: true,
        ...settling(task.place, (window) => this.#status.isLossy(window)),
      },
      assigner,
      (records, window) => this.#take(records, window),
      (end) => this.#ended(end),
    )
    this.windows.changeLength(this.#schedule)
    this.#looked = now
    const since = sinceOf(note, now)
    this.#status = new WindowStatus((second) => this.#windowOf(second), since, now)
    if (goesOn) this.#beginGap('restart', since, now)
    else if (note?.openSince !== undefined) this.#loseOpenWindows(note, since)
    this.#sortFor(task.plan)
  }

  /** Packets come from here now. */
  opened(source: TapSource, now: UnixSeconds): void {
    this.#source = source
    this.#sourceSeen = undefined
    if (this.#shedSince !== undefined) {
      this.#beginGap('shed', this.#shedSince, now)
      this.#shedSince = undefined
    }
    this.#look(now)
  }

  /** No packets come any more until `opened`: the ENI is given up for a while. */
  shed(now: UnixSeconds): void {
    this.#endSource(now, 'works')
    this.#shedSince = now
  }

  change(plan: TapPlan, now: UnixSeconds): void {
    this.#schedule = windowSchedule(
      this.#schedule,
      plan.windowSeconds,
      Math.max(now, this.windows.newest) as UnixSeconds,
    )
    this.windows.changeLength(this.#schedule)
    this.#sortFor(plan)
  }

  /** Once a second: losses, windows that are over, and the note. */
  tick(now: UnixSeconds): void {
    this.#look(now)
    this.windows.closeUntil(now)
    this.#tellStatus(this.#windowOf(now - liveLateSeconds).start)
    this.#tellRefused(now)
    this.#handOver()
  }

  /**
   * All windows close. `answered` must become true after it.
   * @param source whether the source still works, so that what came before this moment can be read; if not,
   *   whether its interface is gone
   * @param ordered whether the ENI is still to be captured: what passes until it is captured again is a loss
   */
  stop(now: UnixSeconds, source: 'works' | 'failed' | 'gone', ordered = true): void {
    this.#ordered = ordered
    this.#endSource(now, source)
    const { start, seconds } = this.#windowOf(now)
    this.#tellStatus(start + seconds, now)
    this.#handOver()
  }

  /** The spool has taken a closing, or not: then its records are lost. */
  answer(closing: number, kept: boolean): void {
    for (const { window, totals } of this.#closings.answer(closing, kept, this.#looked)) {
      this.#account.loseRecords('spoolFull', totals)
      this.#lose('spoolFull', window.start, window.start + window.seconds, totals)
    }
  }

  /** Whether everything handed over has been answered. */
  get answered(): boolean {
    return this.#closings.answered
  }

  note(): TapNote {
    const { agent, place } = this.#task
    const { since } = this.windows.openTotals()
    return {
      eni: place.eni,
      interface: this.#identity,
      account: this.#account.state,
      ledger: {
        ...this.#account.amounts(),
        eni: place.eni.eniId,
        tap: tapName(place),
        host: agent,
        opening: this.#opening,
        openedAt: this.#openedAt,
        asOf: this.#looked,
      },
      earlier: this.#earlier,
      losses: this.#losses.all,
      openSince: since,
      windowSeconds: this.#windowOf(this.#looked).seconds,
      ordered: this.#ordered,
      untold: this.#closings.untold,
      closings: this.#closings.count,
      refusals: this.#closings.refusals,
    }
  }

  #windowOf(second: number): CaptureWindow {
    return this.windows.windowOf(second)
  }

  #sortFor(plan: TapPlan): void {
    this.#sorter = flowLogSorter(plan.flowLogs, this.#assigner.enis, () => this.#window!)
  }

  #take(records: FlowRecordBatch, window: CaptureWindow): void {
    this.#window = window
    if (records.status[0] === logStatus.ok)
      for (let row = 0; row < records.rows; row++) {
        this.#made.packets += records.packets[row]!
        this.#made.bytes += records.bytes[row]!
      }
    this.#closings.add(this.#sorter.sort(records).map(encodeParcel))
  }

  #ended(end: WindowEnd): void {
    this.#closings.addRecords(end, this.#account.windowEnded(end, this.#made))
    this.#made = { packets: 0, bytes: 0 }
    if (end.refusedPackets > 0) {
      this.#status.lose(end.start, end.start + end.seconds - 1)
      this.#lose('tableFull', end.start, end.start + end.seconds, {
        frames: end.refusedFrames,
        packets: end.refusedPackets,
      })
    }
  }

  /** Losses belong to the windows since the last look: nobody knows which. */
  #look(now: UnixSeconds): void {
    if (this.#source !== undefined) this.#read(this.#source, now)
    if (this.#shedSince !== undefined) this.#status.lose(this.#looked, now)
    this.#looked = now
    this.#settleGap(now)
  }

  #read(source: TapSource, now: UnixSeconds): void {
    const reading = source.readingOf()
    const { tap } = reading
    const before = this.#sourceSeen
    this.#sourceSeen = tap
    const { since: _, ...open } = this.windows.openTotals()
    const { multicastRows: multicast, unassigned, uncapturedRows } = this.#assigner
    const own = { multicast, unassigned: unassigned + uncapturedRows, open }
    this.#account.take(reading, own)
    const lose = (reason: LossReason, count: number, what: 'frames' | 'packets'): void => {
      if (count <= 0) return
      this.#status.lose(this.#looked, now)
      this.#lose(reason, this.#looked, now, { [what]: count })
    }
    lose('ring', tap.dropped - (before?.dropped ?? 0), 'frames')
    lose('nflog', tap.nflogLost - (before?.nflogLost ?? 0), 'packets')
    if (tap.nflogLosing) this.#status.lose(this.#looked, now)
    lose('mapFull', tap.mapFull - (before?.mapFull ?? 0), 'frames')
  }

  #endSource(now: UnixSeconds, state: 'works' | 'failed' | 'gone'): void {
    const source = this.#source
    if (source === undefined) return
    // A frame may be on its way from the interface's counter to the tap's: then there is a rest of the rest.
    for (let i = 0; i < restsMax; i++) {
      if (state === 'works') source.readRest(this.windows)
      this.#look(now)
      if (state !== 'works' || difference(this.#account.amounts()) === 0) break
    }
    this.windows.closeAll()
    this.#look(now)
    this.#settleGap(Number.POSITIVE_INFINITY)
    if (state === 'gone') this.#account.endInterface()
    this.#account.endTap()
    source.close()
    this.#source = undefined
  }

  #beginGap(reason: LossReason, since: number, until: number): void {
    this.#account.beginGap({ reason, since, until })
    this.#gapOpen = true
    this.#gapWaits = true
  }

  /** A gap is a loss if anything passed in it; that is known at the first quiet moment. */
  #settleGap(now: number): void {
    const { gap } = this.#account
    if (!this.#gapOpen || gap === undefined || this.#source === undefined) return
    if (!gap.settled && now - gap.until < quietSecondsMax) return
    if (!gap.settled || gap.missed.frames !== 0) {
      this.#status.lose(gap.since, gap.until)
      this.#lose(gap.reason, gap.since, gap.until, gap.missed)
    }
    this.#gapWaits = false
    if (gap.settled) this.#gapOpen = false
  }

  /** Windows that were open at an interface that is not there any more. */
  #loseOpenWindows(note: TapNote, since: number): void {
    const { asOf, open } = note.ledger
    this.#status.lose(since, asOf)
    this.#lose('restart', since, asOf, open, note.ledger.opening)
  }

  #lose(
    reason: LossReason,
    from: number,
    to: number,
    count: Partial<Totals> = {},
    opening = this.#opening,
  ): void {
    const eni = this.#task.place.eni.eniId
    this.#losses.add({ eni, opening, reason, from, to, ...count })
  }

  #tellStatus(bound: number, stoppedAt?: number): void {
    if (this.#gapWaits && stoppedAt === undefined) return
    for (const { window, lost } of this.#status.due(bound, stoppedAt)) {
      this.#emitStatus(window, lost)
    }
  }

  /** Of windows that the spool refused. */
  #tellRefused(now: number): void {
    for (const { lost, ...window } of this.#closings.takeUntold(now)) this.#emitStatus(window, lost)
  }

  #emitStatus(window: CaptureWindow, lost: boolean): void {
    this.windows.emitStatus([this.#eni], window.start, window.start, () => lost)
    this.#closings.addStatus(window, lost)
  }

  #handOver(): void {
    const handed = this.#closings.handOver()
    if (handed !== undefined) this.#say({ kind: 'closed', ...handed, note: this.note() })
  }
}

/** Where the time that is told of begins; nothing is told of what was not ordered. */
const sinceOf = (note: TapNote | undefined, now: UnixSeconds): number =>
  note?.ordered === true ? Math.max(note.openSince ?? note.ledger.asOf, now - awaySecondsMax) : now

/** Where a firewall reports what it rejects, a tap before it has seen those packets too. */
function settling({ nflog, netns, side }: TapPlace, isLossy: (window: CaptureWindow) => boolean) {
  if (nflog === undefined) return {}
  const rules = sideOfRules(side, nflog.netns === netns)
  const less = new LessRejected((_eni, way) =>
    seenBeforeVerdict(rules, way === direction.in ? 'in' : 'out'),
  )
  return {
    settle: (flows: FlowTable, window: CaptureWindow): void => less.settle(flows, isLossy(window)),
  }
}

const sameInterface = (a: InterfaceIdentity, b: InterfaceIdentity): boolean =>
  a.boot === b.boot && a.namespace === b.namespace && a.index === b.index
