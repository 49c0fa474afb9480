import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Disk, LogStore, LogStoreConfig } from './logstore.ts'
import { nodeDisk, openLogStore } from './logstore.ts'
import { recoverLog } from './log-recovery.ts'
import type { LogRecord } from './log-record.ts'
import { LogWriter } from './log-writer.ts'
import { ask, batchOf, temporaryFolder, testColumns } from '../../test/logstore-rows.ts'

const at = 1_767_322_800
const limits = { logFileBytes: 1e9, groupBytesMax: 1e6, reserveBytes: 0 }
const nothing = () => undefined

const entry = (text: string, onDurable: (record: LogRecord) => void = nothing) => ({
  logstore: 7,
  receiveTime: at,
  body: Buffer.from(text),
  onDurable,
})

const writerIn = (folder: string, disk: Disk = nodeDisk, config: Partial<typeof limits> = {}) =>
  new LogWriter(disk, folder, { ...limits, ...config }, { files: [], nextSequence: 1 })

/** Each body is "a", "b", ...: 33 bytes a record. */
async function written(folder: string, count: number, config: Partial<typeof limits> = {}) {
  const writer = writerIn(folder, nodeDisk, config)
  for (let index = 0; index < count; index++)
    await writer.append(entry(String.fromCharCode(97 + index)))
  await writer.close()
}

async function recovered(folder: string, acceptDamage = false, coveredThrough = 0) {
  const found: string[] = []
  const { lastSequence, damages } = await recoverLog(
    nodeDisk,
    folder,
    { coveredThrough, acceptDamage },
    ({ sequence, body }) => void found.push(`${sequence}${body.toString()}`),
  )
  return { found, lastSequence, damages: damages.map(({ message, place }) => ({ message, place })) }
}

const logFiles = (folder: string) => readdirSync(folder).map((name) => join(folder, name))

function flipBit(path: string, byte: number): void {
  const bytes = readFileSync(path)
  bytes[byte]! ^= 4
  writeFileSync(path, bytes)
}

test('records come back in order, over several files', async (context) => {
  const folder = temporaryFolder(context)
  await written(folder, 5, { logFileBytes: 60 })
  assert.equal(logFiles(folder).length, 3)
  assert.deepEqual(await recovered(folder), {
    found: ['1a', '2b', '3c', '4d', '5e'],
    lastSequence: 5,
    damages: [],
  })
})

test('a torn tail is cut at the last good record, wherever it is torn', async (context) => {
  for (let cut = 1; cut <= 33; cut++) {
    const folder = temporaryFolder(context)
    await written(folder, 3)
    const [path = ''] = logFiles(folder)
    truncateSync(path, 99 - cut)
    assert.deepEqual((await recovered(folder)).found, ['1a', '2b'], `${cut} bytes torn off`)
    assert.equal(statSync(path).size, 66)
  }
})

test('a tail of other bytes is cut', async (context) => {
  const folder = temporaryFolder(context)
  await written(folder, 2)
  const [path = ''] = logFiles(folder)
  writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(5000)]))
  assert.deepEqual((await recovered(folder)).found, ['1a', '2b'])
  assert.equal(statSync(path).size, 66)
})

test('a flipped bit with good records behind it is damage, at every byte', async (context) => {
  const folder = temporaryFolder(context)
  await written(folder, 3)
  const [path = ''] = logFiles(folder)
  const whole = readFileSync(path)
  for (let byte = 33; byte < 66; byte++) {
    writeFileSync(path, whole)
    flipBit(path, byte)
    const before = readFileSync(path)
    await assert.rejects(recovered(folder), {
      code: 'StorageBroken',
      message: 'the log is damaged: 1 records cannot be read',
      place: `byte 33 of ${path}`,
    })
    assert.deepEqual(readFileSync(path), before, 'nothing on disk is changed')
  }
  assert.deepEqual(await recovered(folder, true), {
    found: ['1a', '3c'],
    lastSequence: 3,
    damages: [
      { message: 'the log is damaged: 1 records cannot be read', place: `byte 33 of ${path}` },
    ],
  })
  assert.equal((await recovered(folder, false, 2)).lastSequence, 3, 'record 2 is in a segment')
})

