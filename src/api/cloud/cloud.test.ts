/** The cloud's RPC protocol over HTTP (alibaba-api.md 1.1, 2.2, 2.5, 2.6), and its look-ups over a topology. */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { keys, startServer, testKey } from '../../../test/api-server.ts'
import {
  acs3Request,
  callCloud,
  type CloudCall,
  rpcRequest,
  sendWire,
} from '../../../test/cloud-requests.ts'
import {
  type AuditEntry,
  Nonces,
  type Policy,
  RateLimits,
  verifyCloud,
} from '../../access/access.ts'
import { WeirError } from '../../base/errors.ts'
import { FlowLogs, FlowLogService, type FlowLogServiceThings } from '../../flow-log/flow-log.ts'
import { parseTopology } from '../../vpc/vpc.ts'
import type { CloudThings } from './cloud.ts'

const topology = await parseTopology(
  `
account: "1210123456789012"
region: cn-hangzhou
vpcs:
  - { id: vpc-shop, cidrs: [10.0.0.0/16, 10.8.0.0/16, "fd00:10::/56"], routeTable: vtb-main }
  - { id: vpc-far, cidrs: [172.16.0.0/12], region: cn-shanghai, account: "77" }
  - { id: vpc-lab, cidrs: [192.168.0.0/16] }
vSwitches:
  - { id: vsw-web, vpc: vpc-shop, cidrs: [10.0.0.0/24, "fd00:10::/64"], networkAcl: nacl-web }
  - { id: vsw-db, vpc: vpc-shop, cidrs: [10.0.1.0/24], routeTable: vtb-db }
  - { id: vsw-far, vpc: vpc-far, cidrs: [172.16.0.0/24] }
instances: [{ id: i-web1 }]
enis:
  - { id: eni-web1, vSwitch: vsw-web, instance: i-web1, privateIps: [10.0.0.1, 10.0.0.2, "fd00:10::1"], publicIp: 47.96.0.1, securityGroups: [sg-web] }
  - { id: eni-db1, vSwitch: vsw-db, privateIps: [10.0.1.1] }
  - { id: eni-far, vSwitch: vsw-far, privateIps: [172.16.0.1] }
securityGroups: [{ id: sg-web }]
networkAcls: [{ id: nacl-web }]
routeTables: [{ id: vtb-main }, { id: vtb-db }]
gateways: [{ id: ngw-1, type: natGateway, vpc: vpc-shop }]
`,
  'vpc.yaml',
)

/** Of the topology above, with the logstore weir/flow-log. */
function flowLogService(more: Partial<FlowLogServiceThings> = {}): FlowLogService {
  const regionOf = new Map([
    ['vpc-shop', 'cn-hangzhou'],
    ['vsw-web', 'cn-hangzhou'],
    ['eni-web1', 'cn-hangzhou'],
    ['vpc-far', 'cn-shanghai'],
  ])
  return new FlowLogService(new FlowLogs(new DatabaseSync(':memory:')), {
    checkTarget({ resourceId }) {
      if (!regionOf.has(resourceId))
        throw new WeirError('ResourceNotExist', `there is no ${resourceId}`)
    },
    placeOf: ({ resourceId }) => ({ region: regionOf.get(resourceId)!, account: '12' }),
    checkDestination(project, logstore) {
      if (project !== 'weir') throw new WeirError('ProjectNotExist', project)
      if (logstore !== 'flow-log') throw new WeirError('LogStoreNotExist', logstore)
    },
    checkAnalyzer: () => {},
    checkPaid: () => {},
    deliveryProblem: () => undefined,
    taken: () => Promise.resolve(),
    prerequisitesDone: true,
    ...more,
  })
}

