/** The signatures that the cloud's own clients make, sent over HTTP and checked as they came. */
import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { $OpenApiUtil } from '@alicloud/openapi-core'
import Sls, * as models from '@alicloud/sls20201230'
import {
  AccessKeys,
  assertSignedBody,
  openMasterKey,
  policyOf,
  verifyLogService,
} from './access.ts'

interface LogClient {
  createLogStore(project: string, logstore: string, data: object): Promise<unknown>
  getLogs(project: string, logstore: string, from: Date, to: Date, data: object): Promise<unknown>
  getProject(project: string): Promise<unknown>
  postLogStoreLogs(project: string, logstore: string, data: object): Promise<unknown>
}

const Log = createRequire(import.meta.url)('@alicloud/log') as new (config: object) => LogClient

interface Checked {
  /** The scheme and the algorithm. */
  readonly by: string
  readonly line: string
  readonly outcome: string
}

/** A server that checks signatures and says so, and a key for it. Every name is its own. */
async function checkingServer(context: TestContext) {
  const env = { WEIR_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') }
  const keys = new AccessKeys(new DatabaseSync(':memory:'), openMasterKey('', env))
  const key = keys.create({ name: 'sdk', policy: policyOf([{ project: '*', level: 'admin' }]) })
  const checked: Checked[] = []
  const server = createServer((request, response) => {
    void check(request, keys).then((each) => {
      checked.push(each)
      response.writeHead(each.outcome === key.id ? 200 : 401, {
        'content-type': 'application/json',
      })
      response.end(/type=log/.test(each.line) ? '[]' : '{}')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.after(() => server.close())
  context.mock.method(dns, 'lookup', (_name: string, _options: object, found: Found) =>
    found(null, [{ address: '127.0.0.1', family: 4 }]),
  )
  const { port } = server.address() as AddressInfo
  return { key, checked, endpoint: `sls.test:${port}` }
}

type Found = (error: null, addresses: readonly { address: string; family: 4 }[]) => void

async function check(request: IncomingMessage, keys: AccessKeys): Promise<Checked> {
  const { method = '', url = '', headers } = request
  const body = Buffer.concat(await request.toArray())
  const scheme = headers.authorization?.split(' ')[0] ?? ''
  const by = `${scheme} ${String(headers['x-log-signaturemethod'] ?? '')}`.trim()
  try {
    const caller = verifyLogService({ method, url, headers }, keys, Date.now())
    assertSignedBody(headers, body)
    return { by, line: `${method} ${url}`, outcome: caller.keyId }
  } catch (error) {
    return { by, line: `${method} ${url}`, outcome: String(error) }
  }
}

const query = "* and a: 'x*y+z' | select count(1) as c, '中文 & (~!)' from log"
const encoded = encodeURIComponent(query).replaceAll("'", '%27')

test('@alicloud/log: version 1, hmac-sha1', async (t) => {
  const { key, checked, endpoint } = await checkingServer(t)
  const client = new Log({ accessKeyId: key.id, accessKeySecret: key.secret, endpoint })
  await client.getProject('my-proj')
  await client.createLogStore('my-proj', 'store-1', { ttl: 7, shardCount: 2 })
  await client.getLogs('my-proj', 'store-1', new Date(1000), new Date(9000), {
    query,
    topic: undefined,
    reverse: true,
  })
  await client.postLogStoreLogs('my-proj', 'store-1', {
    logs: [{ timestamp: 1_700_000_000, content: { srcaddr: '10.0.0.1' } }],
  })
  const outcome = key.id
  const by = 'LOG hmac-sha1'
  const line = checked.map((each) => each.line)
  assert.deepEqual(
    checked,
    line.map((each) => ({ by, line: each, outcome })),
  )
  assert.deepEqual(line.toSpliced(2, 1), [
    'GET /?',
    'POST /logstores?',
    'POST /logstores/store-1/shards/lb?',
  ])
  assert.match(line[2]!, /query=.*&topic=&/)
})

for (const [version, by] of [
  ['v1', 'LOG hmac-sha256'],
  ['v4', 'SLS4-HMAC-SHA256'],
] as const)
  test(`@alicloud/sls20201230, which signs with @alicloud/gateway-sls: ${by}`, async (t) => {
    const { key, checked, endpoint } = await checkingServer(t)
    const client = new Sls.default(
      new $OpenApiUtil.Config({
        accessKeyId: key.id,
        accessKeySecret: key.secret,
        endpoint,
        protocol: 'http',
        regionId: 'cn-hangzhou',
        signatureVersion: version,
      }),
    )
    await client.listProject(new models.ListProjectRequest({ offset: 0, size: 100 }))
    await client.createProject(
      new models.CreateProjectRequest({ projectName: 'my-proj', description: '中文' }),
    )
    await client.getLogs(
      'my-proj',
      'store-1',
      new models.GetLogsRequest({ from: 1, to: 2, query, topic: '', reverse: true }),
    )
    await client.deleteLogStore('my-proj', 'store-1')
    const outcome = key.id
    const lines = checked.map(({ line }) => line)
    assert.deepEqual(
      checked,
      lines.map((line) => ({ by, line, outcome })),
    )
    assert.deepEqual(lines, [
      'GET /?offset=0&size=100',
      'POST /',
      `GET /logstores/store-1?from=1&query=${encoded}&reverse=true&to=2&topic=&type=log`,
      'DELETE /logstores/store-1',
    ])
  })
