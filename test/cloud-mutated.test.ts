/** "10 000 mutated signed requests give no 5xx", of every action. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acs3Request, type CloudCall, rpcRequest, type WireRequest } from './cloud-requests.ts'
import { startCloudServer } from './cloud-server.ts'
import { sendBytes } from './hostile-requests.ts'
import { randomFrom } from './random-from.ts'
import { healthOf, weirSays } from './weir-process.ts'

const long = process.env['WEIR_LONG'] !== undefined
const count = long ? 10_000 : 250
const seed = Number(process.env['WEIR_SEED'] ?? (long ? Date.now() % 1_000_000 : 20261123))

type Random = (below: number) => number
const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)]!

const RegionId = 'cn-hangzhou'
const nis = '2021-12-16'
const ResourceType = 'FLOWLOG'
const range = { BeginTime: '1767322800000', EndTime: '1767326400000', RegionNo: RegionId }

/** Every action; of a flow log that is there, most of the time. */
const callsOf = (FlowLogId: string, TrafficAnalyzerId: string): readonly CloudCall[] => [
  { action: 'DescribeRegions' },
  { action: 'DescribeVpcs', parameters: { RegionId, VpcId: 'vpc-shop', PageSize: '10' } },
  { action: 'DescribeVSwitches', parameters: { RegionId, 'Tag.1.Key': 'k', PageNumber: '1' } },
  {
    action: 'DescribeNetworkInterfaces',
    version: '2014-05-26',
    parameters: { RegionId, 'NetworkInterfaceId.1': 'eni-web1', MaxResults: '10' },
  },
  {
    action: 'CreateFlowLog',
    parameters: {
      RegionId,
      ResourceType: 'VPC',
      ResourceId: 'vpc-shop',
      TrafficType: 'All',
      ProjectName: 'weir',
      LogStoreName: 'flow-log',
      'TrafficPath.1': 'vbr',
      'Tag.1.Key': 'k',
    },
  },
  { action: 'DescribeFlowLogs', parameters: { RegionId, PageSize: '50', 'Tags.1.Key': 'k' } },
  {
    action: 'ModifyFlowLogAttribute',
    parameters: { RegionId, FlowLogId, FlowLogName: 'n', AggregationInterval: '10' },
  },
  { action: 'ActiveFlowLog', parameters: { RegionId, FlowLogId } },
  { action: 'DeactiveFlowLog', parameters: { RegionId, FlowLogId } },
  { action: 'DeleteFlowLog', parameters: { RegionId, FlowLogId } },
  { action: 'GetFlowLogServiceStatus', parameters: { RegionId } },
  {
    action: 'TagResources',
    parameters: {
      RegionId,
      ResourceType,
      'ResourceId.1': FlowLogId,
      'Tag.1.Key': 'k',
      'Tag.1.Value': 'v',
    },
  },
  {
    action: 'UnTagResources',
    parameters: { RegionId, ResourceType, 'ResourceId.1': FlowLogId, 'TagKey.1': 'k' },
  },
  {
    action: 'MoveResourceGroup',
    parameters: { RegionId, ResourceType, ResourceId: FlowLogId, NewResourceGroupId: 'rg-acfm2' },
  },
  {
    action: 'StartNisTrafficRanking',
    version: nis,
    parameters: {
      ...range,
      TrafficAnalyzerId,
      TrafficScenario: 'VpcFlowLogAll',
      Direction: 'in',
      OrderBy: 'Bytes',
      TupleDimension: 'Tuple2',
      GroupBy: '["VpcId"]',
      Filter: '[{"Key":"FlowAction","Operator":"eq","Value":["ACCEPT"]}]',
      TopN: '10',
    },
  },
  {
    action: 'DescribeNisTrafficRanking',
    version: nis,
    parameters: { NisTrafficRankingId: 'task-0', MaxResults: '20', Language: 'zh-CN' },
  },
  {
    action: 'GetNisTrafficMetrics',
    version: nis,
    parameters: {
      ...range,
      TrafficAnalyzerId,
      TrafficScenario: 'VpcFlowLogAll',
      MetricName: 'bps',
      Direction: 'In',
      TupleDimension: 'Tuple1',
      StepMinutes: '60',
    },
  },
  { action: 'OpenFlowLogService', parameters: { RegionId, ClientToken: 't' } },
  {
    action: 'ListTagResources',
    parameters: { RegionId, ResourceType: 'FLOWLOG', 'Tag.1.Key': 'k', NextToken: '' },
  },
]

const odd = [
  '',
  '0',
  '-1',
  '9'.repeat(40),
  '1e9',
  'NaN',
  'true',
  '\u0000',
  '\u001b[2J',
  '\ud83d\ude00',
  '\u00e9',
  '<![CDATA[x]]>',
  '"; DROP TABLE flow_logs; --',
  '__proto__',
  'constructor',
  '[{"Key":"FlowAction"}]',
  '[[[[',
  'http://x',
  'aliyun',
  'x'.repeat(3000),
]
const names = [
  'Action',
  'Version',
  'Format',
  'RegionId',
  'PageSize',
  'PageNumber',
  'NextToken',
  'MaxResults',
  'FlowLogId',
  'ResourceType',
  'Tag.1.Key',
  'Tag.99999.Key',
  'Tag.0.Key',
  'Tag.1',
  'TrafficPath',
  'TrafficPath.1',
  'TrafficPath.2.3',
  'ResourceId.1',
  'SignatureType',
  'SignatureNonce',
  'Timestamp',
  '__proto__',
  'constructor',
  'toString',
]

