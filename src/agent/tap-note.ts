/** What the spool remembers of an ENI: true the moment its newest closed window is kept, or a second later. */
import type { Ledger, Loss } from '../ledger/ledger.ts'
import type { EniIdentity } from '../record/batch.ts'
import type { UntoldWindow } from './closings.ts'
import type { AccountState } from './tap-account.ts'

/** Which interface it was: counters of another one, or after a boot, say nothing of this one's. */
export interface InterfaceIdentity {
  readonly boot: string
  readonly namespace: string
  readonly index: number
}

/** A loss, and the opening of the tap that it happened in. */
export interface TapLoss extends Loss {
  readonly opening: string
}

export interface TapNote {
  readonly eni: EniIdentity
  readonly interface: InterfaceIdentity
  readonly account: AccountState
  /** The account as it is told to others. */
  readonly ledger: Ledger
  /** Of the openings before this one, so that none is forgotten before it was told. */
  readonly earlier: readonly Ledger[]
  /** Newest last. */
  readonly losses: readonly TapLoss[]
  /** The start of the oldest window whose packets are in memory alone. */
  readonly openSince: number | undefined
  /** Of the window that was open. */
  readonly windowSeconds: 60 | 300 | 600
  /** Whether the ENI was to be captured on. If not, what passed after the note is nobody's loss. */
  readonly ordered: boolean
  /** Windows whose status the spool has refused. */
  readonly untold: readonly UntoldWindow[]
  /** Windows that the thread has handed over, and those of them that were refused. */
  readonly closings: number
  readonly refusals: number
}

/** Ledgers of earlier openings that are remembered. */
const earlierMax = 20

/**
 * The ledgers before that of a new interface: the note's own ends, and what was in its open windows or not looked
 * at yet is lost.
 */
export function earlierLedgers(note: TapNote | undefined): readonly Ledger[] {
  if (note === undefined) return []
  const { ledger } = note
  const { open, lost, inRing } = ledger
  const frames = open.frames + inRing
  const before = lost.restart ?? { frames: 0, bytes: 0 }
  const restart = { frames: before.frames + frames, bytes: before.bytes + open.bytes }
  const ended: Ledger = {
    ...ledger,
    open: { frames: 0, packets: 0, bytes: 0 },
    inRing: 0,
    lost: frames === 0 ? lost : { ...lost, restart },
  }
  return [...note.earlier, ended].slice(-earlierMax)
}
