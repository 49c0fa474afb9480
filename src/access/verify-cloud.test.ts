/** The signatures of the cloud's APIs: the vectors of alibaba-api.md 2.3 and 2.4, and what a stranger makes of them. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { WeirError } from '../base/errors.ts'
import { type CloudRequest, Nonces, policyOf, verifyCloud } from './access.ts'
import { callerOf } from './caller.ts'
import { acs3Signature, acs3StringToSign } from './sign-acs3.ts'
import { rpcSignature, rpcStringToSign } from './sign-rpc.ts'

const keys = {
  secretOf(id: string): string {
    if (id === 'testAK') return 'testSK'
    throw new WeirError('InvalidAccessKeyId', id)
  },
  caller: (id: string) => callerOf(id, 'test', policyOf([]), {}),
}

interface Sent {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

function requestOf({ method, url, headers, body }: Sent): CloudRequest {
  const [path = '', query = ''] = url.split(/\?(.*)/s)
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
  return {
    method,
    path,
    query: new URLSearchParams(query),
    headers,
    body: Buffer.from(body),
    form: new URLSearchParams(isForm ? body : ''),
  }
}

const at = Date.parse('2026-11-22T14:04:31Z')
const verify = (sent: Sent, now = at, nonces = fresh()): string =>
  verifyCloud(requestOf(sent), keys, nonces, now).keyId
const fresh = (max?: number): Nonces => new Nonces(new DatabaseSync(':memory:'), max)

const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
/** Captured from the Node SDK. */
const acs3: Sent = {
  method: 'POST',
  url: '/?PageNumber=1&PageSize=20&RegionId=cn-hangzhou&Tags.1.Key=k&Tags.1.Value=v',
  headers: {
    host: '127.0.0.1:18080',
    'x-acs-version': '2016-04-28',
    'x-acs-action': 'DescribeFlowLogs',
    'user-agent': 'AlibabaCloud (linux; x64) Node.js/v20.20.2 Core/1.0.1 TeaDSL/2',
    'x-acs-date': '2026-11-22T14:04:31Z',
    'x-acs-signature-nonce': 'c0153617993d4df618911e8241b16c1f731c7749a89d5e066293472fed7224ba',
    accept: 'application/json',
    'x-acs-content-sha256': emptyHash,
    'x-acs-credentials-provider': 'static_ak',
    authorization:
      'ACS3-HMAC-SHA256 Credential=testAK,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-credentials-provider;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=daece7be0229989969408eeeae83ba8aaf3f031353cd8386a6fb4f02550464d9',
    'content-length': '0',
  },
  body: '',
}
const rpc: Sent = {
  method: 'GET',
  url: '/?AccessKeyId=testAK&Action=DescribeFlowLogs&Description=%E4%B8%AD%E6%96%87%20a%26b%3D%2A~%21%27%28%29&Format=JSON&PageSize=50&RegionId=cn-hangzhou&SignatureMethod=HMAC-SHA1&SignatureNonce=5e0da9e314a76fcb0ccfcec1235e28d8&SignatureVersion=1.0&Tags.1.Key=k&Tags.1.Value=v&Timestamp=2026-11-22T14%3A04%3A31Z&Version=2016-04-28&Signature=Y4DY4c3NtLAqzrTlDExHHLDBwkE%3D',
  headers: { host: '127.0.0.1:18080' },
  body: '',
}

/** A request of Terraform's shape: common parameters in the query, the others in the form. */
function terraform(): Sent {
  const common = new URLSearchParams({
    AccessKeyId: 'testAK',
    Action: 'CreateFlowLog',
    Format: 'json',
    SignatureMethod: 'HMAC-SHA1',
    SignatureNonce: 'n-1',
    SignatureType: '',
    SignatureVersion: '1.0',
    Timestamp: '2026-11-22T14:04:31Z',
    Version: '2016-04-28',
  })
  const form = new URLSearchParams([
    ['FlowLogName', 'a b+c*'],
    ['TrafficPath.1', 'all'],
  ])
  const stringToSign = rpcStringToSign('POST', [...common, ...form])
  common.set('Signature', rpcSignature(stringToSign, 'testSK'))
  return {
    method: 'POST',
    url: `/?${common.toString()}`,
    headers: { host: 'h', 'content-type': 'application/x-www-form-urlencoded' },
    body: String(form),
  }
}

