/**
 * `weir start`: everything in one process, wired by hand in the order that traffic and questions pass:
 * log store, sample project, delivery, capture, queries, HTTP.
 */
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  type CaptureAgent,
  checkInterfaces,
  exportPlaces,
  tapsOfHost,
  tapsOfTopology,
} from '../agent/agent.ts'
import { type ApiThings, createApi, type RecordStore } from '../api/api.ts'
import { WeirError } from '../base/errors.ts'
import { createLog, type Log } from '../base/log.ts'
import { replaceFile } from '../base/replace-file.ts'
import { unixSeconds } from '../base/time.ts'
import { attachmentsOf } from '../flow-log/flow-log.ts'
import { type LogStore, openLogStore } from '../logstore/logstore.ts'
import { defaultQueryConfig, fewerRights, QueryEngine } from '../query/query.ts'
import type { EniIdentity } from '../record/batch.ts'
import { mayCapture } from '../sources/sources.ts'
import { hostVpcId, type Topology } from '../vpc/vpc.ts'
import { Agents } from './agent-keeper.ts'
import { CaptureOrders } from './capture-orders.ts'
import { banner } from './start-banner.ts'
import { exitStatus } from './exit-status.ts'
import { explainKept } from './explain-kept.ts'
import { addSample, fillSampleOnce, removeSample, sampleNetwork } from './fill-sample.ts'
import { flowLogKeeper, type KnownResources, knownResources } from './flow-log-keeper.ts'
import { makeFirstFlowLogs, ownLogstore, ownProject } from './first-flow-logs.ts'
import { createFlowLogstore } from './flow-logstore.ts'
import { describeLost, type HostCapture, openHostCapture } from './host-capture.ts'
import { keepLedger, ledgerReader } from './keep-ledger.ts'
import { createMetrics } from './metrics.ts'
import { serverFile } from './running-server.ts'
import { readStartConfig, type StartConfig, type StartOptions } from './start-config.ts'
import { openCloud } from './open-cloud.ts'
import { openFlowLogService, orSample, placesOf } from './flow-log-service.ts'
import { ordersTaken } from './flow-log-taken.ts'
import { openAnalyzers, type ServerAnalyzers } from './open-analyzers.ts'
import { sparingRollups } from './rollup-projects.ts'
import { type BillingParts, openBilling, pricesOf, type ServerBilling } from './open-billing.ts'
import { openLogService } from './open-log-service.ts'
import { type Access, openAccess } from './open-access.ts'
import { openState, type State } from './state.ts'
import { storeSink } from './store-sink.ts'
import { serverTls, sniCallback } from './tls-files.ts'
import { untilSignal } from './until-signal.ts'
import { keepVersion, readTopologyFile, TopologyFile } from './topology-file.ts'

const mebibyte = 1 << 20
/** Agents that were away for less are told which flow logs have ended. */
const endedDaysKept = 7

/** Runs until it is told to stop by SIGTERM or SIGINT. @returns the exit status */
export async function start(options: StartOptions): Promise<number> {
  const config = readStartConfig(options)
  const loaded = config.topology === undefined ? undefined : await readTopologyFile(config.topology)
  pricesOf(config)
  if (options.check === true) {
    process.stdout.write('The configuration is good.\n')
    return exitStatus.ok
  }
  if (loaded === undefined) checkInterfaces(config.capture.interfaces)
  if (loaded === undefined && receives(config))
    throw new WeirError('ConfigInvalid', 'capture.flowExport needs a topology', {
      hint: 'It says whose flows they are: topology: vpc.yaml',
    })
  const stopped = untilSignal()
  const log = createLog()
  const store = await openLogStore(
    config.data,
    { reserveBytes: config.logstore.reserveMebibytes * mebibyte },
    { log },
  )
  const access = openAccess(config.data, config.masterKeyFile ?? join(config.data, 'master.key'))
  const state = openState(config.data)
  state.flowLogs.forget(unixSeconds(Date.now() / 1000 - endedDaysKept * 86_400))
  let capture: HostCapture | undefined
  let file: TopologyFile | undefined
  let book: { stop(): void } | undefined
  let taken: Taken | undefined
  try {
    const orders = new CaptureOrders(state.flowLogs, loaded && kept(state, loaded))
    if (loaded !== undefined) file = watched(config.topology!, loaded.text, state, orders, log)
    prepareOwnProject(store, config)
    if (config.sample) await fillSampleOnce(store, state, log)
    const agents = new Agents(state.database, {
      orders,
      ledger: state.ledger,
      log,
      onEnis: (enis) => makeFirstFlowLogs(vpcsOf(enis), state),
    })
    const topology = (): Topology | undefined => orders.topology?.topology
    taken = await openRecords(config, { store, state, topology, log })
    capture = await captureHost(config, taken.records, log)
    book = keepLedger(state.ledger, capture.agent)
    const allowed = config.capture.enabled ? mayCapture() : 'capture.enabled is false'
    if (allowed === true || (receives(config) && loaded !== undefined))
      await order(capture.agent, orders, config, state)
    await serve(
      config,
      { store, state, access, ...taken, orders, agents, file, capture, allowed, log },
      stopped,
    )
  } finally {
    await file?.stop()
    try {
      await capture?.stop()
      book?.stop()
    } finally {
      await taken?.billing.stop()
      await store.close()
      state.close()
      access.close()
    }
  }
  return exitStatus.ok
}

