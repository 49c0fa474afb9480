/** Requests as no client sends them: those of real clients, changed at random before and after they are signed. */
import { connect } from 'node:net'
import { signLogService } from '../src/access/access.ts'
import type { Target } from './log-load.ts'

type Random = (below: number) => number

interface Draft {
  method: string
  url: string
  host: string
  headers: Record<string, string>
  body: Buffer
}

const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!

/** Path and body of a request to each route; `P` is a project and `L` a logstore. */
const routes: readonly (readonly [method: string, url: string, body?: object | string])[] = [
  ['GET', '/'],
  ['PUT', '/', { description: 'changed' }],
  ['GET', '/logstores?offset=0&size=10'],
  ['GET', '/logstores/L'],
  ['PUT', '/logstores/L', { logstoreName: 'L', ttl: 30 }],
  ['GET', '/logstores/L/index'],
  ['GET', '/logstores/L/shards'],
  ['POST', '/logstores/L/shards/0?action=split'],
  ['GET', '/logstores/L?type=log&from=0&to=4294967295&query=*&line=100&offset=0&reverse=false'],
  ['GET', '/logstores/L?type=log&from=0&to=4294967295&query=*%20%7C%20select%20*%20from%20P.L'],
  ['GET', '/logstores/L?type=histogram&from=0&to=4294967295&query=*'],
  ['GET', '/logstores/L?type=context_log&pack_id=A-1&pack_meta=0%7CMTIz%7C1%7C0&back_lines=1'],
  ['GET', '/logs?query=select%20*%20from%20L%20where%20__time__%20%3E%200'],
  ['GET', '/logstores/L/shards/0?type=cursor&from=begin'],
  ['GET', '/logstores/L/shards/0?type=log&cursor=MTQ0NzMyOTQwMTEwMjEzMDkwNA%3D%3D&count=10'],
  ['POST', '/logstores/L/logs', { from: 0, to: 2 ** 32, query: '*' }],
  ['POST', '/logstores/L/logs', { from: 0, to: 2 ** 32, query: '* | SELECT * FROM "P"."L"' }],
  ['POST', '/logstores/L/shards/lb', 'not a group'],
  ['POST', '/logstores/L/shards/route?key=00000000000000000000000000000000', 'x'],
  ['GET', '/logstores/L/track?APIVersion=0.6.0&key=value'],
  ['POST', '/logstores/L/track', { __logs__: [{ a: 'b' }], __topic__: 't', __source__: 's' }],
  ['GET', '/logstores/L/consumergroups'],
  ['POST', '/logstores/L/consumergroups', { consumerGroup: 'g', timeout: 60, order: false }],
  ['POST', '/logstores/L/consumergroups/g?type=heartbeat&consumer=c', '[0]'],
  ['GET', '/dashboards?offset=0&size=10'],
  ['GET', '/savedsearches'],
  ['GET', '/jobs?jobType=Alert'],
  ['GET', '/tags?resourceType=project&resourceId=%5B%22P%22%5D'],
  ['GET', '/policy'],
  ['GET', '/weir/v1/projects'],
  ['POST', '/weir/v1/query', { project: 'P', logstore: 'L', query: '*' }],
  ['POST', '/weir/v1/query', { project: 'P', logstore: 'L', query: '* | SELECT count(*)' }],
  ['GET', '/weir/v1/keys'],
  ['POST', '/weir/v1/keys', { name: 'more', permissions: [{ project: 'P', level: 'admin' }] }],
  ['GET', '/weir/v1/audit?limit=10'],
  ['GET', '/weir/v1/ledger'],
  ['GET', '/weir/v1/store-check'],
  ['GET', '/weir/v1/flow-logs'],
  ['GET', '/weir/v1/agents'],
  ['POST', '/weir/v1/explain', { eni: 'eni-a', packet: {} }],
  ['POST', '/weir/v1/records?project=P&logstore=L&flowLog=f&run=r&number=0', '{}'],
  ['GET', '/healthz'],
  ['GET', '/metrics'],
]

const oddTexts = [
  '',
  '..',
  '%2e%2e',
  '../vault/secret',
  '..%2fvault%2fsecret',
  'vault',
  'vault/secret',
  'mine%00vault',
  '*',
  '%',
  '%zz',
  '-1',
  '0',
  '9'.repeat(40),
  'NaN',
  '1e999',
  '\u0000',
  '\u00e9\ud83d\ude00',
  "' OR 1=1 --",
  '"; SELECT * FROM vault.secret',
  '{"$ne":1}',
  '[]',
  'null',
  '__proto__',
  'a'.repeat(5000),
]
const headerNames = [
  'x-log-apiversion',
  'x-log-bodyrawsize',
  'x-log-compresstype',
  'x-log-signaturemethod',
  'content-type',
  'content-md5',
  'accept-encoding',
  'x-acs-action',
  'x-forwarded-for',
  'x-forwarded-host',
  'date',
  'expect',
  'range',
  'transfer-encoding',
  'authorization',
  'host',
  'connection',
  'content-encoding',
]
const headerValues = [
  'lz4',
  'zstd',
  'gzip',
  'chunked',
  '0.6.0',
  '0.4.0',
  'application/json',
  'application/x-protobuf',
  'text/plain; charset=\u00ff',
  '100-continue',
  'close',
  'bytes=0-10',
  'vault.localhost',
  'DescribeFlowLogs',
]

