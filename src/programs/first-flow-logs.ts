/** The flow logs that are made without being asked for, so that a first start shows records. */
import type { EniIdentity } from '../record/batch.ts'
import { hostVpcId } from '../vpc/vpc.ts'
import type { State } from './state.ts'

export const ownProject = 'weir'
export const ownLogstore = 'flow-log'
const liveWindowSeconds = 60

/** For each VPC with a tap, once: the whole VPC, both families, a minute. Who deletes it does not get it again. */
export function makeFirstFlowLogs(enis: readonly EniIdentity[], state: State): void {
  const ordered = new Set(state.flowLogs.list().map(({ resourceId }) => resourceId))
  for (const resourceId of new Set(enis.map(({ vpcId }) => (vpcId === '-' ? hostVpcId : vpcId)))) {
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
