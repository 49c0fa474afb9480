import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { signLogService } from '../access/access.ts'
import { WeirError } from '../base/errors.ts'
import { defaultQueryConfig, QueryEngine } from '../query/query.ts'
import { createApi, type RangedQuery } from './api.ts'
import { signedFetch } from '../../test/signed-fetch.ts'
import { answer, record, signed, startServer, testKey, thingsOver } from '../../test/api-server.ts'

const json = { 'content-type': 'application/json' }
const ndjson = { 'content-type': 'application/x-ndjson' }
const asked = { project: 'weir', logstore: 'flow-log', query: '*' }

/** Sends a request; checks what every reply has. */
type Init = Parameters<typeof signed>[1]

async function send(url: string, init: Init = {}, ask: typeof signed = signed) {
  const response = await ask(url, init)
  const requestId = response.headers.get('x-request-id') ?? ''
  assert.match(requestId, /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/)
  const text = await response.text()
  const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
  if (response.status >= 400 && 'code' in body) {
    assert.equal(body['requestId'], requestId)
    delete body['requestId']
  }
  return { status: response.status, body }
}

const post = (url: string, body: unknown, headers: Record<string, string> = json) =>
  send(url, { method: 'POST', headers, body: JSON.stringify(body) })

/** Bytes straight to the socket, since `fetch` sends nothing that is broken. */
async function sendRaw(url: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  socket.end(bytes)
  await once(socket, 'close')
  return text
}

test('a query reaches the runner as it was sent and its answer comes back', async (t) => {
  const requests: RangedQuery[] = []
  const { url } = await startServer(t, {
    query: {
      run: (request) => {
        requests.push(request)
        return Promise.resolve(answer)
      },
    },
  })
  const whole = {
    ...asked,
    from: 1,
    to: 2,
    line: 10,
    offset: 5,
    reverse: true,
    zone: 'Asia/Shanghai',
  }
  assert.deepEqual(await post(`${url}/weir/v1/query`, whole), { status: 200, body: answer })
  await post(`${url}/weir/v1/query`, asked)
  assert.deepEqual(requests, [whole, { ...asked, from: 0, to: 9_999_999_999 }])
})

test('records that were put are there for the very next query', async (t) => {
  const { url } = await startServer(t, (store) => {
    const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store)
    t.after(() => engine.close())
    return { query: engine }
  })
  const lines = ['4', '5', '6'].map((bytes) => JSON.stringify({ ...record, bytes })).join('\n')
  await putBatch(url, 0, lines)
  const { status, body } = await post(`${url}/weir/v1/query`, {
    ...asked,
    query: 'dstport: 80 | SELECT dstaddr, sum(bytes) AS total, traffic_path GROUP BY 1, 3',
  })
  assert.equal(status, 200)
  const { elapsedMs, ...rest } = body
  assert.equal(typeof elapsedMs, 'number')
  assert.deepEqual(rest, {
    columns: [
      { name: 'dstaddr', type: 'varchar' },
      { name: 'total', type: 'bigint' },
      { name: 'traffic_path', type: 'bigint' },
    ],
    rows: [['10.0.0.1', '15', '7']],
    hasSql: true,
    exact: true,
    scannedRows: 3,
    scannedFiles: 1,
    limited: false,
  })
  const refused = await post(`${url}/weir/v1/query`, {
    ...asked,
    query: '* | SELECT bytes FORM log',
  })
  assert.deepEqual([refused.status, refused.body['code']], [400, 'QuerySyntax'])
})

test('a body that is wrong is refused and the field is named', async (t) => {
  const { url } = await startServer(t)
  const f = async (body: unknown, message: string, hint?: string) =>
    assert.deepEqual(await post(`${url}/weir/v1/query`, body), {
      status: 400,
      body: {
        code: 'ParameterInvalid',
        message,
        place: 'body',
        ...(hint === undefined ? {} : { hint }),
      },
    })
  await f({ ...asked, form: 1 }, 'unknown key "form"', 'Did you mean "from"?')
  await f({ ...asked, something: 1 }, 'unknown key "something"')
  await f({ project: 'weir', query: '*' }, '"logstore" is missing')
  await f({ ...asked, from: '1' }, '"from" must be integer')
  await f({ ...asked, from: 1.5 }, '"from" must be integer')
  await f({ ...asked, line: -1 }, '"line" must be >= 0')
  await f({ ...asked, reverse: 1 }, '"reverse" must be boolean')
  await f({ ...asked, query: ['*'] }, '"query" must be string')
  await f({ ...asked, query: null }, '"query" must be string')
  await f({ ...asked, project: '' }, '"project" must NOT have fewer than 1 characters')
  await f([], 'the body must be object')
  await f('x', 'the body must be object')
})

