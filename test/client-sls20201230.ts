/** The Node client of today: projects, logstores, indexes, tags, policies, resource groups. */
import assert from 'node:assert/strict'
import { refused, sls, slsClient } from './official-clients.ts'

const client = slsClient()
const [project, logstore] = ['shop-logs', 'flow-log']

await refused(
  client.getProject(project),
  'ProjectNotExist',
  `The Project does not exist : ${project}`,
)
await client.createProject(
  new sls.CreateProjectRequest({ projectName: project, description: 'd', resourceGroupId: 'rg-1' }),
)
await client.updateProject(project, new sls.UpdateProjectRequest({ description: 'other' }))
const { body: made } = await client.getProject(project)
assert.deepEqual(
  [made?.projectName, made?.description, made?.status, made?.resourceGroupId],
  [project, 'other', 'Normal', 'rg-1'],
)
const { body: page } = await client.listProject(
  new sls.ListProjectRequest({ offset: 0, size: 100, projectName: project }),
)
assert.deepEqual([page?.count, page?.total, page?.projects?.[0]?.projectName], [1, 1, project])

const policy = '{"Version":"1","Statement":[]}'
await client.putProjectPolicy(project, new sls.PutProjectPolicyRequest({ body: policy }))
assert.equal((await client.getProjectPolicy(project)).body, policy)
await client.deleteProjectPolicy(project)
assert.equal((await client.getProjectPolicy(project)).body, '')
const tagged = { resourceType: 'project', resourceId: [project] }
const tag = new sls.TagResourcesRequestTags({ key: 'team', value: 'net 中*+' })
await client.tagResources(new sls.TagResourcesRequest({ ...tagged, tags: [tag] }))
const { body: tags } = await client.listTagResources(new sls.ListTagResourcesRequest(tagged))
const [first] = tags?.tagResources ?? []
assert.deepEqual([first?.tagKey, first?.tagValue], ['team', 'net 中*+'])
await client.untagResources(new sls.UntagResourcesRequest({ ...tagged, tags: ['team'] }))
const { body: none } = await client.listTagResources(new sls.ListTagResourcesRequest(tagged))
assert.deepEqual(none?.tagResources, [])
await client.changeResourceGroup(
  project,
  new sls.ChangeResourceGroupRequest({
    resourceId: project,
    resourceType: 'PROJECT',
    resourceGroupId: 'rg-2',
  }),
)
assert.equal((await client.getProject(project)).body?.resourceGroupId, 'rg-2')
await client.openSlsService()
assert.equal((await client.getSlsService()).body?.enabled, true)
const { body: regions } = await client.describeRegions(new sls.DescribeRegionsRequest({}))
assert.equal(regions?.regions?.[0]?.region, 'cn-hangzhou')

await client.createLogStore(
  project,
  new sls.CreateLogStoreRequest({
    logstoreName: logstore,
    ttl: 7,
    shardCount: 2,
    autoSplit: true,
    maxSplitShard: 64,
    enableTracking: true,
    hotTtl: 7,
    telemetryType: 'None',
  }),
)
await client.updateLogStore(project, logstore, new sls.UpdateLogStoreRequest({ ttl: 30 }))
const { body: kept } = await client.getLogStore(project, logstore)
assert.deepEqual(
  [kept?.ttl, kept?.shardCount, kept?.autoSplit, kept?.maxSplitShard, kept?.enableTracking],
  [30, 2, true, 64, true],
)
assert.deepEqual([kept?.hotTtl, kept?.telemetryType, kept?.mode], [7, 'None', 'standard'])
const all = new sls.ListLogStoresRequest({ offset: 0, size: 100 })
assert.deepEqual((await client.listLogStores(project, all)).body?.logstores, [logstore])
const byData = new sls.UpdateLogStoreMeteringModeRequest({ meteringMode: 'ChargeByDataIngest' })
await client.updateLogStoreMeteringMode(project, logstore, byData)
const { body: metering } = await client.getLogStoreMeteringMode(project, logstore)
assert.equal(metering?.meteringMode, 'ChargeByDataIngest')

const text = new sls.IndexKey({ type: 'text', token: [','], caseSensitive: false, docValue: true })
const number = new sls.IndexKey({ type: 'long', docValue: true })
const line = new sls.IndexLine({ token: [',', ' '], caseSensitive: false, chn: false })
const index = new sls.Index({ keys: { srcaddr: text, bytes: number }, line, maxTextLen: 2048 })
await client.createIndex(project, logstore, new sls.CreateIndexRequest({ body: index }))
const { body: found } = await client.getIndex(project, logstore)
assert.deepEqual([found?.keys?.['srcaddr']?.type, found?.keys?.['bytes']?.type], ['text', 'long'])
assert.deepEqual([found?.line?.token, found?.ttl], [[',', ' '], 30])
const other = new sls.Index({ keys: { bytes: number } })
await client.updateIndex(project, logstore, new sls.UpdateIndexRequest({ body: other }))
assert.deepEqual(Object.keys((await client.getIndex(project, logstore)).body?.keys ?? {}), [
  'bytes',
])
await client.deleteIndex(project, logstore)
await assert.rejects(client.getIndex(project, logstore), { code: 'IndexConfigNotExist' })

await refused(
  client.updateLogStore(
    project,
    logstore,
    new sls.UpdateLogStoreRequest({ ttl: 30, shardCount: 3 }),
  ),
  'ParameterInvalid',
  'invalid shard count,you can only modify shardCount by split& merge shard',
)
await client.deleteLogStore(project, logstore)
await assert.rejects(client.getLogStore(project, logstore), { code: 'LogStoreNotExist' })
await client.deleteProject(project, new sls.DeleteProjectRequest({}))
await assert.rejects(client.getProject(project), { code: 'ProjectNotExist' })
