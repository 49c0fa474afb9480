/** "Totals that agree with the raw records to the byte." */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test, type TestContext } from 'node:test'
import { randomFrom } from '../../test/random-from.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { Column, ColumnBatch } from '../base/columns.ts'
import { type LogStore, openLogStore } from '../logstore/logstore.ts'
import { defaultQueryConfig, QueryEngine } from '../query/query.ts'
import { flowRecordColumns } from '../record/columns.ts'
import { type Analyzer, type FlowRanking, TrafficAnalyzers } from './analysis.ts'

const seed = Number(process.env['WEIR_SEED'] ?? 20_261_123)
const hour = 3600
const day = 86_400
/** 2026-11-20T00:00:00Z. */
const at = 1_795_132_800

type Row = Readonly<Record<string, string | number | null>>

function batchOf(rows: readonly Row[]): ColumnBatch {
  const columns = new Map<string, Column>()
  for (const { name, kind } of [{ name: '__time__', kind: 'integer' }, ...flowRecordColumns])
    if (kind === 'integer')
      columns.set(name, {
        kind: 'integer',
        values: Float64Array.from(rows, (row) => Number(row[name] ?? Number.NaN)),
      })
    else {
      const dictionary = [...new Set(rows.flatMap((row) => row[name] ?? []))].map(String)
      const codes = Uint32Array.from(rows, (row) => dictionary.indexOf(String(row[name] ?? '')) + 1)
      columns.set(name, { kind: 'text', codes, dictionary })
    }
  return { rows: rows.length, columns }
}

/** A record of one of a few ENIs, in or out, IPv4 or IPv6, and at times NODATA or SKIPDATA. */
function recordOf(below: (below: number) => number, from: number): Row {
  const of = <T>(values: readonly T[]): T => values[below(values.length)]!
  const eni = below(3)
  const time = from + below(hour)
  const common = {
    __time__: time,
    start: time,
    'account-id': '1210123456789012',
    'eni-id': `eni-${eni}`,
    'vm-id': eni === 2 ? null : `i-${eni}`,
    'vswitch-id': `vsw-${eni % 2}`,
    'vpc-id': 'vpc-shop',
  }
  if (below(10) === 0) return { ...common, 'log-status': of(['NODATA', 'SKIPDATA']) }
  const direction = of(['in', 'out'])
  const isV6 = below(3) === 0
  const own = isV6 ? `fd00:10::${eni}` : `10.0.0.${eni}`
  const peer = isV6
    ? of(['2001:4860:4860::8888', 'fd00:10::9'])
    : of(['8.8.8.8', '10.0.0.9', '100.100.2.136'])
  const isPublic = ['8.8.8.8', '2001:4860:4860::8888'].includes(peer)
  return {
    ...common,
    direction,
    action: of(['ACCEPT', 'ACCEPT', 'REJECT']),
    type: isV6 ? 'IPv6' : 'IPv4',
    protocol: of([6, 17, 1]),
    srcaddr: direction === 'in' ? peer : own,
    dstaddr: direction === 'in' ? own : peer,
    srcport: of([0, 443, 50_000]),
    dstport: of([80, 443]),
    traffic_path: isPublic ? of([13, 7, null]) : of([2, 5, null]),
    packets: 1 + below(1000),
    bytes: below(2 ** 31) * 1000,
    'log-status': 'OK',
  }
}

interface House {
  readonly store: LogStore
  readonly analyzers: TrafficAnalyzers
  readonly clock: { now: number }
  close(): Promise<void>
}

let attached: readonly string[] = []
const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9, hourSettleSeconds: 60 }

async function house(folder: string, now = at + 10 * hour): Promise<House> {
  const clock = { now }
  const store = await openLogStore(join(folder, 'data'), quiet, { now: () => clock.now })
  const db = new DatabaseSync(join(folder, 'state.db'))
  const analyzers = new TrafficAnalyzers({
    store,
    db,
    region: 'cn-hangzhou',
    attached: () => attached,
    now: () => clock.now,
  })
  await analyzers.resume()
  const close = async () => {
    await store.close()
    db.close()
  }
  return { store, analyzers, clock, close }
}

const engineOf = (store: LogStore): QueryEngine =>
  new QueryEngine({ ...defaultQueryConfig, workers: 1, searchWorkers: 0, threads: 1 }, store)

/** The raw records of the house that most tests ask, and one analyzer that was handed them all. */
const raw: Row[] = []
let shared: House
let engine: QueryEngine
let analyzer: Analyzer

