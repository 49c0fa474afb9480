/** What a debt does to the flow logs of an account: they are stopped, and go on or are gone in the end. */
import type { Log } from '../base/log.ts'
import type { OverdueEffects } from '../billing/billing.ts'
import type { FlowLog } from '../flow-log/flow-log.ts'
import type { LogStore } from '../logstore/logstore.ts'
import type { Topology } from '../vpc/vpc.ts'
import type { State } from './state.ts'

/** Who pays for a flow log. */
export type AccountOf = (flowLog: Pick<FlowLog, 'resourceType' | 'resourceId'>) => string

/** The account of the VPC that the flow log is about or in. */
export function accountOfFlowLog(
  topology: () => Topology | undefined,
  ownAccount: string,
): AccountOf {
  return ({ resourceType, resourceId }) => {
    const known = topology()
    const vSwitch =
      resourceType === 'NetworkInterface' ? known?.byId.enis.get(resourceId)?.vSwitch : resourceId
    const vpc =
      resourceType === 'VPC'
        ? resourceId
        : vSwitch === undefined
          ? undefined
          : known?.byId.vSwitches.get(vSwitch)?.vpc
    const account = vpc === undefined ? undefined : known?.byId.vpcs.get(vpc)?.account
    return account ?? known?.account ?? ownAccount
  }
}

/** Each does nothing when it was done before. */
export function overdueEffects(
  { flowLogs, get, set }: Pick<State, 'flowLogs' | 'get' | 'set'>,
  store: Pick<LogStore, 'projects' | 'logstores' | 'deleteLogstore'>,
  accountOf: AccountOf,
  log: Log,
): OverdueEffects {
  const fact = (account: string): string => `suspended flow logs of ${account}`
  const suspended = (account: string): string[] =>
    JSON.parse(get(fact(account)) ?? '[]') as string[]
  const of = (account: string): FlowLog[] =>
    flowLogs.list().filter((each) => accountOf(each) === account)
  return {
    async suspend(account) {
      const active = of(account).filter(({ status }) => status === 'Active')
      const ids = [...new Set([...suspended(account), ...active.map(({ id }) => id)])]
      set(fact(account), JSON.stringify(ids))
      for (const { id } of active) flowLogs.stop(id)
      log.warn('flow logs are suspended: a bill is not paid', { account, flowLogs: ids.length })
    },
    async resume(account) {
      const there = new Set(of(account).map(({ id }) => id))
      const ids = suspended(account).filter((id) => there.has(id))
      for (const id of ids) flowLogs.start(id)
      set(fact(account), '[]')
      log.info('flow logs go on: bills are paid', { account, flowLogs: ids.length })
    },
    async release(account) {
      const gone = of(account)
      for (const { id } of gone) flowLogs.delete(id)
      const kept = new Set(flowLogs.list().map(targetOf))
      for (const target of new Set(gone.map(targetOf)))
        if (!kept.has(target)) await deleteTarget(store, target)
      set(fact(account), '[]')
      log.warn('flow logs and their records are deleted: 7 days without payment', {
        account,
        flowLogs: gone.length,
      })
    },
  }
}

const targetOf = ({ project, logstore }: FlowLog): string => `${project}/${logstore}`

async function deleteTarget(
  store: Pick<LogStore, 'projects' | 'logstores' | 'deleteLogstore'>,
  target: string,
): Promise<void> {
  const [project, logstore] = target.split('/') as [string, string]
  const isThere =
    store.projects().some(({ name }) => name === project) &&
    store.logstores(project).some(({ name }) => name === logstore)
  if (isThere) await store.deleteLogstore(project, logstore)
}