test('errors of the parts keep their code, place and hint; others tell nothing', async (t) => {
  let thrown: unknown
  const { url, errors } = await startServer(t, { query: { run: () => Promise.reject(thrown) } })
  const f = async (error: unknown, status: number, body: object) => {
    thrown = error
    assert.deepEqual(await post(`${url}/weir/v1/query`, asked), { status, body })
  }
  await f(
    new WeirError('QuerySyntax', 'expected )', { place: 'line 1:4', hint: 'Close it' }),
    400,
    {
      code: 'QuerySyntax',
      message: 'expected )',
      place: 'line 1:4',
      hint: 'Close it',
    },
  )
  await f(new WeirError('ProjectNotExist', 'no project "x"'), 404, {
    code: 'ProjectNotExist',
    message: 'no project "x"',
  })
  assert.equal(errors.length, 0)

  thrown = new TypeError('secret: /var/lib/weir/key')
  const { status, body } = await post(`${url}/weir/v1/query`, asked)
  assert.equal(status, 500)
  assert.match(String(body['hint']), /^Its log says why: look for [0-9A-F-]{36}$/)
  assert.deepEqual([body['code'], body['message']], ['ServerError', 'the server failed'])
  assert.equal(errors.length, 1)
  const logged = errors.at(0)
  assert.equal(logged?.message, 'request failed')
  assert.equal(logged?.fields['path'], '/weir/v1/query')
  assert.match(String(logged?.fields['error']), /^TypeError: secret/)
  assert.ok(String(body['hint']).endsWith(String(logged?.fields['requestId'])))

  await f(new WeirError('StorageBroken', 'block 7 is damaged'), 500, {
    code: 'StorageBroken',
    message: 'block 7 is damaged',
  })
  assert.equal(errors.length, 2, 'what is broken here is logged, whoever asked')
  const metrics = await (await fetch(`${url}/metrics`)).text()
  assert.match(metrics, /^weir_http_failures_total 2$/m)
  assert.match(
    metrics,
    /^weir_http_request_seconds_count\{method="POST",route="\/weir\/v1\/query",status="500"\} 2$/m,
  )
})

test('a server that is busy says when to come again', async (t) => {
  const { url } = await startServer(t, {
    query: { run: () => Promise.reject(new WeirError('QueryBusy', 'too many queries')) },
  })
  const response = await signed(`${url}/weir/v1/query`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify(asked),
  })
  assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '1'])
  await response.body?.cancel()
})

test('a caller that goes away cancels its query', async (t) => {
  const started = Promise.withResolvers<AbortSignal>()
  const { url } = await startServer(t, {
    query: {
      run: (_, signal) => {
        started.resolve(signal)
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () =>
            reject(new WeirError('QueryCancelled', 'the query was cancelled')),
          ),
        )
      },
    },
  })
  const caller = new AbortController()
  const request = signed(`${url}/weir/v1/query`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify(asked),
    signal: caller.signal,
  })
  const signal = await started.promise
  assert.equal(signal.aborted, false)
  caller.abort()
  await assert.rejects(request, { name: 'AbortError' })
  if (!signal.aborted) await once(signal, 'abort')
  assert.equal((await send(`${url}/healthz`)).status, 200)
})

test('health says what is broken', async (t) => {
  const problems: string[] = []
  const { url } = await startServer(t, { problems: () => problems })
  assert.deepEqual(await send(`${url}/healthz`), {
    status: 200,
    body: { status: 'ok', problems: [], data: '/nowhere' },
  })
  problems.push('eth0 is gone')
  assert.deepEqual(await send(`${url}/healthz`), {
    status: 503,
    body: { status: 'failing', problems: ['eth0 is gone'], data: '/nowhere' },
  })
})

const batchUrl = (url: string, number: number | string): string =>
  `${url}/weir/v1/records?project=weir&logstore=flow-log&flowLog=fl-1&run=r1&number=${number}`
const putBatch = (url: string, number: number | string, body: string) =>
  send(batchUrl(url, number), { method: 'POST', headers: ndjson, body })

