/** The cloud's own Node clients, unchanged, against `weir start` (alibaba-api.md 7). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as models from '@alicloud/vpc20160428'
import { rpcRequest, sendWire } from './cloud-requests.ts'
import { rpcClient, startCloudServer, vpcClient } from './cloud-server.ts'
import { create } from './small-server.ts'

const RegionId = 'cn-hangzhou'
const regionId = RegionId

test('@alicloud/vpc20160428 and @alicloud/pop-core', async (t) => {
  const cloud = await startCloudServer(t)
  for (const algorithm of [undefined, 'v2'] as const)
    await t.test(`look-ups, signed with ${algorithm ?? 'ACS3'}`, async () => {
      const client = vpcClient(cloud, algorithm)
      const { body: regions } = await client.describeRegions(new models.DescribeRegionsRequest({}))
      const ids = regions!.regions!.region!.map((each) => each.regionId)
      assert.ok(ids.includes('cn-hangzhou') && ids.includes('cn-shanghai'), String(ids))
      const { body: found } = await client.describeVpcs(
        new models.DescribeVpcsRequest({ regionId }),
      )
      assert.deepEqual(
        found!.vpcs!.vpc!.map(({ vpcId, ownerId }) => [vpcId, ownerId]),
        [
          ['vpc-shop', 1210123456789012],
          ['vpc-bp1ekmgzch0bo3hxXXXXXX', 1210123456789012],
        ],
      )
      assert.deepEqual([found!.totalCount, found!.pageNumber, found!.pageSize], [2, 1, 10])
      assert.deepEqual(
        found!.vpcs!.vpc![0]!.ipv6CidrBlocks!.ipv6CidrBlock![0]!.ipv6CidrBlock,
        'fd00:10::/56',
      )
      const asked = new models.DescribeVSwitchesRequest({ regionId, vpcId: 'vpc-shop' })
      const { body: switches } = await client.describeVSwitches(asked)
      assert.deepEqual(
        switches!.vSwitches!.vSwitch!.map((each) => each.vSwitchId),
        ['vsw-web'],
      )
    })

  await t.test('an error is of the kind that the SDK has for it', async () => {
    for (const algorithm of [undefined, 'v2'] as const) {
      const client = vpcClient(cloud, algorithm)
      const refused = client.describeVpcs(new models.DescribeVpcsRequest({ regionId: 'cn-x' }))
      await assert.rejects(refused, (error: unknown) => {
        assert.ok(error instanceof Error && 'code' in error && 'statusCode' in error)
        assert.deepEqual(
          [error.name, error.code, error.statusCode],
          ['ClientError', 'InvalidRegionId.NotFound', 404],
        )
        assert.match(
          error.message,
          /The RegionId provided does not exist in our records\. request id: [0-9A-F-]{36}/,
        )
        return true
      })
    }
    const dry = new models.DescribeVpcsRequest({ regionId, dryRun: true })
    await assert.rejects(vpcClient(cloud, undefined).describeVpcs(dry), {
      code: 'DryRunOperation',
      statusCode: 400,
    })
    const wrong = { ...cloud, key: { ...cloud.key, secret: 'x'.repeat(30) } }
    for (const algorithm of [undefined, 'v2'] as const)
      await assert.rejects(
        vpcClient(wrong, algorithm).describeRegions(new models.DescribeRegionsRequest({})),
        { name: 'ClientError', code: 'SignatureDoesNotMatch' },
      )
  })

  for (const method of ['GET', 'POST'] as const)
    await t.test(`pop-core by ${method}`, async () => {
      const vpc = rpcClient(cloud)
      const found = await vpc.request('DescribeVpcs', { RegionId, PageSize: 1 }, { method })
      const { TotalCount, PageSize } = found as Record<string, unknown>
      assert.deepEqual([TotalCount, PageSize], [2, 1])
      const ecs = rpcClient(cloud, '2014-05-26')
      const ids = { RegionId, NetworkInterfaceId: ['eni-web1', 'eni-x'] }
      const enis = (await ecs.request('DescribeNetworkInterfaces', ids, { method })) as {
        NetworkInterfaceSets: { NetworkInterfaceSet: readonly { VpcId: string }[] }
      }
      assert.deepEqual(
        enis.NetworkInterfaceSets.NetworkInterfaceSet.map(({ VpcId }) => VpcId),
        ['vpc-shop'],
      )
      await assert.rejects(vpc.request('DescribeVpcs', {}, { method }), {
        code: 'MissingParameter',
      })
    })
})

const target = { projectName: 'my-proj', logStoreName: 'store-1' }

test('flow logs from creation to deletion, by each client and signature', async (t) => {
  const cloud = await startCloudServer(t)
  const port = Number(new URL(cloud.url).port)
  const store = { port, project: 'my-proj', key: cloud.key }
  await create(store, { url: '/', body: { projectName: 'my-proj', description: '' } })
  const made = { logstoreName: 'store-1', ttl: 30, shardCount: 2 }
  await create(store, { url: '/logstores', body: made })
  for (const algorithm of [undefined, 'v2'] as const)
    await t.test(`@alicloud/vpc20160428, signed with ${algorithm ?? 'ACS3'}`, async () => {
      const client = vpcClient(cloud, algorithm)
      const { body: service } = await client.getFlowLogServiceStatus(
        new models.GetFlowLogServiceStatusRequest({ regionId }),
      )
      assert.equal(service!.enabled, true)
      const opened = client.openFlowLogService(new models.OpenFlowLogServiceRequest({ regionId }))
      await assert.rejects(opened, { code: 'OperationFailed.ExceedPurchaseLimit' })
      const about = { regionId, resourceType: 'VPC', resourceId: 'vpc-shop', trafficType: 'All' }
      const rollups = { projectName: 'nta-0123456789abcdef', logStoreName: 'tuple1-10' }
      await assert.rejects(
        client.createFlowLog(new models.CreateFlowLogRequest({ ...about, ...rollups })),
        { code: 'Forbidden.RAM', message: /a traffic analyzer keeps its rollups there/ },
      )
      const { body: created } = await client.createFlowLog(
        new models.CreateFlowLogRequest({
          ...about,
          ...target,
          flowLogName: 'n 1',
          description: '中文 a&b=*~',
          aggregationInterval: 1,
          trafficPath: ['vbr', 'natGateway'],
          tag: [new models.CreateFlowLogRequestTag({ key: 'k', value: 'v' })],
        }),
      )
      assert.equal(created!.success, 'true')
      const flowLogId = created!.flowLogId!
      const described = async () => {
        const asked = new models.DescribeFlowLogsRequest({ regionId, flowLogId })
        const { body } = await client.describeFlowLogs(asked)
        const rows = body!.flowLogs!.flowLog!
        assert.equal(body!.totalCount, String(rows.length))
        return rows
      }
      const until = async (status: string | undefined) => {
        for (;;) {
          const [row] = await described()
          if (row?.status === status) return row
        }
      }
      const row = (await until('Active'))!
      assert.deepEqual(
        [row.trafficPath!.trafficPathList, row.tags!.tag![0]!.key, row.aggregationInterval],
        [['vbr', 'natGateway'], 'k', 1],
      )
      assert.deepEqual(
        [row.description, row.businessStatus, row.ipVersion, row.resourceGroupId],
        ['中文 a&b=*~', 'Normal', 'IPv4', 'rg-default'],
      )
      const one = { regionId, flowLogId }
      const modified = { ...one, aggregationInterval: 5, flowLogName: 'other' }
      await client.modifyFlowLogAttribute(new models.ModifyFlowLogAttributeRequest(modified))
      await until('Active')
      await client.deactiveFlowLog(new models.DeactiveFlowLogRequest(one))
      assert.equal((await until('Inactive'))!.flowLogName, 'other')
      await client.activeFlowLog(new models.ActiveFlowLogRequest(one))
      await until('Active')
      const resource = { regionId, resourceType: 'FLOWLOG', resourceId: [flowLogId] }
      const tag = [new models.TagResourcesRequestTag({ key: 'l', value: 'w' })]
      await client.tagResources(new models.TagResourcesRequest({ ...resource, tag }))
      await client.unTagResources(new models.UnTagResourcesRequest({ ...resource, tagKey: ['k'] }))
      const { body: tags } = await client.listTagResources(
        new models.ListTagResourcesRequest(resource),
      )
      assert.deepEqual(
        tags!.tagResources!.tagResource!.map(({ tagKey, tagValue }) => [tagKey, tagValue]),
        [['l', 'w']],
      )
      const group = { regionId, resourceId: flowLogId, newResourceGroupId: 'rg-two' }
      const move = new models.MoveResourceGroupRequest({ ...group, resourceType: 'FlowLog' })
      await client.moveResourceGroup(move)
      assert.equal((await described())[0]!.resourceGroupId, 'rg-two')
      await client.deleteFlowLog(new models.DeleteFlowLogRequest(one))
      await until(undefined)
      await assert.rejects(client.deleteFlowLog(new models.DeleteFlowLogRequest(one)), {
        name: 'ClientError',
        code: 'InvalidFlowLogId.NotFound',
        statusCode: 404,
      })
    })

  for (const method of ['GET', 'POST'] as const)
    await t.test(`pop-core by ${method}`, async () => {
      const vpc = rpcClient(cloud)
      const ask = async (action: string, parameters: object) =>
        (await vpc.request(action, { RegionId, ...parameters }, { method })) as Record<
          string,
          unknown
        >
      const { FlowLogId } = await ask('CreateFlowLog', {
        ResourceType: 'VSwitch',
        ResourceId: 'vsw-web',
        TrafficType: 'Drop',
        ProjectName: 'my-proj',
        LogStoreName: 'store-1',
        TrafficPath: ['all'],
        Tag: [{ Key: 'k', Value: 'v' }],
      })
      const found = await ask('DescribeFlowLogs', { 'Tags.1.Key': 'k', PageSize: 50 })
      assert.equal(found['TotalCount'], '1')
      for (let status = ''; status !== 'Active';) {
        const { FlowLogs } = await ask('DescribeFlowLogs', { FlowLogId })
        status = (FlowLogs as { FlowLog: { Status: string }[] }).FlowLog[0]!.Status
      }
      await ask('DeleteFlowLog', { FlowLogId })
      while ((await ask('DescribeFlowLogs', { FlowLogId }))['TotalCount'] !== '0');
      await assert.rejects(ask('CreateFlowLog', { ResourceType: 'VPC' }), {
        code: 'MissingParameter',
      })
    })
})

test('a request that was taken is not taken again after a restart', async (t) => {
  const first = await startCloudServer(t)
  const request = rpcRequest(first.key, { action: 'DescribeRegions' })
  assert.equal((await sendWire(first.url, request)).status, 200)
  const { url } = await first.restart()
  const { status, text } = await sendWire(url, request)
  assert.deepEqual([status, JSON.parse(text).Code], [400, 'SignatureNonceUsed'])
})
