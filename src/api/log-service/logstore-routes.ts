import { WeirError } from '../../base/errors.ts'
import {
  Logstores,
  type LogstoreStore,
  readSettings,
  type ServiceLogstore,
} from '../../log-service/log-service.ts'
import { nameIn, objectOf, pageOf } from './read-body.ts'
import type { LogServiceRequest, LogServiceRoute } from './route.ts'

const all = '/logstores'
const one = `${all}/:logstore`
const host = 'project'

/** Logstores and their metering mode (alibaba-api.md §3.3, §4.2). */
export function logstoreRoutes(store: LogstoreStore): LogServiceRoute[] {
  const logstores = new Logstores(store)
  return [...ownRoutes(logstores), ...meteringRoutes(logstores)]
}

function ownRoutes(logstores: Logstores): LogServiceRoute[] {
  return [
    {
      method: 'POST',
      path: all,
      host,
      action: 'log:CreateLogStore',
      resource: (request) =>
        `project/${request.project}/logstore/${nameIn(request, 'logstoreName')}`,
      handle(request) {
        const body = objectOf(request)
        const { logstoreName: name, ttl, shardCount } = body
        if (typeof name !== 'string') throw invalid('logstoreName must be a text')
        if (typeof ttl !== 'number') throw invalid('ttl must be a number')
        if (typeof shardCount !== 'number') throw invalid('shardCount must be a number')
        const settings = readSettings(body)
        logstores.create(request.project!, {
          name,
          ttlDays: ttl,
          shards: shardCount,
          settings,
        })
        return {}
      },
    },
    {
      method: 'GET',
      path: all,
      host,
      action: 'log:ListLogStores',
      resource: ({ project }) => `project/${project}/logstore/*`,
      handle: (request) => ({ json: listed(logstores, request) }),
    },
    {
      method: 'GET',
      path: one,
      host,
      action: 'log:GetLogStore',
      handle: ({ project, params }) => ({
        json: served(logstores.get(project!, params['logstore']!)),
      }),
    },
    {
      method: 'PUT',
      path: one,
      host,
      action: 'log:UpdateLogStore',
      handle(request) {
        update(logstores, request)
        return {}
      },
    },
    {
      method: 'DELETE',
      path: one,
      host,
      action: 'log:DeleteLogStore',
      async handle({ project, params }) {
        await logstores.delete(project!, params['logstore']!)
        return {}
      },
    },
  ]
}

/** Terraform leaves the name and the number of shards out, others send what they were told at first. */
function update(logstores: Logstores, request: LogServiceRequest): void {
  const body = objectOf(request)
  const name = request.params['logstore']!
  const { logstoreName = name, ttl, shardCount } = body
  if (logstoreName !== name) throw invalid('logstoreName is another logstore than the path’s')
  if (ttl !== undefined && typeof ttl !== 'number') throw invalid('ttl must be a number')
  if (shardCount !== undefined && typeof shardCount !== 'number')
    throw invalid('shardCount must be a number')
  logstores.update(request.project!, name, {
    settings: readSettings(body),
    ...(ttl === undefined ? {} : { ttlDays: ttl }),
    ...(shardCount === undefined ? {} : { shards: shardCount }),
  })
}

const sizeDefault = 100
const sizeMax = 500

function listed(logstores: Logstores, request: LogServiceRequest): unknown {
  const { query, project } = request
  const { offset, size } = pageOf(request, sizeDefault, sizeMax)
  const part = query.get('logstoreName') ?? ''
  const mode = query.get('mode') ?? ''
  const telemetry = query.get('telemetryType') ?? ''
  const found = logstores
    .list(project!)
    .filter(({ name }) => name.includes(part))
    .filter(({ settings }) => mode === '' || (settings.mode ?? standardMode) === mode)
    .filter(() => telemetry === '' || telemetry === 'None')
    .map(({ name }) => name)
  const page = found.slice(offset, offset + size)
  return { count: page.length, total: found.length, logstores: page }
}

const standardMode = 'standard'

/** What was never said is left out where Terraform would take it for a change (§4.2); Python needs the flags. */
const served = ({ settings, ...logstore }: ServiceLogstore): unknown => ({
  logstoreName: logstore.name,
  ttl: logstore.ttlDays,
  shardCount: logstore.shards,
  enable_tracking: false,
  appendMeta: false,
  autoSplit: false,
  maxSplitShard: 0,
  mode: standardMode,
  ...settings,
  createTime: Math.floor(logstore.createdAt),
  lastModifyTime: Math.floor(logstore.updatedAt),
})

function meteringRoutes(logstores: Logstores): LogServiceRoute[] {
  const path = `${one}/meteringmode`
  return [
    {
      method: 'GET',
      path,
      host,
      action: 'log:GetLogStoreMeteringMode',
      handle: ({ project, params }) => ({
        json: { meteringMode: logstores.meteringMode(project!, params['logstore']!) },
      }),
    },
    {
      method: 'PUT',
      path,
      host,
      action: 'log:UpdateLogStoreMeteringMode',
      handle(request) {
        const { meteringMode } = objectOf(request)
        if (typeof meteringMode !== 'string') throw invalid('meteringMode must be a text')
        logstores.setMeteringMode(request.project!, request.params['logstore']!, meteringMode)
        return {}
      },
    },
  ]
}

const invalid = (message: string): WeirError => new WeirError('ParameterInvalid', message)
