/** `weir agent`: the capture of one host for a server elsewhere; `weir agent list`: the agents of a server. */
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkInterfaces } from '../agent/agent.ts'
import { type AgentServer, agentsOfServer, putAgentRecords } from '../api/client.ts'
import type { AgentReport } from '../api/contract.ts'
import { WeirError } from '../base/errors.ts'
import { createLog, type Log } from '../base/log.ts'
import { unixSeconds } from '../base/time.ts'
import { Links, mayCapture } from '../sources/sources.ts'
import { parseTopology, type Topology } from '../vpc/vpc.ts'
import { AgentLink, type Orders } from './agent-link.ts'
import { exitStatus } from './exit-status.ts'
import { describeLost, type HostCapture, openHostCapture } from './host-capture.ts'
import { plainTable } from './plain-table.ts'
import { cpuBudgetOfText, flowExportOfText } from './start-config.ts'
import { writeStandardOutput } from './standard-output.ts'
import { readTopologyFile, TopologyFile } from './topology-file.ts'
import { untilSignal } from './until-signal.ts'

/** Who ordered waits no longer (flow-log-taken.ts). */
const openMilliseconds = 5000
const mebibyte = 1 << 20

export interface AgentOptions {
  readonly server: string
  readonly name?: string
  readonly topology?: string
  readonly interface?: readonly string[]
  readonly data: string
  readonly method: string
  readonly ringMebibytes: string
  readonly spoolMebibytes: string
  readonly cpuBudget?: string
  readonly flowExport?: string
}

/** Runs until it is told to stop by SIGTERM or SIGINT. @returns the exit status */
export async function agent(options: AgentOptions, version: string): Promise<number> {
  const server = serverOf(options)
  const loaded =
    options.topology === undefined ? undefined : await readTopologyFile(options.topology)
  if (loaded === undefined) checkInterfaces(options.interface)
  const flowExport =
    options.flowExport === undefined ? undefined : flowExportOfText(options.flowExport)
  const allowed = mayCapture()
  if (allowed !== true && flowExport === undefined)
    throw new WeirError('CaptureNotPermitted', allowed)
  const stopped = untilSignal()
  const log = createLog()
  mkdirSync(options.data, { recursive: true })
  const capture = await openHostCapture(
    async ({ project, logstore, id, batch }, signal) => {
      await putAgentRecords(server, { project, logstore, id }, batch, signal)
    },
    {
      dataDir: options.data,
      spoolBytesMax: wholeOf('--spool-mebibytes', options.spoolMebibytes) * mebibyte,
      agent: {
        name: server.name,
        interfaces: options.interface,
        method: methodOf(options.method),
        ringBytes: wholeOf('--ring-mebibytes', options.ringMebibytes) * mebibyte,
        cpuBudget: options.cpuBudget === undefined ? undefined : cpuBudgetOfText(options.cpuBudget),
        ...(flowExport === undefined ? {} : { flowExport }),
      },
      log,
      onLost: (lost, error) => log.error('records were lost', { what: describeLost(lost, error) }),
    },
  )
  const orders = new OwnOrders(capture, loaded?.topology, server.name)
  const file = loaded && watched(options.topology!, loaded.text, orders, log)
  const report = reporter(capture, options, version, () => file?.problem())
  const take = async (given: Orders): Promise<void> => {
    await orders.take(given)
    const opening = sleep(openMilliseconds, undefined, { ref: false })
    await Promise.race([capture.agent.opened(), opening])
  }
  const link = new AgentLink(server, { dataDir: options.data, log, report, take })
  try {
    await link.takeKept()
    await link.start()
    await capture.agent.opened()
    process.stdout.write(banner(options, server, capture, link.problem))
    log.info('stopping: windows are closed', { signal: await stopped })
  } finally {
    await file?.stop()
    await capture.stop()
    await link.stop()
  }
  return exitStatus.ok
}

/** What the server orders, with the topology that is this agent's own or the server's. */
class OwnOrders {
  readonly #capture: HostCapture
  readonly #name: string
  #own: Topology | undefined
  #orders: Orders = { flowLogs: [], topology: null }
  #given: Topology | undefined

  constructor(capture: HostCapture, own: Topology | undefined, name: string) {
    this.#capture = capture
    this.#own = own
    this.#name = name
  }

  async take(orders: Orders): Promise<void> {
    const { topology } = orders
    const load =
      topology === null ? {} : { version: topology.version, loadedAt: unixSeconds(topology.since) }
    this.#given =
      topology === null ? undefined : await parseTopology(topology.text, topology.file, load)
    this.#orders = orders
    this.#pass()
  }

  setOwn(topology: Topology): void {
    this.#own = topology
    this.#pass()
  }

  #pass(): void {
    const own = this.#own === undefined ? undefined : withTapsOf(this.#own, this.#name)
    this.#capture.agent.order({
      flowLogs: this.#orders.flowLogs,
      topology: own ?? this.#given,
    })
  }
}

/** In a file of its own, an agent's taps need not say whose they are. */
function withTapsOf(topology: Topology, name: string): Topology {
  const enis = topology.enis.map((eni) =>
    eni.tap?.interface === undefined || eni.tap.agent !== undefined
      ? eni
      : { ...eni, tap: { ...eni.tap, agent: name } },
  )
  const byId = { ...topology.byId, enis: new Map(enis.map((eni) => [eni.id, eni])) }
  return { ...topology, enis, byId }
}

