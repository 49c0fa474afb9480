/** The page's seven queries, verbatim, against rows computed here from the input. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestLogstore } from '../../test/query-logstore.ts'

const seedFile = new URL('../../../shared/reference/seed-queries.json', import.meta.url)
const skip = existsSync(seedFile) ? false : 'the seed queries are not beside the project'

interface SeedRow {
  time: number
  source: string
  destination: string
  port: number
  direction: 'in' | 'out'
  action: 'ACCEPT' | 'REJECT'
  bytes: number
  start: number
  end: number
}

const from = 1_700_000_040
const to = from + 3600

/** Small seeded generator: the rows are the same in every run. */
function generateRows(count: number): SeedRow[] {
  let state = 20_240_601
  const next = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return Math.floor((state / 0x8000_0000) * below)
  }
  const pick = <T>(list: readonly T[]): T => list[next(list.length)]!
  const addresses = [
    '10.0.0.1',
    '10.0.0.2',
    '10.0.0.3',
    '10.0.1.9',
    '172.16.0.4',
    '172.16.9.9',
    '120.26.0.1',
    '121.43.0.1',
    '192.168.10.5',
    '192.168.20.6',
    '192.168.20.7',
    '10.1.0.8',
    '10.1.2.3',
    '10.10.0.1',
  ]
  return Array.from({ length: count }, () => {
    const time = from - 300 + next(4200)
    const length = next(4) === 0 ? 0 : next(60)
    return {
      time,
      source: pick(addresses),
      destination: pick(addresses),
      port: pick([80, 443, 8080]),
      direction: pick(['in', 'out'] as const),
      action: next(4) === 0 ? ('REJECT' as const) : ('ACCEPT' as const),
      bytes: 40 + next(2_000_000),
      start: time,
      end: time + length,
    }
  })
}

const rows = generateRows(6000)
let store: TestLogstore
let engine: QueryEngine

before(async () => {
  const records = rows.map((row) => ({
    ...testRecord,
    __time__: row.time,
    srcaddr: row.source,
    dstaddr: row.destination,
    dstport: row.port,
    direction: row.direction,
    action: row.action,
    bytes: row.bytes,
    start: row.start,
    end: row.end,
  }))
  store = await testLogstore([
    records.slice(0, 2000),
    records.slice(2000, 4500),
    records.slice(4500),
  ])
  engine = new QueryEngine(defaultQueryConfig, store.reader)
})
after(async () => {
  await engine.close()
  await store.remove()
})

const inRange = (row: SeedRow) => row.time >= from && row.time < to

async function ask(number: number) {
  const { queries } = JSON.parse(readFileSync(seedFile, 'utf8')) as { queries: { query: string }[] }
  assert.equal(queries.length, 7)
  const query = queries[number - 1]!.query.replaceAll('120.26.XX.XX', '120.26.0.1')
  return engine.run({ project: 'weir', logstore: 'flow-log', query, from, to })
}

const clock = (time: number) => new Date((time - (time % 60)) * 1000).toISOString().slice(11, 19)
const minute = (time: number) =>
  new Date((time - (time % 60)) * 1000).toISOString().slice(0, 23).replace('T', ' ')

/** Sums by key; keys in the order they first appear. */
function sums<T>(list: readonly T[], key: (each: T) => string, amount: (each: T) => number) {
  const totals = new Map<string, number>()
  for (const each of list) totals.set(key(each), (totals.get(key(each)) ?? 0) + amount(each))
  return totals
}

const bandwidth = (row: SeedRow) => Math.trunc((row.bytes * 8) / 60)

const key = (row: readonly (string | null)[]) => JSON.stringify(row)

/** ORDER BY time leaves ties open: both sides are sorted whole, and LIMIT 100 is looked at apart. */
function assertLimited(actual: readonly (string | null)[][], all: readonly string[][]) {
  const expected = new Set(all.map(key))
  assert.equal(actual.length, Math.min(100, all.length))
  assert.equal(new Set(actual.map(key)).size, actual.length)
  for (const row of actual) assert.ok(expected.has(key(row)), `unexpected row ${key(row)}`)
  const times = all.map((row) => row[0]!).sort()
  assert.deepEqual(
    actual.map((row) => row[0]),
    times.slice(0, actual.length),
  )
}

