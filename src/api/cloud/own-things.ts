/** What keys of one account see and touch: their account's part of everything (docs/control-plane.md). */
import { WeirError } from '../../base/errors.ts'
import { assertOwnTarget, ownFlowLog } from '../owner.ts'
import type { CloudAnalyzers, CloudFlowLogs, CloudThings } from './things.ts'

/** @param owner an account */
export const ownThings = (things: CloudThings, owner: string): CloudThings => ({
  ...things,
  owner,
  flowLogs: ownFlowLogs(things.flowLogs, owner),
  ...(things.analyzers === undefined ? {} : { analyzers: foreignAnalyzers(owner) }),
})

function ownFlowLogs(flowLogs: CloudFlowLogs, owner: string): CloudFlowLogs {
  const own = (id: string): string => ownFlowLog(flowLogs, id, owner)
  const every = (ids: readonly string[]): readonly string[] => ids.map(own)
  return {
    accountOf: (target) => flowLogs.accountOf(target),
    ownAccount: () => owner,
    create(wanted, by) {
      assertOwnTarget(flowLogs, wanted, owner)
      return flowLogs.create(wanted, by)
    },
    list: () => flowLogs.list().filter(({ account }) => account === owner),
    get: (id) => flowLogs.get(own(id)),
    modify: (id, change, by) => flowLogs.modify(own(id), change, by),
    activate: (id, by) => flowLogs.activate(own(id), by),
    deactivate: (id, by) => flowLogs.deactivate(own(id), by),
    delete: (id, by) => flowLogs.delete(own(id), by),
    tag: (ids, tags, by) => flowLogs.tag(every(ids), tags, by),
    untag: (ids, keys, by) => flowLogs.untag(every(ids), keys, by),
    tags: (wanted) => flowLogs.tags({ ...wanted, account: owner }),
    moveToResourceGroup: (id, group, by) => flowLogs.moveToResourceGroup(own(id), group, by),
    prerequisites: flowLogs.prerequisites,
  }
}

/** A traffic analyzer has the records of any account's flow logs. */
function foreignAnalyzers(owner: string): CloudAnalyzers {
  const refuse = (): never => {
    throw new WeirError('AccessDenied', `traffic analyzers are not of account ${owner} alone`, {
      hint: 'Ask with a key of the server: one that was made without --account',
    })
  }
  return {
    startRanking: refuse,
    analyzerOfRanking: refuse,
    ranking: refuse,
    metrics: refuse,
  }
}
