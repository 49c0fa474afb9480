/** The service's own clients, unchanged, against a listening server (alibaba-api.md §7): each in a process of its own. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { startLogService } from './log-service-server.ts'

const run = promisify(execFile)
const names = join(import.meta.dirname, 'names-of-localhost.ts')

/** Fails with what the client says when one of its calls does not answer as it should. */
async function client(t: TestContext, file: string, ...more: readonly string[]): Promise<void> {
  const { port, key, errors } = await startLogService(t)
  const script = join(import.meta.dirname, file)
  const args = ['--import', names, script, String(port), key.id, key.secret, ...more]
  await run(process.execPath, args, { timeout: 60_000 })
  assert.deepEqual(errors, [])
}

test('@alicloud/log: projects, logstores and indexes', (t) => client(t, 'client-alicloud-log.ts'))

for (const version of ['v1', 'v4'])
  test(`@alicloud/sls20201230 signing ${version}: projects, logstores, indexes, tags, policies`, (t) =>
    client(t, 'client-sls20201230.ts', version))
