/**
 * How soon after a flow log is created its packets are captured, on the server's host and on a connected agent.
 * A sender in a namespace of the bench's own sends a datagram each 5 ms, each to the next port, and keeps when; the least
 * port in the records says when capture began. Server and agent are real processes that speak HTTP, new in each run; the
 * flow log comes at a random moment of the second in which the agent asks for its orders once.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { NamespacePair, noNamespaces } from '../test/network-namespaces.ts'
import { WeirProcess, WeirServer, weirSays } from '../test/weir-process.ts'
import { agentsOfServer, createFlowLog, switchFlowLog } from '../src/api/client.ts'
import { machine, median, table } from './run/report.ts'

const folder = join(import.meta.dirname, '../.bench/orders')
const usage = `npm run bench orders -- [options]      as root

  --runs N           runs of each kind (10)
  --help             this`
const kinds = ['this host', 'connected agent'] as const
type Kind = (typeof kinds)[number]

const firstPort = 10_000
/** After the answer, so that capture is seen also where it begins late. */
const restMilliseconds = 500

/** Milliseconds from the request on; undefined: no packet was captured. */
interface Run {
  readonly answered: number
  readonly captured: number | undefined
}

class NumberedSender {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #said: Promise<string>

  constructor(namespace: string) {
    const script = `
      const socket = require('node:dgram').createSocket('udp4')
      const times = []
      socket.bind(6000, () => {
        const timer = setInterval(() => {
          socket.send('x', ${firstPort} + times.push(Date.now()) - 1, '10.99.0.9')
        }, 5)
        process.stdin.once('data', () => {
          clearInterval(timer)
          socket.close(() => { console.log(JSON.stringify(times)); process.exit() })
        })
      })`
    const program = ['netns', 'exec', namespace, process.execPath, '-e', script]
    this.#child = spawn('ip', program, {
      stdio: ['pipe', 'pipe', 'inherit'],
      timeout: 120_000,
      killSignal: 'SIGKILL',
    })
    this.#said = text(this.#child.stdout)
  }

  /** When each was sent, Unix milliseconds. */
  async stop(): Promise<number[]> {
    const closed = once(this.#child, 'close')
    this.#child.stdin.end('stop')
    await closed
    return JSON.parse(await this.#said) as number[]
  }
}

const target = { project: 'weir', logstore: 'flow-log', windowSeconds: 60 } as const

async function run(kind: Kind, pair: NamespacePair): Promise<Run> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const agent = kind === 'this host' ? '' : ', agent: a'
  const tap = `{ interface: eth0, netns: ${pair.guest}${agent} }`
  writeFileSync(
    join(folder, 'vpc.yaml'),
    `vpcs: [{ id: vpc-1, cidrs: [10.99.0.0/16] }]
vSwitches: [{ id: vsw-1, vpc: vpc-1, cidrs: [10.99.0.0/24] }]
enis: [{ id: eni-1, vSwitch: vsw-1, privateIps: [10.99.0.1], tap: ${tap} }]
`,
  )
  const config = join(folder, 'weir.yaml')
  const data = join(folder, 'data')
  const captures = (enabled: boolean): string =>
    `sample: false\ntopology: vpc.yaml\ncapture: { enabled: ${enabled} }\n`
  const args = ['--config', config, '--data', data, '--port', '0']
  // One that is stopped: none is made by itself then.
  writeFileSync(config, captures(false))
  {
    await using server = await WeirServer.start(args)
    const { id } = await createFlowLog(server.url, {
      ...target,
      resourceType: 'VPC',
      resourceId: 'vpc-1',
    })
    await switchFlowLog(server.url, id, 'stop')
    await server.stop()
  }
  writeFileSync(config, captures(kind === 'this host'))
  await using server = await WeirServer.start(args)
  await using capturing =
    kind === 'this host' ? undefined : await startAgent(server.url, join(folder, 'agent'))
  const sender = new NumberedSender(pair.guest)
  await sleep(1000 + Math.random() * 1000)
  const asked = Date.now()
  const eni = { resourceType: 'NetworkInterface', resourceId: 'eni-1' } as const
  await createFlowLog(server.url, { ...target, ...eni })
  const answered = Date.now() - asked
  await sleep(restMilliseconds)
  const times = await sender.stop()
  await capturing?.end('SIGTERM')
  await server.stop()
  const least = `dstaddr: 10.99.0.9 | SELECT min(dstport) AS port FROM log`
  const where = ['--data', data, '--project', 'weir', '--logstore', 'flow-log', '--json']
  const [row] = JSON.parse(await weirSays(['query', ...where, least])) as [{ port: string | null }]
  const port = row.port === null ? undefined : Number(row.port)
  const at = port === undefined ? undefined : times[port - firstPort]
  return { answered, captured: at === undefined ? undefined : at - asked }
}

async function startAgent(url: string, data: string): Promise<WeirProcess> {
  const agent = new WeirProcess(['agent', '--server', url, '--name', 'a', '--data', data])
  while ((await agentsOfServer(url)).length === 0) await sleep(20)
  return agent
}

async function main(runs: number): Promise<void> {
  using pair = new NamespacePair({ ipv6: false })
  const rows: string[][] = []
  for (const kind of kinds) {
    const made: Run[] = []
    for (let i = 0; i < runs; i++) made.push(await run(kind, pair))
    const answered = made.map((each) => each.answered)
    const captured = made.map((each) => each.captured ?? Number.POSITIVE_INFINITY)
    rows.push([
      kind,
      ...[answered, captured].flatMap((each) => [
        median(each).toFixed(0),
        Math.max(...each).toFixed(0),
      ]),
    ])
  }
  process.stdout.write(`${machine()}\n\n${runs} runs of each; Infinity: no packet was captured\n\n`)
  const head = ['captured by', 'answer, ms', 'at most', 'first packet, ms', 'at most']
  process.stdout.write(`${table(head, rows)}\n`)
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    help: { type: 'boolean', default: false },
  },
})
const none = noNamespaces()
if (values.help) process.stdout.write(`${usage}\n`)
else if (none !== false) {
  process.stderr.write(`${none}\n`)
  process.exitCode = 1
} else
  try {
    await main(Number(values.runs))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