test('records are stored once by flow log, run and number', async (t) => {
  const { url } = await startServer(t)
  const two = `${JSON.stringify(record)}\n${JSON.stringify({ ...record, bytes: '0' })}\n`
  const rows = async () => {
    const { body } = await send(`${url}/weir/v1/projects`)
    return body
  }
  assert.deepEqual(await putBatch(url, 0, two), { status: 200, body: { rows: 2, stored: true } })
  assert.deepEqual(await putBatch(url, 0, two), { status: 200, body: { rows: 2, stored: false } })
  assert.deepEqual(await putBatch(url, 1, two), { status: 200, body: { rows: 2, stored: true } })
  assert.deepEqual(await rows(), {
    projects: [
      {
        name: 'weir',
        description: 'Weir’s own',
        labels: { of: 'test' },
        logstores: [{ name: 'flow-log', rows: 4, ttlDays: 30 }],
      },
    ],
  })
})

test('records that are wrong are refused whole', async (t) => {
  const { url } = await startServer(t)
  const line = JSON.stringify(record)
  const f = async (reply: Promise<unknown>, body: object, status = 400) =>
    assert.deepEqual(await reply, { status, body: { code: 'ParameterInvalid', ...body } })
  await f(putBatch(url, 0, `${line}\n{"srcadr":"1"}`), {
    message: 'unknown field "srcadr"',
    place: 'line 2',
    hint: 'Did you mean "srcaddr"?',
  })
  await f(putBatch(url, 0, ''), { message: 'there is no record in the request' })
  await f(send(batchUrl(url, 0), { method: 'POST' }), {
    message: 'records come as application/x-ndjson',
  })
  await f(putBatch(url, '01', line), {
    message: '"number" must match pattern "^(0|[1-9][0-9]{0,14})$"',
    place: 'query string',
  })
  await f(send(`${batchUrl(url, 0)}&runs=x`, { method: 'POST', headers: ndjson, body: line }), {
    message: 'unknown key "runs"',
    place: 'query string',
    hint: 'Did you mean "run"?',
  })
  await f(send(`${batchUrl(url, 0)}&run=r2`, { method: 'POST', headers: ndjson, body: line }), {
    message: '"run" must be string',
    place: 'query string',
  })
  await f(send(batchUrl(url, 0), { method: 'POST', headers: json, body: line }), {
    message: 'the content type of the request is not one this route reads',
  })
  const gzip = { ...ndjson, 'content-encoding': 'gzip' }
  await f(send(batchUrl(url, 0), { method: 'POST', headers: gzip, body: line }), {
    message: 'the request body must not be compressed',
    place: 'header content-encoding',
  })
  const elsewhere = batchUrl(url, 0).replace('project=weir', 'project=nowhere')
  const { status, body } = await send(elsewhere, { method: 'POST', headers: ndjson, body: line })
  assert.deepEqual([status, body['code']], [404, 'ProjectNotExist'])
  const { body: after } = await send(`${url}/weir/v1/projects`)
  assert.deepEqual(
    (after['projects'] as { logstores: { rows: number }[] }[])[0]?.logstores[0]?.rows,
    0,
  )
})

test('the sample is removed, and a second time is an error', async (t) => {
  const { url, store } = await startServer(t)
  const remove = () => send(`${url}/weir/v1/sample`, { method: 'DELETE' })
  assert.deepEqual(await remove(), { status: 200, body: {} })
  assert.deepEqual(store.projects(), [])
  const { status, body } = await remove()
  assert.deepEqual([status, body['code']], [404, 'ProjectNotExist'])
})