function watched(path: string, text: string, orders: OwnOrders, log: Log): TopologyFile {
  const file = new TopologyFile(path, text, (topology) => orders.setOwn(topology), log)
  file.start()
  return file
}

function serverOf({ server, name }: AgentOptions): AgentServer {
  const own = name ?? hostname()
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(own))
    throw new WeirError('Usage', `${JSON.stringify(own)} is no name of an agent`, {
      hint: 'Give it one with --name: letters, digits, dots and dashes, at most 63',
    })
  return { url: server, name: own }
}

function methodOf(method: string): 'ring' | 'tcx' {
  if (method === 'ring' || method === 'tcx') return method
  throw new WeirError('Usage', `--method is ${method}, not ring or tcx`)
}

function wholeOf(option: string, text: string): number {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : 0
  if (value > 0) return value
  throw new WeirError('Usage', `${option} is ${text}, not a whole number from 1 on`)
}

function reporter(
  capture: HostCapture,
  options: AgentOptions,
  version: string,
  fileProblem: () => string | undefined,
): () => Omit<AgentReport, 'revision'> {
  const run = randomUUID()
  let cpu = process.cpuUsage()
  let at = performance.now()
  return () => {
    const used = process.cpuUsage(cpu)
    const seconds = (performance.now() - at) / 1000
    cpu = process.cpuUsage()
    at = performance.now()
    const { entries, bytes, oldest, full } = capture.spool.stats()
    const problem = fileProblem()
    return {
      run,
      version,
      hostname: hostname(),
      interfaces: interfacesHere(),
      taps: capture.agent.taps().map(({ reason, ...tap }) => ({
        ...tap,
        ...(reason === undefined ? {} : { reason }),
      })),
      accounts: capture.agent.reports(),
      spool: { windows: entries, bytes, full, ...(oldest === undefined ? {} : { oldest }) },
      cpu: (used.user + used.system) / 1e6 / Math.max(seconds, 1e-3),
      ...(options.cpuBudget === undefined ? {} : { cpuBudget: cpuBudgetOfText(options.cpuBudget) }),
      problems: [...capture.problems(), ...(problem === undefined ? [] : [problem])],
    }
  }
}

function interfacesHere(): AgentReport['interfaces'] {
  const links = Links.open()
  try {
    const addresses = links.addresses()
    return links
      .list()
      .filter(({ loopback }) => !loopback)
      .map(({ name, index }) => ({
        name,
        addresses: addresses.filter((each) => each.index === index).map(({ address }) => address),
      }))
  } finally {
    links.close()
  }
}

function banner(
  { data }: AgentOptions,
  { url, name }: AgentServer,
  capture: HostCapture,
  problem: string | undefined,
): string {
  const taps = capture.agent.taps()
  const captured = taps.filter(({ state }) => state === 'capturing').map(({ tap }) => tap)
  const others = taps
    .filter(({ state }) => state !== 'capturing')
    .map(
      ({ tap, state, reason }) =>
        `  ${tap}: ${state}${reason === undefined ? '' : `, ${reason}`}\n`,
    )
  const live =
    captured.length === 0 ? 'No interface is captured yet.' : `Captured: ${captured.join(', ')}.`
  const reached = problem === undefined ? '' : `The server cannot be told: ${problem}\n`
  return `
Agent ${name} of ${url}, spool in ${data}.
${live}
${others.join('')}${reached}
weir agent list --server ${url}, on the server's machine, shows it there. Stop: Ctrl-C
`
}

export interface AgentListOptions {
  readonly server: string
  readonly json?: boolean
}

/** @returns the exit status */
export async function listAgents({ server, json }: AgentListOptions): Promise<number> {
  const agents = await agentsOfServer(server)
  if (json === true) {
    writeStandardOutput(`${JSON.stringify(agents, undefined, 2)}\n`)
    return exitStatus.ok
  }
  if (agents.length === 0) {
    process.stderr.write(
      `No agent has come to ${server}. Start one on another host: weir agent --server URL\n`,
    )
    return exitStatus.ok
  }
  const now = Date.now() / 1000
  const head = [
    'agent',
    'host',
    'address',
    'seen',
    'captured',
    'spooled windows',
    'CPU',
    'problems',
  ]
  const rows = agents.map((each) => [
    each.name,
    each.hostname,
    each.address,
    `${Math.max(0, Math.round(now - each.lastSeen))} s ago`,
    `${each.taps.filter(({ state }) => state === 'capturing').length} of ${each.taps.length}`,
    `${each.spool.windows}${each.spool.full ? ' (full)' : ''}`,
    `${(each.cpu * 100).toFixed(1)} %`,
    each.problems.join('; '),
  ])
  writeStandardOutput(await plainTable(head, rows))
  for (const { name, taps } of agents)
    for (const { tap, eni, state, reason } of taps)
      if (state !== 'capturing')
        process.stderr.write(
          `${name}: ${tap} (${eni.eniId}) ${state}${reason ? `: ${reason}` : ''}\n`,
        )
  return exitStatus.ok
}
