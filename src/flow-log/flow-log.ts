/**
 * flow-log/: the flow log instance, what a customer creates to say which traffic is captured, how long a
 * capture window is, and where records go.
 *
 * `instance.ts` is one flow log and the checks of its values, `flow-logs.ts` the table of them. Here stands
 * what a flow log means to the capture: its ENIs, their window, and the records it keeps. It captures and
 * delivers nothing itself; quotas and bills are others' too.
 */
import {
  action,
  logStatus,
  recordBatchRows,
  type EniIdentity,
  type FlowRecordBatch,
} from '../record/batch.ts'
import { scopePaths, type FlowLog } from './instance.ts'

export { FlowLogs } from './flow-logs.ts'
export {
  scopes,
  type FlowLog,
  type FlowLogChange,
  type NewFlowLog,
  type Scope,
} from './instance.ts'

/**
 * Indexes of the ENIs a flow log is about: "If you create a flow log for a VPC or vSwitch, the system
 * captures traffic from all associated ENIs within the VPC or vSwitch, including those created after the
 * flow log." So ask again when the ENIs have changed. Host ENIs without a topology are of VPC `vpc-host`.
 */
export function targetEnis(flowLog: FlowLog, enis: readonly EniIdentity[]): number[] {
  return enis.flatMap((eni, i) => (isTarget(flowLog, eni) ? [i] : []))
}

/**
 * The capture window of an ENI in seconds, `undefined` when no active flow log is about it: "If multiple flow
 * log instances in a VPC collect traffic from the same ENI, the shortest sampling interval among all
 * instances becomes the actual capture period."
 */
export function windowSecondsOf(
  eni: EniIdentity,
  flowLogs: readonly FlowLog[],
): FlowLog['windowSeconds'] | undefined {
  let shortest: FlowLog['windowSeconds'] | undefined
  for (const flowLog of flowLogs) {
    if (flowLog.status !== 'Active' || !isTarget(flowLog, eni)) continue
    if (shortest === undefined || flowLog.windowSeconds < shortest) shortest = flowLog.windowSeconds
  }
  return shortest
}

/**
 * Writes the numbers of the rows that a flow log keeps to the front of `rows` (at least `batch.rows` long)
 * and returns how many there are.
 */
export type Keep = (batch: FlowRecordBatch, rows: Uint32Array) => number

/**
 * What a flow log keeps of the records of `enis`: those of its ENIs, traffic type, IP version and scope, and
 * every NODATA and SKIPDATA record of its ENIs. A stopped one keeps nothing.
 */
export function keeps(flowLog: FlowLog, enis: readonly EniIdentity[]): Keep {
  const active = flowLog.status === 'Active'
  const target = Uint8Array.from(enis, (eni) => (active && isTarget(flowLog, eni) ? 1 : 0))
  const wantedAction = flowLog.trafficType === 'Allow' ? action.accept : action.reject
  const anyAction = flowLog.trafficType === 'All'
  const ipv4Only = flowLog.ipVersion === 'IPv4'
  const paths = keptPaths(flowLog)
  return (batch, rows) => {
    let kept = 0
    for (let row = 0; row < batch.rows; row++) {
      if (target[batch.eni[row]!] !== 1) continue
      if (batch.status[row] === logStatus.ok) {
        if (!anyAction && batch.action[row] !== wantedAction) continue
        if (ipv4Only && batch.family[row] !== 4) continue
        if (paths[batch.path[row]!] === 0) continue
      }
      rows[kept++] = row
    }
    return kept
  }
}

/** Room for the row numbers of any batch. */
export const keptRows = (): Uint32Array => new Uint32Array(recordBatchRows)

/** By traffic path, 255 being "does not apply": 1 if the flow log's scope has it. */
function keptPaths({ scope }: FlowLog): Uint8Array {
  const paths = new Uint8Array(256)
  for (const each of scope) {
    const codes = scopePaths[each]
    if (codes === undefined) return paths.fill(1)
    for (const code of codes) paths[code] = 1
  }
  return paths
}

function isTarget({ resourceType, resourceId }: FlowLog, eni: EniIdentity): boolean {
  switch (resourceType) {
    case 'VPC':
      return eni.vpcId === resourceId
    case 'VSwitch':
      return eni.vSwitchId === resourceId
    case 'NetworkInterface':
      return eni.eniId === resourceId
  }
}
