/** `weir bill` and its parts, against a started server. */
import { sideBySide } from './side-by-side.ts'
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { putRecords } from '../src/api/client.ts'
import type { Bill, Estimate, TrafficCosts } from '../src/billing/billing.ts'
import { flowRecordFields } from '../src/record/fields.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { metricsOf, weir, WeirServer, weirSays } from './weir-process.ts'

const test = sideBySide()

const flowLog = 'fl-abcdefghijklmnopqrstu'
const minute = Math.floor(Date.now() / 60_000) * 60 - 600

interface Shape {
  readonly second: number
  readonly action: string
  readonly port: number
}

const recordOf = ({ second, action, port }: Shape): Record<string, string> => ({
  version: '1',
  'account-id': '1210123456789012',
  'eni-id': 'eni-web1',
  'vm-id': 'i-web·网',
  'vswitch-id': 'vsw-web',
  'vpc-id': 'vpc-shop',
  type: 'IPv4',
  protocol: '6',
  srcaddr: '10.0.0.1',
  srcport: '80',
  dstaddr: '120.26.0.1',
  dstport: String(port),
  direction: 'out',
  action,
  packets: '10',
  bytes: String(2 ** 30),
  start: String(minute + second),
  end: String(minute + second + 60),
  'tcp-flags': '27',
  'log-status': 'OK',
  traffic_path: '15',
})

/** "UTF-8 length of its 21 field names and values as delivered" */
const sizeOf = (record: Record<string, string>): number =>
  Object.entries(record).reduce((sum, entry) => sum + Buffer.byteLength(entry.join('')), 0)

/** Two minutes of a flow, and one that is rejected. */
const records = [
  { second: 0, action: 'ACCEPT', port: 50_000 },
  { second: 60, action: 'ACCEPT', port: 50_000 },
  { second: 60, action: 'REJECT', port: 50_001 },
].map(recordOf)
const bytes = records.reduce((sum, record) => sum + sizeOf(record), 0)
const ndjson = records.map((record) => JSON.stringify(record)).join('\n')

async function start(t: TestContext, more = '') {
  const folder = temporaryFolder(t)
  const config = join(folder, 'weir.yaml')
  writeFileSync(config, `sample: false\ncapture: { enabled: false }\n${more}`)
  const data = join(folder, 'data')
  const args = ['--config', config, '--data', data, '--port', '0']
  const put = (url: string, number: number, of = flowLog, text = ndjson) =>
    putRecords(
      url,
      { project: 'weir', logstore: 'flow-log', id: { flowLog: of, run: 'r', number } },
      text,
    )
  const ask = async <Answer = Bill>(url: string, ...command: string[]): Promise<Answer> =>
    JSON.parse(await weirSays(['bill', ...command, '--server', url, '--json'])) as Answer
  return { folder, data, args, put, ask }
}

