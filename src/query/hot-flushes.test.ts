/**
 * Every acknowledged row once, in every answer, while rows come, become segments and are merged, and queries are
 * cancelled, fail, and lose their process.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { ColumnBatch, ColumnSpec } from '../base/columns.ts'
import { WeirError } from '../base/errors.ts'
import { openLogStore } from '../logstore/logstore.ts'
import type { LogStore } from '../logstore/logstore.ts'
import { randomFrom } from '../../test/random-from.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { defaultQueryConfig, QueryEngine } from './query.ts'

const at = 1_767_322_800
const seed = Number(process.env['WEIR_SEED'] ?? 20_260_104)
const isLong = process.env['WEIR_LONG'] !== undefined
const answersMin = isLong ? 3000 : 30
/** A process is ended after so many answers. */
const answersPerKill = isLong ? 40 : 15

const columns: readonly ColumnSpec[] = [
  { name: 'batch', kind: 'integer' },
  { name: 'size', kind: 'integer' },
  { name: 'whose', kind: 'text' },
  { name: 'word', kind: 'text' },
]

interface Logstore {
  readonly project: string
  readonly name: string
  /** Batches that are acknowledged: 0 to below it. */
  acknowledged: number
}

/** A batch whose rows all say its number and size. */
function batchOf(
  { project, name }: Logstore,
  number: number,
  below: (below: number) => number,
): ColumnBatch {
  const rows = 1 + below(300)
  const integer = (of: () => number) => ({
    kind: 'integer' as const,
    values: Float64Array.from({ length: rows }, of),
  })
  const dictionary = Array.from({ length: 20 }, () => `w${below(1000)}`)
  const words = Uint32Array.from({ length: rows }, () => below(21))
  return {
    rows,
    columns: new Map<
      string,
      ColumnBatch['columns'] extends ReadonlyMap<string, infer C> ? C : never
    >([
      ['__time__', integer(() => at + below(7200))],
      ['batch', integer(() => number)],
      ['size', integer(() => rows)],
      [
        'whose',
        { kind: 'text', dictionary: [`${project}/${name}`], codes: new Uint32Array(rows).fill(1) },
      ],
      ['word', { kind: 'text', dictionary, codes: words }],
    ]),
  }
}

async function open(context: TestContext) {
  const folder = temporaryFolder(context)
  const busy = { flushRows: 2500, flushIntervalMs: 150, maintainIntervalMs: 60, mergeFiles: 4 }
  const store = await openLogStore(folder, busy)
  const config = { ...defaultQueryConfig, workers: 2, searchWorkers: 1, threads: 1 }
  const engine = new QueryEngine({ ...config, linkFolder: join(folder, 'query') }, store)
  context.after(async () => {
    await engine.close()
    await store.close()
  })
  const logstores = ['shop/aa', 'shop/bb', 'bank/aa'].map((each): Logstore => {
    const [project = '', name = ''] = each.split('/')
    if (!store.projects().some((known) => known.name === project))
      store.createProject(project, { description: '' })
    store.createLogstore(project, name, { columns, ttlDays: 3650 })
    return { project, name, acknowledged: 0 }
  })
  return { store, engine, logstores }
}

/** Of one logstore: whole batches from the first on, those that were acknowledged before among them. */
function check(rows: readonly (readonly (string | null)[])[], whose: string, least: number): void {
  assert.ok(rows.length >= least, `${whose}: ${rows.length} of ${least} batches`)
  for (const [index, [batch, size, count, who]] of rows.entries())
    assert.deepEqual([batch, count, who], [String(index), size, whose], `${whose} ${index}`)
}

const perBatch = 'select batch, size, count(*), max(whose) from'
const grouped = 'group by batch, size order by batch limit 1000000'