test('what is for no API, or for no route of one, is not found', async (t) => {
  const { url } = await startServer(t)
  const f = async (path: string, init: Init, message: string, hint?: string) =>
    assert.deepEqual(await send(`${url}${path}`, init, fetch), {
      status: 404,
      body: { code: 'NotFound', message, ...(hint === undefined ? {} : { hint }) },
    })
  const own = 'Weir’s own routes are /healthz, /metrics and those under /weir/v1/'
  await f('/', {}, 'GET / is for no API of this server', own)
  await f('/logstores', {}, 'GET /logstores is for no API of this server', own)
  const cloud = await send(`${url}/x`, { headers: { 'x-acs-action': 'CreateFlowLog' } }, fetch)
  assert.deepEqual([cloud.status, cloud.body['Code']], [404, 'InvalidAction.NotFound'])
  // "405 InvalidMethod": a 404 would tell Terraform that a resource is gone (alibaba-api.md 3.9, 4.1).
  const logService = { headers: { 'x-log-apiversion': '0.6.0' } }
  assert.deepEqual(await send(`${url}/logstore/a`, logService, fetch), {
    status: 405,
    body: {
      errorCode: 'InvalidMethod',
      errorMessage: 'invalid request method: /logstore/a',
    },
  })
  await f(
    '/weir/v1/qeury',
    { method: 'POST', headers: json, body: '{}' },
    'there is no route POST /weir/v1/qeury',
    'Did you mean /weir/v1/query?',
  )
  await f(
    '/weir/v1/query',
    {},
    'there is no route GET /weir/v1/query',
    '/weir/v1/query is there, but not for GET',
  )
  await f('/weir/v2/other-things', {}, 'there is no route GET /weir/v2/other-things')
  await f('/%2e%2e/%2e%2e/etc/passwd', {}, 'GET /etc/passwd is for no API of this server', own)
  const long = `/weir/${'x'.repeat(5000)}`
  await f(long, {}, `there is no route GET ${long.slice(0, 200)}...`)
})

test('without a signature nothing is answered but health and metrics', async (t) => {
  const { url } = await startServer(t)
  for (const [method, path] of [
    ['GET', '/weir/v1/projects'],
    ['POST', '/weir/v1/query'],
    ['POST', '/weir/v1/records'],
    ['PUT', '/weir/v1/sample'],
    ['GET', '/weir/v1/flow-logs'],
    ['POST', '/weir/v1/explain'],
    ['GET', '/weir/v1/ledger'],
    ['GET', '/weir/v1/agents'],
    ['POST', '/weir/v1/agents/a/report'],
    ['GET', '/weir/v1/keys'],
    ['GET', '/weir/v1/audit'],
  ] as const) {
    const response = await fetch(`${url}${path}`, { method })
    assert.equal(response.status, 401, `${method} ${path}`)
    assert.equal(((await response.json()) as { code: string }).code, 'Unauthorized')
  }
  for (const path of ['/healthz', '/metrics'])
    assert.equal((await fetch(`${url}${path}`)).status, 200, path)
})

test('who signed may do what the policy says; a body is the one that was signed', async (t) => {
  const { url } = await startServer(t)
  const made = await post(`${url}/weir/v1/keys`, {
    name: 'reader',
    permissions: [{ project: 'weir', level: 'read' }],
  })
  const { id, secret } = made.body as { id: string; secret: string }
  const asReader = (path: string, body?: unknown) =>
    signedFetch(
      `${url}${path}`,
      body === undefined ? {} : { method: 'POST', headers: json, body: JSON.stringify(body) },
      { id, secret },
    )
  assert.equal((await asReader('/weir/v1/query', asked)).status, 200)
  assert.equal((await asReader('/weir/v1/query', { ...asked, project: 'other' })).status, 403)
  assert.equal((await asReader('/weir/v1/keys')).status, 403)
  const signature = signLogService(
    {
      method: 'POST',
      url: '/weir/v1/query',
      host: new URL(url).host,
      headers: json,
      body: Buffer.from(JSON.stringify(asked)),
    },
    testKey,
    new Date(),
  )
  const other = { ...asked, query: 'action:REJECT' }
  const headers = { ...json, ...signature }
  const changed = await fetch(`${url}/weir/v1/query`, {
    method: 'POST',
    headers,
    body: JSON.stringify(other),
  })
  assert.equal(changed.status, 401)
  assert.equal(((await changed.json()) as { code: string }).code, 'SignatureNotMatch')
  const { body } = await send(`${url}/weir/v1/audit?limit=1`)
  const [{ keyId, action, outcome }] = body['entries'] as [Record<string, string>]
  assert.deepEqual([keyId, action, outcome], [testKey.id, 'weir:CreateKey', 'ok'])
})