test('records of flow logs are counted once, over repeats and kill -9; those of a replay are not', async (t) => {
  assert.deepEqual(
    Object.keys(records[0]!),
    flowRecordFields.map(({ name }) => name),
  )
  const { data, args, put, ask } = await start(t)
  const generated = async (url: string): Promise<unknown> =>
    (await ask(url, '--by', 'flow-log')).rows
      .filter(({ item }) => item === 'flow log generation')
      .map(({ of, account, region, bytes: used, freeBytes }) => [
        of,
        account,
        region,
        used,
        freeBytes,
      ])
  const wanted = (batches: number) => [
    [flowLog, '1210123456789012', 'cn-hangzhou', batches * bytes, batches * bytes],
  ]
  {
    await using server = await WeirServer.start(args)
    assert.deepEqual(await generated(server.url), [])
    for (const number of [0, 1, 0]) await put(server.url, number)
    await put(server.url, 2, 'replay')
    assert.deepEqual(await generated(server.url), wanted(2))
    await put(server.url, 3)
    await server.end('SIGKILL')
  }
  await using server = await WeirServer.start(args)
  assert.deepEqual(await generated(server.url), wanted(3))
  assert.equal((await put(server.url, 3)).stored, false)
  assert.deepEqual(await generated(server.url), wanted(3))

  const bill = await ask(server.url)
  assert.deepEqual(
    [bill.zone, bill.currency, bill.prices, bill.logService, bill.total, bill.billed],
    [
      'Asia/Shanghai',
      'CNY',
      'cloud list prices, China (mainland), 2026-11-22',
      'byFeature',
      '0.000000',
      '0.000000',
    ],
  )
  const quota = bill.freeQuotas.find(({ item }) => item === 'flow log generation')!
  assert.deepEqual([quota.bytes, quota.leftBytes], [5 * 2 ** 30, 5 * 2 ** 30 - 3 * bytes])
  assert.ok(quota.daysLeft! > 0)
  assert.equal(
    (await metricsOf(server.url)).get(
      'weir_free_quota_bytes_left{account="1210123456789012",region="cn-hangzhou",item="flow log generation"}',
    ),
    quota.leftBytes,
  )
  const text = await weirSays(['bill', '--server', server.url])
  assert.match(text, /time zone Asia\/Shanghai: CNY 0\.00, of it 0\.00 in bills/)
  assert.match(text, /^Disk: [\d.]+ GB free/m)
  assert.equal(
    (await weir(['bill', '--month', '2026-13', '--server', server.url])).stderr,
    'weir: ParameterInvalid: "2026-13" is no month. Write it like 2026-11\n',
  )
  assert.match(
    (await weir(['bill', 'top-up', '5', '--server', server.url])).stderr,
    /^weir: ParameterInvalid: accounts hold no money here/,
  )
  await server.stop()
  const db = new DatabaseSync(join(data, 'weir.db'))
  assert.equal(db.prepare('SELECT count(*) AS n FROM billing_pending').get()?.['n'], 0)
  db.close()
})

test('what a flow log would cost, and what traffic does, comes from its records', async (t) => {
  const { folder, args, put, ask } = await start(t, 'billing: { trafficPrices: traffic.yaml }\n')
  writeFileSync(
    join(folder, 'traffic.yaml'),
    'currency: CNY\ndate: 2026-11-23\nrows: [{ says: internet, paths: [15], direction: out, price: "0.8" }]\n',
  )
  await using server = await WeirServer.start(args)
  await put(server.url, 0)
  await put(server.url, 1, 'another')
  const { seconds, options } = await ask<Estimate>(server.url, 'estimate', '--from', String(minute))
  assert.equal(seconds, 120)
  const a = (window: number, type: string) => {
    const { recordsPerDay, bytesPerDay } = options.find(
      (each) => each.windowSeconds === window && each.trafficType === type,
    )!
    return [recordsPerDay / 720, bytesPerDay / 720]
  }
  const [first, , rejected] = records as [
    (typeof records)[0] & object,
    unknown,
    (typeof records)[0] & object,
  ]
  // Two flow logs of the same records count once; both minutes have the flow, of 4 GB then.
  const doubled = (record: Record<string, string>, times: number) =>
    sizeOf({ ...record, bytes: String(2 ** 30 * times), packets: String(10 * times) })
  assert.deepEqual(a(60, 'Allow'), [2, 2 * doubled(first!, 2)])
  assert.deepEqual(a(60, 'Drop'), [1, doubled(rejected!, 2)])
  const sameTen = Math.floor(minute / 600) === Math.floor((minute + 60) / 600)
  assert.deepEqual(a(600, 'Allow'), sameTen ? [1, doubled(first!, 4)] : a(60, 'Allow'))

  const costs = await ask<TrafficCosts>(
    server.url,
    'traffic',
    '--by',
    'peer',
    '--from',
    String(minute),
  )
  assert.deepEqual([costs.total, costs.currency, costs.date], ['3.200000', 'CNY', '2026-11-23'])
  const row = costs.rows[0]!
  assert.deepEqual(
    [row.path, row.direction, row.of, row.bytes, row.records, row.amount],
    [15, 'out', '120.26.0.1', 4 * 2 ** 30, 4, '3.200000'],
  )
  const where = ['--project', 'weir', '--logstore', 'flow-log', '--server', server.url]
  const behind = await weirSays(['query', row.query, ...where, '--json'])
  assert.equal(JSON.parse(behind).length, 4)

  const inward = { ...first!, 'eni-id': 'eni-db1', direction: 'in', traffic_path: '7' }
  const more = [
    { ...inward, 'vm-id': '-', bytes: String(2 ** 29) },
    { ...inward, 'vm-id': 'i-db1', bytes: String(2 ** 28) },
    { ...inward, 'vm-id': '-', traffic_path: '-', bytes: String(2 ** 27) },
    { ...inward, 'vm-id': '-', action: 'REJECT' },
  ]
  await put(server.url, 2, flowLog, more.map((record) => JSON.stringify(record)).join('\n'))
  const byInstance = ['traffic', '--by', 'instance', '--from', String(minute)]
  const { rows, total } = await ask<TrafficCosts>(server.url, ...byInstance)
  assert.equal(total, '3.200000')
  assert.deepEqual(
    rows.map((each) => [
      each.path,
      each.direction,
      each.of,
      each.bytes / 2 ** 27,
      each.records,
      each.says,
      each.amount,
    ]),
    [
      [15, 'out', 'i-web·网', 32, 4, 'internet', '3.200000'],
      [7, 'in', 'eni-db1', 4, 1, undefined, undefined],
      [7, 'in', 'i-db1', 2, 1, undefined, undefined],
      [undefined, 'in', 'eni-db1', 1, 1, undefined, undefined],
    ],
    'an ENI stands for the instance that it has none of',
  )
  for (const { query, records: count } of rows) {
    const found = await weirSays(['query', query, ...where, '--json'])
    assert.equal(JSON.parse(found).length, count, query)
  }
  const table = await weirSays(['bill', ...byInstance, '--server', server.url])
  assert.match(table, /15 .* out +i-web·网 +4\.000 +4 +3\.20 +internet/)
  assert.match(table, / - +in +eni-db1 +0\.125 +1 /)
  const wrong = await weir(['bill', 'traffic', '--by', 'vpc', '--server', server.url])
  assert.equal(wrong.stderr, 'weir: Usage: --by is vpc, not one of path, instance, peer\n')
})

