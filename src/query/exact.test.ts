/** "Exact, or marked partial with the share of the range that was not scanned (never silently cut)". */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openLogStore } from '../logstore/logstore.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import type { QueryRequest } from './query.ts'

const hour = 3600
const at = 1_767_322_800

test('a damaged segment: the share and the ranges that were not scanned', async (context) => {
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9 }
  const folder = temporaryFolder(context)
  const store = await openLogStore(folder, quiet, { now: () => at + 3 * hour })
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store)
  context.after(async () => {
    await engine.close()
    await store.close()
  })
  store.createProject('shop', { description: '' })
  const columns = [{ name: 'bytes', kind: 'integer' } as const]
  store.createLogstore('shop', 'log', { columns, ttlDays: 7 })
  for (const [index, rows] of [3, 1, 2].entries()) {
    const time = Float64Array.from({ length: rows }, (_, row) => at + index * hour + row * 10)
    const bytes = Float64Array.from({ length: rows }, () => 100)
    const batch = new Map([
      ['__time__', { kind: 'integer', values: time } as const],
      ['bytes', { kind: 'integer', values: bytes } as const],
    ])
    await store.append('shop', 'log', { rows, columns: batch })
    // A lease makes a segment of what is in memory.
    ;(await store.lease('shop', 'log', 0, at + 9 * hour)).release()
  }
  const request = { project: 'shop', logstore: 'log', from: at, to: at + 3 * hour }
  const ask = (more: Partial<QueryRequest> = {}) =>
    engine.run({ ...request, query: '* | select sum(bytes)', ...more })
  const whole = await ask()
  assert.deepEqual([whole.rows, whole.exact, whole.missing], [[['600']], true, undefined])

  const lease = await store.lease('shop', 'log', at, at + hour)
  lease.release()
  const { path } = lease.files[0]!
  const sound = readFileSync(path)
  writeFileSync(path, Buffer.concat([Buffer.from([sound[0]! ^ 1]), sound.subarray(1)]))
  assert.equal((await store.verify()).length, 1)
  const partial = await ask()
  assert.deepEqual(partial.rows, [['300']])
  assert.deepEqual([partial.exact, partial.limited, partial.cut], [false, false, undefined])
  assert.deepEqual(partial.missing, { share: 0.5, ranges: [{ from: at, to: at + 21 }] })
  const cutRange = await ask({ from: at + 5, to: at + 15 })
  assert.deepEqual(cutRange.missing, { share: 1, ranges: [{ from: at + 5, to: at + 15 }] })
  const later = await ask({ from: at + hour })
  assert.deepEqual([later.exact, later.missing], [true, undefined], 'of the range alone')
  const raw = await ask({ query: 'bytes > 1' })
  assert.deepEqual([raw.rows.length, raw.exact], [3, false])
  const compared = await ask({
    from: at + hour,
    to: at + 2 * hour,
    query: `* | select compare(n, ${hour}) from (select count(*) as n from log)`,
  })
  assert.equal(compared.exact, false, 'the earlier range counts too')
  assert.deepEqual(readdirSync(join(path, '..')).length > 0, true)
})

test('caps of rows and characters: not exact; a LIMIT and a page: exact', async (context) => {
  const rows = Array.from({ length: 300 }, (_, index) => ({ ...testRecord, bytes: index }))
  const store = await testLogstore([rows])
  const config = { ...defaultQueryConfig, workers: 1, rowsMax: 200, charactersMax: 400 }
  const engine = new QueryEngine(config, store.reader)
  context.after(async () => {
    await engine.close()
    await store.remove()
  })
  const from = testRecord.__time__
  const ask = async (query: string, more: Partial<QueryRequest> = {}) => {
    const range = { project: 'weir', logstore: 'flow-log', from, to: from + 1 }
    const result = await engine.run({ ...range, query, ...more })
    return [result.rows.length, result.limited, result.exact, result.cut]
  }
  const select = '* | select 1 from log'
  assert.deepEqual(await ask(select), [100, true, true, undefined])
  assert.deepEqual(await ask(`${select} limit 5`), [5, false, true, undefined])
  assert.deepEqual(await ask(`${select} limit 200`), [200, false, true, undefined])
  assert.deepEqual(await ask(`${select} limit 250`), [200, true, false, 'rows'])
  const limits = { rowsMax: 7 }
  assert.deepEqual(await ask(`${select} limit 10`, { limits }), [7, true, false, 'rows'])
  assert.deepEqual(await ask(`${select} limit 7`, { limits }), [7, false, true, undefined])
  assert.deepEqual(await ask(select, { limits: { rowsMax: 9999 } }), [100, true, true, undefined])
  const [count, ...rest] = await ask("* | select 'ten letters' from log")
  assert.deepEqual([count, ...rest], [36, true, false, 'characters'])
  assert.deepEqual(await ask('*', { line: 2 }), [2, true, true, undefined])
})
