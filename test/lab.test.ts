/**
 * The product page's use cases, whole: `weir lab` builds the network and sends the traffic, `weir start` captures
 * it, flow logs are made as the page says, and the page's queries are asked word for word. Every number they
 * answer is compared with what the processes that sent the traffic say they sent.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionsReport, FlowReport, TrafficReport } from '../src/lab/lab.ts'
import {
  atAddress,
  createArguments,
  panelProject,
  panels,
  panelWindowSeconds,
} from '../src/lab/panels.ts'
import { labMissing, namespacesLike } from './lab-missing.ts'
import { temporaryFolder } from './logstore-rows.ts'
import { WeirServer, weirSays } from './weir-process.ts'

const skip = labMissing()

type Row = Readonly<Record<string, string>>

/** Room for what is begun in the last moment, before the minute ends. */
const roomSeconds = 8
const trafficSecondsMax = 20

/** A run that ends well inside a minute, so that its windows are soon over. */
function trafficSeconds(): number {
  const left = 60 - roomSeconds - Math.ceil((Date.now() / 1000) % 60)
  return left < 15 ? trafficSecondsMax : Math.min(left, trafficSecondsMax)
}

/** A lab in `dir`, taken down at the end of the block. */
async function labIn(dir: string): Promise<AsyncDisposable> {
  await weirSays(['lab', 'up', '--dir', dir, '--name', `t${process.pid}`])
  return {
    async [Symbol.asyncDispose]() {
      await weirSays(['lab', 'down', '--dir', dir])
      assert.deepEqual(namespacesLike(`weir-lab-t${process.pid}-`), [])
    },
  }
}

/** How long after its end a window may come, on a machine that has much else to do. */
const patienceSeconds = 45

class Answers {
  readonly #server: WeirServer

  constructor(server: WeirServer) {
    this.#server = server
  }

