/**
 * The sample project as a newcomer meets it: filled by a started server, asked the page's seven queries by the
 * command, against records and answers computed from the frames by `sample-records.ts` and here.
 */
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type SampleRecord, sampleRecords } from './sample-records.ts'
import {
  metricsOf,
  rowsByLogstore,
  weir,
  WeirProcess,
  WeirServer,
  weirSays,
} from './weir-process.ts'
import { signedFetch } from './signed-fetch.ts'

const seedFile = new URL('../../shared/reference/seed-queries.json', import.meta.url)
const skip = existsSync(seedFile) ? false : 'the seed queries are not beside the project'
const own = ['web', 'ecs', 'peering', 'nat', 'express'] as const
type Logstore = (typeof own)[number] | 'flow-log'
const logstores: readonly Logstore[] = [...own, 'flow-log']

const folder = mkdtempSync(join(tmpdir(), 'weir-sample-'))
const config = join(folder, 'weir.yaml')
const args = ['--config', config, '--port', '0']
let server: WeirServer
let expected: Map<string, SampleRecord[]>

before(async () => {
  writeFileSync(config, 'data: ./data\ncapture: { enabled: false }\n')
  server = await WeirServer.start(args)
  expected = recordsUntil(await endOf(server))
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** The end of the sample's hour, as the server that filled it said. */
async function endOf(filler: WeirProcess): Promise<number> {
  const [, , to] = await filler.until('stderr', /is filled records=(\d+) from=\S+ to=(\S+)/)
  return Date.parse(to!) / 1000
}

const computed = new Map<number, Map<string, SampleRecord[]>>()

/** `sampleRecords`, computed once an hour. */
function recordsUntil(end: number): Map<string, SampleRecord[]> {
  const records = computed.get(end) ?? sampleRecords(end)
  computed.set(end, records)
  return records
}

async function recordsIn(logstore: Logstore, url: string): Promise<SampleRecord[]> {
  const asked = ['query', '--server', url, '--project', 'sample', '--logstore', logstore, '*']
  const lines = await weirSays([...asked, '--format', 'ndjson', '--line', '1000000'])
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as SampleRecord)
}

/** A record without what the log service adds, in a form that compares. */
function canonical({ __receive_time__: _, __source__: __, ...fields }: SampleRecord): string {
  return Object.keys(fields)
    .sort()
    .map((name) => `${name}=${fields[name]}`)
    .join(' ')
}

/** Compares `names` record by record, `flow-log` of which holds all of them, and counts the rows of all. */
async function assertWhole(
  url: string,
  wanted = expected,
  names: readonly Logstore[] = ['flow-log'],
): Promise<void> {
  for (const name of names) {
    const found = (await recordsIn(name, url)).map(canonical).sort()
    assert.deepEqual(found, wanted.get(name)!.map(canonical).sort(), name)
  }
  const counts = logstores.map((name) => [name, wanted.get(name)!.length] as const)
  assert.deepEqual((await rowsByLogstore(url))['sample'], Object.fromEntries(counts))
}

test('every logstore has exactly the records of its frames, of its target only', async () => {
  await assertWhole(server.url, expected, logstores)
  const enis = (name: Logstore) => [...new Set(expected.get(name)!.map((each) => each['eni-id']))]
  assert.deepEqual(logstores.map(enis), [
    ['eni-web1'],
    ['eni-ecs1'],
    ['eni-peer1', 'eni-peer2', 'eni-peer3', 'eni-standby'],
    ['eni-ngw1'],
    ['eni-erp', 'eni-files', 'eni-mail', 'eni-logs'],
    own.flatMap(enis),
  ])
  // "NODATA: The network interface sent or received no traffic during the capture window".
  const silent = expected.get('flow-log')!.filter((each) => each['log-status'] === 'NODATA')
  assert.deepEqual(
    [silent.length, new Set(silent.map((each) => each['eni-id']))],
    [60, new Set(['eni-standby'])],
  )
})

test('the sample is labelled as such, and flow-log has as many rows as all others', async () => {
  const { projects } = (await (await signedFetch(`${server.url}/weir/v1/projects`)).json()) as {
    projects: { name: string; description: string; labels: object }[]
  }
  const { description, labels } = projects.find(({ name }) => name === 'sample')!
  assert.deepEqual(labels, { sample: 'true' })
  assert.match(description, /^Sample data: /)
  const rows = (await rowsByLogstore(server.url))['sample']!
  assert.deepEqual(
    rows,
    Object.fromEntries(logstores.map((name) => [name, expected.get(name)!.length])),
  )
  assert.equal(
    rows['flow-log'],
    own.reduce((sum, name) => sum + rows[name]!, 0),
  )
})

// The seven queries, answered here over objects. Integers divide as Presto's: towards zero.

type Row = readonly string[]

const clock = (record: SampleRecord) =>
  new Date(Number(record['__time__']) * 1000).toISOString().slice(11, 17) + '00'
const minuteOf = (record: SampleRecord) =>
  new Date(Number(record['__time__']) * 1000).toISOString().slice(0, 17).replace('T', ' ') +
  '00.000'
const bandwidth = (record: SampleRecord) => Math.trunc((Number(record['bytes']) * 8) / 60)

function sums(
  records: readonly SampleRecord[],
  key: (record: SampleRecord) => Row,
  amount: (record: SampleRecord) => number,
): Map<string, number> {
  const totals = new Map<string, number>()
  for (const record of records) {
    const name = JSON.stringify(key(record))
    totals.set(name, (totals.get(name) ?? 0) + amount(record))
  }
  return totals
}

const rates = (records: readonly SampleRecord[], names: (record: SampleRecord) => string): Row[] =>
  [...sums(records, (each) => [clock(each), names(each)], bandwidth)].map(([key, sum]) => [
    ...(JSON.parse(key) as string[]),
    String(sum),
  ])

const pairOf = (record: SampleRecord) => `${record['srcaddr']}->${record['dstaddr']}`

/** Whether one end is in the first and the other in the second. */
const between = (one: RegExp, other: RegExp) => (record: SampleRecord) => {
  const [source, destination] = [record['srcaddr']!, record['dstaddr']!]
  return (
    (one.test(source) && other.test(destination)) || (other.test(source) && one.test(destination))
  )
}

function sources(records: readonly SampleRecord[]): Row[] {
  const asked = records.filter((each) => each['dstaddr'] === '10.0.0.1' && each['dstport'] === '80')
  const counts = new Map<string, [number, number]>()
  for (const { srcaddr, action } of asked) {
    const [accepted, rejected] = counts.get(srcaddr!) ?? [0, 0]
    const isAccepted = action === 'ACCEPT' ? 1 : 0
    counts.set(srcaddr!, [accepted + isAccepted, rejected + 1 - isAccepted])
  }
  return [...counts].map(([source, both]) => [source, ...both.map(String)])
}

function shares(records: readonly SampleRecord[]): Row[] {
  const matching = records.filter(
    ({ action, srcaddr, dstaddr }) =>
      action === 'ACCEPT' && srcaddr!.startsWith('192.168.') && dstaddr!.startsWith('10.1.'),
  )
  const rate = ({ bytes, start, end }: SampleRecord) =>
    Math.trunc((Number(bytes) * 8) / (Number(end) - Number(start) || 1))
  const part = (prefix: string) =>
    sums(
      matching.filter(({ srcaddr }) => srcaddr!.startsWith(prefix)),
      (each) => [minuteOf(each)],
      rate,
    )
  const [first, second] = [part('192.168.20.'), part('192.168.10.')]
  return [...new Set([...first.keys(), ...second.keys()])].sort().map((key) => {
    const [one, two] = [first.get(key) ?? 0, second.get(key) ?? 0]
    const percent = (rateOfOne: number) => String(Math.trunc((rateOfOne * 100) / (one + two)))
    return [(JSON.parse(key) as string[])[0]!, percent(one), percent(two)]
  })
}

const inFrom = (record: SampleRecord) =>
  record['direction'] === 'in' && record['srcaddr']!.startsWith('10.0.0.')

/** Every row that a query has, whatever its limit, and what orders them. */
const seeds: readonly {
  readonly logstore: Logstore
  readonly columns: Row
  readonly rows: (records: readonly SampleRecord[]) => Row[]
  readonly order: (row: Row) => string | number
}[] = [
  {
    logstore: 'web',
    columns: ['srcaddr', 'accept_count', 'reject_count'],
    rows: sources,
    order: (row) => -Number(row[1]) - Number(row[2]),
  },
  {
    logstore: 'ecs',
    columns: ['time', 'src_to_dst', 'bandwidth'],
    rows: (all) => rates(all.filter(between(/^10\.0\.0\.1$/, /^10\.0\.0\./)), pairOf),
    order: (row) => row[0]!,
  },
  {
    logstore: 'peering',
    columns: ['time', 'src_to_dst', 'bandwidth'],
    rows: (all) => rates(all.filter(between(/^10\.0\./, /^172\.16\./)), pairOf),
    order: (row) => row[0]!,
  },
  {
    logstore: 'nat',
    columns: ['time', 'srcaddr', 'bandwidth'],
    rows: (all) =>
      rates(
        all.filter((each) => inFrom(each) && each['dstaddr'] === '120.26.0.1'),
        (each) => each['srcaddr']!,
      ),
    order: (row) => row[0]!,
  },
  {
    logstore: 'nat',
    columns: ['time', 'dstaddr', 'bandwidth'],
    rows: (all) =>
      rates(
        all.filter(
          ({ direction, srcaddr, dstaddr }) =>
            direction === 'out' && srcaddr === '120.26.0.1' && dstaddr!.startsWith('10.0.0.'),
        ),
        (each) => each['dstaddr']!,
      ),
    order: (row) => row[0]!,
  },
  {
    logstore: 'nat',
    columns: ['time', '_col1', 'bandwidth'],
    rows: (all) => rates(all.filter(inFrom), pairOf),
    order: (row) => row[0]!,
  },
  {
    logstore: 'express',
    columns: ['minute', 'vpc1_percentage', 'vpc2_percentage'],
    rows: shares,
    order: (row) => row[0]!,
  },
]

async function askSeed(number: number, logstore: Logstore): Promise<{ columns: Row; rows: Row[] }> {
  const { queries } = JSON.parse(readFileSync(seedFile, 'utf8')) as { queries: { query: string }[] }
  assert.equal(queries.length, 7)
  const query = queries[number - 1]!.query.replaceAll('120.26.XX.XX', '120.26.0.1')
  const where = ['--server', server.url, '--project', 'sample', '--logstore', logstore]
  const answer = JSON.parse(await weirSays(['query', ...where, '--json', query])) as SampleRecord[]
  assert.ok(answer.length > 0, 'all seven queries have rows')
  return { columns: Object.keys(answer[0]!), rows: answer.map((each) => Object.values(each)) }
}

const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0)

