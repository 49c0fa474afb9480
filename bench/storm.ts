/**
 * What a storm of queries leaves of ingest: records a second through PutLogs and how long acknowledgements take,
 * without queries and beside 100 searches and 15 SQL queries at once, in turns in one run. With `--fresh`, how soon
 * what was acknowledged is found by a search.
 *
 * A started server, signed requests from other processes. What askers do is done with little priority: they would
 * be other machines. The figures of a known machine: docs/performance-store.md.
 */
import { parseArgs } from 'node:util'
import { loadAverage, machine, median, percentile, table } from './run/report.ts'
import type { Done } from './run/storm-client.ts'
import { freshness } from './run/storm-fresh.ts'
import {
  Client,
  type CpuSeconds,
  cpuOf,
  less,
  removeData,
  startServer,
  type StormServer,
  type Work,
  workOf,
} from './run/storm-server.ts'
import { knownFlow } from './run/store-queries.ts'
import { busiestEni } from './run/store-records.ts'

const usage = `npm run bench storm -- [options]

  --seconds N      of each phase (15)
  --turns N        without a storm and with one (3)
  --searches N     at once (100)
  --sql N          SQL queries at once (15)
  --in-flight N    log groups sent and not yet acknowledged (8)
  --rate N         records a second, evenly; as many as are taken unless told
  --rows N         records of a log group (1000)
  --fresh          instead: how soon what was acknowledged is found, and how long searches of the last 15 minutes
                   take, at 10,000 and 30,000 records a second; or at --rate, after as many as 15 minutes would have
                   brought
  --over DIR       beside the records of a log store that npm run bench store -- --keep left, of a copy of it
  --seed N         (1)
  --help           this`

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const print = (text: string): void => void process.stdout.write(`${text}\n`)

interface Options {
  readonly seconds: number
  readonly turns: number
  readonly searches: number
  readonly sql: number
  readonly inFlight: number
  readonly rate: number | undefined
  readonly rows: number
  readonly seed: number
  readonly over: string | undefined
}

interface Phase {
  readonly put: Done
  readonly searches: Done | undefined
  readonly sql: Done | undefined
  readonly cpu: CpuSeconds
  readonly work: Work
}

async function main(options: Options): Promise<void> {
  const { turns, seed, rows } = options
  const { server, target, pid } = await startServer(options.over)
  const ended: (() => Promise<unknown>)[] = [() => server.stop()]
  try {
    say(`load average: ${loadAverage()}`)
    const setup = { target, seed, groupRows: rows }
    const sender = await Client.start({ ...setup, groups: 100 })
    const askers = await Promise.all(
      ['searches', 'sql'].map(() => Client.start({ ...setup, groups: 0 }, true)),
    )
    ended.push(...[sender, ...askers].map((each) => () => each.end()))
    const storm = { sender, askers, server, pid }
    await phase(storm, { ...options, seconds: 3 }, true) // code is warm then, and processes are there
    const calm: Phase[] = []
    const stormy: Phase[] = []
    for (let turn = 1; turn <= turns; turn++)
      for (const [phases, asks] of [
        [calm, false],
        [stormy, true],
      ] as const) {
        phases.push(await phase(storm, options, asks))
        say(`turn ${turn}, ${asks ? 'storm' : 'calm'}: ${describe(phases.at(-1)!, rows)}`)
      }
    report(options, calm, stormy)
  } finally {
    for (const end of ended.reverse()) await end()
    removeData()
  }
}

interface Storm extends Pick<StormServer, 'server' | 'pid'> {
  readonly sender: Client
  readonly askers: readonly Client[]
}

async function phase(
  { sender, askers, server, pid }: Storm,
  { seconds, inFlight, rate, rows, searches, sql, seed }: Options,
  asks: boolean,
): Promise<Phase> {
  const { searchTexts, sqlTexts } = questions(seed)
  const clients = [sender, ...askers].map((each) => each.pid)
  const before = { cpu: cpuOf(pid, clients), work: await workOf(server) }
  const groupsASecond = rate === undefined ? {} : { rate: rate / rows }
  const during = { cpu: before.cpu, work: before.work }
  const sent = async (): Promise<Done> => {
    const done = await sender.obey({ seconds, clients: inFlight, ...groupsASecond })
    during.cpu = less(cpuOf(pid, clients), before.cpu)
    during.work = less(await workOf(server), before.work)
    return done
  }
  const [put, ...asked] = await Promise.all([
    sent(),
    ...(asks
      ? [
          askers[0]!.obey({ seconds, clients: searches, queries: searchTexts }),
          askers[1]!.obey({ seconds, clients: sql, queries: sqlTexts }),
        ]
      : []),
  ])
  return {
    put,
    searches: asked[0],
    sql: asked[1],
    ...during,
  }
}

