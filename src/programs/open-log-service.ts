/** The log service of a server: its API's routes over the log store and the query engine, and the jobs that run. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { LogServiceThings } from '../api/log-service/log-service.ts'
import { consumerGroupRoutes } from '../api/log-service/consumer-group-routes.ts'
import { documentRoutes } from '../api/log-service/document-routes.ts'
import { jobRoutes } from '../api/log-service/job-routes.ts'
import { pullRoutes } from '../api/log-service/pull-routes.ts'
import { putRoutes } from '../api/log-service/put-routes.ts'
import { searchRoutes } from '../api/log-service/search-routes.ts'
import { shardRoutes } from '../api/log-service/shard-routes.ts'
import type { Log } from '../base/log.ts'
import { openJobs } from '../jobs/jobs.ts'
import { ConsumerGroups, ShardReader } from '../log-service/log-service.ts'
import type { LogStore } from '../logstore/logstore.ts'
import type { QueryEngine } from '../query/query.ts'
import { jobMeter } from './job-meter.ts'
import type { Access } from './open-access.ts'
import type { ServerBilling } from './open-billing.ts'
import type { StartConfig } from './start-config.ts'

/** Terraform's provider speaks TLS to an endpoint whose name does not begin with `http` (alibaba-api.md 2.7). */
const plainEndpoint = 'http-sls.localhost'

export interface LogService {
  readonly things: LogServiceThings
  /** What is wrong, a sentence each. */
  problems(): readonly string[]
  /** Jobs run from now on. */
  start(): void
  stop(): Promise<void>
}

export interface LogServiceParts {
  readonly store: LogStore
  readonly engine: QueryEngine
  readonly access: Access
  /** Unless given, what jobs read and write is not counted. */
  readonly billing?: Pick<ServerBilling, 'countRun'>
  readonly log: Log
}

export function openLogService(
  config: StartConfig,
  { store, engine, access, billing, log }: LogServiceParts,
): LogService {
  const db = new DatabaseSync(join(config.data, 'jobs.db'))
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  const now = (): number => Math.floor(Date.now() / 1000)
  const allowed = new Set(config.alerts.webhooks)
  const { jobs, book, outbox, runner } = openJobs({
    store,
    db,
    query: (request, signal) => engine.run(request, signal),
    ...(billing === undefined ? {} : { meter: jobMeter({ store, engine, billing }) }),
    zone: config.query.zone,
    isWebhookAllowed: ({ host, hostname }) => allowed.has(host) || allowed.has(hostname),
    now,
    log,
  })
  const reader = new ShardReader({ store, engine })
  const groups = new ConsumerGroups(store, (...asked) => reader.isConsumed(...asked))
  const routes = [
    ...putRoutes({ store }),
    ...searchRoutes({ store, engine }),
    ...pullRoutes(reader),
    ...shardRoutes(store),
    ...consumerGroupRoutes(groups),
    ...documentRoutes(store),
    ...jobRoutes({
      jobs,
      runs: (job, from, to) => book.runs(job, from, to),
      letters: (job) => outbox.letters(job),
    }),
  ]
  const { region, account, endpoints } = config.api
  return {
    things: {
      store,
      region,
      account,
      routes,
      endpoints: ['localhost', plainEndpoint, ...endpoints],
      gate: access,
    },
    problems: () => runner.problems(),
    start: () => runner.start(),
    async stop() {
      await runner.stop()
      db.close()
    },
  }
}
