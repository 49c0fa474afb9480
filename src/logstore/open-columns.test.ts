import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Column } from '../base/columns.ts'
import { openLogStore } from './logstore.ts'
import { faultyDisk } from '../../test/faulty-disk.ts'
import { allTime, askFiles, temporaryFolder } from '../../test/logstore-rows.ts'

const hour = 3600
const at = 1_767_322_800
const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, hourSettleSeconds: 60 }
type Fields = Readonly<Record<string, string | number>>

async function opened(context: TestContext, folder = temporaryFolder(context)) {
  const clock = { now: at }
  const { disk, faults } = faultyDisk()
  const store = await openLogStore(folder, quiet, { now: () => clock.now, disk })
  context.after(() => store.close())
  if (store.projects().length === 0) {
    store.createProject('shop', { description: '' })
    store.createLogstore('shop', 'open', { columns: [], ttlDays: 7, openColumns: true })
  }
  const put = (fields: Fields) => {
    const columns = Object.entries({ __time__: at, ...fields }).map(
      ([name, value]): [string, Column] => [
        name,
        typeof value === 'number'
          ? { kind: 'integer', values: Float64Array.of(value) }
          : { kind: 'text', dictionary: [value], codes: Uint32Array.of(1) },
      ],
    )
    return store.append('shop', 'open', { rows: 1, columns: new Map(columns) })
  }
  const names = () => store.columns('shop', 'open').map(({ name }) => name)
  /** The column sets of its files, and their rows as text, where a column may be missing. */
  const files = async () => {
    const lease = await store.lease('shop', 'open', ...allTime)
    lease.release()
    return lease.files
  }
  return { folder, store, clock, faults, put, names, files }
}

test('columns a batch brings are there before its acknowledgement', async (context) => {
  const { folder, store, put, names } = await opened(context)
  await put({ a: '1', 'Odd "b"': '2' })
  await put({ a: '1' })
  await Promise.all([put({ c: '3' }), put({ c: '4', d: 5 })])
  const have = ['a', 'Odd "b"', 'c', 'd']
  assert.deepEqual(names(), have)
  assert.equal(store.columns('shop', 'open')[3]!.kind, 'integer')
  await store.close()
  const again = await opened(context, folder)
  assert.deepEqual(again.names(), have)
})

test('a batch that is refused or not stored leaves what it must', async (context) => {
  const { put, names, faults, store } = await opened(context)
  const refused = (fields: Fields, message: RegExp) =>
    assert.rejects(put(fields), { code: 'ParameterInvalid', message })
  await put({ a: '1' })
  await refused({ new1: 'x', A: '1' }, /column A is there twice or reserved/)
  await refused({ new1: 'x', ['__Shard__']: '1' }, /__Shard__ is there twice or reserved/)
  await refused({ new1: 'x', ['']: '1' }, /"" cannot be the name of a column/)
  await refused({ new1: 'x', ['\n']: '1' }, /cannot be the name/)
  await refused({ new1: 'x', ['é'.repeat(65)]: '1' }, /at most 128 bytes/)
  await refused({ new1: 'x', a: 1 }, /column a is text, not integer/)
  await refused({ new1: 'x', __time__: -1 }, /row 0 has __time__ -1/)
  assert.deepEqual(names(), ['a'])
  faults.free = 0
  await assert.rejects(put({ b: '1' }), { code: 'StorageFull' })
  assert.equal(store.stats().appendedRows, 1)
})

test('there are at most 500 columns', async (context) => {
  const { put, names } = await opened(context)
  const fields = (from: number, to: number) =>
    Object.fromEntries(Array.from({ length: to - from }, (_, index) => [`c${from + index}`, 'x']))
  await put(fields(0, 499))
  await assert.rejects(put(fields(499, 501)), /at most 500 columns, not 501/)
  await put(fields(499, 500))
  assert.equal(names().length, 500)
})

test('addColumns adds what is not there, to a logstore that is not open too', async (context) => {
  const { store } = await opened(context)
  const a = { name: 'a', kind: 'integer' as const }
  store.createLogstore('shop', 'shut', { columns: [a], ttlDays: 7 })
  const b = { name: 'b', kind: 'text' as const }
  const other = { name: 'a', kind: 'text' as const }
  assert.deepEqual(store.addColumns('shop', 'shut', [other, b, b]), [a, b])
  assert.deepEqual(store.addColumns('shop', 'shut', [b]), [a, b])
  assert.throws(() => store.addColumns('shop', 'shut', [{ name: 'B', kind: 'text' }]), {
    code: 'ParameterInvalid',
  })
  assert.throws(() => store.createLogstore('shop', 'none', { columns: [], ttlDays: 7 }), {
    code: 'ParameterInvalid',
  })
  assert.deepEqual(store.columns('shop', 'shut'), [a, b])
})

test('files of different columns are leased, merged and replayed', async (context) => {
  const { folder, store, clock, put, files } = await opened(context)
  await put({ a: '1' })
  await files()
  await put({ b: '2' })
  await files()
  store.addColumns('shop', 'open', [{ name: 'n', kind: 'integer' }])
  await put({ n: 7, a: '3' })
  const lacks = (await files()).map((file) => file.lacks)
  assert.deepEqual(lacks, [
    ['b', 'n', '__shard__'],
    ['a', 'n', '__shard__'],
    ['b', '__shard__'],
  ])
  clock.now = at + 2 * hour
  await store.maintain()
  const [merged, ...more] = await files()
  assert.deepEqual(more, [])
  assert.deepEqual(merged?.lacks, ['__shard__'])
  const select = 'SELECT a, b, n FROM log ORDER BY n, a'
  assert.deepEqual(await askFiles([merged!.path], select), [
    ['3', null, 7],
    ['1', null, null],
    [null, '2', null],
  ])
  assert.deepEqual(await store.verify(), [])
  await put({ late: 'x' })
  await store.close()
  const again = await opened(context, folder)
  assert.deepEqual(
    (await again.files()).map((file) => file.lacks),
    [
      ['late', '__shard__'],
      ['a', 'b', 'n', '__shard__'],
    ],
  )
})
