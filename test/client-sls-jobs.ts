/** The Node client of today: dashboards, saved searches, alerts and scheduled SQL. */
import assert from 'node:assert/strict'
import { refused, sls, slsClient } from './official-clients.ts'

const client = slsClient()
const [project, logstore] = ['job-logs', 'store-1']
await client.createProject(new sls.CreateProjectRequest({ projectName: project, description: '' }))
for (const logstoreName of [logstore, 'target'])
  await client.createLogStore(
    project,
    new sls.CreateLogStoreRequest({ logstoreName, ttl: 7, shardCount: 1 }),
  )

const chart = new sls.Chart({
  title: 'Top talkers',
  type: 'table',
  search: { logstore, query: '* | select srcaddr', start: '-3600s', end: 'now' },
  display: { xPos: 0, yPos: 0, width: 10, height: 10 },
  action: {},
})
const dashboard = {
  dashboardName: 'traffic',
  displayName: 'Traffic',
  description: 'd',
  charts: [chart],
}
const board = new sls.Dashboard({ ...dashboard, attribute: { type: 'grid' } })
await client.createDashboard(project, new sls.CreateDashboardRequest({ body: board }))
assert.deepEqual((await client.getDashboard(project, 'traffic')).body?.toMap(), board.toMap())
await client.updateDashboard(
  project,
  'traffic',
  new sls.UpdateDashboardRequest({ ...dashboard, displayName: 'Traffic 2', attribute: {} }),
)
const page = { offset: 0, size: 10 }
const { body: boards } = await client.listDashboard(project, new sls.ListDashboardRequest(page))
assert.deepEqual(boards?.dashboards, ['traffic'])
assert.deepEqual(
  boards?.dashboardItems?.map((each) => each.toMap()),
  [{ dashboardName: 'traffic', displayName: 'Traffic 2', description: 'd' }],
)
await client.deleteDashboard(project, 'traffic')
await refused(
  client.getDashboard(project, 'traffic'),
  'DashboardNotExist',
  'dashboard traffic does not exist',
)

const search = { displayName: 'Rejected', logstore, savedsearchName: 'rejected', topic: '' }
const query = 'action: REJECT'
await client.createSavedSearch(
  project,
  new sls.CreateSavedSearchRequest({ ...search, searchQuery: query }),
)
const saved = { ...search, searchQuery: `${query} and dstport: 22` }
await client.updateSavedSearch(project, 'rejected', new sls.UpdateSavedSearchRequest(saved))
assert.deepEqual((await client.getSavedSearch(project, 'rejected')).body?.toMap(), saved)
const { body: searches } = await client.listSavedSearch(
  project,
  new sls.ListSavedSearchRequest(page),
)
assert.deepEqual(
  [searches?.count, searches?.total, searches?.savedsearchItems?.[0]?.savedsearchName],
  [1, 1, 'rejected'],
)
await client.deleteSavedSearch(project, 'rejected')
await refused(
  client.getSavedSearch(project, 'rejected'),
  'SavedSearchNotExist',
  'savedsearch rejected does not exist',
)

