/** What holds for every request of the log service: the facts of alibaba-api.md §0, and §3.1. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { deflateSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { compressSync, uncompressSync } from 'lz4-napi'
import { signLogService } from '../../access/access.ts'
import {
  type Answer,
  endpoint,
  keyOf,
  region,
  sendRaw,
  startLogService,
} from '../../../test/log-service-server.ts'
import { WeirError } from '../../base/errors.ts'
import type { LogServiceRequest, LogServiceRoute } from './route.ts'

const failure = ({ status, json }: Answer): unknown[] => {
  const { errorCode, errorMessage } = json as { errorCode: string; errorMessage: string }
  return [status, errorCode, errorMessage]
}
const bytesMax = 4096

/** Routes of the test's own, beside the real ones: they say what reached them. */
async function startEcho(t: TestContext, thrown?: () => unknown) {
  const host = 'project'
  const echo: LogServiceRoute = {
    method: 'POST',
    path: '/echo/:name',
    host,
    action: 'log:UpdateEcho',
    bodyBytesMax: bytesMax,
    handle({ project, params, query, body, wireBytes }: LogServiceRequest) {
      const text = body.toString('latin1')
      return {
        json: {
          project,
          ...params,
          query: [...query],
          text,
          wireBytes,
        },
      }
    },
  }
  const routes: LogServiceRoute[] = [
    echo,
    {
      method: 'GET',
      path: '/text',
      host,
      action: 'log:GetText',
      handle: ({ query }) => ({
        body: Buffer.from('x'.repeat(Number(query.get('size')))),
        contentType: 'text/plain',
        headers: { 'x-log-where-query': 'a\r\nx-b: 1 中é' },
        compressible: true,
      }),
    },
    {
      method: 'GET',
      path: '/throws',
      host: 'any',
      action: 'log:GetThrown',
      handle() {
        throw thrown?.()
      },
    },
    {
      ...echo,
      method: 'GET',
      path: '/kinds',
      where: { type: 'a' },
      handle: () => ({ json: 'a' }),
    },
    {
      ...echo,
      method: 'GET',
      path: '/kinds',
      where: {
        type: 'a',
        more: '1',
      },
      handle: () => ({ json: 'a1' }),
    },
  ]
  const server = await startLogService(t, () => ({ routes }))
  server.store.createProject('my-proj', { description: '' })
  return server
}

const project = 'my-proj'
const post = { method: 'POST', url: '/echo/a', project } as const

test('§0.3: who names no project, and who names one that is not there', async (t) => {
  const { ask } = await startEcho(t)
  const bare = await ask({ method: 'POST', url: '/echo/a' })
  const hint = 'A project is the first label of the host: my-project.localhost'
  assert.deepEqual(failure(bare)[1], 'ParameterInvalid')
  assert.match(String(failure(bare)[2]), /^the host sls\.test:\d+ names no project\. A project is /)
  assert.ok(String(failure(bare)[2]).endsWith(hint))
  const other = await ask({ ...post, project: 'other' })
  assert.deepEqual(failure(other), [404, 'ProjectNotExist', 'The Project does not exist : other'])
  // "host-based 'project must exist' checks must exempt POST /"; "Python sends CreateProject to <project>.<endpoint>"
  const create = { method: 'POST', url: '/', body: { projectName: 'other' } }
  assert.equal((await ask({ ...create, project: 'other' })).status, 200)
  assert.equal((await ask({ ...post, project: 'other' })).status, 200)
  assert.deepEqual(failure(await ask({ ...create, project: 'third' })), [
    400,
    'ParameterInvalid',
    'projectName is another project than the host’s',
  ])
})

test('§0.2, §0.4: hosts without a port, of localhost, of an address', async (t) => {
  const { ask, port } = await startEcho(t)
  const f = async (host: string) =>
    ((await ask({ ...post, host })).json as { project: string }).project
  for (const host of [
    'my-proj.sls.test',
    `my-proj.sls.test:${port}`,
    'MY-PROJ.SLS.TEST.',
    `my-proj.localhost:${port}`,
    `my-proj.127.0.0.1:${port}`,
  ])
    assert.equal(await f(host), project, host)
  const list = (host: string) => ask({ url: '/', host })
  for (const host of [
    'sls.test',
    `127.0.0.1:${port}`,
    `[::1]:${port}`,
    'localhost',
    'my-proj.elsewhere',
  ])
    assert.equal(((await list(host)).json as { total: number }).total, 1, `${host}: ListProject`)
})

