/** `weir flow-log` against a running server: what it makes, prints, refuses, and what stays. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { FlowLogEntry } from '../src/api/contract.ts'
import { getJson, weir, WeirServer, weirSays } from './weir-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'weir-flow-log-'))
const topology = `
vpcs: [{ id: vpc-shop, cidrs: [10.0.0.0/16] }, { id: vpc-lab, cidrs: [10.1.0.0/16] }]
vSwitches: [{ id: vsw-web, vpc: vpc-shop, cidrs: [10.0.0.0/24] }]
enis:
  - { id: eni-web1, vSwitch: vsw-web, privateIps: [10.0.0.1] }
  - { id: eni-web2, vSwitch: vsw-web, privateIps: [10.0.0.2] }
`
const args = ['--config', join(folder, 'weir.yaml'), '--port', '0']
let server: WeirServer

before(async () => {
  writeFileSync(join(folder, 'vpc.yaml'), topology)
  writeFileSync(
    join(folder, 'weir.yaml'),
    `data: ${join(folder, 'data')}\nsample: false\ncapture: { enabled: false }\ntopology: vpc.yaml\n`,
  )
  server = await WeirServer.start(args)
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const commandLine = (args: readonly string[]): string[] => [
  'flow-log',
  ...args,
  '--server',
  server.url,
]
const says = (...args: string[]): Promise<string> => weirSays(commandLine(args))
const json = async <T = FlowLogEntry>(...args: string[]): Promise<T> =>
  JSON.parse(await says(...args, '--json')) as T

/** Ends with status 2 and says this alone. */
async function refused(args: readonly string[], said: string, wanted = 2): Promise<void> {
  const { status, stdout, stderr } = await weir(commandLine(args))
  assert.deepEqual(
    { status, stdout, stderr },
    { status: wanted, stdout: '', stderr: `weir: ${said}\n` },
  )
}

/** Lines of a table, without the spaces that align it. */
const cells = (text: string): string[][] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/ {2,}/))

/** `2026-11-22T14:00:00Z` */
const timeOf = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().replace('.000', '')

test('no flow log: an empty table, and how one is made', async () => {
  const { status, stdout, stderr } = await weir(commandLine(['list']))
  const make = 'weir flow-log create --vpc ID --project NAME --logstore NAME --create'
  assert.deepEqual([status, stdout, stderr], [0, '', `There is no flow log. Make one: ${make}\n`])
  const other = await weir(commandLine(['list', '--vpc', 'vpc-lab', '--status', 'active']))
  assert.deepEqual(
    [other.status, other.stderr],
    [0, `There is no flow log like that. Make one: ${make}\n`],
  )
  const asJson = await weir(commandLine(['list', '--json']))
  assert.deepEqual([asJson.stdout, asJson.stderr], ['[]\n', ''])
  assert.equal(await says('list', '--format', 'ndjson'), '')
})

