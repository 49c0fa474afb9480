import { WeirError } from '../../base/errors.ts'
import { encodeLogGroups } from '../../log-group/log-group.ts'
import type { ShardReader } from '../../log-service/log-service.ts'
import type { LogServiceAnswer, LogServiceRequest, LogServiceRoute } from './route.ts'
import { shardOf } from './shard-routes.ts'

const path = '/logstores/:logstore/shards/:shard'
const countMax = 1000
const countDefault = 100

/** Cursors and PullLogs (alibaba-api.md 3.3, 3.7). */
export function pullRoutes(reader: ShardReader): LogServiceRoute[] {
  const own = { method: 'GET', path, host: 'project', action: 'log:GetCursorOrData' } as const
  return [
    {
      ...own,
      where: { type: 'cursor' },
      handle: (request) => ({
        json: { cursor: reader.cursor(...placeOf(request), beginOf(request)) },
      }),
    },
    {
      ...own,
      where: { type: 'cursor_time' },
      handle: (request) => ({
        json: { cursor_time: reader.cursorTime(...placeOf(request), cursorOf(request)) },
      }),
    },
    ...['log', 'logs'].map((type): LogServiceRoute => ({
      ...own,
      where: { type },
      handle: (request) => pull(reader, request),
    })),
  ]
}

async function pull(reader: ShardReader, request: LogServiceRequest): Promise<LogServiceAnswer> {
  const given = (name: string): string | undefined => request.query.get(name) || undefined
  const [endCursor, query] = [given('end_cursor'), given('query')]
  const asked = {
    cursor: cursorOf(request),
    count: countOf(given('count')),
    ...(endCursor === undefined ? {} : { endCursor }),
    ...(query === undefined ? {} : { query }),
  }
  const found = await reader.pull(...placeOf(request), asked, request.signal)
  const body = encodeLogGroups(found.groups)
  return {
    body,
    contentType: 'application/x-protobuf',
    compressible: true,
    headers: {
      'x-log-count': String(found.groups.length),
      'x-log-cursor': found.cursor,
      'x-log-bodyrawsize': String(body.length),
      'x-log-rawdatacount': String(found.rawRows),
    },
  }
}

const placeOf = (
  request: LogServiceRequest,
): [project: string, logstore: string, shard: number] => [
  request.project!,
  request.params['logstore']!,
  shardOf(request),
]

const cursorOf = ({ query }: LogServiceRequest): string => query.get('cursor') ?? ''

function beginOf({ query }: LogServiceRequest): 'begin' | 'end' | number {
  const from = query.get('from') ?? ''
  if (from === 'begin' || from === 'end') return from
  if (/^\d{1,12}$/.test(from)) return Number(from)
  throw new WeirError('ParameterInvalid', `from : ${from} pair is invalid`)
}

function countOf(text: string | undefined): number {
  const count = Number(text ?? countDefault)
  if (Number.isInteger(count) && count >= 1 && count <= countMax) return count
  throw new WeirError('ParameterInvalid', `count : ${text ?? ''} pair is invalid`)
}