const condition = new sls.ConditionConfiguration({ condition: 'c > 10', countCondition: '' })
const asked = {
  version: '2.0',
  type: 'default',
  queryList: [
    new sls.AlertQuery({
      storeType: 'log',
      store: logstore,
      project,
      query: '* | select count(*) as c',
      timeSpanType: 'Relative',
      start: '-5m',
      end: 'now',
    }),
  ],
  severityConfigurations: [
    new sls.SeverityConfiguration({ severity: 8, evalCondition: condition }),
  ],
  groupConfiguration: new sls.GroupConfiguration({ type: 'no_group', fields: [] }),
  labels: [new sls.AlertTag({ key: 'team', value: 'net' })],
  annotations: [new sls.AlertTag({ key: 'title', value: 'many' })],
  threshold: 1,
  noDataFire: false,
  noDataSeverity: 6,
  sendResolved: true,
  muteUntil: 0,
}
const configuration = new sls.AlertConfiguration(asked)
const schedule = new sls.Schedule({ type: 'FixedRate', interval: '60s' })
const alert = { displayName: 'Many', description: 'd', configuration, schedule }
await client.createAlert(project, new sls.CreateAlertRequest({ name: 'many', ...alert }))
const { body: alertMade } = await client.getAlert(project, 'many')
assert.deepEqual(alertMade?.configuration?.toMap(), configuration.toMap())
assert.deepEqual(alertMade?.schedule?.toMap(), schedule.toMap())
assert.deepEqual(
  [alertMade?.name, alertMade?.displayName, alertMade?.description, alertMade?.status],
  ['many', 'Many', 'd', 'ENABLED'],
)
await client.disableAlert(project, 'many')
assert.equal((await client.getAlert(project, 'many')).body?.status, 'DISABLED')
await client.enableAlert(project, 'many')
await client.updateAlert(
  project,
  'many',
  new sls.UpdateAlertRequest({ ...alert, displayName: 'Too many' }),
)
const { body: alerts } = await client.listAlerts(project, new sls.ListAlertsRequest(page))
assert.deepEqual(
  [alerts?.count, alerts?.total, alerts?.results?.[0]?.displayName, alerts?.results?.[0]?.status],
  [1, 1, 'Too many', 'ENABLED'],
)
// "alert fields that are not executed are refused, not stored"
const policyConfiguration = new sls.PolicyConfiguration({ alertPolicyId: 'sls.builtin.dynamic' })
const beyond = new sls.AlertConfiguration({ ...asked, policyConfiguration })
await refused(
  client.updateAlert(
    project,
    'many',
    new sls.UpdateAlertRequest({ ...alert, configuration: beyond }),
  ),
  'ParameterInvalid',
  'configuration.policyConfiguration: it would not be carried out (configuration.policyConfiguration)',
)
await client.deleteAlert(project, 'many')
await refused(client.getAlert(project, 'many'), 'JobNotExist', 'job many does not exist')

const sql = new sls.ScheduledSQLConfiguration({
  script: '* | select srcaddr, count(*) as c group by srcaddr',
  sqlType: 'searchQuery',
  dataFormat: 'log2log',
  sourceLogstore: logstore,
  destProject: project,
  destLogstore: 'target',
  destEndpoint: '',
  roleArn: '',
  destRoleArn: '',
  fromTimeExpr: '@m-1m',
  toTimeExpr: '@m',
  fromTime: 0,
  toTime: 0,
  maxRetries: 3,
  maxRunTimeInSeconds: 60,
  resourcePool: 'enhanced',
  parameters: {},
})
const job = { displayName: 'Per minute', description: '', configuration: sql, schedule }
await client.createScheduledSQL(
  project,
  new sls.CreateScheduledSQLRequest({ name: 'per-minute', ...job }),
)
const { body: jobMade } = await client.getScheduledSQL(project, 'per-minute')
assert.deepEqual(jobMade?.configuration?.toMap(), sql.toMap())
assert.deepEqual([jobMade?.name, jobMade?.status], ['per-minute', 'ENABLED'])
await client.updateScheduledSQL(
  project,
  'per-minute',
  new sls.UpdateScheduledSQLRequest({ ...job, description: 'other' }),
)
// Projects of traffic analyzers are only read.
const rollups = 'nta-0123456789abcdef'
const nowhere = {
  ...job,
  configuration: new sls.ScheduledSQLConfiguration({ ...sql.toMap(), destProject: rollups }),
}
const keptThere = /on project\/nta-0123456789abcdef.*: a traffic analyzer keeps its rollups there/
await refused(
  client.createScheduledSQL(project, new sls.CreateScheduledSQLRequest({ name: 'x', ...nowhere })),
  'Unauthorized',
  keptThere,
)
await refused(
  client.updateScheduledSQL(project, 'per-minute', new sls.UpdateScheduledSQLRequest(nowhere)),
  'Unauthorized',
  keptThere,
)
await refused(
  client.createProject(new sls.CreateProjectRequest({ projectName: rollups, description: '' })),
  'Unauthorized',
  keptThere,
)
await client.disableScheduledSQL(project, 'per-minute')
const { body: jobs } = await client.listScheduledSQLs(
  project,
  new sls.ListScheduledSQLsRequest(page),
)
assert.deepEqual(
  [jobs?.count, jobs?.total, jobs?.results?.[0]?.description, jobs?.results?.[0]?.status],
  [1, 1, 'other', 'DISABLED'],
)
await client.enableScheduledSQL(project, 'per-minute')
await client.deleteScheduledSQL(project, 'per-minute')
await refused(
  client.getScheduledSQL(project, 'per-minute'),
  'JobNotExist',
  'job per-minute does not exist',
)
await client.deleteProject(project, new sls.DeleteProjectRequest({}))