async function start(t: TestContext, replaced: Partial<CloudThings> = {}) {
  const noted: Omit<AuditEntry, 'at'>[] = []
  const nonces = new Nonces(new DatabaseSync(':memory:'))
  const rates = new RateLimits()
  const cloud: CloudThings = {
    gate: {
      verifyCloud: (request) => verifyCloud(request, keys, nonces, Date.now()),
      take({ keyId, limits }, bytes) {
        if (rates.take(keyId, bytes, limits, 0) !== undefined)
          throw new WeirError('ReadQuotaExceed', `key ${keyId} asks more than its limits allow`)
      },
      begin: (intents) => (outcome) =>
        void noted.push(...intents.map((each) => ({ ...each, outcome }))),
    },
    region: 'cn-beijing',
    account: '-',
    regions: () => ['cn-hangzhou', 'cn-shanghai', 'cn-beijing'].map((id) => ({ id, name: id })),
    topology: () => topology,
    sample: undefined,
    interfaces: () => [],
    flowLogs: flowLogService(),
  }
  const { url, errors } = await startServer(t, { cloud: { ...cloud, ...replaced } })
  const host = new URL(url).host
  const call = (asked: CloudCall, key = testKey) => callCloud(url, key, asked)
  const refused = async (asked: CloudCall, status: number, Code: string, key = testKey) => {
    const answer = await call(asked, key)
    assert.deepEqual([answer.status, answer.body['Code']], [status, Code], JSON.stringify(answer))
    assert.equal(answer.body['HostId'], host)
    return String(answer.body['Message'])
  }
  return { url, host, call, refused, noted, errors }
}

const regions = { action: 'DescribeRegions' }