test('§0.5: an empty answer has a length and no content type; §3.1: headers of every answer', async (t) => {
  const { ask, url } = await startEcho(t)
  const headersOf = ({ headers }: Answer) => {
    assert.match(String(headers['x-log-requestid']), /^[0-9A-F]{24}$/)
    assert.ok(headers.date !== undefined && headers['server'] !== undefined)
    assert.equal(headers['access-control-allow-origin'], '*')
    return [headers['content-length'], headers['content-type']]
  }
  const put = { method: 'PUT', url: '/', project, body: { description: 'd' } }
  assert.deepEqual(headersOf(await ask(put)), ['0', undefined])
  const json = headersOf(await ask(post))
  assert.deepEqual(json[1], 'application/json')
  assert.deepEqual(headersOf(await ask({ ...post, url: '/nowhere' }))[1], 'application/json')
  assert.deepEqual(headersOf(await ask({ ...post, key: undefined }))[1], 'application/json')
  const health = await fetch(`${url}/healthz`)
  assert.equal(health.headers.get('x-log-requestid'), null, 'another API')
})

test('§0.10: a chunked body, and one without a content type, is read; 411 is never answered', async (t) => {
  const { port, key } = await startEcho(t)
  const body = Buffer.from('{"a":1}')
  const host = `${project}.${endpoint}:${port}`
  const about = { 'x-log-apiversion': '0.6.0' }
  const request = { method: 'POST', url: '/echo/a', host, headers: about, body }
  const headers = { host, ...about, ...signLogService(request, key, new Date(), region) }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const answer = await talk(
    port,
    `POST /echo/a HTTP/1.1\r\n${lines.join('')}transfer-encoding: chunked\r\nconnection: close\r\n\r\n` +
      `3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n`,
  )
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
  assert.ok(answer.includes('"text":"{\\"a\\":1}","wireBytes":7'))
})

test('§2.7: absolute request targets, with the signature over the path only', async (t) => {
  const { port, key } = await startEcho(t)
  const url = '/echo/a?b=c+d&e='
  const about = { 'x-log-apiversion': '0.6.0' }
  const host = `${project}.${endpoint}` // Python leaves the port out
  const request = { method: 'POST', url, host, headers: about, body: Buffer.alloc(0) }
  const headers = { host, ...about, ...signLogService(request, key, new Date(), region) }
  const target = `http://${project}.${endpoint}:${port}${url}`
  const { status, json } = await sendRaw(port, 'POST', target, headers, Buffer.alloc(0))
  const query = [
    ['b', 'c d'],
    ['e', ''],
  ]
  assert.deepEqual([status, json], [200, { project, name: 'a', query, text: '', wireBytes: 0 }])
})

test('§3.1: compressed bodies', async (t) => {
  const { ask } = await startEcho(t)
  const text = 'srcaddr=10.0.0.1;'.repeat(100)
  const raw = Buffer.from(text)
  const send = (type: string, body: Buffer, size: string | undefined) =>
    ask({
      ...post,
      body,
      headers: {
        'x-log-compresstype': type,
        'x-log-bodyrawsize': size ?? '',
        'content-type': 'application/x-protobuf',
      },
    })
  const lz4 = compressSync(raw).subarray(4)
  const size = String(raw.length)
  for (const [type, body] of [
    ['lz4', lz4],
    ['zstd', zstdCompressSync(raw)],
    ['deflate', deflateSync(raw)],
    ['gzip', gzipSync(raw)],
  ] as const) {
    const { json } = await send(type, body, size)
    const { text: came, wireBytes } = json as { text: string; wireBytes: number }
    assert.deepEqual([came, wireBytes], [text, body.length], type)
    const cut = await send(type, body.subarray(0, body.length / 2), size)
    assert.deepEqual(failure(cut).slice(0, 2), [400, 'PostBodyUncompressError'], type)
    const larger = failure(await send(type, body, String(raw.length + 1)))
    assert.deepEqual(larger.slice(0, 2), [400, 'InvalidBodyRawSize'], type)
    const smaller = failure(await send(type, body, String(raw.length - 1)))
    assert.deepEqual(smaller[0], 400, type)
  }
  assert.deepEqual(failure(await send('lz4', lz4, undefined)), [
    400,
    'MissingBodyRawSize',
    'a compressed body needs the header x-log-bodyrawsize',
  ])
  assert.deepEqual(failure(await send('lz4', lz4, '-1')).slice(0, 2), [400, 'InvalidBodyRawSize'])
  const snappy = [400, 'InvalidCompressType', 'x-log-compresstype snappy is unsupported.']
  assert.deepEqual(failure(await send('snappy', lz4, size)), snappy)
  assert.deepEqual(failure(await send('constructor', lz4, size)).slice(0, 2), [
    400,
    'InvalidCompressType',
  ])
  // Nothing is allocated for a size that is only claimed, and a bomb stops at the limit.
  const tooLarge = [400, 'PostBodyTooLarge', 'a body has at most 4096 bytes']
  for (const type of ['lz4', 'zstd', 'gzip'])
    assert.deepEqual(failure(await send(type, lz4, '4000000000')), tooLarge)
  const small = failure(await send('deflate', deflateSync(Buffer.alloc(1024 * 1024)), '4096'))
  assert.deepEqual(small.slice(0, 2), [400, 'InvalidBodyRawSize'])
  // "require it only when x-log-compresstype is present"
  assert.equal(
    (await ask({ ...post, body: raw.subarray(0, 5), headers: { 'x-log-bodyrawsize': '0' } }))
      .status,
    200,
  )
})

