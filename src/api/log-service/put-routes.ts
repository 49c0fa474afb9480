import { WeirError } from '../../base/errors.ts'
import { decodeLogGroup } from '../../log-group/log-group.ts'
import {
  Logstores,
  type LogstoreSettings,
  type LogstoreStore,
  putGroup,
  type PutOptions,
  type PutStore,
  readTrackedLog,
  readTrackedLogs,
  type ReceivedGroup,
} from '../../log-service/log-service.ts'
import { objectOf } from './read-body.ts'
import type { LogServiceRequest, LogServiceRoute } from './route.ts'

export interface PutThings {
  readonly store: PutStore & LogstoreStore
  /** Unix milliseconds. */
  readonly now?: () => number
}

interface Put {
  readonly store: PutStore
  readonly settings: (request: LogServiceRequest) => LogstoreSettings
  /** Unix seconds. */
  readonly second: () => number
}

/** "Uncompressed at most 10 MB" (alibaba-api.md 3.5). */
const groupBytesMax = 10 * 1024 * 1024
/** "At most 3 MB" of PutWebtracking. */
const trackedBytesMax = 3 * 1024 * 1024

const host = 'project'
const action = 'log:PostLogStoreLogs'

/**
 * PutLogs and web tracking (alibaba-api.md 3.3, 3.5). Answered when the logs are durable. That a log's time lies
 * within a week, as an old page says, is not asked: flow logs may come later, and imports do.
 */
export function putRoutes({ store, now = Date.now }: PutThings): LogServiceRoute[] {
  const logstores = new Logstores(store)
  const things: Put = {
    store,
    settings: ({ project, params }) => logstores.settings(project!, params['logstore']!),
    second: () => Math.floor(now() / 1000),
  }
  const shards = '/logstores/:logstore/shards'
  return [
    {
      method: 'POST',
      path: `${shards}/lb`,
      host,
      action,
      bodyBytesMax: groupBytesMax,
      async handle(request) {
        await put(things, request, decodeLogGroup(request.body), {})
        return {}
      },
    },
    {
      method: 'POST',
      path: `${shards}/route`,
      host,
      action,
      bodyBytesMax: groupBytesMax,
      async handle(request) {
        const hashKey = hashKeyOf(request.query.get('key') ?? '')
        await put(things, request, decodeLogGroup(request.body), { hashKey })
        return {}
      },
    },
    ...trackingRoutes(things),
  ]
}

function trackingRoutes(things: Put): LogServiceRoute[] {
  const path = '/logstores/:logstore/track'
  const unsigned = true
  const simple = async (
    request: LogServiceRequest,
    more: Readonly<Record<string, string>> = {},
  ): Promise<void> => {
    if (request.query.get('APIVersion') !== apiVersion)
      throw new WeirError('InvalidAPIVersion', `APIVersion is not ${apiVersion}`)
    assertTracked(things, request)
    await put(things, request, readTrackedLog(request.query, more, things.second()), {})
  }
  return [
    {
      method: 'POST',
      path,
      host,
      action,
      unsigned,
      bodyBytesMax: trackedBytesMax,
      async handle(request) {
        assertTracked(things, request)
        await put(things, request, readTrackedLogs(objectOf(request), things.second()), {})
        return {}
      },
    },
    {
      method: 'GET',
      path,
      host,
      action,
      unsigned,
      async handle(request) {
        await simple(request)
        return {}
      },
    },
    {
      method: 'GET',
      path: `${path}.gif`,
      host,
      action,
      unsigned,
      async handle(request) {
        await simple(request)
        return pixel
      },
    },
    {
      method: 'GET',
      path: `${path}_ua.gif`,
      host,
      action,
      unsigned,
      async handle(request) {
        const { 'user-agent': agent, referer } = request.headers
        await simple(request, {
          ...(agent === undefined ? {} : { __user_agent__: agent }),
          ...(referer === undefined ? {} : { __referer__: referer }),
        })
        return pixel
      },
    },
  ]
}

const apiVersion = '0.6.0'

/** One transparent point, GIF89a. */
const pixel = {
  contentType: 'image/gif',
  body: Buffer.from('R0lGODlhAQABAIAAAAAAAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64'),
}

/** Throws Unauthorized. */
function assertTracked({ settings }: Put, request: LogServiceRequest): void {
  if (settings(request).enable_tracking === true) return
  const { logstore } = request.params
  throw new WeirError('Unauthorized', `web tracking of logstore ${logstore} is not enabled`)
}

async function put(
  { store, settings, second }: Put,
  request: LogServiceRequest,
  group: ReceivedGroup,
  options: PutOptions,
): Promise<void> {
  const { project, params, source } = request
  const clientAddress = source.replace(/^::ffff:/, '')
  const meta = { receiveTime: second(), clientAddress }
  const more = settings(request).appendMeta === true ? { meta } : {}
  await putGroup(store, project!, params['logstore']!, group, { ...options, ...more })
}

function hashKeyOf(text: string): string {
  if (/^[0-9a-f]{32}$/i.test(text)) return text.toLowerCase()
  throw new WeirError('ParameterInvalid', 'invalid hash key')
}
