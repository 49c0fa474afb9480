import {
  Indexes,
  type IndexStore,
  Logstores,
  type LogstoreStore,
  readIndex,
} from '../../log-service/log-service.ts'
import { objectOf } from './read-body.ts'
import type { LogServiceRequest, LogServiceRoute } from './route.ts'

/** The index of a logstore (alibaba-api.md §3.3, §3.4, §4.3). */
export function indexRoutes(store: IndexStore & LogstoreStore): LogServiceRoute[] {
  const indexes = new Indexes(store)
  const logstores = new Logstores(store)
  const own = { path: '/logstores/:logstore/index', host: 'project' } as const
  const of = ({ project, params }: LogServiceRequest) => [project!, params['logstore']!] as const
  return [
    {
      ...own,
      method: 'POST',
      action: 'log:CreateIndex',
      handle(request) {
        indexes.create(...of(request), readIndex(objectOf(request)))
        return {}
      },
    },
    {
      ...own,
      method: 'PUT',
      action: 'log:UpdateIndex',
      handle(request) {
        indexes.update(...of(request), readIndex(objectOf(request)))
        return {}
      },
    },
    {
      ...own,
      method: 'GET',
      action: 'log:GetIndex',
      handle(request) {
        const { ttlDays } = logstores.get(...of(request))
        const { body, changedAt } = indexes.get(...of(request))
        const about = {
          index_mode: 'v2',
          storage: 'pg',
        }
        return {
          json: {
            ...body,
            ttl: ttlDays,
            lastModifyTime: changedAt,
            ...about,
          },
        }
      },
    },
    {
      ...own,
      method: 'DELETE',
      action: 'log:DeleteIndex',
      handle(request) {
        indexes.delete(...of(request))
        return {}
      },
    },
  ]
}
