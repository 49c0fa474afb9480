import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { faultyDisk, flipBit } from '../../test/faulty-disk.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { recoverLog } from './append-log-recovery.ts'
import type { LogRecord } from './append-log-record.ts'
import { LogWriter } from './append-log-writer.ts'
import { type Disk, nodeDisk } from './disk.ts'

const at = 1_767_322_800
const limits = { logFileBytes: 1e9, groupBytesMax: 1e6, reserveBytes: 0 }
const nothing = () => undefined

const entry = (text: string, onDurable: (record: LogRecord) => void = nothing) => ({
  stream: 7,
  time: at,
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

test('a group that a power loss left in pieces is cut, and told', async (context) => {
  const folder = temporaryFolder(context)
  const writer = writerIn(folder)
  await writer.append(entry('a'))
  await Promise.all(['b', 'c', 'd'].map((body) => writer.append(entry(body))))
  await writer.close()
  const [path = ''] = logFiles(folder)
  const whole = readFileSync(path)
  flipBit(path, 34) // b, the first of its group
  const place = `byte 33 of ${path}`
  const message = 'the end of the log is torn: 2 records were cut off'
  const accepted = await recovered(folder, true)
  assert.deepEqual(accepted.found, ['1a', '3c', '4d'], 'asked for all that can be read')
  assert.deepEqual(await recovered(folder), {
    found: ['1a'],
    lastSequence: 1,
    damages: [{ message, place }],
  })
  assert.equal(readFileSync(path).length, 33)
  assert.deepEqual((await recovered(folder)).damages, [], 'cut for good')
  writeFileSync(path, whole)
  flipBit(path, 1) // a was synced before the others were written
  await assert.rejects(recovered(folder), { code: 'StorageBroken', place: `byte 0 of ${path}` })
})
