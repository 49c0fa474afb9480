import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '../base/errors.ts'
import { WeirError } from '../base/errors.ts'
import { parcelOf, recorded } from '../../test/spool-parcels.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { openSpool, type Parcel, parcelTotals, type Spool, SpooledDelivery } from './delivery.ts'

const opened = (dir: string): Promise<Spool> =>
  openSpool(dir, { bytesMax: 1 << 30 }, { log: recorded().log })

const put = async (spool: Spool, ...numbers: readonly number[]): Promise<void> => {
  for (const number of numbers)
    await spool.put({ eni: `eni-${number}`, parcels: [parcelOf(number, 2)], note: number })
}

/** A sink that keeps what it takes, once each. */
function store(refuse: (parcel: Parcel) => WeirError | undefined = () => undefined) {
  const stored: number[] = []
  const tries: number[] = []
  return {
    stored,
    tries,
    sink: async (parcel: Parcel): Promise<void> => {
      tries.push(parcel.id.number)
      const refusal = refuse(parcel)
      if (refusal !== undefined) throw refusal
      if (!stored.includes(parcel.id.number)) stored.push(parcel.id.number)
    },
  }
}

const counts = ({ parcels, records, retries, lostRecords }: SpooledDelivery) => ({
  parcels,
  records,
  retries,
  lostRecords,
})
const away = () => new WeirError('ServerUnreachable', 'nobody answers')

test('what is in the spool is sent, and what comes into it later', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  await put(spool, 0, 1)
  const { sink, stored } = store()
  const delivery = new SpooledDelivery(spool, sink, recorded().log, { underWayMax: 2 })
  await delivery.drain()
  assert.deepEqual(stored, [0, 1])
  await put(spool, 2, 3, 4)
  await delivery.drain()
  assert.deepEqual(stored, [0, 1, 2, 3, 4])
  assert.deepEqual(counts(delivery), { parcels: 5, records: 10, retries: 0, lostRecords: 0 })
  await delivery.stop()
  await spool.close()
  const again = await opened(dir)
  assert.equal(again.stats().entries, 0)
  await again.close()
})

test('while the server is away all waits, one line says so, and then all is sent', async (context) => {
  const spool = await opened(temporaryFolder(context))
  await put(spool, 0, 1, 2)
  const { log, lines } = recorded()
  let triesLeft = 6
  const { sink, stored } = store(() => (triesLeft-- > 0 ? away() : undefined))
  const delivery = new SpooledDelivery(spool, sink, log)
  await delivery.drain()
  assert.deepEqual(
    stored.toSorted((a, b) => a - b),
    [0, 1, 2],
  )
  assert.deepEqual(counts(delivery), { parcels: 3, records: 6, retries: 6, lostRecords: 0 })
  assert.deepEqual(lines, [
    'warn records wait for their logstore error="ServerUnreachable: nobody answers"\n',
    'info records wait no longer\n',
  ])
  assert.equal(delivery.waitsFor, undefined)
  await delivery.stop()
  await spool.close()
})

test('what a logstore will never take is told, counted and leaves the spool; the rest is stored', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  await put(spool, 0, 1, 2)
  const { log, lines } = recorded()
  const gone = new WeirError('LogStoreNotExist', 'there is no logstore all')
  const { sink, stored } = store(({ id }) => (id.number === 1 ? gone : undefined))
  const told: string[] = []
  let failures = 1
  const delivery = new SpooledDelivery(spool, sink, log, {
    onLost: ({ eni, parcel }, error) => {
      told.push(`${eni} ${parcel.id.number} ${error.code}`)
      if (failures-- > 0) throw new Error('the journal was full')
    },
  })
  await delivery.drain()
  assert.deepEqual(stored, [0, 2])
  assert.deepEqual(told, ['eni-1 1 LogStoreNotExist', 'eni-1 1 LogStoreNotExist'])
  assert.equal(delivery.lostRecords, 2)
  assert.ok(
    lines.includes(
      'error records were lost: their logstore did not take them flowLog=fl-1 run=run-1 number=1 ' +
        'records=2 error="LogStoreNotExist: there is no logstore all"\n',
    ),
  )
  await delivery.stop()
  await spool.close()
  const again = await opened(dir)
  assert.equal(again.stats().entries, 0)
  await again.close()
})

