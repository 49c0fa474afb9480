/** Flow logs as the cloud's API sees them: what its actions ask of the server. */
import type { FlowLog } from '../../flow-log/flow-log.ts'

/** One in DescribeFlowLogs. */
export interface CloudFlowLog extends Pick<
  FlowLog,
  | 'id'
  | 'name'
  | 'description'
  | 'resourceType'
  | 'resourceId'
  | 'trafficType'
  | 'ipVersion'
  | 'windowSeconds'
  | 'scope'
  | 'project'
  | 'logstore'
  | 'status'
  | 'createdAt'
> {
  readonly region: string
}

type Optional<T> = { readonly [Name in keyof T]: T[Name] | undefined }

export interface WantedFlowLog
  extends
    Pick<
      FlowLog,
      'resourceType' | 'resourceId' | 'trafficType' | 'windowSeconds' | 'project' | 'logstore'
    >,
    Optional<Pick<FlowLog, 'name' | 'description' | 'ipVersion'>> {
  readonly region: string
  /** As it was asked for: empty for the default. */
  readonly scope: readonly string[]
}

export type FlowLogEdit = Optional<
  Pick<FlowLog, 'name' | 'description' | 'windowSeconds' | 'ipVersion'>
>

/** All that name a flow log throw FlowLogNotExist, also when it is in another region. */
export interface FlowLogControl {
  /** Throws ResourceNotExist, ProjectNotExist, LogStoreNotExist, ParameterInvalid. */
  create(wanted: WantedFlowLog): Promise<CloudFlowLog>
  /** The oldest first. */
  list(): readonly CloudFlowLog[]
  /** Throws ParameterInvalid. */
  modify(region: string, id: string, edit: FlowLogEdit): void
  activate(region: string, id: string): void
  deactivate(region: string, id: string): void
  delete(region: string, id: string): void
}