/** ORDER BY leaves ties open: which rows of the last one LIMIT 100 lets through is not said. */
function assertAnswer(
  rows: readonly Row[],
  all: readonly Row[],
  order: (row: Row) => string | number,
) {
  const sorted = all.map(order).sort(compare)
  assert.deepEqual(rows.map(order), sorted.slice(0, 100))
  const wanted = new Set(all.map((row) => JSON.stringify(row)))
  assert.deepEqual(
    rows.filter((row) => !wanted.has(JSON.stringify(row))),
    [],
  )
  assert.equal(new Set(rows.map((row) => JSON.stringify(row))).size, rows.length)
}

const answers = new Map<number, readonly Row[]>()

seeds.forEach(({ logstore, columns, rows, order }, i) => {
  for (const each of [logstore, 'flow-log'] as const)
    test(`seed query ${i + 1} on ${each} gives exactly its rows`, { skip }, async () => {
      const answer = await askSeed(i + 1, each)
      assert.deepEqual(answer.columns, columns)
      assertAnswer(answer.rows, rows(expected.get(each)!), order)
      if (each === logstore) answers.set(i + 1, answer.rows)
    })
})

const within = (row: Row, want: number, share: number) =>
  assert.ok(Math.abs(Number(row.at(-1)) / want - 1) <= share, `${row.join(' ')}, not ${want}`)

