import assert from 'node:assert/strict'
import { test } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { ask } from '../../test/logstore-rows.ts'
import { decodeLogGroup, encodeLogGroup } from '../log-group/log-group.ts'
import { openLogStore } from '../logstore/logstore.ts'
import { putGroup } from './put.ts'

test('a group of more than a million values, absent ones counted, is stored in parts', async (t) => {
  const store = await openLogStore(temporaryFolder(t))
  t.after(() => store.close())
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'wide', { columns: [], openColumns: true, ttlDays: 3650 })
  const logs = Array.from({ length: 60_000 }, (_, index) => ({
    time: 1_699_999_200 + (index % 3600),
    contents: [[`key${index % 20}`, String(index)]] as const,
  }))
  const body = encodeLogGroup({ topic: 'tp', source: 's', tags: [], logs })
  await putGroup(store, 'shop', 'wide', decodeLogGroup(body))
  assert.deepEqual([store.stats().appendedBatches, store.stats().appendedRows], [2, 60_000])
  const sums =
    'count(*), count(DISTINCT "__time__"), sum(key0::INT), max(key19::INT), min("__topic__")'
  const zeros = Array.from({ length: 3000 }, (_, index) => index * 20)
  const sum = zeros.reduce((total, value) => total + value, 0)
  const [row] = await ask(store, 'shop', 'wide', `SELECT ${sums} FROM log`)
  assert.deepEqual(row, [60_000, 3600, sum, 59_999, 'tp'])
})

test('a group that no logstore takes is refused whole', async (t) => {
  const store = await openLogStore(temporaryFolder(t))
  t.after(() => store.close())
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'open', { columns: [], openColumns: true, ttlDays: 3650 })
  const logs = Array.from({ length: 1001 }, (_, hour) => ({ time: hour * 3600, contents: [] }))
  const body = encodeLogGroup({ topic: '', source: '', tags: [], logs })
  await assert.rejects(putGroup(store, 'shop', 'open', decodeLogGroup(body)), {
    code: 'PostBodyInvalid',
    message: 'the rows of a batch lie in at most 1000 hours, not 1001',
  })
  assert.equal(store.stats().appendedBatches, 0)
  const long = { topic: 'x'.repeat(1025), source: '', tags: [], logs: logs.slice(0, 1) }
  await assert.rejects(putGroup(store, 'shop', 'open', decodeLogGroup(encodeLogGroup(long))), {
    code: 'PostBodyInvalid',
  })
  const group = decodeLogGroup(encodeLogGroup({ ...long, topic: '', logs: [] }))
  await assert.rejects(putGroup(store, 'shop', 'none', group), { code: 'LogStoreNotExist' })
})
