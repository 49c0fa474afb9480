/** The flow logs that are made without being asked for, so that a first start shows records. */
import type { State } from './state.ts'

export const ownProject = 'weir'
export const ownLogstore = 'flow-log'
const liveWindowSeconds = 60

/** For each of these VPCs, once: all of it, both families, a minute. Who deletes it does not get it again. */
export function makeFirstFlowLogs(vpcs: readonly string[], state: State): void {
  const ordered = new Set(state.flowLogs.list().map(({ resourceId }) => resourceId))
  for (const resourceId of new Set(vpcs)) {
    const fact = `flow log of ${resourceId}`
    if (ordered.has(resourceId) || state.get(fact) !== undefined) continue
    state.flowLogs.create({
      name: `all of ${resourceId}`,
      resourceType: 'VPC',
      resourceId,
      ipVersion: 'DualStack',
      windowSeconds: liveWindowSeconds,
      project: ownProject,
      logstore: ownLogstore,
    })
    state.set(fact, 'made at the first start')
  }
}