test('a body that is too large is refused in the shape of this API', async (t) => {
  const { ask } = await startEcho(t)
  const tooLarge = [400, 'PostBodyTooLarge', 'a body has at most 4096 bytes']
  assert.deepEqual(failure(await ask({ ...post, body: Buffer.alloc(bytesMax + 1) })), tooLarge)
  assert.equal((await ask({ ...post, body: Buffer.alloc(bytesMax) })).status, 200)
})

test('§3.1: answers are compressed as Accept-Encoding allows, by headers of the service’s own', async (t) => {
  const { ask } = await startEcho(t)
  const get = (accept: string, size = 5000) =>
    ask({ url: `/text?size=${size}`, project, headers: { 'accept-encoding': accept } })
  const text = 'x'.repeat(5000)
  const about = ({ headers }: Answer) => [
    headers['x-log-compresstype'],
    headers['x-log-bodyrawsize'],
    headers['content-encoding'],
    headers['x-log-where-query'],
  ]
  const query = 'ax-b: 1 é'
  const lz4 = await get('lz4')
  assert.deepEqual(about(lz4), ['lz4', '5000', undefined, query])
  assert.ok(lz4.body.length < 100)
  const size = Buffer.alloc(4)
  size.writeUInt32LE(5000)
  assert.equal(uncompressSync(Buffer.concat([size, lz4.body])).toString(), text)
  const zstd = await get('gzip, zstd;q=0.5')
  assert.deepEqual(about(zstd).slice(0, 2), ['zstd', '5000'])
  assert.equal(zstdDecompressSync(zstd.body).toString(), text)
  for (const accept of ['gzip, deflate, br', '', 'identity']) {
    const plain = await get(accept)
    assert.deepEqual(about(plain), [undefined, '5000', undefined, query], accept)
    assert.equal(plain.body.toString(), text)
  }
  assert.deepEqual(
    about(await get('lz4', 0)),
    [undefined, '0', undefined, query],
    'PullLogs at the end',
  )
})

test('§3.9: versions, methods and parameters', async (t) => {
  const { ask } = await startEcho(t)
  const f = async (asked: Parameters<typeof ask>[0], ...wanted: unknown[]) =>
    assert.deepEqual(failure(await ask(asked)), wanted)
  const version = (v: string) => ({ ...post, headers: { 'x-log-apiversion': v } })
  await f(version('0.5.0'), 400, 'InvalidAPIVersion', 'x-log-apiversion 0.5.0 is not supported.')
  await f(version(''), 400, 'MissingAPIVersion', 'x-log-apiversion is missing.')
  const method = ['InvalidMethod', 'invalid request method: /echo/a']
  await f({ ...post, method: 'PUT' }, 405, ...method)
  const type = { ...post, headers: { 'content-type': 'json;' }, body: Buffer.from('x') }
  await f(type, 415, 'InvalidContentType', 'the header content-type cannot be read')
  await f({ ...post, method: 'PATCH' }, 405, ...method)
  await f(
    { ...post, url: '/nowhere?a=b' },
    405,
    'InvalidMethod',
    'invalid request method: /nowhere',
  )
  const kinds = (query: string) => ask({ url: `/kinds${query}`, project })
  assert.equal((await kinds('?type=a')).json, 'a')
  assert.equal((await kinds('?more=1&type=a')).json, 'a1')
  assert.deepEqual(failure(await kinds('?type=b')), [
    400,
    'ParameterInvalid',
    'type : b pair is invalid',
  ])
  const path = await ask({ ...post, url: '/echo/%ff' })
  assert.deepEqual(failure(path), [
    400,
    'ParameterInvalid',
    'the path of the request cannot be read',
  ])
  const name = ((await ask({ ...post, url: '/echo/a%2Fb%20%E4%B8%AD?' })).json as { name: string })
    .name
  assert.equal(name, 'a/b 中')
})

