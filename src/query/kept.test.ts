/** What a search chose is held for the parts of a query where it is few by a few files, and read again where it is not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ColumnSpec } from '../base/columns.ts'
import type { LogReader } from '../logstore/logstore.ts'
import { openLogStore } from '../logstore/logstore.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { defaultQueryConfig, QueryEngine } from './query.ts'

/** 2026-01-02T03:00:00Z. */
const at = 1_767_322_800
const files = 16
const rows = 40_000
const columns: readonly ColumnSpec[] = ['a', 'b', 'c', 'd', 'e'].map((name) => ({
  name,
  kind: 'integer',
}))

const parts =
  'with x as (select max(b) m from log), y as (select a, b, c, d, e from log where c < 3) ' +
  'select m, count(*), sum(a), sum(b), sum(c), sum(d), sum(e) from x cross join y group by m'

test('a search that takes little, all, or more than memory: the answer of a query with several parts', async (context) => {
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, flushRows: 1e9 }
  const store = await openLogStore(temporaryFolder(context), quiet, { now: () => at })
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'flows', { columns, ttlDays: 3650 })
  for (let file = 0; file < files; file++) {
    const of = (value: (row: number) => number) => ({
      kind: 'integer' as const,
      values: Float64Array.from({ length: rows }, (_, row) => value(file * rows + row)),
    })
    await store.append('shop', 'flows', {
      rows,
      columns: new Map([
        ['__time__', of((row) => at + (row % 3600))],
        ['a', of((row) => row % 1000)],
        ['b', of((row) => row)],
        ['c', of((row) => row % 7)],
        ['d', of((row) => row % 11)],
        ['e', of((row) => row % 13)],
      ]),
    })
    const lease = await store.lease('shop', 'flows', 0, 2 ** 40)
    lease.release()
  }
  /** Every file is said to have so many rows more. */
  const saying = (more: (file: number) => number): LogReader => ({
    columns: (...all) => store.columns(...all),
    rollups: (...all) => store.rollups(...all),
    acknowledged: () => store.acknowledged(),
    async lease(...all) {
      const lease = await store.lease(...all)
      const said = lease.files.map((file, each) => ({ ...file, rows: file.rows + more(each) }))
      return { ...lease, files: said }
    },
  })
  const little = { memoryBytesMax: 24 << 20, tempBytesMax: 0, workers: 1, searchWorkers: 0 }
  const ask = async (reader: LogReader, searches: readonly string[]) => {
    const engine = new QueryEngine({ ...defaultQueryConfig, ...little, threads: 1 }, reader)
    try {
      const answers: unknown[] = []
      for (const search of searches) {
        const query = `${search} | ${parts}`
        const request = { project: 'shop', logstore: 'flows', query, from: at, to: at + 3600 }
        answers.push(...(await engine.run(request)).rows)
      }
      return answers
    } finally {
      await engine.close()
    }
  }
  const truth = (takes: (row: number) => boolean): string[] => {
    const all = Array.from({ length: files * rows }, (_, row) => row).filter(takes)
    const some = all.filter((row) => row % 7 < 3)
    const sum = (value: (row: number) => number) =>
      String(some.reduce((total, row) => total + value(row), 0))
    const max = String(all.at(-1))
    const sums = [1000, Infinity, 7, 11, 13].map((by) => sum((row) => row % by))
    return [max, String(some.length), ...sums]
  }
  const few = truth((row) => row % 1000 < 10)
  const every = truth(() => true)
  const many = saying(() => 1e9)
  const uneven = saying((file) => (file === 0 ? 1e10 : 0))
  const searches = ['a < 10', 'a >= 0', 'a < 10', 'a >= 0']
  for (const reader of [saying(() => 0), many, uneven]) {
    assert.deepEqual(await ask(reader, searches), [few, every, few, every])
  }
  await store.close()
})
