/** Flow logs as a resource of the cloud: who may have how many, what is under way, and in what group they are. */
import { assert } from '../base/assert.ts'
import { WeirError } from '../base/errors.ts'
import type { FlowLogs } from './flow-logs.ts'
import type { FlowLogEdit } from './history.ts'
import { completed, type FlowLog, type FlowLogChange } from './instance.ts'
import { Prerequisites } from './prerequisites.ts'
import { Quotas } from './quotas.ts'
import { checkIpVersion } from './regions.ts'
import {
  checkedTags,
  checkResourceGroup,
  defaultResourceGroup,
  type FlowLogResource,
  type NewFlowLogResource,
  type Tag,
  type TransientState,
} from './resource.ts'
import { ResourceTable } from './resource-table.ts'
import { type TagPage, tagPage, type TagsWanted } from './tag-pages.ts'
import { Transitions } from './transitions.ts'

type Target = Pick<FlowLog, 'resourceType' | 'resourceId'>

/** What others know. */
export interface FlowLogServiceThings {
  /** Throws ResourceNotExist when there is none such. */
  checkTarget(target: Target): void
  /** Where a target is, and whose; of one that is not known, the server's own. */
  placeOf(target: Target): { readonly region: string; readonly account: string }
  /** Throws ProjectNotExist, LogStoreNotExist; ParameterInvalid when records do not fit. */
  checkDestination(project: string, logstore: string): void
  /** Throws when there is no such analyzer, or its interval is shorter than the window. */
  checkAnalyzer(analyzer: string, windowSeconds: number): void
  /** Throws FlowLogSuspended while an account owes too much. */
  checkPaid(account: string): void
  /**
   * Why records of a flow log are not delivered now, a sentence.
   * @param delivers false: to an analyzer alone
   */
  deliveryProblem(flowLog: FlowLog, delivers: boolean): string | undefined
  /** Resolves when capture has taken the orders in force now, or it waited long enough; never rejects. */
  taken(): Promise<void>
  readonly prerequisitesDone: boolean
}

export class FlowLogService {
  readonly quotas: Quotas
  readonly prerequisites: Prerequisites
  readonly #flowLogs: FlowLogs
  readonly #things: FlowLogServiceThings
  readonly #table: ResourceTable
  readonly #transitions: Transitions
  #closed = false

  /** `resume` is called when orders can be taken. */
  constructor(flowLogs: FlowLogs, things: FlowLogServiceThings) {
    const { database } = flowLogs
    this.#flowLogs = flowLogs
    this.#things = things
    this.#table = new ResourceTable(database)
    this.#transitions = new Transitions(database)
    this.prerequisites = new Prerequisites(database, things.prerequisitesDone)
    this.quotas = new Quotas(database, (account) => this.#table.countOf(account))
  }

  /** What a crash left under way goes on from here. */
  resume(): void {
    for (const { flowLog, state } of this.#transitions.all()) this.#finishLater(flowLog, state)
  }

  /**
   * Makes one that collects from now on: `Activating`, then `Active`. Two that are asked for at once never exceed the
   * quota, since looking and adding is one transaction.
   *
   * @param by an AccessKey's id, for the history
   * @throws WeirError ParameterInvalid, ResourceNotExist, ProjectNotExist, LogStoreNotExist, QuotaExceeded.Flowlog,
   *   OperationUnsupported.action where the region has no IPv6, OperationDenied.* for a prerequisite, FlowLogSuspended,
   *   and what `checkAnalyzer` throws
   */
  create(wanted: NewFlowLogResource, by: string): FlowLogResource {
    const { region, account } = this.checkNew(wanted)
    const { resourceGroup = defaultResourceGroup, tags = [], analyzer } = wanted
    const { project = '', logstore = '' } = wanted
    const delivers = project !== ''
    if (delivers) this.#things.checkDestination(project, logstore)
    const { id } = this.#flowLogs.together(() => {
      this.quotas.checkRoom(account)
      const made = this.#flowLogs.create(wanted, by)
      this.#table.add(made.id, { region, account, resourceGroup, delivers, analyzer })
      this.#table.setTags(made.id, checkedTags(tags))
      if (analyzer !== undefined)
        this.#note(made.id, by, 'attach', { analyzer: null }, { analyzer })
      this.#transitions.begin(made.id, 'Activating')
      return made
    })
    this.#finishLater(id, 'Activating')
    return this.get(id)
  }

