/**
 * An answer in order of the time of day reads an hour of all days after the other until it has its rows: they are those of
 * the whole range. Days of several files, late ones, files of a whole day, rows that are in none yet.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ColumnSpec } from '../base/columns.ts'
import type { LogReader, LogStore } from '../logstore/logstore.ts'
import { openLogStore } from '../logstore/logstore.ts'
import { randomFrom } from '../../test/random-from.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { parseQuery } from './parse.ts'
import { planQuery } from './plan.ts'
import { defaultQueryConfig, QueryEngine } from './query.ts'
import type { HoursOfDay } from './source.ts'
import { Stages } from './stages.ts'

const hour = 3600
const dayLong = 24 * hour
/** 2026-03-27T00:00:00Z; on the 29th clocks are put forward in Berlin. */
const midnight = 1_774_569_600
const days = 5
const seed = Number(process.env['WEIR_SEED'] ?? 20_261_124)
const questions = process.env['WEIR_LONG'] === undefined ? 25 : 2000

const columns: readonly ColumnSpec[] = [
  { name: 'eni-id', kind: 'text' },
  { name: 'bytes', kind: 'integer' },
]

let store: LogStore
let staged: QueryEngine
let whole: QueryEngine

before(async (context) => {
  assert.ok('after' in context)
  const clock = { now: midnight }
  const folder = temporaryFolder(context)
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, flushRows: 1e9, dayRowsMax: 120 }
  store = await openLogStore(folder, quiet, { now: () => clock.now })
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'flows', { columns, ttlDays: 3650 })
  const below = randomFrom(seed)
  const put = async (from: number, seconds: number, rows: number) => {
    const dictionary = ['eni-1', 'eni-2', 'ENI-2']
    const values = (value: () => number) => Float64Array.from({ length: rows }, value)
    const codes = Uint32Array.from({ length: rows }, () => below(4))
    await store.append('shop', 'flows', {
      rows,
      columns: new Map([
        ['__time__', { kind: 'integer', values: values(() => from + below(seconds)) }],
        ['eni-id', { kind: 'text', dictionary, codes }],
        ['bytes', { kind: 'integer', values: values(() => (below(9) === 0 ? NaN : below(5))) }],
      ]),
    })
  }
  for (let each = 0; each < 24 * days; each++) {
    if (each % 24 === 2 || below(5) === 0) continue // nothing came
    await put(midnight + each * hour, hour, each < 24 ? 1 + below(3) : 10 + below(20))
    if (each >= 48 && below(6) === 0) await put(midnight + (each - 24) * hour, hour, 5) // late
    clock.now = midnight + (each + 1) * hour
    if (below(4) === 0) await store.maintain()
  }
  await store.maintain()
  const reader: LogReader = {
    columns: (...all) => store.columns(...all),
    rollups: (...all) => store.rollups(...all),
    acknowledged: () => store.acknowledged(),
    lease: (...all) => store.lease(...all),
  }
  // Said to be so large that a stage is an hour or a few, but for those of a day.
  const isLarge = (file: { readonly timeMin: number; readonly timeMax: number }): boolean =>
    Math.floor(file.timeMin / hour) === Math.floor(file.timeMax / hour)
  const large: LogReader = {
    ...reader,
    async lease(...all) {
      const lease = await store.lease(...all)
      const files = lease.files.map((file) =>
        isLarge(file) ? { ...file, rows: file.rows * 1_000_000 } : file,
      )
      return { ...lease, files }
    },
  }
  const lease = await store.lease('shop', 'flows', 0, 2 ** 40)
  const wide = lease.files.filter((file) => !isLarge(file))
  lease.release()
  assert.ok(wide.length > 0, 'a file of many hours')
  assert.ok(lease.files.length - wide.length > 24, 'files of an hour')
  await put(midnight + days * dayLong - 900, 1800, 60) // over midnight, in no file
  await put(midnight + dayLong, 3 * hour, 30)
  assert.equal(store.stats().hotRows, 90)
  const config = { ...defaultQueryConfig, workers: 1, searchWorkers: 0, threads: 1 }
  staged = new QueryEngine({ ...config, linkFolder: join(folder, 'a') }, large)
  whole = new QueryEngine({ ...config, linkFolder: join(folder, 'b') }, reader)
})

