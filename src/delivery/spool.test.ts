import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { faultyDisk, flipBit } from '../../test/faulty-disk.ts'
import { randomFrom } from '../../test/random-from.ts'
import { parcelOf, recorded } from '../../test/spool-parcels.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { openSpool, type Spool, type SpoolConfig, type SpoolEffects } from './delivery.ts'

const seed = Number(process.env['WEIR_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const rounds = process.env['WEIR_LONG'] === '1' ? 2000 : 100
const roomy = { bytesMax: 1 << 30 }

const opened = (
  dir: string,
  config: SpoolConfig = roomy,
  effects: Partial<SpoolEffects> = {},
): Promise<Spool> => openSpool(dir, config, { log: recorded().log, now: () => 1000, ...effects })

/** `NUMBER of ENI` of all parcels that wait. */
const waiting = async (spool: Spool): Promise<string[]> =>
  (await spool.take(1e9)).map(({ eni, parcel }) => `${parcel.id.number} of ${eni}`)

const filesOf = (dir: string, what: 'entries' | 'notes'): string[] =>
  readdirSync(join(dir, what)).map((name) => join(dir, what, name))

const notesOf = (spool: Spool): object => Object.fromEntries(spool.notes())

/** 173 bytes on disk: the sizes below rest on it. */
const emptyEntry = (number: number) => ({
  eni: 'eni-a',
  parcels: [parcelOf(number, 0)],
  note: undefined,
})

test('what was put is there when the spool is opened again, in order, with the last notes', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  const entry = { eni: 'eni-a', parcels: [parcelOf(0, 3), parcelOf(0, 2, 'fl-2')], note: { at: 1 } }
  await spool.put(entry)
  await spool.put({ eni: 'eni-b', parcels: [parcelOf(1, 300)], note: null })
  await spool.put({ eni: 'eni-c', parcels: [], note: ['only a note'] })
  await spool.put({ eni: 'eni-a', parcels: [parcelOf(2, 1)], note: undefined })
  const { bytes, ...stats } = spool.stats()
  assert.deepEqual(stats, {
    entries: 3,
    parcels: 4,
    oldest: 1000,
    full: false,
    refused: 0,
    damages: 0,
    failures: 0,
  })
  assert.equal(bytes, readFileSync(filesOf(dir, 'entries')[0]!).length)
  await spool.close()

  const again = await opened(dir)
  assert.deepEqual(again.stats(), { bytes, ...stats })
  assert.deepEqual(notesOf(again), { 'eni-a': { at: 1 }, 'eni-b': null, 'eni-c': ['only a note'] })
  const taken = await again.take(1)
  assert.deepEqual(taken, [{ eni: 'eni-a', parcel: entry.parcels[0], entry: 1 }])
  assert.deepEqual((await again.take(1))[0]!.parcel, entry.parcels[1])
  assert.deepEqual(await waiting(again), ['1 of eni-b', '2 of eni-a'])
  assert.deepEqual(await waiting(again), [])
  await again.close()
})

test('what is done does not come again, also out of order; what is not does', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  for (let number = 0; number < 6; number++) await spool.put(emptyEntry(number))
  const taken = await spool.take(5)
  for (const index of [3, 0, 4]) spool.done(taken[index]!)
  assert.equal(spool.stats().entries, 3)
  await spool.close()
  const again = await opened(dir)
  assert.deepEqual(await waiting(again), ['1 of eni-a', '2 of eni-a', '5 of eni-a'])
  await again.close()
})

test('an entry is done when all its parcels are', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  await spool.put({ eni: 'eni-a', parcels: [parcelOf(0, 1), parcelOf(0, 1, 'fl-2')], note: 1 })
  const [first, second] = await spool.take(2)
  spool.done(first!)
  assert.deepEqual([spool.stats().entries, spool.stats().parcels], [1, 1])
  await spool.close()
  const again = await opened(dir)
  assert.equal((await again.take(9)).length, 2)
  await again.close()
  assert.ok(second)
})

test('puts of the same time share a sync, and none resolves before it', async (context) => {
  const { disk, calls } = faultyDisk()
  const spool = await opened(temporaryFolder(context), roomy, { disk })
  const put = (number: number) => spool.put(emptyEntry(number)).then(() => calls.push(`${number}`))
  await Promise.all([put(0), put(1), put(2)])
  assert.deepEqual(calls, ['write', 'sync', '0', '1', '2'])
  await spool.close()
})

