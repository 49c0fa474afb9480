import type { UnixSeconds } from '../base/time.ts'

/** Why something is missing, and how a person is told. */
export const lossReasons = {
  ring: 'the capture ring was full',
  nflog: 'messages of the firewall were lost',
  tableFull: 'the table of flows was full',
  mapFull: "the kernel's table of flows was full",
  spoolFull: 'the spool was full',
  spoolBroken: 'the spool could not be written',
  restart: 'the agent was away',
  shed: 'shed to stay within the CPU budget',
  exporterGap: "the exporter's numbers have a gap",
  socket: 'the socket was full',
  sampled: 'the exporter samples: its numbers were scaled',
  refusedByStore: 'the logstore did not take the records',
} as const

export type LossReason = keyof typeof lossReasons

/** Frames and their bytes, as the kernel counts an interface's: with link headers. */
export interface FramesAndBytes {
  readonly frames: number
  readonly bytes: number
}

/**
 * What frames became. A frame that was offloaded is one frame and the packets it carries; `bytes` are of
 * the IP layer, with the headers that the wire repeats and the interface does not count.
 */
export interface Totals {
  readonly frames: number
  readonly packets: number
  readonly bytes: number
}

/** The numbers of a ledger: cumulative, in frames where nothing else is said. They can be added up. */
export interface LedgerAmounts {
  /** Since the tap opened: rx, tx and what the interface dropped of them. */
  readonly interface: FramesAndBytes & {
    /** Whether they were read while nothing passed, so that they and the tap's can be compared. */
    readonly exact: boolean
  }
  /**
   * Lengths of the frames that the tap read, as the interface counts them. The interface's bytes less
   * these and the bytes lost are those of frames that nobody measured: dropped, filtered, in the ring.
   */
  readonly frameBytes: number
  /** In closed windows, late packets among them: a late packet makes a further record. */
  readonly records: Totals
  /** In windows that are still open. */
  readonly open: Totals
  readonly multicast: number
  readonly nonIp: number
  readonly malformed: number
  /** Left out by the kernel: of a family that no flow log wants. */
  readonly filtered: number
  /** Of no ENI, or what the cloud does not capture: a public load balancer's traffic with the internet. */
  readonly unassigned: number
  /** Of flows that a full table of the window had no room for. */
  readonly refused: number
  readonly lost: Readonly<Partial<Record<LossReason, FramesAndBytes>>>
  /** Have reached the tap and were not looked at yet. */
  readonly inRing: number
}

export interface Ledger extends LedgerAmounts {
  readonly eni: string
  /** Such as `shop/eth0`: namespace and interface. */
  readonly tap: string
  /** The name of the agent. */
  readonly host: string
  /** The id of this opening of the tap: with another one, the numbers begin anew. */
  readonly opening: string
  readonly openedAt: UnixSeconds
  readonly asOf: UnixSeconds
}

/** Something missing in a window, or in a span of several. */
export interface Loss {
  readonly eni: string
  /** Unix seconds, `from <= t < to`. */
  readonly from: UnixSeconds
  readonly to: UnixSeconds
  readonly reason: LossReason
  /** As far as they are known. */
  readonly frames?: number
  readonly packets?: number
  readonly bytes?: number
  /** What an exporter's numbers were multiplied by. */
  readonly factor?: number
}

/** Frames of the interface that are nowhere in the account. 0 when all is well and the reading exact. */
export const difference = (amounts: LedgerAmounts): number =>
  amounts.interface.frames - accountedFrames(amounts)

function accountedFrames(amounts: LedgerAmounts): number {
  const { records, open, multicast, nonIp, malformed, filtered, unassigned, refused } = amounts
  const leftOut = multicast + nonIp + malformed + filtered + unassigned + refused
  return records.frames + open.frames + leftOut + lostFrames(amounts) + amounts.inRing
}

export const lostFrames = ({ lost }: LedgerAmounts): number =>
  Object.values(lost).reduce((sum, { frames }) => sum + frames, 0)

/** Bytes of the interface that no tap measured: of dropped and filtered frames and those in the ring. */
export const unmeasuredBytes = (amounts: LedgerAmounts): number =>
  amounts.interface.bytes -
  amounts.frameBytes -
  Object.values(amounts.lost).reduce((sum, { bytes }) => sum + bytes, 0)

/** Of several openings or ENIs. The difference of a sum is the sum of the differences. */
export function sumOf(all: readonly LedgerAmounts[]): LedgerAmounts {
  const sum = (of: (amounts: LedgerAmounts) => number): number =>
    all.reduce((total, each) => total + of(each), 0)
  const totals = (of: (amounts: LedgerAmounts) => Totals): Totals => ({
    frames: sum((each) => of(each).frames),
    packets: sum((each) => of(each).packets),
    bytes: sum((each) => of(each).bytes),
  })
  const lost: Partial<Record<LossReason, FramesAndBytes>> = {}
  for (const each of all)
    for (const [reason, { frames, bytes }] of Object.entries(each.lost)) {
      const before = lost[reason as LossReason] ?? { frames: 0, bytes: 0 }
      lost[reason as LossReason] = { frames: before.frames + frames, bytes: before.bytes + bytes }
    }
  return {
    interface: {
      frames: sum((each) => each.interface.frames),
      bytes: sum((each) => each.interface.bytes),
      exact: all.every((each) => each.interface.exact),
    },
    frameBytes: sum((each) => each.frameBytes),
    records: totals((each) => each.records),
    open: totals((each) => each.open),
    multicast: sum((each) => each.multicast),
    nonIp: sum((each) => each.nonIp),
    malformed: sum((each) => each.malformed),
    filtered: sum((each) => each.filtered),
    unassigned: sum((each) => each.unassigned),
    refused: sum((each) => each.refused),
    lost,
    inRing: sum((each) => each.inRing),
  }
}