  async ask(logstore: string, query: string): Promise<Row[]> {
    const where = ['--project', panelProject, '--logstore', logstore, '--server', this.#server.url]
    const said = await weirSays(['query', ...where, '--zone', 'UTC', '--json', query])
    return JSON.parse(said) as Row[]
  }

  /** Resolves when the ENIs have told of the window that begins at `minute`: an ENI's window comes whole. */
  async window(logstore: string, minute: number, enis: readonly string[]): Promise<void> {
    const query = `* | SELECT DISTINCT "eni-id" AS eni WHERE __time__ >= ${minute} ORDER BY eni`
    for (;;) {
      const there = (await this.ask(logstore, query)).map((row) => row['eni']!)
      const missing = enis.filter((eni) => !there.includes(eni))
      if (missing.length === 0) return
      const over = Date.now() / 1000 - minute - panelWindowSeconds
      const said = this.#server.said('stderr')
      assert.ok(over < patienceSeconds, `no window of ${missing.join(', ')}:\n${said}`)
      await sleep(1000)
    }
  }
}

/** "Divide by the capture window of 1 minute to get the rate in bit/s": whole numbers, record by record. */
const bitRate = (bytes: number): number => Math.floor((bytes * 8) / 60)

const timeOf = (minute: number): string => new Date(minute * 1000).toISOString().slice(11, 19)

/** One flow in one minute, in one direction: one record. */
interface Sent {
  readonly source: string
  readonly destination: string
  readonly minute: number
  readonly bytes: number
}

const ipv4 = ({ srcaddr }: { srcaddr: string }): boolean => !srcaddr.includes(':')

/** What was sent, and what was answered. */
function sentBy(flows: readonly FlowReport[]): { there: Sent[]; back: Sent[] } {
  const each = (key: 'packets' | 'answers', turned: boolean): Sent[] =>
    flows.flatMap(({ srcaddr, dstaddr, minutes }) =>
      minutes
        .filter((entry) => entry[key] > 0)
        .map((entry) => ({
          source: turned ? dstaddr : srcaddr,
          destination: turned ? srcaddr : dstaddr,
          minute: entry.minute,
          bytes: turned ? entry.answerBytes : entry.bytes,
        })),
    )
  return { there: each('packets', false), back: each('answers', true) }
}

/** The bandwidth rows of a query that groups by minute and by what `label` makes of the ends. */
function bandwidths(sent: readonly Sent[], label: (sent: Sent) => string): Record<string, string> {
  const sums = new Map<string, number>()
  for (const each of sent) {
    const key = `${timeOf(each.minute)} ${label(each)}`
    sums.set(key, (sums.get(key) ?? 0) + bitRate(each.bytes))
  }
  return Object.fromEntries([...sums].map(([key, sum]) => [key, String(sum)]))
}

/** The same of an answer, whose middle column is called anything. */
function answered(rows: readonly Row[]): Record<string, string> {
  const times = rows.map((row) => row['time']!)
  assert.deepEqual(times, times.toSorted(), 'Sort by time in ascending order.')
  return Object.fromEntries(
    rows.map((row) => {
      const label = Object.entries(row).find(([key]) => key !== 'time' && key !== 'bandwidth')!
      return [`${row['time']} ${label[1]}`, row['bandwidth']!]
    }),
  )
}

const pair = ({ source, destination }: Sent): string => `${source}->${destination}`

/** A SYN with the options that Linux sends. */
const synBytes = 60

const synsOf = (connections: readonly ConnectionsReport[]): Sent[] =>
  connections.flatMap(({ srcaddr, dstaddr, minutes }) =>
    minutes.flatMap(({ minute, attempts }) =>
      Array.from({ length: attempts }, () => ({
        source: srcaddr,
        destination: dstaddr,
        minute,
        bytes: synBytes,
      })),
    ),
  )

test('the use cases, from packets to the answers of the page', { skip }, async (t) => {
  const folder = temporaryFolder(t)
  const dir = join(folder, 'lab')
  await using _lab = await labIn(dir)
  const topology = join(dir, 'lab.topology.yaml')
  const args = ['--topology', topology, '--data', join(folder, 'data'), '--port', '0']
  {
    // A capture knows from its start what it finds then; after that nothing needs to be waited for.
    await using server = await WeirServer.start(args)
    for (const panel of panels)
      for (const flowLog of panel.flowLogs)
        await weirSays([...createArguments(panel, flowLog), '--server', server.url])
    await server.stop()
  }
  await using server = await WeirServer.start(args)
  const answers = new Answers(server)

  const seconds = trafficSeconds()
  const reportFile = join(folder, 'sent.json')
  const sending = ['lab', 'traffic', '--dir', dir, '--seconds', String(seconds)]
  await weirSays([...sending, '--report', reportFile])
  const report = JSON.parse(readFileSync(reportFile, 'utf8')) as TrafficReport
  checkSent(report, seconds)

  await windowsOver(answers, report)
  await t.test('internet source IPs', () => checkWeb(answers, report))
  await t.test('intra-VPC traffic', () => checkEcs(answers, report))
  await t.test('inter-VPC traffic', () => checkPeering(answers, report))
  await t.test('NAT gateway traffic', () => checkNat(answers, report))
  await t.test('Express Connect traffic ratio', () => checkExpress(answers, report))
  await t.test('what the page does not ask: IPv6, paths, losses', () => checkRest(answers, report))
  await server.stop()
})

/** The rates of the page, and that the lab itself lost nothing. */
function checkSent(report: TrafficReport, seconds: number): void {
  assert.equal(report.complete, true)
  const bytes = (srcaddr: string, dstaddr: string, dstport: number): number =>
    report.flows.find(
      (flow) => flow.srcaddr === srcaddr && flow.dstaddr === dstaddr && flow.dstport === dstport,
    )!.bytes
  const rate = (bitsPerSecond: number, packetBytes: number): number =>
    Math.round((bitsPerSecond * seconds) / (8 * packetBytes)) * packetBytes
  assert.equal(bytes('10.0.0.1', '10.0.0.2', 9092), rate(1_400_000, 1400))
  assert.equal(bytes('10.0.0.1', '10.0.0.3', 873), rate(700_000, 1400))
  assert.equal(bytes('10.0.0.1', '120.26.0.1', 443), rate(12_000, 500))
  // "A traffic spike of approximately 6 Mbps", for two thirds of the time.
  assert.equal(bytes('10.0.0.1', '172.16.0.1', 873), rate(4_000_000, 1500))

  for (const { namespace, protocol, address, port, received, answers } of report.listeners) {
    if (protocol !== 'udp') continue
    const to = report.flows.filter(
      (flow) =>
        (flow.arrivesAt ?? flow.dstaddr) === address &&
        flow.dstport === port &&
        flow.protocol === 'udp',
    )
    const sum = (key: 'packets' | 'answers'): number =>
      to.reduce((total, flow) => total + flow[key], 0)
    assert.deepEqual([received, answers], [sum('packets'), sum('answers')], `${namespace}:${port}`)
  }
  for (const each of report.flows) assert.equal(each.failed, 0)
  const expected = (each: ConnectionsReport): boolean =>
    /^120\.26\.|^2001:db8:(10|20|51):/.test(each.srcaddr)
  for (const each of report.connections)
    assert.equal(each.answered, expected(each) ? each.attempts : 0, JSON.stringify(each))
}

async function windowsOver(answers: Answers, report: TrafficReport): Promise<void> {
  const enis: Readonly<Record<string, readonly string[]>> = {
    web: ['eni-web1'],
    ecs: ['eni-ecs1'],
    peering: ['eni-ecs1', 'eni-ecs2', 'eni-ecs3', 'eni-ngw1'],
    nat: ['eni-ngw1'],
    express: ['eni-app1', 'eni-app2'],
  }
  const last = Math.max(
    ...[...report.flows, ...report.connections].flatMap(({ minutes }) =>
      minutes.map(({ minute }) => minute),
    ),
  )
  for (const { logstore } of panels) await answers.window(logstore, last, enis[logstore]!)
}

const queriesOf = (name: string): readonly string[] =>
  panels.find((panel) => panel.name === name)!.queries

/**
 * "All requests from 120.26.XX.XX were allowed, while all requests from the other public IP addresses were
 * rejected."
 */
async function checkWeb(answers: Answers, { connections }: TrafficReport): Promise<void> {
  const rows = await answers.ask('web', queriesOf('web')[0]!)
  const wanted = connections
    .filter((each) => each.arrivesAt === '10.0.0.1' && each.dstport === 80)
    .map(({ srcaddr, attempts }) => {
      const allowed = srcaddr.startsWith('120.26.')
      return {
        srcaddr,
        accept_count: String(allowed ? attempts : 0),
        reject_count: String(allowed ? 0 : attempts),
      }
    })
  assert.equal(rows.length, 5, 'Five source IP addresses accessed port 80')
  const byAddress = (a: Row, b: Row): number => (a['srcaddr']! < b['srcaddr']! ? -1 : 1)
  assert.deepEqual(rows.toSorted(byAddress), wanted.toSorted(byAddress))
  const totals = rows.map((row) => Number(row['accept_count']) + Number(row['reject_count']))
  assert.deepEqual(
    totals,
    totals.toSorted((a, b) => b - a),
    'Sort the results in descending order',
  )
}

/** One flow log on ECS1's ENI: each flow of ECS1 once, and none that is not its own. */
async function checkEcs(answers: Answers, { flows }: TrafficReport): Promise<void> {
  const ofEcs1 = flows.filter(
    (flow) =>
      flow.scenario === 'ecs' && ipv4(flow) && [flow.srcaddr, flow.dstaddr].includes('10.0.0.1'),
  )
  const { there, back } = sentBy(ofEcs1)
  const rows = await answers.ask('ecs', queriesOf('ecs')[0]!)
  assert.deepEqual(answered(rows), bandwidths([...there, ...back], pair))
}

async function checkPeering(answers: Answers, report: TrafficReport): Promise<void> {
  const mine = (each: { scenario: string; srcaddr: string }): boolean =>
    each.scenario === 'peering' && ipv4(each)
  const { there, back } = sentBy(report.flows.filter(mine))
  const syns = synsOf(report.connections.filter(mine))
  const rows = await answers.ask('peering', queriesOf('peering')[0]!)
  assert.deepEqual(answered(rows), bandwidths([...there, ...back, ...syns], pair))
}

async function checkNat(answers: Answers, { flows }: TrafficReport): Promise<void> {
  const { there, back } = sentBy(flows.filter(({ scenario }) => scenario === 'nat'))
  const address = '120.26.0.1'
  const [toOne, fromOne, toAll] = queriesOf('nat').map((query) => atAddress(query, address))
  assert.deepEqual(
    answered(await answers.ask('nat', toOne!)),
    bandwidths(
      there.filter(({ destination }) => destination === address),
      ({ source }) => source,
    ),
  )
  assert.deepEqual(
    answered(await answers.ask('nat', fromOne!)),
    bandwidths(
      back.filter(({ source }) => source === address),
      ({ destination }) => destination,
    ),
  )
  assert.deepEqual(answered(await answers.ask('nat', toAll!)), bandwidths(there, pair))
}

/** "The proportion of traffic from VPC1 to the on-premises data center is higher." */
async function checkExpress(answers: Answers, { flows }: TrafficReport): Promise<void> {
  const totals = new Map<number, { vpc1: number; vpc2: number }>()
  for (const { srcaddr, minutes } of flows.filter((flow) => flow.scenario === 'express'))
    for (const { minute, firstSecond, bytes, packets } of minutes) {
      if (srcaddr.includes(':') || packets === 0) continue
      const total = totals.get(minute) ?? { vpc1: 0, vpc2: 0 }
      totals.set(minute, total)
      const rate = Math.floor((bytes * 8) / (minute + 60 - firstSecond))
      total[srcaddr.startsWith('192.168.20.') ? 'vpc1' : 'vpc2'] += rate
    }
  const wanted = [...totals]
    .toSorted(([a], [b]) => a - b)
    .map(([, { vpc1, vpc2 }]) =>
      [vpc1, vpc2].map((each) => Math.floor((each * 100) / (vpc1 + vpc2))),
    )
  const rows = await answers.ask('express', queriesOf('express')[0]!)
  assert.deepEqual(
    rows.map((row) => [Number(row['vpc1_percentage']), Number(row['vpc2_percentage'])]),
    wanted,
  )
  for (const [vpc1, vpc2] of wanted) assert.ok(vpc1! > vpc2!, `${vpc1} % is more than ${vpc2} %`)
}

async function checkRest(answers: Answers, report: TrafficReport): Promise<void> {
  const udp6 = report.flows.filter((flow) => flow.protocol === 'udp' && !ipv4(flow))
  const logstoreOf = { ecs: 'ecs', peering: 'peering', express: 'express' } as const
  for (const [scenario, logstore] of Object.entries(logstoreOf)) {
    const wanted = udp6
      .filter((flow) => flow.scenario === scenario)
      .map(({ srcaddr, dstaddr, packets, bytes }) => ({
        srcaddr,
        dstaddr,
        packets: String(packets),
        bytes: String(bytes),
      }))
    const [flow] = wanted
    const search = `srcaddr:"${flow!.srcaddr}" and dstaddr:"${flow!.dstaddr}" and protocol:17`
    const sums = 'srcaddr, dstaddr, sum(packets) AS packets, sum(bytes) AS bytes'
    assert.deepEqual(
      await answers.ask(logstore, `${search} | SELECT ${sums} GROUP BY srcaddr, dstaddr`),
      wanted,
    )
  }
  const paths = async (logstore: string): Promise<string[]> =>
    (
      await answers.ask(
        logstore,
        '* | SELECT DISTINCT traffic_path AS path WHERE "log-status" = \'OK\'',
      )
    )
      .map((row) => row['path']!)
      .toSorted()
  assert.deepEqual(await paths('web'), ['14', '15'], 'an IPv6 gateway, a public IP address')
  assert.deepEqual(await paths('ecs'), ['17', '2', '7'], 'ECS1: peering, the VPC, the NAT gateway')
  assert.deepEqual(await paths('nat'), ['7'])
  assert.deepEqual(await paths('express'), ['8'])
  const mail = report.connections.find(({ dstport }) => dstport === 25)!
  const rejected =
    'direction:out and dstport:25 | SELECT action, sum(packets) AS packets GROUP BY action'
  const syns = mail.attempts + report.synsSentAgain['web1']!
  assert.deepEqual(await answers.ask('web', rejected), [
    { action: 'REJECT', packets: String(syns) },
  ])
  for (const { logstore } of panels)
    assert.deepEqual(await answers.ask(logstore, 'log-status:SKIPDATA'), [], 'nothing was lost')
}