test('only a request that is wrong in itself is given up', async (context) => {
  const isGivenUp = async (code: ErrorCode): Promise<boolean> => {
    const spool = await opened(temporaryFolder(context))
    await put(spool, 0)
    const { sink } = store(() => new WeirError(code, 'no'))
    const delivery = new SpooledDelivery(spool, sink, recorded().log)
    while (delivery.retries === 0 && delivery.lostRecords === 0) await new Promise(setImmediate)
    await delivery.stop()
    assert.equal(spool.stats().entries, delivery.lostRecords === 0 ? 1 : 0)
    await spool.close()
    return delivery.lostRecords > 0
  }
  const never = ['LogStoreNotExist', 'ProjectNotExist', 'ParameterInvalid', 'RequestTooLarge']
  for (const code of never) assert.equal(await isGivenUp(code as ErrorCode), true, code)
  const storage = ['StorageFull', 'StorageBroken', 'ServerUnreachable', 'ServerError']
  const passing = ['NotLoopback', 'RequestTimeout', 'QueryBusy', 'DataDirLocked']
  for (const code of [...storage, ...passing])
    assert.equal(await isGivenUp(code as ErrorCode), false, code)
})

test('stop ends at once, also while the server is away or hangs; nothing is lost', async (context) => {
  const dir = temporaryFolder(context)
  const spool = await opened(dir)
  await put(spool, 0, 1, 2)
  const waits = Promise.withResolvers<void>()
  const delivery = new SpooledDelivery(
    spool,
    ({ id }, signal) => {
      if (id.number === 0) return Promise.resolve()
      if (id.number === 1) return Promise.reject(away())
      waits.resolve()
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(away())))
    },
    recorded().log,
  )
  await waits.promise
  const drained = delivery.drain()
  while (delivery.retries < 1 || delivery.parcels < 1) await new Promise(setImmediate)
  await delivery.stop()
  await drained
  assert.deepEqual(counts(delivery), { parcels: 1, records: 2, retries: 1, lostRecords: 0 })
  await spool.close()

  const again = await opened(dir)
  const { sink, stored } = store()
  const next = new SpooledDelivery(again, sink, recorded().log)
  await next.drain()
  assert.deepEqual(stored, [1, 2])
  await next.stop()
  await again.close()
})

test('a long backlog passes through few at a time', async (context) => {
  const spool = await opened(temporaryFolder(context))
  const numbers = Array.from({ length: 500 }, (_, number) => number)
  await Promise.all(numbers.map((number) => put(spool, number)))
  let underWay = 0
  let most = 0
  const stored: number[] = []
  const delivery = new SpooledDelivery(
    spool,
    async ({ id }) => {
      most = Math.max(most, ++underWay)
      await new Promise(setImmediate)
      underWay--
      stored.push(id.number)
    },
    recorded().log,
    { underWayMax: 8 },
  )
  await delivery.drain()
  assert.deepEqual(
    stored.toSorted((a, b) => a - b),
    numbers,
  )
  assert.equal(most, 8)
  await delivery.stop()
  await spool.close()
})

test('totals of a parcel are those of its records; what does not apply is left out', () => {
  const integers = (...values: number[]) => ({
    kind: 'integer' as const,
    values: Float64Array.from(values),
  })
  const columns = new Map([
    ['packets', integers(3, 4, Number.NaN, 99)],
    ['bytes', integers(300, 400, Number.NaN, 99)],
    ['start', integers(70, 61, 60, 0)],
    ['end', integers(120, 80, 120, 999)],
  ])
  const parcel = { ...parcelOf(0, 0), batch: { rows: 3, columns } }
  assert.deepEqual(parcelTotals(parcel), { records: 3, packets: 7, bytes: 700, from: 60, to: 120 })
  assert.deepEqual(parcelTotals(parcelOf(0, 0)), {
    records: 0,
    packets: 0,
    bytes: 0,
    from: undefined,
    to: undefined,
  })
})
