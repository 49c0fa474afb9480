/** Flow logs as the cloud's API manages them, over the keeper that all ways to them share. */
import type { FlowLogKeeper } from '../api/api.ts'
import type { CloudFlowLog, FlowLogControl, WantedFlowLog } from '../api/cloud/cloud.ts'
import { WeirError } from '../base/errors.ts'
import { type FlowLog, type NewFlowLog, scopes } from '../flow-log/flow-log.ts'

export type Resource = Pick<FlowLog, 'resourceType' | 'resourceId'>

/** @param regionOf the region that a resource is in; of one that is not known, the server's own */
export function cloudFlowLogs(
  keeper: FlowLogKeeper,
  regionOf: (resource: Resource) => string,
): FlowLogControl {
  const placed = (flowLog: FlowLog): CloudFlowLog => ({ ...flowLog, region: regionOf(flowLog) })
  /** Throws FlowLogNotExist, also for one of another region. */
  const here = (region: string, id: string): string => {
    if (regionOf(keeper.get(id)) === region) return id
    throw new WeirError('FlowLogNotExist', `there is no flow log ${id} in ${region}`)
  }
  return {
    async create(wanted) {
      const { region, resourceId } = wanted
      if (regionOf(wanted) !== region)
        throw new WeirError('ResourceNotExist', `there is no ${resourceId} in ${region}`)
      return placed(await keeper.create(newFlowLog(wanted), {}))
    },
    list: () => keeper.list().map(placed),
    modify: (region, id, edit) => void keeper.modify(here(region, id), known(edit)),
    activate: (region, id) => void keeper.start(here(region, id)),
    deactivate: (region, id) => void keeper.stop(here(region, id)),
    delete: (region, id) => keeper.delete(here(region, id)),
  }
}

/** Throws ParameterInvalid. */
function newFlowLog({ resourceType, resourceId, ...wanted }: WantedFlowLog): NewFlowLog {
  const { project, logstore, trafficType, windowSeconds, name, description, ipVersion } = wanted
  const scope = wanted.scope.map((each) => {
    const found = scopes.find((scopeName) => scopeName === each)
    if (found !== undefined) return found
    throw new WeirError('ParameterInvalid', `unknown traffic path ${JSON.stringify(each)}`, {
      hint: `One of ${scopes.join(', ')}`,
    })
  })
  const own = { resourceType, resourceId, project, logstore, trafficType, windowSeconds }
  return {
    ...own,
    ...known({ name, description, ipVersion }),
    ...(scope.length === 0 ? {} : { scope }),
  }
}

type Known<T> = { readonly [Name in keyof T]?: Exclude<T[Name], undefined> }

/** Without what is undefined. */
const known = <T extends object>(value: T): Known<T> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Known<T>
