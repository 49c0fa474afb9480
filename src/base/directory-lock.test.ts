import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockDataDir } from './directory-lock.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'

test('a lock names its holder, and the kernel drops it with the process', async (context) => {
  const folder = temporaryFolder(context)
  const source =
    `import { lockDataDir } from '${join(import.meta.dirname, 'directory-lock.ts')}'\n` +
    `lockDataDir('${folder}'); console.log('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  context.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  assert.throws(() => lockDataDir(folder), {
    code: 'DataDirLocked',
    message: `another process (pid ${child.pid}) has this data directory open`,
    hint: 'stop it, or ask the running server instead',
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = lockDataDir(folder)
  assert.throws(() => lockDataDir(folder), {
    message: `another process (pid ${process.pid}) has this data directory open`,
  })
  lock.release()
  lockDataDir(folder).release()
})