function questions(seed: number): { searchTexts: string[]; sqlTexts: string[] } {
  const { source, destination, destinationPort } = knownFlow(seed)
  return {
    searchTexts: [
      `eni-id:${busiestEni}`,
      `srcaddr:${source}`,
      `srcaddr:${source} and dstaddr:${destination}`,
      `dstport:${destinationPort} and action:REJECT`,
      '*',
    ],
    sqlTexts: [
      '* | SELECT srcaddr, sum(bytes) AS b FROM log GROUP BY srcaddr ORDER BY b DESC LIMIT 10',
      '* | SELECT __time__ - __time__ % 60 AS t, sum(bytes) AS b FROM log GROUP BY t ORDER BY t LIMIT 1000',
      '* | SELECT action, count(*) AS n FROM log GROUP BY action',
    ],
  }
}

const rateOf = ({ times, seconds }: Done): number => times.length / seconds

function describe({ put, searches, sql, cpu, work }: Phase, rows: number): string {
  const asked = [searches, sql].flatMap((each) =>
    each === undefined
      ? []
      : `${rateOf(each).toFixed(1)} answers/s (${percentile(each.times, 0.5).toFixed(0)} ms) ${JSON.stringify(each.refused)}`,
  )
  return [
    `${Math.round(rateOf(put) * rows)} records/s`,
    `acknowledged ${percentile(put.times, 0.5).toFixed(0)} / ${percentile(put.times, 0.99).toFixed(0)} ms`,
    `cores ${shares(cpu, put.seconds)}`,
    `a second ${shares(work, put.seconds)}`,
    ...asked,
  ].join(', ')
}

const shares = (amounts: CpuSeconds | Work, seconds: number): string =>
  Object.entries(amounts)
    .map(([name, value]) => `${name} ${(Number(value) / seconds).toFixed(2)}`)
    .join(' ')

function report(
  { rows, ...options }: Options,
  calm: readonly Phase[],
  stormy: readonly Phase[],
): void {
  const line = (name: string, phases: readonly Phase[]): string[] => {
    const of = (value: (phase: Phase) => number) => median(phases.map(value))
    const cores = (value: (cpu: CpuSeconds) => number) =>
      of(({ cpu, put }) => value(cpu) / put.seconds).toFixed(2)
    const answers = (each: Done | undefined) => (each === undefined ? 0 : rateOf(each))
    return [
      name,
      (of(({ put }) => rateOf(put)) * rows).toFixed(0),
      `${of(({ put }) => percentile(put.times, 0.5)).toFixed(0)} / ${of(({ put }) => percentile(put.times, 0.99)).toFixed(0)}`,
      cores(({ main }) => main),
      cores(({ others }) => others),
      cores(({ queries }) => queries),
      cores(({ clients }) => clients),
      of(({ work, put }) => work.flushes / put.seconds).toFixed(1),
      of(({ searches }) => answers(searches)).toFixed(1),
      of(({ sql }) => answers(sql)).toFixed(1),
    ]
  }
  const head = [
    '',
    'records/s',
    'acknowledged ms, median / p99',
    "cores: server's main thread",
    "server's other threads",
    'query processes',
    'clients',
    'flushes/s',
    'searches/s',
    'SQL queries/s',
  ]
  print(table(head, [line('without queries', calm), line('storm', stormy)]))
  const rate = (phases: readonly Phase[]) => median(phases.map(({ put }) => rateOf(put)))
  print(`\nThe storm leaves ${((100 * rate(stormy)) / rate(calm)).toFixed(0)} % of the rate.\n`)
  print(`${JSON.stringify(options)}, log groups of ${rows}; medians.\n\n${machine()}`)
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    turns: { type: 'string', default: '3' },
    searches: { type: 'string', default: '100' },
    sql: { type: 'string', default: '15' },
    'in-flight': { type: 'string', default: '8' },
    rate: { type: 'string' },
    rows: { type: 'string', default: '1000' },
    fresh: { type: 'boolean', default: false },
    over: { type: 'string' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) print(usage)
else if (values.fresh)
  await freshness({
    seconds: Number(values.seconds),
    turns: Number(values.turns),
    rows: Number(values.rows),
    seed: Number(values.seed),
    over: values.over,
    rate: values.rate === undefined ? undefined : Number(values.rate),
  })
else
  await main({
    seconds: Number(values.seconds),
    turns: Number(values.turns),
    searches: Number(values.searches),
    sql: Number(values.sql),
    inFlight: Number(values['in-flight']),
    rate: values.rate === undefined ? undefined : Number(values.rate),
    rows: Number(values.rows),
    seed: Number(values.seed),
    over: values.over,
  })
