/** `weir analyzer` against a started server: a flow log is attached, and what it brings is ranked. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { signLogService } from '../src/access/access.ts'
import type { Analyzer, FlowRanking, MetricsAnswer } from '../src/analysis/analysis.ts'
import { makeLogstore, putRecords } from '../src/api/client.ts'
import type { FlowLogEntry } from '../src/api/contract.ts'
import type { Bill } from '../src/billing/billing.ts'
import type { ClientKey } from '../src/api/client-key.ts'
import { type RpcClient, rpcClient } from './cloud-server.ts'
import { signedFetch } from './signed-fetch.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { weir, weirSays, WeirServer } from './weir-process.ts'

const topology = `
account: "1210123456789012"
region: cn-hangzhou
vpcs:
  - { id: vpc-shop, cidrs: [10.0.0.0/16] }
vSwitches:
  - { id: vsw-web, vpc: vpc-shop, cidrs: [10.0.0.0/24] }
enis:
  - { id: eni-web1, vSwitch: vsw-web, privateIps: [10.0.0.1] }
`
const record: Readonly<Record<string, string>> = {
  version: '1',
  'account-id': '1210123456789012',
  'eni-id': 'eni-web1',
  'vm-id': '-',
  'vswitch-id': 'vsw-web',
  'vpc-id': 'vpc-shop',
  type: 'IPv4',
  protocol: '6',
  srcaddr: '8.8.8.8',
  srcport: '52000',
  dstaddr: '10.0.0.1',
  dstport: '80',
  direction: 'in',
  action: 'ACCEPT',
  packets: '10',
  bytes: '5200',
  'tcp-flags': '27',
  'log-status': 'OK',
  traffic_path: '7',
}

/** The begin of the last hour that is over. */
const hour = Math.floor(Date.now() / 3_600_000) * 3600 - 3600
const hourTimes = { start: String(hour), end: String(hour + 60) }
const at = { project: 'weir', logstore: 'flow-log' }

test('records of an attached flow log are ranked, also after kill -9', async (t) => {
  const folder = temporaryFolder(t)
  const config = join(folder, 'weir.yaml')
  writeFileSync(join(folder, 'vpc.yaml'), topology)
  writeFileSync(
    config,
    `sample: false\ncapture: { enabled: false }\ntopology: ${join(folder, 'vpc.yaml')}\n`,
  )
  const args = ['--config', config, '--data', join(folder, 'data'), '--port', '0']
  const say = async <Answer>(url: string, ...command: string[]): Promise<Answer> =>
    JSON.parse(await weirSays([...command, '--server', url, '--json'])) as Answer
  let id = ''
  let alone: Alone | undefined
  let key = { id: '', secret: '' }
  {
    await using server = await WeirServer.start(args)
    const { url } = server
    const [, keyId = '', secret = ''] = /shown this once: (\S+) (\S+)$/m.exec(
      server.said('stdout'),
    )!
    key = { id: keyId, secret }
    id = (await say<Analyzer>(url, 'analyzer', 'create', '--interval', '1')).id
    const target = ['--vpc', 'vpc-shop', '--project', 'weir', '--logstore', 'flow-log']
    const create = ['flow-log', 'create', ...target, '--window', '60']
    const flowLog = (await say<{ id: string }>(url, ...create)).id
    const attached = await signedFetch(`${url}/weir/v1/flow-logs/${flowLog}/analyzer`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ analyzer: id }),
    })
    assert.equal(attached.status, 200, await attached.text())
    const line = JSON.stringify({ ...record, ...hourTimes })
    for (const number of [0, 1, 1])
      await putRecords(url, { ...at, id: { flowLog, run: 'r', number } }, line)
    await putRecords(url, { ...at, id: { flowLog: 'replay', run: 'r', number: 0 } }, line)
    alone = await toAnalyzerAlone(url, say, line)
    await server.end('SIGKILL')
  }
  await using server = await WeirServer.start(args)
  const { url } = server
  const time = ['--from', String(hour), '--to', String(hour + 3600)]
  const ask = [id, '--tuple', '5', '--internet', ...time, '--filter', 'SourceIp~8.8.']
  const rows = await say<FlowRanking[]>(url, 'analyzer', 'rank', ...ask, '--by', 'SourceIp')
  const total = { Bytes: 2 * Number(record['bytes']), Packets: 2 * Number(record['packets']) }
  assert.deepEqual(rows, [
    { RegionId: 'cn-hangzhou', SourceIp: '8.8.8.8', Direction: 'in', ...total, BytesRate: 1 },
  ])
  const steps = ['--step', '60', '--metric', 'bps']
  const { MetricStatics } = await say<MetricsAnswer>(url, 'analyzer', 'metrics', ...ask, ...steps)
  assert.deepEqual(MetricStatics, [{ TimeStamp: hour * 1000, Value: (total.Bytes * 8) / 3600 }])
  const table = await weirSays(['analyzer', 'rank', ...ask, '--server', url])
  assert.match(table, /SourceIp.*8\.8\.8\.8.*TCP/s)
  await asTheCloud(rpcClient({ url, key }, '2021-12-16'), id)
  await isOnlyRead(url, id, key)
  await isThereOnce(url, say, alone!)
  const refused = await weir(['analyzer', 'delete', id, '--server', url])
  assert.match(refused.stderr, /AnalyzerInUse/)
})

