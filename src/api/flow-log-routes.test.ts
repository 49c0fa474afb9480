import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultQueryConfig, QueryEngine } from '../query/query.ts'
import { flowRecordColumns } from '../record/columns.ts'
import { signed, startServer, ttlDays } from '../../test/api-server.ts'

const all = '/weir/v1/flow-logs'
const wanted = {
  resourceType: 'VPC',
  resourceId: 'vpc-shop',
  project: 'weir',
  logstore: 'flow-log',
} as const

type Body = Record<string, unknown>

/** Status and body of a reply, without the request id of an error. */
async function send(url: string, method = 'GET', body?: unknown) {
  const response = await signed(url, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  const { requestId: _, ...rest } = (await response.json()) as Body
  return { status: response.status, body: rest }
}

test('a flow log is created, shown, listed, modified, stopped, started and deleted', async (t) => {
  const { url, flowLogs } = await startServer(t)
  const made = await send(`${url}${all}`, 'POST', {
    ...wanted,
    name: 'web',
    scope: ['natGateway', 'vbr'],
    windowSeconds: 60,
  })
  assert.equal(made.status, 200)
  const { id, createdAt, changedAt, startedAt, ...rest } = made.body
  assert.match(String(id), /^fl-[a-z0-9]{21}$/)
  assert.deepEqual([changedAt, startedAt], [createdAt, createdAt])
  assert.deepEqual(rest, {
    ...wanted,
    name: 'web',
    description: '',
    trafficType: 'All',
    ipVersion: 'IPv4',
    windowSeconds: 60,
    scope: ['natGateway', 'vbr'],
    status: 'Active',
    region: 'cn-hangzhou',
    account: '1',
    resourceGroup: 'rg-default',
    tags: [],
    businessStatus: 'Normal',
    delivers: true,
    deliverStatus: 'SUCCESS',
    deliverError: '',
    serviceType: '',
  })
  const one = `${url}${all}/${String(id)}`
  assert.deepEqual(await send(one), made)
  assert.deepEqual(await send(`${url}${all}`), { status: 200, body: { flowLogs: [made.body] } })

  const change = { name: '', description: 'd', ipVersion: 'DualStack', windowSeconds: 300 }
  const modified = await send(one, 'PATCH', change)
  assert.deepEqual(modified, {
    status: 200,
    body: { ...made.body, ...change, changedAt: flowLogs.get(String(id)).changedAt },
  })
  const stopped = await send(`${one}/stop`, 'POST')
  const { stoppedAt } = flowLogs.get(String(id))
  assert.equal(typeof stoppedAt, 'number')
  assert.deepEqual(stopped.body, {
    ...modified.body,
    status: 'Inactive',
    stoppedAt,
    changedAt: stoppedAt,
  })
  assert.deepEqual(await send(one), stopped)
  const started = await send(`${one}/start`, 'POST')
  assert.deepEqual([started.body['status'], started.body['stoppedAt']], ['Active', undefined])
  assert.equal('earlier' in started.body, false)
  assert.deepEqual(await send(one, 'DELETE'), { status: 200, body: {} })
  assert.deepEqual(await send(`${url}${all}`), { status: 200, body: { flowLogs: [] } })
  assert.deepEqual(await send(one, 'DELETE'), {
    status: 404,
    body: { code: 'FlowLogNotExist', message: `there is no flow log ${String(id)}` },
  })
})

test('the list is of those that have every value asked for', async (t) => {
  const { url, store, flowLogs } = await startServer(t)
  store.createLogstore('weir', 'other', { columns: flowRecordColumns, ttlDays })
  flowLogs.create({ ...wanted, name: 'a' })
  flowLogs.stop(flowLogs.create({ ...wanted, name: 'b', logstore: 'other' }).id)
  flowLogs.create({ ...wanted, name: 'c', resourceType: 'VSwitch', resourceId: 'vsw-web' })
  const names = async (query: string): Promise<unknown[]> => {
    const { body } = await send(`${url}${all}?${query}`)
    return (body['flowLogs'] as Body[]).map(({ name }) => name)
  }
  assert.deepEqual(await names(''), ['a', 'b', 'c'])
  assert.deepEqual(await names('resourceType=VPC'), ['a', 'b'])
  assert.deepEqual(await names('resourceId=vsw-web'), ['c'])
  assert.deepEqual(await names('status=Inactive'), ['b'])
  assert.deepEqual(await names('project=weir&logstore=flow-log'), ['a', 'c'])
  assert.deepEqual(await names('project=weir&logstore=flow-log&resourceType=VPC'), ['a'])
  assert.deepEqual(await names('project=shop'), [])
  assert.deepEqual(await send(`${url}${all}?status=Stopped`), {
    status: 400,
    body: {
      code: 'ParameterInvalid',
      message: 'unknown status "Stopped"',
      hint: 'One of Active, Inactive.',
    },
  })
  assert.equal((await send(`${url}${all}?state=Active`)).status, 400)
})

/** Fails with this, and makes nothing. */
async function refused(
  server: Awaited<ReturnType<typeof startServer>>,
  more: object,
  status: number,
  error: { code: string; message: string; hint?: string; place?: string },
): Promise<void> {
  const before = server.store.projects().map(({ name }) => name)
  assert.deepEqual(await send(`${server.url}${all}`, 'POST', { ...wanted, ...more }), {
    status,
    body: error,
  })
  assert.deepEqual(server.flowLogs.list(), [])
  assert.deepEqual(
    server.store.projects().map(({ name }) => name),
    before,
  )
}

test('a flow log is about a VPC, vSwitch or ENI that is known', async (t) => {
  const server = await startServer(t)
  const code = 'ResourceNotExist'
  const eni = { resourceType: 'NetworkInterface' }
  const some = 'There are: eni-web1, eni-web2, eni-web3, eni-db1, eni-db2 and 1 more'
  await refused(server, { ...eni, resourceId: 'eni-wbe1' }, 404, {
    code,
    message: 'there is no ENI eni-wbe1',
    hint: `Did you mean eni-web1? ${some}`,
  })
  await refused(server, { ...eni, resourceId: 'something-else' }, 404, {
    code,
    message: 'there is no ENI something-else',
    hint: some,
  })
  await refused(server, { resourceId: 'eni-web1' }, 404, {
    code,
    message: 'there is no VPC eni-web1',
    hint: 'That is an ENI',
  })
})

test('its logstore must be there and take flow log records', async (t) => {
  const server = await startServer(t)
  const make = 'weir flow-log create --create makes it'
  await refused(server, { project: 'wier' }, 404, {
    code: 'ProjectNotExist',
    message: 'there is no project wier',
    hint: `Did you mean weir? ${make}`,
  })
  await refused(server, { logstore: 'web' }, 404, {
    code: 'LogStoreNotExist',
    message: 'there is no logstore weir/web',
    hint: `There are: flow-log. ${make}`,
  })
  server.store.createLogstore('weir', 'other', {
    columns: flowRecordColumns.filter(({ name }) => name !== 'tcp-flags' && name !== 'bytes'),
    ttlDays,
  })
  for (const createMissing of [false, true])
    await refused(server, { logstore: 'other', createMissing }, 400, {
      code: 'ParameterInvalid',
      message: 'logstore weir/other does not take flow log records',
      hint: 'It lacks the columns bytes, tcp-flags',
    })
})

test('"we recommend that you Create Project and Create Logstore": both are made when asked to', async (t) => {
  const server = await startServer(t)
  const { url, store, flowLogs } = server
  const create = (logstore: string) =>
    send(`${url}${all}`, 'POST', { ...wanted, project: 'shop', logstore, createMissing: true })
  await refused(server, { project: 'shop', logstore: 'X', createMissing: true }, 400, {
    code: 'ParameterInvalid',
    message: '"X" cannot be the name of a logstore',
    hint: '2 to 63 characters of a-z, 0-9, - and _, first and last a letter or digit',
  })
  await refused(server, { project: 'shop', resourceId: 'vpc-x', createMissing: true }, 404, {
    code: 'ResourceNotExist',
    message: 'there is no VPC vpc-x',
    hint: 'There are: vpc-shop, vpc-lab',
  })
  assert.equal((await create('web')).status, 200)
  assert.equal((await create('db')).status, 200)
  assert.equal((await create('db')).status, 200)
  assert.deepEqual(
    store.logstores('shop').map(({ createdAt: _, updatedAt: _changed, ...logstore }) => logstore),
    ['db', 'web'].map((name) => ({
      name,
      columns: flowRecordColumns,
      ttlDays,
      sortBy: ['eni-id', 'srcaddr', 'dstaddr'],
      openColumns: true,
    })),
  )
  assert.deepEqual(
    flowLogs.list().map(({ project, logstore }) => `${project}/${logstore}`),
    ['shop/web', 'shop/db', 'shop/db'],
  )
})

test('one whose logstore is gone does not start', async (t) => {
  const { url, store, flowLogs } = await startServer(t)
  const { id } = flowLogs.create(wanted)
  flowLogs.stop(id)
  await store.deleteLogstore('weir', 'flow-log')
  assert.deepEqual(await send(`${url}${all}/${id}/start`, 'POST'), {
    status: 404,
    body: {
      code: 'LogStoreNotExist',
      message: 'there is no logstore weir/flow-log',
      hint: 'weir flow-log create --create makes it',
    },
  })
  assert.equal(flowLogs.get(id).status, 'Inactive')
})

test('values are checked, and what is wrong is named', async (t) => {
  const server = await startServer(t)
  const invalid = (message: string, hint?: string, place?: string) => ({
    code: 'ParameterInvalid',
    message,
    ...(place === undefined ? {} : { place }),
    ...(hint === undefined ? {} : { hint }),
  })
  const f = (more: object, ...error: Parameters<typeof invalid>) =>
    refused(server, more, 400, invalid(...error))
  await f({ trafficType: 'REJECT' }, 'unknown trafficType "REJECT"', 'One of All, Allow, Drop.')
  await f({ windowSeconds: 1 }, 'unknown windowSeconds 1', 'One of 60, 300, 600.')
  await f({ windowSeconds: '60' }, '"windowSeconds" must be integer', undefined, 'body')
  await f({ scop: ['all'] }, 'unknown key "scop"', 'Did you mean "scope"?', 'body')
  await f({ scope: 'all' }, '"scope" must be array', undefined, 'body')
  await f(
    { scope: ['all', 'vbr'] },
    'the scope all cannot be combined with others',
    'Leave out all.',
  )
  await f({ status: 'Inactive' }, 'unknown key "status"', undefined, 'body')
  const { resourceId: _, ...without } = wanted
  assert.deepEqual(await send(`${server.url}${all}`, 'POST', without), {
    status: 400,
    body: invalid('"resourceId" is missing', undefined, 'body'),
  })
})

test('"TrafficPath, TrafficType, resource and destination cannot be changed"', async (t) => {
  const { url, flowLogs } = await startServer(t)
  const made = flowLogs.create(wanted)
  const one = `${url}${all}/${made.id}`
  const can = 'name, description, ipVersion, windowSeconds can'
  for (const [key, value] of Object.entries({
    resourceType: 'VSwitch',
    resourceId: 'vsw-web',
    trafficType: 'Drop',
    scope: ['vbr'],
    project: 'shop',
    logstore: 'web',
  }))
    assert.deepEqual(await send(one, 'PATCH', { name: 'x', [key]: value }), {
      status: 400,
      body: {
        code: 'ParameterInvalid',
        message: `the ${key} of a flow log cannot be changed`,
        place: 'body',
        hint: `${can}; for another ${key} make another flow log`,
      },
    })
  const status = await send(one, 'PATCH', { status: 'Inactive' })
  assert.equal(status.body['hint'], 'Start or stop the flow log')
  assert.equal((await send(one, 'PATCH', { id: 'fl-2' })).body['message'], 'unknown key "id"')
  assert.equal((await send(one, 'PATCH', {})).status, 400)
  assert.equal((await send(one, 'PATCH')).status, 400)
  assert.equal((await send(one, 'PATCH', { windowSeconds: 61 })).status, 400)
  assert.deepEqual(flowLogs.list(), [made])
})

test('a logstore that was made for a flow log answers queries', async (t) => {
  const { url } = await startServer(t, (store) => {
    const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store)
    t.after(() => engine.close())
    return { query: engine }
  })
  const target = { project: 'shop', logstore: 'web' }
  await send(`${url}${all}`, 'POST', { ...wanted, ...target, createMissing: true })
  const query = 'action: REJECT | SELECT srcaddr, sum(bytes) AS bytes GROUP BY srcaddr'
  const { status, body } = await send(`${url}/weir/v1/query`, 'POST', { ...target, query })
  assert.deepEqual([status, body['rows']], [200, []])
})
