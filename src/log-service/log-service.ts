/**
 * log-service/: projects and logstores as the log service knows them, and what a project keeps beside its logs, as
 * attributes of the catalogue: settings, indexes, tags, consumer groups, dashboards, saved searches. It knows no HTTP:
 * `api/log-service/` has the wire forms.
 */
import type { LogStore } from '../logstore/logstore.ts'
import type { DocumentStore } from './documents.ts'
import { flowLogIndex } from './flow-log-index.ts'
import { Indexes, type IndexStore } from './index-config.ts'
import { createReportDashboards } from './report-dashboards.ts'

export { type CheckPoint, type ConsumerGroup, ConsumerGroups } from './consumer-groups.ts'
export {
  dashboards,
  type Document,
  type DocumentKind,
  Documents,
  type DocumentStore,
  savedSearches,
} from './documents.ts'

export { fitGroup, type FittedGroup, type ReceivedGroup } from './fit.ts'
export { putGroup, type PutOptions, type PutStore } from './put.ts'
export { readTrackedLog, readTrackedLogs } from './put-tracking.ts'
export { type ContextLogs, contextOf, type ContextRequest } from './context.ts'
export { type Histogram, histogram } from './histogram.ts'
export { type PulledGroups, type PullOptions, ShardReader } from './pull.ts'
export type { PullThings } from './pull-rows.ts'
export {
  indexOf,
  search,
  type SearchAnswer,
  type SearchPage,
  type SearchRequest,
  type SearchThings,
} from './search.ts'
export { otherStores } from './other-stores.ts'
export { readProjectQuery } from './search-project.ts'
export { flowLogIndex } from './flow-log-index.ts'
export { type IndexBody, readIndex } from './index-body.ts'
export { indexConfigOf, Indexes, type IndexStore, type KeptIndex } from './index-config.ts'
export { type LogstoreSettings, readSettings } from './logstore-settings.ts'
export { Logstores, type LogstoreStore, type ServiceLogstore } from './logstores.ts'
export { Projects, type ProjectStore, type ServiceProject } from './projects.ts'
export { type TaggedThing, Tags, type TagStore } from './tags.ts'

/** "If you select Enable Log Analysis Report ..., the default data retention period for the Logstore is 7 days." */
const reportTtlDays = 7

/**
 * What the report does to the logstore of a flow log: it has the flow log index (alibaba-api.md §6.2), in place of any
 * other, dashboards in its project, and keeps logs for 7 days. Throws ProjectNotExist, LogStoreNotExist, and
 * ParameterInvalid where a project has no room for dashboards.
 */
export function enableLogAnalysisReport(
  store: IndexStore & DocumentStore & Pick<LogStore, 'updateTtl'>,
  project: string,
  logstore: string,
): void {
  new Indexes(store).set(project, logstore, flowLogIndex())
  createReportDashboards(store, project, logstore)
  store.updateTtl(project, logstore, reportTtlDays)
}