type Say = <Answer>(url: string, ...command: string[]) => Promise<Answer>

interface Alone {
  readonly analyzer: string
  /** One without a logstore, and one whose delivery to its logstore was disabled. */
  readonly flowLogs: readonly [string, string]
}

const without = Object.fromEntries(Object.keys(record).map((name) => [name, '-']))
const quietRecord = { ...without, version: '1', 'eni-id': 'eni-web1', 'vpc-id': 'vpc-shop' }
const noData = JSON.stringify({ ...quietRecord, ...hourTimes, 'log-status': 'NODATA' })

/** "You can deliver logs to Simple Log Service (SLS) and NIS Traffic Analyzer": to either, too. */
async function toAnalyzerAlone(url: string, say: Say, line: string): Promise<Alone> {
  const analyzer = (await say<Analyzer>(url, 'analyzer', 'create', '--interval', '1')).id
  const create = ['flow-log', 'create', '--vpc', 'vpc-shop', '--window', '60']
  const made = await say<FlowLogEntry>(url, ...create, '--analyzer', analyzer)
  assert.deepEqual(
    [made.status, made.delivers, made.project, made.logstore, made.analyzer, made.deliverStatus],
    ['Active', false, '', '', analyzer, 'SUCCESS'],
  )
  const shown = await weirSays(['flow-log', 'show', made.id, '--server', url])
  assert.match(shown, new RegExp(`^ into +${analyzer} *$`, 'm'))
  const put = async (flowLog: string, number: number, text: string, place = { ...at }) =>
    (await putRecords(url, { ...place, id: { flowLog, run: 'r', number } }, text)).stored
  const nowhere = { project: '', logstore: '' }
  assert.equal(await put(made.id, 0, line, nowhere), true)
  assert.equal(await put(made.id, 0, line, nowhere), false)
  assert.equal(await put(made.id, 1, noData, nowhere), true)
  await put(made.id, 1, noData, nowhere)
  await assert.rejects(put('fl-unknown', 0, line, nowhere), { code: 'ProjectNotExist' })

  const both = ['--project', at.project, '--logstore', at.logstore, '--analyzer', analyzer]
  const other = (await say<FlowLogEntry>(url, ...create, ...both)).id
  assert.equal(await put(other, 0, line), true)
  const disabled = await say<FlowLogEntry>(url, 'flow-log', 'disable-delivery', other)
  assert.deepEqual([disabled.status, disabled.delivers], ['Active', false])
  await put(other, 0, line) // was stored before
  assert.equal(await put(other, 1, line), true)
  const detach = await weir(['flow-log', 'detach', other, '--server', url])
  assert.match(detach.stderr, /^weir: OperationUnsupported\.action: .* would go nowhere/)
  return { analyzer, flowLogs: [made.id, other] }
}

/** In the rollups, on the bill, and in no logstore but before. */
async function isThereOnce(
  url: string,
  say: Say,
  { analyzer, flowLogs: [alone, disabled] }: Alone,
): Promise<void> {
  const time = ['--from', String(hour), '--to', String(hour + 3600)]
  const ask = [analyzer, '--tuple', '5', ...time, '--by', 'SourceIp']
  const [row] = await say<FlowRanking[]>(url, 'analyzer', 'rank', ...ask)
  assert.deepEqual([row?.Bytes, row?.Packets], [3 * 5200, 30])
  const where = ['--project', at.project, '--logstore', at.logstore, ...time, '--server', url]
  const raw = await weirSays(['query', '* | SELECT count(*) AS n', ...where, '--json'])
  assert.deepEqual(
    JSON.parse(raw),
    [{ n: '4' }],
    'two, one of a replay, one before it was disabled',
  )

  const [line, quiet] = [JSON.stringify({ ...record, ...hourTimes }), noData].map(weightOf)
  const { rows } = await say<Bill>(url, 'bill', '--by', 'flow-log')
  const billed = (of: string) =>
    Object.fromEntries(
      rows.filter((each) => each.of === of).map(({ item, bytes }) => [item, bytes]),
    )
  assert.deepEqual(billed(alone), {
    'flow log generation': line! + quiet!,
    'traffic analyzer processing': line! + quiet!,
  })
  assert.deepEqual(billed(disabled), {
    'flow log generation': 2 * line!,
    'log service index traffic': line!,
    'log service write traffic': Math.floor(line! / 5),
    'traffic analyzer processing': 2 * line!,
  })
}

/** What a record weighs on a bill: its names and values. */
const weightOf = (line: string): number =>
  Object.entries(JSON.parse(line) as Record<string, unknown>).reduce(
    (sum, [name, value]) => sum + name.length + String(value).length,
    0,
  )