/** The same as `acs3`, with a form. */
function acs3Form(signContentType = true): Sent {
  const body = 'FlowLogId=fl-1&RegionId=cn-hangzhou'
  const { authorization: _, 'content-length': _length, ...rest } = acs3.headers
  const headers = {
    ...rest,
    'content-type': 'application/x-www-form-urlencoded',
    'x-acs-content-sha256': createHash('sha256').update(body).digest('hex'),
  }
  const signedHeaders = Object.keys(headers)
    .filter(
      (name) =>
        name === 'host' ||
        name.startsWith('x-acs-') ||
        (signContentType && name === 'content-type'),
    )
    .toSorted()
  const query = new URLSearchParams()
  const signature = acs3Signature(
    acs3StringToSign({ method: 'POST', path: '/', query, headers, signedHeaders }),
    'testSK',
  )
  const authorization = `ACS3-HMAC-SHA256 Credential=testAK,SignedHeaders=${signedHeaders.join(';')},Signature=${signature}`
  return { method: 'POST', url: '/', headers: { ...headers, authorization }, body }
}

const signed = { acs3, rpc, terraform: terraform(), acs3Form: acs3Form() }

test('the captured requests of the reference are accepted', () => {
  for (const sent of Object.values(signed)) assert.equal(verify(sent), 'testAK')
  const { method, path, query, headers } = requestOf(acs3)
  const signedHeaders = /SignedHeaders=([^,]*)/.exec(acs3.headers['authorization']!)![1]!.split(';')
  assert.equal(
    acs3StringToSign({ method, path, query, headers, signedHeaders }),
    'ACS3-HMAC-SHA256\nb21a6b7b8e5b5be72aec624ead77f758a2b9c1a73a2421fa9e54061f53930427',
  )
})

test('"the wire carries a bare * but the signature is over %2A"; "+ means space"', () => {
  const plain = { ...rpc, url: rpc.url.replace('%2A', '*').replace('%20', '+') }
  assert.equal(verify(plain), 'testAK')
  const other = { ...rpc, url: rpc.url.replace('%20', '%2B') }
  assert.throws(() => verify(other), { code: 'SignatureNotMatch' })
})

test('"Timestamp window 15 minutes either way"', () => {
  const quarter = 15 * 60_000
  for (const sent of Object.values(signed)) {
    for (const later of [quarter, -quarter]) assert.equal(verify(sent, at + later), 'testAK')
    for (const later of [quarter + 1, -quarter - 1])
      assert.throws(() => verify(sent, at + later), {
        code: 'RequestTimeTooSkewed',
        message: 'Specified time stamp or date value is expired.',
      })
  }
})

test('"A nonce may not be reused within 15 minutes", by key, also after a restart', () => {
  const db = new DatabaseSync(':memory:')
  for (const sent of Object.values(signed)) {
    const isAcs3Form = sent === signed.acs3Form // it has the nonce of the other
    if (!isAcs3Form) assert.equal(verify(sent, at, new Nonces(db)), 'testAK')
    assert.throws(() => verify(sent, at + 60_000, new Nonces(db)), {
      code: 'SignatureNonceUsed',
      message: 'Specified signature nonce was used already.',
    })
  }
})

test('a nonce is kept for as long as its request would be taken', () => {
  const quarter = 15 * 60_000
  const nonces = fresh()
  assert.equal(verify(rpc, at - quarter, nonces), 'testAK')
  assert.throws(() => verify(rpc, at + quarter - 1, nonces), { code: 'SignatureNonceUsed' })
  nonces.use('testAK', 'n', 1000, 0)
  nonces.use('other', 'n', 1000, 0)
  assert.throws(() => nonces.use('testAK', 'n', 2000, 999), { code: 'SignatureNonceUsed' })
  nonces.use('testAK', 'n', 2000, 1000)
})

test('nonces are bounded for each key, and those that are over make room', () => {
  const nonces = fresh(3)
  for (const nonce of ['a', 'b', 'c']) nonces.use('one', nonce, 100_000, 0)
  assert.throws(() => nonces.use('one', 'd', 100_000, 50_000), { code: 'ReadQuotaExceed' })
  nonces.use('two', 'd', 100_000, 50_000)
  nonces.use('one', 'd', 200_000, 100_000)
})

