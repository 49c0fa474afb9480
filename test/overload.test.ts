/**
 * "Overload: bounded queues, WriteQuotaExceed-style answers with retry hints and never a crash or an
 * unbounded heap; a query storm leaves ingest" going. What is measured is printed, never asserted: machines differ.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { LogGroup } from '../src/log-group/log-group.ts'
import { getLogs, putLogs, rowsOf, type Target } from './log-load.ts'
import { createLogstore, residentBytes, startSmallServer } from './small-server.ts'
import { healthOf, weir } from './weir-process.ts'

const long = process.env['WEIR_LONG'] === '1'
const mebibyte = 1024 * 1024
const project = 'flooded'
const text = { type: 'text', token: [' '], doc_value: true }
const number = { type: 'long', doc_value: true }

const groupOf = (rows: number, value: (row: number) => string): LogGroup => ({
  topic: '',
  source: '',
  tags: [],
  logs: Array.from({ length: rows }, (_, row) => ({
    time: 1_767_322_800 + (row % 60),
    contents: [
      ['n', String(row)],
      ['text', value(row)],
    ],
  })),
})

const totals = '* | SELECT count(*) AS n, sum(n) AS s'

test('a flood beyond the memory is refused with a hint, and what was acknowledged is there', async (t) => {
  const { server, data, pid, target } = await startSmallServer(t, project, { heapMebibytes: 160 })
  await createLogstore(target, 'flood', { n: number, text })
  const before = residentBytes(pid)
  let most = before
  const watch = setInterval(() => (most = Math.max(most, residentBytes(pid))), 20)
  t.after(() => clearInterval(watch))
  const rows = 400
  // Random text: lz4 leaves it as large as it is, 4 MiB a group.
  const group = groupOf(rows, () => randomBytes(5000).toString('hex'))
  const answers = new Map<string, number>()
  let left = long ? 1500 : 120
  const send = async () => {
    while (left-- > 0) {
      const { status, json, headers } = await putLogs(target, 'flood', group)
      const { errorCode = 'ok' } = (json ?? {}) as { errorCode?: string }
      answers.set(errorCode, (answers.get(errorCode) ?? 0) + 1)
      if (status === 200) continue
      assert.deepEqual([status, errorCode], [403, 'WriteQuotaExceed'])
      assert.match(headers['retry-after'] ?? '', /^\d+$/)
    }
  }
  await Promise.all(Array.from({ length: 40 }, send))
  clearInterval(watch)
  const refused = answers.get('WriteQuotaExceed') ?? 0
  const acknowledged = answers.get('ok') ?? 0
  assert.ok(acknowledged > 0 && refused > 0, JSON.stringify([...answers]))
  t.diagnostic(
    `${acknowledged} of ${acknowledged + refused} groups of ${rows} rows, 4 MiB, were taken; ` +
      `memory before ${Math.round(before / mebibyte)} MiB, at most ${Math.round(most / mebibyte)} MiB`,
  )
  assert.ok(most < before + 900 * mebibyte, `${Math.round(most / mebibyte)} MiB`)
  assert.equal(((await healthOf(server.url)) as { status: string }).status, 'ok')
  const [found] = rowsOf(await getLogs(target, 'flood', totals))
  const sum = (acknowledged * rows * (rows - 1)) / 2
  assert.deepEqual([found?.['n'], found?.['s']], [String(acknowledged * rows), String(sum)])
  await server.stop()
  const checked = await weir(['check', '--data', data])
  assert.equal(checked.status, 0, checked.stdout)
})

/** Milliseconds that 99 % of them took at most. */
const percentile99 = (times: number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0

interface Ingest {
  groups: number
  readonly times: number[]
  readonly seconds: number
}

const groupRows = 500

/** Puts groups for some seconds, as often as there is a turn. */
async function ingest(target: Target, seconds: number): Promise<Ingest> {
  const group = groupOf(groupRows, (row) => `10.0.${row % 250}.${row % 7} word${row % 50}`)
  const begin = performance.now()
  const found: Ingest = { groups: 0, times: [], seconds }
  const put = async () => {
    while (performance.now() - begin < seconds * 1000) {
      const sent = performance.now()
      const { status, body } = await putLogs(target, 'storm', group)
      assert.equal(status, 200, body.toString())
      found.times.push(performance.now() - sent)
      found.groups++
    }
  }
  await Promise.all(Array.from({ length: 4 }, put))
  return found
}

const describeIngest = ({ groups, times, seconds }: Ingest): string =>
  `${Math.round((groups * groupRows) / seconds)} rows/s, p99 ${Math.round(percentile99(times))} ms`

test('100 searches and 40 SQL queries at once beside ingest: both go on, and answers are right', async (t) => {
  const { target } = await startSmallServer(t, project)
  await createLogstore(target, 'storm', { n: number, text })
  await ingest(target, 1) // code is warm then
  const seconds = long ? 20 : 3
  const calm = await ingest(target, seconds)
  const met = { ok: 0, busy: 0, partial: 0 }
  let over = false
  const ask = async (query: string) => {
    while (!over) {
      const answer = await getLogs(target, 'storm', query, { line: 10 })
      if (answer.status === 200) {
        const { progress } = (answer.json as { meta: { progress: string } }).meta
        met[progress === 'Complete' ? 'ok' : 'partial']++
        checkAnswer(query, answer)
        continue
      }
      const { errorCode } = answer.json as { errorCode: string }
      assert.deepEqual([answer.status, errorCode], [403, 'ReadQuotaExceed'])
      assert.match(answer.headers['retry-after'] ?? '', /^\d+$/)
      met.busy++
      await setTimeout(1000)
    }
  }
  const storm = [
    ...Array.from({ length: 100 }, (_, each) => ask(`text: word${each % 50}`)),
    ...Array.from({ length: 40 }, (_, each) => ask(each % 2 === 0 ? totals : byWord)),
  ]
  const beside = await ingest(target, seconds)
  over = true
  await Promise.all(storm)
  t.diagnostic(`without a storm ${describeIngest(calm)}; with one ${describeIngest(beside)}`)
  t.diagnostic(`answers ${JSON.stringify(met)}`)
  assert.ok(met.ok > 0)
  const [all] = rowsOf(await getLogs(target, 'storm', totals))
  const count = Number(all?.['n'])
  assert.equal(count % groupRows, 0)
  assert.ok(count >= (calm.groups + beside.groups) * groupRows)
})

const byWord = '* | SELECT n, count(*) AS c GROUP BY n ORDER BY c DESC, n LIMIT 1000'

/** Groups are there whole: each has each number once. */
function checkAnswer(query: string, answer: Parameters<typeof rowsOf>[0]): void {
  const rows = rowsOf(answer)
  if (query === totals) assert.equal(Number(rows[0]?.['n']) % groupRows, 0)
  else if (query === byWord) assert.equal(new Set(rows.map(({ c }) => c)).size, 1)
  else for (const { text: found } of rows) assert.ok(found?.endsWith(query.slice(6)), found)
}