test('the answers show what the previews of the page show', { skip }, () => {
  const of = (number: number, name?: string) =>
    answers.get(number)!.filter((row) => name === undefined || row[1] === name)

  // "Five source IP addresses accessed port 80"; one of them is let in.
  assert.deepEqual(
    of(1)
      .map(([source, accepted, rejected]) => `${source} ${accepted !== '0'} ${rejected !== '0'}`)
      .sort(),
    [
      '120.26.0.1 true false',
      '121.43.0.1 false true',
      '154.212.0.1 false true',
      '176.65.0.1 false true',
      '198.235.0.1 false true',
    ],
  )
  // "10.0.0.1 to 10.0.0.2 ... approximately 1.4 Mbps", "to 10.0.0.3 ... approximately 700 Kbps"
  for (const row of of(2, '10.0.0.1->10.0.0.2')) within(row, 1_400_000, 0.05)
  for (const row of of(2, '10.0.0.1->10.0.0.3')) within(row, 700_000, 0.05)
  // "a traffic spike of approximately 6 Mbps from 10.0.0.1 to 172.16.0.1"
  const high = of(3).filter((row) => Number(row[2]) > 2_000_000)
  assert.deepEqual(
    high.map((row) => row[1]),
    Array.from({ length: 3 }, () => '10.0.0.1->172.16.0.1'),
  )
  for (const row of high) within(row, 6_000_000, 0.05)
  // "10.0.0.1 (ECS1) to the public IP address 120.26.XX.XX is the highest, ... 12 Kbps"
  for (const row of of(4, '10.0.0.1')) within(row, 12_000, 0.06)
  for (const row of of(4)) if (row[1] !== '10.0.0.1') assert.ok(Number(row[2]) < 11_000, row.join())
  // "The proportion of traffic from VPC1 to the on-premises data center is higher."
  assert.equal(of(7).length, 60)
  for (const row of of(7)) assert.ok(Number(row[1]) > 55 && Number(row[2]) < 45, row.join())
})

