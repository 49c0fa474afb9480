/** Bytes spread over `start`..`end`: windows of any length give the same curve, and nothing is lost. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { flowRecordFields } from '../record/fields.ts'
import { begin, replayLines } from '../../test/packet-lines.ts'
import { randomFrom } from '../../test/random-from.ts'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestRow } from '../../test/query-logstore.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import type { QueryRequest } from './query.ts'
import { sideBySide } from '../../test/side-by-side.ts'

const test = sideBySide()

async function asking(context: TestContext, rows: readonly TestRow[]) {
  const store = await testLogstore([rows])
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store.reader)
  context.after(async () => {
    await engine.close()
    await store.remove()
  })
  const range = { project: 'weir', logstore: 'flow-log', from: begin, to: begin + 3600 }
  return async (query: string, more: Partial<QueryRequest> = {}) =>
    (await engine.run({ ...range, query: `* | select ${query}`, ...more })).rows
}

/** One packet of 40 bytes in each second, from `first` to the RST in `last`. */
const stream = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => {
    const at = first + index
    const flags = at === first ? 'S' : at === last ? 'R' : 'A'
    return `${at}.5 10.0.0.1:4000 > 10.0.0.2:80 ${flags}`
  })

async function recordsOf(lines: readonly string[], windowSeconds: 60 | 300 | 600) {
  const { records } = await replayLines([lines], { windowSeconds })
  return records
    .filter((record) => record['log-status'] === 'OK')
    .map((record): TestRow => {
      const fields = flowRecordFields.map(({ name, kind }) => {
        const text = record[name]
        return [name, text === '-' ? null : kind === 'integer' ? Number(text) : text] as const
      })
      const time = Number(record.start)
      return { ...Object.fromEntries(fields), __time__: time, __receive_time__: time + 700 }
    })
}

const curve =
  "flow_time('1m') as t, flow_sum(bytes) as b, flow_rate(bytes) as r group by t order by t"

test('a constant rate is the same curve at capture windows of 1, 5 and 10 minutes', async (context) => {
  const [first, last] = [197, 1654]
  const curves: unknown[] = []
  const counts: number[] = []
  for (const windowSeconds of [60, 300, 600] as const) {
    const records = await recordsOf(stream(first, last), windowSeconds)
    counts.push(records.length)
    const ask = await asking(context, records)
    curves.push(await ask(curve))
    const [[whole]] = (await ask('sum(bytes)')) as [[string]]
    const [[parts]] = (await ask(
      "sum(b) from (select flow_time('7s') as t, flow_sum(bytes) as b from log group by t)",
    )) as [[string]]
    assert.equal(parts, whole)
    assert.equal(whole, String(40 * (last - first + 1)))
  }
  assert.deepEqual(counts, [25, 6, 3], 'one connection, cut by three lengths')
  const want = Array.from({ length: 25 }, (_, index) => {
    const minute = 180 + index * 60
    const seconds = Math.min(last + 1, minute + 60) - Math.max(first, minute)
    const rate = (40 * seconds) / 60
    return [String(begin + minute), String(40 * seconds), rate === 40 ? '40.0' : String(rate)]
  })
  assert.deepEqual(curves[0], want)
  assert.deepEqual(curves[1], curves[0])
  assert.deepEqual(curves[2], curves[0])
})

test('a range that begins within a record has its share of it, and rates are of the time in the range', async (context) => {
  const records = await recordsOf(stream(0, 1799), 600)
  const ask = await asking(context, records)
  const range = { from: begin + 630, to: begin + 755 }
  assert.deepEqual(await ask(curve, range), [
    [String(begin + 600), '1200', '40.0'],
    [String(begin + 660), '2400', '40.0'],
    [String(begin + 720), '1400', '40.0'],
  ])
})

