/**
 * What a traffic analyzer costs and how fast it answers: records a second folded into six rollups, bytes at rest, and
 * rankings and metrics over a month of them.
 *
 * The records are those of `npm run bench store`, stretched over 30 days. Figures of a known machine:
 * docs/traffic-analyzer.md.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import { TrafficAnalyzers } from '../src/analysis/analysis.ts'
import type { ColumnBatch } from '../src/base/columns.ts'
import { openLogStore } from '../src/logstore/logstore.ts'
import { defaultQueryConfig, QueryEngine } from '../src/query/query.ts'
import { loadAverage, machine, median, table } from './run/report.ts'
import { firstDay, rowsADay, StoreRecords } from './run/store-records.ts'

const days = 30
const day = 86_400
const usage = `npm run bench analyzer -- [options]

  --rows N         records of the month (3000000)
  --interval N     1, 10 or 60 minutes (60)
  --day-only       fills the rollups of a day alone
  --runs N         of each question, after one that is not counted (5)
  --help           this
`

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '3000000' },
    interval: { type: 'string', default: '60' },
    runs: { type: 'string', default: '5' },
    'day-only': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

/** Minutes of the bench's records further apart, so that they fill the month. */
function stretched(batch: ColumnBatch, rows: number): ColumnBatch {
  const factor = (days * rowsADay) / rows
  const times = batch.columns.get('__time__')
  if (times?.kind !== 'integer') throw new Error('records have a time')
  const moved = times.values.map((time) => {
    const minutes = Math.floor(((time - firstDay) / 60) * factor)
    return firstDay + minutes * 60 + (time % 60)
  })
  return {
    ...batch,
    columns: new Map([...batch.columns, ['__time__', { kind: 'integer', values: moved }]]),
  }
}

async function main(rows: number, interval: number, runs: number): Promise<void> {
  const folder = join(import.meta.dirname, '../.bench/analyzer')
  rmSync(folder, { recursive: true, force: true })
  const clock = { now: firstDay }
  const store = await openLogStore(folder, {}, { now: () => clock.now })
  const fills = (logstore: string): boolean => !values['day-only'] || logstore.endsWith('-1440')
  const analyzers = new TrafficAnalyzers({
    store: {
      append: (project, logstore, ...batch) =>
        fills(logstore)
          ? store.append(project, logstore, ...batch)
          : Promise.resolve({ stored: false }),
      isStored: (...asked) => store.isStored(...asked),
      projects: () => store.projects(),
      logstores: (project) => store.logstores(project),
      createProject: (...asked) => store.createProject(...asked),
      deleteProject: (name) => store.deleteProject(name),
      createLogstore: (...asked) => store.createLogstore(...asked),
      updateTtl: (...asked) => store.updateTtl(...asked),
    },
    db: new DatabaseSync(':memory:'),
    region: 'cn-hangzhou',
    attached: () => [],
    now: () => clock.now,
  })
  const keep = { interval: 60, day: 180 }
  const storage = { Tuple1: keep, Tuple2: keep, Tuple5: keep }
  const { id } = analyzers.create({ intervalMinutes: interval, storage })
  const records = new StoreRecords(1)
  const batchRows = Math.ceil(rows / days)
  let cpu = 0
  let done = 0
  const begun = performance.now()
  for (let number = 0; done < rows; number++) {
    const batch = stretched(records.next(batchRows), rows)
    const before = process.cpuUsage()
    await analyzers.deliver(id, batch, { flowLog: 'fl-bench', run: 'r', number })
    const { user, system } = process.cpuUsage(before)
    cpu += (user + system) / 1e6
    done += batchRows
    clock.now = firstDay + Math.floor((done / rows) * days * day)
  }
  clock.now = firstDay + days * day + 7200
  await store.maintain()
  process.stdout.write(
    `${machine()}, load ${loadAverage()}\n${done} records in ${((performance.now() - begun) / 1000).toFixed(0)} s; ` +
      `${((cpu / done) * 1e6).toFixed(1)} us of CPU a record until acknowledged\n\n`,
  )
  process.stdout.write(
    table(
      ['rollup', 'rows', 'MB'],
      store
        .accounts()
        .map(({ logstore, segmentRows, hotRows, segmentBytes }) => [
          logstore,
          String(segmentRows + hotRows),
          (segmentBytes / 1e6).toFixed(1),
        ]),
    ),
  )
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1, searchWorkers: 0 }, store)
  await answers(analyzers, id, { interval, runs, ask: (...asked) => engine.run(...asked) })
  await engine.close()
  await store.close()
}

type Run = Parameters<TrafficAnalyzers['startRanking']>[1]

/** Whole days are asked of the rollups of a day; without the hour at each end, those of the interval answer. */
async function answers(
  analyzers: TrafficAnalyzers,
  id: string,
  { interval, runs, ask }: { interval: number; runs: number; ask: Run },
): Promise<void> {
  const head = ['a month of', 'top 100 tuples, ms', 'top 100 ENIs, ms', 'metrics, ms']
  process.stdout.write(`\n${table(head, [])}\n`)
  for (const TupleDimension of ['Tuple1', 'Tuple2', 'Tuple5'])
    for (const StorageInterval of values['day-only'] ? [1440] : [1440, interval]) {
      const less = StorageInterval === 1440 ? 0 : 3600
      const question = {
        TrafficAnalyzerId: id,
        TrafficScenario: 'VpcFlowLogAll',
        RegionNo: 'cn-hangzhou',
        BeginTime: (firstDay + less) * 1000,
        EndTime: (firstDay + days * day - less) * 1000,
        Direction: 'in',
        TupleDimension,
        StorageInterval,
        Filter: [{ Key: 'FlowAction', Value: ['ACCEPT'] }],
      }
      const ranking = { ...question, OrderBy: 'Bytes', TopN: 100 }
      const StepMinutes = Math.max(60, StorageInterval)
      const metrics = { ...question, MetricName: 'bps', StepMinutes }
      const byAll = await timed(runs, () => analyzers.startRanking(ranking, ask))
      const GroupBy = ['VpcId', 'NetworkInterfaceId']
      const byEni = await timed(runs, () => analyzers.startRanking({ ...ranking, GroupBy }, ask))
      const series = await timed(runs, () => analyzers.metrics(metrics, ask))
      const cells = [byAll, byEni, series].map((ms) => ms.toFixed(0))
      process.stdout.write(
        `| ${[`${TupleDimension}, ${StorageInterval} min`, ...cells].join(' | ')} |\n`,
      )
    }
  process.stdout.write(`\nload ${loadAverage()}\n`)
}

async function timed(runs: number, ask: () => Promise<unknown>): Promise<number> {
  await ask()
  const spent: number[] = []
  for (let each = 0; each < runs; each++) {
    const begun = performance.now()
    await ask()
    spent.push(performance.now() - begun)
  }
  return median(spent)
}

if (values.help) process.stdout.write(usage)
else await main(Number(values.rows), Number(values.interval), Number(values.runs))
