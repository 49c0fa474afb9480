/** What the cloud's documents say of each parameter of a flow log, one started server asked by signed requests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAnalyzer } from '../src/api/analyzer-client.ts'
import { attachAnalyzer, createFlowLog, putRecords } from '../src/api/client.ts'
import { fulfilAtServer, historyOfFlowLog } from '../src/api/quota-client.ts'
import { acs3Request, callCloud, type CloudCall, rpcRequest, sendWire } from './cloud-requests.ts'
import { type CloudServer, startCloudServer } from './cloud-server.ts'
import { askTarget, getLogs, rowsOf } from './log-load.ts'
import { create } from './small-server.ts'

const RegionId = 'cn-hangzhou'
type Given = Readonly<Record<string, string>>

const target = { ProjectName: 'my-proj', LogStoreName: 'store-1' }
const shop = {
  RegionId,
  ResourceType: 'VPC',
  ResourceId: 'vpc-shop',
  TrafficType: 'All',
  ...target,
}

const recordOf = (start: number) => ({
  version: '1',
  'account-id': '1210123456789012',
  'eni-id': 'eni-web1',
  'vm-id': 'i-web1',
  'vswitch-id': 'vsw-web',
  'vpc-id': 'vpc-shop',
  type: 'IPv4',
  protocol: '6',
  srcaddr: '10.0.0.1',
  srcport: '4000',
  dstaddr: '120.26.0.1',
  dstport: '80',
  direction: 'out',
  action: 'ACCEPT',
  packets: '10',
  bytes: '1000',
  start: String(start),
  end: String(start + 60),
  'tcp-flags': '27',
  'log-status': 'OK',
  traffic_path: '15',
})

function asking({ url, key }: CloudServer) {
  const call = (action: string, parameters: Given = {}, version = '2016-04-28') =>
    callCloud(url, key, { action, version, parameters })
  /** Answers with the message. */
  const refused = async (action: string, parameters: Given, status: number, code: string) => {
    const answer = await call(action, parameters)
    assert.deepEqual([answer.status, answer.body['Code']], [status, code], JSON.stringify(answer))
    return String(answer.body['Message'])
  }
  const succeed = async (action: string, parameters: Given) => {
    const { status, body } = await call(action, parameters)
    assert.equal(status, 200, JSON.stringify(body))
    return body
  }
  const rows = async (parameters: Given = {}) => {
    const body = await succeed('DescribeFlowLogs', { RegionId, ...parameters })
    const { FlowLog } = body['FlowLogs'] as { FlowLog: readonly Record<string, unknown>[] }
    return { ids: FlowLog.map((each) => String(each['FlowLogId'])), FlowLog, body }
  }
  const until = async (FlowLogId: string, status: string) => {
    while ((await rows({ FlowLogId })).FlowLog[0]?.['Status'] !== status);
  }
  const make = async (more: Given = {}) => {
    const FlowLogId = String((await succeed('CreateFlowLog', { ...shop, ...more }))['FlowLogId'])
    await until(FlowLogId, 'Active')
    return FlowLogId
  }
  const gone = async (FlowLogId: string) => {
    await succeed('DeleteFlowLog', { RegionId, FlowLogId })
    while ((await rows({ FlowLogId })).ids.length > 0);
  }
  return { call, refused, succeed, rows, until, make, gone }
}

