/** The calls that Terraform's provider makes, in its order (alibaba-api.md §4.1, §4.2, §4.3), and the codes of §3.9. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, keyOf, startLogService } from '../../../test/log-service-server.ts'
import { shardRoutes } from './shard-routes.ts'

const empty = { status: 200, length: '0', type: undefined }
const emptiness = ({ status, headers }: Answer) => ({
  status,
  length: headers['content-length'],
  type: headers['content-type'],
})
const failure = ({ status, json }: Answer): [number, string, string] => {
  const { errorCode, errorMessage } = json as { errorCode: string; errorMessage: string }
  return [status, errorCode, errorMessage]
}
const project = 'my-proj'

test('§4.1: alicloud_log_project is created, read, changed and deleted', async (t) => {
  const { ask } = await startLogService(t)
  const on = (method: string, url: string, body?: object) =>
    ask({ method, url, project, ...(body === undefined ? {} : { body }) })
  const bare = (method: string, url: string, body?: object) =>
    ask({ method, url, ...(body === undefined ? {} : { body }) })
  const fields = async () => {
    const { createTime, lastModifyTime, ...rest } = (await on('GET', '/')).json as Record<
      string,
      unknown
    >
    for (const time of [createTime, lastModifyTime])
      assert.match(String(time), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
    return rest
  }
  const tagsUrl = `/tags?resourceType=PROJECT&resourceId=${encodeURIComponent(`["${project}"]`)}`
  const gone = [404, 'ProjectNotExist', 'The Project does not exist : my-proj']

  assert.deepEqual(failure(await on('GET', '/')), gone)
  const wanted = { projectName: project, description: 'd', resourceGroupId: 'rg-acfm1' }
  assert.deepEqual(emptiness(await bare('POST', '/', wanted)), empty)
  const again = await bare('POST', '/', wanted)
  assert.deepEqual(failure(again), [400, 'ProjectAlreadyExist', 'Project my-proj already exist.'])
  const tags = [
    { key: 'team', value: 'net' },
    { key: 'env', value: '' },
  ]
  const tagged = { resourceType: 'PROJECT', resourceId: [project] }
  assert.deepEqual(emptiness(await bare('POST', '/tag', { ...tagged, tags })), empty)
  const policy = { Version: '1', Statement: [] }
  assert.deepEqual(emptiness(await on('POST', '/policy', policy)), empty)

  const read = {
    projectName: project,
    description: 'd',
    status: 'Normal',
    region: 'cn-hangzhou',
    location: 'cn-hangzhou',
    owner: '1210123456789012',
    resourceGroupId: 'rg-acfm1',
    dataRedundancyType: 'LRS',
    recycleBinEnabled: false,
    quota: {},
  }
  assert.deepEqual(await fields(), read)
  const of = { resourceType: 'PROJECT', resourceId: project }
  assert.deepEqual((await bare('GET', tagsUrl)).json, {
    tagResources: [
      { ...of, tagKey: 'env', tagValue: '' },
      { ...of, tagKey: 'team', tagValue: 'net' },
    ],
    nextToken: '',
  })
  assert.equal((await on('GET', '/policy')).body.toString(), JSON.stringify(policy))

  assert.deepEqual(emptiness(await on('PUT', '/', { description: 'other' })), empty)
  const moved = { resourceId: project, resourceGroupId: 'rg-2', resourceType: 'PROJECT' }
  assert.deepEqual(emptiness(await on('PUT', '/resourcegroup', moved)), empty)
  assert.deepEqual(emptiness(await bare('POST', '/untag', { ...tagged, tags: ['env'] })), empty)
  assert.deepEqual(emptiness(await on('DELETE', '/policy')), empty)
  assert.deepEqual(await fields(), { ...read, description: 'other', resourceGroupId: 'rg-2' })
  assert.deepEqual((await bare('GET', tagsUrl)).json, {
    tagResources: [{ ...of, tagKey: 'team', tagValue: 'net' }],
    nextToken: '',
  })
  assert.deepEqual(emptiness(await on('GET', '/policy')), empty, 'none')

  assert.deepEqual(emptiness(await on('DELETE', '/')), empty)
  assert.deepEqual(failure(await on('GET', '/')), gone)
  assert.deepEqual(failure(await bare('GET', tagsUrl)).slice(0, 2), [404, 'ProjectNotExist'])
  assert.deepEqual(emptiness(await bare('POST', '/', { projectName: project })), empty)
  assert.deepEqual((await bare('GET', tagsUrl)).json, { tagResources: [], nextToken: '' })
})

test('§4.2: alicloud_log_store is created, read, changed and deleted', async (t) => {
  const { ask, store } = await startLogService(t, (store) => ({ routes: shardRoutes(store) }))
  store.createProject(project, { description: '' })
  const on = (method: string, url: string, body?: object) =>
    ask({ method, url, project, ...(body === undefined ? {} : { body }) })
  const fields = async (name: string) => {
    const { createTime, lastModifyTime, ...rest } = (await on('GET', `/logstores/${name}`))
      .json as Record<string, unknown>
    assert.ok(Number.isInteger(createTime) && Number.isInteger(lastModifyTime), '"epoch numbers"')
    return rest
  }
  const missing = [404, 'LogStoreNotExist', 'logstore store-1 does not exist']
  assert.deepEqual(failure(await on('GET', '/logstores/store-1')), missing)

  const wanted = { logstoreName: 'store-1', shardCount: 2, ttl: 30, appendMeta: true }
  const create = await on('POST', '/logstores', { ...wanted, encrypt_conf: {} })
  assert.deepEqual(emptiness(create), empty)
  const exists = [400, 'LogStoreAlreadyExist', 'logstore store-1 already exists']
  assert.deepEqual(failure(await on('POST', '/logstores', wanted)), exists)
  const mode = '/logstores/store-1/meteringmode'
  assert.deepEqual((await on('GET', mode)).json, { meteringMode: 'ChargeByFunction' })
  const put = await on('PUT', mode, { meteringMode: 'ChargeByDataIngest' })
  assert.deepEqual(emptiness(put), empty)
  assert.deepEqual((await on('GET', mode)).json, { meteringMode: 'ChargeByDataIngest' })
  const read = {
    logstoreName: 'store-1',
    ttl: 30,
    shardCount: 2,
    appendMeta: true,
    encrypt_conf: {},
    enable_tracking: false,
    autoSplit: false,
    maxSplitShard: 0,
    mode: 'standard',
  }
  assert.deepEqual(await fields('store-1'), read, 'no telemetryType, no hot_ttl')

  const shards = (await on('GET', '/logstores/store-1/shards')).json as { status: string }[]
  assert.deepEqual(
    shards.map(({ status }) => status),
    ['readwrite', 'readwrite'],
  )

  const change = { ttl: 60, autoSplit: true, maxSplitShard: 64, hot_ttl: 30, mode: 'query' }
  assert.deepEqual(emptiness(await on('PUT', '/logstores/store-1', change)), empty)
  assert.deepEqual(await fields('store-1'), { ...read, ...change })
  const more = { ttl: 60, shardCount: 3 }
  assert.deepEqual(failure(await on('PUT', '/logstores/store-1', more)), [
    400,
    'ParameterInvalid',
    'invalid shard count,you can only modify shardCount by split& merge shard',
  ])

  const telemetry = { ...wanted, logstoreName: 'store-2', telemetryType: 'None' }
  assert.deepEqual(emptiness(await on('POST', '/logstores', telemetry)), empty)
  assert.equal((await fields('store-2'))['telemetryType'], 'None', '"exactly what was sent"')
  const list = async (query: string) => (await on('GET', `/logstores?${query}`)).json
  const [a, b] = ['store-1', 'store-2']
  assert.deepEqual(await list(''), { count: 2, total: 2, logstores: [a, b] })
  assert.deepEqual(await list('logstoreName=&offset=&size='), await list(''), '"empty as absent"')
  assert.deepEqual(await list('offset=1&size=1'), { count: 1, total: 2, logstores: [b] })
  assert.deepEqual(await list('logstoreName=re-1'), { count: 1, total: 1, logstores: [a] })
  assert.deepEqual(await list('mode=query'), { count: 1, total: 1, logstores: [a] })
  assert.deepEqual(await list('telemetryType=Metrics'), { count: 0, total: 0, logstores: [] })

  assert.deepEqual(emptiness(await on('DELETE', '/logstores/store-1')), empty)
  assert.deepEqual(failure(await on('GET', '/logstores/store-1')), missing)
  assert.deepEqual(failure(await on('GET', mode)), missing)
  assert.deepEqual(failure(await on('DELETE', '/logstores/store-1')), missing)
})

test('§4.3: alicloud_log_store_index is created, read, changed and deleted', async (t) => {
  const { ask, store } = await startLogService(t)
  store.createProject(project, { description: '' })
  const url = '/logstores/store-1/index'
  const on = (method: string, body?: object, at = url) =>
    ask({ method, url: at, project, ...(body === undefined ? {} : { body }) })
  const read = async () => {
    const { lastModifyTime, ...rest } = (await on('GET')).json as Record<string, unknown>
    assert.ok(Number.isInteger(lastModifyTime))
    return rest
  }
  const wanted = { logstoreName: 'store-1', shardCount: 2, ttl: 30 }
  await on('POST', wanted, '/logstores')
  const none = [400, 'IndexConfigNotExist', "index config doesn't exist"]
  assert.deepEqual(failure(await on('GET')), none)
  const notMade = [400, 'ParameterInvalid', 'log store index is not created']
  assert.deepEqual(failure(await on('PUT', { line: { token: [] } })), notMade)
  assert.deepEqual(failure(await on('DELETE')), notMade)

  const srcaddr = { type: 'text', token: [','], caseSensitive: true, chn: false }
  const bytes = { type: 'long', alias: 'size', doc_value: true }
  const leaf = { type: 'double', alias: '', doc_value: false }
  const obj = {
    type: 'json',
    token: [' '],
    caseSensitive: false,
    chn: false,
    alias: '',
    doc_value: true,
    index_all: true,
    max_depth: 3,
    json_keys: { 'a.b': leaf },
  }
  const line = { token: [',', ' '], caseSensitive: false, chn: true, include_keys: ['srcaddr'] }
  assert.deepEqual(emptiness(await on('POST', { line, keys: { srcaddr, bytes, obj } })), empty)
  const kept = {
    line,
    keys: {
      srcaddr: {
        ...srcaddr,
        alias: '',
        doc_value: false,
      },
      bytes,
      obj,
    },
    max_text_len: 2048,
    log_reduce: false,
    ttl: 30,
    index_mode: 'v2',
    storage: 'pg',
  }
  assert.deepEqual(await read(), kept)
  assert.deepEqual(store.columns(project, 'store-1'), [{ name: 'bytes', kind: 'integer' }])
  const exists = [400, 'IndexAlreadyExist', 'log store index is already created']
  assert.deepEqual(failure(await on('POST', { line })), exists)

  // "Trap: the Node SDK ... sends docValue, indexAll, jsonKeys, maxDepth; always answer snake_case."
  const ofNode = {
    type: 'json',
    token: [' '],
    docValue: true,
    indexAll: true,
    maxDepth: 3,
    jsonKeys: { 'a.b': { type: 'double' } },
  }
  const change = { keys: { obj: ofNode, n: { type: 'long', docValue: true } }, max_text_len: 4096 }
  assert.deepEqual(emptiness(await on('PUT', change)), empty)
  const { line: _, ...rest } = kept
  const n = { type: 'long', alias: '', doc_value: true }
  assert.deepEqual(await read(), { ...rest, keys: { obj, n }, max_text_len: 4096 })
  assert.deepEqual(
    store.columns(project, 'store-1').map(({ name }) => name),
    ['bytes', 'n'],
    'a column stays',
  )
  assert.deepEqual(emptiness(await on('DELETE')), empty)
  assert.deepEqual(failure(await on('GET')), none)
  assert.deepEqual(failure(await on('GET', undefined, '/logstores/other/index')), [
    404,
    'LogStoreNotExist',
    'logstore other does not exist',
  ])
})

test('§3.9, §3.3 constraints: what a project and a logstore cannot be', async (t) => {
  const { ask, store } = await startLogService(t)
  store.createProject(project, { description: '' })
  const f = async (url: string, body: object | Buffer, code: string, message: string) => {
    const to = url === '/' ? {} : { project }
    const answer = await ask({ method: 'POST', url, ...to, body })
    assert.deepEqual(failure(answer), [400, code, message])
  }
  const invalid = 'ParameterInvalid'
  const named = (projectName: unknown) => ({ projectName })
  for (const bad of ['ab', 'Shop', 'a_b_c', '-shop', 'shop-', 'a'.repeat(64), 'sho.p'])
    await f('/', named(bad), invalid, `project name ${bad} is invalid`)
  await f('/', {}, invalid, 'projectName is missing')
  await f('/', named(1), invalid, 'projectName must be a text')
  await f('/', Buffer.from('{"projectName'), invalid, 'The body is not valid json string')
  await f('/', [], invalid, 'The body is not a json object')
  await f(
    '/',
    { ...named('shop'), resourceGroupId: 'x' },
    invalid,
    'resource group id x is invalid',
  )
  const bin = 'recycleBinEnabled is not supported: a project that is deleted is gone'
  await f('/', { ...named('shop'), recycleBinEnabled: true }, invalid, bin)
  assert.deepEqual(store.projects().length, 1, 'none of them was made')

  const right = { logstoreName: 'store-1', ttl: 7, shardCount: 2 }
  const g = (change: object, message: string, code = invalid) =>
    f('/logstores', { ...right, ...change }, code, message)
  for (const bad of ['a', 'Store', '-store', 'store_', 'a'.repeat(64), 'a/b'])
    await g({ logstoreName: bad }, `store name ${bad} is invalid`, 'LogStoreInfoInvalid')
  for (const ttl of [0, 3651, 1.5]) await g({ ttl }, 'ttl must be a whole number from 1 to 3650')
  await g({ ttl: '7' }, 'ttl must be a number')
  for (const shardCount of [0, 11])
    await g({ shardCount }, 'shardCount must be a whole number from 1 to 10')
  await g({ maxSplitShard: 257 }, 'maxSplitShard must be from 1 to 256')
  for (const hot_ttl of [6, 8, -2]) await g({ hot_ttl }, 'hot_ttl must be -1 or from 7 to ttl')
  await g({ infrequentAccessTTL: 29 }, 'infrequentAccessTTL must be at least 30')
  await g({ mode: 'fast' }, 'mode fast is invalid')
  await g({ autoSplit: 'yes' }, 'autoSplit has a wrong type')
  await g(
    { telemetryType: 'Metrics' },
    'telemetryType Metrics is not supported: Weir keeps logs only',
  )
  await g(
    { encrypt_conf: { enable: true } },
    'encrypt_conf is not supported: encrypt the disk instead',
  )
  assert.deepEqual(store.logstores(project), [], 'none of them was made')
  const least = { ttl: 3650, shardCount: 10, hot_ttl: -1, maxSplitShard: 0, infrequentAccessTTL: 0 }
  const made = await ask({
    method: 'POST',
    url: '/logstores',
    project,
    body: { ...right, ...least },
  })
  assert.deepEqual(emptiness(made), empty, '"3650 = forever"')
})

test('§3.9: what an index cannot be', async (t) => {
  const { ask, store } = await startLogService(t)
  store.createProject(project, { description: '' })
  store.createLogstore(project, 'store-1', { columns: [], openColumns: true, ttlDays: 7 })
  const f = async (body: object, message: string, code = 'IndexInfoInvalid') => {
    const answer = await ask({ method: 'POST', url: '/logstores/store-1/index', project, body })
    assert.deepEqual(failure(answer), [400, code, message])
  }
  const noToken = 'required field token is lacking or of error format'
  const key = (k: unknown) => ({ keys: { k } })
  await f({}, 'required fields line/keys are lacking')
  await f({ line: {} }, noToken)
  await f({ line: { token: 'ab' } }, noToken)
  await f({ line: { token: ['ab'] } }, noToken)
  await f({ line: { token: [] }, keys: [] }, 'keys must be an object')
  await f(key({ type: 'text' }), noToken)
  await f(key({}), 'key config must has type', 'ParameterInvalid')
  await f(key({ type: 'ip' }), 'type ip of key k is invalid')
  await f(key({ type: 'long', doc_value: 1 }), 'doc_value must be true or false')
  const both = { token: [], include_keys: ['a'], exclude_keys: ['b'] }
  await f({ line: both }, 'line has both include_keys and exclude_keys')
  await f({ keys: { '': { type: 'long' } } }, '"" cannot be the name of a key')
  const twice = { keys: { a: { type: 'long', alias: 'B' }, b: { type: 'long' } } }
  await f(twice, 'alias B of key a is there already')
  const cased = { keys: { a: { type: 'long' }, A: { type: 'long' } } }
  await f(cased, 'column A is there twice or reserved (case is ignored)')
  await f({ ...key({ type: 'long' }), max_text_len: 63 }, 'max_text_len must be from 64 to 16384')
  assert.deepEqual(store.columns(project, 'store-1'), [])
})

test('who may see a project sees it, its tags and no other', async (t) => {
  const { ask, store, keys } = await startLogService(t)
  for (const name of ['mine', 'theirs']) store.createProject(name, { description: '' })
  const key = keys.create(
    keyOf('reader', [{ Effect: 'Allow', Action: 'log:*', Resource: 'acs:log:*:*:project/mine*' }]),
  )
  const list = (await ask({ url: '/', key })).json as { projects: { projectName: string }[] }
  assert.deepEqual(
    list.projects.map(({ projectName }) => projectName),
    ['mine'],
  )
  const tags = (type: string, id: string) => ({
    method: 'POST',
    url: '/tag',
    key,
    body: {
      resourceType: type,
      resourceId: [id],
      tags: [
        {
          key: 'k',
          value: 'v',
        },
      ],
    },
  })
  assert.equal((await ask(tags('project', 'mine'))).status, 200)
  const hint = 'Its policy must allow it: weir key change'
  assert.deepEqual(failure(await ask(tags('project', 'theirs'))), [
    403,
    'Unauthorized',
    `key ${key.id} may not do log:TagResources on project/theirs. ${hint}`,
  ])
  assert.deepEqual((await ask({ url: '/tags?resourceType=project', key })).json, {
    tagResources: [{ resourceType: 'project', resourceId: 'mine', tagKey: 'k', tagValue: 'v' }],
    nextToken: '',
  })
  assert.equal((await ask({ url: '/', project: 'theirs', key })).status, 403)
  const other = await ask({ method: 'POST', url: '/', key, body: { projectName: 'another' } })
  assert.deepEqual(failure(other).slice(0, 2), [403, 'Unauthorized'])
})
