import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signed, startServer, testKey } from '../../test/api-server.ts'

const quotaName = 'vpc_quota_flowlog_inst_nums_per_user'
const wanted = {
  resourceType: 'VPC',
  resourceId: 'vpc-shop',
  project: 'weir',
  logstore: 'flow-log',
} as const

async function send(url: string, method = 'GET', body?: unknown) {
  const response = await signed(url, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

test('30 creates at once: 10 are made, 20 are QuotaExceeded.Flowlog; a raised quota takes more', async (t) => {
  const { url, flowLogs } = await startServer(t)
  const create = () => send(`${url}/weir/v1/flow-logs`, 'POST', wanted)
  const answers = await Promise.all(Array.from({ length: 30 }, create))
  const codes = answers.map(({ status, body }) => (status === 200 ? 'made' : body['code']))
  assert.equal(codes.filter((code) => code === 'made').length, 10)
  assert.equal(codes.filter((code) => code === 'QuotaExceeded.Flowlog').length, 20)
  assert.equal(flowLogs.list().length, 10)
  // "To request a quota increase, go to the Quota Management page or Quota Center."
  const set = await send(`${url}/weir/v1/quotas/${quotaName}`, 'PUT', { value: 12 })
  const { at, ...quota } = set.body
  assert.equal(typeof at, 'number')
  const changed = { name: quotaName, account: '1', value: 12, used: 10, by: testKey.id }
  assert.deepEqual(quota, changed)
  const more = await Promise.all(Array.from({ length: 5 }, create))
  assert.equal(more.filter(({ status }) => status === 200).length, 2)
  const { body } = await send(`${url}/weir/v1/quotas`)
  assert.deepEqual(body, { quotas: [{ ...changed, used: 12, at }] })
  assert.equal((await send(`${url}/weir/v1/quotas/none`, 'PUT', { value: 12 })).status, 404)
  assert.equal((await send(`${url}/weir/v1/quotas/${quotaName}`, 'PUT', { value: -1 })).status, 400)
})

test('every change of a flow log can be listed with who and when, also when it is deleted', async (t) => {
  const { url } = await startServer(t)
  const made = await send(`${url}/weir/v1/flow-logs`, 'POST', wanted)
  const one = `${url}/weir/v1/flow-logs/${String(made.body['id'])}`
  await send(one, 'PATCH', { windowSeconds: 60 })
  await send(one, 'DELETE')
  const { body } = await send(`${one}/history`)
  const edits = body['edits'] as Record<string, unknown>[]
  assert.deepEqual(
    edits.map(({ version, by, did }) => [version, by, did]),
    [
      [1, testKey.id, 'create'],
      [2, testKey.id, 'modify'],
      [3, testKey.id, 'stop'],
      [4, testKey.id, 'delete'],
    ],
  )
  assert.deepEqual(edits[1]?.['before'], { windowSeconds: 600 })
  assert.deepEqual(edits[1]?.['after'], { windowSeconds: 60 })
  assert.equal((await send(`${url}/weir/v1/flow-logs/fl-none/history`)).status, 404)
})

test('prerequisites are shown; one that there is not is told', async (t) => {
  const { url } = await startServer(t)
  const path = `${url}/weir/v1/flow-log-prerequisites`
  assert.deepEqual((await send(path)).body, {
    prerequisites: ['activation', 'authorisation', 'logService'].map((name) => ({
      name,
      done: true,
    })),
  })
  assert.equal((await send(`${path}/authorisation`, 'PUT')).status, 200)
  assert.equal((await send(`${path}/none`, 'PUT')).status, 404)
})