  /** All that can be wrong before project and logstore are looked for. Throws as `create`. */
  checkNew(wanted: NewFlowLogResource): { readonly region: string; readonly account: string } {
    const { ipVersion, windowSeconds, project } = completed(wanted)
    if (project === '' && wanted.analyzer === undefined)
      throw new WeirError('ParameterInvalid', 'project is empty', {
        hint: 'A flow log delivers to a logstore, to a traffic analyzer or to both',
      })
    this.#things.checkTarget(wanted)
    const { region, account } = this.#things.placeOf(wanted)
    if (wanted.region !== undefined && wanted.region !== region)
      throw new WeirError(
        'ResourceNotExist',
        `there is no ${wanted.resourceId} in ${wanted.region}`,
      )
    this.prerequisites.check(account)
    this.#things.checkPaid(account)
    checkIpVersion(region, ipVersion)
    checkResourceGroup(wanted.resourceGroup ?? defaultResourceGroup)
    checkedTags(wanted.tags ?? [])
    if (wanted.analyzer !== undefined) this.#things.checkAnalyzer(wanted.analyzer, windowSeconds)
    this.quotas.checkRoom(account)
    return { region, account }
  }

  /** Whose a target is; undefined: there is none such. */
  accountOf(target: Target): string | undefined {
    try {
      this.#things.checkTarget(target)
    } catch (error) {
      if (error instanceof WeirError && error.code === 'ResourceNotExist') return undefined
      throw error
    }
    return this.#things.placeOf(target).account
  }

  /** Whose things are that say nothing else. */
  ownAccount(): string {
    return this.#things.placeOf({ resourceType: 'VPC', resourceId: '' }).account
  }

  /** The oldest first, those under way among them. */
  list(): FlowLogResource[] {
    return this.#flowLogs.list().map((each) => this.#resource(each))
  }

  /** Throws FlowLogNotExist. */
  get(id: string): FlowLogResource {
    return this.#resource(this.#flowLogs.get(id))
  }

  /**
   * `Modifying`, then what it was; nothing is under way when nothing changes. Throws FlowLogNotExist, ParameterInvalid, IncorrectStatus.flowlog,
   * OperationUnsupported.action, FlowLogSuspended, and what `checkAnalyzer` throws.
   */
  modify(id: string, change: FlowLogChange, by: string): FlowLogResource {
    const { region, analyzer, windowSeconds } = this.#mayChange(id)
    if (change.ipVersion !== undefined) checkIpVersion(region, change.ipVersion)
    if (analyzer !== undefined)
      this.#things.checkAnalyzer(analyzer, change.windowSeconds ?? windowSeconds)
    if (!this.#flowLogs.differs(id, change)) return this.get(id)
    return this.#order(id, 'Modifying', () => void this.#flowLogs.modify(id, change, by))
  }

  /**
   * `Activating`, then `Active`; nothing changes when it is active. Throws as `modify`, and OperationUnsupported.action,
   * ProjectNotExist and LogStoreNotExist: records would have nowhere to go.
   */
  activate(id: string, by: string): FlowLogResource {
    const { status, project, logstore, delivers, analyzer } = this.#mayChange(id)
    if (delivers) this.#things.checkDestination(project, logstore)
    else if (analyzer === undefined) throw notDeliveredAgain()
    if (status === 'Active') return this.get(id)
    return this.#order(id, 'Activating', () => void this.#flowLogs.start(id, by))
  }

  /** `Deactivating`, then `Inactive`; nothing changes when it is inactive. Throws as `modify`. */
  deactivate(id: string, by: string): FlowLogResource {
    if (this.#mayChange(id).status === 'Inactive') return this.get(id)
    return this.#order(id, 'Deactivating', () => void this.#flowLogs.stop(id, by))
  }

  /** `Deleting`, then it is not there. Its records stay. Throws as `modify`. */
  delete(id: string, by: string): void {
    this.#mayChange(id)
    this.#order(id, 'Deleting', () => {
      this.#flowLogs.stop(id, by)
      this.#table.setDeletedBy(this.#row(id), by)
    })
  }