test('"end is the second the connection was closed in, else the window’s end" (DESIGN, Rules of a record)', async (context) => {
  const at = begin + 60
  const record = (start: number, end: number, bytes: number): TestRow => ({
    ...testRecord,
    __time__: at + start,
    start: at + start,
    end: at + end,
    bytes,
  })
  const buckets = async (rows: readonly TestRow[]) => {
    const ask = await asking(context, rows)
    const asked = await ask("flow_time('10s') as t, flow_sum(bytes) as b group by t order by t")
    return asked.map(([t, b]) => [Number(t) - at, Number(b)])
  }
  // The window's end is not in it: ten seconds, 50 to 59.
  assert.deepEqual(await buckets([record(50, 60, 100)]), [[50, 100]])
  // The second of a close is: eleven seconds, 40 to 50.
  assert.deepEqual(await buckets([record(40, 50, 110)]), [
    [40, 100],
    [50, 10],
  ])
  // Opened and closed in one second; on a full minute too.
  assert.deepEqual(await buckets([record(7, 7, 9), record(60, 60, 5)]), [
    [0, 9],
    [60, 5],
  ])
  // Parts are whole numbers that add up.
  assert.deepEqual(await buckets([record(0, 29, 100)]), [
    [0, 33],
    [10, 33],
    [20, 34],
  ])
})

test('over all buckets the parts add up to the bytes, whatever the records', async (context) => {
  const seed = 20_260_101
  context.diagnostic(`seed ${seed}`)
  const random = randomFrom(seed)
  const rows = Array.from({ length: 2000 }, (): TestRow => {
    const start = begin + random(3000)
    const end = start + random(600)
    const bytes = random(2) === 0 ? random(1e6) : random(2 ** 31) * 2 ** 21
    return { ...testRecord, __time__: start, start, end, bytes, packets: random(100) }
  })
  const ask = await asking(context, rows)
  const range = { from: begin, to: begin + 7200 }
  const whole = await ask('sum(bytes), sum(packets), count(*)', range)
  for (const step of ['1s', '13s', '1m', '5m', '10m', '1h', '1d']) {
    const inner = `select flow_time('${step}') as t, flow_sum(bytes) as b, flow_sum(packets) as p from log group by t`
    const parts = await ask(`sum(b), sum(p), 2000 from (${inner})`, range)
    assert.deepEqual(parts, whole, step)
  }
})

test('buckets by other keys, with a search, a condition and another zone', async (context) => {
  const record = (start: number, direction: string): TestRow => ({
    ...testRecord,
    direction,
    __time__: begin + start,
    start: begin + start,
    end: begin + start + 29,
    bytes: 300,
  })
  const ask = await asking(context, [record(0, 'in'), record(45, 'in'), record(50, 'out')])
  const by =
    "flow_time('1m') as t, direction, flow_sum(bytes) as b where bytes > 1 group by t, direction order by t, direction"
  const at = (seconds: number) => String(begin + seconds)
  assert.deepEqual(await ask(by), [
    [at(0), 'in', '450'],
    [at(0), 'out', '100'],
    [at(60), 'in', '150'],
    [at(60), 'out', '200'],
  ])
  const day = await ask("flow_time('1d') as t group by t", { zone: 'Asia/Kathmandu' })
  // Midnight of Kathmandu, 5:45 h east.
  assert.deepEqual(day, [[String(begin - ((begin + 20_700) % 86_400))]])
})

test('what is wrong with a query of flow_time, and where', async (context) => {
  const ask = await asking(context, [testRecord])
  const fails = (query: string, message: RegExp) => assert.rejects(ask(query), { message }, query)
  await fails('flow_sum(bytes)', /^flow_sum\(\) needs GROUP BY flow_time/)
  await fails("flow_time('1m') as t, bytes", /^flow_time\(\) needs GROUP BY flow_time/)
  await fails(
    "flow_time('1 minute') as t group by t",
    /needs the length of its buckets as a literal/,
  )
  await fails("flow_time('1m') as t, flow_time('5m') group by t", /buckets of one length/)
  await fails("flow_time('1m') as t from (select 1) group by t", /needs FROM with records/)
  await fails("flow_time('1m') as t, flow_sum(action) group by t", /needs a number to spread/)
  await fails(
    "flow_time('1m') as t, flow_sum(bytes) filter (where bytes > 1) group by t",
    /takes no DISTINCT/,
  )
  await fails(
    "flow_time('1m') as t from log where flow_sum(bytes) > 1 group by t",
    /cannot be used in WHERE/,
  )
})