after(async () => {
  await staged.close()
  await whole.close()
  await store.close()
})

const range = { from: midnight, to: midnight + days * dayLong }
const clockText = "date_format(from_unixtime(__time__ - __time__ % 60), '%H:%i:%S')"
const byClock = `* | select ${clockText} as t, count(*) group by t order by t`

async function orderOf(text: string, zone = 'UTC', { from, to } = range) {
  return planQuery(await parseQuery(text), columns, { from, to }, zone).order
}

test('an order by the clock of several days is known, by zones that are fixed whole hours', async () => {
  const first = { isReverse: false }
  assert.deepEqual(await orderOf(byClock), { ...first, dayOffset: 0 })
  assert.deepEqual(await orderOf(`${byClock} desc`), { isReverse: true, dayOffset: 0 })
  assert.deepEqual(await orderOf(byClock, 'Asia/Shanghai'), { ...first, dayOffset: 8 * hour })
  assert.deepEqual(await orderOf(byClock, '-07:00'), { ...first, dayOffset: -7 * hour })
  for (const zone of ['Europe/Berlin', '+05:30', 'Asia/Kolkata', 'America/New_York'])
    assert.equal(await orderOf(byClock, zone), undefined, zone)
  assert.deepEqual(await orderOf(byClock, 'UTC', { from: 0, to: dayLong }), first)
  assert.equal(await orderOf(byClock, 'UTC', { from: 0, to: dayLong + 1 }), undefined)
  assert.deepEqual(
    await orderOf(byClock, 'UTC', { from: midnight + hour, to: midnight + dayLong }),
    first,
  )
})

test('groups must tell the hours apart that the order is of', async () => {
  const day = { isReverse: false, dayOffset: 0 }
  for (const [text, order] of [
    [`* | select ${clockText} t, bytes from log order by t, bytes`, day],
    [`* | select ${clockText} t, __time__ s, count(*) group by t, s order by t`, day],
    [
      `* | select __time__ s, count(*) group by s order by date_format(from_unixtime(s), '%T')`,
      undefined,
    ],
    [`* | select __time__, count(*) group by __time__ order by ${clockText}`, day],
    [`* | select ${clockText} t, max(__time__) s group by t order by s`, undefined],
    [`* | select ${clockText} t, count(*) group by t order by __time__`, undefined],
    [`* | select ${clockText} t, "eni-id" e, count(*) group by t, e order by e, t`, undefined],
    [
      "* | select date_format(from_unixtime(__time__), '%H') t, count(*) group by t order by t",
      day,
    ],
    [
      "* | select date_format(from_unixtime(__time__), '%k') t, count(*) group by t order by t",
      undefined,
    ],
    [
      "* | select date_format(from_unixtime(__time__), '%h:%i') t, count(*) group by t order by t",
      undefined,
    ],
  ] as const)
    assert.deepEqual(await orderOf(text), order, text)
})

interface Named {
  readonly path: string
  readonly span?: { readonly rows: number; readonly timeMin: number; readonly timeMax: number }
  readonly hours?: HoursOfDay
}

/** What the stages read one after the other while nothing is found, each as `path` or `path@from-to` in hours. */
function read(files: readonly Named[], isReverse: boolean, dayOffset = 0): string[][] {
  const timed = files.map((file) => ({ ...file, lacks: [] }))
  const stages = new Stages(timed, { isReverse, dayOffset })
  const all: string[][] = []
  for (let some = stages.next(0, 100); some !== undefined; some = stages.next(0, 100)) {
    const part = ({ from, to }: HoursOfDay) => `@${from / hour}-${to / hour}`
    all.push(some.map(({ path, hours }) => path + (hours ? part(hours) : '')).toSorted())
  }
  return all
}

const spanOf = (first: number, last: number, rows: number) => ({
  rows,
  timeMin: midnight + first * hour,
  timeMax: midnight + last * hour + hour - 1,
})

