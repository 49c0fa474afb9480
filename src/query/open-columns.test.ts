/** A column that segments lack is NULL in their rows, through the real store and a real worker. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Column } from '../base/columns.ts'
import { openLogStore } from '../logstore/logstore.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { defaultQueryConfig, QueryEngine } from './query.ts'

const at = 1_767_322_800
const text = (name: string) => ({ name, kind: 'text' as const })

test('segments older than a column, and columns that no segment has, are asked alike', async (context) => {
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9 }
  const store = await openLogStore(temporaryFolder(context), quiet, { now: () => at })
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store)
  context.after(async () => {
    await engine.close()
    await store.close()
  })
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'open', { columns: [], ttlDays: 7, openColumns: true })
  const put = (fields: Readonly<Record<string, string>>) => {
    const columns = Object.entries(fields).map(([name, value]): [string, Column] => [
      name,
      { kind: 'text', dictionary: [value], codes: Uint32Array.of(1) },
    ])
    const time: Column = { kind: 'integer', values: Float64Array.of(at) }
    return store.append('shop', 'open', {
      rows: 1,
      columns: new Map([['__time__', time], ...columns]),
    })
  }
  const ask = async (query: string) => {
    const range = { from: at - 60, to: at + 60 }
    return (await engine.run({ project: 'shop', logstore: 'open', query, ...range })).rows
  }
  await put({ a: '1' })
  assert.deepEqual(await ask('* | SELECT count(*), count(a)'), [['1', '1']])
  store.addColumns('shop', 'open', [text('nobody')])
  assert.deepEqual(await ask('* | SELECT count(*), count(nobody)'), [['1', '0']])
  await put({ b: '2' })
  await put({ a: '3', b: '4' })
  const rows = [
    ['1', null, null],
    ['3', '4', null],
    [null, '2', null],
  ]
  const all = '* | SELECT a, b, nobody FROM log ORDER BY a NULLS LAST'
  assert.deepEqual(await ask(all), rows)
  assert.deepEqual(await ask('b: 2 | SELECT count(*)'), [['1']])
  assert.deepEqual(await ask('* | SELECT count(*) WHERE a IS NULL'), [['1']])
  for (let extra = 0; extra < 12; extra++) {
    await put({ a: 'z', [`extra${extra}`]: 'x' })
    assert.deepEqual(await ask(`extra${extra}: x | SELECT count(*), count(b)`), [['1', '0']])
  }
  const both = '* | SELECT count(*), count(a), count(b), count(nobody), count(extra3)'
  assert.deepEqual(await ask(both), [['15', '14', '2', '0', '1']], '15 kinds of file')
})
