/** A spool delivered into a real log store: "a window sent twice is stored once". */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { WeirError } from '../src/base/errors.ts'
import { openSpool, type RecordSink, SpooledDelivery } from '../src/delivery/delivery.ts'
import { openLogStore } from '../src/logstore/logstore.ts'
import { storeSink } from '../src/programs/store-sink.ts'
import { ask } from './logstore-rows.ts'
import { parcelOf, recorded } from './spool-parcels.ts'
import { temporaryFolder } from './temporary-folder.ts'

test('lost answers and lost marks of delivery make no record twice', async (context) => {
  const folder = temporaryFolder(context)
  const { log } = recorded()
  const store = await openLogStore(join(folder, 'data'))
  context.after(() => store.close())
  store.createProject('weir', { description: '' })
  const columns = [
    { name: 'bytes', kind: 'integer' },
    { name: 'text', kind: 'text' },
  ] as const
  store.createLogstore('weir', 'all', { columns, ttlDays: 3650 })
  const keep = storeSink(store)
  const rows = () => ask(store, 'weir', 'all', 'SELECT bytes FROM log ORDER BY bytes')
  const expected = [0, 1, 2].flatMap((number) => [0, 1].map((row) => [number * 1000 + row]))

  const spool = await openSpool(join(folder, 'spool'), { bytesMax: 1e6 }, { log })
  for (const number of [0, 1, 2])
    await spool.put({ eni: 'eni-a', parcels: [parcelOf(number, 2)], note: number })
  const kept: number[] = []
  const answersNever: RecordSink = async (parcel) => {
    await keep(parcel)
    kept.push(parcel.id.number)
    throw new WeirError('ServerUnreachable', 'the answer was lost')
  }
  const first = new SpooledDelivery(spool, answersNever, log)
  while (new Set(kept).size < 3) await new Promise(setImmediate)
  await first.stop()
  await spool.close()
  assert.deepEqual(await rows(), expected)

  const again = await openSpool(join(folder, 'spool'), { bytesMax: 1e6 }, { log })
  assert.equal(again.stats().parcels, 3)
  const second = new SpooledDelivery(again, keep, log)
  await second.drain()
  await second.stop()
  await again.close()
  assert.deepEqual([second.parcels, second.records], [3, 6])
  assert.deepEqual(await rows(), expected)
  assert.equal(store.stats().duplicateBatches, kept.length)
})
