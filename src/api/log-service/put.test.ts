/** Logs that are put, through a listening server and a real log store (alibaba-api.md 3.3, 3.5). */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { compressSync } from 'lz4-napi'
import { type Answer, failureOf, project, startDataService } from '../../../test/log-data.ts'
import { randomFrom } from '../../../test/random-from.ts'
import { encodeLogGroup } from '../../log-group/log-group.ts'

const at = 1_700_000_000
const path = '/logstores/store-1'

type Row = Readonly<Record<string, string>>

async function startPut(
  t: TestContext,
  options: { shardCount?: number; appendMeta?: boolean; enable_tracking?: boolean } = {},
) {
  const server = await startDataService(t)
  await server.createLogstore('store-1', options)
  const rows = async (from = at, to = at + 1000): Promise<Row[]> => {
    const body = { from, to, query: '' }
    const { json } = await server.ok({ method: 'POST', url: `${path}/logs`, body })
    return (json as { data: Row[] }).data
  }
  const send = (body: Buffer, headers: Row = {}, url = `${path}/shards/lb`): Promise<Answer> =>
    server.ask({
      method: 'POST',
      url,
      project,
      body,
      headers: { 'content-type': 'application/x-protobuf', ...headers },
    })
  return { ...server, rows, send }
}

const group = (contents: Row, tags: readonly [string, string][] = []) => ({
  topic: 'tp',
  source: 'src',
  tags,
  logs: [{ time: at, contents: Object.entries(contents) }],
})
const about = { __time__: String(at), __topic__: 'tp', __source__: 'src' }

test('PutLogs answers with nothing once the logs are durable; appendMeta tells each when it came, and whence', async (t) => {
  const { rows, send } = await startPut(t, { appendMeta: true })
  const second = Math.floor(Date.now() / 1000)
  const { status, headers, body } = await send(encodeLogGroup(group({ a: '1' }, [['k', 'v']])))
  assert.deepEqual([status, body.length, headers['content-type']], [200, 0, undefined])
  const [row] = await rows()
  const { '__tag__:__receive_time__': came, ...rest } = row!
  assert.ok(Number(came) >= second && Number(came) <= second + 60, came)
  assert.deepEqual(rest, {
    ...about,
    a: '1',
    '__tag__:k': 'v',
    '__tag__:__client_ip__': '127.0.0.1',
  })
  const empty = encodeLogGroup({ topic: '', source: '', tags: [], logs: [] })
  assert.equal((await send(empty)).status, 200)
})

// alibaba-api.md 3.2, vector (c): Python's body, lz4
test('a captured body of Python is the log that was sent', async (t) => {
  const { rows, send } = await startPut(t)
  const body =
    'f0300a2c0880e2cfaa0612130a0773726361646472120831302e302e302e31120a0a05627974657312013125009fe4161a027470220373726332060a016b120176'
  const headers = { 'x-log-compresstype': 'lz4', 'x-log-bodyrawsize': '63' }
  assert.equal((await send(Buffer.from(body, 'hex'), headers)).status, 200)
  const sent = { srcaddr: '10.0.0.1', bytes: '1', '__tag__:k': 'v', __time_ns_part__: '384081664' }
  assert.deepEqual(await rows(), [{ ...about, ...sent }])
})

test('a hash key chooses the shard', async (t) => {
  const { ok, sealed, send } = await startPut(t, { shardCount: 2 })
  const half = `8${'0'.repeat(31)}`
  const route = (key: string) => `${path}/shards/route?key=${key}`
  for (const key of [half, 'F'.repeat(32), `7${'f'.repeat(31)}`])
    assert.equal((await send(encodeLogGroup(group({ key })), {}, route(key))).status, 200)
  await sealed()
  const count = async (shard: number) => {
    const { json } = await ok({ url: `${path}/shards/${shard}?type=cursor&from=begin` })
    const { cursor } = json as { cursor: string }
    const url = `${path}/shards/${shard}?type=logs&cursor=${encodeURIComponent(cursor)}`
    return (await ok({ url })).headers['x-log-rawdatacount']
  }
  assert.deepEqual([await count(0), await count(1)], ['1', '2'])
  const bad = await send(encodeLogGroup(group({ a: '1' })), {}, route('xyz'))
  assert.deepEqual(failureOf(bad), [400, 'ParameterInvalid', 'invalid hash key'])
})

