/** Traffic analyzers of a server: what is stored of a flow log is folded into its analyzer on the way. */
import type { AnalyzerKeeper } from '../api/analyzer-contract.ts'
import type { RecordStore } from '../api/api.ts'
import { type RunQuery, TrafficAnalyzers } from '../analysis/analysis.ts'
import type { BatchId, ColumnBatch } from '../base/columns.ts'
import type { MeteredBatch } from '../billing/billing.ts'
import type { Attachments } from '../flow-log/flow-log.ts'
import type { LogStore } from '../logstore/logstore.ts'
import { flowLogTopic } from '../record/columns.ts'
import type { ServerBilling } from './open-billing.ts'
import type { State } from './state.ts'

export interface ServerAnalyzers {
  /** What takes the records of flow logs, in this process and from agents: they are counted, and folded too. */
  records(billing: Pick<ServerBilling, 'records' | 'count'>): RecordStore
  /** Whether all rollups of an analyzer have a batch. */
  readonly hasFolded: (analyzer: string, id: BatchId) => boolean
  keeper(run: RunQuery): AnalyzerKeeper
}

/** What a crash left half made is finished first. */
export async function openAnalyzers(
  region: string,
  attachments: Attachments,
  { store, state }: { readonly store: LogStore; readonly state: Pick<State, 'database'> },
): Promise<ServerAnalyzers> {
  const now = (): number => Date.now() / 1000
  const { attached } = attachments
  const analyzers = new TrafficAnalyzers({ store, db: state.database, region, attached, now })
  await analyzers.resume()
  return {
    records: (billing) => folding(billing, analyzers, attachments),
    hasFolded: (analyzer, id) => analyzers.hasFolded(analyzer, id),
    keeper: (run) => ({
      create: (wanted) => analyzers.create(wanted),
      list: () => analyzers.list(),
      get: (id) => analyzers.get(id),
      modify: (id, change) => analyzers.modify(id, change),
      delete: (id) => analyzers.delete(id),
      checkWindow: (id, windowSeconds) => analyzers.checkWindow(id, windowSeconds),
      startRanking: (request, signal) => analyzers.startRanking(request, run, signal),
      analyzerOfRanking: (id) => analyzers.analyzerOfRanking(id),
      ranking: (request) => analyzers.ranking(request),
      metrics: (request, signal) => analyzers.metrics(request, run, signal),
    }),
  }
}

/** An acknowledged batch is in both, or in the one it is for; one that is repeated is stored once in each. */
function folding(
  { records, count }: Pick<ServerBilling, 'records' | 'count'>,
  analyzers: TrafficAnalyzers,
  { analyzerOf, isAlone }: Pick<Attachments, 'analyzerOf' | 'isAlone'>,
): RecordStore {
  /** Throws AnalyzerNotExist: its flow log and it were deleted while the batch was on its way. */
  const deliverAlone = async (alone: string, batch: MeteredBatch, records: ColumnBatch) => {
    const stored = !analyzers.hasFolded(alone, batch.id)
    await count({ ...batch, alone }, records, async (copy) => {
      analyzers.get(alone)
      await analyzers.deliver(alone, copy, batch.id)
    })
    return { stored }
  }
  return {
    projects: () => records.projects(),
    logstores: (project) => records.logstores(project),
    lease: (...asked) => records.lease(...asked),
    verify: (options) => records.verify(options),
    accounts: () => records.accounts(),
    stats: () => records.stats(),
    async append(project, logstore, batch, options = {}) {
      const { id, topic } = options
      const analyzer = topic === flowLogTopic && id ? analyzerOf(id.flowLog) : undefined
      if (analyzer !== undefined && id && isAlone(id.flowLog))
        return deliverAlone(analyzer, { project, logstore, id }, batch)
      // Both copy the batch before they return.
      const folded = analyzer && id ? analyzers.deliver(analyzer, batch, id) : undefined
      const [stored, delivered] = await Promise.allSettled([
        records.append(project, logstore, batch, options),
        folded,
      ])
      if (stored.status === 'rejected') throw stored.reason
      if (delivered.status === 'rejected') throw delivered.reason
      return stored.value
    },
  }
}