/** What takes the records of flow logs, in this process and from agents: they are counted, and folded. */
interface Taken {
  readonly records: RecordStore
  readonly billing: ServerBilling
  readonly analyzers: ServerAnalyzers
}

async function openRecords(
  config: StartConfig,
  parts: Pick<BillingParts, 'store' | 'state' | 'topology' | 'log'>,
): Promise<Taken> {
  const attachments = attachmentsOf(parts.state.flowLogs)
  const { analyzerOf } = attachments
  const analyzers = await openAnalyzers(config.api.region, attachments, parts)
  const { hasFolded } = analyzers
  const billing = openBilling(config, { ...parts, analyzerOf, hasFolded })
  return { records: analyzers.records(billing), billing, analyzers }
}

interface Parts extends Taken {
  readonly store: LogStore
  readonly state: State
  readonly access: Access
  readonly orders: CaptureOrders
  readonly agents: Agents
  readonly file: TopologyFile | undefined
  readonly capture: HostCapture
  readonly allowed: true | string
  readonly log: Log
}

/** Kept as a version, so that records can be explained with the rules that were in force. */
const kept = (state: State, { topology, text }: { topology: Topology; text: string }) => ({
  topology: keepVersion(state.topologyVersions, topology, text, Date.now() / 1000),
  text,
})

function watched(
  path: string,
  text: string,
  state: State,
  orders: CaptureOrders,
  log: Log,
): TopologyFile {
  const take = (topology: Topology, newText: string): void => {
    orders.setTopology(kept(state, { topology, text: newText }))
    const { version } = orders.topology!.topology
    log.info('a new version of the topology is in force', { version, file: path })
  }
  const file = new TopologyFile(path, text, take, log)
  file.start()
  return file
}

/** Answers requests until told to stop. */
async function serve(config: StartConfig, parts: Parts, stopped: Promise<string>): Promise<void> {
  const { store, state, billing, orders, agents, capture, log } = parts
  const access = sparingRollups(parts.access)
  const tls = config.tls === undefined ? undefined : await serverTls(config.tls, config.data)
  const { queries, problems } = openQueries(config, store)
  queries.warm()
  const service = openLogService(config, { store, engine: queries, access, billing, log })
  const interfaces = (): EniIdentity[] => [...enisOf(config, orders), ...agents.enis()]
  const topology = (): Topology | undefined => orders.topology?.topology
  const sample = config.sample ? await sampleNetwork(state) : undefined
  const network = { ...config.api, topology, sample, interfaces }
  const known = (): KnownResources => knownResources(topology() ?? sample, interfaces())
  const analyzers = parts.analyzers.keeper((...asked) => queries.run(...asked))
  const flowLogs = openFlowLogService({
    flowLogs: state.flowLogs,
    store,
    known,
    placeOf: placesOf(orSample(topology, sample), config.api),
    prerequisitesDone: config.flowLogs.activated,
    waitsFor: () => capture.delivery.waitsFor,
    checkAnalyzer: (id, windowSeconds) => analyzers.checkWindow(id, windowSeconds),
    checkPaid: (account) => billing.checkPaid(account),
    taken: ordersTaken({ host: () => capture.agent.opened(), behind: () => agents.behind() }, log),
  })
  const things: ApiThings = {
    logService: service.things,
    cloud: openCloud({ access, network, flowLogs, analyzers }),
    query: queries,
    access,
    dataDir: resolve(config.data),
    store: parts.records,
    billing: billing.keeper(queries),
    analyzers,
    sample: { add: () => addSample(store, state, log), remove: () => removeSample(store, state) },
    flowLogs: flowLogKeeper(flowLogs, store, config.logstore.ttlDays),
    ledger: ledgerReader(state.ledger, capture.agent),
    agents,
    explain: (request) => explainKept(state.topologyVersions, request),
    topology: state.topologyVersions,
    problems: () => [...problems, ...service.problems(), ...problemsOf(parts)],
    log,
    metrics: createMetrics(store, capture, billing),
  }
  const api = createApi(things, tls && { ...tls, SNICallback: sniCallback(tls) })
  const whereFile = join(config.data, serverFile)
  try {
    // Everywhere is no address to ask at: this machine's own is.
    const url = (await api.listen(config.listen, config.port)).replace('//[::]:', '//[::1]:')
    replaceFile(whereFile, JSON.stringify({ url, pid: process.pid }), 0o600)
    service.start()
    billing.start()
    process.stdout.write(await banner(url, config, { ...parts, tls }))
    const signal = await stopped
    log.info('stopping: windows are closed and the log is synced', { signal })
  } finally {
    rmSync(whereFile, { force: true })
    await api.close()
    flowLogs.close()
    await service.stop()
    await queries.close()
  }
}

