/** Shards (alibaba-api.md 3.3) and the order that rows are pulled in (`LogStore.sealedThrough`). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { AppendOptions, LogStore, Shard } from './logstore.ts'
import { openLogStore } from './logstore.ts'
import { faultyDisk } from '../../test/faulty-disk.ts'
import { askFiles, batchOf, temporaryFolder, testColumns } from '../../test/logstore-rows.ts'
import { randomFrom } from '../../test/random-from.ts'

const hour = 3600
const at = 1_767_322_800
const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, hourSettleSeconds: 60 }
const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

async function opened(context: TestContext, folder = temporaryFolder(context), shards = 2) {
  const clock = { now: at }
  const { disk, faults } = faultyDisk()
  const store = await openLogStore(folder, quiet, { now: () => clock.now, disk })
  context.after(() => store.close())
  if (store.projects().length === 0) {
    store.createProject('shop', { description: '' })
    store.createLogstore('shop', 'log', { columns: testColumns, ttlDays: 3650, shards })
  }
  let next = 0
  const put = async (options: AppendOptions = {}) => {
    const value = next++
    await store.append('shop', 'log', batchOf([[at, 'a', value, null]]), options)
    return value
  }
  return { folder, store, clock, faults, put }
}

const ranges = (shards: readonly Shard[]) =>
  shards.map(({ id, status, beginKey, endKey }) => [id, status, beginKey, endKey])

const key = (start: string) => start.padEnd(32, '0')
const last = 'f'.repeat(32)

/** Values of `bytes` by shard, of rows received in `[from, to)`, read as the contract says. */
async function received(store: LogStore, from: number, to: number): Promise<Map<number, number[]>> {
  const lease = await store.leaseReceived('shop', 'log', from, to)
  const rows: unknown[][] = []
  for (const { path, lacks } of lease.files) {
    const shard = lacks.includes('__shard__') ? '0' : 'coalesce(__shard__, 0)'
    const where = `__receive_time__ >= ${from} AND __receive_time__ < ${to}`
    rows.push(...(await askFiles([path], `SELECT ${shard}, bytes FROM log WHERE ${where}`)))
  }
  lease.release()
  const found = new Map<number, number[]>()
  for (const [shard, value] of rows)
    found.set(
      Number(shard),
      [...(found.get(Number(shard)) ?? []), Number(value)].sort((a, b) => a - b),
    )
  return found
}

test('new shards split the keys evenly: "0...0 to f...f (32 digits) evenly"', async (context) => {
  const { store } = await opened(context)
  assert.deepEqual(ranges(store.shards('shop', 'log')), [
    [0, 'readwrite', key('0'), key('8')],
    [1, 'readwrite', key('8'), last],
  ])
  store.createLogstore('shop', 'three', { columns: testColumns, ttlDays: 7, shards: 3 })
  assert.deepEqual(
    store.shards('shop', 'three').map(({ beginKey }) => beginKey),
    [key('0'), '5'.repeat(32), 'a'.repeat(32)],
  )
  const bad = (shards: number) =>
    assert.throws(
      () => store.createLogstore('shop', 'bad', { columns: testColumns, ttlDays: 7, shards }),
      { code: 'ParameterInvalid' },
    )
  for (const count of [0, -1, 1.5, 257]) bad(count)
  assert.throws(() => store.shards('shop', 'bad'), { code: 'LogStoreNotExist' })
})

test('a split and a merge leave the old readonly and the keys without a gap', async (context) => {
  const { folder, store, clock } = await opened(context)
  clock.now = at + 9
  assert.deepEqual(ranges(store.splitShard('shop', 'log', 0, { key: key('7F') })), [
    [0, 'readonly', key('0'), key('8')],
    [2, 'readwrite', key('0'), key('7f')],
    [3, 'readwrite', key('7f'), key('8')],
  ])
  assert.deepEqual(ranges(store.splitShard('shop', 'log', 1)).slice(1), [
    [4, 'readwrite', key('8'), key('c')],
    [5, 'readwrite', key('c'), last],
  ])
  assert.deepEqual(ranges(store.mergeShards('shop', 'log', 3)), [
    [6, 'readwrite', key('7f'), key('c')],
    [3, 'readonly', key('7f'), key('8')],
    [4, 'readonly', key('8'), key('c')],
  ])
  assert.deepEqual(
    ranges(store.splitShard('shop', 'log', 5, { count: 4 })).map(([, , begin]) => begin),
    [key('c'), key('c'), key('d'), key('e'), key('f')],
  )
  const fails = (code: string, message: string | RegExp, work: () => unknown) =>
    assert.throws(work, { code, message })
  const split = (id: number, options = {}) => store.splitShard('shop', 'log', id, options)
  fails('ShardNotExist', /no shard 99/, () => split(99))
  fails('ShardNotExist', /no shard 99/, () => store.mergeShards('shop', 'log', 99))
  fails('ParameterInvalid', 'invalid shard id', () => split(-1))
  fails('ParameterInvalid', 'invalid shard id', () => split(Number.NaN))
  fails('ParameterInvalid', 'invalid shard id', () => split(0))
  fails('ParameterInvalid', 'invalid shard id', () => store.mergeShards('shop', 'log', 0))
  for (const middle of ['', 'xyz', key('0'), key('7f'), key('8'), '0x'.padEnd(32, '1')])
    fails('ParameterInvalid', 'invalid mid hash', () => split(2, { key: middle }))
  fails('ParameterInvalid', 'invalid shard count', () => split(2, { count: 1 }))
  fails('ParameterInvalid', 'invalid shard count', () => split(2, { count: 300 }))
  fails('ParameterInvalid', 'can not merge the last shard', () =>
    store.mergeShards('shop', 'log', 10),
  )
  const before = store.shards('shop', 'log')
  assert.deepEqual(before[0], {
    id: 0,
    status: 'readonly',
    beginKey: key('0'),
    endKey: key('8'),
    createdAt: at,
    readonlyAt: at + 9,
  })
  await store.close()
  const again = await opened(context, folder)
  assert.deepEqual(again.store.shards('shop', 'log'), before)
})

