import type { Caller } from '../../access/access.ts'
import { WeirError } from '../../base/errors.ts'
import type { ErrorCode } from '../../base/errors.ts'
import {
  contextOf,
  histogram,
  indexOf,
  otherStores,
  type PullThings,
  readProjectQuery,
  search,
  type SearchAnswer,
  type SearchPage,
  type SearchRequest,
  type SearchThings,
} from '../../log-service/log-service.ts'
import type { LogStore } from '../../logstore/logstore.ts'
import { objectOf } from './read-body.ts'
import type { LogServiceAnswer, LogServiceRequest, LogServiceRoute } from './route.ts'
import { headersOf, metaOf } from './search-meta.ts'

export interface SearchRouteThings {
  readonly store: SearchThings['store'] & PullThings['store'] & Pick<LogStore, 'logstores'>
  readonly engine: SearchThings['engine'] & PullThings['engine']
}

const host = 'project'
const one = '/logstores/:logstore'
const lineMax = 100

/** GetLogs, GetLogsV2, GetHistograms, GetContextLogs, GetProjectLogs (alibaba-api.md 3.3, 3.6). */
export function searchRoutes(things: SearchRouteThings): LogServiceRoute[] {
  const read = { host, action: 'log:GetLogStoreLogs' } as const
  const histograms: Omit<LogServiceRoute, 'path'> = {
    method: 'GET',
    host,
    action: 'log:GetLogStoreHistogram',
    where: { type: 'histogram' },
    handle: (request) => histogramAnswer(things, request),
  }
  return [
    {
      method: 'GET',
      path: one,
      where: { type: 'log' },
      ...read,
      async handle(request) {
        const answer = await searched(things, request, request.query.entries())
        return { json: answer.rows, headers: headersOf(answer) }
      },
    },
    {
      method: 'POST',
      path: `${one}/logs`,
      ...read,
      async handle(request) {
        const answer = await searched(things, request, Object.entries(objectOf(request)))
        const json = { meta: metaOf(answer), data: answer.rows }
        return { json, headers: headersOf(answer), compressible: true }
      },
    },
    { ...histograms, path: one },
    { ...histograms, path: `${one}/index` },
    {
      method: 'GET',
      path: one,
      where: { type: 'context_log' },
      host,
      action: 'log:GetLogStoreContextLogs',
      handle: (request) => contextAnswer(things, request),
    },
    {
      method: 'GET',
      path: '/logs',
      ...read,
      asksEach: true,
      handle: (request) => projectAnswer(things, request),
    },
  ]
}

async function searched(
  things: SearchRouteThings,
  request: LogServiceRequest,
  fields: Iterable<[string, unknown]>,
): Promise<SearchAnswer> {
  const given = new Fields(fields)
  const asked = searchOf(things, request, given)
  return await search(things, asked, pageOf(given), request.signal)
}

const searchOf = (
  { store }: SearchRouteThings,
  { project, params, caller }: LogServiceRequest,
  given: Fields,
): SearchRequest => ({
  project: project!,
  logstore: params['logstore']!,
  query: given.text('query'),
  topic: given.text('topic'),
  stores: otherStores(store, project!, given.text('query'), mayReadOf(project!, caller)),
  from: given.whole('from', undefined, Infinity, 'InvalidTimeRange'),
  to: given.whole('to', undefined, Infinity, 'InvalidTimeRange'),
})

const pageOf = (given: Fields): SearchPage => ({
  line: given.whole('line', lineMax, lineMax, 'InvalidLine'),
  offset: given.whole('offset', 0, 1_000_000, 'InvalidOffset'),
  reverse: given.flag('reverse', 'InvalidReverse'),
})

const mayReadOf =
  (project: string, caller: Caller | undefined) =>
  (logstore: string): boolean =>
    caller?.may('log:GetLogStoreLogs', `project/${project}/logstore/${logstore}`) === true

async function histogramAnswer(
  things: SearchRouteThings,
  request: LogServiceRequest,
): Promise<LogServiceAnswer> {
  const asked = searchOf(things, request, new Fields(request.query.entries()))
  const { parts, complete } = await histogram(things, asked, request.signal)
  const progress = complete ? 'Complete' : 'Incomplete'
  const count = parts.reduce((sum, part) => sum + part.count, 0)
  return {
    json: parts.map((part) => ({ ...part, progress })),
    headers: { 'x-log-progress': progress, 'x-log-count': String(count) },
  }
}

async function contextAnswer(
  things: SearchRouteThings,
  request: LogServiceRequest,
): Promise<LogServiceAnswer> {
  const [project, logstore] = [request.project!, request.params['logstore']!]
  const given = new Fields(request.query.entries())
  indexOf(things.store, project, logstore)
  const packMeta = given.text('pack_meta')
  const back = given.whole('back_lines', 0, lineMax, 'ParameterInvalid')
  const forward = given.whole('forward_lines', 0, lineMax, 'ParameterInvalid')
  const asked = { project, logstore, packMeta, back, forward }
  const found = await contextOf(things, asked, request.signal)
  return {
    json: {
      progress: 'Complete',
      total_lines: found.logs.length,
      back_lines: found.back,
      forward_lines: found.forward,
      logs: found.logs,
    },
    headers: { 'x-log-progress': 'Complete', 'x-log-count': String(found.logs.length) },
  }
}

async function projectAnswer(
  things: SearchRouteThings,
  { project: name, query, caller, signal }: LogServiceRequest,
): Promise<LogServiceAnswer> {
  const project = name!
  const there = new Set(things.store.logstores(project).map((each) => each.name))
  const asked = readProjectQuery(query.get('query') ?? '', (each) => there.has(each))
  caller?.assertMay('log:GetLogStoreLogs', `project/${project}/logstore/${asked.logstore}`)
  const stores = otherStores(things.store, project, asked.query, mayReadOf(project, caller))
  const page = { line: lineMax, offset: 0, reverse: false }
  const answer = await search(things, { project, topic: '', stores, ...asked }, page, signal)
  return { json: answer.rows, headers: headersOf(answer) }
}

/** Parameters by name, from a URL or a JSON body: there a number may be one or the text of one. */
class Fields {
  readonly #values: ReadonlyMap<string, string>

  constructor(fields: Iterable<[string, unknown]>) {
    const given = [...fields].filter(([, value]) => value !== null && value !== '')
    const query = given.find(([name]) => name === 'query')?.[1] ?? ''
    if (typeof query !== 'string')
      throw new WeirError('InvalidQueryString', 'the query is not a text')
    this.#values = new Map(given.map(([name, value]) => [name, String(value)]))
  }

  text(name: string): string {
    return this.#values.get(name) ?? ''
  }

  whole(name: string, otherwise: number | undefined, max: number, code: ErrorCode): number {
    const text = this.#values.get(name)
    if (text === undefined && otherwise !== undefined) return otherwise
    const value = Number(text)
    if (/^\d{1,15}$/.test(text ?? '') && value <= max) return value
    throw new WeirError(code, `${name} : ${text ?? ''} pair is invalid`)
  }

  flag(name: string, code: ErrorCode): boolean {
    const text = this.text(name).toLowerCase()
    if (text === 'true') return true
    if (text === 'false' || text === '') return false
    throw new WeirError(code, `${name} : ${text} pair is invalid`)
  }
}