test('web tracking: a list of logs, one log in a URL, and a picture; without a signature, where it is enabled', async (t) => {
  const { ask, createLogstore, rows } = await startPut(t, { enable_tracking: true })
  const plain = { project, plain: true } as const
  const now = Math.floor(Date.now() / 1000)
  const body = {
    __topic__: 'web',
    __source__: 'page',
    __tags__: { os: 'x' },
    __logs__: [{ a: '1', n: 2, nothing: null, list: [1, 'b'] }],
  }
  const list = await ask({ ...plain, method: 'POST', url: `${path}/track`, body })
  assert.deepEqual([list.status, list.body.length], [200, 0])
  const url = 'APIVersion=0.6.0&__topic__=u&a=b%20c&d='
  assert.equal((await ask({ ...plain, url: `${path}/track?${url}` })).status, 200)
  const headers = { 'user-agent': 'Agent/1', referer: 'http://page.test/' }
  for (const name of ['track.gif', 'track_ua.gif']) {
    const picture = await ask({ ...plain, url: `${path}/${name}?${url}`, headers })
    assert.deepEqual([picture.status, picture.headers['content-type']], [200, 'image/gif'])
    assert.deepEqual(picture.body.subarray(0, 10), Buffer.from('GIF89a\u0001\0\u0001\0', 'latin1'))
  }
  const found = await rows(now - 1, now + 600)
  const simple = { a: 'b c', d: '' }
  const web = { __topic__: 'u', __source__: '' }
  const agent = { __user_agent__: 'Agent/1', __referer__: 'http://page.test/' }
  const known = [
    { __source__: 'page', __topic__: 'web', '__tag__:os': 'x', a: '1', list: '[1,"b"]', n: '2' },
    { ...web, ...simple },
    { ...web, ...simple },
    { ...web, ...agent, ...simple },
  ]
  for (const row of found) {
    const { __time__: time, ...rest } = row
    assert.ok(Number(time) >= now && Number(time) < now + 600, time)
    const index = known.findIndex((each) => isDeepStrictEqual(rest, each))
    assert.notEqual(index, -1, JSON.stringify(rest))
    known.splice(index, 1)
  }
  assert.deepEqual(known, [])
  await createLogstore('closed')
  const closed = await ask({ ...plain, url: `/logstores/closed/track?${url}` })
  assert.deepEqual(failureOf(closed).slice(0, 2), [401, 'Unauthorized'])
  const bad = await ask({ ...plain, method: 'POST', url: `${path}/track`, body: { __logs__: 'x' } })
  assert.deepEqual(failureOf(bad), [400, 'PostBodyInvalid', '__logs__ is not a list of objects'])
  const version = await ask({ ...plain, url: `${path}/track?a=b` })
  assert.equal(failureOf(version)[1], 'InvalidAPIVersion')
})

const mutations = process.env['WEIR_LONG'] === undefined ? 300 : 10_000

test('bodies changed at random are stored or refused with a 4xx, and nothing else', async (t) => {
  const seed = Number(process.env['WEIR_SEED'] ?? 20_261_122)
  t.diagnostic(`WEIR_SEED=${seed}`)
  const random = randomFrom(seed)
  const { errors, rows, send } = await startPut(t)
  const good = encodeLogGroup({
    topic: 'tp',
    source: 's',
    tags: [['k', 'v']],
    logs: Array.from({ length: 8 }, (_, index) => ({
      time: at + index,
      timeNs: index,
      contents: [
        ['key', 'value'],
        ['n', String(index)],
        ['é', '中'],
      ],
    })),
  })
  for (let round = 0; round < mutations; round++) {
    const body = Buffer.from(good.subarray(0, random(4) === 0 ? random(good.length) : good.length))
    for (let change = random(4); change >= 0 && body.length > 0; change--)
      body[random(body.length)] = random(256)
    const kinds: [Buffer, Row][] = [
      [body, {}],
      [
        compressSync(body).subarray(4),
        { 'x-log-compresstype': 'lz4', 'x-log-bodyrawsize': String(body.length) },
      ],
      [body, { 'x-log-compresstype': 'lz4', 'x-log-bodyrawsize': String(random(5000)) }],
      [body, { 'x-log-compresstype': 'zstd', 'x-log-bodyrawsize': String(random(5000)) }],
    ]
    const [sent, headers] = kinds[random(kinds.length)]!
    const { status } = await send(sent, headers)
    assert.ok(status === 200 || (status >= 400 && status < 500), `round ${round}: ${status}`)
  }
  assert.deepEqual(errors, [])
  assert.equal((await send(good)).status, 200)
  assert.ok((await rows()).length >= 8)
})

test('web tracking of one address is limited, since nobody signs it', async (t) => {
  const { ask, createLogstore } = await startPut(t, { enable_tracking: true })
  await createLogstore('tracked', { enable_tracking: true })
  const asked = {
    project,
    plain: true,
    url: '/logstores/tracked/track?APIVersion=0.6.0&k=v',
  } as const
  const answers = await Promise.all(Array.from({ length: 300 }, () => ask(asked)))
  const refused = answers.filter(({ status }) => status !== 200)
  assert.ok(refused.length > 0 && refused.length < 300, `${refused.length} of 300`)
  for (const { status, headers, json } of refused) {
    const { errorCode } = json as { errorCode: string }
    assert.deepEqual([status, errorCode, headers['retry-after']], [403, 'ReadQuotaExceed', '1'])
  }
})
