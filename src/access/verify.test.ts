import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { WeirError } from '../base/errors.ts'
import { callerOf } from './caller.ts'
import { policyOf } from './policy.ts'
import { verifyLogService } from './access.ts'
import { assertSignedBody, type SignedRequest, signLogService } from './verify.ts'

const policy = policyOf([{ project: '*', level: 'admin' }])
const keys = {
  secretOf(id: string): string {
    if (id === 'testAK') return 'testSK'
    throw new WeirError('InvalidAccessKeyId', id)
  },
  caller: (id: string) => callerOf(id, 'test', policy, {}),
}
/** A line of headers each, as in the reference. */
const headersOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => {
        const cut = line.indexOf(': ')
        return [line.slice(0, cut).trim().toLowerCase(), line.slice(cut + 2)]
      }),
  )

/** The captured requests of alibaba-api.md 3.2, with the moment of each and the body that was signed. */
const vectors: Record<string, { at: string; request: SignedRequest; body: Buffer }> = {
  'a: hmac-sha256, a body without content-length': {
    at: '2026-11-22T14:00:57Z',
    body: Buffer.from('{"description":"d","projectName":"my-proj"}'),
    request: {
      method: 'POST',
      url: '/',
      headers: headersOf(`accept: application/json
        host: sls.test:18080
        x-log-apiversion: 0.6.0
        content-type: application/json
        x-log-bodyrawsize: 43
        x-log-signaturemethod: hmac-sha256
        date: Sun, 22 Nov 2026 14:00:57 GMT
        content-md5: 07CE634C3CA021B34113EF9351B2208E
        authorization: LOG testAK:SnNB0eSylpT6M79wCV2k1NIdtRKqsqSMBSiCSXTDOB0=`),
    },
  },
  'b: hmac-sha1, a path that ends in a question mark': {
    at: '2026-11-22T14:01:31Z',
    body: Buffer.from(
      '0a280880e2cfaa0612130a0773726361646472120831302e302e302e3112060a016e12013125050000001a027470220373726332090a0474616731120176',
      'hex',
    ),
    request: {
      method: 'POST',
      url: '/logstores/store-1/shards/lb?',
      headers: headersOf(`content-type: application/x-protobuf
        date: Sun, 22 Nov 2026 14:01:31 GMT
        x-log-apiversion: 0.6.0
        x-log-signaturemethod: hmac-sha1
        x-log-bodyrawsize: 62
        content-md5: 1DBAAD33C3DECDB6857D2E12BB9D66FF
        content-length: 62
        authorization: LOG testAK:wOugXKjfKzCd7uNSwIpRmaRpEek=
        host: my-proj.sls.test:18080`),
    },
  },
  'c: hmac-sha1, lz4, and x-log-date that is not signed': {
    at: '2026-11-22T14:02:37Z',
    body: Buffer.from(
      'f0300a2c0880e2cfaa0612130a0773726361646472120831302e302e302e31120a0a05627974657312013125009fe4161a027470220373726332060a016b120176',
      'hex',
    ),
    request: {
      method: 'POST',
      url: '/logstores/store-1/shards/lb',
      headers: headersOf(`x-log-bodyrawsize: 63
        content-type: application/x-protobuf
        x-log-compresstype: lz4
        content-length: 65
        x-log-apiversion: 0.6.0
        host: my-proj.sls.test
        x-log-signaturemethod: hmac-sha1
        date: Sun, 22 Nov 2026 14:02:37 GMT
        content-md5: 91A0974A8EDD9DE01A8FEDE807992362
        authorization: LOG testAK:TXNSOtuBoC7GGAy6+twm5UKjHD0=
        x-log-date: Sun, 22 Nov 2026 14:02:37 GMT`),
    },
  },
  'v4: the list of signed headers is not sent': {
    at: '2026-11-22T14:00:58Z',
    body: Buffer.from(
      '{"autoSplit":true,"logstoreName":"store-1","maxSplitShard":64,"shardCount":2,"ttl":7}',
    ),
    request: {
      method: 'POST',
      url: '/logstores',
      headers: headersOf(`accept: application/json
        host: my-proj.sls.test:18080
        x-log-apiversion: 0.6.0
        content-type: application/json
        x-log-bodyrawsize: 85
        x-log-date: 20261122T140058Z
        x-log-content-sha256: 5f55176e181c06ca0db3e7dcc687c89a6196512dd11854f294a4505b0186f0b5
        authorization: SLS4-HMAC-SHA256 Credential=testAK/20261122/cn-hangzhou/sls/aliyun_v4_request,Signature=23903e636f5c5854e5af1e9c26dec0ccbfd4b3fae91e9a38a7d72498ef4d7135`),
    },
  },
}

const verify = (request: SignedRequest, at: string, later = 0): string =>
  verifyLogService(request, keys, Date.parse(at) + later).keyId

for (const [name, { at, request, body }] of Object.entries(vectors))
  test(`vector ${name}`, () => {
    assert.equal(verify(request, at), 'testAK')
    assertSignedBody(request.headers, body, true)
    assert.throws(() => assertSignedBody(request.headers, Buffer.from('other')), {
      code: 'SignatureNotMatch',
    })
  })