before(async (context) => {
  assert.ok('after' in context)
  shared = await house(temporaryFolder(context))
  const { analyzers, clock, store } = shared
  analyzer = analyzers.create({ name: 'edge', intervalMinutes: 10 })
  const below = randomFrom(seed)
  let number = 0
  const put = async (count: number, from: number) => {
    const rows = Array.from({ length: count }, () => recordOf(below, from))
    raw.push(...rows)
    const id = { flowLog: 'fl-1', run: 'r', number: number++ }
    await analyzers.deliver(analyzer.id, batchOf(rows), id)
    await analyzers.deliver(analyzer.id, batchOf(rows), id) // sent twice
  }
  for (const each of [3, 0, 1, 2, 4]) await put(800, at + each * hour) // out of order
  clock.now = at + 2 * day
  await store.maintain() // compacted
  await put(500, at + hour) // late
  await put(500, at + 4 * hour)
  await store.maintain()
  await put(300, at + 5 * hour) // hot
  engine = engineOf(store)
})

after(async () => {
  await engine.close()
  await shared.close()
})

const run: QueryEngine['run'] = (...asked) => engine.run(...asked)

const base = {
  TrafficScenario: 'VpcFlowLogAll',
  RegionNo: 'cn-hangzhou',
  BeginTime: at * 1000,
  EndTime: (at + 6 * hour) * 1000,
  Direction: 'In',
  OrderBy: 'Bytes',
  TopN: 1000,
}
const accept = { Key: 'FlowAction', Value: ['ACCEPT'] }

async function ranked(
  more: Partial<Parameters<TrafficAnalyzers['startRanking']>[0]>,
): Promise<FlowRanking[]> {
  const { analyzers } = shared
  const { NisTrafficRankingId } = await analyzers.startRanking(
    { ...base, TrafficAnalyzerId: analyzer.id, Filter: [accept], ...more },
    run,
  )
  const rows: FlowRanking[] = []
  let token = ''
  do {
    const page = analyzers.ranking({ NisTrafficRankingId, MaxResults: 100, NextToken: token })
    rows.push(...page.FlowRankingList)
    token = page.NextToken
    if (token === '') assert.equal(rows.length, page.TotalCount)
  } while (token !== '')
  return rows
}

const fieldsOf = {
  VpcId: 'vpc-id',
  VSwitchId: 'vswitch-id',
  NetworkInterfaceId: 'eni-id',
  EcsId: 'vm-id',
  TrafficPath: 'traffic_path',
  SourceIp: 'srcaddr',
  DestinationIp: 'dstaddr',
  SourcePort: 'srcport',
  DestinationPort: 'dstport',
  Protocol: 'protocol',
} as const
const protocols = new Map([
  [6, 'TCP'],
  [17, 'UDP'],
  [1, 'ICMP'],
])

/** The same from the raw records, by adding up. */
function expected(
  direction: string,
  fits: (row: Row) => boolean,
  groups: readonly (keyof typeof fieldsOf | 'CloudIp')[],
): string[] {
  const totals = new Map<string, { bytes: number; packets: number }>()
  for (const row of raw) {
    if (row['direction'] !== direction || !fits(row)) continue
    const key = groups.map((name) => {
      if (name === 'CloudIp') return row[direction === 'in' ? 'dstaddr' : 'srcaddr']
      const value = row[fieldsOf[name]] ?? ''
      return name === 'Protocol' ? protocols.get(Number(value)) : value
    })
    const sum = totals.get(key.join()) ?? { bytes: 0, packets: 0 }
    sum.bytes += Number(row['bytes'])
    sum.packets += Number(row['packets'])
    totals.set(key.join(), sum)
  }
  return [...totals].map(([key, { bytes, packets }]) => `${key}: ${bytes} ${packets}`).sort()
}

const flat = (
  rows: readonly FlowRanking[],
  groups: readonly (keyof typeof fieldsOf | 'CloudIp')[],
): string[] =>
  rows.map((row) => `${groups.map((name) => row[name]).join()}: ${row.Bytes} ${row.Packets}`).sort()

const isAccepted = (row: Row): boolean => row['action'] === 'ACCEPT'
const identity = ['VpcId', 'VSwitchId', 'NetworkInterfaceId', 'EcsId'] as const
const pair = ['TrafficPath', 'SourceIp', 'DestinationIp'] as const
const whole = {
  Tuple1: [...identity, 'CloudIp'],
  Tuple2: [...identity, ...pair],
  Tuple5: [...identity, ...pair, 'SourcePort', 'DestinationPort', 'Protocol'],
} as const