test('hostile requests get a clear no, and the server stays up', async (t) => {
  const { url } = await startServer(t)
  const query = `${url}/weir/v1/query`
  const f = async (
    reply: Promise<{ status: number; body: object }>,
    status: number,
    code: string,
  ) => {
    const got = await reply
    assert.deepEqual([got.status, (got.body as { code: string }).code], [status, code])
  }
  const posted = (body: string, headers: Record<string, string> = json) =>
    send(query, { method: 'POST', headers, body })
  await f(posted('{"project":'), 400, 'ParameterInvalid')
  await f(posted(''), 400, 'ParameterInvalid')
  await f(posted('{"__proto__": {"project": "x"}}'), 400, 'ParameterInvalid')
  await f(posted('{"constructor": {"prototype": {}}}'), 400, 'ParameterInvalid')
  await f(posted(`${'['.repeat(100_000)}`), 400, 'ParameterInvalid')
  await f(posted(JSON.stringify({ ...asked, query: 'x'.repeat(70_000) })), 400, 'ParameterInvalid')
  await f(posted('x'.repeat(2_000_000)), 413, 'RequestTooLarge')
  await f(posted('a=b', { 'content-type': 'text/plain' }), 400, 'ParameterInvalid')
  await f(posted('{}', { 'content-type': 'nonsense' }), 400, 'ParameterInvalid')
  await f(putBatch(url, 0, '{}\n'.repeat(100_001)), 400, 'ParameterInvalid')
  await f(putBatch(url, 0, 'x'.repeat(33 << 20)), 413, 'RequestTooLarge')

  const raw = async (bytes: string, status: string, code: string) => {
    const reply = await sendRaw(url, bytes)
    assert.equal(reply.split(' ')[1], status, bytes.slice(0, 60))
    const head = reply.split('\r\n\r\n')[0] ?? ''
    const body = JSON.parse(reply.slice(head.length + 4)) as Record<string, string>
    assert.equal(body['code'], code)
    assert.match(
      head.toLowerCase(),
      new RegExp(`x-request-id: ${body['requestId']?.toLowerCase()}`),
    )
  }
  const close = 'Host: localhost\r\nConnection: close\r\n\r\n'
  await raw('nonsense\r\n\r\n', '400', 'ParameterInvalid')
  await raw(`GET /healthz HTTP/1.1\r\nBad Header: x\r\n${close}`, '400', 'ParameterInvalid')
  await raw(
    `GET /healthz HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n${close}`,
    '413',
    'RequestTooLarge',
  )
  await raw(`GET /weir/%zz HTTP/1.1\r\n${close}`, '400', 'ParameterInvalid')
  await raw(`GET /../../etc/passwd HTTP/1.1\r\n${close}`, '404', 'NotFound')
  await raw(
    `POST /weir/v1/query HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n${close}`,
    '400',
    'ParameterInvalid',
  )
  const soup = Array.from({ length: 500 }, (_, i) => `X-${i}: ${i}\r\n`).join('')
  await raw(`GET /weir/nothing HTTP/1.1\r\n${soup}${close}`, '404', 'NotFound')
  assert.equal((await send(`${url}/healthz`)).status, 200)
})

test('closing lets what is in flight finish, and takes nothing new', async (t) => {
  const started = Promise.withResolvers<void>()
  const finish = Promise.withResolvers<typeof answer>()
  const { api, url } = await startServer(t, {
    query: {
      run: () => {
        started.resolve()
        return finish.promise
      },
    },
  })
  const running = post(`${url}/weir/v1/query`, asked)
  await started.promise
  const closed = api.close()
  await assert.rejects(fetch(`${url}/healthz`))
  finish.resolve(answer)
  assert.deepEqual(await running, { status: 200, body: answer })
  await closed
})

test('closing cuts off what does not finish in time', async (t) => {
  const started = Promise.withResolvers<AbortSignal>()
  const { api, url } = await startServer(t, {
    query: {
      run: (_, signal) => {
        started.resolve(signal)
        return new Promise(() => {})
      },
    },
  })
  const running = post(`${url}/weir/v1/query`, asked)
  const cut = assert.rejects(running)
  const signal = await started.promise
  await api.close(1)
  await cut
  if (!signal.aborted) await once(signal, 'abort')
})

test('an address that cannot be had is an error of the configuration', async (t) => {
  const { url, store } = await startServer(t)
  const { port } = new URL(url)
  const second = createApi(thingsOver(store, { info() {}, warn() {}, error() {} }))
  await assert.rejects(second.listen('127.0.0.1', Number(port)), {
    name: 'ConfigInvalid',
    message: `cannot listen on 127.0.0.1 port ${port}: it is in use`,
    hint: 'Choose another with --port N',
  })
  await second.close()
})
