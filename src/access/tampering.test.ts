/** What a stranger can make of a request that he saw, and what he sends without one (alibaba-api.md 3.2). */
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { WeirError } from '../base/errors.ts'
import { callerOf } from './caller.ts'
import { policyOf } from './policy.ts'
import { verifyLogService } from './access.ts'
import { assertSignedBody, type SignedRequest, signLogService } from './verify.ts'

const seed = Number(process.env['WEIR_SEED'] ?? 20261122)
const rounds = process.env['WEIR_LONG'] === undefined ? 2000 : 100_000
const now = Date.parse('2026-11-22T14:00:00Z')
const key = { id: 'testAK', secret: 'testSK' }
const keys = {
  secretOf(id: string): string {
    if (id === key.id) return key.secret
    throw new WeirError('InvalidAccessKeyId', id)
  },
  caller: (id: string) => callerOf(id, 'test', policyOf([]), {}),
}

interface Sent extends SignedRequest {
  readonly headers: Record<string, string>
  readonly body: Buffer
}

const accept = ({ body, ...request }: Sent): void => {
  verifyLogService(request, keys, now)
  assertSignedBody(request.headers, body)
}

const body = Buffer.from('{"description":"d","projectName":"my-proj"}')
const url = '/logstores/s-1?from=1&query=a%20%2B%20b%26c&reverse=true&topic='
const common = {
  'x-log-apiversion': '0.6.0',
  'x-log-bodyrawsize': String(body.length),
  'content-type': 'application/json',
}

function v4(): Sent {
  const host = 'my-proj.sls.test:18080'
  const own = signLogService(
    { method: 'POST', url, host, headers: common, body },
    key,
    new Date(now),
  )
  return { method: 'POST', url, body, headers: { ...common, host, ...own } }
}

/** Written out, not with the code that is tested. */
function v1(algorithm: 'sha1' | 'sha256', resource: string, more: Record<string, string>): Sent {
  const headers: Record<string, string> = {
    ...common,
    'x-log-signaturemethod': `hmac-${algorithm}`,
    'content-md5': createHash('md5').update(body).digest('hex').toUpperCase(),
    ...more,
  }
  const stringToSign =
    `POST\n${headers['content-md5']}\napplication/json\n${headers['date'] ?? headers['x-log-date']}\n` +
    `x-log-apiversion:0.6.0\nx-log-bodyrawsize:${body.length}\n` +
    `x-log-signaturemethod:hmac-${algorithm}\n${resource}`
  const signature = createHmac(algorithm, key.secret).update(stringToSign).digest('base64')
  return {
    method: 'POST',
    url,
    body,
    headers: { ...headers, authorization: `LOG testAK:${signature}` },
  }
}

const date = 'Sun, 22 Nov 2026 14:00:00 GMT'
const resource = '/logstores/s-1?from=1&query=a + b&c&reverse=true&topic='
const signed: Record<string, () => Sent> = {
  'version 1, hmac-sha1': () => v1('sha1', resource, { date }),
  'version 1, hmac-sha256': () => v1('sha256', resource, { date }),
  'version 4': v4,
}

/**
 * What is signed: a change that leaves this alone is none. Version 1 signs decoded values, so it cannot tell
 * `a=1&b=2` from `a=1%26b%3D2`; who could change that on its way is kept out by TLS alone.
 */
function meaningOf({ method, url: sent, headers, body: bytes }: Sent): string {
  const [path, query = ''] = sent.split(/\?(.*)/s)
  const named = Object.entries(headers)
    .map(([name, value]) => `${name}:${value.trim()}`)
    .toSorted()
  const pairs = [...new URLSearchParams(query)].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const isV1 = headers['authorization']?.startsWith('LOG ') === true
  const query1 = isV1 ? pairs.map((pair) => pair.join('=')).join('&') : pairs
  return JSON.stringify([method, path, query1, named, bytes.toString('hex')])
}

for (const [name, make] of Object.entries(signed))
  test(`${name}: no changed byte is accepted, and every refusal has a code (seed ${seed})`, () => {
    const next = randomFrom(seed)
    const original = make()
    accept(original)
    const coded = new Map<string, number>()
    for (let round = 0; round < rounds; round++) {
      const changed = mutated(original, next)
      if (meaningOf(changed) === meaningOf(original)) continue
      try {
        accept(changed)
      } catch (error) {
        assert.ok(error instanceof WeirError, `${String(error)} of ${JSON.stringify(changed)}`)
        coded.set(error.code, (coded.get(error.code) ?? 0) + 1)
        continue
      }
      assert.fail(`accepted ${meaningOf(changed)}`)
    }
    assert.ok(coded.get('SignatureNotMatch')! > rounds / 3, JSON.stringify([...coded]))
  })

const unsigned = (name: string, isV4: boolean): boolean => name === 'host' && !isV4

