/** Who waits for whom: searches and SQL, one project and another; and what a request may ask less of. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { WeirError } from '../base/errors.ts'
import type { LogReader } from '../logstore/logstore.ts'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestLogstore } from '../../test/query-logstore.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import type { QueryConfig, QueryRequest } from './query.ts'

const from = testRecord.__time__
let store: TestLogstore

before(async () => {
  const rows = Array.from({ length: 3000 }, (_, index) => ({ ...testRecord, bytes: index }))
  store = await testLogstore([rows])
})
after(async () => {
  assert.equal(store.open(), 0, 'every lease is released')
  await store.remove()
})

/** The one logstore under the name of every project. */
const reader = (): LogReader => ({
  ...store.reader,
  columns: (_, logstore) => store.reader.columns('weir', logstore),
  rollups: (_, logstore) => store.reader.rollups('weir', logstore),
  lease: (_, logstore, start, end) => store.reader.lease('weir', logstore, start, end),
})

const endless = `* | select count(*) from ${'abcdefghi'
  .split('')
  .map((name) => `log ${name}`)
  .join(', ')} where a.bytes + b.bytes + c.bytes + d.bytes + e.bytes + f.bytes + g.bytes = 7`

async function withEngine(config: Partial<QueryConfig>, use: (ask: Ask) => Promise<void>) {
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1, ...config }, reader())
  try {
    await use((project, query, more) =>
      engine.run(
        { project, logstore: 'flow-log', query, from, to: from + 60, ...more },
        more?.signal,
      ),
    )
  } finally {
    await engine.close()
  }
}

type Ask = (
  project: string,
  query: string,
  more?: Partial<QueryRequest> & { readonly signal?: AbortSignal },
) => ReturnType<QueryEngine['run']>

test('searches without SQL do not wait behind long SQL', () =>
  withEngine({}, async (ask) => {
    const stop = new AbortController()
    const long = ask('a', endless, { signal: stop.signal })
    const more = ask('a', endless, { signal: stop.signal })
    const outcomes = Promise.allSettled([long, more])
    const { rows } = await ask('a', 'bytes < 3')
    assert.equal(rows.length, 3)
    stop.abort()
    for (const { status } of await outcomes) assert.equal(status, 'rejected')
  }))

test('"per project 15 concurrent analyses, 100 concurrent searches": one more is told so', () =>
  withEngine({}, async (ask) => {
    const stop = new AbortController()
    const { signal } = stop
    const running = Array.from({ length: 15 }, () => ask('a', endless, { signal }))
    const searches = Array.from({ length: 100 }, () => ask('a', 'bytes < 3'))
    const outcomes = Promise.allSettled(running)
    await new Promise((resolve) => setImmediate(resolve))
    await assert.rejects(ask('a', '* | select 1'), {
      code: 'QueryBusy',
      message: 'a has 15 queries with SQL under way already',
      hint: 'try again when one of them is answered',
    })
    await assert.rejects(ask('a', '*'), {
      code: 'QueryBusy',
      message: 'a has 100 searches under way already',
    })
    for (const { rows } of await Promise.all(searches)) assert.equal(rows.length, 3)
    assert.equal((await ask('b', '*')).rows.length, 100, 'another project has its own share')
    stop.abort()
    for (const { status } of await outcomes) assert.equal(status, 'rejected')
    assert.deepEqual((await ask('a', '* | select 1')).rows, [['1']])
  }))

test('a storm of one project does not starve another', () =>
  withEngine({ searchWorkers: 0 }, async (ask) => {
    await ask('a', '* | select 1')
    const order: string[] = []
    const asked = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1'].map(async (name) => {
      await ask(name[0]!, `* | select '${name}'`)
      order.push(name)
    })
    await Promise.all(asked)
    assert.deepEqual(order, ['a1', 'b1', 'c1', 'a2', 'a3', 'a4'])
  }))

test('a request may ask for less time, never for more', () =>
  withEngine({ timeMaxMilliseconds: 400 }, async (ask) => {
    const timeout = (seconds: number) => ({
      code: 'QueryTimeout',
      message: `the query took more than ${seconds} s`,
    })
    await assert.rejects(ask('a', endless, { limits: { timeMaxMilliseconds: 50 } }), timeout(0.05))
    await assert.rejects(ask('a', endless, { limits: { timeMaxMilliseconds: 9e9 } }), timeout(0.4))
  }))

test('a request may ask for less memory', () =>
  withEngine({ tempBytesMax: 0, threads: 1 }, async (ask) => {
    const query = '* | select array_agg(a.srcaddr || b.srcaddr) from log a, log b'
    const limits = { memoryBytesMax: 24 << 20 }
    await assert.rejects(ask('a', query, { limits }), { code: 'QueryMemory' })
    assert.deepEqual((await ask('a', '* | select 1', { limits })).rows, [['1']])
  }))

test('progress is told while a query runs', () =>
  withEngine({ threads: 1 }, async (ask) => {
    const stop = new AbortController()
    const shares: number[] = []
    const query = `* | select max(md5(to_utf8(cast(a.bytes + b.bytes as varchar)))) from log a join log b on a.dstport = b.dstport`
    await ask('a', query, {
      signal: stop.signal,
      onProgress: (share) => {
        shares.push(share)
        if (shares.length > 3) stop.abort()
      },
    }).catch((error: unknown) => {
      if (!(error instanceof WeirError && error.code === 'QueryCancelled')) throw error
    })
    assert.ok(shares.length > 0)
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => a - b),
    )
    assert.ok(shares.every((share) => share >= 0 && share <= 1))
  }))

test('a lease that fails is the query’s error, and the worker goes on', async () => {
  let fails = true
  const broken: LogReader = {
    ...reader(),
    lease: (...args) =>
      fails
        ? Promise.reject(new WeirError('StorageBroken', 'the disk is gone'))
        : reader().lease(...args),
  }
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, broken)
  try {
    const request = {
      project: 'a',
      logstore: 'flow-log',
      query: '* | select count(*)',
      from,
      to: from + 1,
    }
    await assert.rejects(engine.run(request), {
      code: 'StorageBroken',
      message: 'the disk is gone',
    })
    fails = false
    assert.deepEqual((await engine.run(request)).rows, [['3000']])
  } finally {
    await engine.close()
  }
})
