/** Codes of alibaba-api.md §3.9 that no other test meets, as they travel. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureOf, project, startDataService } from '../../../test/log-data.ts'
import { startLogService } from '../../../test/log-service-server.ts'
import { WeirError } from '../../base/errors.ts'
import { ConsumerGroups } from '../../log-service/log-service.ts'
import { consumerGroupRoutes } from './consumer-group-routes.ts'
import { logServiceError } from './errors.ts'

test('consumer groups: "ShardNotExist (404 on UpdateCheckPoint)", JsonInfoInvalid, InvalidShardCheckPoint', async (t) => {
  const { ask, store } = await startLogService(t, (store) => ({
    routes: consumerGroupRoutes(new ConsumerGroups(store, () => Promise.resolve(false))),
  }))
  store.createProject(project, { description: '' })
  store.createLogstore(project, 'store-1', { columns: [], ttlDays: 7, openColumns: true })
  const groups = '/logstores/store-1/consumergroups'
  const send = async (url: string, body: object) => {
    const answer = await ask({ method: 'POST', url: `${groups}${url}`, project, body })
    return answer.status === 200 ? answer.json : failureOf(answer)
  }
  assert.equal(await send('', { consumerGroup: 'cg', timeout: 30, order: false }), undefined)
  const beat = '/cg?type=heartbeat&consumer=a'
  const noList = [400, 'JsonInfoInvalid', 'a heartbeat is a list of shard ids']
  assert.deepEqual(await send(beat, { shards: [] }), noList)
  assert.deepEqual(await send(beat, ['0']), noList)
  assert.deepEqual(await send(beat, []), [0])
  const point = (shard: unknown, checkpoint: unknown) =>
    send('/cg?type=checkpoint&consumer=a', { shard, checkpoint })
  const noPoint = [400, 'JsonInfoInvalid', 'a checkpoint has a shard id and a cursor']
  assert.deepEqual(await point('0', 'MQ=='), noPoint)
  assert.deepEqual(await point(0, 1), noPoint)
  assert.deepEqual(await point(9, 'MQ=='), [404, 'ShardNotExist', 'shard 9 not exist'])
  const noCursor = [400, 'InvalidShardCheckPoint', 'shard checkpoint not encoded by base64']
  assert.deepEqual(await point(0, 'not a cursor'), noCursor)
  assert.equal(await point(0, 'MQ=='), undefined)
  const unknown = await ask({ url: `${groups}/cg?shard=9`, project })
  assert.deepEqual(failureOf(unknown), [400, 'ShardNotExist', 'shard 9 not exist'])
})

test('InvalidQueryString: a query that is no text', async (t) => {
  const { ask, createLogstore } = await startDataService(t)
  await createLogstore('store-1')
  for (const query of [5, { search: '*' }, ['*'], true]) {
    const body = { from: 1_700_000_000, to: 1_700_000_060, query }
    const answer = await ask({ method: 'POST', url: '/logstores/store-1/logs', project, body })
    assert.deepEqual(failureOf(answer), [400, 'InvalidQueryString', 'the query is not a text'])
  }
})

const skip = process.env['WEIR_LONG'] === '1' ? false : 'not run: a thousand logstores take seconds'

test('ProjectQuotaExceed: a thousand logstores', { skip }, async (t) => {
  const { ask, store } = await startLogService(t)
  store.createProject(project, { description: '' })
  for (let i = 0; i < 1000; i++)
    store.createLogstore(project, `store-${i}`, { columns: [], ttlDays: 7, openColumns: true })
  const body = { logstoreName: 'one-more', ttl: 7, shardCount: 1 }
  const answer = await ask({ method: 'POST', url: '/logstores', project, body })
  assert.deepEqual(failureOf(answer), [400, 'ProjectQuotaExceed', 'Project Quota Exceed.'])
})

test('ServerBusy: 503, which the Python client repeats', () => {
  const { status, headers, body } = logServiceError(new WeirError('DataDirLocked', 'busy'), 'A')
  assert.deepEqual([status, headers['retry-after'], body.errorCode], [503, '1', 'ServerBusy'])
})
