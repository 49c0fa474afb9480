/** `weir replay --into`: records reach a running server, each once, whatever happens on the way. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { ethernet, etherType, ipv4, PcapWriter, udp } from '../src/packet/packet.ts'
import { temporaryFolder } from './logstore-rows.ts'
import { sideBySide } from './side-by-side.ts'
import {
  metricsOf,
  rowsByLogstore,
  weir,
  WeirProcess,
  WeirServer,
  weirSays,
} from './weir-process.ts'

const test = sideBySide()

/** A full minute some time ago, but not so long that its records would have expired. */
const begin = Math.floor(Date.now() / 60_000) * 60 - 7200
const mac = (last: number) => Uint8Array.of(2, 0, 0, 0, 0, last)
const frame = ethernet(
  { source: mac(1), destination: mac(2) },
  etherType.ipv4,
  ipv4(
    { source: '10.0.0.0', destination: '192.0.2.1' },
    udp({ sourcePort: 5000, destinationPort: 53, payload: new Uint8Array(12) }),
  ),
)
const bytesEach = 40

/** A packet of each of `count` flows, told apart by their source address, in a second of a minute. */
function putFlows(writer: PcapWriter, first: number, count: number, minute: number): void {
  for (let i = 0; i < count; i++) {
    const packet = frame.slice()
    new DataView(packet.buffer).setUint32(26, 0x0a000000 + first + i)
    writer.packet(begin + 60 * minute, i, packet)
  }
}

const pcap = (): PcapWriter => new PcapWriter({ linkType: 1, nanoseconds: true })
const bytesOf = (chunks: Iterable<Uint8Array>): Buffer => Buffer.concat([...chunks])

function file(t: TestContext, chunks: Iterable<Uint8Array>): string {
  const path = join(temporaryFolder(t), 'capture.pcap')
  writeFileSync(path, bytesOf(chunks))
  return path
}

function serverArgs(t: TestContext): string[] {
  const folder = temporaryFolder(t)
  const config = join(folder, 'weir.yaml')
  writeFileSync(config, 'sample: false\ncapture: { enabled: false }\n')
  return ['--config', config, '--data', join(folder, 'data')]
}

const into = (url: string, ...files: string[]) => [
  'replay',
  '--window',
  '60',
  '--into',
  'weir/flow-log',
  '--server',
  url,
  ...files,
]

const ask = (url: string, ...query: string[]) =>
  weirSays(['query', '--server', url, '--project', 'weir', '--logstore', 'flow-log', ...query])

/** Records, different sources, packets and bytes of the records that are OK. */
async function totals(url: string): Promise<Record<string, string>[]> {
  const sums =
    'count(*) AS records, count(DISTINCT srcaddr) AS sources, sum(packets) AS packets, sum(bytes) AS bytes'
  return JSON.parse(await ask(url, '--json', `log-status:OK | SELECT ${sums}`)) as Record<
    string,
    string
  >[]
}

const totalsOf = (count: number) => [
  { records: `${count}`, sources: `${count}`, packets: `${count}`, bytes: `${count * bytesEach}` },
]

test('what replay prints is what it puts, record for record; again is another run', async (t) => {
  const writer = pcap()
  putFlows(writer, 0, 40, 0)
  putFlows(writer, 20, 40, 3)
  const path = file(t, writer.finish())
  const printed = (await weirSays(['replay', '--window', '60', path])).trimEnd().split('\n')
  assert.equal(printed.length, 82, '80 flows and two silent minutes')
  await using server = await WeirServer.start([...serverArgs(t), '--port', '0'])
  for (const times of [1, 2]) {
    const put = await weir(into(server.url, path))
    assert.deepEqual([put.status, put.stdout, put.stderr], [0, '', ''])
    const stored = (await ask(server.url, '--format', 'ndjson', '--line', '1000', '*'))
      .trimEnd()
      .split('\n')
    const fields = stored.map((line) => {
      const { __time__, __receive_time__, __topic__, __source__, ...rest } = JSON.parse(
        line,
      ) as Record<string, string>
      assert.deepEqual([__time__, __topic__], [rest['start'], 'flow_log'])
      return JSON.stringify(rest)
    })
    // "replaying a file again is another run"
    const wanted = Array.from({ length: times }, () => printed).flat()
    assert.deepEqual(fields.sort(), wanted.sort())
  }
  await server.stop()
})

test('a damaged file: what came before the damage is stored, and the status is 3', async (t) => {
  const writer = pcap()
  putFlows(writer, 0, 5, 0)
  const whole = bytesOf(writer.finish())
  const path = file(t, [whole.subarray(0, -3)])
  await using server = await WeirServer.start([...serverArgs(t), '--port', '0'])
  const { status, stderr } = await weir(into(server.url, path))
  assert.equal(status, 3)
  assert.match(
    stderr,
    /^weir replay: \S+ is damaged at byte \d+: .*The 4 frames before it are in the records\.\n$/,
  )
  assert.deepEqual(await totals(server.url), totalsOf(4))
  await server.stop()
})