test('a removed sample stays away, also after a restart, until it is added again', async () => {
  const said = await weir(['sample', 'remove', '--server', server.url])
  const text = 'The project sample and all its records are removed.\n'
  assert.deepEqual([said.status, said.stdout, said.stderr], [0, '', text])
  const again = await weir(['sample', 'remove', '--server', server.url])
  assert.deepEqual(
    [again.status, again.stderr],
    [2, 'weir: ProjectNotExist: there is no project sample\n'],
  )
  assert.deepEqual(await rowsByLogstore(server.url), { weir: { 'flow-log': 0 } })
  await server.stop()

  server = await WeirServer.start(args)
  assert.deepEqual(await rowsByLogstore(server.url), { weir: { 'flow-log': 0 } })
  assert.doesNotMatch(server.said('stdout'), /Sample data|weir sample/)
  const added = await weir(['sample', 'add', '--server', server.url])
  assert.deepEqual([added.status, added.stderr], [0, 'The project sample is filled.\n'])
  await assertWhole(server.url, recordsUntil(await endOf(server)))
  await server.stop()
})

test('the sample is removed from and added to a data directory that no server has', async () => {
  const data = join(folder, 'data')
  await weirSays(['sample', 'remove', '--data', data])
  const gone = await weir([
    'query',
    '--data',
    data,
    '--project',
    'sample',
    '--logstore',
    'web',
    '*',
  ])
  assert.deepEqual(
    [gone.status, gone.stderr],
    [2, 'weir: ProjectNotExist: there is no project sample. There are: weir\n'],
  )
  const adding = new WeirProcess(['sample', 'add', '--data', data])
  const end = await endOf(adding)
  assert.equal((await adding.ended).status, 0)
  server = await WeirServer.start(args)
  await assertWhole(server.url, recordsUntil(end))
  // The data directory of a running server is worked on through it.
  await weirSays(['sample', 'remove', '--data', data])
  assert.deepEqual(await rowsByLogstore(server.url), { weir: { 'flow-log': 0 } })
  await server.stop()
})

/** Bytes in the log of a data directory. */
const logBytes = (data: string): number =>
  readdirSync(join(data, 'log')).reduce(
    (sum, name) => sum + statSync(join(data, 'log', name)).size,
    0,
  )

/** Kills a server when its log has grown to `bytes`. */
async function killAt(data: string, bytes: number): Promise<void> {
  await using filling = new WeirProcess(['start', ...args, '--data', data])
  while (!existsSync(join(data, 'log')) || logBytes(data) < bytes) {
    assert.equal(filling.child.exitCode, null, filling.said('stderr'))
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const { signal, stderr } = await filling.end('SIGKILL')
  assert.deepEqual([signal, /is filled/.test(stderr)], ['SIGKILL', false])
}

test('a fill that is killed twice in the middle ends with every record once', async () => {
  const data = join(folder, 'killed')
  await killAt(data, 250_000)
  const first = logBytes(data)
  await killAt(data, 2 * first)
  await using filled = await WeirServer.start([...args, '--data', data])
  const end = await endOf(filled)
  await assertWhole(filled.url, recordsUntil(end))
  const metrics = await metricsOf(filled.url)
  const again = metrics.get('weir_logstore_duplicate_batches_total')!
  assert.ok(again > 0, 'batches from before the kill came again and were not stored again')
  await filled.stop()
})
