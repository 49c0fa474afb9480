import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { faultyDisk, flipBit } from '../../test/faulty-disk.ts'
import { ask, batchOf, temporaryFolder, testColumns } from '../../test/logstore-rows.ts'
import type { Disk, LogStore, LogStoreConfig } from './logstore.ts'
import { nodeDisk, openLogStore } from './logstore.ts'

const at = 1_767_322_800
const logFiles = (folder: string) => readdirSync(folder).map((name) => join(folder, name))

async function storeOn(
  context: TestContext,
  folder: string,
  disk: Disk,
  config: Partial<LogStoreConfig> = {},
): Promise<LogStore> {
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9 }
  const store = await openLogStore(folder, { ...quiet, ...config }, { disk, now: () => at })
  context.after(() => store.close())
  return store
}

test('the store refuses batches under the reserve, and takes them when there is room', async (context) => {
  const { disk, faults } = faultyDisk()
  const store = await storeOn(context, temporaryFolder(context), disk, { reserveBytes: 1000 })
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 1 })
  const id = { flowLog: 'fl', run: 'r', number: 0 }
  const put = () => store.append('shop', 'log', batchOf([[at, 'a', 1, null]]), { id })
  faults.free = 1000
  await assert.rejects(put(), {
    code: 'StorageFull',
    message: 'nothing was stored: the disk has less free space than the reserve',
    hint: 'free space or shorten the time to live, then send it again',
  })
  faults.free = 10_000
  faults.shortBy = 3
  const both = await Promise.allSettled([put(), put()])
  assert.deepEqual(
    both.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  faults.shortBy = 0
  assert.deepEqual(await put(), { stored: true })
  assert.deepEqual(await put(), { stored: false })
  assert.deepEqual(await ask(store, 'shop', 'log', 'SELECT bytes FROM log'), [[1]])
})

test('when segments cannot be written the rows stay, also over a restart', async (context) => {
  const folder = temporaryFolder(context)
  let failing = true
  const disk: Disk = {
    ...nodeDisk,
    async publish(temporary, path) {
      if (failing) throw Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' })
      await nodeDisk.publish(temporary, path)
    },
  }
  const store = await storeOn(context, folder, disk)
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 1 })
  await store.append('shop', 'log', batchOf([[at, 'a', 1, null]]))
  await assert.rejects(store.lease('shop', 'log', 0, 2 ** 40), { code: 'StorageFull' })
  assert.equal(store.stats().hotRows, 1)
  await store.close()
  const again = await storeOn(context, folder, disk)
  assert.equal(again.stats().replayedBatches, 1)
  await again.append('shop', 'log', batchOf([[at + 1, 'a', 2, null]]))
  await assert.rejects(again.lease('shop', 'log', 0, 2 ** 40), { code: 'StorageFull' })
  failing = false
  const select = 'SELECT bytes FROM log ORDER BY 1'
  assert.deepEqual(await ask(again, 'shop', 'log', select), [[1], [2]])
  await again.maintain()
  assert.equal(readdirSync(join(folder, 'segments/shop/log/2026-01-02')).length, 1)
})

test('damage is reported at opening; the rest is kept and can be asked for', async (context) => {
  const folder = temporaryFolder(context)
  const failing: Disk = {
    ...nodeDisk,
    publish: () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })),
  }
  const store = await storeOn(context, folder, failing)
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 1 })
  for (let index = 0; index < 3; index++)
    await store.append('shop', 'log', batchOf([[at + index, 'a', index, null]]))
  await store.close()
  const [path = ''] = logFiles(join(folder, 'log'))
  flipBit(path, 5)
  await assert.rejects(openLogStore(folder), {
    code: 'StorageBroken',
    place: `byte 0 of ${path}`,
    hint: 'restore the file from a copy, or open with acceptDamage to keep all the rest',
  })
  const again = await storeOn(context, folder, nodeDisk, { acceptDamage: true })
  assert.deepEqual(await ask(again, 'shop', 'log', 'SELECT bytes FROM log ORDER BY 1'), [[1], [2]])
  assert.equal(again.stats().damages, 1)
  assert.deepEqual(readdirSync(join(folder, 'log')), [`${path.split('/').at(-1)}.damaged`])
})