for (const dimension of ['Tuple1', 'Tuple2', 'Tuple5'] as const)
  for (const direction of ['In', 'out'] as const)
    for (const minutes of [10, 1440])
      test(`${dimension} ${direction} at ${minutes} minutes: late, repeated and compacted records, to the byte`, async () => {
        const rows = await ranked({
          TupleDimension: dimension,
          Direction: direction,
          StorageInterval: minutes,
        })
        const groups = whole[dimension]
        assert.deepEqual(
          flat(rows, groups),
          expected(direction.toLowerCase(), isAccepted, groups),
          `seed ${seed}`,
        )
        const bytes = rows.map((row) => row.Bytes)
        assert.deepEqual(
          bytes,
          [...bytes].sort((a, b) => b - a),
        )
        const share = rows.reduce((sum, row) => sum + row.BytesRate, 0)
        assert.ok(Math.abs(share - 1) < 1e-9)
      })

test('metrics: "bps" is the bytes of a step in bits over its seconds; steps that are not over are left out', async () => {
  const { analyzers, clock } = shared
  const request = {
    ...base,
    TrafficAnalyzerId: analyzer.id,
    TupleDimension: 'Tuple1',
    Filter: [accept],
    MetricName: 'bps',
  }
  const hourly = await analyzers.metrics({ ...request, StepMinutes: 60 }, run)
  const inHour = (from: number) => (row: Row) =>
    isAccepted(row) && Number(row['__time__']) >= from && Number(row['__time__']) < from + hour
  const sum = (fits: (row: Row) => boolean) =>
    raw
      .filter((row) => row['direction'] === 'in' && fits(row))
      .reduce((all, row) => all + Number(row['bytes']), 0)
  assert.equal(hourly.Unit, 'Bits/Second')
  assert.deepEqual(
    hourly.MetricStatics,
    [0, 1, 2, 3, 4, 5].map((each) => ({
      TimeStamp: (at + each * hour) * 1000,
      Value: (sum(inHour(at + each * hour)) * 8) / hour,
    })),
  )
  const fine = await analyzers.metrics({ ...request, ScanBy: 'TimestampDescending' }, run)
  assert.equal(fine.TotalCount, 36)
  assert.equal(
    fine.MetricStatics.reduce((all, { Value }) => all + Math.round((Value * 600) / 8), 0),
    sum(isAccepted),
  )
  assert.equal(fine.MetricStatics[0]!.TimeStamp, (at + 6 * hour - 600) * 1000)
  const page = await analyzers.metrics({ ...request, MaxResults: 30 }, run)
  const rest = await analyzers.metrics({ ...request, NextToken: page.NextToken }, run)
  assert.equal(page.MetricStatics.length + rest.MetricStatics.length, 36)
  const { now } = clock
  clock.now = at + 2 * hour + 61
  const open = await analyzers.metrics({ ...request, StepMinutes: 60 }, run)
  clock.now = now
  assert.equal(open.TotalCount, 2)
})

test('filters: in, not in (what is absent is not in), like, ports, protocols by name, several values', async () => {
  const cases: readonly [
    { Key: string; Operator?: string; Value: string[] },
    (row: Row) => boolean,
  ][] = [
    [{ Key: 'NetworkInterfaceId', Value: ['eni-1', 'eni-2'] }, (row) => row['eni-id'] !== 'eni-0'],
    [{ Key: 'EcsId', Operator: 'not in', Value: ['i-1'] }, (row) => row['vm-id'] !== 'i-1'],
    [
      { Key: 'TrafficPath', Operator: 'NOT IN', Value: ['13'] },
      (row) => row['traffic_path'] !== 13,
    ],
    [
      { Key: 'SourceIp', Operator: 'like', Value: ['10.0.0.'] },
      (row) => String(row['srcaddr']).includes('10.0.0.'),
    ],
    [
      { Key: 'CloudIp', Operator: 'like', Value: ['%::1'] },
      (row) => String(row['dstaddr']).endsWith('::1'),
    ],
    [
      { Key: 'SourceIp', Value: ['2001:4860:4860:0::8888'] },
      (row) => row['srcaddr'] === '2001:4860:4860::8888',
    ],
    [{ Key: 'Protocol', Value: ['tcp', '1'] }, (row) => row['protocol'] !== 17],
    [{ Key: 'DestinationPort', Value: ['80'] }, (row) => row['dstport'] === 80],
  ]
  for (const [clause, fits] of cases) {
    const rows = await ranked({ TupleDimension: 'Tuple5', Filter: [accept, clause] })
    const wanted = expected('in', (row) => isAccepted(row) && fits(row), whole.Tuple5)
    assert.ok(wanted.length > 0)
    assert.deepEqual(flat(rows, whole.Tuple5), wanted, JSON.stringify(clause))
  }
})

