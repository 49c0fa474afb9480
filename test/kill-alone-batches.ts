/** A flow log whose delivery to its logstore is disabled, and batches of its records, while their server is killed. */
import { createLog } from '../src/base/log.ts'
import type { Column, ColumnBatch } from '../src/base/columns.ts'
import { recordSizes } from '../src/billing/record-size.ts'
import { attachmentsOf } from '../src/flow-log/flow-log.ts'
import { openLogStore } from '../src/logstore/logstore.ts'
import { openAnalyzers } from '../src/programs/open-analyzers.ts'
import { openBilling } from '../src/programs/open-billing.ts'
import { openFlowLogService } from '../src/programs/flow-log-service.ts'
import { readStartConfig } from '../src/programs/start-config.ts'
import { openState } from '../src/programs/state.ts'
import { flowLogTopic } from '../src/record/columns.ts'
import { flowRecordFields } from '../src/record/fields.ts'
import { batchNumber as trafficOf } from './kill-analyzer-batches.ts'

const config = { flushIntervalMs: 20, maintainIntervalMs: 50, mergeFiles: 4, hourSettleSeconds: 0 }
export const place = { project: 'kill-alone', logstore: 'records' }
const region = 'cn-hangzhou'

/** What `weir start` wires together, without a network. */
export async function openServer(folder: string) {
  const store = await openLogStore(folder, config)
  const state = openState(folder)
  const attachments = attachmentsOf(state.flowLogs)
  const { analyzerOf } = attachments
  const analyzers = await openAnalyzers(region, attachments, { store, state })
  const { hasFolded } = analyzers
  const log = createLog(() => {})
  const topology = () => undefined
  const things = { store, state, topology, analyzerOf, hasFolded, log }
  const billing = openBilling(readStartConfig({}), things)
  const flowLogs = openFlowLogService({
    flowLogs: state.flowLogs,
    store,
    known: () => ({ VPC: ['vpc-1'], VSwitch: [], NetworkInterface: [] }),
    placeOf: () => ({ region, account: '1' }),
    prerequisitesDone: true,
    checkAnalyzer: () => {},
  })
  const records = analyzers.records(billing)
  const keeper = analyzers.keeper(() => Promise.reject(new Error('nothing is asked here')))
  return {
    store,
    state,
    flowLogs,
    keeper,
    send: (flowLog: string, number: number) =>
      records.append(place.project, place.logstore, batchNumber(number), {
        id: { flowLog, run: 'r', number },
        topic: flowLogTopic,
      }),
    async close() {
      flowLogs.close()
      await billing.stop()
      await store.close()
      state.close()
    },
  }
}

/** Every fifth batch tells of windows without traffic. */
export const hasTraffic = (number: number): boolean => number % 5 !== 0

export function batchNumber(number: number): ColumnBatch {
  const batch = trafficOf(number)
  if (hasTraffic(number)) return batch
  const times = batch.columns.get('__time__')!
  const status: Column = { kind: 'text', codes: Uint32Array.of(1), dictionary: ['NODATA'] }
  const [time] = (times as Extract<Column, { kind: 'integer' }>).values
  return {
    rows: 1,
    columns: new Map<string, Column>([
      ['__time__', { kind: 'integer', values: Float64Array.of(time!) }],
      ['log-status', status],
    ]),
  }
}

/** What it weighs on a bill. */
export const weightOf = (number: number): number =>
  recordSizes(
    batchNumber(number),
    flowRecordFields.map(({ name }) => name),
  ).reduce((sum, each) => sum + each, 0)