test('§3.9: how errors of Weir are told', async (t) => {
  let thrown: unknown
  const { ask, errors } = await startEcho(t, () => thrown)
  const f = async (
    error: unknown,
    status: number,
    code: string,
    message: string,
    retry?: string,
  ) => {
    thrown = error
    const answer = await ask({ url: '/throws', project })
    assert.deepEqual(failure(answer), [status, code, message])
    assert.equal(answer.headers['retry-after'], retry)
    return answer
  }
  const at = { place: 'line 1:44', hint: 'Write "a"' }
  const told =
    'ErrorType:OLSQueryParseError.ErrorPosition,line:1,column:44.ErrorMessage:bad. Write "a"'
  await f(new WeirError('QuerySyntax', 'bad', at), 400, 'ParameterInvalid', told)
  await f(new WeirError('QueryRefused', 'bad', at), 400, 'ParameterInvalid', told)
  const noPlace = 'ErrorType:OLSQueryParseError.ErrorMessage:bad'
  await f(new WeirError('QueryRefused', 'bad'), 400, 'ParameterInvalid', noPlace)
  await f(new WeirError('QueryBusy', 'busy'), 403, 'ReadQuotaExceed', 'busy', '1')
  await f(new WeirError('StorageFull', 'full'), 403, 'WriteQuotaExceed', 'full', '30')
  await f(new WeirError('WriteQuotaExceed', 'much'), 403, 'WriteQuotaExceed', 'much', '1')
  await f(new WeirError('InvalidTimeRange', 'no'), 400, 'InvalidTimeRange', 'no')
  await f(new WeirError('StorageBroken', 'broken'), 500, 'InternalServerError', 'broken')
  assert.equal(errors.length, 1)
  thrown = new Error('a secret')
  const { status, json, headers } = await ask({ url: '/throws', project })
  const id = String(headers['x-log-requestid'])
  const { errorCode, errorMessage } = json as { errorCode: string; errorMessage: string }
  assert.deepEqual([status, errorCode], [500, 'InternalServerError'])
  assert.equal(errorMessage, `the server failed. Its log says why: look for ${id}`)
  const logged = String(errors[1]?.fields['requestId']).replaceAll('-', '')
  assert.ok(logged.startsWith(id), 'the log has it')
})

test('who asks is checked before the body is, and what it changes is written down', async (t) => {
  const { ask, keys, audit, key } = await startEcho(t)
  const unsigned = await ask({ ...post, key: undefined, body: Buffer.alloc(bytesMax + 1) })
  assert.deepEqual(failure(unsigned).slice(0, 2), [401, 'Unauthorized'])
  const stranger = await ask({ ...post, key: { id: 'nobody', secret: 'x' } })
  assert.deepEqual(failure(stranger)[0], 401)
  const wrong = await ask({ ...post, key: { ...key, secret: 'x' } })
  assert.deepEqual(failure(wrong).slice(0, 2), [401, 'SignatureNotMatch'])
  const reader = keys.create(
    keyOf('reader', [{ Effect: 'Allow', Action: 'log:Get*', Resource: '*' }]),
  )
  const denied = await ask({ ...post, key: reader })
  assert.deepEqual(failure(denied), [
    403,
    'Unauthorized',
    `key ${reader.id} may not do log:UpdateEcho on project/my-proj. Its policy must allow it: weir key change`,
  ])
  assert.equal((await ask({ url: '/text?size=1', project, key: reader })).status, 200)
  assert.equal((await ask(post)).status, 200)
  const ofAudit = audit
    .list({})
    .map(({ keyId, action, resource, outcome }) => [keyId, action, resource, outcome])
  assert.deepEqual(
    ofAudit.toSorted((a, b) => (a[3]! < b[3]! ? -1 : 1)),
    [
      [reader.id, 'log:UpdateEcho', 'project/my-proj', 'AccessDenied'],
      [key.id, 'log:UpdateEcho', 'project/my-proj', 'ok'],
    ],
  )
})