test('bounds are of a group; TopN, Sort and OrderBy take the right ones', async () => {
  const all = await ranked({ TupleDimension: 'Tuple2', GroupBy: ['SourceIp'], OrderBy: 'Packets' })
  const middle = all[2]!
  const bound = (Key: string, value: number) => ({ Key, Value: [String(value)] })
  const above = await ranked({
    TupleDimension: 'Tuple2',
    GroupBy: ['SourceIp'],
    Filter: [accept, bound('MinPackages', middle.Packets)],
    OrderBy: 'Packets',
    Sort: 'asc',
    TopN: 2,
  })
  assert.deepEqual(above, [all[2], all[1]])
})

test('hours around whole days are asked of the interval and the days of their rollup, with the same answer', async () => {
  const asked = new Set<string>()
  const request = {
    ...base,
    TrafficAnalyzerId: analyzer.id,
    TupleDimension: 'Tuple5',
    Filter: [accept],
    BeginTime: (at - 2 * hour) * 1000,
    EndTime: (at + day + 5 * hour) * 1000,
    OrderBy: 'Packets',
    TopN: 3,
  }
  for (const GroupBy of [['SourceIp', 'Protocol'], ['EcsId', 'CloudIp'], ['DestinationPort']]) {
    const whole = await ranked({ ...request, EndTime: (at + 6 * hour) * 1000, GroupBy })
    const made = await shared.analyzers.startRanking(
      { ...request, GroupBy },
      (question, ...more) => {
        asked.add(`${question.logstore} ${question.from - at} ${question.to - at}`)
        return run(question, ...more)
      },
    )
    assert.deepEqual(shared.analyzers.ranking(made).FlowRankingList, whole)
  }
  const parts = (tuple: string) =>
    ['1440 0 86400', '10 -7200 0', '10 86400 104400'].map((part) => `${tuple}-${part}`)
  assert.deepEqual([...asked], ['tuple5', 'tuple1'].flatMap(parts))
})

test('the Internet: by traffic path, and by the peer where the path leaves it open', async () => {
  const rows = await ranked({
    TrafficScenario: 'VpcFlowLogInternet',
    TupleDimension: 'Tuple2',
  })
  const isPublic = (row: Row) =>
    ['8.8.8.8', '2001:4860:4860::8888'].includes(String(row['srcaddr']))
  assert.deepEqual(
    flat(rows, whole.Tuple2),
    expected('in', (row) => isAccepted(row) && isPublic(row), whole.Tuple2),
  )
})

test('hostile values are values', async () => {
  const values = ["' OR 1=1 --", "x') | SELECT 1", '"', '\\', '%', "'; DROP TABLE log; --", "''"]
  for (const value of values)
    for (const Operator of ['in', 'not in']) {
      const Filter = [accept, { Key: 'VpcId', Operator, Value: [value] }]
      const rows = await ranked({ TupleDimension: 'Tuple1', Filter })
      const wanted = Operator === 'in' ? [] : expected('in', isAccepted, whole.Tuple1)
      assert.deepEqual(flat(rows, whole.Tuple1), wanted, JSON.stringify(value))
    }
})

