/** What travels between the agent and the thread that receives exported flows. All of it is copied. */
import type { EncodedParcel } from '../delivery/delivery.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Topology } from '../vpc/vpc.ts'
import type { UntoldWindow } from './closings.ts'
import type { ExportPlace } from './export-place.ts'
import type { Failed, TapPlan } from './messages.ts'
import type { TapLoss } from './tap-note.ts'

/** Where routers send their flows. */
export interface FlowExportConfig {
  /** An address of this host; `::` is all of both families. */
  readonly listen: string
  readonly port: number
  /**
   * Seconds after its end that a window waits for its flows: the routers' active and inactive timeout together, and
   * some for the way.
   */
  readonly lateSeconds: number
  /** A network namespace by name. */
  readonly netns?: string
}

export interface ExportPlan extends TapPlan {
  readonly place: ExportPlace
}

export interface ExportTask {
  /** The agent's name; the server's own is empty. */
  readonly agent: string
  readonly config: FlowExportConfig
  readonly topology: Topology
  readonly plans: readonly ExportPlan[]
  /** What was last kept, by a process before this one or a thread before this one. */
  readonly note: ExportNote | undefined
}

/** What is known of one ENI; its windows close and are refused by themselves. */
export interface ExportAccount {
  readonly ledger: Ledger
  readonly windowSeconds: 60 | 300 | 600
  /** Windows whose status the spool has refused. */
  readonly untold: readonly UntoldWindow[]
  /** Whether the ENI was to be captured on. If not, what passed after the note is nobody's loss. */
  readonly ordered: boolean
}

/** What the spool remembers of all exported flows: true the moment its newest closed windows are kept, or a second later. */
export interface ExportNote {
  /** Of what came and is no ENI's, and of what never came. */
  readonly port: Ledger
  readonly accounts: readonly ExportAccount[]
  /** Newest last. */
  readonly losses: readonly TapLoss[]
  /** The start of the oldest window whose flows are in memory alone. */
  readonly openSince: number | undefined
  readonly closings: number
  readonly refusals: number
}

export type ExportOrder =
  | {
      readonly kind: 'orders'
      readonly plans: readonly ExportPlan[]
      /** undefined: the same as before */
      readonly topology: Topology | undefined
    }
  | { readonly kind: 'answer'; readonly closing: number; readonly kept: boolean }
  /** Whether flows are to be received on, by another thread: what comes until then is a loss. */
  | { readonly kind: 'stop'; readonly ordered: boolean }

/** What the thread says. `ended` is the last. */
export type ExportMessage =
  | { readonly kind: 'opened'; readonly port: number }
  | {
      readonly kind: 'closed'
      readonly closing: number
      readonly parcels: readonly EncodedParcel[]
      readonly note: ExportNote
    }
  /** At least once a second. */
  | { readonly kind: 'journal'; readonly note: ExportNote; readonly cpuSeconds: number }
  | Failed
  | { readonly kind: 'ended' }
