/** Flow logs as customers manage them: what they name must be there before one is made. */
import type { FlowLogKeeper } from '../api/things.ts'
import { WeirError } from '../base/errors.ts'
import {
  type DocumentStore,
  enableLogAnalysisReport,
  type IndexStore,
} from '../log-service/log-service.ts'
import type { FlowLog, FlowLogService } from '../flow-log/flow-log.ts'
import type { LogStore } from '../logstore/logstore.ts'
import type { EniIdentity } from '../record/batch.ts'
import { flowRecordColumns } from '../record/columns.ts'
import type { Topology } from '../vpc/vpc.ts'
import { createFlowLogstore } from './flow-logstore.ts'
import { checkNoRollups } from './rollup-projects.ts'
import { someOf, suggestion } from './suggest-names.ts'
import { resourceTypeNames } from './resource-type-names.ts'

type ResourceType = FlowLog['resourceType']

/** The ids that a flow log can be about, by what they are. */
export type KnownResources = Readonly<Record<ResourceType, readonly string[]>>

export type Logstores = Pick<
  LogStore,
  | 'projects'
  | 'createProject'
  | 'deleteProject'
  | 'logstores'
  | 'createLogstore'
  | 'updateTtl'
  | 'addColumns'
> &
  IndexStore &
  DocumentStore

/** Who waits for the end of what is under way; each answers when it is reached. @param ttlDays of logstores made */
export function flowLogKeeper(
  service: FlowLogService,
  store: Logstores,
  ttlDays: number,
): FlowLogKeeper {
  const settled = async (id: string) => {
    await service.settled(id)
    return service.get(id)
  }
  return {
    async create(wanted, { createMissing = false, analysisReport = false }, by) {
      service.checkNew(wanted)
      const { project = '', logstore = '' } = wanted
      const delivers = project !== ''
      if (!delivers && (createMissing || analysisReport))
        throw new WeirError('ParameterInvalid', 'there is no logstore to make or to index', {
          hint: 'Name a project and a logstore',
        })
      if (createMissing) await createWhatIsMissing(store, project, logstore, ttlDays)
      const { id } = service.create(wanted, by)
      if (analysisReport) enableLogAnalysisReport(store, project, logstore)
      return settled(id)
    },
    async makeLogstore(project, logstore) {
      await createWhatIsMissing(store, project, logstore, ttlDays)
      checkLogstore(store, project, logstore)
    },
    list: () => service.list(),
    get: (id) => service.get(id),
    modify: async (id, change, by) => settled(service.modify(id, change, by).id),
    start: async (id, by) => settled(service.activate(id, by).id),
    stop: async (id, by) => settled(service.deactivate(id, by).id),
    async delete(id, by) {
      service.delete(id, by)
      await service.settled(id)
    },
    disableDelivery: async (id, by) => settled(service.disableDelivery(id, by).id),
    attachAnalyzer: (id, analyzer, by) => service.attachAnalyzer(id, analyzer, by),
    history: (id) => service.history(id),
    accountOf: (target) => service.accountOf(target),
    ownAccount: () => service.ownAccount(),
    quotas: service.quotas,
    prerequisites: service.prerequisites,
  }
}

/** What a topology names and what interfaces belong to, each once. */
export function knownResources(
  topology: Pick<Topology, 'vpcs' | 'vSwitches' | 'enis'> | undefined,
  interfaces: readonly EniIdentity[],
): KnownResources {
  const ids = (entries: readonly { id: string }[] = [], ...seen: readonly string[]): string[] => [
    ...new Set([...entries.map(({ id }) => id), ...seen.filter((id) => id !== '-')]),
  ]
  return {
    VPC: ids(topology?.vpcs, ...interfaces.map(({ vpcId }) => vpcId)),
    VSwitch: ids(topology?.vSwitches, ...interfaces.map(({ vSwitchId }) => vSwitchId)),
    NetworkInterface: ids(topology?.enis, ...interfaces.map(({ eniId }) => eniId)),
  }
}

/** Throws ResourceNotExist. */
export function checkResource(known: KnownResources, type: ResourceType, id: string): void {
  if (known[type].includes(id)) return
  const name = resourceTypeNames[type]
  throw new WeirError('ResourceNotExist', `there is no ${name} ${id}`, {
    hint: otherType(known, id) ?? suggestion(id, known[type]) ?? `No ${name} is known here`,
  })
}

function otherType(known: KnownResources, id: string): string | undefined {
  const types = Object.keys(known) as ResourceType[]
  const type = types.find((each) => known[each].includes(id))
  if (type === undefined) return undefined
  return `That is ${type === 'NetworkInterface' ? 'an' : 'a'} ${resourceTypeNames[type]}`
}

/**
 * One that takes any key, as clients of the log service make them, gets the columns of records. Throws ProjectNotExist,
 * LogStoreNotExist; ParameterInvalid when records do not fit the logstore.
 */
export function checkLogstore(store: Logstores, project: string, logstore: string): void {
  checkNoRollups(project)
  const projects = store.projects().map(({ name }) => name)
  if (!projects.includes(project))
    throw new WeirError('ProjectNotExist', `there is no project ${project}`, {
      hint: orMake(suggestion(project, projects)),
    })
  const logstores = store.logstores(project)
  const target = logstores.find(({ name }) => name === logstore)
  if (target === undefined) {
    const names = logstores.map(({ name }) => name)
    throw new WeirError('LogStoreNotExist', `there is no logstore ${project}/${logstore}`, {
      hint: orMake(suggestion(logstore, names)),
    })
  }
  const columns = target.openColumns
    ? store.addColumns(project, logstore, flowRecordColumns)
    : target.columns
  const lacking = flowRecordColumns.filter(
    (column) => !columns.some(({ name, kind }) => name === column.name && kind === column.kind),
  )
  if (lacking.length > 0)
    throw new WeirError(
      'ParameterInvalid',
      `logstore ${project}/${logstore} does not take flow log records`,
      { hint: `It lacks the columns ${someOf(lacking.map(({ name }) => name))}` },
    )
}

async function createWhatIsMissing(
  store: Logstores,
  project: string,
  logstore: string,
  ttlDays: number,
): Promise<void> {
  checkNoRollups(project)
  const isNew = !store.projects().some(({ name }) => name === project)
  if (isNew) store.createProject(project, { description: 'Flow logs' })
  if (store.logstores(project).some(({ name }) => name === logstore)) return
  try {
    createFlowLogstore(store, project, logstore, ttlDays)
  } catch (error) {
    if (isNew) await store.deleteProject(project)
    throw error
  }
}

/** The one that was probably meant, and a few of those that are there. */
function orMake(suggested: string | undefined): string {
  const make = 'weir flow-log create --create makes it'
  if (suggested === undefined) return make
  return `${suggested}${suggested.endsWith('?') ? '' : '.'} ${make}`
}