test('the journal replaces notes, an entry replaces its own; the later one counts', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  await spool.journal(
    new Map<string, unknown>([
      ['eni-a', { open: 1 }],
      ['eni-b', { open: 2 }],
      ['eni-"c"', null],
    ]),
  )
  await spool.put({ eni: 'eni-a', parcels: [], note: 'closed' })
  await spool.put({ eni: 'eni-b', parcels: [], note: 'closed' })
  await spool.journal(new Map([['eni-b', { open: 3 }]]))
  await spool.journal(new Map([['eni-d', 4]]))
  await spool.forget('eni-d')
  const last = { 'eni-a': 'closed', 'eni-b': { open: 3 }, 'eni-"c"': null }
  assert.deepEqual(notesOf(spool), last)
  await spool.close()
  const again = await opened(dir)
  assert.deepEqual(notesOf(again), last)
  await again.close()
})

test('of a note journalled while an entry is put, the one of the entry counts if it is there', async (context) => {
  const dir = temporaryFolder(context)
  const { disk, faults } = faultyDisk()
  const spool = await opened(dir, roomy, { disk })
  const both = (before: string, after: string) =>
    Promise.allSettled([
      spool.put({ eni: 'eni-a', parcels: [], note: after }),
      spool.journal(new Map([['eni-a', before]])),
    ])
  await both('window 1 is open', 'window 1 is closed')
  assert.deepEqual(notesOf(spool), { 'eni-a': 'window 1 is closed' })
  await spool.journal(new Map([['eni-a', 'window 2 is open']]))
  await spool.close()
  const again = await opened(dir, { ...roomy, reserveBytes: 1000 }, { disk })
  assert.deepEqual(notesOf(again), { 'eni-a': 'window 2 is open' })
  faults.free = 1000
  const [put, journal] = await Promise.allSettled([
    again.put({ eni: 'eni-a', parcels: [], note: 'window 2 is closed' }),
    again.journal(new Map([['eni-a', 'window 2 is still open']])),
  ])
  assert.deepEqual([put.status, journal.status], ['rejected', 'fulfilled'])
  assert.deepEqual(notesOf(again), { 'eni-a': 'window 2 is still open' })
  await again.close()
})

test('of puts of the same time those are refused that do not fit', async (context) => {
  const spool = await opened(temporaryFolder(context), { bytesMax: 400 })
  const results = await Promise.allSettled([0, 1, 2].map((number) => spool.put(emptyEntry(number))))
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  )
  await spool.close()
})

test('a forgotten note does not come back from an entry, over restarts and files', async (context) => {
  const dir = temporaryFolder(context)
  let spool = await opened(dir)
  await spool.put({ eni: 'eni-a', parcels: [parcelOf(0, 1)], note: 'old' })
  await spool.forget('eni-a')
  const long = 'x'.repeat(600_000)
  for (let start = 0; start < 3; start++) {
    await spool.close()
    spool = await opened(dir)
    for (let round = 0; round < 4; round++) await spool.journal(new Map([['eni-b', long]])) // begins the notes anew
    assert.deepEqual([...spool.notes().keys()], ['eni-b'])
  }
  for (const each of await spool.take(9)) spool.done(each)
  await spool.close()
})

test('files are removed when all in them and before them is delivered; notes stay', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir, { bytesMax: 16_000 }) // files of 1000 bytes
  for (let number = 0; number < 30; number++)
    await spool.put({ ...emptyEntry(number), note: { closed: number } })
  await spool.put({ eni: 'eni-b', parcels: [], note: 'of b' })
  const before = filesOf(dir, 'entries').length
  assert.ok(before >= 5, `${before} files`)
  const [first, ...rest] = await spool.take(100)
  for (const each of rest) spool.done(each)
  assert.equal(filesOf(dir, 'entries').length, before, 'the first entry waits')
  spool.done(first!)
  await spool.close()
  assert.deepEqual(filesOf(dir, 'entries'), [])
  const again = await opened(dir)
  assert.deepEqual(await waiting(again), [])
  assert.deepEqual(notesOf(again), { 'eni-a': { closed: 29 }, 'eni-b': 'of b' })
  await again.put(emptyEntry(30))
  await again.close()
  const last = await opened(dir)
  assert.deepEqual(await waiting(last), ['30 of eni-a'], 'a new entry is not taken for an old one')
  await last.close()
})

