/**
 * The service's own clients, unchanged, against `weir start` (alibaba-api.md §7): each in a process of its own. Where
 * names below localhost do not resolve, that process has a look-up that finds them; the server is as everyone has it.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { readKeyFile } from '../src/api/client-key.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { weirSays, WeirServer } from './weir-process.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
const hook = ['--import', join(import.meta.dirname, 'names-of-localhost.ts')]
const resolving = await lookup('any.localhost').then(
  () => [],
  () => hook,
)

/** A server with its first key, whose clients fail with what they say when a call does not answer as it should. */
async function start(t: TestContext, more = '') {
  const folder = temporaryFolder(t)
  const config = join(folder, 'weir.yaml')
  writeFileSync(config, `sample: false\ncapture: { enabled: false }\n${more}`)
  const data = join(folder, 'data')
  const server = await WeirServer.start(['--config', config, '--data', data, '--port', '0'])
  t.after(() => server[Symbol.asyncDispose]())
  const [, id, secret] = /shown this once: (\S+) (\S+)$/m.exec(server.said('stdout'))!
  const url = server.url.replace('127.0.0.1', 'localhost')
  const authority = server.url.startsWith('https:')
    ? { NODE_EXTRA_CA_CERTS: join(data, 'tls/ca.crt') }
    : {}
  const client = async (file: string, version: string, ...words: string[]): Promise<void> => {
    const script = join(import.meta.dirname, file)
    const args = [...resolving, script, url, id!, secret!, version, ...words]
    const env = { ...process.env, ...authority }
    await run(process.execPath, args, { timeout: 120_000, env })
  }
  return { server, folder, url, key: { id: id!, secret: secret! }, client }
}

const versions = ['v1', 'v4']

test('the official Node clients against a started server', async (t) => {
  const { server, folder, url, key, client } = await start(t)
  await t.test('@alicloud/log: every method', () => client('client-alicloud-log.ts', 'v1'))
  const parts = [
    ['client-sls20201230.ts', 'projects, logstores, indexes, tags, policies, resource groups'],
    ['client-sls-data.ts', 'searches, histograms, context, cursors, shards'],
    ['client-sls-groups.ts', 'consumer groups, web tracking, what it cannot do'],
    ['client-sls-jobs.ts', 'dashboards, saved searches, alerts, scheduled SQL'],
  ] as const
  for (const version of versions)
    for (const [file, what] of parts)
      await t.test(`@alicloud/sls20201230 signing ${version}: ${what}`, () => client(file, version))

  const keyFile = join(folder, 'reader.json')
  const may = ['--read', 'error-logs', '--file', keyFile]
  await weirSays(['key', 'create', 'reader', '--server', server.url, ...may])
  const reader = readKeyFile(keyFile)
  for (const version of versions)
    await t.test(`errors as both clients tell them, ${version}`, () =>
      client('client-errors.ts', version, reader.id, reader.secret),
    )

  await t.test('the README’s program for Node', async () => {
    const [, program] = /^```js\n([^]*?)^```$/m.exec(readFileSync(join(root, 'README.md'), 'utf8'))!
    const env = {
      ...process.env,
      WEIR_ENDPOINT: new URL(url).host,
      WEIR_ACCESS_KEY_ID: key.id,
      WEIR_ACCESS_KEY_SECRET: key.secret,
    }
    const args = [...resolving, '--input-type=module', '--eval', program!]
    const { stdout } = await run(process.execPath, args, { env, cwd: root, timeout: 120_000 })
    assert.equal(stdout, "{ srcaddr: '10.0.0.1', bytes: '1500' }\n")
  })
  const { stderr } = await server.stop()
  assert.match(stderr, /^\S+ info stopping: .*\n$/)
})

test('the official Node clients over TLS: a project’s name has its certificate', async (t) => {
  const { client } = await start(t, 'tls: { generate: true }\n')
  await t.test('@alicloud/log', () => client('client-alicloud-log.ts', 'v1'))
  for (const version of versions)
    await t.test(`@alicloud/sls20201230 signing ${version}`, () =>
      client('client-sls20201230.ts', version),
    )
})
