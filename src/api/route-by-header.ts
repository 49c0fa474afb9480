/**
 * Which API a request is for. Several API families share one port and overlap in their paths, so it is
 * not the path that decides but what their clients send (reference alibaba-api.md §0.1): the cloud's RPC APIs
 * name their action in a header or parameter and always use the path `/`; the log service has its own
 * version header or authorization scheme, and web tracking, which browsers send without either, its own
 * paths. Weir's own routes have paths no other family uses.
 */
import type { IncomingHttpHeaders } from 'node:http'

export type ApiName = 'cloud' | 'logService' | 'weir'

export interface RoutedRequest {
  readonly method?: string | undefined
  /** Path and query, as sent. */
  readonly url?: string | undefined
  readonly headers: IncomingHttpHeaders
}

interface Rule {
  readonly api: ApiName
  readonly why: string
  matches(request: {
    method: string
    path: string
    query: string
    headers: IncomingHttpHeaders
  }): boolean
}

/** The first rule that matches decides. */
export const rules: readonly Rule[] = [
  {
    api: 'weir',
    why: 'a path of Weir',
    matches: ({ path }) => path === '/healthz' || path === '/metrics' || path.startsWith('/weir/'),
  },
  {
    api: 'cloud',
    why: 'header x-acs-action',
    matches: ({ headers }) => headers['x-acs-action'] !== undefined,
  },
  {
    api: 'logService',
    why: 'header x-log-apiversion',
    matches: ({ headers }) => headers['x-log-apiversion'] !== undefined,
  },
  {
    api: 'logService',
    why: 'authorization scheme LOG or SLS4-HMAC-SHA256',
    matches: ({ headers }) => /^(LOG|SLS4-HMAC-SHA256) /.test(headers.authorization ?? ''),
  },
  {
    api: 'cloud',
    why: 'authorization scheme ACS3',
    matches: ({ headers }) => headers.authorization?.startsWith('ACS3-') === true,
  },
  {
    api: 'logService',
    why: 'a path of web tracking',
    matches: ({ path }) => /^\/logstores\/[^/]+\/track(_ua)?(\.gif)?$/.test(path),
  },
  {
    api: 'cloud',
    why: 'parameter Action',
    matches: ({ path, query }) => path === '/' && new URLSearchParams(query).has('Action'),
  },
  {
    api: 'cloud',
    why: 'a form sent to /',
    matches: ({ method, path, headers }) =>
      method === 'POST' &&
      path === '/' &&
      /^application\/x-www-form-urlencoded\b/i.test(headers['content-type'] ?? ''),
  },
]

/** The rule that decides, or undefined when the request is for no API. */
export function ruleFor(request: RoutedRequest): Rule | undefined {
  const url = request.url ?? '/'
  const mark = url.indexOf('?')
  const parts = {
    method: request.method ?? 'GET',
    path: mark === -1 ? url : url.slice(0, mark),
    query: mark === -1 ? '' : url.slice(mark + 1),
    headers: request.headers,
  }
  return rules.find((rule) => rule.matches(parts))
}
