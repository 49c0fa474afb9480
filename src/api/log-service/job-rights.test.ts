import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { keyOf, startLogService } from '../../../test/log-service-server.ts'
import { temporaryFolder } from '../../../test/temporary-folder.ts'
import { createLog } from '../../base/log.ts'
import { openJobs } from '../../jobs/jobs.ts'
import { jobRoutes } from './job-routes.ts'

const configuration = {
  script: '* | SELECT count(*) AS n',
  sourceLogstore: 'source',
  destLogstore: 'target',
  fromTimeExpr: '@m-1m',
  toTimeExpr: '@m',
}
const schedule = { type: 'FixedRate', interval: '1m', delay: 5 }

test('a job reads and writes where whoever orders it may, and nowhere else', async (t) => {
  const db = new DatabaseSync(join(temporaryFolder(t), 'jobs.db'))
  t.after(() => db.close())
  const { ask, keys, store } = await startLogService(t, (logs) => {
    const { jobs } = openJobs({
      store: logs,
      db,
      query: () => Promise.reject(new Error('nothing is run here')),
      zone: 'UTC',
      isWebhookAllowed: () => false,
      now: () => 1_700_000_000,
      log: createLog(() => {}),
    })
    return { routes: jobRoutes({ jobs, runs: () => [], letters: () => [] }) }
  })
  for (const project of ['own-proj', 'other-proj'])
    store.createProject(project, { description: '' })
  const may = (Action: string, Resource: string) => ({ Effect: 'Allow', Action, Resource }) as const
  const key = keys.create(
    keyOf('jobs', [
      may('log:*ScheduledSQL', 'project/own-proj/*'),
      may('log:*Alert', 'project/own-proj/*'),
      may('log:GetLogStoreLogs', 'project/own-proj/logstore/source'),
      may('log:PostLogStoreLogs', 'project/own-proj/logstore/target'),
    ]),
  )
  const order = async (to: object, method = 'POST', name = '') => {
    const body = { name: 'a', configuration: { ...configuration, ...to }, schedule }
    const url = `/scheduledsqls${name}`
    return (await ask({ project: 'own-proj', key, method, url, body })).status
  }
  assert.equal(await order({}), 200)
  assert.equal(await order({ destProject: 'own-proj' }, 'PUT', '/a'), 200)
  for (const to of [
    { destProject: 'other-proj' },
    { destLogstore: 'secret' },
    { sourceLogstore: 'secret' },
  ]) {
    assert.equal(await order(to, 'PUT', '/a'), 403, JSON.stringify(to))
    assert.equal(await order(to), 403, JSON.stringify(to))
  }
  assert.equal(await order({ destLogstore: 1 }, 'PUT', '/a'), 403)

  const watch = async (queries: readonly object[], method = 'POST', name = '') => {
    const queryList = queries.map((each) => ({ store: 'source', query: '*', ...each }))
    const body = { name: 'b', displayName: 'b', configuration: { queryList }, schedule }
    return (await ask({ project: 'own-proj', key, method, url: `/alerts${name}`, body })).status
  }
  assert.equal(await watch([{}, { project: 'own-proj' }, { project: '' }]), 200)
  for (const query of [{ project: 'other-proj' }, { store: 'secret' }]) {
    assert.equal(await watch([{}, query], 'PUT', '/b'), 403, JSON.stringify(query))
    assert.equal(await watch([query]), 403, JSON.stringify(query))
  }
})