test('seed 1: accept and reject per source on port 80', { skip }, async () => {
  const matching = rows.filter(
    (row) => inRange(row) && row.destination === '10.0.0.1' && row.port === 80,
  )
  const counted = (action: string) =>
    sums(
      matching,
      (row) => row.source,
      (row) => (row.action === action ? 1 : 0),
    )
  const [accepted, rejected] = [counted('ACCEPT'), counted('REJECT')]
  const expected = [...accepted.keys()].map((source) => [
    source,
    `${accepted.get(source)}`,
    `${rejected.get(source)}`,
  ])
  const result = await ask(1)
  assert.deepEqual(result.columns, [
    { name: 'srcaddr', type: 'varchar' },
    { name: 'accept_count', type: 'bigint' },
    { name: 'reject_count', type: 'bigint' },
  ])
  assert.ok(expected.length > 5)
  assert.deepEqual(new Set(result.rows.map(key)), new Set(expected.map(key)))
  assert.equal(result.rows.length, expected.length)
  const totals = result.rows.map((row) => Number(row[1]) + Number(row[2]))
  assert.deepEqual(
    totals,
    [...totals].sort((a, b) => b - a),
  )
  assert.equal(result.limited, false)
})

const pairs = [
  [
    2,
    (row: SeedRow) =>
      either(
        row,
        (a) => a === '10.0.0.1',
        (a) => a.startsWith('10.0.0.'),
      ),
  ],
  [
    3,
    (row: SeedRow) =>
      either(
        row,
        (a) => a.startsWith('10.0.'),
        (a) => a.startsWith('172.16.'),
      ),
  ],
] as const

function either(row: SeedRow, one: (a: string) => boolean, other: (a: string) => boolean): boolean {
  return (one(row.source) && other(row.destination)) || (other(row.source) && one(row.destination))
}

for (const [number, matches] of pairs) {
  test(`seed ${number}: bandwidth per pair and minute`, { skip }, async () => {
    const matching = rows.filter((row) => inRange(row) && matches(row))
    const key = (row: SeedRow) =>
      JSON.stringify([clock(row.time), `${row.source}->${row.destination}`])
    const all = [...sums(matching, key, bandwidth)].map(([each, sum]) => [
      ...(JSON.parse(each) as string[]),
      `${sum}`,
    ])
    const result = await ask(number)
    assert.deepEqual(
      result.columns.map((column) => column.name),
      ['time', 'src_to_dst', 'bandwidth'],
    )
    assert.ok(all.length > 50)
    assertLimited(result.rows, all)
  })
}

const nat = [
  [
    4,
    (row: SeedRow) =>
      row.direction === 'in' &&
      row.source.startsWith('10.0.0.') &&
      row.destination === '120.26.0.1',
    (row: SeedRow) => [row.source],
    ['time', 'srcaddr', 'bandwidth'],
  ],
  [
    5,
    (row: SeedRow) =>
      row.direction === 'out' &&
      row.destination.startsWith('10.0.0.') &&
      row.source === '120.26.0.1',
    (row: SeedRow) => [row.destination],
    ['time', 'dstaddr', 'bandwidth'],
  ],
  [
    6,
    (row: SeedRow) => row.direction === 'in' && row.source.startsWith('10.0.0.'),
    (row: SeedRow) => [`${row.source}->${row.destination}`],
    ['time', '_col1', 'bandwidth'],
  ],
] as const

for (const [number, matches, names, columns] of nat) {
  test(`seed ${number}: bandwidth through the NAT gateway`, { skip }, async () => {
    const matching = rows.filter((row) => inRange(row) && matches(row))
    const key = (row: SeedRow) => JSON.stringify([clock(row.time), ...names(row)])
    const all = [...sums(matching, key, bandwidth)].map(([each, sum]) => [
      ...(JSON.parse(each) as string[]),
      `${sum}`,
    ])
    const result = await ask(number)
    assert.deepEqual(
      result.columns.map((column) => column.name),
      columns,
    )
    assert.ok(all.length > 20)
    assertLimited(result.rows, all)
  })
}

test('seed 7: share of two VPCs on one Express Connect line', { skip }, async () => {
  const matching = rows.filter(
    (row) =>
      inRange(row) &&
      row.action === 'ACCEPT' &&
      row.source.startsWith('192.168.') &&
      row.destination.startsWith('10.1.'),
  )
  const rate = (row: SeedRow) =>
    Math.trunc((row.bytes * 8) / (row.end - row.start === 0 ? 1 : row.end - row.start))
  const part = (prefix: string) =>
    sums(
      matching.filter((row) => row.source.startsWith(prefix)),
      (row) => minute(row.time),
      rate,
    )
  const [first, second] = [part('192.168.20.'), part('192.168.10.')]
  const expected = [...new Set([...first.keys(), ...second.keys()])].sort().map((each) => {
    const [a, b] = [first.get(each) ?? 0, second.get(each) ?? 0]
    const share = (one: number) => `${Math.trunc((one * 100) / (a + b))}`
    return [each, share(a), share(b)]
  })
  const result = await ask(7)
  assert.deepEqual(result.columns, [
    { name: 'minute', type: 'timestamp' },
    { name: 'vpc1_percentage', type: 'bigint' },
    { name: 'vpc2_percentage', type: 'bigint' },
  ])
  assert.ok(expected.length > 20)
  assert.deepEqual(result.rows, expected)
})