const problemsOf = ({ capture, agents, store, billing, access, file }: Parts): string[] => [
  ...capture.problems(),
  ...agents.problems(),
  ...storeProblems(store),
  ...billing.problems(),
  ...access.problems(),
  ...(file?.problem() === undefined ? [] : [file.problem()!]),
]

/** As nobody, where that can be; the problem is why not. */
function openQueries(config: StartConfig, store: LogStore) {
  const { rights, problem } = fewerRights(config.data)
  const { zone, workers, seconds, memoryMebibytes } = config.query
  const queries = new QueryEngine(
    {
      ...defaultQueryConfig,
      rights,
      zone,
      enrichment: config.enrichment,
      linkFolder: join(config.data, 'query'),
      workers,
      timeMaxMilliseconds: seconds * 1000,
      memoryBytesMax: memoryMebibytes * mebibyte,
    },
    store,
  )
  return { queries, problems: problem === undefined ? [] : [problem] }
}

const storeProblems = (store: LogStore): string[] => {
  const { damages } = store.stats()
  return damages > 0 ? [`${damages} places of the data directory are damaged`] : []
}

function prepareOwnProject(store: LogStore, config: StartConfig): void {
  if (!store.projects().some(({ name }) => name === ownProject))
    store.createProject(ownProject, { description: 'Flow logs of this host' })
  if (!store.logstores(ownProject).some(({ name }) => name === ownLogstore))
    createFlowLogstore(store, ownProject, ownLogstore, config.logstore.ttlDays)
}

function captureHost(
  config: StartConfig,
  store: Pick<LogStore, 'append'>,
  log: Log,
): Promise<HostCapture> {
  const { flowExport } = config.capture
  return openHostCapture(storeSink(store), {
    dataDir: config.data,
    spoolBytesMax: config.capture.spoolMebibytes * mebibyte,
    agent: {
      name: undefined,
      interfaces: config.capture.interfaces,
      method: config.capture.method,
      ringBytes: config.capture.ringMebibytes * mebibyte,
      cpuBudget: config.capture.cpuBudget,
      ...(flowExport === undefined ? {} : { flowExport }),
    },
    log,
    onLost: (lost, error) => log.error('records were lost', { what: describeLost(lost, error) }),
  })
}

/** Flows of routers come to a port, which needs no rights. */
const receives = ({ capture: { enabled, flowExport } }: StartConfig): boolean =>
  enabled && flowExport !== undefined

/** From now on this host captures what is ordered; resolves when it does. */
async function order(
  agent: CaptureAgent,
  orders: CaptureOrders,
  config: StartConfig,
  state: State,
): Promise<void> {
  const orderNow = (): void => {
    // A host's first interface may come later, and a VPC with the next topology.
    const own = orders.topology === undefined ? [hostVpcId] : []
    makeFirstFlowLogs([...own, ...vpcsOf(enisOf(config, orders))], state)
    agent.order(orders.current())
  }
  orderNow()
  orders.onChange(orderNow)
  await agent.opened()
}

/** The ENIs of this host's taps, and those whose flows routers send here. */
function enisOf(config: StartConfig, { topology }: CaptureOrders): EniIdentity[] {
  if (topology === undefined) return tapsOfHost(config.capture.interfaces).map(({ eni }) => eni)
  const exported = receives(config) ? exportPlaces(topology.topology) : []
  return [...tapsOfTopology(topology.topology), ...exported].map(({ eni }) => eni)
}

/** ENIs without a VPC are the host's. */
const vpcsOf = (enis: readonly EniIdentity[]): string[] =>
  enis.map(({ vpcId }) => (vpcId === '-' ? hostVpcId : vpcId))