test('what cannot be answered is refused with a reason', async () => {
  const cases: readonly [object, RegExp][] = [
    [{ Filter: [] }, /FlowAction/],
    [{ Filter: [{ Key: 'FlowAction', Value: ['ALL'] }] }, /ACCEPT or REJECT/],
    [{ Filter: [accept, { Key: 'SourceIp', Value: ['1.1.1.1'] }] }, /not in the tuples of Tuple1/],
    [{ Filter: [accept, { Key: 'MinRoundTripTime', Value: ['1'] }] }, /no round-trip time/],
    [{ Filter: [accept, { Key: 'constructor', Value: ['1'] }] }, /not one of/],
    [{ Filter: [accept, { Key: 'VpcId', Operator: 'like', Value: ['1'] }] }, /like is for/],
    [{ Filter: [accept, { Key: 'CloudIp', Operator: 'like', Value: ["'"] }] }, /pattern/],
    [{ TrafficScenario: 'TRFlowlog' }, /transit routers/],
    [{ RegionNo: 'eu-central-1' }, /cn-hangzhou/],
    [{ OrderBy: 'RoundTripTime' }, /round-trip/],
    [{ GroupBy: ['Country'] }, /VpcFlowLogInternet/],
    [{ GroupBy: ['Country'], TrafficScenario: 'VpcFlowLogInternet' }, /no peer/],
    [{ GroupBy: ['Protocol'] }, /not in the tuples/],
    [{ StorageInterval: 60 }, /10 and 1440/],
    [{ BeginTime: base.EndTime }, /before EndTime/],
    [{ BeginTime: (at - 40 * day) * 1000, StorageInterval: 10 }, /before what is kept/],
    [{ TopN: 1001 }, /1 to 1000/],
    [{ Filter: [accept, { Key: 'VpcId', Value: ['\0'] }] }, /character NUL/],
  ]
  for (const [change, message] of cases)
    await assert.rejects(ranked({ TupleDimension: 'Tuple1', ...change }), { message })
  await assert.rejects(
    ranked({
      TupleDimension: 'Tuple2',
      TrafficScenario: 'VpcFlowLogInternet',
      GroupBy: ['Country'],
    }),
    { code: 'QueryRefused', message: /there is no file of "country or city"/ },
  )
})

test('a ranking is kept for a day, also over a restart, and goes with its analyzer', async (context: TestContext) => {
  const folder = temporaryFolder(context)
  let own = await house(folder)
  const made = own.analyzers.create({ intervalMinutes: 1 })
  const asking = engineOf(own.store)
  const request = {
    ...base,
    TrafficAnalyzerId: made.id,
    TupleDimension: 'Tuple1',
    Filter: [accept],
  }
  const { NisTrafficRankingId } = await own.analyzers.startRanking(request, (...asked) =>
    asking.run(...asked),
  )
  await asking.close()
  await own.close()
  own = await house(folder)
  assert.match(NisTrafficRankingId, /^task-/)
  assert.equal(own.analyzers.analyzerOfRanking(NisTrafficRankingId), made.id)
  own.clock.now += day + 1
  assert.throws(() => own.analyzers.ranking({ NisTrafficRankingId }), { code: 'RankingNotExist' })
  await own.close()
})

test('storage time: what is older is dropped, of each rollup by its own; deletion removes data', async (context: TestContext) => {
  const folder = temporaryFolder(context)
  const own = await house(folder)
  const { analyzers, store, clock } = own
  const made = analyzers.create({ storage: { Tuple1: { interval: 1, day: 2 } } })
  const row = { ...raw.find((each) => each['bytes'] !== undefined)!, __time__: at }
  await analyzers.deliver(made.id, batchOf([row]), { flowLog: 'fl-1', run: 'r', number: 0 })
  await store.maintain()
  const kept = () =>
    store.accounts().flatMap((each) => (each.segmentRows + each.hotRows > 0 ? each.logstore : []))
  const rest = ['tuple2-10', 'tuple2-1440', 'tuple5-10', 'tuple5-1440']
  assert.deepEqual(kept(), ['tuple1-10', 'tuple1-1440', ...rest])
  clock.now += day + hour
  await store.maintain()
  assert.deepEqual(kept(), ['tuple1-1440', ...rest])
  analyzers.modify(made.id, { storage: { Tuple1: { day: 1 } } })
  await store.maintain()
  assert.deepEqual(kept(), rest)
  attached = ['fl-1']
  await assert.rejects(analyzers.delete(made.id), { code: 'AnalyzerInUse', message: /fl-1/ })
  attached = []
  await analyzers.delete(made.id)
  assert.deepEqual([store.accounts(), store.projects(), analyzers.list()], [[], [], []])
  await analyzers.deliver(made.id, batchOf([row]), { flowLog: 'fl-1', run: 'r', number: 1 })
  await own.close()
})

test('an analyzer has an interval of 1, 10 or 60 minutes, not shorter than the window of its flow logs', () => {
  const { analyzers } = shared
  assert.throws(() => analyzers.create({ intervalMinutes: 5 }), { code: 'ParameterInvalid' })
  analyzers.checkWindow(analyzer.id, 600)
  assert.throws(() => analyzers.checkWindow('nta-0', 600), { code: 'AnalyzerNotExist' })
  const fine = analyzers.create({ intervalMinutes: 1 })
  assert.throws(() => analyzers.checkWindow(fine.id, 600), { message: /is shorter than/ })
})
