/** The Node client of today: consumer groups, web tracking, and the two calls that it cannot make. */
import assert from 'node:assert/strict'
import { logClient, refused, sls, slsClient } from './official-clients.ts'

const client = slsClient()
const [project, logstore, group] = ['group-logs', 'store-1', 'cg-1']
await client.createProject(new sls.CreateProjectRequest({ projectName: project, description: '' }))
await client.createLogStore(
  project,
  new sls.CreateLogStoreRequest({
    logstoreName: logstore,
    ttl: 7,
    shardCount: 2,
    enableTracking: true,
  }),
)

const made = new sls.CreateConsumerGroupRequest({ consumerGroup: group, timeout: 30, order: true })
await client.createConsumerGroup(project, logstore, made)
// "Python relies on this code"
await refused(
  client.createConsumerGroup(project, logstore, made),
  'ConsumerGroupAlreadyExist',
  `consumer group ${group} already exist`,
)
const groups = async () =>
  (await client.listConsumerGroup(project, logstore)).body?.map((each) => each.toMap())
assert.deepEqual(await groups(), [{ name: group, timeout: 30, order: true }])
await client.updateConsumerGroup(
  project,
  logstore,
  group,
  new sls.UpdateConsumerGroupRequest({ timeout: 60, order: false }),
)
assert.deepEqual(await groups(), [{ name: group, timeout: 60, order: false }])

const heartbeat = async (consumer: string, body: number[]) => {
  const request = new sls.ConsumerGroupHeartBeatRequest({ consumer, body })
  const { body: shards } = await client.consumerGroupHeartBeat(project, logstore, group, request)
  return shards?.toSorted()
}
assert.deepEqual(await heartbeat('c1', []), [0, 1])
assert.deepEqual(await heartbeat('c2', []), [])
// c1 gives one up, and once it says so c2 has it.
const [kept] = (await heartbeat('c1', [0, 1]))!
assert.deepEqual(await heartbeat('c1', [kept!]), [kept])
assert.deepEqual(await heartbeat('c2', []), [1 - kept!])

const checkpoints = async (shard?: number) => {
  const request = new sls.GetCheckPointRequest(shard === undefined ? {} : { shard })
  const { body } = await client.getCheckPoint(project, logstore, group, request)
  return body?.map(({ shard: of, checkpoint, consumer }) => [of, checkpoint, consumer])
}
// "For a shard without a checkpoint answer an entry with checkpoint \"\""
assert.deepEqual(await checkpoints(), [
  [0, '', ''],
  [1, '', ''],
])
const first = new sls.GetCursorRequest({ from: 'begin' })
const { cursor = '' } = (await client.getCursor(project, logstore, String(kept), first)).body!
const point = { shard: kept!, checkpoint: cursor, consumer: 'c1', forceSuccess: false }
await client.consumerGroupUpdateCheckPoint(
  project,
  logstore,
  group,
  new sls.ConsumerGroupUpdateCheckPointRequest(point),
)
assert.deepEqual(await checkpoints(kept), [[kept, cursor, 'c1']])
await client.deleteConsumerGroup(project, logstore, group)
assert.deepEqual(await groups(), [])
await refused(
  client.deleteConsumerGroup(project, logstore, group),
  'ConsumerGroupNotExist',
  `consumer group ${group} not exist`,
)

const line = new sls.IndexLine({ token: [' '], caseSensitive: false })
const click = new sls.IndexKey({ type: 'text', token: [' '], caseSensitive: false, docValue: true })
const index = new sls.Index({ line, keys: { click } })
await client.createIndex(project, logstore, new sls.CreateIndexRequest({ body: index }))
const tracked = { topic: 'tp', source: 'browser', tags: { page: '/' }, logs: [{ click: 'buy' }] }
await client.putWebtracking(project, logstore, new sls.PutWebtrackingRequest(tracked))
const now = Math.floor(Date.now() / 1000)
const range = { from: now - 300, to: now + 300 }
const { body: found } = await client.getLogs(
  project,
  logstore,
  new sls.GetLogsRequest({ ...range, query: 'click: buy' }),
)
assert.equal(found?.length, 1)
const { __time__: time, ...tracking } = found![0] as Record<string, string>
assert.ok(Math.abs(Number(time) - now) < 300)
const about = { __topic__: 'tp', __source__: 'browser', '__tag__:page': '/' }
assert.deepEqual(tracking, { ...about, click: 'buy' })

// "cannot PutLogs at all ... it throws before sending; PullLogs goes to the bare endpoint without project"
const log = new sls.LogItem({ time: now, contents: [new sls.LogContent({ key: 'a', value: 'b' })] })
const body = new sls.LogGroup({ topic: '', source: '', logItems: [log], logTags: [] })
const writing = client.putLogs(project, logstore, new sls.PutLogsRequest({ body }))
await assert.rejects(writing, (error: Error & { code?: string }) => error.code === undefined)
const pulling = new sls.PullLogsRequest({ cursor, count: 10 })
await assert.rejects(client.pullLogs(project, logstore, String(kept), pulling), {
  code: 'ParameterInvalid',
})
await logClient().deleteProject(project)
