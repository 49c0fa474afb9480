/** "Ingest has the machine when it wants it": what queries do comes after it. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { constants, getPriority } from 'node:os'
import { test } from 'node:test'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import { yieldToOthers } from './priority.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'

const skip = existsSync('/proc/self/task') ? false : 'only Linux tells of threads'

const childrenOf = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)

test(
  'every thread of a query process yields, and none of the server',
  { skip },
  async (context) => {
    const store = await testLogstore([[testRecord]])
    const engine = new QueryEngine({ ...defaultQueryConfig, threads: 2, workers: 1 }, store.reader)
    context.after(async () => {
      await engine.close()
      await store.remove()
    })
    const own = getPriority()
    const before = new Set(childrenOf(process.pid))
    const { rows } = await engine.run({
      project: 'weir',
      logstore: 'flow-log',
      query: '* | SELECT count(*)',
      from: 0,
      to: 2 ** 32,
    })
    assert.deepEqual(rows, [['1']])
    const [worker] = childrenOf(process.pid).filter((pid) => !before.has(pid))
    const threads = readdirSync(`/proc/${worker!}/task`).map(Number)
    const priorities = threads.map((thread) => getPriority(thread))
    assert.ok(threads.length > 6, `${threads.length} threads`)
    assert.deepEqual(new Set(priorities), new Set([constants.priority.PRIORITY_LOW]))
    const servers = readdirSync('/proc/self/task').map((thread) => getPriority(Number(thread)))
    assert.deepEqual(new Set(servers), new Set([own]))
  },
)

test('a process that is gone is fine', () => yieldToOthers(2 ** 30))
