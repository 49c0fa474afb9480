/** A started server for `npm run bench storm`, the processes that send to it and ask, and what it spends. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openLogStore } from '../../src/logstore/logstore.ts'
import { createFlowLogstore } from '../../src/programs/flow-logstore.ts'
import { metricsOf, WeirServer } from '../../test/weir-process.ts'
import type { Done, Order, Setup, StormTarget } from './storm-client.ts'

const folder = join(import.meta.dirname, '../../.bench/storm')
const clientFile = fileURLToPath(new URL('./storm-client.ts', import.meta.url))
const project = 'bench'
const logstore = 'flow-log'

export class Client {
  readonly #child: ChildProcess

  get pid(): number {
    return this.#child.pid!
  }

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(setup: Setup, isAway = false): Promise<Client> {
    const child = fork(clientFile, [JSON.stringify(setup)])
    if (isAway) setPriority(child.pid!, Math.min(getPriority() + 19, 19))
    await once(child, 'message')
    return new Client(child)
  }

  async obey(order: Order): Promise<Done> {
    this.#child.send(order)
    const [done] = (await Promise.race([once(this.#child, 'message'), this.#ended()])) as [Done]
    return done
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
  }

  async #ended(): Promise<never> {
    const [status] = (await once(this.#child, 'exit')) as [number]
    throw new Error(`a client ended with status ${status}`)
  }
}

/** CPU seconds, user and system. */
export interface CpuSeconds {
  /** The thread of the server that takes records in and answers. */
  readonly main: number
  /** The server's other threads: those of its Parquet engine, and those that sync and compile. */
  readonly others: number
  /** Query processes. */
  readonly queries: number
  /** The processes that send and ask. */
  readonly clients: number
}

/** What the log store did. */
export interface Work {
  readonly flushes: number
  readonly merges: number
  readonly syncs: number
}

export interface StormServer {
  readonly server: WeirServer
  readonly target: StormTarget
  readonly pid: number
}

/**
 * On an empty data directory with the logstore that flow logs get.
 *
 * @param over a log store that `npm run bench store -- --keep` left; a copy of it is what there is already
 */
export async function startServer(over?: string): Promise<StormServer> {
  removeData()
  mkdirSync(folder, { recursive: true })
  const data = join(folder, 'data')
  if (over !== undefined) cpSync(over, data, { recursive: true })
  const store = await openLogStore(data)
  if (over === undefined) {
    store.createProject(project, { description: 'records made up for measuring' })
    createFlowLogstore(store, project, logstore, 3650)
  }
  await store.close()
  const config = join(folder, 'weir.yaml')
  writeFileSync(config, 'sample: false\ncapture: { enabled: false }\n')
  const args = ['--config', config, '--data', data, '--port', '0']
  const server = await WeirServer.start(args, { milliseconds: 24 * 3_600_000 })
  const [, id = '', secret = ''] =
    /shown this once: (\S+) (\S+)$/m.exec(server.said('stdout')) ?? []
  const { pid } = JSON.parse(readFileSync(join(data, 'server.json'), 'utf8')) as { pid: number }
  const port = Number(new URL(server.url).port)
  return { server, pid, target: { port, project, logstore, key: { id, secret } } }
}

export function removeData(): void {
  rmSync(folder, { recursive: true, force: true })
}

/** What came between. */
export function less<T extends object>(after: T, before: T): T {
  const differences = Object.entries(after).map(([name, value]) => [
    name,
    Number(value) - Number(before[name as keyof T]),
  ])
  return Object.fromEntries(differences) as T
}

export function cpuOf(server: number, clients: readonly number[]): CpuSeconds {
  const main = cpuSecondsOf(`${server}/task/${server}`)
  const children = readFileSync(`/proc/${server}/task/${server}/children`, 'utf8').trim()
  const sum = (pids: readonly (number | string)[]): number =>
    pids.reduce((total: number, pid) => total + cpuSecondsOf(String(pid)), 0)
  return {
    main,
    others: cpuSecondsOf(String(server)) - main,
    queries: sum(children === '' ? [] : children.split(' ')),
    clients: sum(clients),
  }
}

/** User and system, of a process or a thread. */
function cpuSecondsOf(task: string): number {
  const text = readFileSync(`/proc/${task}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100 // ticks
}

export async function workOf({ url }: WeirServer): Promise<Work> {
  const metrics = await metricsOf(url)
  const read = (name: string): number => metrics.get(`weir_logstore_${name}_total`) ?? 0
  return { flushes: read('flushes'), merges: read('compactions'), syncs: read('syncs') }
}
