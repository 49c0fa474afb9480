import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Bills, type BillLine, type Prices } from './bills.ts'
import { monthRange } from './cycles.ts'
import { feeOf } from './fees.ts'
import { amountOfText, amountText, gigabyte } from './money.ts'
import { cloudPrices, itemsOf, readPriceList } from './price-list.ts'
import { prepareBillingTables } from './tables.ts'
import { UsageBook } from './usage.ts'
import { randomFrom } from '../../test/random-from.ts'

const list = readPriceList(cloudPrices)
const prices: Prices = { list, plan: 'byFeature' }
const generation = itemsOf(list, 'byFeature').find(({ of }) => of === 'generated')!
const hour = 3600
const terabyte = 1024n * gigabyte
/** "Between 00:00:00 on September 1, 2022, and 00:00:00 on October 1, 2022" */
const september = monthRange('2022-09', 'Asia/Shanghai')

function open() {
  const db = new DatabaseSync(':memory:')
  prepareBillingTables(db)
  const usage = new UsageBook(db)
  return { db, usage, bills: new Bills(db, usage, prices) }
}

const use = (cycle: number, bytes: bigint, more: object = {}) => ({
  cycle,
  account: '1210123456789012',
  region: 'cn-shanghai',
  flowLog: 'fl-1',
  target: 'p/l',
  kind: 'generated' as const,
  bytes,
  ...more,
})

const generationOf = (lines: readonly BillLine[]): bigint =>
  lines
    .filter(({ item }) => item === 'flow log generation')
    .reduce((sum, { amount }) => sum + amount, 0n)

const noCharge = (): void => undefined

test('example 1: "you deliver a total of 3 GB ... your only cost for the month is the fees charged by Simple Log Service"', () => {
  assert.equal(amountText(feeOf(generation, 0n, 3n * gigabyte).amount), '0.00')
  assert.equal(feeOf(generation, 0n, 3n * gigabyte).free, 3n * gigabyte)
})

test('example 2: "(100 - 5) x 2.5 = CNY 237.5"', () => {
  assert.equal(feeOf(generation, 0n, 100n * gigabyte).amount, amountOfText('237.5'))
})

test('example 3: 60 TB: "25,587.5 + 25,600 + 10,240 + 2,560 = CNY 63,987.5"', () => {
  const parts = [
    [0n, 10n, '25587.5'],
    [10n, 30n, '25600'],
    [30n, 50n, '10240'],
    [50n, 60n, '2560'],
  ] as const
  for (const [from, to, wanted] of parts)
    assert.equal(
      feeOf(generation, from * terabyte, (to - from) * terabyte).amount,
      amountOfText(wanted),
    )
  assert.equal(amountText(feeOf(generation, 0n, 60n * terabyte).amount), '63987.50')
})

/** "billed based on the monthly volume of logs generated in each region and use a tiered pricing model" */
test('"0 TB to 10 TB (inclusive)", "10 TB to 30 TB (inclusive)", "30 TB to 50 TB (inclusive)", "More than 50 TB"', () => {
  for (const [end, before, after] of [
    [10n, '2.5', '1.25'],
    [30n, '1.25', '0.5'],
    [50n, '0.5', '0.25'],
  ] as const) {
    const bytes = end * terabyte
    const ofGb = (price: string) => amountOfText(price) / gigabyte
    assert.equal(feeOf(generation, bytes - 1n, 1n).amount, ofGb(before), `the last of ${end} TB`)
    assert.equal(feeOf(generation, bytes, 1n).amount, ofGb(after), `the first above ${end} TB`)
  }
})

for (const [bytes, wanted] of [
  [3n * gigabyte, '0'],
  [100n * gigabyte, '237.5'],
  [60n * terabyte, '63987.5'],
] as const)
  test(`${bytes / gigabyte} GB in the 720 hours of September 2022 make bills of CNY ${wanted} in all`, () => {
    const { usage, bills } = open()
    const seed = 20_220_901
    const random = randomFrom(seed)
    const hours = (september.to - september.from) / hour
    assert.equal(hours, 720)
    let left = bytes
    for (let i = 0; i < hours; i++) {
      const share = ((left * BigInt(random(1000))) / BigInt(1000 * (hours - i))) * 2n
      const part = i === hours - 1 || share > left ? left : share
      left -= part
      for (const flowLog of ['fl-1', 'fl-2'])
        usage.add(
          use(september.from + i * hour, flowLog === 'fl-1' ? part / 3n : part - part / 3n, {
            flowLog,
          }),
        )
    }
    assert.equal(bills.makeDue(september.to + 3 * hour, noCharge), 720)
    const lines = bills.month('2022-09')
    assert.ok(lines.every(({ billed }) => billed))
    assert.equal(generationOf(lines), amountOfText(wanted), `seed ${seed}`)
  })

test('"Bills are generated hourly, typically 3 to 4 hours after each billing cycle ends"', () => {
  const { usage, bills } = open()
  usage.add(use(september.from, gigabyte))
  const ends = september.from + hour
  assert.equal(bills.makeDue(ends + 3 * hour - 1, noCharge), 0)
  assert.deepEqual(
    bills.month('2022-09').map(({ billed }) => billed),
    [false, false, false],
  )
  assert.equal(bills.makeDue(ends + 3 * hour, noCharge), 1)
  assert.equal(bills.makeDue(ends + 3 * hour, noCharge), 0)
  assert.ok(bills.month('2022-09').every(({ billed }) => billed))
})