/** Passes everything on to a server, but cuts the connection in place of `cuts` answers after the first `good`. */
async function cutter(url: string, good: number, cuts: number) {
  let answers = 0
  const proxy = createServer((client) => {
    const upstream = connect(Number(new URL(url).port), '127.0.0.1')
    client.pipe(upstream)
    upstream.on('data', (chunk: Buffer) => {
      answers++
      if (answers > good && answers <= good + cuts) client.destroy()
      else client.write(chunk)
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port } = proxy.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => void proxy.close() }
}

const long = process.env['WEIR_LONG'] === '1'

// The second waits longer between its tries, as for a server that takes its time to start.
for (const [good, cuts] of long
  ? ([
      [0, 2],
      [1, 6],
    ] as const)
  : ([[0, 2]] as const))
  test(`${cuts} answers that are lost after ${good}: batches are sent again and stored once`, async (t) => {
    const count = 50_000
    const writer = pcap()
    putFlows(writer, 0, count, 0)
    const path = file(t, writer.finish())
    const args = serverArgs(t)
    await using server = await WeirServer.start([...args, '--port', '0'])
    // No answer is about where the key is.
    const key = join(args[args.indexOf('--data') + 1]!, 'access-key.json')
    const proxy = await cutter(server.url, good, cuts)
    try {
      const { status, stderr } = await weir(into(proxy.url, path), {
        through: ['env', `WEIR_KEY_FILE=${key}`],
      })
      assert.deepEqual([status, stderr], [0, ''])
    } finally {
      proxy.close()
    }
    assert.deepEqual(await totals(server.url), totalsOf(count))
    const metrics = await metricsOf(server.url)
    assert.equal(metrics.get('weir_logstore_duplicate_batches_total'), cuts)
    assert.ok(
      metrics.get('weir_logstore_batches_total')! >= 3,
      'several batches went over the wire',
    )
    await server.stop()
  })

for (const signal of ['SIGTERM', 'SIGKILL'] as const)
  test(`a server that ends by ${signal} and starts again in the middle`, async (t) => {
    const args = serverArgs(t)
    const half = 30_000
    const writer = pcap()
    putFlows(writer, 0, half, 0)
    // A packet of the third minute closes the first: more than a batch is under way.
    putFlows(writer, half, 1, 2)
    putFlows(writer, half + 1, half, 4)
    const bytes = bytesOf(writer.finish())
    const middle = 24 + (half + 1) * (16 + frame.length)

    await using first = await WeirServer.start([...args, '--port', '0'])
    const port = new URL(first.url).port
    await using replay = new WeirProcess(into(first.url, '-'))
    replay.child.stdin.write(bytes.subarray(0, middle))
    const acknowledged = async () => (await rowsByLogstore(first.url))['weir']!['flow-log']!
    while ((await acknowledged()) === 0) {
      assert.equal(replay.child.exitCode, null, replay.said('stderr'))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await first.end(signal)

    replay.child.stdin.end(bytes.subarray(middle))
    await using second = await WeirServer.start([...args, '--port', port])
    const { status, stderr } = await replay.ended
    assert.deepEqual([status, stderr], [0, ''])
    assert.deepEqual(await totals(second.url), totalsOf(2 * half + 1))
    await second.stop()
  })

test('no such logstore, no such project, no server, and a target that is none', async (t) => {
  const writer = pcap()
  putFlows(writer, 0, 3, 0)
  const path = file(t, writer.finish())
  const fails = async (target: string, server: string, wanted: number, said: string) => {
    const { status, stdout, stderr } = await weir([
      'replay',
      '--into',
      target,
      '--server',
      server,
      path,
    ])
    assert.deepEqual(
      { status, stdout, stderr },
      { status: wanted, stdout: '', stderr: `weir: ${said}\n` },
    )
  }
  let url: string
  {
    await using server = await WeirServer.start([...serverArgs(t), '--port', '0'])
    url = server.url
    await fails(
      'weir/flow-logs',
      url,
      2,
      'LogStoreNotExist: there is no logstore flow-logs in project weir. --create makes it',
    )
    await fails(
      'mine/flow-log',
      url,
      2,
      'ProjectNotExist: there is no project mine. --create makes it',
    )
    await server.stop()
  }
  const { host } = new URL(url)
  const reason = `no answer from ${url}: connect ECONNREFUSED ${host}`
  await fails(
    'weir/flow-log',
    url,
    6,
    `ServerUnreachable: ${reason}. Is it running? Start one with: weir start`,
  )
  for (const target of ['weir', 'weir/', '/flow-log', 'weir/flow-log/x', ''])
    await fails(
      target,
      url,
      2,
      `Usage: --into is ${JSON.stringify(target)}, not PROJECT/LOGSTORE. Such as --into weir/flow-log`,
    )
})
