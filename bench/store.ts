/**
 * What storing and asking costs, beside nfdump, SQLite and chdb: records a second and CPU a record through
 * PutLogs' stages and the internal path, bytes a record at rest, and CPU of the page's queries and others.
 *
 * The records are made up by a fixed seed, in the cardinalities of a real cloud. Everything runs one at a time.
 * What the figures of a known machine are, and what was to be reached: docs/performance-store.md.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadAverage, machine, table } from './run/report.ts'
import { type Cost, costOf, type Engine, weirEngine } from './run/store-ask.ts'
import {
  BenchStore,
  decodeRates,
  type Ingested,
  ingestBatches,
  ingestLogGroups,
  logOnly,
} from './run/store-ingest.ts'
import { openPeers } from './run/store-peers.ts'
import { knownFlow, readSeedTexts, type StoreQuery, storeQueries } from './run/store-queries.ts'
import { firstDay, rowsADay } from './run/store-records.ts'

const root = join(import.meta.dirname, '..')
const kept = join(root, '.bench/store')
const seedFile = fileURLToPath(new URL('../../shared/reference/seed-queries.json', import.meta.url))
const usage = `npm run bench store -- [options]

  --rows N         records (10000000, a day; 100000000 are ten)
  --put-rows N     of these through PutLogs' stages (2000000)
  --in-flight N    batches sent and not yet acknowledged (8)
  --runs N         of each query, after one that is not counted (3)
  --peers LIST     nfdump,sqlite,chdb (all; chdb is installed into .bench/store when it is not there)
  --peer-rows N    records that SQLite holds, its figures multiplied accordingly (1000000)
  --seed N         (1)
  --ingest-only    no queries, no peers
  --keep           the records stay in .bench/store/data/batches, for npm run bench storm -- --over
  --over DIR       stores nothing: asks the records that were kept in DIR, which are as many as --rows says
  --clean          removes what the bench keeps in .bench/store
  --help           this`

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const print = (text: string): void => void process.stdout.write(`${text}\n`)

interface Options {
  readonly rows: number
  readonly putRows: number
  readonly inFlight: number
  readonly runs: number
  readonly peers: readonly string[]
  readonly peerRows: number
  readonly seed: number
  readonly ingestOnly: boolean
  readonly keep: boolean
  readonly over: string | undefined
}

async function main(options: Options): Promise<void> {
  const { rows, putRows, seed, over } = options
  if (over !== undefined) {
    say(`load average: ${loadAverage()}`)
    await printQueries(options, over)
    print(`${rows} records; medians of ${options.runs} runs of each query.\n\n${machine()}`)
    return
  }
  const folder = join(kept, 'data')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  say(`load average: ${loadAverage()}`)
  await printIngest(options, folder)
  const rates = decodeRates(seed, 300)
  print(
    `Before the store, alone on one thread, thousand records a CPU second: lz4 block ${thousands(rates.lz4)}, ` +
      `decoding ${thousands(rates.decode)}, the same by protobufjs ${thousands(rates.protobufjs)}.\n`,
  )
  if (!options.ingestOnly) await printQueries(options, join(folder, 'batches'))
  print(
    `${rows} records, ${Math.min(putRows, rows)} through PutLogs; medians of ${options.runs} runs of each query.\n`,
  )
  print(machine())
  if (!options.keep) rmSync(folder, { recursive: true, force: true })
}

async function printIngest(options: Options, folder: string): Promise<void> {
  const { rows, putRows } = options
  const some = { ...options, rows: Math.min(rows, putRows) }
  const of = async (
    name: string,
    work: (bench: BenchStore) => Promise<Ingested>,
    config = {},
  ): Promise<Ingested> => {
    const bench = await BenchStore.open(join(folder, name), config)
    try {
      const found = await work(bench)
      say(`${name}: ${thousands(found.rows / found.cpuSeconds)} k records a CPU second`)
      return found
    } finally {
      await bench.store.close()
    }
  }
  const acknowledged = await of('log-only', (bench) => ingestBatches(bench, some), logOnly)
  const put = await of('put', (bench) => ingestLogGroups(bench, some))
  const batches = await of('batches', (bench) => ingestBatches(bench, options))
  const line = (name: string, each: Ingested, rest: boolean): string[] => [
    name,
    String(each.rows),
    thousands(each.rows / each.wallSeconds),
    thousands(each.rows / each.cpuSeconds),
    rest ? thousands(each.rows / each.settledCpuSeconds) : '-',
    rest ? `${((100 * each.threadSeconds) / each.settledCpuSeconds).toFixed(0)} %` : '-',
    `${each.acknowledgeMs.median.toFixed(1)} / ${each.acknowledgeMs.p99.toFixed(0)}`,
    rest ? (each.restBytes / each.rows).toFixed(1) : '-',
    each.wireBytes === 0 ? '-' : (each.wireBytes / each.rows).toFixed(0),
    rest ? `${each.flushes} / ${each.compactions}` : '-',
  ]
  const head = [
    'path',
    'records',
    'k records/s, wall',
    'k records/CPU s',
    'the same, all hours merged',
    'of that, the JavaScript thread',
    'acknowledged ms, median / p99',
    'bytes a record at rest',
    'on the wire',
    'flushes / merges',
  ]
  print(
    `### Storing\n\n${table(head, [
      line('log alone', acknowledged, false),
      line("PutLogs' stages", put, true),
      line('internal', batches, true),
    ])}\n`,
  )
}

async function printQueries(options: Options, folder: string): Promise<void> {
  const { rows, seed } = options
  const bench = await BenchStore.open(folder)
  const days = Math.ceil(rows / rowsADay)
  const whole: readonly [number, number] = [firstDay, firstDay + days * 86_400]
  if (!existsSync(seedFile)) say(`left out: the page's queries: there is no ${seedFile}`)
  const seeds = existsSync(seedFile) ? readSeedTexts(seedFile) : []
  const queries = storeQueries(knownFlow(seed), seeds)
  const files = await bench.store.lease('bench', 'flow-log', ...whole)
  const engines = [weirEngine(bench.store, folder, whole)]
  try {
    const paths = files.files.map(({ path }) => path)
    engines.push(...(await openPeers({ ...options, kept, files: paths, say })))
    print(`### Asking, CPU ms (wall ms)\n\n${await queryTable(engines, queries, options.runs)}\n`)
    for (const { name, version, remark } of engines)
      print(`- ${name}: ${version}${remark === undefined ? '' : `: ${remark}`}`)
    print('')
  } finally {
    for (const engine of engines) await engine.close()
    files.release()
    await bench.store.close()
  }
}

async function queryTable(
  engines: readonly Engine[],
  queries: readonly StoreQuery[],
  runs: number,
): Promise<string> {
  const lines: string[][] = []
  for (const query of queries) {
    const costs: (Cost | undefined)[] = []
    for (const engine of engines) {
      const cost = await costOf(engine, query, runs)
      say(`${query.name}: ${engine.name}: ${cost === undefined ? 'cannot' : cost.cpuMs.toFixed(0)}`)
      costs.push(cost)
    }
    const own = costs[0]!
    lines.push([
      query.name,
      ...costs.map((cost) => (cost === undefined ? '-' : cellOf(cost, own))),
      query.comparable ? agreement(costs) : '-',
    ])
  }
  return table(['query', ...engines.map(({ name }) => name), 'rows agree'], lines)
}

function cellOf({ cpuMs, wallMs }: Cost, own: Cost): string {
  const ratio = cpuMs === own.cpuMs ? '' : `, ${(cpuMs / own.cpuMs).toFixed(2)}×`
  return `${cpuMs.toFixed(0)} (${wallMs.toFixed(0)})${ratio}`
}

/** Only engines that hold all the records give rows that can be compared. */
function agreement(costs: readonly (Cost | undefined)[]): string {
  const texts = costs.flatMap((cost) =>
    cost?.rows === undefined ? [] : [JSON.stringify(cost.rows.map((row) => row.map(String)))],
  )
  if (texts.length < 2) return '-'
  return texts.every((text) => text === texts[0]) ? 'yes' : '**no**'
}

const thousands = (count: number): string => (count / 1000).toFixed(0)

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    'put-rows': { type: 'string', default: '2000000' },
    'in-flight': { type: 'string', default: '8' },
    runs: { type: 'string', default: '3' },
    peers: { type: 'string', default: 'nfdump,sqlite,chdb' },
    'peer-rows': { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    'ingest-only': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    over: { type: 'string' },
    clean: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
// Debian keeps collectors where only root looks for programs.
process.env['PATH'] = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
if (values.help) print(usage)
else if (values.clean) rmSync(kept, { recursive: true, force: true })
else
  await main({
    rows: Number(values.rows),
    putRows: Number(values['put-rows']),
    inFlight: Number(values['in-flight']),
    runs: Number(values.runs),
    peers: values.peers.split(','),
    peerRows: Number(values['peer-rows']),
    seed: Number(values.seed),
    ingestOnly: values['ingest-only'],
    keep: values.keep,
    over: values.over,
  })
