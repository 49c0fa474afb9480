/** The service's own clients write logs and read them (alibaba-api.md §7): each in a process of its own. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { startDataService } from './log-data.ts'

const run = promisify(execFile)
const names = join(import.meta.dirname, 'names-of-localhost.ts')

/** Fails with what the client says when one of its calls does not answer as it should. */
async function client(t: TestContext, file: string, words: readonly string[], ...more: string[]) {
  const { createLogstore, errors, key, port, put } = await startDataService(t)
  await createLogstore('store-1')
  for (const word of words)
    await put('store-1', {
      topic: 'tp',
      source: 'src',
      tags: [],
      logs: [{ time: 1_700_000_000, contents: [['word', word]] }],
    })
  const script = join(import.meta.dirname, file)
  const args = ['--import', names, script, String(port), key.id, key.secret, ...more]
  await run(process.execPath, args, { timeout: 60_000 })
  assert.deepEqual(errors, [])
}

test('@alicloud/log writes logs, and parses GetLogs and GetHistograms', (t) =>
  client(t, 'client-alicloud-log-data.ts', []))

for (const version of ['v1', 'v4'])
  test(`@alicloud/sls20201230 signing ${version}: searches, context, cursors, shards`, (t) =>
    client(t, 'client-sls-data.ts', ['one'], version))
