/** The older Node client writes logs and asks for them: `PORT KEY-ID SECRET`. Logstore my-proj/store-1 is there, with an index. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

interface Client {
  postLogStoreLogs(
    project: string,
    logstore: string,
    data: {
      logs: { timestamp: number; timestampNsPart?: number; content: Record<string, string> }[]
      tags?: Record<string, string>[]
      topic?: string
      source?: string
    },
  ): Promise<unknown>
  getLogs(...asked: [...Range, { query?: string }, typeof patient]): Promise<unknown>
  getHistograms(...asked: [...Range, { query?: string }, typeof patient]): Promise<unknown>
}
type Range = [project: string, logstore: string, from: Date, to: Date]

/** It gives up after 3 seconds; a loaded machine may need longer for the first query of a server. */
const patient = { timeout: 50_000 }

// The package has no types.
const Log = createRequire(import.meta.url)('@alicloud/log') as new (config: object) => Client
const [port, accessKeyId, accessKeySecret] = process.argv.slice(2)
const client = new Log({ accessKeyId, accessKeySecret, endpoint: `localhost:${port}` })
const [project, logstore] = ['my-proj', 'store-1']
const at = 1_700_000_000

assert.equal(
  await client.postLogStoreLogs(project, logstore, {
    logs: [
      { timestamp: at, content: { srcaddr: '10.0.0.1', note: 'é 中' } },
      { timestamp: at + 90, content: { srcaddr: '10.0.0.2' } },
    ],
    tags: [{ tag1: 'v' }],
    topic: 'tp',
    source: 'src2',
  }),
  '',
)
const range: Range = [project, logstore, new Date(at * 1000), new Date((at + 120) * 1000)]
const about = { __topic__: 'tp', __source__: 'src2', '__tag__:tag1': 'v' }
assert.deepEqual(await client.getLogs(...range, { query: 'srcaddr: 10.0.0.1' }, patient), [
  { ...about, __time__: String(at), srcaddr: '10.0.0.1', note: 'é 中' },
])
const query = '* | select srcaddr, count(*) as c group by srcaddr order by srcaddr'
const row = { __time__: String(at), __source__: '', c: '1' }
assert.deepEqual(await client.getLogs(...range, { query }, patient), [
  { ...row, srcaddr: '10.0.0.1' },
  { ...row, srcaddr: '10.0.0.2' },
])
const parts = (await client.getHistograms(...range, {}, patient)) as {
  count: number
  progress: string
}[]
assert.equal(parts.length, 60)
assert.deepEqual(
  parts.flatMap(({ count }, index) => (count === 0 ? [] : [[index, count]])),
  [
    [0, 1],
    [45, 1],
  ],
)
assert.ok(parts.every(({ progress }) => progress === 'Complete'))
await assert.rejects(client.getLogs(project, 'none', range[2], range[3], {}, patient), {
  code: 'LogStoreNotExist',
})
