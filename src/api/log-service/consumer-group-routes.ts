import { WeirError } from '../../base/errors.ts'
import type { ConsumerGroups } from '../../log-service/log-service.ts'
import { jsonOf, objectOf } from './read-body.ts'
import type { LogServiceAnswer, LogServiceRequest, LogServiceRoute } from './route.ts'

type Handle = (
  groups: ConsumerGroups,
  request: LogServiceRequest,
) => ReturnType<LogServiceRoute['handle']>

const all = '/logstores/:logstore/consumergroups'
const one = `${all}/:group`

const table: readonly (readonly [
  method: LogServiceRoute['method'],
  path: string,
  action: string,
  handle: Handle,
  where?: LogServiceRoute['where'],
])[] = [
  ['POST', all, 'CreateConsumerGroup', create],
  ['GET', all, 'ListConsumerGroup', list],
  ['PUT', one, 'UpdateConsumerGroup', update],
  ['DELETE', one, 'DeleteConsumerGroup', remove],
  ['GET', one, 'GetConsumerGroupCheckPoint', checkpoints],
  ['POST', one, 'ConsumerGroupHeartBeat', heartbeat, { type: 'heartbeat' }],
  ['POST', one, 'ConsumerGroupUpdateCheckPoint', setCheckpoint, { type: 'checkpoint' }],
]

/** Consumer groups (alibaba-api.md 3.7). */
export const consumerGroupRoutes = (groups: ConsumerGroups): LogServiceRoute[] =>
  table.map(([method, path, action, handle, where]) => ({
    method,
    path,
    host: 'project',
    action: `log:${action}`,
    resource,
    ...(where === undefined ? {} : { where }),
    handle: (request) => handle(groups, request),
  }))

const resource = ({ project, params }: LogServiceRequest): string =>
  `project/${project}/logstore/${params['logstore']}/consumergroup/${params['group'] ?? '*'}`

const placeOf = ({ project, params }: LogServiceRequest) =>
  [project!, params['logstore']!, params['group'] ?? ''] as const

function create(groups: ConsumerGroups, request: LogServiceRequest): LogServiceAnswer {
  const [project, logstore] = placeOf(request)
  const { consumerGroup, ...rest } = objectOf(request)
  const { timeout, order } = settingsOf(rest)
  if (typeof consumerGroup !== 'string') throw invalid('consumerGroup must be a text')
  if (timeout === undefined) throw invalid('timeout must be a whole number of seconds')
  groups.create(project, logstore, { name: consumerGroup, timeout, order: order ?? false })
  return {}
}

function list(groups: ConsumerGroups, request: LogServiceRequest): LogServiceAnswer {
  const [project, logstore] = placeOf(request)
  return { json: groups.list(project, logstore) }
}

function update(groups: ConsumerGroups, request: LogServiceRequest): LogServiceAnswer {
  groups.update(...placeOf(request), settingsOf(objectOf(request)))
  return {}
}

function remove(groups: ConsumerGroups, request: LogServiceRequest): LogServiceAnswer {
  groups.delete(...placeOf(request))
  return {}
}

function checkpoints(groups: ConsumerGroups, request: LogServiceRequest): LogServiceAnswer {
  const shard = request.query.get('shard') ?? ''
  return {
    json: groups.checkpoints(...placeOf(request), shard === '' ? undefined : wholeOf(shard)),
  }
}

async function heartbeat(
  groups: ConsumerGroups,
  request: LogServiceRequest,
): Promise<LogServiceAnswer> {
  const held = jsonOf(request.body)
  if (!Array.isArray(held) || !held.every((each) => Number.isInteger(each)))
    throw new WeirError('JsonInfoInvalid', 'a heartbeat is a list of shard ids')
  return { json: await groups.heartbeat(...placeOf(request), consumerOf(request), held) }
}

function setCheckpoint(groups: ConsumerGroups, request: LogServiceRequest): LogServiceAnswer {
  const { shard, checkpoint } = objectOf(request)
  if (typeof shard !== 'number' || typeof checkpoint !== 'string')
    throw new WeirError('JsonInfoInvalid', 'a checkpoint has a shard id and a cursor')
  const force = /^true$/i.test(request.query.get('forceSuccess') ?? '')
  const by = { consumer: request.query.get('consumer') ?? '', force }
  groups.setCheckpoint(...placeOf(request), { shard, checkpoint }, by)
  return {}
}

const consumerNameMax = 256

function consumerOf({ query }: LogServiceRequest): string {
  const consumer = query.get('consumer') ?? ''
  if (consumer !== '' && consumer.length <= consumerNameMax) return consumer
  throw invalid(`consumer must be a name of 1 to ${consumerNameMax} characters`)
}

function settingsOf({ timeout, order }: Readonly<Record<string, unknown>>): {
  readonly timeout?: number
  readonly order?: boolean
} {
  if (timeout !== undefined && typeof timeout !== 'number')
    throw invalid('timeout must be a number')
  if (order !== undefined && typeof order !== 'boolean')
    throw invalid('order must be true or false')
  return {
    ...(timeout === undefined ? {} : { timeout }),
    ...(order === undefined ? {} : { order }),
  }
}

function wholeOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw invalid('invalid shard id')
}

const invalid = (message: string): WeirError => new WeirError('ParameterInvalid', message)
