import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { cycleAt, dayAt, monthRange } from './cycles.ts'
import { feeOf } from './fees.ts'
import {
  amountDigits,
  amountOf,
  amountOfText,
  amountOne,
  amountText,
  gigabyte,
  millionthsOf,
} from './money.ts'
import { cloudPrices, readPriceList } from './price-list.ts'
import { daysLeft } from './runway.ts'

test('a byte costs exactly a 2^30th of a GB', () => {
  assert.equal(amountOf(1n, 2_500_000n, 'GB') * gigabyte, amountOfText('2.5'))
  assert.equal(amountOf(1n, 11_500n, 'GB-day') * gigabyte * 24n, amountOfText('0.0115'))
})

test('amounts are rounded half up, away from zero, and only once', () => {
  const cent = amountOne / 100n
  const f = (amount: bigint, wanted: string) => assert.equal(amountText(amount), wanted)
  f(0n, '0.00')
  f(cent / 2n, '0.01')
  f(cent / 2n - 1n, '0.00')
  f(-cent / 2n, '-0.01')
  f(-cent / 2n + 1n, '0.00')
  f(amountOfText('63987.5'), '63987.50')
  f(amountOfText('999.995'), '1000.00')
  assert.equal(amountDigits(1n), '0.000000')
  assert.equal(amountDigits(cent / 2n - 1n), '0.004999')
  assert.equal(amountDigits(-amountOfText('12.3456')), '-12.345600')
})

test('prices have at most six decimals', () => {
  assert.equal(millionthsOf('0.0115'), 11_500n)
  assert.equal(millionthsOf('100'), 100_000_000n)
  for (const text of ['', '-1', '1.', '.5', '1e3', '0.0000001', '1,5', ' 1'])
    assert.throws(() => millionthsOf(text), /ParameterInvalid/, text)
})

test('any cut of a month gives the same sum', () => {
  const tiers = [{ upTo: 10n, price: 7n }, { upTo: 15n }, { upTo: 40n, price: 3n }, { price: 1n }]
  for (const free of [0n, 4n, 12n, 60n])
    for (let cut = 0n; cut <= 50n; cut++) {
      const item = { free, tiers, per: 'GB' } as const
      const whole = feeOf(item, 0n, 50n)
      const parts = [feeOf(item, 0n, cut), feeOf(item, cut, 50n - cut)]
      for (const key of ['free', 'unpriced', 'amount'] as const)
        assert.equal(parts[0]![key] + parts[1]![key], whole[key], `${key} at ${cut}, free ${free}`)
    }
})

test('hours, days and months are those of the time zone', () => {
  const at = (text: string): number => Date.parse(text) / 1000
  const f = (time: string, zone: string, wanted: string) =>
    assert.equal(cycleAt(at(time), zone), at(wanted), `${time} ${zone}`)
  f('2026-11-22T10:59:59Z', 'UTC', '2026-11-22T10:00:00Z')
  f('2026-11-22T11:00:00Z', 'UTC', '2026-11-22T11:00:00Z')
  f('2026-11-22T11:15:00Z', 'Asia/Kolkata', '2026-11-22T10:30:00Z')
  f('2026-11-22T11:15:00Z', 'Asia/Kathmandu', '2026-11-22T11:15:00Z')
  assert.equal(dayAt(at('2026-11-22T16:00:00Z'), 'Asia/Shanghai'), '2026-11-23')
  const hours = (month: string, zone: string): number => {
    const { from, to } = monthRange(month, zone)
    return (to - from) / 3600
  }
  assert.equal(hours('2024-02', 'Asia/Shanghai'), 29 * 24)
  assert.equal(hours('2026-02', 'UTC'), 28 * 24)
  assert.equal(hours('2026-03', 'Europe/Berlin'), 31 * 24 - 1)
  assert.equal(hours('2026-10', 'Europe/Berlin'), 31 * 24 + 1)
  assert.equal(monthRange('2026-12', 'UTC').to, at('2027-01-01T00:00:00Z'))
  for (const month of ['2026-13', '2026-1', 'now', '2026-11-01'])
    assert.throws(() => monthRange(month, 'UTC'), /ParameterInvalid/)
})

test('a price list has a date and a currency, and is checked', (t) => {
  const { name, currency, date, zone } = readPriceList(cloudPrices)
  assert.deepEqual(
    [name, currency, date, zone],
    ['cloud list prices, China (mainland)', 'CNY', '2026-11-22', 'Asia/Shanghai'],
  )
  const path = join(temporaryFolder(t), 'mine.yaml')
  const f = (text: string, wanted: RegExp) => {
    writeFileSync(path, text)
    assert.throws(() => readPriceList(path), wanted)
  }
  const head = 'name: mine\ncurrency: EUR\ndate: 2026-01-31\nzone: Europe/Berlin\n'
  const item = 'items: [{ item: x, of: generated, per: GB, tiers: '
  f('a: [', /ConfigInvalid: not YAML/)
  f(`${head}${item}[{ price: 2.5 }] }]`, /items\.0\.tiers\.0\.price/)
  f(`${head}${item}[{ upTo: 1 TB, price: "1" }] }]`, /each tier but the last ends/)
  f(`${head}${item}[{ upTo: 2 TB }, { upTo: 1 TB }, {}] }]`, /each tier but the last ends/)
  f(`${head}${item}[{ upTo: 2 PB }, {}] }]`, /2 PB is no size such as 5 GB/)
  f(`${head.replace('Berlin', 'Bern')}${item}[{}] }]`, /zone: is no time zone/)
  f(`${head.replace('01-31', '02-31')}${item}[{}] }]`, /date: /)
  f(`${head}${item}[{}], prize: 1 }]`, /Unrecognized key: "prize"/)
  f(
    `${head}${item}[{}] }, { item: x, of: stored, per: GB, tiers: [{}] }]`,
    /an item is there twice/,
  )
  assert.throws(() => readPriceList(`${path}.none`), /FileUnreadable/)
  writeFileSync(path, `${head}${item}[{ price: "0.1" }] }]`)
  assert.equal(readPriceList(path).items[0]!.tiers[0]!.price, 100_000n)
})

test('days left at this rate', () => {
  assert.equal(daysLeft(100, 10, 86_400), 10)
  assert.equal(daysLeft(100, 10, 43_200), 5)
  assert.equal(daysLeft(-5, 10, 86_400), 0)
  assert.equal(daysLeft(100, 0, 86_400), undefined)
  assert.equal(daysLeft(100, -3, 86_400), undefined)
})