/** What somebody with a key may send: it will be signed. */
function changedCall(random: Random, call: CloudCall): CloudCall {
  const parameters: Record<string, string> = { ...call.parameters }
  const common: Record<string, string> = {}
  const changes: (() => void)[] = [
    () => (parameters[pick(random, names)] = pick(random, odd)),
    () => (parameters[pick(random, Object.keys(parameters)) ?? 'x'] = pick(random, odd)),
    () => delete parameters[pick(random, Object.keys(parameters))],
    () => (common[pick(random, ['Format', 'Version', 'Action'])] = pick(random, odd)),
    () => (common['Format'] = pick(random, ['XML', 'xml', 'JSON', ''])),
    () => {
      for (let i = random(300); i > 0; i--) parameters[`Tag.${i}.Key`] = pick(random, odd)
    },
  ]
  for (let left = random(3); left >= 0; left--) pick(random, changes)()
  return { ...call, parameters, common, place: pick(random, ['query', 'form']) }
}

function changedText(random: Random, text: string): string {
  const at = random(text.length + 1)
  const letter = String.fromCharCode(33 + random(94))
  return pick(random, [
    text.slice(0, at) + letter + text.slice(at),
    text.slice(0, at) + letter + text.slice(at + 1),
    text.slice(0, at) + text.slice(at + 1),
    `${text.slice(0, at)}%${letter}${text.slice(at)}`,
    `${text.slice(0, at)}%ff${text.slice(at)}`,
    `${text}&${pick(random, names)}=${encodeURIComponent(pick(random, odd))}`,
    text.slice(0, at),
  ])
}

/** What a stranger makes of a request that he saw. */
function changedRequest(random: Random, request: WireRequest): WireRequest {
  const kind = random(6)
  if (kind === 0) return { ...request, body: changedText(random, request.body) }
  if (kind === 1) return { ...request, target: changedText(random, request.target) }
  if (kind === 2)
    return { ...request, method: pick(random, ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH']) }
  const header = pick(random, [
    'content-type',
    'authorization',
    'x-acs-action',
    'x-acs-date',
    'accept',
  ])
  const value = changedText(random, request.headers[header] ?? '')
  return { ...request, headers: { ...request.headers, [header]: value } }
}

const line = (text: string): string =>
  text.replaceAll(/[^\x21-\x7e]/g, (each) => encodeURIComponent(each))

function bytesOf({ method, target, headers, body }: WireRequest, host: string): Buffer {
  const content = Buffer.from(body)
  const all = { host, ...headers, 'content-length': String(content.length), connection: 'close' }
  const lines = Object.entries(all).map(
    ([name, value]) => `${name}: ${value.replaceAll(/[^\x20-\x7e]/g, '?')}\r\n`,
  )
  const head = `${method} ${line(target)} HTTP/1.1\r\n${lines.join('')}\r\n`
  return Buffer.concat([Buffer.from(head), content])
}

test(`${count} mutated signed requests give no 5xx (seed ${seed})`, async (t) => {
  const random = randomFrom(seed)
  const { url, key } = await startCloudServer(t)
  const { host, port } = new URL(url)
  const made = await weirSays(['analyzer', 'create', '--json', '--server', url])
  const { id: analyzer } = JSON.parse(made) as { readonly id: string }
  let flowLog = 'fl-x'
  const statuses = new Map<string, number>()
  for (let number = 0; number < count; number++) {
    const meant = pick(random, callsOf(flowLog, analyzer))
    const call = random(4) === 0 ? meant : changedCall(random, meant)
    const { common: _, ...ofHeaders } = call
    const signed = random(2) === 0 ? rpcRequest(key, call) : acs3Request(key, host, ofHeaders)
    const request = random(2) === 0 ? changedRequest(random, signed) : signed
    const answer = (await sendBytes(Number(port), bytesOf(request, host))).toString()
    const [, status = 'none'] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? []
    assert.match(status, /^[24]/, `${JSON.stringify(request)}\n${answer}`)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    if (status === '200' && call.action === 'CreateFlowLog')
      flowLog = /\bfl-[a-z0-9]{6,}/.exec(answer)?.[0] ?? flowLog
  }
  t.diagnostic(
    JSON.stringify(Object.fromEntries([...statuses].toSorted(([a], [b]) => Number(a) - Number(b)))),
  )
  assert.ok(statuses.get('200')! > count / 20, 'some are as they should be')
  assert.ok(statuses.get('400')! > count / 4)
  assert.deepEqual(await healthOf(url), { status: 'ok', problems: [] })
})
