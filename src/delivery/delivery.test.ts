import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IntegerColumn, TextColumn } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import { createLog, type Log } from '../base/log.ts'
import { action, direction, type EniIdentity, FlowRecordBatch, logStatus } from '../record/batch.ts'
import { Delivery, type Parcel, type RecordSink, type Route, Sorter } from './delivery.ts'

const eni = (eniId: string): EniIdentity => ({
  accountId: '-',
  eniId,
  vmId: '-',
  vSwitchId: '-',
  vpcId: 'vpc-1',
})
const enis = [eni('eni-a'), eni('eni-b')]

/** A record a pair of ENI number and bytes. */
function records(...rows: readonly (readonly [eni: number, bytes: number])[]): FlowRecordBatch {
  const batch = new FlowRecordBatch()
  for (const [of, bytes] of rows) {
    const row = batch.rows++
    batch.eni[row] = of
    batch.status[row] = logStatus.ok
    batch.direction[row] = direction.in
    batch.action[row] = action.accept
    batch.family[row] = 4
    batch.source[row * 4] = 0x0a000001
    batch.packets[row] = 1
    batch.bytes[row] = bytes
    batch.start[row] = 1_700_000_000
    batch.end[row] = 1_700_000_060
  }
  return batch
}

/** Keeps the records of the ENIs of these numbers. */
const routeOf = (flowLog: string, logstore: string, wanted: readonly number[]): Route => ({
  flowLog,
  project: 'weir',
  logstore,
  keep: (batch, rows) => {
    let kept = 0
    for (let row = 0; row < batch.rows; row++)
      if (wanted.includes(batch.eni[row]!)) rows[kept++] = row
    return kept
  },
})

/** `logstore flowLog/run/number: ENI bytes, ...` */
function told({ logstore, id, batch }: Parcel): string {
  const bytes = batch.columns.get('bytes') as IntegerColumn
  const ids = batch.columns.get('eni-id') as TextColumn
  const rows = Array.from({ length: batch.rows }, (_, row) => {
    return `${ids.dictionary[ids.codes[row]! - 1]} ${bytes.values[row]}`
  })
  return `${logstore} ${id.flowLog}/${id.run}/${id.number}: ${rows.join(', ')}`
}

test('each flow log gets what it keeps, in batches numbered from 0, none for nothing', () => {
  const routes = [
    routeOf('fl-a', 'of-a', [0]),
    routeOf('fl-a', 'all', [0]),
    routeOf('fl-all', 'all', [0, 1]),
  ]
  const sorter = new Sorter(routes, 'run-1', enis)
  const sorted = (...rows: [number, number][]) => sorter.sort(records(...rows)).map(told)
  assert.deepEqual(sorted([0, 10], [1, 20], [0, 30]), [
    'of-a fl-a/run-1/0: eni-a 10, eni-a 30',
    'all fl-a/run-1/0: eni-a 10, eni-a 30',
    'all fl-all/run-1/0: eni-a 10, eni-b 20, eni-a 30',
  ])
  assert.deepEqual(sorted([1, 40]), ['all fl-all/run-1/1: eni-b 40'])
  assert.deepEqual(sorted([0, 50]), [
    'of-a fl-a/run-1/1: eni-a 50',
    'all fl-a/run-1/1: eni-a 50',
    'all fl-all/run-1/2: eni-a 50',
  ])
  assert.deepEqual(sorted(), [])
})

test('a parcel owns its memory, and the same records in the same run are the same parcels', () => {
  const routes = [routeOf('fl-1', 'all', [0, 1])]
  const batch = records([0, 1], [1, 2])
  const first = new Sorter(routes, 'run-1', enis).sort(batch)
  const second = new Sorter(routes, 'run-1', enis).sort(batch)
  assert.deepEqual(first, second)
  batch.bytes.fill(0)
  batch.eni.fill(0)
  batch.rows = 1
  assert.deepEqual(first.map(told), ['all fl-1/run-1/0: eni-a 1, eni-b 2'])
})

