/**
 * flow-log/: the flow log instance, what a customer creates to say which traffic is captured, how long a
 * capture window is, and where records go.
 *
 * `instance.ts` is one flow log, the checks of its values and the time it was active; `flow-logs.ts` is the
 * table of them, `history.ts` what became of each. `flow-log-service.ts` is the flow log as a resource of the cloud:
 * transient states, quotas, prerequisites, regions, tags and groups. `capture-plan.ts` says what flow logs
 * mean to the capture: which ENIs, which families, how long a window is and from when on. Here stands which
 * records a flow log keeps. Nothing is captured or delivered here; bills are others' too.
 */
import {
  action,
  logStatus,
  recordBatchRows,
  type EniIdentity,
  type FlowRecordBatch,
} from '../record/batch.ts'
import { isTarget } from './capture-plan.ts'
import { scopePaths, type FlowLog } from './instance.ts'

export {
  capturePlan,
  targetEnis,
  windowAt,
  windowSchedule,
  windowSecondsOf,
  type EniPlan,
  type Schedule,
  type WindowSpan,
} from './capture-plan.ts'
export { type Attachments, attachmentsOf } from './attachments.ts'
export { FlowLogs } from './flow-logs.ts'
export { flowLogDifferences, type FlowLogEdit } from './history.ts'
export {
  type Prerequisite,
  type PrerequisiteName,
  prerequisiteNames,
  type Prerequisites,
} from './prerequisites.ts'
export { type Quota, type Quotas } from './quotas.ts'
export { hasIpv6, type Region, regions } from './regions.ts'
export {
  checkedTags,
  checkResourceGroup,
  type FlowLogResource,
  type NewFlowLogResource,
  type Tag,
} from './resource.ts'
export { FlowLogService, type FlowLogServiceThings } from './flow-log-service.ts'
export { type TagPage, type TagsWanted } from './tag-pages.ts'
export {
  activeIn,
  checkDescription,
  checkKnown,
  checkName,
  checkScope,
  completed,
  flowLogStatuses,
  ipVersions,
  resourceTypes,
  scopes,
  trafficTypes,
  windowLengths,
  type ActivePeriod,
  type FlowLog,
  type FlowLogChange,
  type NewFlowLog,
  type Scope,
} from './instance.ts'

/**
 * Writes the numbers of the rows that a flow log keeps to the front of `rows` (at least `batch.rows` long)
 * and returns how many there are.
 */
export type Keep = (batch: FlowRecordBatch, rows: Uint32Array) => number

/** What decides which records a flow log keeps, at any time. */
export type RecordFilter = Pick<
  FlowLog,
  'resourceType' | 'resourceId' | 'trafficType' | 'ipVersion' | 'scope'
>

/**
 * What a flow log keeps of the records of `enis`: those of its ENIs, traffic type, IP version and scope, and
 * every NODATA and SKIPDATA record of its ENIs. For which windows, `activeIn` says: one that was stopped is
 * still due the window it was stopped in.
 */
export function keeps(flowLog: RecordFilter, enis: readonly EniIdentity[]): Keep {
  const target = Uint8Array.from(enis, (eni) => (isTarget(flowLog, eni) ? 1 : 0))
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
function keptPaths({ scope }: RecordFilter): Uint8Array {
  const paths = new Uint8Array(256)
  for (const each of scope) {
    const codes = scopePaths[each]
    if (codes === undefined) return paths.fill(1)
    for (const code of codes) paths[code] = 1
  }
  return paths
}
