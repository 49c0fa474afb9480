/**
 * `weir start`: everything in one process, wired by hand in the order that traffic and questions pass:
 * log store, sample project, delivery, capture, queries, HTTP.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createApi, type FlowLogKeeper } from '../api/api.ts'
import { createLog, type Log } from '../base/log.ts'
import { Delivery } from '../delivery/delivery.ts'
import { type LogStore, openLogStore } from '../logstore/logstore.ts'
import { defaultQueryConfig, QueryEngine } from '../query/query.ts'
import { flowRecordColumns } from '../record/columns.ts'
import { mayCapture } from '../sources/sources.ts'
import { type Capture, startCapture } from './capture.ts'
import { captureTasks, type Tap, tapsOf, vpcsOf } from './capture-plan.ts'
import { exitStatus } from './exit-status.ts'
import { explainKept } from './explain-kept.ts'
import { addSample, fillSampleOnce, removeSample, sampleProject } from './fill-sample.ts'
import { flowLogKeeper, knownResources } from './flow-log-keeper.ts'
import { createMetrics } from './metrics.ts'
import { serverFile } from './running-server.ts'
import { readStartConfig, type StartConfig, type StartOptions } from './start-config.ts'
import { openState, type State } from './state.ts'
import { storeSink } from './store-sink.ts'
import { keepVersion, readTopologyFile } from './topology-file.ts'

const mebibyte = 1 << 20
const liveWindowSeconds = 60
export const ownProject = 'weir'
export const ownLogstore = 'flow-log'

/** Runs until it is told to stop by SIGTERM or SIGINT. @returns the exit status */
export async function start(options: StartOptions): Promise<number> {
  const config = readStartConfig(options)
  const loaded = config.topology === undefined ? undefined : await readTopologyFile(config.topology)
  const topology = loaded?.topology
  if (options.check === true) {
    process.stdout.write('The configuration is good.\n')
    return exitStatus.ok
  }
  const stopped = untilSignal()
  const log = createLog()
  const store = await openLogStore(
    config.data,
    { reserveBytes: config.logstore.reserveMebibytes * mebibyte },
    { log },
  )
  const state = openState(config.data)
  if (loaded !== undefined)
    keepVersion(state.topologyVersions, loaded.topology, loaded.text, Date.now() / 1000)
  const delivery = new Delivery(storeSink(store), log)
  let capture: Capture | undefined
  try {
    prepareOwnProject(store, config)
    if (config.sample) await fillSampleOnce(store, state, log)
    const allowed = config.capture.enabled ? mayCapture() : 'capture.enabled is false'
    const taps = allowed === true ? tapsOf(config, topology) : []
    if (allowed === true) capture = await captureHost(taps, config, state, delivery, log)
    const enis = taps.map(({ eni }) => eni)
    const flowLogs = flowLogKeeper(
      state.flowLogs,
      store,
      () => knownResources(topology, enis),
      config.logstore.ttlDays,
    )
    await serve(config, { store, state, delivery, capture, allowed, flowLogs, log }, stopped)
  } finally {
    await capture?.stop()
    delivery.stopRetrying()
    try {
      await delivery.finish()
    } finally {
      await store.close()
      state.close()
    }
  }
  return exitStatus.ok
}

interface Parts {
  readonly store: LogStore
  readonly state: State
  readonly delivery: Delivery
  readonly capture: Capture | undefined
  readonly allowed: true | string
  readonly flowLogs: FlowLogKeeper
  readonly log: Log
}

