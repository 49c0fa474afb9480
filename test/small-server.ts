/** `weir start` with nothing to capture: its first key, its memory, and a project that it has. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { askTarget, type Target } from './log-load.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { WeirServer } from './weir-process.ts'

export interface SmallServer {
  readonly server: WeirServer
  readonly data: string
  /** Of the server itself, which `bin/weir` starts. */
  readonly pid: number
  readonly target: Target
}

/** @param heapMebibytes what the server may have as its heap; Node's own limit unless told */
export async function startSmallServer(
  t: TestContext,
  project: string,
  { heapMebibytes, config = '' }: { heapMebibytes?: number; config?: string } = {},
): Promise<SmallServer> {
  const folder = temporaryFolder(t)
  const file = join(folder, 'weir.yaml')
  writeFileSync(file, `sample: false\ncapture: { enabled: false }\n${config}`)
  const data = join(folder, 'data')
  const args = ['--config', file, '--data', data, '--port', '0']
  const through =
    heapMebibytes === undefined ? [] : ['env', `NODE_OPTIONS=--max-old-space-size=${heapMebibytes}`]
  const server = await WeirServer.start(args, { through })
  t.after(() => server[Symbol.asyncDispose]())
  const [, id = '', secret = ''] = /shown this once: (\S+) (\S+)$/m.exec(server.said('stdout'))!
  const { pid } = JSON.parse(readFileSync(join(data, 'server.json'), 'utf8')) as { pid: number }
  const target = { port: Number(new URL(server.url).port), project, key: { id, secret } }
  await create(target, { url: '/', body: { projectName: project, description: '' } })
  return { server, data, pid, target }
}

export async function create(
  target: Target,
  asked: { readonly url: string; readonly body: object },
): Promise<void> {
  const { status, body } = await askTarget(target, { method: 'POST', ...asked })
  assert.equal(status, 200, body.toString())
}

/** With an index over `keys`. */
export async function createLogstore(target: Target, name: string, keys: object): Promise<void> {
  const body = { logstoreName: name, ttl: 3650, shardCount: 1 }
  await create(target, { url: '/logstores', body })
  await create(target, { url: `/logstores/${name}/index`, body: { keys } })
}

/** What the process has in memory, bytes. */
export function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!
  return Number(kilobytes) * 1024
}
