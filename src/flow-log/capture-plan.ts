/** From all flow logs to what is captured: which ENIs, for whom, which families, and how long a window is. */
import { assert } from '../base/assert.ts'
import { alignedStart, type UnixSeconds, unixSeconds } from '../base/time.ts'
import type { EniIdentity } from '../record/batch.ts'
import type { FlowLog } from './instance.ts'

export type WindowSeconds = FlowLog['windowSeconds']

/** What is captured at one ENI. */
export interface EniPlan {
  readonly eni: EniIdentity
  readonly windowSeconds: WindowSeconds
  /** `ipv4` when every active flow log on it is IPv4: the rest need not leave the kernel. */
  readonly families: 'ipv4' | 'both'
  /** Those that target it, those that lately ended among them: they are due the windows that they ended in. */
  readonly flowLogs: readonly FlowLog[]
}

/**
 * A plan for each ENI that an active flow log is about, in the order of `enis`. Pure: plan anew whenever ENIs or
 * flow logs have changed.
 *
 * @param flowLogs `FlowLogs.lately`: the active ones and those that ended since the oldest open window began
 */
export function capturePlan(enis: readonly EniIdentity[], flowLogs: readonly FlowLog[]): EniPlan[] {
  return enis.flatMap((eni) => {
    const about = flowLogs.filter((flowLog) => isTarget(flowLog, eni))
    const active = about.filter(({ status }) => status === 'Active')
    if (active.length === 0) return []
    // "If multiple flow log instances in a VPC collect traffic from the same ENI, the shortest sampling interval
    // among all instances becomes the actual capture period."
    const windowSeconds = Math.min(...active.map((each) => each.windowSeconds)) as WindowSeconds
    const families = active.every(({ ipVersion }) => ipVersion === 'IPv4') ? 'ipv4' : 'both'
    return [{ eni, windowSeconds, families, flowLogs: about }]
  })
}

/**
 * The capture window of an ENI in seconds, `undefined` when no active flow log is about it: the shortest of
 * those that are.
 */
export const windowSecondsOf = (
  eni: EniIdentity,
  flowLogs: readonly FlowLog[],
): WindowSeconds | undefined => capturePlan([eni], flowLogs)[0]?.windowSeconds

/**
 * Indexes of the ENIs a flow log is about: "If you create a flow log for a VPC or vSwitch, the system
 * captures traffic from all associated ENIs within the VPC or vSwitch, including those created after the
 * flow log." So ask again when the ENIs have changed. Host ENIs without a topology are of VPC `vpc-host`.
 */
export function targetEnis(flowLog: Target, enis: readonly EniIdentity[]): number[] {
  return enis.flatMap((eni, i) => (isTarget(flowLog, eni) ? [i] : []))
}

/** What a flow log is about. */
type Target = Pick<FlowLog, 'resourceType' | 'resourceId'>

export function isTarget({ resourceType, resourceId }: Target, eni: EniIdentity): boolean {
  switch (resourceType) {
    case 'VPC':
      return eni.vpcId === resourceId
    case 'VSwitch':
      return eni.vSwitchId === resourceId
    case 'NetworkInterface':
      return eni.eniId === resourceId
  }
}

/** Windows are `seconds` long from `from` on, a multiple of this length and of the one before. */
export interface WindowSpan {
  readonly from: UnixSeconds
  readonly seconds: WindowSeconds
}

/** Lengths of windows in force one after the other, at least one; the first also for all time before it. */
export type Schedule = readonly WindowSpan[]

/** Windows this old have closed, however late their packets: nobody asks for their length any more. */
const rememberedSeconds = 3600

/**
 * The schedule when windows are to be `windowSeconds` long. A new length begins at the next multiple of the
 * longer of the two after `now`: windows stay aligned and whole, so no packet is lost or counted twice.
 * Lengths that were to begin later are given up for the new one.
 *
 * @param old `undefined` for an ENI that was not captured
 * @param now no packet of a later second has been put into a window yet: ask where the windows are
 */
export function windowSchedule(
  old: Schedule | undefined,
  windowSeconds: WindowSeconds,
  now: UnixSeconds,
): Schedule {
  if (old === undefined) return [{ from: unixSeconds(0), seconds: windowSeconds }]
  const begun = old.filter(({ from }, i) => i === 0 || from <= now)
  const kept = begun.filter((_, i) => {
    const next = begun[i + 1]
    return next === undefined || next.from > now - rememberedSeconds
  })
  const current = kept.at(-1)
  assert(current !== undefined, 'a schedule holds at least one length')
  if (current.seconds === windowSeconds) return kept
  const longer = Math.max(current.seconds, windowSeconds)
  const from = unixSeconds(alignedStart(now, longer) + longer)
  return [...kept, { from, seconds: windowSeconds }]
}

/** The window that a second is in. */
export function windowAt(
  schedule: Schedule,
  second: number,
): { start: UnixSeconds; seconds: WindowSeconds } {
  const span = schedule.findLast(({ from }) => from <= second) ?? schedule[0]
  assert(span !== undefined, 'a schedule holds at least one length')
  return { start: alignedStart(second, span.seconds), seconds: span.seconds }
}
