/**
 * Keys of one account: "Permission checks on every action (owner, per-action policy)". What is another account's is not
 * there for them, by the cloud's own clients and by Weir's commands.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import * as models from '@alicloud/vpc20160428'
import type { ClientKey } from '../src/api/client-key.ts'
import { rpcClient, startCloudServer, vpcClient } from './cloud-server.ts'
import { weir, weirSays } from './weir-process.ts'

const here = 'cn-hangzhou'
const far = 'cn-shanghai'

test('a key of one account among two', async (t) => {
  const cloud = await startCloudServer(t)
  const folder = join(cloud.data, '..')
  const at = ['--server', cloud.url]
  const keyFile = (name: string): string => join(folder, `${name}.json`)
  const keyOf = async (name: string, ...rights: string[]): Promise<ClientKey> => {
    const file = keyFile(name)
    await weirSays(['key', 'create', name, ...rights, '--file', file, ...at])
    return JSON.parse(readFileSync(file, 'utf8')) as ClientKey
  }
  const tenant = await keyOf('tenant', '--admin', '*', '--account', '77')
  const own = vpcClient({ url: cloud.url, key: tenant })
  const server = vpcClient(cloud)
  const into = { projectName: 'far', logStoreName: 'flow-log' }
  const create = (client: typeof own, regionId: string, resourceId: string) =>
    client.createFlowLog(
      new models.CreateFlowLogRequest({
        regionId,
        resourceId,
        resourceType: 'VPC',
        trafficType: 'All',
        ...into,
      }),
    )
  const idsOf = async (client: typeof own, regionId: string): Promise<(string | undefined)[]> => {
    const { body } = await client.describeFlowLogs(new models.DescribeFlowLogsRequest({ regionId }))
    return body!.flowLogs!.flowLog!.map(({ flowLogId }) => flowLogId)
  }
  const first = ['flow-log', 'create', '--vpc', 'vpc-shop', '--project', 'far', '--create']
  const made = await weirSays([...first, '--logstore', 'flow-log', '--json', ...at])
  const foreign = (JSON.parse(made) as { id: string }).id

  await t.test('looks up what is its own', async () => {
    for (const [client, regionId, wanted] of [
      [own, here, []],
      [own, far, ['vpc-far']],
      [server, far, ['vpc-far']],
    ] as const) {
      const asked = new models.DescribeVpcsRequest({ regionId })
      const { body } = await client.describeVpcs(asked)
      assert.deepEqual(
        body!.vpcs!.vpc!.map(({ vpcId }) => vpcId),
        wanted,
      )
    }
    const asked = new models.DescribeVSwitchesRequest({ regionId: here })
    const { body } = await own.describeVSwitches(asked)
    assert.deepEqual(body!.vSwitches!.vSwitch, [])
    const enis = await rpcClient({ ...cloud, key: tenant }, '2014-05-26').request(
      'DescribeNetworkInterfaces',
      { RegionId: here },
      { method: 'POST' },
    )
    assert.equal((enis as { TotalCount: number }).TotalCount, 0)
  })

  await t.test('makes flow logs of its own, and finds no others', async () => {
    const notThere = { code: 'ResourceNotFound', message: /there is no vpc-shop request id/ }
    await assert.rejects(create(own, here, 'vpc-shop'), notThere)
    await assert.rejects(create(own, far, 'vpc-shop'), notThere)
    const { body } = await create(own, far, 'vpc-far')
    const flowLogId = body!.flowLogId!
    assert.deepEqual(await idsOf(own, far), [flowLogId])
    assert.deepEqual(await idsOf(own, here), [])
    assert.deepEqual(await idsOf(server, far), [flowLogId])
    assert.deepEqual(await idsOf(server, here), [foreign])
    const one = { regionId: here, flowLogId: foreign }
    const gone = { code: 'InvalidFlowLogId.NotFound', statusCode: 404 }
    const changes = [
      own.deleteFlowLog(new models.DeleteFlowLogRequest(one)),
      own.deactiveFlowLog(new models.DeactiveFlowLogRequest(one)),
      own.activeFlowLog(new models.ActiveFlowLogRequest(one)),
      own.modifyFlowLogAttribute(
        new models.ModifyFlowLogAttributeRequest({ ...one, flowLogName: 'mine' }),
      ),
      own.tagResources(
        new models.TagResourcesRequest({
          regionId: here,
          resourceType: 'FLOWLOG',
          resourceId: [foreign],
          tag: [new models.TagResourcesRequestTag({ key: 'k', value: 'v' })],
        }),
      ),
    ]
    for (const change of changes) await assert.rejects(change, gone)
    const asked = { regionId: here, resourceType: 'FLOWLOG', resourceId: [foreign] }
    const tagsFor = async (client: typeof own): Promise<number> => {
      const { body: answer } = await client.listTagResources(
        new models.ListTagResourcesRequest(asked),
      )
      return answer!.tagResources?.tagResource?.length ?? 0
    }
    assert.equal(await tagsFor(server), 0)
    const tag = [new models.TagResourcesRequestTag({ key: 'k', value: 'v' })]
    await server.tagResources(new models.TagResourcesRequest({ ...asked, tag }))
    assert.deepEqual([await tagsFor(server), await tagsFor(own)], [1, 0])
  })

  await t.test('has a quota and a list of its own on the command line', async () => {
    const asTenant = [...at, '--key-file', keyFile('tenant')]
    const list = JSON.parse(await weirSays(['flow-log', 'list', '--json', ...asTenant])) as object[]
    assert.equal(list.length, 1)
    const shown = await weir(['flow-log', 'show', foreign, ...asTenant])
    assert.deepEqual(
      [shown.status, shown.stderr],
      [2, `weir: FlowLogNotExist: there is no flow log ${foreign}\n`],
    )
    const keys = await weirSays(['key', 'list', ...at])
    assert.match(keys, /tenant +enabled +77 /)
    assert.match(keys, /enabled +all /)
    for (const [line, said] of [
      [['key', 'list'], 'weir:ListKeys is about the whole server'],
      [['topology', 'history'], 'weir:ListTopologyVersions is about the whole server'],
      [['analyzer', 'list'], 'weir:ListAnalyzers is about the whole server'],
      [['bill', '--account', '1210123456789012'], 'not of 1210123456789012'],
    ] as const) {
      const { status, stderr } = await weir([...line, ...asTenant])
      assert.equal(status, 5, stderr)
      assert.ok(stderr.includes(`key ${tenant.id} is of account 77, `), stderr)
      assert.ok(stderr.includes(said), stderr)
    }
    assert.equal((await weir(['bill', ...asTenant])).status, 0)
  })

  await t.test('asks no traffic analyzer, which has the records of all', async () => {
    const nis = rpcClient({ ...cloud, key: tenant }, '2021-12-16')
    const asked = { NisTrafficRankingId: 'ranking-1' }
    await assert.rejects(nis.request('DescribeNisTrafficRanking', asked, { method: 'POST' }), {
      code: 'Forbidden.RAM',
    })
  })

  await t.test('who makes a flow log must be allowed to write where it delivers', async () => {
    const policy = (...Resource: string[]): string => {
      const file = join(folder, 'policy.json')
      const Statement = [
        { Effect: 'Allow', Action: 'vpc:*', Resource: '*' },
        { Effect: 'Allow', Action: 'log:*', Resource },
      ]
      writeFileSync(file, JSON.stringify({ Version: '1', Statement }))
      return file
    }
    const elsewhere = await keyOf('elsewhere', '--policy', policy('project/other/*'))
    await assert.rejects(create(vpcClient({ ...cloud, key: elsewhere }), here, 'vpc-shop'), {
      code: 'Forbidden.RAM',
      message: /log:PostLogStoreLogs on project\/far\/logstore\/flow-log/,
    })
    assert.deepEqual(await idsOf(server, here), [foreign])
    const there = await keyOf('there', '--policy', policy('project/far/*'))
    const { body } = await create(vpcClient({ ...cloud, key: there }), here, 'vpc-shop')
    assert.equal(body!.success, 'true')
  })
})
