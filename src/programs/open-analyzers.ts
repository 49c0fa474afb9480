/** Traffic analyzers of a server: what is stored of a flow log is folded into its analyzer on the way. */
import type { AnalyzerKeeper } from '../api/analyzer-contract.ts'
import type { RecordStore } from '../api/api.ts'
import { type RunQuery, TrafficAnalyzers } from '../analysis/analysis.ts'
import type { Attachments } from '../flow-log/flow-log.ts'
import type { LogStore } from '../logstore/logstore.ts'
import { flowLogTopic } from '../record/columns.ts'
import type { State } from './state.ts'

export interface ServerAnalyzers {
  /** The records, folded too. */
  readonly records: RecordStore
  /** Whether a project holds the rollups of one. */
  holds(project: string): boolean
  keeper(run: RunQuery): AnalyzerKeeper
}

/**
 * What a crash left half made is finished first.
 *
 * @param records what takes the records of flow logs, in this process and from agents
 */
export async function openAnalyzers(
  region: string,
  { analyzerOf, attached }: Attachments,
  {
    store,
    records,
    state,
  }: { readonly store: LogStore; readonly records: RecordStore; readonly state: State },
): Promise<ServerAnalyzers> {
  const now = (): number => Date.now() / 1000
  const analyzers = new TrafficAnalyzers({ store, db: state.database, region, attached, now })
  await analyzers.resume()
  return {
    records: folding(records, analyzers, analyzerOf),
    holds: (project) => analyzers.find(project) !== undefined,
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

/** An acknowledged batch is in both; one that is repeated is stored once in each. */
function folding(
  records: RecordStore,
  analyzers: TrafficAnalyzers,
  analyzerOf: Attachments['analyzerOf'],
): RecordStore {
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
