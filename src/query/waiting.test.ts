/** "A storm of queries leaves ingest at 80 % or more of its rate": few run at once then, none is forgotten. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import { WorkerPool } from './pool.ts'
import type { Kind } from './waiting.ts'
import { defaultQueryConfig } from './query.ts'
import { Waiting } from './waiting.ts'

const any = { reserved: false }
const reserved = { reserved: true }

function waitingOf(isPressed: () => boolean, pressedMax = 1): Waiting<string> {
  const waiting = new Waiting<string>(isPressed, pressedMax)
  for (const item of ['s1', 's2', 's3', 's4']) waiting.search.add('shop', item)
  for (const item of ['q1', 'q2']) waiting.sql.add('shop', item)
  return waiting
}

test('without pressure queries with SQL go first, and searches to a worker of their own', () => {
  const waiting = waitingOf(() => false)
  const taken = [waiting.take(any, 0, true), waiting.take(reserved, 1, true)]
  assert.deepEqual([...taken, waiting.take(any, 2, false)], ['q1', 's1', 'q2'])
})

test('under pressure so many run as may, and both kinds in turn, in their order', () => {
  const waiting = waitingOf(() => true)
  assert.equal(waiting.take(any, 1, true), undefined)
  assert.equal(waiting.size, 6)
  const taken = Array.from({ length: 6 }, () => waiting.take(any, 0, true))
  assert.deepEqual(taken, ['q1', 's1', 'q2', 's2', 's3', 's4'])
  assert.equal(waiting.take(any, 0, true), undefined)
  assert.equal(waitingOf(() => true, 2).take(any, 1, true), 'q1')
})

test('a worker for searches leaves the turn to SQL, but not where nobody could take it', () => {
  const waiting = waitingOf(() => true)
  assert.equal(waiting.take(reserved, 0, true), undefined)
  assert.equal(waiting.take(reserved, 0, false), 's1')
  assert.deepEqual([waiting.take(any, 0, true), waiting.take(reserved, 0, true)], ['q1', 's2'])
})

test('what was held back goes on when the pressure ends', () => {
  let isPressed = true
  const waiting = waitingOf(() => isPressed)
  assert.equal(waiting.take(any, 1, true), undefined)
  isPressed = false
  assert.equal(waiting.take(any, 1, true), 'q1')
})

async function pool(context: TestContext, isPressed: () => boolean) {
  const store = await testLogstore([[testRecord, testRecord]])
  const { reader } = store
  const workers = new WorkerPool(
    { ...defaultQueryConfig, workers: 2, workersPressed: 1 },
    isPressed,
  )
  context.after(async () => {
    await workers.close()
    await store.remove()
  })
  let running = 0
  const most = { running: 0 }
  const ask = async (kind: Kind, signal?: AbortSignal) => {
    const lease = await reader.lease('weir', 'flow-log', 0, 2 ** 40)
    const { rows } = await workers.run({
      query: {
        text: kind === 'sql' ? '* | SELECT count(*) FROM log' : '*',
        scope: 'weir',
        logstore: 'flow-log',
        columns: reader.columns('weir', 'flow-log'),
        from: 0,
        to: 2 ** 40,
        zone: 'UTC',
        raw: { line: 100, offset: 0, reverse: false },
        files: [],
        rowsMax: 1000,
        charactersMax: 1e6,
      },
      kind,
      project: 'weir',
      signal,
      timeMaxMilliseconds: 60_000,
      async lease(scans) {
        running++
        most.running = Math.max(most.running, running)
        await new Promise((resolve) => setTimeout(resolve, 20))
        running--
        return scans.map(() => ({ files: lease.files, hot: undefined, learns: false }))
      },
    })
    lease.release()
    return rows.length
  }
  return { ask, most }
}

test('under pressure a pool runs one query at a time and answers all; one that waits can be cancelled', async (context) => {
  const { ask, most } = await pool(context, () => true)
  const kinds: Kind[] = ['search', 'sql', 'search', 'search', 'sql', 'sql', 'search']
  const cancel = new AbortController()
  const asked = kinds.map((kind) => ask(kind))
  const cancelled = ask('search', cancel.signal)
  cancel.abort()
  await assert.rejects(cancelled, { code: 'QueryCancelled' })
  const rows = await Promise.all(asked)
  assert.deepEqual(
    rows,
    kinds.map((kind) => (kind === 'sql' ? 1 : 2)),
  )
  assert.equal(most.running, 1)
})
