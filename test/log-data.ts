/** For tests of the log service's data operations: a server with all of its routes, and logs put into it. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { pullRoutes } from '../src/api/log-service/pull-routes.ts'
import { putRoutes } from '../src/api/log-service/put-routes.ts'
import { searchRoutes } from '../src/api/log-service/search-routes.ts'
import { shardRoutes } from '../src/api/log-service/shard-routes.ts'
import { encodeLogGroup, type LogGroup } from '../src/log-group/log-group.ts'
import { ShardReader } from '../src/log-service/log-service.ts'
import { defaultQueryConfig, QueryEngine } from '../src/query/query.ts'
import { type Answer, startLogService } from './log-service-server.ts'

export type { Answer } from './log-service-server.ts'

export const project = 'my-proj'

/** Status, code and message. */
export function failureOf({ status, json }: Answer): unknown[] {
  const { errorCode, errorMessage } = json as { errorCode: string; errorMessage: string }
  return [status, errorCode, errorMessage]
}

const line = { token: [' ', ','], caseSensitive: false }

/** Project `my-proj` is there and empty. */
export async function startDataService(t: TestContext) {
  let engine: QueryEngine | undefined
  const server = await startLogService(t, (store) => {
    engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store)
    const things = { store, engine }
    const routes = [
      ...putRoutes({ store }),
      ...searchRoutes(things),
      ...pullRoutes(new ShardReader(things)),
      ...shardRoutes(store),
    ]
    return { routes }
  })
  t.after(() => engine?.close())
  server.store.createProject(project, { description: '' })
  const ok = async (asked: Parameters<typeof server.ask>[0]) => {
    const answer = await server.ask({ project, ...asked })
    assert.equal(answer.status, 200, answer.body.toString())
    return answer
  }
  return {
    ...server,
    ok,
    /** What was put is pulled from now on, and what comes from now on comes in a later second. */
    sealed: async () => {
      const now = Date.now() / 1000
      while (server.store.sealedThrough() < Math.floor(now)) await setTimeout(50)
    },
    /** With an index over every word, and over `keys`. */
    createLogstore: async (
      name: string,
      {
        keys = {},
        ...more
      }: {
        keys?: object
        shardCount?: number
        appendMeta?: boolean
        enable_tracking?: boolean
      } = {},
    ) => {
      const body = { logstoreName: name, ttl: 3650, shardCount: 1, ...more }
      await ok({ method: 'POST', url: '/logstores', body })
      await ok({ method: 'POST', url: `/logstores/${name}/index`, body: { line, keys } })
    },
    put: (logstore: string, group: LogGroup) =>
      ok({
        method: 'POST',
        url: `/logstores/${logstore}/shards/lb`,
        body: encodeLogGroup(group),
        headers: { 'content-type': 'application/x-protobuf' },
      }),
  }
}
