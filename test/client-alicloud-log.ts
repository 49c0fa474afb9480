/** The older Node client, every method it has: from createProject to deleteProject, with logs written and read. */
import assert from 'node:assert/strict'
import { logClient, type LogRange, patient, refused } from './official-clients.ts'

const client = logClient()
const [project, logstore] = ['shop-logs', 'flow-log']
const at = 1_700_000_000

await refused(
  client.getProject(project),
  'ProjectNotExist',
  `The Project does not exist : ${project}`,
)
// "a 200 answer with an empty body must not carry Content-Type: application/json: @alicloud/log throws"
assert.equal(await client.createProject(project, { description: 'd' }), '')
const { projectName, description, status, region } = await client.getProject(project)
assert.deepEqual(
  [projectName, description, status, region],
  [project, 'd', 'Normal', 'cn-hangzhou'],
)
assert.equal(await client.createLogStore(project, logstore, { ttl: 7, shardCount: 2 }), '')
assert.equal(await client.updateLogStore(project, logstore, { ttl: 3650, shardCount: 2 }), '')
const { logstoreName, ttl, shardCount } = await client.getLogStore(project, logstore)
assert.deepEqual([logstoreName, ttl, shardCount], [logstore, 3650, 2])
// It sends logstoreName=&offset=&size= when they are unset.
const list = { count: 1, total: 1, logstores: [logstore] }
assert.deepEqual(await client.listLogStore(project), list)

const range: LogRange = [project, logstore, new Date(at * 1000), new Date((at + 120) * 1000)]
await refused(
  client.getIndexConfig(project, logstore),
  'IndexConfigNotExist',
  "index config doesn't exist",
)
await refused(
  client.getLogs(...range, {}, patient),
  'IndexConfigNotExist',
  'Logstore without index config',
)
const bytes = { type: 'long', alias: '', doc_value: true }
assert.equal(await client.createIndex(project, logstore, { keys: { bytes } }), '')
assert.deepEqual((await client.getIndexConfig(project, logstore))['keys'], { bytes })
const token = [' ', ',']
const line = { token, caseSensitive: false, chn: false }
const srcaddr = {
  type: 'text',
  alias: '',
  token,
  caseSensitive: false,
  chn: false,
  doc_value: true,
}
assert.equal(await client.updateIndex(project, logstore, { line, keys: { bytes, srcaddr } }), '')
const index = await client.getIndexConfig(project, logstore)
assert.deepEqual([index['line'], index['keys']], [line, { bytes, srcaddr }])

const posted = {
  logs: [
    { timestamp: at, content: { srcaddr: '10.0.0.1', bytes: '60', note: 'é 中' } },
    { timestamp: at + 90, timestampNsPart: 5, content: { srcaddr: '10.0.0.2', bytes: '1500' } },
  ],
  tags: [{ tag1: 'v' }],
  topic: 'tp',
  source: 'src2',
}
assert.equal(await client.postLogStoreLogs(project, logstore, posted), '')
// One log of the group has nanoseconds, so all have.
const about = { __topic__: 'tp', __source__: 'src2', '__tag__:tag1': 'v' }
const logs = [
  {
    ...about,
    __time__: `${at}`,
    __time_ns_part__: '0',
    srcaddr: '10.0.0.1',
    bytes: '60',
    note: 'é 中',
  },
  { ...about, __time__: `${at + 90}`, __time_ns_part__: '5', srcaddr: '10.0.0.2', bytes: '1500' },
]
assert.deepEqual(await client.getLogs(...range, {}, patient), logs)
assert.deepEqual(await client.getLogs(...range, { query: 'bytes > 60' }, patient), [logs[1]])
const query = '* | select srcaddr, sum(bytes) as b group by srcaddr order by srcaddr'
const row = { __time__: `${at}`, __source__: '' }
assert.deepEqual(await client.getLogs(...range, { query }, patient), [
  { ...row, srcaddr: '10.0.0.1', b: '60' },
  { ...row, srcaddr: '10.0.0.2', b: '1500' },
])
const sql = `select count(*) as c from "${logstore}" where __time__ >= ${at} and __time__ < ${at + 90}`
assert.deepEqual(await client.getProjectLogs(project, { query: sql }, patient), [
  { ...row, c: '1' },
])

const parts = (await client.getHistograms(...range, {}, patient)) as Record<string, unknown>[]
assert.deepEqual(
  parts,
  Array.from({ length: 60 }, (_, each) => ({
    from: at + 2 * each,
    to: at + 2 * each + 2,
    count: each === 0 || each === 45 ? 1 : 0,
    progress: 'Complete',
  })),
)
const none: LogRange = [project, 'none', range[2], range[3]]
await refused(
  client.getLogs(...none, {}, patient),
  'LogStoreNotExist',
  'logstore none does not exist',
)
await refused(
  client.postLogStoreLogs(project, 'none', posted),
  'LogStoreNotExist',
  'logstore none does not exist',
)

assert.equal(await client.deleteIndex(project, logstore), '')
assert.equal(await client.deleteLogStore(project, logstore), '')
await refused(
  client.getLogStore(project, logstore),
  'LogStoreNotExist',
  `logstore ${logstore} does not exist`,
)
// It sends a body with DELETE.
assert.equal(await client.deleteProject(project), '')
await refused(
  client.getProject(project),
  'ProjectNotExist',
  `The Project does not exist : ${project}`,
)
