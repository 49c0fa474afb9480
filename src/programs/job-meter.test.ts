/** "The data transformation feature incurs charges": what scheduled SQL reads and writes is counted, each run once. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { createLog } from '../base/log.ts'
import { openJobs } from '../jobs/jobs.ts'
import { openLogStore } from '../logstore/logstore.ts'
import { defaultQueryConfig, QueryEngine } from '../query/query.ts'
import { jobMeter } from './job-meter.ts'
import { openBilling } from './open-billing.ts'
import { readStartConfig } from './start-config.ts'
import { openState } from './state.ts'

const begin = 1_700_002_800
const document = {
  name: 'hosts',
  type: 'ScheduledSQL',
  displayName: '',
  description: '',
  configuration: {
    script: '* | SELECT host, count(*) AS n GROUP BY host',
    sourceLogstore: 'source',
    destLogstore: 'target',
    fromTimeExpr: '@m-1m',
    toTimeExpr: '@m',
    maxRetries: 1,
  },
  schedule: { type: 'FixedRate', interval: '1m', delay: 5 },
} as const

test('a run is counted once, also when it is repeated after a crash', async (t) => {
  const folder = temporaryFolder(t)
  const log = createLog(() => {})
  const clock = { now: begin }
  const store = await openLogStore(join(folder, 'data'), {}, { now: () => clock.now })
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store)
  const state = openState(join(folder, 'data'))
  const billing = openBilling(readStartConfig({}), {
    store,
    state,
    topology: () => undefined,
    log,
  })
  const db = new DatabaseSync(join(folder, 'jobs.db'))
  const { jobs, runner, book } = openJobs({
    store,
    db,
    query: (request, signal) => engine.run(request, signal),
    meter: jobMeter({ store, engine, billing }),
    zone: 'UTC',
    isWebhookAllowed: () => false,
    now: () => clock.now,
    log,
  })
  t.after(async () => {
    await runner.stop()
    await engine.close()
    await store.close()
    state.close()
    db.close()
  })
  store.createProject('shop', { description: '' })
  for (const name of ['source', 'target'])
    store.createLogstore('shop', name, { columns: [], ttlDays: 3650, openColumns: true })
  jobs.create('shop', document)
  await runner.settled()
  const columns = new Map([
    [
      '__time__',
      { kind: 'integer' as const, values: Float64Array.of(begin + 1, begin + 2, begin + 3) },
    ],
    ['host', { kind: 'text' as const, codes: Uint32Array.of(1, 2, 0), dictionary: ['a', 'é'] }],
  ])
  await store.append('shop', 'source', { rows: 3, columns })
  const transformed = () =>
    state.database
      .prepare(
        "SELECT target, flow_log, sum(bytes) AS bytes FROM billing_usage WHERE kind = 'transformed'",
      )
      .all()
      .map(({ target, flow_log: flowLog, bytes }) => [target, flowLog, bytes])
  // Read: host a (4 + 1), host é (4 + 2), none. Written: a and é with n 1, null with n 1 (3 x 2), names and values.
  const bytes = 5 + 6 + (5 + 2) + (6 + 2) + 2
  clock.now = begin + 65
  await runner.settled()
  assert.deepEqual(transformed(), [['shop/hosts', '', bytes]])
  db.prepare('UPDATE job_progress SET through = ?').run(begin) // as a crash before the run's end leaves it
  await runner.settled()
  const { id } = jobs.get('shop', 'hosts')
  assert.equal(book.run(id, begin + 60)?.attempts, 2)
  assert.deepEqual(transformed(), [['shop/hosts', '', bytes]])
  clock.now = begin + 125
  await runner.settled()
  assert.equal(book.run(id, begin + 120)?.outcome, '0 rows')
  assert.deepEqual(transformed(), [['shop/hosts', '', bytes]])
})