test('an hour that is not yet billed costs what its bill will say', () => {
  const { usage, bills } = open()
  usage.add(use(september.from, 4n * gigabyte))
  usage.add(use(september.from + hour, 4n * gigabyte))
  const before = bills.month('2022-09')
  assert.equal(generationOf(before), amountOfText('7.5'))
  bills.makeDue(september.from + 4 * hour, noCharge)
  const between = bills.month('2022-09')
  bills.makeDue(september.to, noCharge)
  const after = bills.month('2022-09')
  const plain = (lines: BillLine[]) => lines.map(({ billed: _, ...line }) => line)
  assert.deepEqual(plain(between), plain(before))
  assert.deepEqual(plain(after), plain(before))
})

/** "Each primary account receives a free quota of 5 GB per month in each region." */
test('the free quota is of each month, account and region, and a month ends in its time zone', () => {
  const { usage, bills } = open()
  const last = september.to - hour
  assert.equal(new Date(september.to * 1000).toISOString(), '2022-09-30T16:00:00.000Z')
  for (const cycle of [last, september.to]) usage.add(use(cycle, 5n * gigabyte))
  usage.add(use(last, 5n * gigabyte, { region: 'cn-beijing' }))
  usage.add(use(last, 5n * gigabyte, { account: '2' }))
  bills.makeDue(september.to + 10 * hour, noCharge)
  assert.equal(generationOf(bills.month('2022-09')), 0n)
  assert.equal(generationOf(bills.month('2022-10')), 0n)
  assert.equal(bills.month('2022-10').filter(({ billed }) => billed).length, 3)
})

test('what comes for an hour that is billed is in the next open hour, also when the clock goes back', () => {
  const { usage, bills } = open()
  usage.add(use(september.from, gigabyte))
  bills.makeDue(september.from + 4 * hour, noCharge)
  usage.add(use(september.from, 2n * gigabyte))
  usage.add(use(september.from - 100 * hour, 3n * gigabyte))
  assert.deepEqual(usage.between(0, september.to), [
    use(september.from, gigabyte),
    use(september.from + hour, 5n * gigabyte),
  ])
})

test('a clock that jumps ahead bills no hour without usage, and goes on where it was', () => {
  const { usage, bills } = open()
  usage.add(use(september.from, gigabyte))
  assert.equal(bills.makeDue(september.from + 365 * 24 * hour, noCharge), 1)
  usage.add(use(september.from + hour, gigabyte))
  assert.equal(usage.billedThrough(), september.from)
  assert.deepEqual(
    usage.between(0, september.to).map(({ cycle }) => cycle),
    [september.from, september.from + hour],
  )
})

test('a bill tells its amount once, in the transaction that makes it', () => {
  const { usage, bills } = open()
  usage.add(use(september.from, 105n * gigabyte))
  assert.throws(() =>
    bills.makeDue(september.to, () => {
      throw new Error('the disk is full')
    }),
  )
  assert.equal(usage.billedThrough(), -1)
  const told: unknown[] = []
  bills.makeDue(september.to, (...bill) => told.push(bill))
  bills.makeDue(september.to, (...bill) => told.push(bill))
  const writing = (105n * 20n * gigabyte) / 100n - 500n * 2n ** 20n
  const wanted =
    amountOfText('250') +
    feeOf({ free: 0n, tiers: [{ price: 180_000n }], per: 'GB' }, 0n, writing).amount +
    feeOf({ free: 500n * 2n ** 20n, tiers: [{ price: 350_000n }], per: 'GB' }, 0n, 105n * gigabyte)
      .amount
  assert.deepEqual(told, [['1210123456789012', september.from, wanted]])
})

test('what is stored costs by the hour, above its free quota in each', () => {
  const { usage, bills } = open()
  const free = 500n * 2n ** 20n
  for (let i = 0; i < 24; i++)
    usage.note(use(september.from + i * hour, 100n * gigabyte + free, { kind: 'stored' }))
  usage.note(use(september.from, 999n * gigabyte, { kind: 'stored' })) // the first word stands
  bills.makeDue(september.to, noCharge)
  const lines = bills.month('2022-09')
  assert.equal(
    amountText(lines.reduce((sum, { amount }) => sum + amount, 0n)),
    '1.15', // 100 GB a day at 0.0115
  )
})

/** "Simple Log Service offers two billing methods: pay-by-data-volume and pay-by-feature." */
test('pay-by-data-volume has other items', () => {
  assert.deepEqual(
    itemsOf(list, 'byDataVolume').map(({ item }) => item),
    [
      'flow log generation',
      'log service data written',
      'log service storage',
      'data transformation',
      'traffic analyzer processing',
      'traffic analyzer storage',
    ],
  )
})

test('an item without a price shows its bytes and costs nothing', () => {
  const analyzer = list.items.find(({ of }) => of === 'analyzed')!
  assert.deepEqual(feeOf(analyzer, 0n, 7n * gigabyte), {
    free: 5n * gigabyte,
    unpriced: 2n * gigabyte,
    amount: 0n,
  })
})