test('both signatures, parameters in query, form or both, JSON and XML', async (t) => {
  const { url, host } = await start(t)
  const xml =
    /^<\?xml version='1.0' encoding='UTF-8'\?><DescribeRegionsResponse><RequestId>[0-9A-F-]{36}<\/RequestId><Regions><Region><RegionId>cn-hangzhou<\/RegionId>.*<\/Region><\/Regions><\/DescribeRegionsResponse>$/
  const json = /^\{"RequestId":"[0-9A-F-]{36}","Regions":\{"Region":\[\{"RegionId":"cn-hangzhou",/
  const requests = [
    [rpcRequest(testKey, regions), json],
    [rpcRequest(testKey, { ...regions, place: 'query' }), json],
    [rpcRequest(testKey, { ...regions, common: { Format: 'json' } }), json],
    [rpcRequest(testKey, { ...regions, common: { Format: 'XML' } }), xml],
    // "default XML when absent in the classic protocol"
    [rpcRequest(testKey, { ...regions, common: { Format: '' } }), xml],
    [acs3Request(testKey, host, regions), json],
    [acs3Request(testKey, host, { ...regions, parameters: { Format: 'XML' } }), xml],
  ] as const
  for (const [request, pattern] of requests) {
    const { status, type, text } = await sendWire(url, request)
    assert.equal(status, 200, text)
    assert.match(text, pattern)
    const name = pattern === xml ? 'text/xml' : 'application/json'
    assert.equal(type, `${name};charset=utf-8`)
  }
  const everything = rpcRequest(testKey, { ...regions, parameters: { OwnerAccount: 'x' } })
  const inForm = {
    ...everything,
    target: '/',
    body: `${everything.target.slice(2)}&OwnerAccount=x`,
  }
  assert.equal((await sendWire(url, inForm)).status, 200, 'pop-core sends all in the form')
})

test('a request is taken once: "Specified signature nonce was used already."', async (t) => {
  const { url, host } = await start(t)
  for (const request of [rpcRequest(testKey, regions), acs3Request(testKey, host, regions)]) {
    assert.equal((await sendWire(url, request)).status, 200)
    const { status, text } = await sendWire(url, request)
    const { RequestId: _, ...body } = JSON.parse(text) as Record<string, string>
    assert.deepEqual(
      [status, body],
      [
        400,
        {
          HostId: host,
          Code: 'SignatureNonceUsed',
          Message: 'Specified signature nonce was used already.',
        },
      ],
    )
  }
})

test('what is wrong with a request is said by the code that clients know', async (t) => {
  const { url, refused, call, errors } = await start(t)
  const common = (change: Record<string, string>) => ({ ...regions, common: change })
  const other = { id: 'LTAInobody', secret: testKey.secret }
  await refused(regions, 404, 'InvalidAccessKeyId.NotFound', other)
  const wrong = { id: testKey.id, secret: 'x' }
  assert.match(
    await refused(regions, 400, 'SignatureDoesNotMatch', wrong),
    /server string to sign is:POST&%2F&AccessKeyId/,
  )
  const minutes = (count: number) => new Date(Date.now() + count * 60_000)
  for (const time of [minutes(-16), minutes(16)])
    assert.equal(
      await refused({ ...regions, time }, 400, 'InvalidTimeStamp.Expired'),
      'Specified time stamp or date value is expired.',
    )
  for (const time of [minutes(-14), minutes(14)])
    assert.equal((await call({ ...regions, time })).status, 200)
  await refused(common({ Timestamp: 'now' }), 400, 'InvalidTimeStamp.Format')
  assert.equal(
    await refused(common({ SignatureNonce: '' }), 400, 'MissingParameter'),
    'The input parameter "SignatureNonce" that is mandatory for processing this request is not supplied.',
  )
  await refused(common({ SignatureMethod: 'HMAC-SHA512' }), 400, 'InvalidParameter')
  await refused(common({ Format: 'YAML' }), 400, 'InvalidParameter')
  await refused({ action: 'DescribeNothing' }, 404, 'InvalidAction.NotFound')
  await refused({ action: 'DescribeRegions', version: '2014-05-26' }, 404, 'InvalidAction.NotFound')
  await refused({ action: '' }, 400, 'MissingParameter')
  assert.equal(
    await refused({ action: 'DescribeRegions', version: '2015-01-01' }, 400, 'InvalidParameter'),
    'The specified parameter "Action or Version" is not valid.',
  )
  await refused({ action: 'DescribeVpcs' }, 400, 'MissingParameter')
  const elsewhere = { RegionId: 'cn-nowhere' }
  await refused({ action: 'DescribeVpcs', parameters: elsewhere }, 404, 'InvalidRegionId.NotFound')
  for (const PageSize of ['0', '51', '-1', '1.5', 'x', '9'.repeat(30)])
    await refused(
      { action: 'DescribeVpcs', parameters: { RegionId: 'cn-hangzhou', PageSize } },
      400,
      'InvalidParameter',
    )
  const twice = rpcRequest(testKey, regions)
  const given = { ...twice, target: `${twice.target}&Action=DescribeVpcs` }
  assert.match(
    (await sendWire(url, given)).text,
    /"Code":"InvalidParameter".*\\"Action\\" is not valid: it is given twice/,
  )
  const big = { ...regions, parameters: { OwnerAccount: 'x'.repeat(300_000) } }
  await refused(big, 413, 'RequestTooLarge')
  const typed = rpcRequest(testKey, { ...regions, parameters: { a: 'b' } })
  const untyped = { ...typed, headers: { 'content-type': 'application/json' } }
  assert.equal((await sendWire(url, untyped)).status, 400)
  assert.deepEqual(errors, [])
})

test('a key may do what its policy says, action by action, and asks as often as its limits allow', async (t) => {
  const { call, refused } = await start(t)
  const keyFor = (Statement: Policy['Statement'], limits: { requestsPerSecond?: number } = {}) =>
    keys.create({ name: 'some', policy: { Version: '1', Statement }, limits })
  const Resource = 'acs:vpc:*:*:vpc/vpc-shop'
  const one = keyFor([{ Effect: 'Allow', Action: ['vpc:DescribeVpcs'], Resource: [Resource] }])
  const asked = (VpcId: string) => ({
    action: 'DescribeVpcs',
    parameters: { RegionId: 'cn-hangzhou', VpcId },
  })
  assert.equal((await call(asked('vpc-shop'), one)).body['TotalCount'], 1)
  for (const ids of ['vpc-lab', 'vpc-shop,vpc-lab', ''])
    await refused(asked(ids), 403, 'Forbidden.RAM', one)
  await refused(regions, 403, 'Forbidden.RAM', one)
  const all = [{ Effect: 'Allow', Action: ['*'], Resource: ['*'] }] as const
  const slow = keyFor(all, { requestsPerSecond: 1 })
  for (let i = 0; i < 2; i++) assert.equal((await call(regions, slow)).status, 200)
  await refused(regions, 400, 'Throttling.User', slow)
  keys.change(slow.id, { enabled: false })
  await refused(regions, 400, 'InvalidAccessKeyId.Inactive', slow)
})

interface Listed {
  readonly [name: string]: Record<string, readonly Record<string, unknown>[]>
}

test('DescribeVpcs: "`region` and `account` on a VPC override the file\'s"', async (t) => {
  const { call } = await start(t)
  const vpcs = async (parameters: Record<string, string>) => {
    const { status, body } = await call({ action: 'DescribeVpcs', parameters })
    assert.equal(status, 200)
    return (body as unknown as Listed)['Vpcs']!['Vpc']!
  }
  const ids = async (parameters: Record<string, string>) =>
    (await vpcs({ RegionId: 'cn-hangzhou', ...parameters })).map(({ VpcId }) => VpcId)
  assert.deepEqual(await ids({}), ['vpc-shop', 'vpc-lab'])
  assert.deepEqual(await ids({ RegionId: 'cn-shanghai' }), ['vpc-far'])
  assert.deepEqual(await ids({ RegionId: 'cn-beijing' }), [])
  assert.deepEqual(await ids({ VpcId: 'vpc-lab,vpc-far' }), ['vpc-lab'])
  assert.deepEqual(await ids({ PageSize: '1', PageNumber: '2' }), ['vpc-lab'])
  assert.deepEqual(await ids({ PageSize: '1', PageNumber: '3' }), [])
  assert.deepEqual(await ids({ EnableIpv6: 'true' }), ['vpc-shop'])
  assert.deepEqual(await ids({ EnableIpv6: 'False' }), ['vpc-lab'])
  assert.deepEqual(await ids({ IsDefault: 'true' }), [])
  assert.deepEqual(await ids({ 'Tag.1.Key': 'k' }), [])
  assert.deepEqual(await ids({ RegionId: 'cn-shanghai', VpcOwnerId: '77' }), ['vpc-far'])
  assert.deepEqual(await ids({ VpcOwnerId: '77' }), [])
  assert.equal((await vpcs({ RegionId: 'cn-shanghai' }))[0]!['OwnerId'], 77)
  assert.deepEqual((await vpcs({ RegionId: 'cn-hangzhou' }))[0], {
    VpcId: 'vpc-shop',
    VpcName: '',
    Description: '',
    Status: 'Available',
    RegionId: 'cn-hangzhou',
    CidrBlock: '10.0.0.0/16',
    Ipv6CidrBlock: 'fd00:10::/56',
    Ipv6CidrBlocks: { Ipv6CidrBlock: [{ Ipv6CidrBlock: 'fd00:10::/56', Ipv6Isp: 'BGP' }] },
    EnabledIpv6: true,
    SecondaryCidrBlocks: { SecondaryCidrBlock: ['10.8.0.0/16'] },
    UserCidrs: { UserCidr: [] },
    VSwitchIds: { VSwitchId: ['vsw-web', 'vsw-db'] },
    RouterTableIds: { RouterTableIds: ['vtb-main', 'vtb-db'] },
    NatGatewayIds: { NatGatewayIds: ['ngw-1'] },
    Tags: { Tag: [] },
    IsDefault: false,
    ResourceGroupId: '',
    OwnerId: 1210123456789012,
  })
})

test('DescribeVSwitches and DescribeNetworkInterfaces', async (t) => {
  const { call } = await start(t)
  const vSwitches = async (parameters: Record<string, string>) => {
    const { body } = await call({ action: 'DescribeVSwitches', parameters })
    return (body as unknown as Listed)['VSwitches']!['VSwitch']!
  }
  const ids = async (parameters: Record<string, string>) =>
    (await vSwitches(parameters)).map(({ VSwitchId }) => VSwitchId)
  assert.deepEqual(await ids({}), ['vsw-web', 'vsw-db', 'vsw-far'])
  assert.deepEqual(await ids({ RegionId: 'cn-shanghai' }), ['vsw-far'])
  assert.deepEqual(await ids({ VpcId: 'vpc-shop', RouteTableId: 'vtb-db' }), ['vsw-db'])
  assert.deepEqual(await ids({ VSwitchId: 'vsw-web' }), ['vsw-web'])
  assert.deepEqual((await vSwitches({ VSwitchId: 'vsw-web' }))[0], {
    VSwitchId: 'vsw-web',
    VSwitchName: '',
    Description: '',
    Status: 'Available',
    VpcId: 'vpc-shop',
    CidrBlock: '10.0.0.0/24',
    Ipv6CidrBlock: 'fd00:10::/64',
    EnabledIpv6: true,
    NetworkAclId: 'nacl-web',
    RouteTable: { RouteTableId: 'vtb-main', RouteTableType: 'System' },
    Tags: { Tag: [] },
    IsDefault: false,
    ResourceGroupId: '',
    OwnerId: 1210123456789012,
  })

  const enis = async (parameters: Record<string, string>) => {
    const asked = { RegionId: 'cn-hangzhou', ...parameters }
    const version = '2014-05-26'
    const action = 'DescribeNetworkInterfaces'
    const { status, body } = await call({ action, version, parameters: asked })
    assert.equal(status, 200, JSON.stringify(body))
    const rows = (body as unknown as Listed)['NetworkInterfaceSets']!['NetworkInterfaceSet']!
    return { rows, ids: rows.map((each) => each['NetworkInterfaceId']), body }
  }
  assert.deepEqual((await enis({})).ids, ['eni-web1', 'eni-db1'])
  assert.deepEqual((await enis({ RegionId: 'cn-shanghai' })).ids, ['eni-far'])
  const named = { 'NetworkInterfaceId.1': 'eni-db1', 'NetworkInterfaceId.2': 'eni-far' }
  assert.deepEqual((await enis(named)).ids, ['eni-db1'])
  for (const filter of [
    { InstanceId: 'i-web1' },
    { Status: 'InUse' },
    { SecurityGroupId: 'sg-web' },
    { 'PrivateIpAddress.1': '10.0.0.2' },
    { PrimaryIpAddress: '10.0.0.1' },
    { 'Ipv6Address.1': 'fd00:10::1' },
  ])
    assert.deepEqual((await enis(filter)).ids, ['eni-web1'], JSON.stringify(filter))
  assert.deepEqual((await enis({ PrimaryIpAddress: '10.0.0.2' })).ids, [])
  assert.deepEqual((await enis({ Type: 'Primary' })).ids, [])
  assert.deepEqual((await enis({ Type: 'Secondary' })).ids, ['eni-web1', 'eni-db1'])
  const first = await enis({ MaxResults: '1' })
  assert.deepEqual([first.ids, first.body['NextToken']], [['eni-web1'], 'o1'])
  const second = await enis({ MaxResults: '1', NextToken: 'o1' })
  assert.deepEqual([second.ids, second.body['NextToken']], [['eni-db1'], ''])
  const publicAddress = { PublicIpAddress: '47.96.0.1' }
  assert.deepEqual(first.rows[0], {
    NetworkInterfaceId: 'eni-web1',
    NetworkInterfaceName: '',
    Description: '',
    Status: 'InUse',
    VpcId: 'vpc-shop',
    VSwitchId: 'vsw-web',
    InstanceId: 'i-web1',
    PrivateIpAddress: '10.0.0.1',
    PrivateIpSets: {
      PrivateIpSet: [
        { PrivateIpAddress: '10.0.0.1', Primary: true, AssociatedPublicIp: publicAddress },
        { PrivateIpAddress: '10.0.0.2', Primary: false },
      ],
    },
    Ipv6Sets: { Ipv6Set: [{ Ipv6Address: 'fd00:10::1' }] },
    AssociatedPublicIp: publicAddress,
    SecurityGroupIds: { SecurityGroupId: ['sg-web'] },
    Type: 'Secondary',
    Tags: { Tag: [] },
    ResourceGroupId: '',
    OwnerId: '1210123456789012',
  })
})

const eni = { accountId: '-', eniId: 'eni-eth0', vmId: '-', vSwitchId: '-', vpcId: '-' }

test('without a topology there are the VPC of the host and its interfaces', async (t) => {
  const { call } = await start(t, { topology: () => undefined, interfaces: () => [eni, eni] })
  const parameters = { RegionId: 'cn-beijing' }
  const { body } = await call({ action: 'DescribeVpcs', parameters })
  assert.equal((body as unknown as Listed)['Vpcs']!['Vpc']![0]!['VpcId'], 'vpc-host')
  const version = '2014-05-26'
  const found = await call({ action: 'DescribeNetworkInterfaces', version, parameters })
  assert.equal(found.body['TotalCount'], 1)
})

const of = { RegionId: 'cn-hangzhou' }
const shop = { ...of, ResourceType: 'VPC', ResourceId: 'vpc-shop', TrafficType: 'All' }
const target = { ProjectName: 'weir', LogStoreName: 'flow-log' }

test('beside the VPC of the host there is the network of the sample project', async (t) => {
  const { call } = await start(t, {
    topology: () => undefined,
    sample: topology,
    interfaces: () => [eni],
  })
  const isListed = async (action: string, id: string) => {
    const { body } = await call({ action, parameters: { RegionId: 'cn-hangzhou', PageSize: '50' } })
    return JSON.stringify(body).includes(`"${id}"`)
  }
  const [vpc] = topology.vpcs
  const [vSwitch] = topology.vSwitches
  assert.deepEqual(
    [await isListed('DescribeVpcs', vpc!.id), await isListed('DescribeVSwitches', vSwitch!.id)],
    [true, true],
  )
})

test('a flow log is created, described, changed, stopped, started and deleted', async (t) => {
  const { call, refused, noted } = await start(t)
  const succeed = async (action: string, parameters: Record<string, string>) => {
    const { status, body } = await call({ action, parameters: { ...of, ...parameters } })
    assert.deepEqual([status, body['Success']], [200, 'true'], JSON.stringify(body))
    return body
  }
  const described = async (parameters: Record<string, string>) => {
    const body = await succeed('DescribeFlowLogs', parameters)
    const rows = (body as unknown as Listed)['FlowLogs']!['FlowLog']!
    assert.equal(body['TotalCount'], String(rows.length))
    return rows
  }
  assert.deepEqual(await described({}), [])
  const names = { FlowLogName: 'n 1', Description: '中文 a&b=*~', AggregationInterval: '1' }
  const tagged = { 'Tag.1.Key': 'k' }
  const paths = {
    ...tagged,
    'TrafficPath.1': 'vbr',
    'TrafficPath.2': 'natGateway',
    IpVersion: 'DualStack',
  }
  const made = await succeed('CreateFlowLog', { ...shop, ...target, ...names, ...paths })
  const FlowLogId = String(made['FlowLogId'])
  assert.match(FlowLogId, /^fl-[a-z0-9]{21}$/)
  const [row] = await described({ FlowLogId })
  const { CreationTime, ...rest } = row!
  assert.match(String(CreationTime), /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  assert.deepEqual(rest, {
    FlowLogId,
    FlowLogName: 'n 1',
    Description: '中文 a&b=*~',
    RegionId: 'cn-hangzhou',
    ResourceType: 'VPC',
    ResourceId: 'vpc-shop',
    TrafficType: 'All',
    ...target,
    Status: 'Active',
    AggregationInterval: 1,
    IpVersion: 'DualStack',
    // "in creation order: in Terraform it is an ordered ForceNew list"
    TrafficPath: { TrafficPathList: ['vbr', 'natGateway'] },
    ResourceGroupId: 'rg-default',
    BusinessStatus: 'Normal',
    ServiceType: '',
    FlowLogDeliverStatus: 'SUCCESS',
    FlowLogDeliverErrorMessage: '',
    Tags: { Tag: [{ Key: 'k', Value: '' }] },
  })
  const web = { ...of, ResourceType: 'VSwitch', ResourceId: 'vsw-web', TrafficType: 'Drop' }
  await succeed('CreateFlowLog', { ...web, ...target })
  const [plain] = await described({ ResourceType: 'VSwitch' })
  assert.deepEqual(
    [plain!['AggregationInterval'], plain!['IpVersion'], plain!['TrafficPath']],
    [10, 'IPv4', { TrafficPathList: ['all'] }],
  )
  for (const [filter, count] of [
    [{ VpcId: 'vpc-shop' }, 2],
    [{ VpcId: 'vpc-far' }, 0],
    [{ RegionId: 'cn-shanghai' }, 0],
    [{ TrafficType: 'Drop' }, 1],
    [{ FlowLogName: 'n 1' }, 1],
    [{ FlowLogName: 'n' }, 0],
    [{ ...target, ResourceId: 'vsw-web' }, 1],
    [{ Status: 'Inactive' }, 0],
    [{ 'Tags.1.Key': 'k' }, 1],
    [{ 'Tags.1.Key': 'k', 'Tags.1.Value': 'v' }, 0],
    [{ ResourceGroupId: 'rg-default' }, 2],
    [{ ResourceGroupId: 'rg-other' }, 0],
  ] as const)
    assert.equal((await described(filter)).length, count, JSON.stringify(filter))

  await succeed('ModifyFlowLogAttribute', { FlowLogId, AggregationInterval: '5', Description: '' })
  await succeed('DeactiveFlowLog', { FlowLogId })
  const [changed] = await described({ Status: 'Inactive' })
  assert.deepEqual(
    [changed!['AggregationInterval'], changed!['Description'], changed!['FlowLogName']],
    [5, '', 'n 1'],
  )
  await succeed('ActiveFlowLog', { FlowLogId })
  await succeed('DeleteFlowLog', { FlowLogId })
  assert.deepEqual(await described({ FlowLogId }), [])
  const gone = { ...of, FlowLogId }
  for (const action of ['DeleteFlowLog', 'ActiveFlowLog', 'ModifyFlowLogAttribute'])
    await refused({ action, parameters: gone }, 404, 'InvalidFlowLogId.NotFound')
  assert.deepEqual(
    noted.map(({ action, resource, outcome }) => `${action} ${resource} ${outcome}`),
    [
      'vpc:CreateFlowLog flowlog/* ok',
      'vpc:CreateFlowLog flowlog/* ok',
      `vpc:ModifyFlowLogAttribute flowlog/${FlowLogId} ok`,
      `vpc:DeactiveFlowLog flowlog/${FlowLogId} ok`,
      `vpc:ActiveFlowLog flowlog/${FlowLogId} ok`,
      `vpc:DeleteFlowLog flowlog/${FlowLogId} ok`,
      `vpc:DeleteFlowLog flowlog/${FlowLogId} FlowLogNotExist`,
      `vpc:ActiveFlowLog flowlog/${FlowLogId} FlowLogNotExist`,
      `vpc:ModifyFlowLogAttribute flowlog/${FlowLogId} FlowLogNotExist`,
    ],
  )
})

test('what a flow log cannot be is refused by a code', async (t) => {
  const { refused } = await start(t)
  const whole: Record<string, string> = { ...shop, ...target }
  const create = (change: Record<string, string>, status: number, code: string) =>
    refused({ action: 'CreateFlowLog', parameters: { ...whole, ...change } }, status, code)
  for (const name of Object.keys(whole)) await create({ [name]: '' }, 400, 'MissingParameter')
  for (const [name, value] of [
    ['ResourceType', 'vpc'],
    ['TrafficType', 'ALL'],
    ['AggregationInterval', '2'],
    ['AggregationInterval', '60'],
    ['IpVersion', 'ipv4'],
    ['TrafficPath.1', 'internet'],
    ['FlowLogName', 'http://x'],
    ['FlowLogName', 'x'.repeat(129)],
    ['Description', 'https://x'],
    ['Description', 'x'.repeat(257)],
  ] as const)
    await create({ [name]: value }, 400, 'InvalidParameter')
  await create({ 'TrafficPath.1': 'all', 'TrafficPath.2': 'vbr' }, 400, 'InvalidParameter')
  await create({ ResourceId: 'vpc-none' }, 404, 'ResourceNotFound')
  await create({ ResourceId: 'vpc-far' }, 404, 'ResourceNotFound')
  await create({ RegionId: 'cn-nowhere' }, 404, 'InvalidRegionId.NotFound')
  await create({ ProjectName: 'nobody' }, 400, 'ProjectOrLogstoreNotExist')
  await create({ LogStoreName: 'nothing' }, 400, 'ProjectOrLogstoreNotExist')
})

test('tags and resource groups', async (t) => {
  const { call, refused } = await start(t)
  const ask = async (action: string, parameters: Record<string, string>) => {
    const { status, body } = await call({ action, parameters: { ...of, ...parameters } })
    assert.equal(status, 200, JSON.stringify(body))
    return body
  }
  const { FlowLogId, ResourceGroupId } = await ask('CreateFlowLog', {
    ...shop,
    ...target,
    ResourceGroupId: 'rg-one',
    'Tag.1.Key': 'k',
    'Tag.1.Value': 'v',
  })
  assert.equal(ResourceGroupId, 'rg-one')
  const id = String(FlowLogId)
  const one = { ResourceType: 'FlowLog', 'ResourceId.1': id }
  const tags = async (parameters: Record<string, string>) => {
    const body = await ask('ListTagResources', { ResourceType: 'FLOWLOG', ...parameters })
    const rows = (body as unknown as Listed)['TagResources']!['TagResource']!
    const told = rows.map(({ ResourceId, ResourceType, TagKey, TagValue }) => {
      assert.deepEqual([ResourceId, ResourceType], [id, 'FLOWLOG'])
      return `${String(TagKey)}=${String(TagValue)}`
    })
    return { told, next: String(body['NextToken']) }
  }
  assert.deepEqual((await tags(one)).told, ['k=v'])
  await ask('TagResources', { ...one, 'Tag.1.Key': 'l', 'Tag.2.Key': 'k', 'Tag.2.Value': 'w' })
  assert.deepEqual((await tags({ 'Tag.1.Key': 'k' })).told, ['k=w', 'l='])
  assert.deepEqual((await tags({ 'Tag.1.Key': 'k', 'Tag.1.Value': 'v' })).told, [])
  const first = await tags({ ...one, MaxResults: '1' })
  assert.deepEqual(first.told, ['k=w'])
  const second = await tags({ ...one, MaxResults: '1', NextToken: first.next })
  assert.deepEqual(second, { told: ['l='], next: '' })
  await ask('UnTagResources', { ...one, 'TagKey.1': 'k' })
  assert.deepEqual((await tags(one)).told, ['l='])
  await ask('UnTagResources', { ...one, All: 'true' })
  assert.deepEqual((await tags(one)).told, [])
  await ask('MoveResourceGroup', {
    ResourceType: 'flowlog',
    ResourceId: id,
    NewResourceGroupId: 'rg-two',
  })
  const group = { ResourceGroupId: 'rg-two' }
  assert.equal((await ask('DescribeFlowLogs', group))['TotalCount'], '1')

  const wrong = (
    action: string,
    parameters: Record<string, string>,
    status: number,
    code: string,
  ) => refused({ action, parameters: { ...of, ...parameters } }, status, code)
  await wrong(
    'TagResources',
    { ...one, ResourceType: 'VPC', 'Tag.1.Key': 'k' },
    400,
    'InvalidParameter',
  )
  await wrong('TagResources', one, 400, 'MissingParameter')
  await wrong('UnTagResources', one, 400, 'MissingParameter')
  await wrong('ListTagResources', { ResourceType: 'FLOWLOG' }, 400, 'MissingParameter')
  await wrong('TagResources', { ...one, 'Tag.1.Key': 'acs:x' }, 400, 'InvalidParameter')
  const other = { ...one, RegionId: 'cn-shanghai', 'Tag.1.Key': 'k' }
  await wrong('TagResources', other, 404, 'InvalidFlowLogId.NotFound')
  await wrong('ListTagResources', { ...one, NextToken: 'x' }, 400, 'InvalidParameter')
})

test('OpenFlowLogService, prerequisites, quota and states answer with codes of their own', async (t) => {
  const flowLogs = flowLogService({ prerequisitesDone: false })
  const { call, refused } = await start(t, { flowLogs, account: '12' })
  const enabled = async () =>
    (await call({ action: 'GetFlowLogServiceStatus', parameters: of })).body['Enabled']
  const create = { action: 'CreateFlowLog', parameters: { ...shop, ...target } }
  assert.equal(await enabled(), false)
  await refused(create, 400, 'OperationDenied.FlowLogServiceNotOpen')
  const open = { action: 'OpenFlowLogService', parameters: { ...of, ClientToken: 't' } }
  assert.deepEqual((await call(open)).body, { Code: '200', Message: 'successful' })
  assert.equal(await enabled(), true)
  const again = { ...open, parameters: of }
  assert.match(
    await refused(again, 400, 'OperationFailed.ExceedPurchaseLimit'),
    /^You have reached the limit of purchase quantity\.$/,
  )
  await refused(create, 400, 'OperationDenied.RoleNotAuthorized')
  flowLogs.prerequisites.fulfil('12', 'authorisation', 'test')
  await refused(create, 400, 'OperationDenied.LogServiceNotOpen')
  flowLogs.prerequisites.fulfil('12', 'logService', 'test')
  const made = await call(create)
  const { FlowLogId } = made.body
  for (let more = 1; more < 10; more++) assert.equal((await call(create)).status, 200)
  await refused(create, 400, 'QuotaExceeded.Flowlog')
  assert.equal(
    (await call({ action: 'DescribeFlowLogs', parameters: of })).body['TotalCount'],
    '10',
  )

  const slow = flowLogService({ taken: () => new Promise(() => {}) })
  const busy = await start(t, { flowLogs: slow })
  const { body } = await busy.call(create)
  const asked = { ...of, FlowLogId: String(body['FlowLogId']) }
  const found = await busy.call({ action: 'DescribeFlowLogs', parameters: asked })
  const [row] = (found.body as unknown as Listed)['FlowLogs']!['FlowLog']!
  assert.equal(row!['Status'], 'Activating')
  for (const action of ['DeactiveFlowLog', 'DeleteFlowLog', 'ModifyFlowLogAttribute'])
    await busy.refused({ action, parameters: asked }, 400, 'IncorrectStatus.flowlog')
  assert.match(String(FlowLogId), /^fl-/)
})
