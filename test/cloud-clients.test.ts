/** The cloud's own Node clients, unchanged, against `weir start` (alibaba-api.md 7). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as models from '@alicloud/vpc20160428'
import { rpcRequest, sendWire } from './cloud-requests.ts'
import { rpcClient, startCloudServer, vpcClient } from './cloud-server.ts'

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

test('a request that was taken is not taken again after a restart', async (t) => {
  const first = await startCloudServer(t)
  const request = rpcRequest(first.key, { action: 'DescribeRegions' })
  assert.equal((await sendWire(first.url, request)).status, 200)
  const { url } = await first.restart()
  const { status, text } = await sendWire(url, request)
  assert.deepEqual([status, JSON.parse(text).Code], [400, 'SignatureNonceUsed'])
})
