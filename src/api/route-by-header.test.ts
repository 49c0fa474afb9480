import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { type ApiName, ruleFor } from './route-by-header.ts'

test('which API a request is for', () => {
  const f = (
    method: string,
    url: string,
    headers: IncomingHttpHeaders,
    api: ApiName | undefined,
    why?: string,
  ) => {
    const rule = ruleFor({ method, url, headers })
    assert.deepEqual([rule?.api, rule?.why], [api, why], `${method} ${url}`)
  }
  // "Route by headers: x-acs-action/Action => RPC; x-log-apiversion or Authorization: LOG ...|
  // SLS4-HMAC-SHA256 ... => SLS" (alibaba-api.md §0).
  f('POST', '/', { 'x-acs-action': 'CreateFlowLog' }, 'cloud', 'header x-acs-action')
  f('GET', '/?Format=JSON&Action=DescribeFlowLogs', {}, 'cloud', 'parameter Action')
  f('GET', '/?action=DescribeFlowLogs', {}, undefined)
  f('GET', '/logstores?Action=x', {}, undefined)
  const form = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }
  f('POST', '/', form, 'cloud', 'a form sent to /')
  f('GET', '/', form, undefined)
  f('GET', '/', { 'x-log-apiversion': '0.6.0' }, 'logService', 'header x-log-apiversion')
  const scheme = 'authorization scheme LOG or SLS4-HMAC-SHA256'
  f('GET', '/logstores/a', { authorization: 'LOG key:signature' }, 'logService', scheme)
  f('POST', '/', { authorization: 'SLS4-HMAC-SHA256 Credential=a' }, 'logService', scheme)
  const acs3 = { authorization: 'ACS3-HMAC-SHA256 Credential=a' }
  f('POST', '/', acs3, 'cloud', 'authorization scheme ACS3')
  f('GET', '/', { authorization: 'LOGGER x' }, undefined)
  // §3.3, PutWebtracking: "no signature required"; a browser's image or preflight has no header of the API.
  const track = 'a path of web tracking'
  f('GET', '/logstores/a/track?APIVersion=0.6.0&k=v', {}, 'logService', track)
  f('GET', '/logstores/a/track_ua.gif?APIVersion=0.6.0', {}, 'logService', track)
  f('OPTIONS', '/logstores/a/track', {}, 'logService', track)
  f('GET', '/logstores/a/tracks', {}, undefined)
  f('GET', '/healthz', {}, 'weir', 'a path of Weir')
  f('GET', '/metrics?x=1', { authorization: 'Bearer x' }, 'weir', 'a path of Weir')
  f('POST', '/weir/v1/query', {}, 'weir', 'a path of Weir')
  f('GET', '/weirdo', {}, undefined)
  f('GET', '/healthz/', {}, undefined)
  f('GET', '/', {}, undefined)
  // No other API has such a path, and Weir's own requests are signed as the log service's are.
  f('POST', '/weir/v1/query', { 'x-acs-action': 'X' }, 'weir', 'a path of Weir')
})
