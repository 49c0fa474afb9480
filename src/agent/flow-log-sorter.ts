/** Records of closed windows to the flow logs that were active then. */
import { randomUUID } from 'node:crypto'
import { Sorter } from '../delivery/delivery.ts'
import { activeIn, type FlowLog, keeps } from '../flow-log/flow-log.ts'
import type { EniIdentity, FlowRecordBatch } from '../record/batch.ts'
import type { CaptureWindow } from '../window/window.ts'

/**
 * A run of its own: batches are numbered anew.
 * @param enis the identities that the records' ENI numbers point into
 * @param windowNow the window that the records are of which are sorted next
 */
export function flowLogSorter(
  flowLogs: Iterable<FlowLog>,
  enis: readonly EniIdentity[],
  windowNow: () => CaptureWindow,
): Sorter {
  const routes = Array.from(flowLogs, (flowLog) => {
    const keep = keeps(flowLog, enis)
    return {
      flowLog: flowLog.id,
      project: flowLog.project,
      logstore: flowLog.logstore,
      keep: (batch: FlowRecordBatch, rows: Uint32Array) =>
        activeIn(flowLog, windowNow()) ? keep(batch, rows) : 0,
    }
  })
  return new Sorter(routes, randomUUID(), enis)
}