  /**
   * Delivers to its logstore no more, for good: "This option cannot be re-enabled after it is disabled." One with an
   * analyzer goes on, for that alone; any other ends inactive. Throws as `modify`.
   */
  disableDelivery(id: string, by: string): FlowLogResource {
    const { delivers, analyzer } = this.#mayChange(id)
    if (!delivers) return this.get(id)
    return this.#order(id, analyzer === undefined ? 'Deactivating' : 'Modifying', () => {
      this.#table.setDelivers(this.#row(id), false)
      this.#note(id, by, 'disable delivery', { delivers: true }, { delivers: false })
      if (analyzer === undefined) this.#flowLogs.stop(id, by)
    })
  }

  /**
   * Throws FlowLogNotExist, FlowLogSuspended, IncorrectStatus.flowlog, OperationUnsupported.action where records would
   * have nowhere to go, and what `checkAnalyzer` throws.
   */
  attachAnalyzer(id: string, analyzer: string | undefined, by: string): FlowLogResource {
    const { windowSeconds, analyzer: before, delivers } = this.#mayChange(id)
    if (analyzer !== undefined) this.#things.checkAnalyzer(analyzer, windowSeconds)
    else if (before !== undefined && !delivers) throw nothingLeft(id, before)
    this.#flowLogs.together(() => {
      this.#table.setAnalyzer(this.#row(id), analyzer)
      this.#note(id, by, 'attach', { analyzer: before ?? null }, { analyzer: analyzer ?? null })
    })
    return this.get(id)
  }

  /** Throws FlowLogNotExist, FlowLogSuspended, IncorrectStatus.flowlog, ParameterInvalid. */
  moveToResourceGroup(id: string, resourceGroup: string, by: string): FlowLogResource {
    const { resourceGroup: before } = this.#mayChange(id)
    checkResourceGroup(resourceGroup)
    this.#flowLogs.together(() => {
      this.#table.setResourceGroup(this.#row(id), resourceGroup)
      this.#note(id, by, 'move', { resourceGroup: before }, { resourceGroup })
    })
    return this.get(id)
  }

  /** All of them or none. Throws as `moveToResourceGroup`. */
  tag(ids: readonly string[], tags: readonly Tag[], by: string): void {
    this.#retag(ids, by, 'tag', (own) => [...own, ...tags])
  }

  /** All of them or none. @param keys undefined: every tag. Throws as `moveToResourceGroup`. */
  untag(ids: readonly string[], keys: readonly string[] | undefined, by: string): void {
    this.#retag(ids, by, 'untag', (own) =>
      keys === undefined ? [] : own.filter(({ key }) => !keys.includes(key)),
    )
  }

  /** Throws ParameterInvalid. */
  tags(wanted: TagsWanted): TagPage {
    return tagPage(this.list(), wanted)
  }

  /** Every change of it, the oldest first; also of one that is deleted. Throws FlowLogNotExist. */
  history(id: string): FlowLogEdit[] {
    const edits = this.#flowLogs.history.of(id)
    if (edits.length === 0) this.get(id)
    return edits
  }

  /** Resolves when nothing is under way with it; it may be gone then. */
  settled(id: string): Promise<void> {
    return this.#transitions.settled(id)
  }

  /** What is under way stays so until the next start, and goes on then. */
  close(): void {
    this.#closed = true
  }

  /** With what stands on disk of it, an order of its own. */
  #order(id: string, state: TransientState, order: () => void): FlowLogResource {
    this.#flowLogs.together(() => {
      this.#transitions.begin(id, state)
      order()
    })
    this.#finishLater(id, state)
    return this.get(id)
  }

  #finishLater(id: string, state: TransientState): void {
    const end = this.#things.taken().then(() => {
      if (!this.#closed) this.#finish(id, state)
    })
    this.#transitions.watch(id, end)
  }

  /** Who releases the flow logs of a debtor may have been faster. */
  #finish(id: string, state: TransientState): void {
    if (state !== 'Deleting') return this.#transitions.end(id)
    this.#flowLogs.together(() => {
      this.#transitions.end(id)
      const isThere = this.#flowLogs.list().some((each) => each.id === id)
      if (isThere) this.#flowLogs.delete(id, this.#table.of(id)?.deletedBy)
    })
  }

  #mayChange(id: string): FlowLogResource {
    const resource = this.get(id)
    this.#things.checkPaid(resource.account)
    this.#transitions.checkFree(id)
    return resource
  }

  #retag(
    ids: readonly string[],
    by: string,
    did: 'tag' | 'untag',
    change: (own: readonly Tag[]) => readonly Tag[],
  ): void {
    this.#flowLogs.together(() => {
      for (const id of new Set(ids)) {
        const { tags } = this.#mayChange(id)
        const changed = checkedTags(change(tags))
        this.#row(id)
        this.#table.setTags(id, changed)
        this.#note(id, by, did, { tags }, { tags: changed })
      }
    })
  }

  #note(id: string, by: string, did: string, before: object, after: object): void {
    this.#flowLogs.history.add(id, by, did, before, after)
  }

  /** One that Weir made by itself gets its row with its first change. It still counts for no quota. */
  #row(id: string): string {
    if (this.#table.of(id) === undefined) {
      const flowLog = this.#flowLogs.get(id)
      this.#table.add(
        id,
        {
          ...this.#things.placeOf(flowLog),
          resourceGroup: defaultResourceGroup,
          delivers: true,
          analyzer: undefined,
        },
        false,
      )
    }
    return id
  }

  #resource(flowLog: FlowLog): FlowLogResource {
    const { id } = flowLog
    const row = this.#table.of(id)
    const { region, account } = row ?? this.#things.placeOf(flowLog)
    const analyzer = row?.analyzer
    const delivers = row?.delivers ?? true
    const problem = this.#things.deliveryProblem(flowLog, delivers) ?? ''
    assert(problem.length < 4096, 'a problem is a sentence')
    return {
      ...flowLog,
      status: this.#transitions.get(id) ?? flowLog.status,
      region,
      account,
      resourceGroup: row?.resourceGroup ?? defaultResourceGroup,
      tags: this.#table.tagsOf(id),
      businessStatus: this.#isPaid(account) ? 'Normal' : 'FinancialLocked',
      delivers,
      deliverStatus: problem === '' ? 'SUCCESS' : 'FAILED',
      deliverError: problem,
      ...(analyzer === undefined ? {} : { analyzer }),
      serviceType: '',
    }
  }

  #isPaid(account: string): boolean {
    try {
      this.#things.checkPaid(account)
      return true
    } catch (error) {
      if (error instanceof WeirError && error.code === 'FlowLogSuspended') return false
      throw error
    }
  }
}

const notDeliveredAgain = (): WeirError =>
  new WeirError(
    'OperationUnsupported.action',
    'This action is not support: delivery to the log service was disabled, and cannot be enabled again',
    { hint: 'Attach a traffic analyzer, or make another flow log' },
  )

const nothingLeft = (id: string, analyzer: string): WeirError =>
  new WeirError(
    'OperationUnsupported.action',
    `the records of ${id} go to ${analyzer} alone: without it they would go nowhere`,
    { hint: 'Attach another analyzer, or delete the flow log' },
  )