test('the notes log is begun anew when it has grown, and holds them all', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  const note = (round: number, eni: number) => ({ eni, round, text: 'y'.repeat(1000) })
  for (let round = 0; round < 100; round++)
    await spool.journal(
      new Map(Array.from({ length: 50 }, (_, eni) => [`eni-${eni}`, note(round, eni)])),
    )
  const bytes = filesOf(dir, 'notes').reduce((sum, path) => sum + readFileSync(path).length, 0)
  assert.ok(bytes < 1_200_000, `${bytes} bytes of notes`)
  await spool.close()
  const again = await opened(dir)
  const notes = again.notes()
  for (let eni = 0; eni < 50; eni++) assert.deepEqual(notes.get(`eni-${eni}`), note(99, eni))
  await again.close()
})

test('a full spool refuses what is new and keeps what is there; delivered entries make room', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir, { bytesMax: 600 })
  for (let number = 0; number < 3; number++) await spool.put(emptyEntry(number))
  const { bytes } = spool.stats()
  await assert.rejects(spool.put(emptyEntry(3)), {
    code: 'SpoolFull',
    message: `the spool is full: ${bytes} of 600 bytes are taken, ${bytes / 3} are needed`,
    place: dir,
    hint: 'What is in it waits for its server; give it more room if that is away',
  })
  assert.deepEqual([spool.stats().full, spool.stats().refused], [true, 1])
  assert.deepEqual(await waiting(spool).then((all) => all.length), 3)
  await spool.journal(new Map([['eni-a', 'SKIPDATA']]))
  await spool.close()

  const again = await opened(dir, { bytesMax: 600 })
  await assert.rejects(again.put(emptyEntry(3)), { code: 'SpoolFull' })
  for (const each of await again.take(9)) again.done(each)
  await again.put(emptyEntry(4))
  assert.equal(again.stats().full, false)
  assert.deepEqual(await waiting(again), ['4 of eni-a'])
  assert.deepEqual(notesOf(again), { 'eni-a': 'SKIPDATA' })
  await again.close()
})

test('a full disk is SpoolFull, a disk that does not sync is StorageBroken', async (context) => {
  const dir = temporaryFolder(context)
  const { disk, faults } = faultyDisk()
  const spool = await opened(dir, { ...roomy, reserveBytes: 1000 }, { disk })
  await spool.put(emptyEntry(0))
  const full = { code: 'SpoolFull', hint: 'Free space on the disk of the spool' }
  faults.free = 1000
  await assert.rejects(spool.put(emptyEntry(1)), full)
  faults.free = 1e12
  faults.code = 'ENOSPC'
  await assert.rejects(spool.put(emptyEntry(1)), full)
  await assert.rejects(spool.journal(new Map([['eni-a', 1]])), full)
  faults.code = ''
  await spool.put(emptyEntry(2))
  faults.syncCode = 'EIO'
  const broken = { code: 'StorageBroken', message: 'the disk did not sync the log' }
  await assert.rejects(spool.put(emptyEntry(3)), broken)
  faults.syncCode = ''
  await assert.rejects(spool.put(emptyEntry(4)), broken)
  await spool.close()
  const again = await opened(dir)
  const found = await waiting(again)
  assert.deepEqual(found.slice(0, 2), ['0 of eni-a', '2 of eni-a'])
  await again.close()
})

test('a torn tail is cut without a word, wherever it is torn', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  for (let number = 0; number < 3; number++) await spool.put(emptyEntry(number))
  await spool.close()
  const [path = ''] = filesOf(dir, 'entries')
  const whole = readFileSync(path)
  for (let cut = 1; cut <= whole.length / 3; cut += 7) {
    writeFileSync(path, whole.subarray(0, whole.length - cut))
    const { log, lines } = recorded()
    const again = await opened(dir, roomy, { log })
    assert.deepEqual(await waiting(again), ['0 of eni-a', '1 of eni-a'], `${cut} bytes torn off`)
    assert.deepEqual([lines, again.stats().damages], [[], 0])
    await again.close()
  }
})

