/**
 * How long log clustering takes: log_reduce over flow log records, and over texts of known templates, with what it
 * found of them.
 *
 * The records are those of `npm run bench store`; the texts come from a fixed seed. Figures of a known machine:
 * docs/log-clustering.md.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { defaultQueryConfig, QueryEngine } from '../src/query/query.ts'
import { templatedTexts } from '../test/templated-texts.ts'
import { machine, median, table } from './run/report.ts'
import { treeSeconds } from './run/store-ask.ts'
import { BenchStore, ingestBatches, logstore, project } from './run/store-ingest.ts'
import { firstDay, rowsADay } from './run/store-records.ts'

const usage = `npm run bench clusters -- [options]

  --rows N    records, and texts (1000000)
  --runs N    of each question, after one that is not counted (5)
  --seed N    (1)
  --help      this
`
const batchRows = 10_000
const text = (what: string, precision: number): string =>
  `${what} | select a.pattern, a.count from (select log_reduce(${precision}) as a from log)`

/** @returns how many texts each template has */
async function storeTexts(bench: BenchStore, rows: number, seed: number): Promise<number[]> {
  bench.store.createLogstore(project, 'texts', {
    columns: [{ name: 'content', kind: 'text' }],
    ttlDays: 3650,
  })
  const counts: number[] = []
  for (let done = 0; done < rows; done += batchRows) {
    const made = templatedTexts(Math.min(batchRows, rows - done), seed + done)
    for (const { template } of made) counts[template] = (counts[template] ?? 0) + 1
    const codes = Uint32Array.from(made, (_, index) => index + 1)
    const values = Float64Array.from(made, () => firstDay + Math.floor(done / batchRows))
    await bench.store.append(project, 'texts', {
      rows: made.length,
      columns: new Map([
        ['__time__', { kind: 'integer', values }],
        ['content', { kind: 'text', codes, dictionary: made.map((each) => each.text) }],
      ]),
    })
  }
  await bench.settle()
  return counts
}

async function main(rows: number, runs: number, seed: number): Promise<void> {
  const folder = join(import.meta.dirname, '../.bench/clusters')
  rmSync(folder, { recursive: true, force: true })
  const bench = await BenchStore.open(folder)
  await ingestBatches(bench, { rows, seed, inFlight: 8 })
  const counts = await storeTexts(bench, rows, seed)
  const [from, to] = [firstDay, firstDay + Math.ceil(rows / rowsADay) * 86_400]
  const linkFolder = join(folder, 'query')
  const config = { ...defaultQueryConfig, linkFolder, threads: 1, workers: 1 }
  const engine = new QueryEngine(config, bench.store)
  const lines: string[][] = []
  const ask = async (name: string, of: string, query: string): Promise<string[]> => {
    const run = () => engine.run({ project, logstore: of, query, from, to })
    const found = (await run()).rows.map((row) => String(row[1]))
    const [cpu, wall]: [number[], number[]] = [[], []]
    for (let each = 0; each < runs; each++) {
      const [cpuBefore, began] = [treeSeconds(), performance.now()]
      await run()
      cpu.push((treeSeconds() - cpuBefore) * 1000)
      wall.push(performance.now() - began)
    }
    lines.push([name, String(found.length), median(cpu).toFixed(0), median(wall).toFixed(0)])
    return found
  }
  for (const precision of [1, 3, 16])
    await ask(`flow logs, precision ${precision}`, logstore, text('*', precision))
  await ask('flow logs, REJECT, precision 3', logstore, text('action:REJECT', 3))
  const found = await ask('texts, precision 3', 'texts', text('*', 3))
  process.stdout.write(
    `${machine()}\n\n${rows} records and ${rows} texts of ${counts.length} templates, ` +
      `medians of ${runs} runs\n\n${table(['question', 'patterns', 'CPU ms', 'wall ms'], lines)}`,
  )
  const wanted = counts.toSorted((a, b) => b - a).map(String)
  process.stdout.write(
    `\npatterns of the texts are their templates, each with exactly its texts: ${wanted.join() === found.join() ? 'yes' : `no: ${wanted.join()} and ${found.join()}`}\n`,
  )
  await engine.close()
  await bench.store.close()
  rmSync(folder, { recursive: true, force: true })
}

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) process.stdout.write(usage)
else await main(Number(values.rows), Number(values.runs), Number(values.seed))