test('made, listed, shown, modified, stopped, started, deleted; kept over a restart', async () => {
  const target = '--eni eni-web1 --project shop --logstore web --create'
  const filter = '--traffic drop --ip-version DualStack --window 60 --path natGateway,VBR'
  const words = ['--name', 'knocking', '--description', 'who knocks at port 80']
  const text = await says('create', ...`${target} ${filter}`.split(' '), ...words)
  const [made] = await json<FlowLogEntry[]>('list')
  assert.ok(made !== undefined)
  const { id, createdAt, changedAt, startedAt, ...values } = made
  assert.deepEqual(values, {
    name: 'knocking',
    description: 'who knocks at port 80',
    resourceType: 'NetworkInterface',
    resourceId: 'eni-web1',
    trafficType: 'Drop',
    ipVersion: 'DualStack',
    windowSeconds: 60,
    scope: ['natGateway', 'vbr'],
    project: 'shop',
    logstore: 'web',
    status: 'Active',
    region: 'cn-hangzhou',
    account: '-',
    resourceGroup: 'rg-default',
    tags: [],
    businessStatus: 'Normal',
    delivers: true,
    deliverStatus: 'SUCCESS',
    deliverError: '',
    serviceType: '',
  })
  assert.deepEqual(cells(text), [
    ['id', id],
    ['name', 'knocking'],
    ['description', 'who knocks at port 80'],
    ['target', 'ENI eni-web1'],
    ['traffic', 'Drop'],
    ['ip version', 'DualStack'],
    ['window', '60 s'],
    ['paths', 'natGateway,vbr'],
    ['into', 'shop/web'],
    ['status', `Active since ${timeOf(startedAt)}`],
    ['created', timeOf(createdAt)],
    ['changed', timeOf(changedAt)],
  ])
  assert.equal(await says('show', id), text)
  assert.deepEqual(JSON.parse(await says('show', id, '--format', 'ndjson')), made)
  const [head, , row] = cells(await says('list'))
  assert.equal(head!.join(), 'id,name,target,traffic,ip version,window,paths,into,status')
  const shownValues = 'knocking|ENI eni-web1|Drop|DualStack|60 s|natGateway,vbr|shop/web|Active'
  assert.equal(row!.join('|'), `${id}|${shownValues}`)

  const modified = await json('modify', id, '--window', '300', '--description', '')
  assert.deepEqual([modified.windowSeconds, modified.description], [300, ''])
  const stopped = await json('stop', id)
  assert.deepEqual(stopped, {
    ...modified,
    status: 'Inactive',
    changedAt: stopped.changedAt,
    stoppedAt: stopped.changedAt,
  })
  assert.match(await says('show', id), new RegExp(`Inactive since ${timeOf(stopped.changedAt)}`))

  await server.stop()
  server = await WeirServer.start(args)
  assert.deepEqual(await json('show', id), stopped)
  assert.deepEqual(await json<FlowLogEntry[]>('list', '--status', 'inactive'), [stopped])
  assert.equal((await json('start', id)).status, 'Active')
  const { status, stdout, stderr } = await weir(commandLine(['delete', id]))
  assert.deepEqual(
    { status, stdout, stderr },
    {
      status: 0,
      stdout: '',
      stderr: `Flow log ${id} is deleted. Its records stay in their logstore.\n`,
    },
  )
  assert.deepEqual(await json<FlowLogEntry[]>('list'), [])
  const { projects } = await getJson<{
    projects: { name: string; logstores: { name: string }[] }[]
  }>(`${server.url}/weir/v1/projects`)
  assert.deepEqual(
    projects.map(({ name, logstores }) => [name, logstores.map((each) => each.name)]),
    [
      ['shop', ['web']],
      ['weir', ['flow-log']],
    ],
  )
})

const toShop = ['--project', 'shop', '--logstore', 'web', '--create'] as const

test('a traffic analyzer is attached and detached; delivery that is disabled ends the flow log for good', async () => {
  const made = await json('create', '--eni', 'eni-web2', '--window', '600', ...toShop)
  const analyzer = async (interval: number): Promise<string> => {
    const create = ['analyzer', 'create', '--interval', String(interval), '--json']
    return (JSON.parse(await weirSays([...create, '--server', server.url])) as { id: string }).id
  }
  const [hourly, tooFine] = [await analyzer(60), await analyzer(1)]
  const attached = await json('attach', made.id, hourly)
  assert.deepEqual(attached, { ...made, analyzer: hourly, changedAt: attached.changedAt })
  assert.deepEqual(
    cells(await says('show', made.id)).find(([name]) => name === 'analyzer'),
    ['analyzer', hourly],
  )
  await failed(
    ['attach', made.id, tooFine],
    /^weir: ParameterInvalid: the interval of \S+, 1 minutes, is shorter than the capture window, 10/,
  )
  await failed(
    ['attach', made.id, 'nta-0'],
    /^weir: AnalyzerNotExist: there is no traffic analyzer nta-0/,
  )
  assert.equal((await json('detach', made.id)).analyzer, undefined)
  const ended = await json('disable-delivery', made.id)
  assert.deepEqual([ended.delivers, ended.status], [false, 'Inactive'])
  assert.match(await says('show', made.id), /shop\/web no more/)
  await failed(['start', made.id], /^weir: OperationUnsupported.action: /)
  const edits = await json<{ did: string }[]>('history', made.id)
  assert.deepEqual(
    edits.map(({ did }) => did),
    ['create', 'attach', 'attach', 'disable delivery', 'stop'],
  )
  await versionsCompared(made.id)
  await says('delete', made.id)
})