function recorded(): { log: Log; lines: string[] } {
  const lines: string[] = []
  return { lines, log: createLog((line) => void lines.push(line.replace(/^\S+ /, ''))) }
}

/** Parcels of one record each, numbered from 0. */
function parcels(count: number): Parcel[] {
  const sorter = new Sorter([routeOf('fl-1', 'all', [0])], 'run-1', enis)
  return Array.from({ length: count }, (_, i) => sorter.sort(records([0, i]))).flat()
}

const counts = (delivery: Delivery) => {
  const { parcels: stored, records: rows, retries, lostRecords } = delivery
  return { stored, rows, retries, lostRecords }
}

const full = () => new WeirError('StorageFull', 'the disk is full')

test('what passes is tried again until it is stored', async () => {
  const { log, lines } = recorded()
  const tries: number[] = []
  const sink: RecordSink = ({ id }) => {
    tries.push(id.number)
    if (tries.filter((each) => each === 1).length === 1 && id.number === 1)
      return Promise.reject(new WeirError('ServerUnreachable', 'nobody answers'))
    return Promise.resolve()
  }
  const delivery = new Delivery(sink, log)
  for (const parcel of parcels(3)) delivery.send(parcel)
  await delivery.finish()
  assert.deepEqual(tries, [0, 1, 2, 1])
  assert.deepEqual(counts(delivery), { stored: 3, rows: 3, retries: 1, lostRecords: 0 })
  assert.deepEqual(lines, [
    'warn records wait for their logstore flowLog=fl-1 records=1 ' +
      'error="ServerUnreachable: nobody answers"\n',
  ])
})

test('what does not pass is lost, counted and thrown; the others are stored', async () => {
  const { log, lines } = recorded()
  const gone = new WeirError('LogStoreNotExist', 'there is no logstore all')
  const sink: RecordSink = ({ id }) => (id.number === 1 ? Promise.reject(gone) : Promise.resolve())
  const delivery = new Delivery(sink, log)
  for (const parcel of parcels(3)) delivery.send(parcel)
  await assert.rejects(delivery.finish(), gone)
  await assert.rejects(delivery.drain(), gone)
  assert.deepEqual(counts(delivery), { stored: 2, rows: 2, retries: 0, lostRecords: 1 })
  assert.deepEqual(lines, [
    'error records were lost: their logstore did not take them flowLog=fl-1 run=run-1 number=1 ' +
      'records=1 error="LogStoreNotExist: there is no logstore all"\n',
  ])
})

test('told to stop, it tries once more and then says what was lost', async () => {
  const { log, lines } = recorded()
  let tries = 0
  const delivery = new Delivery(() => {
    tries++
    return Promise.reject(full())
  }, log)
  delivery.send(parcels(1)[0]!)
  await delivery.drain() // one parcel leaves room
  delivery.stopRetrying()
  await assert.rejects(delivery.finish(), { name: 'StorageFull' })
  assert.ok(tries <= 2, `${tries} tries`)
  assert.deepEqual(counts(delivery), { stored: 0, rows: 0, retries: tries - 1, lostRecords: 1 })
  assert.match(lines.at(-1)!, /^error records were lost: /)
})

test('drain holds its caller back while 32 parcels are under way', async () => {
  const release: (() => void)[] = []
  const delivery = new Delivery(
    () => new Promise((resolve) => release.push(resolve)),
    recorded().log,
  )
  const all = parcels(33)
  for (const parcel of all.slice(0, 31)) delivery.send(parcel)
  await delivery.drain()
  delivery.send(all[31]!)
  let drained = false
  const draining = delivery.drain().then(() => (drained = true))
  await new Promise(setImmediate)
  assert.equal(drained, false)
  release.shift()!()
  await draining
  delivery.send(all[32]!)
  for (const each of release) each()
  await delivery.finish()
  assert.deepEqual(counts(delivery), { stored: 33, rows: 33, retries: 0, lostRecords: 0 })
})
