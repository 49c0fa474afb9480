import { WeirError } from '../../base/errors.ts'
import type { ConsumerGroups } from '../../log-service/log-service.ts'
import { jsonOf, objectOf } from './read-body.ts'
import type { LogServiceRequest, LogServiceRoute } from './route.ts'

/** Consumer groups (alibaba-api.md 3.7). */
export function consumerGroupRoutes(groups: ConsumerGroups): LogServiceRoute[] {
  const all = '/logstores/:logstore/consumergroups'
  const one = `${all}/:group`
  const of = ({ project, params }: LogServiceRequest) =>
    [project!, params['logstore']!, params['group'] ?? ''] as const
  const host = 'project'
  const resource = ({ project, params }: LogServiceRequest): string =>
    `project/${project}/logstore/${params['logstore']}/consumergroup/${params['group'] ?? '*'}`
  return [
    {
      method: 'POST',
      path: all,
      host,
      action: 'log:CreateConsumerGroup',
      resource,
      handle(request) {
        const [project, logstore] = of(request)
        const { consumerGroup, ...rest } = objectOf(request)
        const { timeout, order } = settingsOf(rest)
        if (typeof consumerGroup !== 'string') throw invalid('consumerGroup must be a text')
        if (timeout === undefined) throw invalid('timeout must be a whole number of seconds')
        groups.create(project, logstore, { name: consumerGroup, timeout, order: order ?? false })
        return {}
      },
    },
    {
      method: 'GET',
      path: all,
      host,
      action: 'log:ListConsumerGroup',
      resource,
      handle(request) {
        const [project, logstore] = of(request)
        return { json: groups.list(project, logstore) }
      },
    },
    {
      method: 'PUT',
      path: one,
      host,
      action: 'log:UpdateConsumerGroup',
      resource,
      handle(request) {
        groups.update(...of(request), settingsOf(objectOf(request)))
        return {}
      },
    },
    {
      method: 'DELETE',
      path: one,
      host,
      action: 'log:DeleteConsumerGroup',
      resource,
      handle(request) {
        groups.delete(...of(request))
        return {}
      },
    },
    {
      method: 'GET',
      path: one,
      host,
      action: 'log:GetConsumerGroupCheckPoint',
      resource,
      handle(request) {
        const shard = request.query.get('shard') ?? ''
        return {
          json: groups.checkpoints(...of(request), shard === '' ? undefined : wholeOf(shard)),
        }
      },
    },
    {
      method: 'POST',
      path: one,
      host,
      action: 'log:ConsumerGroupHeartBeat',
      resource,
      where: { type: 'heartbeat' },
      async handle(request) {
        const held = jsonOf(request.body)
        if (!Array.isArray(held) || !held.every((each) => Number.isInteger(each)))
          throw new WeirError('JsonInfoInvalid', 'a heartbeat is a list of shard ids')
        return { json: await groups.heartbeat(...of(request), consumerOf(request), held) }
      },
    },
    {
      method: 'POST',
      path: one,
      host,
      action: 'log:ConsumerGroupUpdateCheckPoint',
      resource,
      where: { type: 'checkpoint' },
      handle(request) {
        const { shard, checkpoint } = objectOf(request)
        if (typeof shard !== 'number' || typeof checkpoint !== 'string')
          throw new WeirError('JsonInfoInvalid', 'a checkpoint has a shard id and a cursor')
        const force = /^true$/i.test(request.query.get('forceSuccess') ?? '')
        const by = { consumer: request.query.get('consumer') ?? '', force }
        groups.setCheckpoint(...of(request), { shard, checkpoint }, by)
        return {}
      },
    },
  ]
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