/** Attached in version 2, detached in 3, no longer delivered from 4 on, stopped in 5. */
async function versionsCompared(id: string): Promise<void> {
  const heads = /^--- \d, \S+Z, by LTAI\w+\n\+\+\+ \d, \S+Z, by LTAI\w+\n/
  const body = async (...versions: string[]): Promise<string> => {
    const said = await says('diff', id, ...versions)
    assert.match(said, heads)
    return said.replace(heads, '')
  }
  assert.equal(await body(), 'status\n- Active\n+ Inactive\n')
  assert.equal(await body('1', '3'), 'They say the same.\n')
  const all = 'delivers\n- true\n+ false\nstatus\n- Active\n+ Inactive\n'
  assert.equal(await body('1'), all)
  const { from, to, differences } = await json<{
    from: { version: number }
    to: { version: number }
    differences: unknown[]
  }>('diff', id, '4', '3')
  assert.deepEqual(
    [from.version, to.version, differences],
    [4, 3, [{ path: ['delivers'], before: false, after: true }]],
  )
  await failed(['diff', id, '2', '9'], /^weir: NotFound: there is no version 9. There are 1 to 5$/m)
  await failed(['diff', id, '0'], /^weir: Usage: 0 is no number of a version$/m)
}

/** Ends otherwise than well, and says something like it. */
async function failed(args: readonly string[], said: RegExp): Promise<void> {
  const { status, stdout, stderr } = await weir(commandLine(args))
  assert.equal(stdout, '')
  assert.match(stderr, said)
  assert.notEqual(status, 0)
}

test('the page’s defaults, and the options of list', async () => {
  const into = ['--project', 'weir', '--logstore', 'flow-log']
  const one = await json('create', '--vpc', 'vpc-shop', ...into)
  const { trafficType, ipVersion, windowSeconds, scope, name } = one
  assert.deepEqual(
    { trafficType, ipVersion, windowSeconds, scope, name },
    { trafficType: 'All', ipVersion: 'IPv4', windowSeconds: 600, scope: ['all'], name: '' },
  )
  const two = await json('create', '--vswitch', 'vsw-web', ...into)
  const ids = async (...filter: string[]): Promise<string[]> =>
    (await json<FlowLogEntry[]>('list', ...filter)).map(({ id }) => id)
  assert.deepEqual(await ids(), [one.id, two.id])
  assert.deepEqual(await ids('--vswitch', 'vsw-web'), [two.id])
  assert.deepEqual(await ids('--vpc', 'vpc-lab'), [])
  assert.deepEqual(await ids(...into, '--status', 'ACTIVE'), [one.id, two.id])
  for (const id of await ids()) await says('delete', id)
})

