/** The Node client of today asks for logs, cursors and shards: `PORT KEY-ID SECRET v1|v4`. It cannot write (alibaba-api.md §0.9). */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import type * as Sls from '@alicloud/sls20201230'
import type * as OpenApi from '@alicloud/openapi-core'

// Both are CommonJS with a default export of their own.
const require = createRequire(import.meta.url)
const sls = require('@alicloud/sls20201230') as typeof Sls.default
const { $OpenApiUtil } = require('@alicloud/openapi-core') as typeof OpenApi

const [port, accessKeyId, accessKeySecret, signatureVersion] = process.argv.slice(2)
const config = new $OpenApiUtil.Config({
  accessKeyId: accessKeyId!,
  accessKeySecret: accessKeySecret!,
  endpoint: `localhost:${port}`,
  protocol: 'HTTP',
  regionId: 'cn-hangzhou',
  // It gives up after 3 seconds; a loaded machine may need longer for the first query of a server.
  readTimeout: 50_000,
  connectTimeout: 50_000,
  ...(signatureVersion === 'v4' ? { signatureVersion } : {}),
})
const client = new sls.default(config)
const [project, logstore] = ['my-proj', 'store-1']
const at = 1_700_000_000
const range = { from: at, to: at + 600 }

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
await assert.rejects(client.mergeShard(project, logstore, '3'), { code: 'ParameterInvalid' })