/** A request to one of the routes, for the caller's own project and store or those of others. */
function draft(random: Random, { port }: Target): Draft {
  const [method, path, content] = pick(random, routes)
  const isOther = random(2) === 0
  const [project, logstore] = isOther
    ? (['vault', 'secret'] as const)
    : ([pick(random, ['mine', 'vault']), pick(random, ['own', 'secret'])] as const)
  const named = (text: string): string =>
    text.replaceAll(/\bL\b/g, logstore).replaceAll(/\bP\b/g, project)
  const host = random(8) === 0 ? `localhost:${port}` : `${project}.localhost:${port}`
  const text = typeof content === 'object' ? JSON.stringify(content) : (content ?? '')
  const body = Buffer.from(named(text))
  const headers: Record<string, string> = path.startsWith('/weir')
    ? {}
    : { 'x-log-apiversion': '0.6.0', 'x-log-bodyrawsize': String(body.length) }
  if (typeof content === 'object') headers['content-type'] = 'application/json'
  else if (body.length > 0) headers['content-type'] = 'application/x-protobuf'
  return { method, url: named(path), host, headers, body }
}

/** What a caller with a key may send: it will be signed. */
function mutateDraft(random: Random, request: Draft): void {
  const odd = () => pick(random, oddTexts)
  const mutations: (() => void)[] = [
    () => (request.method = pick(random, ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD'])),
    () => {
      const parts = request.url.split('/')
      parts[random(parts.length)] = encodeURI(odd())
      request.url = parts.join('/')
    },
    () => (request.url = request.url.replace(/=[^&]*/, `=${encodeURIComponent(odd())}`)),
    () => (request.url += `${request.url.includes('?') ? '&' : '?'}type=${encodeURI(odd())}`),
    () => (request.url = `http://vault.localhost${request.url}`),
    () =>
      (request.host = pick(random, ['vault.localhost', 'mine.vault.localhost', 'localhost', ''])),
    () => (request.headers[pick(random, headerNames.slice(0, 8))] = pick(random, headerValues)),
    () =>
      (request.body = Buffer.from(
        request.body.toString().replace(/"[^"]*"/, JSON.stringify(odd())),
      )),
    () => (request.body = Buffer.from(request.body.toString().replace(/\d+/, odd()))),
    () => (request.body = Buffer.from(Array.from({ length: random(300) }, () => random(256)))),
    () => (request.body = Buffer.from(`${'['.repeat(random(3000))}`)),
  ]
  for (let count = random(3); count >= 0; count--) pick(random, mutations)()
}

/** What is in a request that is written by hand: its lines and bytes are changed after it was signed. */
function mutateBytes(random: Random, bytes: Buffer): Buffer {
  const text = bytes.toString('latin1')
  const mutations: (() => string)[] = [
    () => text.slice(0, random(text.length)),
    () =>
      text.replace('\r\n', `\r\n${pick(random, headerNames)}: ${pick(random, headerValues)}\r\n`),
    () =>
      text.replace(
        /content-length: \d+/i,
        `content-length: ${pick(random, ['-1', '0', '5', '99999999999', '1, 2'])}`,
      ),
    () => text.replace('HTTP/1.1', pick(random, ['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', ''])),
    () => text.replace('\r\n\r\n', pick(random, ['\n\n', '\r\n \r\n', '\r\n'])),
    () => text + text,
    () => {
      const at = random(text.length)
      return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1)
    },
    () => {
      const at = random(text.length)
      return text.slice(0, at) + text.slice(random(text.length))
    },
  ]
  return Buffer.from(pick(random, mutations)(), 'latin1')
}

const printable = (value: string): string => value.replace(/[^\x20-\x7e\xa0-\xff]/g, '?')

/** A request as it goes over a socket. */
export function hostileRequest(random: Random, target: Target): Buffer {
  const request = draft(random, target)
  if (random(4) > 0) mutateDraft(random, request)
  const { method, body } = request
  const url = printable(request.url).replaceAll(' ', '%20')
  const host = printable(request.host)
  const headers = { ...request.headers }
  const signed = signLogService({ method, url, host, headers, body }, target.key, new Date())
  const all = { ...headers, ...signed, host, 'content-length': String(body.length) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${printable(value)}\r\n`)
  const head = `${method} ${url} HTTP/1.1\r\n${lines.join('')}connection: close\r\n\r\n`
  const whole = Buffer.concat([Buffer.from(head, 'latin1'), body])
  return random(3) === 0 ? mutateBytes(random, whole) : whole
}

const silenceMilliseconds = 3000

/** Everything the server says to these bytes until it closes the connection, or is silent for long. */
export function sendBytes(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.setTimeout(silenceMilliseconds, () => socket.destroy())
    socket.on('data', (part) => parts.push(part))
    socket.on('error', () => {}) // closed under what was being written
    socket.on('end', () => socket.end())
    socket.on('close', () => resolve(Buffer.concat(parts)))
    socket.write(bytes)
  })
}