test('"Clock skew: 15 minutes either way"', () => {
  const quarter = 15 * 60_000
  for (const { at, request } of Object.values(vectors)) {
    assert.equal(verify(request, at, quarter), 'testAK')
    assert.equal(verify(request, at, -quarter), 'testAK')
    for (const later of [quarter + 1000, -quarter - 1000])
      assert.throws(() => verify(request, at, later), {
        code: 'RequestTimeTooSkewed',
        message: 'Request time exceeds server time more than 15 minutes.',
      })
  }
})

test('whatever was signed cannot be changed', () => {
  const seed = Number(process.env['WEIR_SEED'] ?? 20261122)
  console.log(`seed ${seed}`)
  const next = randomFrom(seed)
  const signed = /^(content-md5|content-type|date|host|x-log-(?!date)|x-acs-|authorization)/
  let tried = 0
  for (const { at, request } of Object.values(vectors)) {
    const isV4 = request.headers.authorization!.startsWith('SLS4')
    for (let round = 0; round < 500; round++) {
      const names = Object.keys(request.headers).filter(
        (name) =>
          signed.test(name) &&
          (isV4 || name !== 'host') &&
          !(name === 'date' && (isV4 || request.headers['x-log-date'] !== undefined)),
      )
      const which = next(names.length + 2)
      const change = (text: string): string => {
        const at = next(text.length + 1)
        const letter = String.fromCharCode(33 + next(94))
        return next(2) === 0
          ? text.slice(0, at) + letter + text.slice(at)
          : text.slice(0, at) + letter + text.slice(at + 1)
      }
      const name = names[which]
      const changed =
        which === names.length
          ? { ...request, url: request.url.replace(/\?$/, '') + '/' + change('x') }
          : which === names.length + 1
            ? { ...request, method: 'PUT' }
            : {
                ...request,
                headers: { ...request.headers, [name!]: change(String(request.headers[name!])) },
              }
      if (JSON.stringify(changed) === JSON.stringify(request)) continue
      tried++
      try {
        verify(changed, at)
        assert.fail(`accepted: ${JSON.stringify(changed)}`)
      } catch (error) {
        assert.ok(error instanceof WeirError, String(error))
      }
    }
  }
  assert.ok(tried > 1500)
})

test('version 1: "Python adds x-log-date after signing"; "exclude x-log-meta-*"', () => {
  const { at, request } = vectors['c: hmac-sha1, lz4, and x-log-date that is not signed']!
  const more = { ...request.headers, 'x-log-meta-a': 'b' }
  assert.equal(verify({ ...request, headers: more }, at), 'testAK')
})

test('version 4: values that a client leaves unescaped, as one does', () => {
  const now = new Date('2026-11-22T14:00:00Z')
  const url = `/logstores/s?query=${encodeURIComponent("* | select count(1) as c, 'x*y'")}&type=log&empty=`
  const host = 'p.sls.test'
  const headers = { 'x-log-apiversion': '0.6.0' }
  const request = { method: 'GET', url, host, headers, body: Buffer.alloc(0) }
  const own = signLogService(request, { id: 'testAK', secret: 'testSK' }, now)
  const sent = { method: 'GET', url, headers: { host, ...headers, ...own } }
  assert.equal(verifyLogService(sent, keys, now.getTime()).keyId, 'testAK')
  // A plus is a space, for the one who verifies as for the one who signed.
  const plus = { ...sent, url: url.replaceAll('%20', '+') }
  assert.equal(verifyLogService(plus, keys, now.getTime()).keyId, 'testAK')
})

test('what is wrong is said by its code', () => {
  const { at, request } = vectors['b: hmac-sha1, a path that ends in a question mark']!
  const code = (change: Record<string, string | undefined>, wanted: string): void => {
    const headers = Object.fromEntries(
      Object.entries({ ...request.headers, ...change }).filter(([, value]) => value !== undefined),
    )
    assert.throws(() => verify({ ...request, headers }, at), { code: wanted }, wanted)
  }
  code({ authorization: undefined }, 'Unauthorized')
  code({ authorization: 'Basic abc' }, 'Unauthorized')
  code({ authorization: 'LOG testAK' }, 'Unauthorized')
  code({ authorization: 'LOG :wOugXKjfKzCd7uNSwIpRmaRpEek=' }, 'MissAccessKeyId')
  code({ authorization: 'LOG other:wOugXKjfKzCd7uNSwIpRmaRpEek=' }, 'InvalidAccessKeyId')
  code({ authorization: 'LOG testAK:AAAA' }, 'SignatureNotMatch')
  code({ 'x-log-signaturemethod': undefined }, 'MissingSignatureMethod')
  code({ 'x-log-signaturemethod': 'hmac-md5' }, 'InvalidSignatureMethod')
  code({ date: undefined }, 'MissingDate')
  code({ date: 'yesterday' }, 'InvalidDateFormat')
  const v4 = vectors['v4: the list of signed headers is not sent']!
  const own = v4.request.headers
  const sent = (authorization: string) => () =>
    verify({ ...v4.request, headers: { ...own, authorization } }, v4.at)
  for (const text of [
    '',
    ' ',
    ' Credential=,Signature=',
    ' Credential=testAK/x/y/sls/aliyun_v4_request',
  ])
    assert.throws(sent(`SLS4-HMAC-SHA256${text}`), { code: 'Unauthorized' }, text)
})