test('the end of a file with another behind it is damage, and so is a missing file', async (context) => {
  const folder = temporaryFolder(context)
  await written(folder, 6, { logFileBytes: 60 })
  const [first = '', second = ''] = logFiles(folder)
  const whole = readFileSync(first)
  truncateSync(first, 40)
  await assert.rejects(recovered(folder), { code: 'StorageBroken', place: `byte 33 of ${first}` })
  assert.equal(statSync(first).size, 40)
  writeFileSync(first, whole)
  truncateSync(second, 0)
  await assert.rejects(recovered(folder), {
    code: 'StorageBroken',
    message: 'the log is damaged: 2 records cannot be read',
  })
})

test('bytes of a record inside a body are not taken for a record', async (context) => {
  const folder = temporaryFolder(context)
  const other = temporaryFolder(context)
  await written(other, 1)
  const inner = readFileSync(logFiles(other)[0] ?? '')
  const writer = writerIn(folder)
  await writer.append(entry('a'))
  await writer.append({ ...entry(''), body: inner })
  await writer.close()
  const [path = ''] = logFiles(folder)
  flipBit(path, 40)
  assert.deepEqual((await recovered(folder)).found, ['1a'])
})

/** A disk whose next writes of the log go wrong. */
function faultyDisk() {
  const faults = { shortBy: 0, code: '', syncCode: '', free: 1e12 }
  const calls: string[] = []
  const error = (code: string) => Object.assign(new Error(`${code}: injected`), { code })
  const disk: Disk = {
    ...nodeDisk,
    freeBytes: () => faults.free,
    async create(path) {
      const file = await nodeDisk.create(path)
      return {
        async write(bytes, position) {
          if (faults.code) throw error(faults.code)
          calls.push('write')
          return file.write(bytes.subarray(0, bytes.length - faults.shortBy), position)
        },
        async sync() {
          if (faults.syncCode) throw error(faults.syncCode)
          calls.push('sync')
          await file.sync()
        },
        async truncate(length) {
          calls.push(`truncate ${length}`)
          await file.truncate(length)
        },
        close: () => file.close(),
      }
    },
  }
  return { disk, faults, calls }
}

test('nothing is acknowledged before it is synced', async (context) => {
  const { disk, calls } = faultyDisk()
  const writer = writerIn(temporaryFolder(context), disk)
  const note = (what: string) => () => void calls.push(what)
  await Promise.all(
    ['a', 'b'].map((text) =>
      writer.append(entry(text, note(`durable ${text}`))).then(note(`acknowledged ${text}`)),
    ),
  )
  await writer.append(entry('c', note('durable c')))
  assert.deepEqual(calls, [
    'write',
    'sync',
    'durable a',
    'durable b',
    'acknowledged a',
    'acknowledged b',
    'write',
    'sync',
    'durable c',
  ])
  await writer.close()
})

test('a short write leaves nothing behind and is StorageFull', async (context) => {
  const folder = temporaryFolder(context)
  const { disk, faults, calls } = faultyDisk()
  const writer = writerIn(folder, disk)
  await writer.append(entry('a'))
  const full = { code: 'StorageFull' }
  faults.shortBy = 1
  await assert.rejects(writer.append(entry('lost')), full)
  assert.deepEqual(calls, ['write', 'sync', 'write', 'truncate 33'])
  assert.equal(statSync(logFiles(folder)[0] ?? '').size, 33)
  faults.shortBy = 0
  faults.code = 'ENOSPC'
  await assert.rejects(writer.append(entry('lost')), full)
  faults.code = ''
  faults.syncCode = 'ENOSPC'
  await assert.rejects(writer.append(entry('lost')), full)
  assert.equal(statSync(logFiles(folder)[0] ?? '').size, 33)
  faults.syncCode = ''
  await writer.append(entry('b'))
  await writer.close()
  assert.deepEqual((await recovered(folder)).found, ['1a', '2b'])
})

test('a sync that fails for another reason ends writing until the store is opened again', async (context) => {
  const folder = temporaryFolder(context)
  const { disk, faults } = faultyDisk()
  const writer = writerIn(folder, disk)
  await writer.append(entry('a'))
  faults.syncCode = 'EIO'
  const broken = {
    code: 'StorageBroken',
    message: 'the disk did not sync the log',
    place: `byte 33 of ${logFiles(folder)[0]}`,
  }
  await assert.rejects(writer.append(entry('b')), broken)
  faults.syncCode = ''
  await assert.rejects(writer.append(entry('c')), broken)
  await writer.close()
  assert.equal((await recovered(folder)).found[0], '1a')
})

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
