/** The Node client of today asks for logs, cursors and shards. It cannot write (alibaba-api.md §0.9): the older one does. */
import assert from 'node:assert/strict'
import { logClient, refused, type Sls, sls, slsClient } from './official-clients.ts'

const client = slsClient()
const [project, logstore] = ['read-logs', 'store-1']
const at = 1_700_000_000
const range = { from: at, to: at + 600 }

const writer = logClient()
await writer.createProject(project, { description: '' })
await writer.createLogStore(project, logstore, { ttl: 3650, shardCount: 1 })
const token = [' ', ',']
const word = { type: 'text', token, caseSensitive: false, doc_value: true }
await writer.createIndex(project, logstore, {
  line: { token, caseSensitive: false },
  keys: { word },
})
await writer.postLogStoreLogs(project, logstore, {
  logs: [{ timestamp: at, content: { word: 'one' } }],
  topic: 'tp',
  source: 'src',
})

const log = { __time__: String(at), __topic__: 'tp', __source__: 'src', word: 'one' }
const { body: raw } = await client.getLogs(
  project,
  logstore,
  new sls.GetLogsRequest({ ...range, query: '*', line: 100, offset: 0, reverse: true, topic: '' }),
)
assert.deepEqual(raw, [log])

const query = '* | select count(1) as c, max(word) as "w*+"'
const row = { __time__: String(at), __source__: '', c: '1', 'w*+': 'one' }
const sql = await client.getLogs(project, logstore, new sls.GetLogsRequest({ ...range, query }))
assert.deepEqual(sql.body, [row])
const { body } = await client.getLogsV2(
  project,
  logstore,
  new sls.GetLogsV2Request({ ...range, query, line: 100, offset: 0, reverse: true, topic: '' }),
)
assert.deepEqual(body?.data, [row])
const { meta } = body!
assert.deepEqual(
  [meta?.progress, meta?.count, meta?.hasSQL, meta?.whereQuery, meta?.aggQuery, meta?.keys],
  ['Complete', 1, true, '*', query.slice(4), ['c', 'w*+']],
)
const { body: parts } = await client.getHistograms(
  project,
  logstore,
  new sls.GetHistogramsRequest({ ...range, query: 'word: one' }),
)
assert.deepEqual(parts?.[0]?.toMap(), { from: at, to: at + 10, count: 1, progress: 'Complete' })
assert.equal(parts?.length, 60)

const packed = await client.getLogs(
  project,
  logstore,
  new sls.GetLogsRequest({ ...range, query: '* | with_pack_meta' }),
)
const { __pack_id__: packId = '', __pack_meta__: packMeta = '' } = packed.body![0] as Record<
  string,
  string
>
const context = new sls.GetContextLogsRequest({ packId, packMeta, backLines: 10, forwardLines: 10 })
const { body: around } = await client.getContextLogs(project, logstore, context)
assert.deepEqual([around?.totalLines, around?.backLines, around?.forwardLines], [1, 0, 0])
assert.equal(around?.logs?.[0]?.['__index_number__'], '0')

const sqlOfProject = `select count(*) as c from ${logstore} where __time__ >= ${at} and __time__ < ${at + 1}`
const { body: counted } = await client.getProjectLogs(
  project,
  new sls.GetProjectLogsRequest({ query: sqlOfProject }),
)
assert.deepEqual(counted, [{ __time__: String(at), __source__: '', c: '1' }])

const first = new sls.GetCursorRequest({ from: 'begin' })
const { body: begin } = await client.getCursor(project, logstore, '0', first)
const cursorTime = new sls.GetCursorTimeRequest({ cursor: begin!.cursor! })
const { body: time } = await client.getCursorTime(project, logstore, '0', cursorTime)
assert.ok(Math.abs(Number(time?.cursorTime) - Date.now() / 1000) < 600)

const statuses = (shards: readonly Sls.Shard[] | undefined) =>
  shards?.map(({ shardID, status }) => [shardID, status])
assert.deepEqual(statuses((await client.listShards(project, logstore)).body), [[0, 'readwrite']])
const key = `7f${'0'.repeat(30)}`
const split = await client.splitShard(project, logstore, '0', new sls.SplitShardRequest({ key }))
assert.deepEqual(statuses(split.body), [
  [0, 'readonly'],
  [1, 'readwrite'],
  [2, 'readwrite'],
])
const merged = await client.mergeShard(project, logstore, '1')
assert.deepEqual(statuses(merged.body), [
  [3, 'readwrite'],
  [1, 'readonly'],
  [2, 'readonly'],
])
await refused(
  client.mergeShard(project, logstore, '3'),
  'ParameterInvalid',
  'can not merge the last shard',
)
await refused(
  client.splitShard(project, logstore, '0', new sls.SplitShardRequest({ key })),
  'ParameterInvalid',
  'invalid shard id. shard 0 is readonly',
)
await client.deleteProject(project, new sls.DeleteProjectRequest({}))