test('flow logs over the cloud API, from "Activate Now" on', async (t) => {
  const cloud = await startCloudServer(t, 'flowLogs: { activated: false }\n')
  process.env['WEIR_ACCESS_KEY_ID'] = cloud.key.id
  process.env['WEIR_ACCESS_KEY_SECRET'] = cloud.key.secret
  const { call, refused, succeed, rows, until, make, gone } = asking(cloud)
  const store = { port: Number(new URL(cloud.url).port), project: 'my-proj', key: cloud.key }
  await create(store, { url: '/', body: { projectName: 'my-proj', description: '' } })
  await create(store, {
    url: '/logstores',
    body: { logstoreName: 'store-1', ttl: 30, shardCount: 2 },
  })

  await t.test('"To use the flow log feature for the first time, you must"', async () => {
    const enabled = async () => (await succeed('GetFlowLogServiceStatus', { RegionId }))['Enabled']
    assert.equal(await enabled(), false)
    // "On the Flow Log page, click Activate Now."
    await refused('CreateFlowLog', shop, 400, 'OperationDenied.FlowLogServiceNotOpen')
    // "If you created flow log instances during the public preview period, you must also click Activate Now to view and
    // manage these instances": there was no such period here, and what is there can be seen.
    assert.deepEqual((await rows()).ids, [])
    const open = (ClientToken: string) => call('OpenFlowLogService', { RegionId, ClientToken })
    for (const token of ['é', 'x'.repeat(65)])
      assert.match(
        String((await open(token)).body['Message']),
        /^The specified parameter "ClientToken" is not valid: it (has at most 64|holds what is no ASCII) character/,
      )
    const two = await Promise.all([open('one'), open('two')])
    assert.deepEqual(
      two.map(({ status, body }) => `${status} ${String(body['Code'])}`).toSorted(),
      ['200 200', '400 OperationFailed.ExceedPurchaseLimit'],
      '"Concurrent opens per account are not supported"',
    )
    const [first, second] = two[0]!.status === 200 ? ['one', 'two'] : ['two', 'one']
    assert.deepEqual((await open(first)).body, { Code: '200', Message: 'successful' }, 'a repeat')
    for (const token of [second, ''])
      assert.equal((await open(token)).body['Code'], 'OperationFailed.ExceedPurchaseLimit')
    assert.equal(await enabled(), true)
    // "On the Flow Log page, click Authorize Now, and then click Authorize. This action automatically creates a RAM role
    // named AliyunVPCLogArchiveRole and a RAM policy named AliyunVPCLogArchiveRolePolicy. By default, VPC uses this role
    // and policy to access Simple Log Service and write flow logs to it."
    assert.match(
      await refused('CreateFlowLog', shop, 400, 'OperationDenied.RoleNotAuthorized'),
      /no role AliyunVPCLogArchiveRole with the policy AliyunVPCLogArchiveRolePolicy/,
    )
    await fulfilAtServer(cloud.url, 'authorisation')
    // "Activate Simple Log Service on the Simple Log Service product page."
    await refused('CreateFlowLog', shop, 400, 'OperationDenied.LogServiceNotOpen')
    await fulfilAtServer(cloud.url, 'logService')
    await gone(await make())
  })

  await t.test(
    'what is no value of a parameter is refused by the name of the parameter',
    async () => {
      const many = (count: number, name: (n: number) => string, value = 'k') =>
        Object.fromEntries(Array.from({ length: count }, (_, i) => [name(i + 1), `${value}${i}`]))
      for (const [name, wrong] of [
        ['FlowLogName', { FlowLogName: '名'.repeat(129) }],
        ['FlowLogName', { FlowLogName: 'x'.repeat(5000) }],
        ['FlowLogName', { FlowLogName: 'https://x' }],
        ['Description', { Description: '😀'.repeat(257) }],
        ['Description', { Description: 'http://x' }],
        ['AggregationInterval', { AggregationInterval: '01' }],
        ['TrafficPath', { 'TrafficPath.1': 'vbr', 'TrafficPath.2': 'vbr' }],
        ['TrafficPath', { 'TrafficPath.1': 'all', 'TrafficPath.2': 'vbr' }],
        ['TrafficPath', { 'TrafficPath.1': 'ALL' }],
        ['ResourceGroupId', { ResourceGroupId: 'default' }],
        ['Tag', many(21, (n) => `Tag.${n}.Key`)],
        ['Tag', { 'Tag.1.Key': '键'.repeat(129) }],
        ['Tag', { 'Tag.1.Key': 'k', 'Tag.1.Value': 'v'.repeat(129) }],
        ['Tag', { 'Tag.1.Key': 'aliyun' }],
        ['Tag', { 'Tag.1.Key': 'k', 'Tag.1.Value': 'acs:x' }],
        ['Tag', { 'Tag.1.Key': 'my http://x' }],
      ] as const)
        assert.match(
          await refused('CreateFlowLog', { ...shop, ...wrong }, 400, 'InvalidParameter'),
          new RegExp(`^The specified parameter "${name}" is not valid: .{5,300}$`),
        )
      const FlowLogId = await make({ FlowLogName: '😀'.repeat(128), Description: '述'.repeat(256) })
      const one = { RegionId, FlowLogId }
      for (const [name, value] of [
        ['FlowLogName', 'http://'],
        ['Description', 'x'.repeat(257)],
        ['AggregationInterval', '0'],
        ['IpVersion', 'IPv6'],
        ['LogFormat', 'x'],
      ] as const)
        assert.match(
          await refused(
            'ModifyFlowLogAttribute',
            { ...one, [name]: value },
            400,
            'InvalidParameter',
          ),
          new RegExp(`^The specified parameter "${name}" is not valid: `),
        )
      const group = { RegionId, ResourceType: 'FLOWLOG', ResourceId: FlowLogId }
      assert.match(
        await refused(
          'MoveResourceGroup',
          { ...group, NewResourceGroupId: 'x' },
          400,
          'InvalidParameter',
        ),
        /^The specified parameter "NewResourceGroupId" is not valid: "x" is no id of a resource group\. rg- and letters or digits/,
      )
      const of = { RegionId, ResourceType: 'FLOWLOG' }
      const ids = many(51, (n) => `ResourceId.${n}`, 'fl-')
      for (const [name, action, wrong] of [
        ['ResourceId', 'TagResources', { ...ids, 'Tag.1.Key': 'k' }],
        ['ResourceId', 'ListTagResources', ids],
        [
          'TagKey',
          'UnTagResources',
          { 'ResourceId.1': FlowLogId, ...many(21, (n) => `TagKey.${n}`) },
        ],
        ['All', 'UnTagResources', { 'ResourceId.1': FlowLogId, All: 'yes' }],
        ['MaxResults', 'ListTagResources', { 'ResourceId.1': FlowLogId, MaxResults: '0' }],
        ['MaxResults', 'ListTagResources', { 'ResourceId.1': FlowLogId, MaxResults: '51' }],
        ['ResourceType', 'ListTagResources', { 'ResourceId.1': FlowLogId, ResourceType: 'VPC' }],
        ['PageNumber', 'DescribeFlowLogs', { PageNumber: '0' }],
        ['PageSize', 'DescribeFlowLogs', { PageSize: '51' }],
        ['Status', 'DescribeFlowLogs', { Status: 'active', ResourceType: 'VPC' }],
        ['ResourceType', 'DescribeFlowLogs', { ResourceType: 'Eni' }],
      ] as const)
        assert.match(
          await refused(action, { ...of, ...wrong }, 400, 'InvalidParameter'),
          new RegExp(`^The specified parameter "${name}" is not valid: `),
        )
      await gone(FlowLogId)
    },
  )

  await t.test(
    'a change that changes nothing is no version, and nothing is under way with it',
    async () => {
      const FlowLogId = await make({ FlowLogName: 'n' })
      const one = { RegionId, FlowLogId }
      for (const change of [
        {},
        { FlowLogName: 'n' },
        { AggregationInterval: '10', IpVersion: 'IPv4' },
      ]) {
        await succeed('ModifyFlowLogAttribute', { ...one, ...change })
        assert.equal((await rows({ FlowLogId })).FlowLog[0]!['Status'], 'Active')
      }
      // Nothing changes either where it is as it is asked to be.
      await succeed('ActiveFlowLog', one)
      assert.equal((await rows({ FlowLogId })).FlowLog[0]!['Status'], 'Active')
      await succeed('ModifyFlowLogAttribute', { ...one, FlowLogName: 'n', Description: 'd' })
      await until(FlowLogId, 'Active')
      const { edits } = await historyOfFlowLog(cloud.url, FlowLogId)
      assert.deepEqual(
        edits.map(({ did, before, after }) => [did, did === 'modify' ? [before, after] : []]),
        [
          ['create', []],
          ['modify', [{ description: '' }, { description: 'd' }]],
        ],
      )
      await gone(FlowLogId)
    },
  )

  await t.test(
    'an inactive one that is changed goes "back to `Active` or `Inactive`"',
    async () => {
      const FlowLogId = await make()
      await succeed('DeactiveFlowLog', { RegionId, FlowLogId })
      await until(FlowLogId, 'Inactive')
      await succeed('ModifyFlowLogAttribute', { RegionId, FlowLogId, AggregationInterval: '1' })
      await until(FlowLogId, 'Inactive')
      assert.equal((await rows({ FlowLogId })).FlowLog[0]!['AggregationInterval'], 1)
      await gone(FlowLogId)
    },
  )

  await t.test('pages of DescribeFlowLogs, and filters of each target', async () => {
    const made: string[] = []
    made.push(await make())
    made.push(await make({ ResourceType: 'VSwitch', ResourceId: 'vsw-web' }))
    made.push(await make({ ResourceType: 'NetworkInterface', ResourceId: 'eni-web1' }))
    const far = { RegionId: 'cn-shanghai', ResourceId: 'vpc-far' }
    // Each account does its own; OpenFlowLogService does that of its key.
    const ofOther = await refused(
      'CreateFlowLog',
      { ...shop, ...far },
      400,
      'OperationDenied.FlowLogServiceNotOpen',
    )
    assert.match(
      ofOther,
      /^flow logs are not activated for account 77\. .* --fulfil activation --account 77$/,
    )
    for (const name of ['activation', 'authorisation', 'logService'])
      await fulfilAtServer(cloud.url, name, '77')
    const foreign = String((await succeed('CreateFlowLog', { ...shop, ...far }))['FlowLogId'])
    assert.deepEqual(
      (await rows({ VpcId: 'vpc-shop' })).ids,
      made,
      'of a VPC, a vSwitch and an ENI',
    )
    const page = async (PageNumber: string, PageSize: string) => {
      const { ids, body } = await rows({ PageNumber, PageSize })
      return [ids, body['TotalCount'], body['PageNumber'], body['PageSize']]
    }
    assert.deepEqual(await page('1', '2'), [made.slice(0, 2), '3', '1', '2'])
    assert.deepEqual(await page('2', '2'), [made.slice(2), '3', '2', '2'])
    assert.deepEqual(await page('9', '50'), [[], '3', '9', '50'])
    assert.deepEqual(await page('', ''), [made, '3', '1', '20'], 'an empty value is left out')
    // "the region of the resource to monitor"
    assert.deepEqual((await rows({ FlowLogId: foreign })).ids, [])
    await refused(
      'DeleteFlowLog',
      { RegionId, FlowLogId: foreign },
      404,
      'InvalidFlowLogId.NotFound',
    )
    const tagged = { RegionId, ResourceType: 'FLOWLOG', 'ResourceId.1': foreign }
    const { TagResources } = await succeed('ListTagResources', tagged)
    assert.deepEqual(TagResources, { TagResource: [] })
    for (const region of ['cn-shanghai']) {
      while (
        (await rows({ RegionId: region, FlowLogId: foreign })).FlowLog[0]?.['Status'] !== 'Active'
      );
      await succeed('DeleteFlowLog', { RegionId: region, FlowLogId: foreign })
    }
    for (const id of made) await gone(id)
  })

  await t.test('tags: the same key twice, an empty value, 20 in all', async () => {
    const FlowLogId = await make({ 'Tag.1.Key': '环境', 'Tag.1.Value': '生产 a&b' })
    const of = {
      RegionId,
      ResourceType: 'FLOWLOG',
      'ResourceId.1': FlowLogId,
      'ResourceId.2': FlowLogId,
    }
    await succeed('TagResources', {
      ...of,
      'Tag.1.Key': 'k',
      'Tag.1.Value': '1',
      'Tag.2.Key': 'k',
      'Tag.2.Value': '',
    })
    const tagsOf = async () => {
      const { Tags } = (await rows({ FlowLogId })).FlowLog[0]!
      return (Tags as { Tag: readonly { Key: string; Value: string }[] }).Tag
    }
    assert.deepEqual(await tagsOf(), [
      { Key: 'k', Value: '' },
      { Key: '环境', Value: '生产 a&b' },
    ])
    const more = Object.fromEntries(
      Array.from({ length: 19 }, (_, i) => [`Tag.${i + 1}.Key`, `t${i}`]),
    )
    assert.match(
      await refused('TagResources', { ...of, ...more }, 400, 'InvalidParameter'),
      /a flow log has at most 20 tags/,
    )
    assert.equal((await tagsOf()).length, 2)
    assert.deepEqual((await rows({ 'Tags.1.Key': '环境', 'Tags.1.Value': '生产 a&b' })).ids, [
      FlowLogId,
    ])
    await succeed('UnTagResources', { ...of, All: 'true', 'TagKey.1': 'k' })
    assert.deepEqual(await tagsOf(), [{ Key: '环境', Value: '生产 a&b' }], '"used when no TagKey"')
    await gone(FlowLogId)
  })

  await t.test(
    '"Delivery to Simple Log Service (SLS) can be configured only when you create the flow log"',
    async () => {
      const FlowLogId = await make()
      const other = { ProjectName: 'weir', LogStoreName: 'flow-log', FlowLogName: 'n' }
      await succeed('ModifyFlowLogAttribute', { RegionId, FlowLogId, ...other })
      await until(FlowLogId, 'Active')
      const [row] = (await rows({ FlowLogId })).FlowLog
      assert.deepEqual(
        [row!['FlowLogName'], row!['ProjectName'], row!['LogStoreName']],
        ['n', 'my-proj', 'store-1'],
      )
      await gone(FlowLogId)
    },
  )

  await t.test(
    '"the sampling interval of the traffic analyzer must be greater than that of the flow log", or equal',
    async () => {
      // "If the list is empty, you must first Create NIS Traffic Analyzer."
      const ten = await make()
      await assert.rejects(attachAnalyzer(cloud.url, ten, 'nta-0123456789abcdef'), {
        code: 'AnalyzerNotExist',
      })
      const { id } = await createAnalyzer(cloud.url, { intervalMinutes: 1 })
      await assert.rejects(attachAnalyzer(cloud.url, ten, id), {
        code: 'ParameterInvalid',
        message: `the interval of ${id}, 1 minutes, is shorter than the capture window, 10`,
      })
      const one = { RegionId, FlowLogId: ten }
      await succeed('ModifyFlowLogAttribute', { ...one, AggregationInterval: '1' })
      await until(ten, 'Active')
      assert.equal((await attachAnalyzer(cloud.url, ten, id)).analyzer, id)
      assert.match(
        await refused(
          'ModifyFlowLogAttribute',
          { ...one, AggregationInterval: '5' },
          400,
          'InvalidParameter',
        ),
        /is shorter than the capture window, 5/,
      )
      await gone(ten)
    },
  )

  await t.test(
    '"Enable Log Analysis Report": "automatically creates an index and creates a dashboard for the Logstore"',
    async () => {
      const about = { resourceType: 'VPC', resourceId: 'vpc-shop' } as const
      const into = { project: 'my-proj', logstore: 'audit' }
      const wanted = { ...about, ...into, createMissing: true, windowSeconds: 60 } as const
      const plain = await createFlowLog(cloud.url, { ...wanted, logstore: 'plain' })
      const { id } = await createFlowLog(cloud.url, { ...wanted, analysisReport: true })
      const ttlOf = async (name: string) =>
        (
          (await askTarget(store, { method: 'GET', url: `/logstores/${name}` })).json as {
            ttl: number
          }
        ).ttl
      // "the default data retention period for the Logstore is 7 days. Otherwise, the default is 300 days."
      assert.deepEqual([await ttlOf('audit'), await ttlOf('plain')], [7, 300])
      // "go to the Simple Log Service console to view the data retention period of an existing Logstore and modify it"
      const url = '/logstores/audit'
      await askTarget(store, { method: 'PUT', url, body: { logstoreName: 'audit', ttl: 30 } })
      assert.equal(await ttlOf('audit'), 30)

      const start = Math.floor(Date.now() / 60_000) * 60 - 600
      const rejected = { action: 'REJECT', bytes: '250', packets: '1', dstport: '22' }
      const ndjson = [{}, { srcaddr: '10.0.0.2', bytes: '500' }, rejected]
        .map((more) => JSON.stringify({ ...recordOf(start), ...more }))
        .join('\n')
      await putRecords(cloud.url, { ...into, id: { flowLog: id, run: 'r', number: 0 } }, ndjson)
      const list = await askTarget(store, { method: 'GET', url: '/dashboards' })
      const names = (list.json as { dashboards: readonly string[] }).dashboards
      assert.deepEqual(names, [
        'audit-vpc_flow_log_overview_en',
        'audit-vpc_flow_log_rejection_en',
        'audit-vpc_flow_log_traffic_en',
      ])
      const answers: Record<string, unknown> = {}
      for (const name of names) {
        const { json } = await askTarget(store, { method: 'GET', url: `/dashboards/${name}` })
        const { charts } = json as {
          charts: readonly { title: string; search: { query: string } }[]
        }
        for (const { title, search } of charts)
          answers[title] = rowsOf(await getLogs(store, 'audit', search.query)).map((row) =>
            Object.entries(row)
              .flatMap(([name, value]) => (name.startsWith('__') ? [] : value))
              .join(' '),
          )
      }
      assert.deepEqual(answers, {
        'Records by action': ['ACCEPT 2', 'REJECT 1'],
        'Accepted bytes': ['1500'],
        'Rejected bytes': ['250'],
        'Accepted packets': ['20'],
        'Share of rejected bytes, %': [String((250 * 100) / 1750)],
        'Share of rejected packets, %': [String(100 / 21)],
        'Bytes sent, by source': [
          `${start - (start % 600)} 10.0.0.1 1000`,
          `${start - (start % 600)} 10.0.0.2 500`,
        ],
        'Top 10 destination ports by accepted bytes': ['80 1500'],
        'Bytes per minute, by protocol': [`${start} 6 1500`],
      })
      // "If you need to consolidate multiple flow logs for centralized analysis, select the same Logstore."
      await askTarget(store, { method: 'DELETE', url: `/dashboards/${names[0]}` })
      const renamed = { dashboardName: names[1], displayName: 'mine', charts: [] }
      await askTarget(store, { method: 'PUT', url: `/dashboards/${names[1]}`, body: renamed })
      const second = await createFlowLog(cloud.url, { ...wanted, analysisReport: true })
      await putRecords(
        cloud.url,
        { ...into, id: { flowLog: second.id, run: 'r', number: 0 } },
        ndjson,
      )
      const [count] = rowsOf(await getLogs(store, 'audit', '* | SELECT count(*) AS n FROM log'))
      assert.equal(count!['n'], '6')
      const again = await askTarget(store, { method: 'GET', url: '/dashboards' })
      const items = (again.json as { dashboardItems: readonly { displayName: string }[] })
        .dashboardItems
      assert.deepEqual(
        items.map(({ displayName }) => displayName),
        ['VPC flow logs: overview', 'mine', 'VPC flow logs: traffic'],
        'what somebody changed stays',
      )
      for (const each of [plain, { id }, second]) await gone(each.id)
    },
  )

  await t.test('HTTP methods, XML and what is told of an error in it', async () => {
    const { url, key } = cloud
    const asked: CloudCall = { action: 'DescribeRegions' }
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      const { status, text } = await sendWire(url, { ...rpcRequest(key, asked), method, body: '' })
      assert.deepEqual([status, JSON.parse(text).Code], [404, 'InvalidAction.NotFound'], method)
    }
    const wrong = rpcRequest(key, { action: 'DescribeVpcs', common: { Format: '' } })
    const { status, type, text } = await sendWire(url, wrong)
    assert.deepEqual([status, type], [400, 'text/xml;charset=utf-8'])
    assert.match(
      text,
      /^<\?xml version='1.0' encoding='UTF-8'\?><Error><RequestId>[0-9A-F-]{36}<\/RequestId><HostId>127\.0\.0\.1:\d+<\/HostId><Code>MissingParameter<\/Code><Message>The input parameter &quot;RegionId&quot; that is mandatory for processing this request is not supplied\.<\/Message><\/Error>$/,
    )
    // "sends an **empty `SignatureType=`** parameter that is part of the signed string"
    const cli = rpcRequest(key, { ...asked, common: { SignatureType: '' } })
    assert.equal((await sendWire(url, cli)).status, 200)
    const host = new URL(url).host
    const signed = acs3Request(key, host, { ...asked, common: { 'x-acs-security-token': 't' } })
    assert.equal((await sendWire(url, signed)).status, 200)
  })

  await t.test('NIS: what is wrong is said by its parameter', async () => {
    const { id: analyzer } = await createAnalyzer(cloud.url, { intervalMinutes: 10 })
    const asked = {
      TrafficAnalyzerId: analyzer,
      TrafficScenario: 'VpcFlowLogAll',
      RegionNo: RegionId,
      BeginTime: String(Date.now() - 3_600_000),
      EndTime: String(Date.now()),
      Direction: 'IN',
      TupleDimension: 'Tuple1',
      OrderBy: 'Bytes',
      Filter: '[{"Key":"FlowAction","Value":["ACCEPT"]}]',
    }
    const start = (more: Given) =>
      call('StartNisTrafficRanking', { ...asked, ...more }, '2021-12-16')
    for (const [name, value] of [
      ['TupleDimension', 'Tuple3'],
      ['Direction', 'both'],
      ['OrderBy', 'bytes'],
      ['RegionNo', 'cn-shanghai'],
      ['TrafficScenario', 'TRFlowlog'],
      ['Sort', 'up'],
      ['TopN', '0'],
      ['Language', 'fr'],
      ['StorageInterval', '60'],
      ['MaxResults', '101'],
      ['Filter', '[]'],
      ['GroupBy', '["SourceIp"]'],
    ] as const) {
      const { status, body } = await start({ [name]: value })
      assert.deepEqual([status, body['Code']], [400, 'InvalidParameter'], name)
      assert.match(
        String(body['Message']),
        new RegExp(`^The specified parameter "${name}" is not valid: .{5,300}$`),
      )
    }
    const { status, body } = await start({
      GroupBy: '["CloudIp"]',
      Sort: 'DESC',
      MaxResults: '100',
    })
    assert.equal(status, 200, JSON.stringify(body))
    assert.match(String(body['NisTrafficRankingId']), /^task-/)
  })
})