test('what is wrong is said by its code', () => {
  const header = (sent: Sent, change: Record<string, string>): Sent => ({
    ...sent,
    headers: { ...sent.headers, ...change },
  })
  const query = (change: (query: URLSearchParams) => void): Sent => {
    const all = new URLSearchParams(rpc.url.slice(2))
    change(all)
    return { ...rpc, url: `/?${all.toString()}` }
  }
  const refused = (sent: Sent, code: string): void =>
    assert.throws(() => verify(sent), { code }, `${sent.url} ${JSON.stringify(sent.headers)}`)
  const names = ['AccessKeyId', 'Signature', 'SignatureNonce', 'SignatureMethod', 'Timestamp']
  for (const name of names)
    refused(
      query((all) => all.delete(name)),
      'MissingParameter',
    )
  refused(
    query((all) => all.set('SignatureMethod', 'HMAC-SHA256')),
    'InvalidSignatureMethod',
  )
  refused(
    query((all) => all.set('SignatureVersion', '2.0')),
    'InvalidSignatureMethod',
  )
  refused(
    query((all) => all.set('SignatureType', 'BEARERTOKEN')),
    'InvalidSignatureMethod',
  )
  refused(
    query((all) => all.set('Timestamp', '2026-11-22 14:04:31')),
    'InvalidDateFormat',
  )
  refused(
    query((all) => all.set('AccessKeyId', 'other')),
    'InvalidAccessKeyId',
  )
  refused(
    query((all) => all.set('AccessKeyId', 'a b')),
    'InvalidAccessKeyId',
  )
  refused(
    query((all) => all.append('PageSize', '51')),
    'SignatureNotMatch',
  )
  refused({ ...rpc, method: 'POST' }, 'SignatureNotMatch')
  for (const name of ['x-acs-action', 'x-acs-date', 'x-acs-version', 'host'])
    refused(header(acs3, { [name]: '' }), 'MissingParameter')
  refused(
    header(acs3, { authorization: 'ACS3-RSA-SHA256 Credential=testAK' }),
    'IncompleteSignature',
  )
  refused(header(acs3, { 'x-acs-action': 'DeleteFlowLog' }), 'SignatureNotMatch')
  refused({ ...acs3, body: 'x' }, 'IncompleteSignature')
  refused(acs3Form(false), 'IncompleteSignature')
  refused({ ...acs3Form(), body: 'FlowLogId=fl-2&RegionId=cn-hangzhou' }, 'SignatureNotMatch')
  const bare = acs3.headers['authorization']!.replace('x-acs-date;', '')
  refused(header(acs3, { authorization: bare }), 'IncompleteSignature')
  const odd = acs3.headers['authorization']!.replace('host;', 'constructor;host;')
  refused(header(acs3, { authorization: odd }), 'SignatureNotMatch')
  assert.throws(
    () => verify(query((all) => all.set('PageSize', '1'))),
    /server string to sign is:GET&%2F&AccessKeyId%3DtestAK%26Action/,
  )
})

const seed = Number(process.env['WEIR_SEED'] ?? 20261123)
const rounds = process.env['WEIR_LONG'] === undefined ? 2000 : 100_000

/** What is signed: a change that leaves this alone is none. */
function meaningOf(sent: Sent): string {
  const { method, path, query, form, body } = requestOf(sent)
  const isAcs3 = sent.headers['authorization'] !== undefined
  const byName = (pairs: Iterable<readonly [string, string]>) =>
    [...pairs].toSorted(([a], [b]) => (a < b ? -1 : 1))
  if (!isAcs3) return JSON.stringify([method, byName([...query, ...form])])
  const headers = Object.entries(sent.headers)
    .filter(([name]) => !unsigned.includes(name))
    .map(([name, value]) => [name, value.trim().replaceAll(', ', ',')])
    .toSorted(([a], [b]) => (a! < b! ? -1 : 1))
  return JSON.stringify([method, path || '/', byName(query), headers, body.toString('hex')])
}
const unsigned = ['user-agent', 'accept', 'content-length']

function mutated(sent: Sent, next: (below: number) => number): Sent {
  const change = (text: string): string => {
    const place = next(text.length + 1)
    const letter = String.fromCharCode(33 + next(next(4) === 0 ? 220 : 94))
    const kind = next(4)
    if (kind === 0) return text.slice(0, place) + letter + text.slice(place)
    if (kind === 1) return text.slice(0, place) + text.slice(place + 1)
    if (kind === 2)
      return text.slice(0, place) + `%${letter.charCodeAt(0).toString(16)}` + text.slice(place + 1)
    return text.slice(0, place) + letter + text.slice(place + 1)
  }
  const part = next(6)
  if (part === 0) return { ...sent, method: change(sent.method) }
  if (part <= 2) return { ...sent, url: change(sent.url) }
  if (part === 3) return { ...sent, body: change(sent.body) }
  const names = Object.keys(sent.headers)
  const name = names[next(names.length)]!
  const { [name]: value = '', ...rest } = sent.headers
  return { ...sent, headers: next(8) === 0 ? rest : { ...rest, [name]: change(value) } }
}

for (const [name, original] of Object.entries(signed))
  test(`${name}: no changed byte is accepted, and every refusal has a code (seed ${seed})`, () => {
    const next = randomFrom(seed)
    const codes = new Map<string, number>()
    const nonces = { use: () => {} }
    for (let round = 0; round < rounds; round++) {
      const changed = mutated(original, next)
      if (meaningOf(changed) === meaningOf(original)) continue
      try {
        verifyCloud(requestOf(changed), keys, nonces, at)
      } catch (error) {
        assert.ok(error instanceof WeirError, `${String(error)} of ${JSON.stringify(changed)}`)
        codes.set(error.code, (codes.get(error.code) ?? 0) + 1)
        continue
      }
      assert.fail(`accepted ${JSON.stringify(changed)}`)
    }
    assert.ok(codes.get('SignatureNotMatch')! > rounds / 10, JSON.stringify([...codes]))
  })