/** Answers requests until told to stop. */
async function serve(config: StartConfig, parts: Parts, stopped: Promise<string>): Promise<void> {
  const { store, state, delivery, capture, flowLogs, log } = parts
  const queries = new QueryEngine(
    {
      ...defaultQueryConfig,
      zone: config.query.zone,
      workers: config.query.workers,
      timeMaxMilliseconds: config.query.seconds * 1000,
      memoryBytesMax: config.query.memoryMebibytes * mebibyte,
    },
    store,
  )
  const api = createApi({
    query: queries,
    store,
    sample: { add: () => addSample(store, state, log), remove: () => removeSample(store, state) },
    flowLogs,
    ledger: state.ledger,
    explain: (request) => explainKept(state.topologyVersions, request),
    problems: () => [...(capture?.problems() ?? []), ...storeProblems(store)],
    log,
    metrics: createMetrics(store, delivery, () => capture),
  })
  const file = join(config.data, serverFile)
  try {
    // Everywhere is no address to ask at: this machine's own is.
    const url = (await api.listen(config.listen, config.port)).replace('//[::]:', '//[::1]:')
    writeFileSync(`${file}.new`, JSON.stringify({ url, pid: process.pid }), { mode: 0o600 })
    renameSync(`${file}.new`, file)
    process.stdout.write(banner(url, config, parts))
    const signal = await stopped
    log.info('stopping: windows are closed and the log is synced', { signal })
  } finally {
    rmSync(file, { force: true })
    await api.close()
    await queries.close()
  }
}

const storeProblems = (store: LogStore): string[] => {
  const { damages } = store.stats()
  return damages > 0 ? [`${damages} places of the data directory are damaged`] : []
}

function untilSignal(): Promise<string> {
  return new Promise((resolved) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => resolved(signal))
  })
}

function prepareOwnProject(store: LogStore, config: StartConfig): void {
  if (!store.projects().some(({ name }) => name === ownProject))
    store.createProject(ownProject, { description: 'Flow logs of this host' })
  if (!store.logstores(ownProject).some(({ name }) => name === ownLogstore))
    store.createLogstore(ownProject, ownLogstore, {
      columns: flowRecordColumns,
      ttlDays: config.logstore.ttlDays,
      sortBy: ['eni-id'],
    })
}

/** At the first start a flow log for each VPC with a tap here: the whole VPC, both families, a minute. */
async function captureHost(
  taps: readonly Tap[],
  config: StartConfig,
  state: State,
  delivery: Delivery,
  log: Log,
): Promise<Capture> {
  const { flowLogs } = state
  const watched = new Set(flowLogs.list().map(({ resourceId }) => resourceId))
  for (const resourceId of vpcsOf(taps))
    if (!watched.has(resourceId) && state.get(`flow log of ${resourceId}`) === undefined) {
      flowLogs.create({
        name: `all of ${resourceId}`,
        resourceType: 'VPC',
        resourceId,
        ipVersion: 'DualStack',
        windowSeconds: liveWindowSeconds,
        project: ownProject,
        logstore: ownLogstore,
      })
      state.set(`flow log of ${resourceId}`, 'made at the first start')
    }
  return await startCapture(captureTasks(taps, flowLogs.list(), config), delivery, log)
}

/** Where to look and what to ask. */
function banner(url: string, config: StartConfig, { store, capture, allowed }: Parts): string {
  const server = config.port === 8080 && config.listen === '127.0.0.1' ? '' : ` --server ${url}`
  const failed = capture?.problems() ?? []
  const captured = capture?.interfaces() ?? []
  const live =
    allowed !== true
      ? `Live traffic is not captured. ${allowed}`
      : captured.length === 0
        ? 'Live traffic: no interface is up, or no flow log is about one.'
        : `Live traffic of ${captured.join(', ')} goes into ${ownProject}/${ownLogstore}, a record per flow and window.`
  const sample = store.projects().some(({ name }) => name === sampleProject)
    ? `
Sample data: project ${sampleProject}, an hour of the use cases of VPC flow logs. Who knocked at port 80?

  npx weir query${server} --project ${sampleProject} --logstore web \\
    "dstaddr:10.0.0.1 AND dstport:80 | SELECT srcaddr, action, count(*) AS records GROUP BY srcaddr, action"

Other logstores to ask: ecs, peering, nat, express, flow-log (all of them).
npx weir sample remove${server} takes the sample away.
`
    : ''
  return `
Weir is running at ${url}, data in ${resolve(config.data)}.
${[live, ...failed].join('\n')}
${sample}
  npx weir query${server} --project ${ownProject} --logstore ${ownLogstore} --reverse '*' shows the latest of your own records.

Health: ${url}/healthz   Metrics: ${url}/metrics   Stop: Ctrl-C
`
}
