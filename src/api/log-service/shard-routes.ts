import { WeirError } from '../../base/errors.ts'
import type { LogStore, Shard, SplitOptions } from '../../logstore/logstore.ts'
import type { LogServiceRequest, LogServiceRoute } from './route.ts'

const all = '/logstores/:logstore/shards'
const one = `${all}/:shard`
const host = 'project'

/** Shards: list, split, merge (alibaba-api.md 3.3). */
export function shardRoutes(
  store: Pick<LogStore, 'mergeShards' | 'shards' | 'splitShard'>,
): LogServiceRoute[] {
  const of = ({ project, params }: LogServiceRequest) => [project!, params['logstore']!] as const
  return [
    {
      method: 'GET',
      path: all,
      host,
      action: 'log:ListShards',
      handle: (request) => ({ json: store.shards(...of(request)).map(served) }),
    },
    {
      method: 'POST',
      path: one,
      where: { action: 'split' },
      host,
      action: 'log:SplitShard',
      handle(request) {
        const options = splitOf(request)
        return { json: store.splitShard(...of(request), shardOf(request), options).map(served) }
      },
    },
    {
      method: 'POST',
      path: one,
      where: { action: 'merge' },
      host,
      action: 'log:MergeShards',
      handle: (request) => ({
        json: store.mergeShards(...of(request), shardOf(request)).map(served),
      }),
    },
  ]
}

/** Throws ParameterInvalid. */
export function shardOf({ params }: LogServiceRequest): number {
  const text = params['shard']!
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new WeirError('ParameterInvalid', 'invalid shard id')
}

function splitOf({ query }: LogServiceRequest): SplitOptions {
  const [key, count] = [query.get('key') ?? '', query.get('shardCount') ?? '']
  if (!/^\d{0,4}$/.test(count)) throw new WeirError('ParameterInvalid', 'invalid shard count')
  return {
    ...(key === '' ? {} : { key }),
    ...(count === '' ? {} : { count: Number(count) }),
  }
}

const served = ({ id, status, beginKey, endKey, createdAt }: Shard) => ({
  shardID: id,
  status,
  inclusiveBeginKey: beginKey,
  exclusiveEndKey: endKey,
  createTime: Math.floor(createdAt),
})
