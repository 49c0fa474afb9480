/** What the older Node client does with projects, logstores and indexes: `PORT KEY-ID SECRET`. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

interface Client {
  createProject(project: string, data: { description: string }): Promise<unknown>
  getProject(project: string): Promise<Record<string, unknown>>
  deleteProject(project: string): Promise<unknown>
  createLogStore(
    project: string,
    logstore: string,
    data: { ttl: number; shardCount: number },
  ): Promise<unknown>
  updateLogStore(
    project: string,
    logstore: string,
    data: { ttl: number; shardCount: number },
  ): Promise<unknown>
  getLogStore(project: string, logstore: string): Promise<Record<string, unknown>>
  listLogStore(project: string): Promise<unknown>
  deleteLogStore(project: string, logstore: string): Promise<unknown>
  createIndex(project: string, logstore: string, index: object): Promise<unknown>
  updateIndex(project: string, logstore: string, index: object): Promise<unknown>
  getIndexConfig(project: string, logstore: string): Promise<Record<string, unknown>>
  deleteIndex(project: string, logstore: string): Promise<unknown>
}

// The package has no types.
const Log = createRequire(import.meta.url)('@alicloud/log') as new (config: object) => Client
const [port, accessKeyId, accessKeySecret] = process.argv.slice(2)
const client = new Log({ accessKeyId, accessKeySecret, endpoint: `localhost:${port}` })
const [project, logstore] = ['shop-logs', 'flow-log']

await assert.rejects(client.getProject(project), {
  code: 'ProjectNotExist',
  message: 'The Project does not exist : shop-logs',
})
// "a 200 answer with an empty body must not carry Content-Type: application/json: @alicloud/log throws"
assert.equal(await client.createProject(project, { description: 'd' }), '')
assert.equal((await client.getProject(project))['description'], 'd')
assert.equal(await client.createLogStore(project, logstore, { ttl: 7, shardCount: 2 }), '')
assert.equal(await client.updateLogStore(project, logstore, { ttl: 30, shardCount: 2 }), '')
const { ttl, shardCount } = await client.getLogStore(project, logstore)
assert.deepEqual([ttl, shardCount], [30, 2])
// It sends logstoreName=&offset=&size= when they are unset.
const list = { count: 1, total: 1, logstores: [logstore] }
assert.deepEqual(await client.listLogStore(project), list)

await assert.rejects(client.getIndexConfig(project, logstore), { code: 'IndexConfigNotExist' })
const bytes = { type: 'long', alias: '', doc_value: true }
assert.equal(await client.createIndex(project, logstore, { keys: { bytes } }), '')
assert.deepEqual((await client.getIndexConfig(project, logstore))['keys'], { bytes })
const line = { token: [','], caseSensitive: false, chn: false }
assert.equal(await client.updateIndex(project, logstore, { line }), '')
assert.deepEqual((await client.getIndexConfig(project, logstore))['line'], line)
assert.equal(await client.deleteIndex(project, logstore), '')

assert.equal(await client.deleteLogStore(project, logstore), '')
await assert.rejects(client.getLogStore(project, logstore), { code: 'LogStoreNotExist' })
// It sends a body with DELETE.
assert.equal(await client.deleteProject(project), '')
await assert.rejects(client.getProject(project), { code: 'ProjectNotExist' })