test('names are shown, not obeyed', async () => {
  const into = ['--project', 'weir', '--logstore', 'flow-log']
  const name = '\u001b[2Ja\u009b\u202eb\nc'
  const text = await says('create', '--vpc', 'vpc-shop', ...into, '--name', name)
  const visible = String.raw`\u001b[2Ja\u009b\u202eb\u000ac`
  assert.deepEqual(cells(text)[1], ['name', visible])
  const list = await says('list')
  assert.equal(cells(list)[2]![1], visible)
  const asJson = await says('list', '--json')
  for (const printed of [text, list, asJson])
    assert.doesNotMatch(printed, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
  const [entry] = JSON.parse(asJson) as FlowLogEntry[]
  assert.equal(entry!.name, name, 'JSON says what it is')
  await says('delete', entry!.id)
})

test('what is missing or does not fit is said', async () => {
  const into = ['--project', 'weir', '--logstore', 'flow-log']
  const about = 'One of --vpc ID, --vswitch ID, --eni ID'
  await Promise.all([
    refused(['create', ...into], `Usage: say what the flow log is about. ${about}`),
    refused(
      ['create', '--vpc', 'vpc-shop', '--eni', 'eni-web1', ...into],
      `Usage: a flow log is about one thing. ${about}`,
    ),
    refused(
      ['create', '--vpc', 'vpc-shop', '--project', 'weir'],
      'Usage: say where the records go. --project NAME and --logstore NAME, with --create they are made; or --analyzer ID',
    ),
    refused(
      ['create', '--vpc', 'vpc-shop', ...into, '--traffic', 'reject'],
      'Usage: --traffic is reject, not one of all, allow, drop',
    ),
    refused(
      ['create', '--vpc', 'vpc-shop', ...into, '--window', '10'],
      'Usage: --window is 10, not one of 60, 300, 600',
    ),
    refused(
      ['create', '--vpc', 'vpc-shop', ...into, '--ip-version', 'toString'],
      'Usage: --ip-version is toString, not one of ipv4, dualstack',
    ),
    refused(
      ['create', '--vpc', 'vpc-shop', ...into, '--path', 'vbr, natGatewy'],
      'Usage: --path "natGatewy" is no path that can be chosen. Did you mean natGateway?',
    ),
    refused(
      ['create', '--eni', 'eni-wbe1', ...into],
      'ResourceNotExist: there is no ENI eni-wbe1. Did you mean eni-web1? There are: eni-web1, eni-web2',
    ),
    refused(
      ['create', '--vpc', 'vpc-shop', '--project', 'weir', '--logstore', 'flow-logs'],
      'LogStoreNotExist: there is no logstore weir/flow-logs. Did you mean flow-log? weir flow-log create --create makes it',
    ),
    refused(['list', '--format', 'csv'], 'Usage: --format is csv, not one of table, json, ndjson'),
  ])
  const { id } = await json('create', '--vpc', 'vpc-shop', ...into, '--name', 'all of it')
  await refused(
    ['delete', `${id}x`],
    `FlowLogNotExist: there is no flow log ${id}x. Did you mean ${id}?`,
  )
  await refused(
    ['stop', 'all of it'],
    `FlowLogNotExist: there is no flow log all of it. Did you mean ${id}?`,
  )
  await refused(
    ['modify', id],
    'Usage: say what to change. --name, --description, --window and --ip-version can be changed',
  )
  await refused(
    ['modify', id, '--traffic', 'drop'],
    'ParameterInvalid: the trafficType of a flow log cannot be changed (body). name, description, ipVersion, windowSeconds can; for another trafficType make another flow log',
  )
  await says('delete', id)
})

test('without a server: status 6, and how one is started', async () => {
  const { status, stderr } = await weir(['flow-log', 'list', '--server', 'http://127.0.0.1:9'])
  assert.equal(status, 6)
  assert.match(stderr, /^weir: ServerUnreachable: no answer from .* Start one with: weir start\n$/)
})

test('--help shows examples, and what modify cannot change is not among its options', async () => {
  const names = ['create', 'list', 'show', 'modify', 'stop', 'start', 'delete']
  const helps = await Promise.all(names.map((name) => weirSays(['flow-log', name, '--help'])))
  for (const [each, name] of names.entries())
    assert.match(helps[each]!, new RegExp(`Examples:\n  weir flow-log ${name}`))
  assert.doesNotMatch(helps[names.indexOf('modify')]!, /--traffic/)
})
