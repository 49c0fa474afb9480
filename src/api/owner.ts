/** Whose flow logs and targets are: a key of one account finds nothing of another, and is told no name of another's. */
import { WeirError } from '../base/errors.ts'
import type { FlowLogResource } from '../flow-log/flow-log.ts'

type Target = Pick<FlowLogResource, 'resourceType' | 'resourceId'>

interface Owned {
  list(): readonly FlowLogResource[]
  accountOf(target: Target): string | undefined
}

/**
 * @param account whose key asks; undefined: it may ask about all
 * @returns the id. Throws FlowLogNotExist, for one of another account too
 */
export function ownFlowLog(flowLogs: Owned, id: string, account: string | undefined): string {
  if (account === undefined) return id
  const isOwn = flowLogs.list().some((each) => each.id === id && each.account === account)
  if (isOwn) return id
  throw new WeirError('FlowLogNotExist', `there is no flow log ${id}`)
}

/** Throws ResourceNotExist, for a target of another account too. */
export function assertOwnTarget(
  flowLogs: Owned,
  target: Target,
  account: string | undefined,
): void {
  if (account === undefined || flowLogs.accountOf(target) === account) return
  throw new WeirError('ResourceNotExist', `there is no ${target.resourceId}`)
}

export interface Destination {
  readonly project?: string
  readonly logstore?: string
}

/**
 * Records are written for whoever ordered them, who must be allowed to write there.
 *
 * @param actions further ones that are needed there
 */
export const rightsToDeliver = (
  { project = '', logstore = '' }: Destination,
  actions: readonly string[] = [],
): { readonly action: string; readonly resource: string }[] =>
  project === ''
    ? []
    : ['log:PostLogStoreLogs', ...actions].map((action) => ({
        action,
        resource: `project/${project}/logstore/${logstore}`,
      }))
