/** Asks an engine the questions of `npm run bench store` and says what each costs, its child processes included. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { LogStore } from '../../src/logstore/logstore.ts'
import { defaultQueryConfig, QueryEngine } from '../../src/query/query.ts'
import { childrenSeconds } from './measure.ts'
import { median } from './report.ts'
import { logstore, project } from './store-ingest.ts'
import type { StoreQuery } from './store-queries.ts'

/** The rows of an answer: values as they came. */
export type Rows = readonly (readonly unknown[])[]

export interface Engine {
  readonly name: string
  readonly version: string
  /** Said with its figures, such as that they are of a tenth of the records. */
  readonly remark?: string
  /** What a figure is multiplied by: what it was asked is a part of the records. */
  readonly scale: number
  /** Undefined: it has no such question. */
  ask(query: StoreQuery): Promise<Asked> | undefined
  close(): Promise<void>
}

export interface Asked {
  readonly rows: Rows | undefined
  readonly cpuSeconds: number
}

export interface Cost {
  readonly cpuMs: number
  readonly wallMs: number
  readonly rows: Rows | undefined
}

/** A hundred million records on a machine that has other work take longer than a user would wait. */
const timeMaxMilliseconds = 600_000

/** The median of `runs`; the first, which brings files into memory, is not among them. */
export async function costOf(
  engine: Engine,
  query: StoreQuery,
  runs: number,
): Promise<Cost | undefined> {
  const first = await engine.ask(query)
  if (first === undefined) return undefined
  const cpu: number[] = []
  const wall: number[] = []
  for (let run = 0; run < runs; run++) {
    const began = performance.now()
    const asked = await engine.ask(query)!
    wall.push(performance.now() - began)
    cpu.push(asked.cpuSeconds * 1000)
  }
  const scale = query.oneHour === true ? 1 : engine.scale
  return {
    cpuMs: median(cpu) * scale,
    wallMs: median(wall) * scale,
    rows: first.rows,
  }
}

/** Weir's own: leases, plans and prints here, and works in child processes of one thread each. */
export function weirEngine(
  store: LogStore,
  folder: string,
  wholeRange: readonly [number, number],
): Engine {
  const linkFolder = join(folder, 'query')
  const engine = new QueryEngine(
    { ...defaultQueryConfig, linkFolder, threads: 1, workers: 1, timeMaxMilliseconds },
    store,
  )
  const run = async (query: string, [from, to]: readonly [number, number]) =>
    engine.run({ project, logstore, query, from, to })
  let begun: Promise<void> | undefined
  return {
    name: 'weir',
    version: 'this checkout',
    scale: 1,
    async ask({ text, range = wholeRange }) {
      begun ??= run('* | select 1', wholeRange).then(started)
      await begun
      const before = treeSeconds()
      const { rows } = await run(text, range)
      return { rows, cpuSeconds: treeSeconds() - before }
    },
    close: () => engine.close(),
  }
}

/** Processes begin while the first question is answered, which would be counted as what it costs. */
async function started(): Promise<void> {
  for (let before = -1, now = treeSeconds(); now - before > 0.01; now = treeSeconds()) {
    before = now
    await setTimeout(1000)
  }
}

/** CPU seconds of this process, of its children that live (to 10 ms, as the kernel tells) and that ended. */
export function treeSeconds(): number {
  const { user, system } = process.cpuUsage()
  const ended = childrenSeconds()
  let ticks = 0
  for (const pid of descendants(process.pid)) ticks += ticksOf(pid)
  return (user + system) / 1e6 + ended.user + ended.system + ticks / ticksASecond
}

const ticksASecond = 100

function descendants(pid: number): number[] {
  const children: number[] = []
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const text = textOf(`/proc/${pid}/task/${task}/children`)
    for (const child of text.split(' ').filter(Boolean).map(Number))
      children.push(child, ...descendants(child))
  }
  return children
}

/** User and system time, fields 14 and 15, counted behind the name, which may hold blanks. */
function ticksOf(pid: number): number {
  const fields = textOf(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ') ?? []
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
}

/** A process may end while it is looked at; it is counted among those that ended then. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