test('a stage is an hour of all days, and of files of many hours that part', () => {
  const files: Named[] = []
  for (let each = 0; each < 48; each++)
    files.push({ path: `${each}`, span: spanOf(each, each, 300_000) })
  const stages = read(files, false)
  assert.deepEqual(stages.slice(0, 2), [
    ['0', '24'],
    ['1', '2', '25', '26', '27', '28', '3', '4'],
  ])
  assert.deepEqual(stages.flat().toSorted(), files.map(({ path }) => path).toSorted())
  assert.deepEqual(read(files, true)[0], ['23', '47'])
  assert.deepEqual(read(files, false, 8 * hour)[0], ['16', '40'])
  assert.deepEqual(read(files, false, -7 * hour)[0], ['31', '7'])
  const wide = { path: 'wide', span: spanOf(20, 26, 100_000) }
  const parts = (isReverse: boolean, offset = 0) =>
    read([...files, wide], isReverse, offset).flatMap((stage) =>
      stage.filter((each) => each.startsWith('wide')),
    )
  assert.deepEqual(parts(false), ['wide@0-1', 'wide@1-5', 'wide@5-24'])
  assert.deepEqual(parts(true), ['wide@23-24', 'wide@19-23', 'wide@0-19'])
})

test('many rows in files of many hours, and unknown times: all at once', () => {
  const narrow = [0, 1, 2, 3].map((each) => ({
    path: `${each}`,
    span: spanOf(each, each, 300_000),
  }))
  const wide = (rows: number) => ({ path: 'wide', span: spanOf(0, 23, rows) })
  assert.equal(read([...narrow, wide(400_000)], false).length, 2)
  assert.deepEqual(read([...narrow, wide(400_001)], false), [['0', '1', '2', '3', 'wide']])
  assert.deepEqual(read([...narrow, { path: 'unknown' }], true), [['0', '1', '2', '3', 'unknown']])
  const ofTwo = { path: 'two', span: spanOf(25, 26, 900_000) }
  assert.deepEqual(read([...narrow, ofTwo], false), [['0'], ['1', '2', 'two'], ['3']])
  assert.deepEqual(read([wide(5)], false), [['wide']])
  assert.deepEqual(read([], false), [])
})

test('rows hour of the day by hour are those of the whole range (seed in WEIR_SEED)', async (context) => {
  context.diagnostic(`seed ${seed}`)
  const below = randomFrom(seed + 1)
  const of = (texts: readonly string[]) => texts[below(texts.length)]!
  for (let each = 0; each < questions; each++) {
    const format = of(['%H:%i:%S', '%H:%i', '%H', '%T', '%H%i'])
    const seconds = of(['__time__', '__time__ - __time__ % 60', '__time__ - __time__ % 900'])
    const key = `date_format(from_unixtime(${seconds}), '${format}')`
    const search = of(['*', 'eni-id: eni-2', 'bytes > 3', 'not bytes: 1', 'eni-id: nothing'])
    const sql = of([
      `select ${key} as t, "eni-id" as e, sum(bytes) as b, count(*) as n group by t, e`,
      `select ${key} as t, __time__ as e, count(*) as b group by t, e`,
      `select ${key} as t, count(distinct bytes) as b group by t having count(*) > 1`,
      `select ${key} as t, "eni-id" as e, bytes as b from log`,
    ])
    const others = sql.includes(' as e') ? ', b, e' : ', b'
    const limit = of(['', ` limit ${1 + below(60)}`, ' limit 100', ' limit 5000'])
    const query = `${search} | ${sql} order by t${of(['', ' desc'])}${others}${limit}`
    const zone = of(['UTC', 'Asia/Shanghai', '-07:00', '+13:00', 'Europe/Berlin', '+05:30'])
    const from = midnight + below(2 * dayLong) - hour
    const to = from + below(days * dayLong) + 900
    const request = { project: 'shop', logstore: 'flows', query, zone, from, to }
    const note = `${query}, ${from} to ${to}, ${zone}, WEIR_SEED=${seed}`
    const [some, all] = [await staged.run(request), await whole.run(request)]
    assert.deepEqual(some.rows, all.rows, note)
    assert.deepEqual(
      [some.limited, some.exact, some.columns],
      [all.limited, all.exact, all.columns],
      note,
    )
  }
})