/** Its rollups lie in a project that lists leave out, and that takes nothing from anybody else. */
async function isOnlyRead(url: string, id: string, key: ClientKey): Promise<void> {
  const listed = await signedFetch(`${url}/weir/v1/projects`)
  assert.equal(((await listed.text()).match(/nta-/g) ?? []).length, 0)
  const at = { project: id, logstore: 'tuple1-1' }
  await assert.rejects(
    putRecords(url, { ...at, id: { flowLog: 'replay', run: 'r', number: 9 } }, '{}'),
    { code: 'AccessDenied', message: /a traffic analyzer keeps its rollups there/ },
  )
  const port = Number(new URL(url).port)
  const service = async (method: string, path: string, project?: string): Promise<string> => {
    const host = `${project === undefined ? '' : `${project}.`}localhost:${port}`
    const headers = { 'x-log-apiversion': '0.6.0', 'x-log-bodyrawsize': '0' }
    const asked = { method, url: path, host, headers, body: Buffer.alloc(0) }
    const signed = { ...headers, ...signLogService(asked, key, new Date()), host }
    const [answer] = await once(request({ port, method, path, headers: signed }).end(), 'response')
    return `${(answer as IncomingMessage).statusCode} ${await text(answer as IncomingMessage)}`
  }
  assert.doesNotMatch(await service('GET', '/'), /nta-/)
  assert.match(await service('GET', '/logstores', id), /^200 .*"tuple5-1440"/)
  assert.match(await service('DELETE', '/logstores/tuple1-1', id), /^40[13] .*Unauthorized/)
  assert.match(await service('DELETE', '/', id), /^40[13] .*Unauthorized/)
  const into = ['--project', id, '--logstore', 'mine', '--create', '--server', url]
  const ordered = await weir(['flow-log', 'create', '--vpc', 'vpc-shop', ...into])
  assert.match(
    ordered.stderr,
    /^weir: AccessDenied: .* on project\/nta-\w+.*: a traffic analyzer keeps its rollups there/,
  )
  await assert.rejects(makeLogstore(url, { project: 'nta-mine', logstore: 'mine' }), {
    code: 'AccessDenied',
    message: /a traffic analyzer keeps its rollups there/,
  })
  const sql = ['--project', id, '--logstore', 'tuple1-1440', '--server', url]
  assert.match(await weirSays(['query', '* | SELECT sum(bytes) AS b', ...sql]), /10400/)
}

/** The same by the NIS API: `Filter` and `GroupBy` are JSON in one parameter. */
async function asTheCloud(client: RpcClient, TrafficAnalyzerId: string): Promise<void> {
  const asked = {
    TrafficAnalyzerId,
    TrafficScenario: 'VpcFlowLogInternet',
    RegionNo: 'cn-hangzhou',
    BeginTime: hour * 1000,
    EndTime: (hour + 3600) * 1000,
    Direction: 'In',
    TupleDimension: 'Tuple5',
    Filter: '[{"Key":"FlowAction","Operator":"in","Value":["Accept"]}]',
    StorageInterval: 1,
  }
  const ask = async (action: string, parameters: object) => {
    const answer = await client.request(action, parameters, { method: 'POST' })
    // Its objects have no prototype.
    return JSON.parse(JSON.stringify(answer)) as Record<string, unknown>
  }
  const byAddress = { ...asked, OrderBy: 'Bytes', GroupBy: '["SourceIp"]', Sort: 'desc', TopN: 10 }
  const started = await ask('StartNisTrafficRanking', byAddress)
  const { NisTrafficRankingId } = started
  assert.match(String(NisTrafficRankingId), /^task-/)
  const page = await ask('DescribeNisTrafficRanking', { NisTrafficRankingId })
  assert.deepEqual(
    [page['Status'], page['TotalCount'], page['MaxResults'], page['FlowRankingList']],
    [
      'Complete',
      1,
      20,
      [
        {
          RegionId: 'cn-hangzhou',
          SourceIp: '8.8.8.8',
          Direction: 'in',
          Bytes: 10_400,
          Packets: 20,
          BytesRate: 1,
        },
      ],
    ],
  )
  const metrics = await ask('GetNisTrafficMetrics', {
    ...asked,
    MetricName: 'pps',
    StepMinutes: 60,
  })
  assert.deepEqual(
    [metrics['Unit'], metrics['MetricStatics']],
    // It reads numbers of more than 15 digits as texts.
    ['Packets/Second', [{ TimeStamp: hour * 1000, Value: String(20 / 3600) }]],
  )
  const refusals = [
    ['StartNisTrafficRanking', { ...byAddress, Filter: '[{]' }, 'InvalidParameter'],
    ['StartNisTrafficRanking', { ...byAddress, OrderBy: '' }, 'MissingParameter'],
    [
      'StartNisTrafficRanking',
      { ...byAddress, TrafficAnalyzerId: 'nta-0' },
      'ResourceNotFound.TrafficAnalyzer',
    ],
    [
      'DescribeNisTrafficRanking',
      { NisTrafficRankingId: 'task-0' },
      'ResourceNotFound.TrafficRanking',
    ],
    ['GetNisTrafficMetrics', { ...asked, MetricName: 'furlongs' }, 'InvalidParameter'],
  ] as const
  for (const [action, parameters, code] of refusals)
    await assert.rejects(ask(action, parameters), { code }, JSON.stringify(parameters))
}