test('the limits of a key hold', async (t) => {
  const { ask, keys } = await startEcho(t)
  const Statement = [{ Effect: 'Allow', Action: '*', Resource: '*' }] as const
  const key = keys.create({ ...keyOf('slow', Statement), limits: { requestsPerSecond: 1 } })
  const statuses: number[] = []
  for (let n = 0; n < 4; n++)
    statuses.push((await ask({ url: '/text?size=1', project, key })).status)
  assert.deepEqual(statuses.slice(0, 2), [200, 200], 'two seconds of the rate at once')
  const refused = await ask({ url: '/text?size=1', project, key })
  assert.deepEqual(
    [refused.headers['retry-after'], ...failure(refused).slice(0, 2)],
    ['1', 403, 'ReadQuotaExceed'],
  )
})

test('a signed body that was changed on its way is refused', async (t) => {
  const { port, key } = await startEcho(t)
  const host = `${project}.${endpoint}:${port}`
  const about = { 'x-log-apiversion': '0.6.0', 'x-log-bodyrawsize': '3' }
  const request = { method: 'POST', url: '/echo/a', host, headers: about, body: Buffer.from('abc') }
  const headers = { host, ...about, ...signLogService(request, key, new Date(), region) }
  const send = (body: string) => sendRaw(port, 'POST', '/echo/a', headers, Buffer.from(body))
  assert.equal((await send('abc')).status, 200)
  assert.deepEqual(failure(await send('abd')).slice(0, 2), [401, 'SignatureNotMatch'])
})

test('browsers may ask before they track: preflight without a signature', async (t) => {
  const { ask } = await startEcho(t)
  const headers = { origin: 'http://shop.test', 'access-control-request-method': 'POST' }
  const track = {
    method: 'OPTIONS',
    url: '/logstores/web/track',
    project,
    plain: true,
    headers,
  } as const
  const answer = await ask(track)
  assert.deepEqual([answer.status, answer.headers['access-control-allow-origin']], [200, '*'])
  assert.equal(answer.headers['access-control-allow-methods'], 'GET, POST, OPTIONS')
})

test('mutated requests: the server stays up and answers no 5xx', async (t) => {
  const { ask, errors } = await startEcho(t)
  const seed = randomBytes(4).readUInt32LE()
  t.diagnostic(`seed ${seed}`)
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const paths = [
    '/',
    '/logstores',
    '/logstores/a',
    '/logstores/a/index',
    '/tags',
    '/tag',
    '/policy',
    '/echo/a',
  ]
  const bodies = [
    '{}',
    '[]',
    'null',
    '{"logstoreName":1}',
    '{"keys":{"__proto__":{}}}',
    '{"line":null}',
    '"',
    '{"tags":[null]}',
  ]
  const methods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD']
  const pick = <T>(all: readonly T[]): T => all[random(all.length)]!
  const count = process.env['WEIR_LONG'] === undefined ? 300 : 10_000
  for (let n = 0; n < count; n++) {
    const url = `${pick(paths)}${pick(['', '?', '?type=x', '?resourceId=%5B1%5D', '%00', '?offset=-1', '%'])}`
    const compress = pick(['', '', 'lz4', 'zstd', 'none'])
    const headers: Record<string, string> =
      compress === '' ? {} : { 'x-log-compresstype': compress }
    const to = pick([{ project }, { project: 'a..b' }, {}])
    const asked = { method: pick(methods), url, ...to, headers, body: Buffer.from(pick(bodies)) }
    const { status } = await ask(asked)
    assert.ok(status < 500, `${status}: ${JSON.stringify({ ...asked, body: String(asked.body) })}`)
  }
  assert.deepEqual(errors, [])
})

function talk(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    const parts: Buffer[] = []
    socket.on('data', (part) => parts.push(part))
    socket.on('end', () => resolve(Buffer.concat(parts).toString('latin1')))
    socket.on('error', reject)
  })
}