async function ask(
  engine: QueryEngine,
  below: (below: number) => number,
  logstore: Logstore,
  other: Logstore,
  signal: AbortSignal,
) {
  const { project, name } = logstore
  const whose = `${project}/${name}`
  const request = { project, logstore: name, from: at, to: at + 7200 }
  const [least, leastOther] = [logstore.acknowledged, other.acknowledged]
  const kind = below(4)
  if (kind === 0) {
    const pages = { query: `batch < ${least}`, line: 1000 }
    const { rows, scannedRows } = await engine.run({ ...request, ...pages }, signal)
    assert.ok(rows.every((row) => row.includes(whose)) && scannedRows >= rows.length)
    return
  }
  if (kind === 1 && project === 'shop') {
    const query =
      `* | with x as (${perBatch} log group by batch, size), y as (${perBatch} ${other.name} group by batch, size) ` +
      'select * from (select * from x union all select * from y) as z order by 4, 1 limit 1000000'
    const stores = [{ name: other.name }]
    const { rows } = await engine.run({ ...request, query, stores }, signal)
    const of = (which: string) => rows.filter((row) => row[3] === which)
    check(of(whose), whose, least)
    check(of(`shop/${other.name}`), `shop/${other.name}`, leastOther)
    return
  }
  if (kind === 2) {
    await assert.rejects(
      engine.run({ ...request, query: `* | select * from ${other.name}x` }, signal),
      (error: WeirError) =>
        ['QuerySyntax', 'QueryRefused', 'QueryCancelled'].includes(error.code) || isLost(error),
    )
    return
  }
  const query = `* | ${perBatch} log ${grouped}`
  check((await engine.run({ ...request, query }, signal)).rows, whose, least)
}

/** Its process was ended. */
const isLost = (error: unknown): boolean =>
  error instanceof WeirError &&
  error.code === 'QueryMemory' &&
  error.message.includes('ended by the system')

function killOne(below: (below: number) => number): void {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim()
  const all = children.split(' ').map(Number)
  if (children !== '') process.kill(all[below(all.length)]!, 'SIGKILL')
}

async function write(
  store: LogStore,
  logstore: Logstore,
  below: (below: number) => number,
  isEnough: () => boolean,
) {
  while (!isEnough()) {
    const { project, name, acknowledged } = logstore
    await store.append(project, name, batchOf(logstore, acknowledged, below))
    logstore.acknowledged++
    await setTimeout(below(30))
  }
}

test(
  'every acknowledged batch whole and once, while all else goes on',
  { skip: process.platform !== 'linux' },
  async (context) => {
    context.diagnostic(`seed ${seed}`)
    const { store, engine, logstores } = await open(context)
    const [a, b] = logstores
    let isOver = false
    const counts = { answers: 0, cancelled: 0, lost: 0 }
    const asker = async (number: number) => {
      const below = randomFrom(seed + number)
      while (!isOver) {
        const logstore = logstores[below(logstores.length)]!
        const stop = new AbortController()
        if (below(8) === 0) void setTimeout(below(60)).then(() => stop.abort())
        try {
          await ask(engine, below, logstore, logstore === a ? b! : a!, stop.signal)
          counts.answers++
          if (counts.answers % answersPerKill === 0) killOne(below)
        } catch (error) {
          if (error instanceof WeirError && error.code === 'QueryCancelled') counts.cancelled++
          else if (isLost(error)) counts.lost++
          else throw error
        }
      }
    }
    const askers = Promise.all([1, 2, 3, 4].map(asker))
    const isEnough = () => isOver || counts.answers >= answersMin
    const writers = Promise.all(
      logstores.map((each, index) => write(store, each, randomFrom(seed - 1 - index), isEnough)),
    )
    await Promise.race([writers, askers])
    isOver = true
    await Promise.all([writers, askers])
    for (const { project, name, acknowledged } of logstores) {
      const request = { project, logstore: name, from: at, to: at + 7200 }
      const { rows } = await engine.run({ ...request, query: `* | ${perBatch} log ${grouped}` })
      assert.equal(rows.length, acknowledged)
      check(rows, `${project}/${name}`, acknowledged)
    }
    const { flushes, compactions } = store.stats()
    context.diagnostic(`${JSON.stringify(counts)}, ${flushes} flushes, ${compactions} merges`)
    assert.ok(flushes > 0)
    await store.maintain()
    assert.equal(store.stats().pendingDeletes, 0, 'no lease is left')
  },
)