test('batches go to a shard by number, by key, or in turn, also from the log and after a merge', async (context) => {
  const { folder, store, clock, put } = await opened(context)
  const byShard = (entries: [number, number[]][]) => new Map(entries)
  for (let batch = 0; batch < 4; batch++) await put()
  await put({ shard: 1 })
  await put({ hashKey: key('7FFF') })
  await put({ hashKey: key('8') })
  await put({ hashKey: last })
  const first = byShard([
    [0, [0, 2, 5]],
    [1, [1, 3, 4, 6, 7]],
  ])
  assert.deepEqual(await received(store, at, at + 1), first)
  clock.now = at + 1
  store.splitShard('shop', 'log', 0)
  await assert.rejects(put({ shard: 0 }), { code: 'ParameterInvalid', message: 'invalid shard id' })
  await assert.rejects(put({ shard: 9 }), { code: 'ShardNotExist' })
  await assert.rejects(put({ hashKey: 'x' }), { code: 'ParameterInvalid' })
  await put({ hashKey: key('4') })
  const second = byShard([[3, [11]]])
  await store.close()
  const again = await opened(context, folder)
  again.clock.now = at + 2 * hour
  await again.store.maintain()
  assert.equal(again.store.stats().segments, 1)
  assert.deepEqual(await received(again.store, at, at + 1), first, 'the same before and after')
  assert.deepEqual(await received(again.store, at + 1, at + 2), second)
})

test('rows of shard 0 cost no column', async (context) => {
  const { store, put } = await opened(context, undefined, 1)
  await put()
  const lease = await store.leaseReceived('shop', 'log', at, at + 1)
  lease.release()
  assert.deepEqual(
    lease.files.map(({ lacks }) => lacks),
    [['__shard__']],
  )
  const early = await store.leaseReceived('shop', 'log', at + 1, at + 2)
  early.release()
  assert.deepEqual(early.files, [], 'received before')
})

test(`a reader by receive time meets each row once, whatever the clock does (WEIR_SEED=${seed})`, async (context) => {
  const random = randomFrom(seed)
  const folder = temporaryFolder(context)
  let { store, clock, put } = await opened(context, folder)
  let value = 0
  const read: number[] = []
  let sealed = 0
  for (let step = 0; step < 120; step++) {
    clock.now += random(3) === 0 ? random(20) - 12 : random(2)
    const appends = Array.from({ length: random(4) }, () =>
      store.append('shop', 'log', batchOf([[at, 'a', value++, null]])),
    )
    if (random(3) === 0) {
      const through = store.sealedThrough() // with appends in flight
      assert.ok(through >= sealed, 'what is sealed stays sealed')
      if (through > sealed) {
        const rows = await received(store, sealed + 1, through + 1)
        read.push(...[...rows.values()].flat())
      }
      sealed = through
    }
    await Promise.all(appends)
    if (random(15) === 0) {
      await store.close()
      const before = clock.now
      ;({ store, clock, put } = await opened(context, folder))
      clock.now = before - random(30)
    }
    if (random(20) === 0) await store.maintain()
  }
  clock.now = Math.max(clock.now, sealed + 1) + 60
  await put()
  clock.now++
  const rest = await received(store, sealed + 1, store.sealedThrough() + 1)
  read.push(...[...rest.values()].flat())
  assert.deepEqual(
    read.sort((a, b) => a - b),
    [0, ...Array.from({ length: value }, (_, index) => index)], // the last `put` is another 0
  )
})

test('an append under way holds the seal, one that failed whole does not', async (context) => {
  const { store, clock, faults, put } = await opened(context)
  assert.equal(store.sealedThrough(), at - 1)
  const under = put()
  clock.now = at + 5
  assert.equal(store.sealedThrough(), at - 1)
  await under
  assert.equal(store.sealedThrough(), at + 4)
  faults.code = 'ENOSPC'
  await assert.rejects(put(), { code: 'StorageFull' })
  clock.now = at + 7
  assert.equal(store.sealedThrough(), at + 6)
  faults.code = ''
  faults.syncCode = 'EIO'
  await assert.rejects(put(), { code: 'StorageBroken' })
  clock.now = at + 100
  assert.equal(store.sealedThrough(), at + 6, 'that row may be there after a restart')
})
