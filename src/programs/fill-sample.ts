/**
 * The project `sample`: the page's use cases, made by packets through the same code as `replay`, and delivered
 * like any flow log's records. It ends at the last full hour. A fill that was cut off is done again
 * with the same hour and the same batch numbers, so nothing is stored twice.
 */
import type { Log } from '../base/log.ts'
import { Delivery, type Route, Sorter } from '../delivery/delivery.ts'
import { keeps, type Scope } from '../flow-log/flow-log.ts'
import type { LogStore } from '../logstore/logstore.ts'
import { chunkSource } from '../packet/packet.ts'
import type { EniIdentity } from '../record/batch.ts'
import { sampleCaptures, sampleFlowLogs, sampleTopology } from '../sample/sample.ts'
import { parseTopology, type Topology, topologyAssigner } from '../vpc/vpc.ts'
import { replayCaptures } from './replay-captures.ts'
import { storeSink } from './store-sink.ts'
import type { State } from './state.ts'
import { createFlowLogstore } from './flow-logstore.ts'

export const sampleProject = 'sample'
const hour = 3600
/** "If you select Enable Log Analysis Report": the sample is short; it shall outlive a long look at it. */
const sampleTtlDays = 300
const fact = 'sample'
const filling = /^filling (\d+)$/

/** Fills the project unless it was filled, or removed, before. */
export async function fillSampleOnce(store: LogStore, state: State, log: Log): Promise<void> {
  const before = state.get(fact)
  const begun = filling.exec(before ?? '')
  if (before !== undefined && begun === null) return
  await fill(store, state, log, begun === null ? lastFullHour() : Number(begun[1]))
}

/** Fills the project anew: `weir sample add`. */
export async function addSample(store: LogStore, state: State, log: Log): Promise<void> {
  if (store.projects().some(({ name }) => name === sampleProject))
    await store.deleteProject(sampleProject)
  await fill(store, state, log, lastFullHour())
}

/** Throws ProjectNotExist. It does not come back at the next start. */
export async function removeSample(store: LogStore, state: State): Promise<void> {
  await store.deleteProject(sampleProject)
  state.set(fact, 'removed')
}

/** What the project's records are about, unless it was removed before this start. */
export async function sampleNetwork(state: State): Promise<Topology | undefined> {
  return state.get(fact) === 'removed'
    ? undefined
    : parseTopology(sampleTopology(), 'sample topology')
}

const lastFullHour = (): number => Math.floor(Date.now() / 1000 / hour) * hour

async function fill(store: LogStore, state: State, log: Log, end: number): Promise<void> {
  state.set(fact, `filling ${end}`)
  prepare(store)
  const assigner = await topologyAssigner(await parseTopology(sampleTopology(), 'sample topology'))
  const delivery = new Delivery(storeSink(store), log)
  const sorter = new Sorter(routesOf(assigner.enis), `sample-${end}`, assigner.enis)
  const sources = [...sampleCaptures(end)].map(({ fileName, chunks }) =>
    chunkSource(fileName, chunks),
  )
  await replayCaptures(
    sources,
    assigner,
    sampleFlowLogs[0]!.windowSeconds,
    (records) => {
      for (const parcel of sorter.sort(records)) delivery.send(parcel)
    },
    () => delivery.drain(),
  )
  await delivery.finish()
  state.set(fact, 'filled')
  log.info('the sample project is filled', {
    records: delivery.records,
    from: new Date((end - hour) * 1000).toISOString(),
    to: new Date(end * 1000).toISOString(),
  })
}

function prepare(store: LogStore): void {
  if (!store.projects().some(({ name }) => name === sampleProject))
    store.createProject(sampleProject, {
      description: 'Sample data: the use cases of VPC flow logs, made from generated packets',
      labels: { sample: 'true' },
    })
  const there = new Set(store.logstores(sampleProject).map(({ name }) => name))
  for (const name of new Set(sampleFlowLogs.flatMap(({ logstores }) => logstores)))
    if (!there.has(name)) createFlowLogstore(store, sampleProject, name, sampleTtlDays)
}

/** A route for each logstore a sample flow log delivers to. */
const routesOf = (enis: readonly EniIdentity[]): Route[] =>
  sampleFlowLogs.flatMap((each) =>
    each.logstores.map((logstore): Route => {
      const scope = each.scope as readonly Scope[]
      return {
        flowLog: `sample-${each.name}`,
        project: sampleProject,
        logstore,
        keep: keeps({ ...each, scope }, enis),
      }
    }),
  )