function mutated(request: Sent, next: (below: number) => number): Sent {
  const change = (text: string): string => {
    const at = next(text.length + 1)
    const letter = String.fromCharCode(33 + next(next(4) === 0 ? 220 : 94))
    const kind = next(4)
    if (kind === 0) return text.slice(0, at) + letter + text.slice(at)
    if (kind === 1) return text.slice(0, at) + text.slice(at + 1)
    if (kind === 2)
      return text.slice(0, at) + `%${letter.charCodeAt(0).toString(16)}` + text.slice(at + 1)
    return text.slice(0, at) + letter + text.slice(at + 1)
  }
  const part = next(6)
  if (part === 0) return { ...request, method: change(request.method) }
  if (part <= 2) return { ...request, url: change(request.url) }
  if (part === 3)
    return { ...request, body: Buffer.from(change(request.body.toString('latin1')), 'latin1') }
  const isV4 = request.headers['authorization']!.startsWith('SLS4')
  const names = Object.keys(request.headers).filter((name) => !unsigned(name, isV4))
  const name = names[next(names.length)]!
  const { [name]: value = '', ...rest } = request.headers
  const kind = next(8)
  if (kind === 0) return { ...request, headers: rest }
  if (kind === 1)
    return { ...request, headers: { ...request.headers, [`x-log-${change('a')}`]: 'x' } }
  return { ...request, headers: { ...rest, [name]: change(value) } }
}

const refused = (request: Sent, code: string): void =>
  assert.throws(() => accept(request), { code })

test('"Parameter without value": `name=` for most, `name` for one; both are `name=` on the wire', () => {
  accept(v1('sha256', '/logstores/s-1?from=1&query=a + b&c&reverse=true&topic', { date }))
})

test('"Decode the query with + = space", and its order on the wire does not matter', () => {
  for (const make of Object.values(signed)) {
    const sent = make()
    accept({ ...sent, url: '/logstores/s-1?topic=&query=a+%2B+b%26c&from=1&reverse=true' })
    accept({ ...sent, url: '/logstores/s-1?topic=&query=a%20%2b%20b%26c&from=1&reverse=true' })
    refused(
      { ...sent, url: '/logstores/s-1?topic=&query=a+++b%26c&from=1&reverse=true' },
      notMatched,
    )
    refused({ ...sent, url: sent.url.replace('s-1', 's%2D1') }, notMatched)
  }
})
const notMatched = 'SignatureNotMatch'

test('a parameter cannot be hidden in the name of another', () => {
  for (const make of Object.values(signed)) {
    const sent = make()
    refused({ ...sent, url: sent.url.replace('from=1', 'from%3D1') }, notMatched)
    refused({ ...sent, url: sent.url.replace('reverse=true&', 'reverse%3Dtrue%26') }, notMatched)
  }
})

test('x-log-date, which version 1 does not sign, makes no old request new', () => {
  const old = v1('sha1', resource, { date: 'Sun, 22 Nov 2026 13:00:00 GMT' })
  refused(old, 'RequestTimeTooSkewed')
  refused({ ...old, headers: { ...old.headers, 'x-log-date': date } }, 'RequestTimeTooSkewed')
  accept(v1('sha1', resource, { 'x-log-date': date }))
})

test('in version 4 the day of the credential is that of the date', () => {
  const sent = v4()
  const authorization = sent.headers['authorization']!.replace('20261122', '20261121')
  refused({ ...sent, headers: { ...sent.headers, authorization } }, notMatched)
})

test('a body that no hash names: only version 4 may sign the hash of nothing', () => {
  const noMd5 = v1('sha1', resource, { date, 'content-md5': '' })
  accept({ ...noMd5, body: Buffer.alloc(0) })
  refused(noMd5, notMatched)
  const host = 'h'
  const empty = { method: 'POST', url, host, headers: common, body: Buffer.alloc(0) }
  const headers = { ...common, host, ...signLogService(empty, key, new Date(now)) }
  accept({ method: 'POST', url, headers, body })
  assert.throws(() => assertSignedBody(headers, body, true), { code: notMatched })
})

test(`authorizations made of rubbish are refused with a code (seed ${seed})`, () => {
  const next = randomFrom(seed)
  const bits = [
    'LOG ',
    'SLS4-HMAC-SHA256 ',
    'Credential=',
    'Signature=',
    'testAK',
    ':',
    '/',
    ',',
    '=',
  ]
  bits.push('20261122', 'sls/aliyun_v4_request', 'cn-hangzhou', '\u00ff', ' ', '%', '0'.repeat(64))
  for (let round = 0; round < rounds; round++) {
    let authorization = ''
    for (let count = next(14); count >= 0; count--) authorization += bits[next(bits.length)]!
    const sent = { ...v4(), body }
    assert.throws(
      () => accept({ ...sent, headers: { ...sent.headers, authorization } }),
      (error) =>
        error instanceof WeirError &&
        [
          'Unauthorized',
          'SignatureNotMatch',
          'InvalidAccessKeyId',
          'MissAccessKeyId',
          'MissingSignatureMethod',
        ].includes(error.code),
      authorization,
    )
  }
})
