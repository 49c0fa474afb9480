/**
 * How soon what was acknowledged is found, and how long searches of the last 15 minutes take, while records come at
 * a constant rate: `npm run bench storm -- --fresh`.
 */
import { knownFlow } from './store-queries.ts'
import { busiestEni } from './store-records.ts'
import { loadAverage, machine, percentile, table } from './report.ts'
import type { Done } from './storm-client.ts'
import { Client, cpuOf, less, removeData, startServer, type Work, workOf } from './storm-server.ts'

export interface FreshOptions {
  /** Of each phase. */
  readonly seconds: number
  readonly turns: number
  readonly rows: number
  readonly seed: number
  readonly over: string | undefined
  /** Records a second. Undefined: at 10,000 and at 30,000. */
  readonly rate: number | undefined
}

const warmSeconds = 3
const lastSeconds = 900
/** Records a second that are taken while a quarter of an hour is made up. */
const madeUpRate = 80_000
/** Milliseconds between two questions of one who asks, in the mean. */
const pause = 100

interface Phase {
  readonly put: Done
  readonly probes: Done
  readonly searches: Done
  readonly queryCores: number
  readonly work: Work
}

export async function freshness(options: FreshOptions): Promise<void> {
  const { seconds, turns, rows, seed, over } = options
  const rates = options.rate === undefined ? [10_000, 30_000] : [options.rate]
  const { server, target, pid } = await startServer(over)
  const ended: (() => Promise<unknown>)[] = [() => server.stop()]
  try {
    process.stderr.write(`load average: ${loadAverage()}\n`)
    const setup = { target, seed, groupRows: rows, isNow: true }
    const sender = await Client.start({ ...setup, groups: 100 })
    const prober = await Client.start({ ...setup, groups: 0 })
    const asker = await Client.start({ ...setup, groups: 0 })
    const clients = [sender, prober, asker]
    ended.push(...clients.map((each) => () => each.end()))
    const phase = async (rate: number, lasting: number): Promise<Phase> => {
      const pids = clients.map((each) => each.pid)
      const before = { cpu: cpuOf(pid, pids), work: await workOf(server) }
      const order = { seconds: lasting, clients: 1, pause, lastSeconds }
      const [put, probes, searches] = await Promise.all([
        sender.obey({ seconds: lasting, clients: 8, rate: rate / rows }),
        prober.obey({ ...order, probes: true }),
        asker.obey({ ...order, queries: searchesOf(seed) }),
      ])
      const { queries } = less(cpuOf(pid, pids), before.cpu)
      const work = less(await workOf(server), before.work)
      return { put, probes, searches, queryCores: queries / put.seconds, work }
    }
    if (options.rate !== undefined) await sendAll(sender, options.rate * lastSeconds, rows)
    await phase(rates[0]!, warmSeconds)
    const lines: string[][] = []
    for (let turn = 1; turn <= turns; turn++)
      for (const rate of rates) lines.push(lineOf(await phase(rate, seconds), rows))
    report(lines)
  } finally {
    for (const end of ended.reverse()) await end()
    removeData()
  }
}

/** What would have come in the last 15 minutes. */
async function sendAll(sender: Client, records: number, rows: number): Promise<void> {
  const seconds = records / madeUpRate
  const { times } = await sender.obey({ seconds, clients: 8, rate: madeUpRate / rows })
  process.stderr.write(`records of the last 15 minutes: ${times.length * rows}\n`)
}

function searchesOf(seed: number): string[] {
  const { source, destination, destinationPort } = knownFlow(seed)
  return [
    `eni-id:${busiestEni}`,
    `srcaddr:${source} and dstaddr:${destination}`,
    `dstport:${destinationPort} and action:REJECT`,
    '*',
  ]
}

function lineOf({ put, probes, searches, queryCores, work }: Phase, rows: number): string[] {
  const times = ({ times: all }: Done): string =>
    [0.5, 0.99].map((share) => percentile(all, share).toFixed(0)).join(' / ')
  return [
    ((put.times.length * rows) / put.seconds).toFixed(0),
    times(put),
    `${times(probes)} (${probes.times.length})`,
    `${times(searches)} (${searches.times.length})`,
    (work.flushes / put.seconds).toFixed(1),
    queryCores.toFixed(2),
  ]
}

function report(lines: readonly string[][]): void {
  const head = [
    'records/s',
    'acknowledged ms, median / p99',
    'found after ms (how many)',
    'a search of 15 minutes, ms (how many)',
    'flushes/s',
    'cores of query processes',
  ]
  process.stdout.write(`${table(head, lines)}\n\n${machine()}\n`)
}
