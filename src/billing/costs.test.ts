import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { estimate } from './estimate.ts'
import { gigabyte } from './money.ts'
import { cloudPrices, readPriceList } from './price-list.ts'
import { emptyTrafficPrices, readTrafficPrices, trafficCosts } from './traffic-cost.ts'

const list = { ...readPriceList(cloudPrices) }
const generationOnly = {
  plan: 'byFeature' as const,
  list: { ...list, items: list.items.filter(({ item }) => item === 'flow log generation') },
}

test('a flow log before it is made: "window 10 min instead of 1: -N %, REJECT only: -N %"', () => {
  const gb = 2 ** 30
  const measured = [
    { windowSeconds: 600, traffic: 'Allow' as const, records: 9, bytes: 1 * gb },
    { windowSeconds: 60, traffic: 'Allow' as const, records: 90, bytes: 9 * gb },
    { windowSeconds: 60, traffic: 'Drop' as const, records: 10, bytes: 0.75 * gb },
    { windowSeconds: 60, traffic: 'none' as const, records: 2, bytes: 0.25 * gb },
  ]
  const day = 86_400
  const { currency, options } = estimate(measured, day, generationOnly)
  assert.equal(currency, 'CNY')
  assert.deepEqual(options, [
    {
      windowSeconds: 60,
      trafficType: 'All',
      recordsPerDay: 102,
      bytesPerDay: 10 * gb,
      amount: '737.50', // (300 - 5) x 2.5
      percent: 0,
    },
    {
      windowSeconds: 60,
      trafficType: 'Allow',
      recordsPerDay: 92,
      bytesPerDay: 9.25 * gb,
      amount: '681.25',
      percent: -7.5,
    },
    {
      windowSeconds: 60,
      trafficType: 'Drop',
      recordsPerDay: 12,
      bytesPerDay: gb,
      amount: '62.50',
      percent: -90,
    },
    ...(['All', 'Allow'] as const).map((trafficType) => ({
      windowSeconds: 600,
      trafficType,
      recordsPerDay: 9,
      bytesPerDay: gb,
      amount: '62.50',
      percent: -90,
    })),
    {
      windowSeconds: 600,
      trafficType: 'Drop',
      recordsPerDay: 0,
      bytesPerDay: 0,
      amount: '0.00',
      percent: -100,
    },
  ])
  assert.equal(estimate(measured, day / 24, generationOnly).options[0]!.bytesPerDay, 240 * gb)
  assert.deepEqual(estimate([], day, generationOnly).options, [])
})

const sum = (path: number | undefined, direction: string, bytes: bigint) => ({
  path,
  direction,
  of: 'i-1',
  bytes,
  records: 3,
  query: `traffic_path:${path}`,
})

test('traffic costs by the first row of the table that fits its path and direction', (t) => {
  const path = join(temporaryFolder(t), 'traffic.yaml')
  writeFileSync(
    path,
    `currency: EUR
date: 2026-01-02
rows:
  - { says: internet, paths: [13, 14, 15], direction: out, price: "0.8" }
  - { says: anything by NAT, paths: [7, 15], direction: both, price: "0.000001" }
  - { says: other region, paths: [18], direction: out }
`,
  )
  const costs = trafficCosts(
    [
      sum(15, 'in', gigabyte),
      sum(15, 'out', 2n * gigabyte),
      sum(18, 'out', 3n),
      sum(2, 'out', 7n),
      sum(undefined, 'out', 1n),
    ],
    readTrafficPrices(path),
  )
  assert.deepEqual(
    costs.rows.map(({ path: code, direction, bytes, says, amount }) => [
      code,
      direction,
      bytes,
      says,
      amount,
    ]),
    [
      [15, 'out', 2 * 2 ** 30, 'internet', '1.600000'],
      [15, 'in', 2 ** 30, 'anything by NAT', '0.000001'],
      [2, 'out', 7, undefined, undefined],
      [18, 'out', 3, 'other region', undefined],
      [undefined, 'out', 1, undefined, undefined],
    ],
  )
  assert.deepEqual([costs.currency, costs.date, costs.total], ['EUR', '2026-01-02', '1.600001'])
})

test('the table that is shipped has no price', () => {
  const { rows } = readTrafficPrices(emptyTrafficPrices)
  assert.equal(rows.length, 6)
  assert.ok(rows.every(({ price }) => price === undefined))
})
