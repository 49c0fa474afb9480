/**
 * log-service/: what a project of the log service keeps beside its logs, as attributes of the catalogue: consumer groups,
 * dashboards, saved searches. It knows no HTTP: `api/log-service/` has the wire forms.
 */
import type { LogStore } from '../logstore/logstore.ts'

export { type CheckPoint, type ConsumerGroup, ConsumerGroups } from './consumer-groups.ts'
export {
  dashboards,
  type Document,
  type DocumentKind,
  Documents,
  type DocumentStore,
  savedSearches,
} from './documents.ts'

/** The store that all of them keep their things in. */
export type LogServiceStore = LogStore
export { fitGroup, type FittedGroup, type ReceivedGroup } from './fit.ts'
export { putGroup, type PutOptions, type PutStore } from './put.ts'
export { readTrackedLog, readTrackedLogs } from './put-tracking.ts'
