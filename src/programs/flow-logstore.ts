import { flowLogIndex, Indexes, type IndexStore } from '../log-service/log-service.ts'
import type { LogStore } from '../logstore/logstore.ts'
import { flowRecordColumns } from '../record/columns.ts'

/**
 * Makes a logstore for flow log records, with the index of flow logs, so that clients of the log service can ask it at
 * once. Keys that other writers bring get columns of their own.
 */
export function createFlowLogstore(
  store: Pick<LogStore, 'createLogstore'> & IndexStore,
  project: string,
  logstore: string,
  ttlDays: number,
): void {
  store.createLogstore(project, logstore, {
    columns: flowRecordColumns,
    ttlDays,
    sortBy: ['eni-id'],
    openColumns: true,
  })
  new Indexes(store).create(project, logstore, flowLogIndex())
}
