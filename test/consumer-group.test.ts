/** "Two consumers of one group, one killed: shards move, every record once." */
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { readKeyFile } from '../src/api/client-key.ts'
import { encodeLogGroup } from '../src/log-group/log-group.ts'
import { exchange, type Key } from './log-service-server.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { WeirServer } from './weir-process.ts'

const project = 'shop'
const logstore = 'web'
const place = `/logstores/${logstore}`

interface Pulled {
  readonly shard: number
  readonly cursor: string
  readonly next: string
  readonly records: readonly string[]
}

class Consumer {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  #said = ''
  #failed = ''

  constructor(t: TestContext, port: number, { id, secret }: Key, name: string) {
    const script = join(import.meta.dirname, 'consumer.ts')
    const args = [script, String(port), id, secret, project, logstore, 'readers', name]
    this.child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#said += text))
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#failed += text))
    t.after(() => this.child.kill('SIGKILL'))
  }

  pulled(): Pulled[] {
    assert.ok(this.child.exitCode === null, this.#failed)
    return this.#said
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Pulled)
  }

  async kill(): Promise<Pulled[]> {
    const pulled = this.pulled()
    this.child.kill('SIGKILL')
    await once(this.child, 'close')
    return pulled
  }
}

test('one of two consumers is killed, shards are split and merged, and every record is read once', async (t) => {
  const folder = temporaryFolder(t)
  const config = join(folder, 'weir.yaml')
  writeFileSync(
    config,
    'sample: false\ncapture: { enabled: false }\napi: { endpoints: [sls.test] }\n',
  )
  const data = join(folder, 'data')
  await using server = await WeirServer.start(['--config', config, '--data', data, '--port', '0'])
  const port = Number(new URL(server.url).port)
  const key = readKeyFile(join(data, 'access-key.json'))
  const ok = async (method: string, url: string, body?: object | Buffer, bare = false) => {
    const asked = { method, url, key, ...(body === undefined ? {} : { body }) }
    const answer = await exchange(port, {
      ...asked,
      host: `${bare ? '' : `${project}.`}localhost:${port}`,
    })
    assert.equal(answer.status, 200, `${method} ${url}: ${answer.body.toString()}`)
    return answer
  }
  await ok('POST', '/', { projectName: project, description: '' }, true)
  await ok('POST', '/logstores', { logstoreName: logstore, ttl: 7, shardCount: 4 })
  await ok('POST', `${place}/consumergroups`, { consumerGroup: 'readers', timeout: 5, order: true })
  let written = 0
  const put = async (records: number): Promise<void> => {
    const time = Math.floor(Date.now() / 1000)
    const logs = Array.from({ length: records }, () => ({
      time,
      contents: [['n', String(written++)] as const],
    }))
    await ok(
      'POST',
      `${place}/shards/lb`,
      encodeLogGroup({ topic: '', source: '', tags: [], logs }),
    )
  }
  const [a, b] = ['a', 'b'].map((name) => new Consumer(t, port, key, name)) as [Consumer, Consumer]
  const all: Pulled[] = []
  const distinct = (): Map<string, Pulled> =>
    new Map([...all, ...b.pulled()].map((each) => [`${each.shard} ${each.cursor}`, each]))
  for (let round = 0; round < 30; round++) await put(40)
  while (a.pulled().length === 0 || b.pulled().length === 0) {
    await put(4)
    await sleep(200)
  }
  all.push(...(await a.kill()))
  await ok('POST', `${place}/shards/0?action=split&key=1f000000000000000000000000000000`)
  for (let round = 0; round < 10; round++) await put(40)
  await ok('POST', `${place}/shards/2?action=merge`)
  for (let round = 0; round < 10; round++) await put(40)
  const count = (): number => [...distinct().values()].flatMap(({ records }) => records).length
  while (count() < written) await sleep(100)
  const records = [...distinct().values()].flatMap((each) => each.records)
  assert.equal(records.length, written)
  assert.equal(new Set(records).size, written)
})