test('damage in the middle is said; all else is read, and the file is kept', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir, { bytesMax: 8000 }) // files of 600 bytes: three entries
  for (let number = 0; number < 9; number++) await spool.put(emptyEntry(number))
  await spool.close()
  const [path = ''] = filesOf(dir, 'entries')
  flipBit(path, 250)
  const { log, lines } = recorded()
  const again = await opened(dir, { bytesMax: 8000 }, { log })
  const taken = await again.take(100)
  assert.deepEqual(
    taken.map(({ parcel }) => parcel.id.number),
    [0, 2, 3, 4, 5, 6, 7, 8],
  )
  assert.equal(again.stats().damages, 1)
  assert.equal(lines.length, 1)
  assert.match(
    lines[0]!,
    /^error the spool is damaged error="StorageBroken: the log is damaged: 1 records cannot/,
  )
  for (const each of taken) again.done(each)
  await again.close()
  assert.ok(existsSync(`${path}.damaged`))
  const last = await opened(dir)
  assert.deepEqual([await waiting(last), last.stats().damages], [[], 0])
  await last.close()
})

test('an entry that cannot be read again is set aside and said', async (context) => {
  const dir = temporaryFolder(context)
  const { log, lines } = recorded()
  const spool = await opened(dir, roomy, { log })
  for (let number = 0; number < 3; number++) await spool.put(emptyEntry(number))
  const [path = ''] = filesOf(dir, 'entries')
  flipBit(path, 250)
  assert.deepEqual(await waiting(spool), ['0 of eni-a', '2 of eni-a'])
  assert.deepEqual([spool.stats().damages, spool.stats().entries], [1, 2])
  assert.match(
    lines[0]!,
    /^error the spool is damaged: an entry cannot be read place="byte \d+ of /,
  )
  await spool.close()
})

test('a second process is refused', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  await assert.rejects(opened(dir), { code: 'DataDirLocked', place: dir })
  await spool.close()
  await (await opened(dir)).close()
})

test(`random bytes in the files never hide an entry that is whole (WEIR_SEED=${seed})`, async (context) => {
  const random = randomFrom(seed)
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  const ends: number[] = []
  for (let number = 0; number < 20; number++) {
    await spool.put({ eni: 'eni-a', parcels: [parcelOf(number, random(30))], note: number })
    ends.push(spool.stats().bytes)
  }
  await spool.close()
  const [path = ''] = filesOf(dir, 'entries')
  const whole = readFileSync(path)
  for (let round = 0; round < rounds; round++) {
    const bytes = Buffer.from(whole)
    const hit = new Set<number>()
    for (let change = random(4); change >= 0; change--) {
      const at = random(bytes.length)
      bytes[at]! ^= 1 + random(255)
      hit.add(ends.findIndex((end) => at < end))
    }
    rmSync(dir, { recursive: true })
    const empty = await opened(dir)
    await empty.close()
    const damaged = path
    writeFileSync(damaged, bytes)
    const again = await opened(dir)
    const expected = ends.map((_, number) => number).filter((number) => !hit.has(number))
    const found = (await again.take(100)).map(({ parcel }) => parcel.id.number)
    assert.deepEqual(found, expected, `bytes of entries ${[...hit].join()} changed`)
    await again.close()
  }
})

test(`random bytes in the notes lose no note but those they hit (WEIR_SEED=${seed})`, async (context) => {
  const random = randomFrom(seed + 1)
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  const [path = ''] = filesOf(dir, 'notes')
  const ends: number[] = []
  for (let number = 0; number < 20; number++) {
    await spool.journal(new Map([[`eni-${number}`, 'n'.repeat(random(50))]]))
    ends.push(readFileSync(filesOf(dir, 'notes')[0]!).length)
  }
  assert.equal(path, '')
  const [file = ''] = filesOf(dir, 'notes')
  const whole = readFileSync(file).subarray(0, ends.at(-1))
  await spool.close()
  for (let round = 0; round < rounds; round++) {
    const bytes = Buffer.from(whole)
    const hit = new Set<string>()
    for (let change = random(4); change >= 0; change--) {
      const at = random(bytes.length)
      bytes[at]! ^= 1 + random(255)
      hit.add(`eni-${ends.findIndex((end) => at < end)}`)
    }
    rmSync(dir, { recursive: true })
    await (await opened(dir)).close()
    for (const other of filesOf(dir, 'notes')) rmSync(other)
    writeFileSync(file, bytes)
    const again = await opened(dir)
    const expected = ends.map((_, number) => `eni-${number}`).filter((eni) => !hit.has(eni))
    assert.deepEqual([...again.notes().keys()], expected)
    await again.close()
  }
})
