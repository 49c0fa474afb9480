/** What travels between the agent and the threads that capture. All of it is copied, none shared. */
import type { EncodedParcel, Parcel } from '../delivery/delivery.ts'
import type { FlowLog } from '../flow-log/flow-log.ts'
import type { EniIdentity } from '../record/batch.ts'
import type { Topology } from '../vpc/vpc.ts'
import type { TapNote } from './tap-note.ts'
import type { TapPlace } from './tap-place.ts'

/** What is to be captured. */
export interface AgentOrders {
  /** The active flow logs and those that ended lately (`FlowLogs.lately`). */
  readonly flowLogs: readonly FlowLog[]
  readonly topology: Topology | undefined
}

export type TapState = 'capturing' | 'opening' | 'shed' | 'absent' | 'failed' | 'not ordered'

export interface TapStatus {
  readonly eni: EniIdentity
  readonly tap: string
  readonly state: TapState
  /** Why it is absent or failed, or captured in another way than was wanted. */
  readonly reason: string | undefined
  /** CPU seconds a second of its thread. */
  readonly cpu: number
}

/** For whom an ENI is captured, and how. */
export interface TapPlan {
  readonly windowSeconds: FlowLog['windowSeconds']
  readonly families: 'ipv4' | 'both'
  /** Those about this ENI, lately ended ones too. */
  readonly flowLogs: readonly FlowLog[]
}

/** How packets are taken off an interface. */
export type CaptureMethod = 'ring' | 'tcx'

export interface TapTask {
  /** The agent's name; the server's own is empty. */
  readonly agent: string
  readonly place: TapPlace
  readonly plan: TapPlan
  readonly method: CaptureMethod
  readonly ringBytes: number
  /** The topology the tap belongs to; without one the ENI is an interface of the host. */
  readonly topology: Topology | undefined
  /** What was last kept of this ENI, by a process before this one or an interface before this one. */
  readonly note: TapNote | undefined
  /**
   * `settle`: the interface is not there any more. What the note says was under way is told as lost, and nothing
   * is captured.
   */
  readonly work: 'capture' | 'settle'
}

export interface ThreadWorkerData<Task> {
  readonly task: Task
  /** Counts the orders that were posted, so that a busy thread need not look for them. */
  readonly mail: Int32Array<SharedArrayBuffer>
}

/** What the thread is told. */
export type TapOrder =
  | { readonly kind: 'plan'; readonly plan: TapPlan }
  | { readonly kind: 'topology'; readonly topology: Topology }
  | { readonly kind: 'shed' }
  | { readonly kind: 'resume' }
  /** Whether the spool has taken what a closing handed over; if not, its records are lost. */
  | { readonly kind: 'answer'; readonly closing: number; readonly kept: boolean }
  /** Whether the ENI is to be captured on, by another thread: what passes until then is a loss. */
  | { readonly kind: 'stop'; readonly ordered: boolean }

/** What the thread says. `ended` is the last. */
export type TapMessage =
  | { readonly kind: 'opened'; readonly fallback?: string }
  /** Records of windows that have closed, and the note that is true once they are kept. */
  | {
      readonly kind: 'closed'
      readonly closing: number
      readonly parcels: readonly (Parcel | EncodedParcel)[]
      readonly note: TapNote
    }
  /** At least once a second. */
  | { readonly kind: 'journal'; readonly note: TapNote; readonly cpuSeconds: number }
  | Failed
  | { readonly kind: 'ended' }

export interface Failed {
  readonly kind: 'failed'
  readonly reason: string
  readonly gone: boolean
}