test('who does not pay is stopped, cannot do anything with flow logs, and goes on when it pays', async (t) => {
  const { data, args } = await start(t, 'billing: { overdue: { protectionLimit: "10" } }\n')
  const create = [
    'flow-log',
    'create',
    '--vpc',
    'vpc-host',
    '--project',
    'weir',
    '--logstore',
    'flow-log',
    '--json',
  ]
  let id: string
  {
    await using server = await WeirServer.start(args)
    id = JSON.parse(await weirSays([...create, '--server', server.url])).id
    await server.stop()
  }
  const db = new DatabaseSync(join(data, 'weir.db'))
  db.prepare(
    "INSERT INTO billing_moves (account, at, cycle, note, amount) VALUES ('-', 1, 1, 'bill', ?)",
  ).run(String(-20n * 24n * 10n ** 36n))
  db.close()
  await using server = await WeirServer.start(args)
  await server.until('stderr', /flow logs are suspended: a bill is not paid/)
  const to = ['--server', server.url]
  const show = async () => JSON.parse(await weirSays(['flow-log', 'show', id, '--json', ...to]))
  assert.equal((await show()).status, 'Inactive')
  for (const command of [
    ['start', id],
    ['delete', id],
    ['modify', id, '--window', '60'],
  ])
    assert.match(
      (await weir(['flow-log', ...command, ...to])).stderr,
      /^weir: FlowLogSuspended: the flow logs of account - are suspended/,
    )
  assert.match((await weir([...create, ...to])).stderr, /^weir: FlowLogSuspended/)
  const [standing] = JSON.parse(await weirSays(['bill', '--json', ...to])).accounts
  assert.deepEqual(
    [standing.account, standing.balance, standing.state, standing.nextStepAt - standing.since],
    ['-', '-20.000000', 'suspended', 7 * 86_400],
  )
  assert.match(
    await weirSays(['bill', 'top-up', '20.5', ...to]),
    /^Account -: balance 0\.50, nothing is owed$/m,
  )
  assert.equal((await show()).status, 'Active')
})
