/**
 * Routers export flows to a server that captures: records of the right ENI and direction, with the packets and bytes
 * that were told; what was lost on the way, or sampled, or missed while the server was away, is said.
 */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { difference, type Ledger, type Loss } from '../src/ledger/ledger.ts'
import { type Flow5, netflow5Message } from './flow-messages.ts'
import { roomInMinute } from './live-traffic.ts'
import { temporaryFolder } from './logstore-rows.ts'
import { NamespacePair, noNamespaces } from './network-namespaces.ts'
import { metricsOf, WeirProcess, WeirServer, weirSays } from './weir-process.ts'

const skip = noNamespaces()
const routers = { a: '10.99.0.1', b: '10.99.0.3' } as const

const exporterTaps = {
  a: `, tap: { exporter: ${routers.a}, ifIndex: 3 }`,
  b: `, tap: { exporter: ${routers.b}, ifIndex: 7 }`,
}

class Setup implements Disposable {
  readonly data: string
  /** Runs a program where the routers' datagrams come to. */
  readonly inside: readonly string[]
  readonly #config: string
  readonly #pair: NamespacePair

  constructor(t: TestContext, taps: { readonly a: string; readonly b: string }) {
    this.#pair = new NamespacePair({ ipv6: false })
    this.#pair.ip(this.#pair.guest, 'addr', 'add', `${routers.b}/24`, 'dev', 'eth0')
    const mac = '02:00:00:00:00:01'
    this.#pair.ip(this.#pair.host, 'neigh', 'replace', routers.b, 'lladdr', mac, 'dev', 'veth0')
    const folder = temporaryFolder(t)
    this.data = join(folder, 'data')
    this.#config = join(folder, 'weir.yaml')
    writeFileSync(
      join(folder, 'vpc.yaml'),
      `vpcs: [{ id: vpc-1, cidrs: [10.0.0.0/16] }]
vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24] }]
enis:
  - { id: eni-a, vSwitch: vsw-1, privateIps: [10.0.0.1]${taps.a} }
  - { id: eni-b, vSwitch: vsw-1, privateIps: [10.0.0.2]${taps.b} }
`,
    )
    writeFileSync(
      this.#config,
      `sample: false
topology: vpc.yaml
capture: { flowExport: { listen: 10.99.0.2, netns: ${this.#pair.host} } }
`,
    )
    this.inside = ['ip', 'netns', 'exec', this.#pair.host]
  }

  /** Resolves when the port is open. */
  start = (): Promise<WeirServer> =>
    WeirServer.start(['--config', this.#config, '--data', this.data, '--port', '0'])

  /** A server that captures nothing, where the routers' datagrams come to. */
  startWithoutCapture(): Promise<WeirServer> {
    writeFileSync(this.#config, 'sample: false\ntopology: vpc.yaml\ncapture: { enabled: false }\n')
    const args = ['--config', this.#config, '--data', this.data, '--port', '0']
    return WeirServer.start(args, { through: this.inside })
  }

  /** When it returns the kernel has given the datagrams to the port. */
  send(router: keyof typeof routers, datagrams: readonly Uint8Array[]): void {
    this.#pair.node(
      this.#pair.guest,
      `const socket = require('node:dgram').createSocket('udp4')
      const all = ${JSON.stringify(datagrams.map((each) => Buffer.from(each).toString('base64')))}
      socket.bind({ address: '${routers[router]}', port: 9999 }, async () => {
        for (const each of all)
          await new Promise((resolve, reject) => socket.send(Buffer.from(each, 'base64'), 2055,
            '10.99.0.2', (error) => (error ? reject(error) : resolve())))
        socket.close()
      })`,
    )
  }

  async query<Row>(sql: string): Promise<Row[]> {
    const asked = ['--data', this.data, '--project', 'weir', '--logstore', 'flow-log', '--json']
    return JSON.parse(await weirSays(['query', sql, ...asked])) as Row[]
  }

  async account(): Promise<{ ledgers: Ledger[]; losses: (Loss & { opening: string })[] }> {
    const said = JSON.parse(await weirSays(['check', '--data', this.data, '--json'])) as {
      ledgers: Ledger[]
      losses: (Loss & { opening: string })[]
    }
    for (const each of said.ledgers) assert.equal(difference(each), 0, each.eni)
    return said
  }

  [Symbol.dispose](): void {
    this.#pair[Symbol.dispose]()
  }
}

const now = (): number => Math.floor(Date.now() / 1000)
/** When the routers came up. */
const bootedAt = now() - 3600

/** A datagram of flows of this moment: of a window before the flow log was there, none would be kept. */
function datagram(sequence: number, flows: readonly Flow5[], sampling = 0): Uint8Array {
  const second = now()
  const uptime = (second - bootedAt) * 1000
  return netflow5Message(
    { sequence, second, uptime, sampling },
    flows.map((flow) => ({ first: uptime, last: uptime, ...flow })),
  )
}

const outside = '203.0.113.9'
const request: Flow5 = {
  source: '10.0.0.1',
  destination: outside,
  ports: [5000, 443],
  packets: 7,
  bytes: 700,
  input: 3,
  output: 9,
}
const answer: Flow5 = {
  source: outside,
  destination: '10.0.0.1',
  ports: [443, 5000],
  packets: 5,
  bytes: 4000,
  input: 9,
  output: 3,
}

const totals = `log-status:OK | SELECT "eni-id" AS eni, direction, srcaddr, dstaddr, srcport, dstport,
  sum(packets) AS packets, sum(bytes) AS bytes
  GROUP BY "eni-id", direction, srcaddr, dstaddr, srcport, dstport ORDER BY eni, srcport DESC`
const skipped = `log-status:SKIPDATA | SELECT DISTINCT "eni-id" AS eni ORDER BY eni`

suite('flows that routers export', { skip, concurrency: 3 }, () => {
  test('records of the ENIs whose taps the routers are; a gap and a sampler are said', async (t) => {
    using setup = new Setup(t, exporterTaps)
    await using server = await setup.start()
    setup.send('a', [
      datagram(0, [request, answer]),
      datagram(2, [request, { ...request, input: 1, output: 2 }]),
    ])
    // Sampling mode 1, one packet in 100.
    const sampled = { ...request, source: '10.0.0.2', packets: 3, bytes: 300, input: 7 }
    setup.send('b', [datagram(0, [sampled], (1 << 14) | 100)])
    setup.send('a', [datagram(14, [request])])
    await server.stop()
    const conversation = { srcaddr: '10.0.0.1', dstaddr: outside, srcport: '5000', dstport: '443' }
    assert.deepEqual(await setup.query(totals), [
      { eni: 'eni-a', direction: 'out', ...conversation, packets: '21', bytes: '2100' },
      {
        eni: 'eni-a',
        direction: 'in',
        srcaddr: outside,
        dstaddr: '10.0.0.1',
        srcport: '443',
        dstport: '5000',
        packets: '5',
        bytes: '4000',
      },
      {
        eni: 'eni-b',
        direction: 'out',
        ...conversation,
        srcaddr: '10.0.0.2',
        packets: '300',
        bytes: '30000',
      },
    ])
    assert.deepEqual(await setup.query(skipped), [{ eni: 'eni-a' }, { eni: 'eni-b' }])
    const { ledgers, losses } = await setup.account()
    const byEni = new Map(ledgers.map((each) => [each.eni, each]))
    assert.deepEqual(byEni.get('eni-a')?.records, { frames: 4, packets: 26, bytes: 6100 })
    assert.equal(byEni.get('eni-a')?.tap, '10.99.0.1 interface 3')
    assert.deepEqual(byEni.get('eni-b')?.records, { frames: 1, packets: 300, bytes: 30000 })
    assert.equal(byEni.get('-')?.unassigned, 1)
    assert.deepEqual(byEni.get('-')?.lost, { exporterGap: { frames: 10, bytes: 0 } })
    assert.deepEqual(
      losses.map(({ eni, reason, frames, factor }) => ({ eni, reason, frames, factor })),
      [
        { eni: '-', reason: 'exporterGap', frames: 10, factor: undefined },
        { eni: 'eni-a', reason: 'exporterGap', frames: undefined, factor: undefined },
        { eni: 'eni-b', reason: 'sampled', frames: undefined, factor: 100 },
      ].sort((x, y) => (x.eni < y.eni ? -1 : 1)),
    )
  })

  test('without an exporter among the taps, flows are assigned by address', async (t) => {
    using setup = new Setup(t, { a: '', b: '' })
    await using server = await setup.start()
    const inside = { ...request, destination: '10.0.0.2', ports: [5000, 80] as const }
    setup.send('a', [datagram(0, [inside])])
    const read = /^weir_capture_(?:open_frames|record_frames_total)\{eni="eni-a"/
    const seen = async (): Promise<boolean> =>
      [...(await metricsOf(server.url))].some(([name, value]) => read.test(name) && value > 0)
    while (!(await seen())) await sleep(100)
    await server.stop()
    const flow = { srcaddr: '10.0.0.1', dstaddr: '10.0.0.2', srcport: '5000', dstport: '80' }
    assert.deepEqual(await setup.query(totals), [
      { eni: 'eni-a', direction: 'out', ...flow, packets: '7', bytes: '700' },
      { eni: 'eni-b', direction: 'in', ...flow, packets: '7', bytes: '700' },
    ])
    assert.deepEqual(await setup.query(skipped), [])
    const { losses } = await setup.account()
    assert.deepEqual(losses, [])
  })

  test('kill -9: what was in open windows, and what came meanwhile, is lost and said', async (t) => {
    using setup = new Setup(t, exporterTaps)
    await using killed = await setup.start()
    await roomInMinute(10)
    setup.send('a', [datagram(0, [request, answer])])
    const open = 'weir_capture_open_frames{eni="eni-a",interface="10.99.0.1 interface 3"}'
    while ((await metricsOf(killed.url)).get(open) !== 2) await sleep(100)
    await killed.end('SIGKILL')
    await using server = await setup.start()
    setup.send('a', [datagram(5, [request])])
    await server.stop()
    const { ledgers, losses } = await setup.account()
    const ledger = ledgers.find(({ eni }) => eni === 'eni-a')!
    assert.deepEqual(ledger.interface.frames, 3)
    assert.deepEqual(ledger.records, { frames: 1, packets: 7, bytes: 700 })
    assert.deepEqual(ledger.lost, { restart: { frames: 2, bytes: 4700 } })
    assert.deepEqual(
      losses.map(({ eni, reason, frames }) => ({ eni, reason, frames })),
      [
        { eni: 'eni-a', reason: 'restart', frames: 2 },
        { eni: 'eni-b', reason: 'restart', frames: undefined },
      ],
    )
    const [from] = losses
    const starts = await setup.query<{ start: string }>(
      'log-status:SKIPDATA AND eni-id:eni-a | SELECT DISTINCT start ORDER BY start',
    )
    const first = from!.from - (from!.from % 60)
    assert.equal(Number(starts[0]?.start), first)
    assert.equal(Number(starts.at(-1)?.start), from!.to - 1 - ((from!.to - 1) % 60))
    assert.equal(starts.length, (Number(starts.at(-1)?.start) - first) / 60 + 1)
  })

  test('an agent receives them for its server', async (t) => {
    using setup = new Setup(t, exporterTaps)
    await using server = await setup.startWithoutCapture()
    const options = ['--name', 'edge', '--data', join(setup.data, '../agent')]
    const where = ['agent', '--server', server.url, '--flow-export', '10.99.0.2:2055']
    await using agent = new WeirProcess([...where, ...options], { through: setup.inside })
    await agent.until('stderr', /exported flows are received/)
    setup.send('a', [datagram(0, [request])])
    assert.equal((await agent.end('SIGTERM')).status, 0)
    await server.stop()
    assert.deepEqual(
      (await setup.query<{ eni: string; packets: string }>(totals)).map(({ eni, packets }) => [
        eni,
        packets,
      ]),
      [['eni-a', '7']],
    )
    const { ledgers } = await setup.account()
    assert.deepEqual(ledgers.find(({ eni }) => eni === 'eni-a')?.host, 'edge')
  })

  test('a port that another program has is said, and the server runs', async (t) => {
    const folder = temporaryFolder(t)
    const other = createSocket('udp4').bind(0, '127.0.0.1')
    t.after(() => other.close())
    await once(other, 'listening')
    const { port } = other.address()
    writeFileSync(
      join(folder, 'vpc.yaml'),
      `vpcs: [{ id: vpc-1, cidrs: [10.0.0.0/16] }]
vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.0.0.0/24] }]
enis: [{ id: eni-a, vSwitch: vsw-1, privateIps: [10.0.0.1]${exporterTaps.a} }]
`,
    )
    const config = join(folder, 'weir.yaml')
    const flowExport = `{ listen: 127.0.0.1, port: ${port} }`
    writeFileSync(
      config,
      `sample: false\ntopology: vpc.yaml\ncapture: { flowExport: ${flowExport} }\n`,
    )
    await using server = await WeirServer.start(['--config', config, '--port', '0'])
    const said = /^exported flows are not received: .*in use.*/m.exec(server.said('stdout'))
    assert.ok(said, server.said('stdout'))
    const health = await fetch(`${server.url}/healthz`)
    const { problems } = (await health.json()) as { problems: string[] }
    assert.equal(problems.length, 1)
    assert.match(problems[0]!, /^exported flows are not received: /)
    await server.stop()
  })
})
