import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { Column, ColumnBatch } from '../base/columns.ts'
import { Billing, type BillingThings, cloudPrices, readPriceList } from './billing.ts'
import { amountOfText } from './money.ts'

const hour = 3600
const day = 24 * hour
const gb = 2n ** 30n
/** 2022-09-30 23:00 in Shanghai: the last hour of the page's month. */
const lastHour = Date.parse('2022-09-30T15:00:00Z') / 1000

const shape = { fields: ['account-id', 'vpc-id'], account: 'account-id', network: 'vpc-id' }
const text = (...values: string[]) => ({
  kind: 'text' as const,
  codes: Uint32Array.from(values, (_, i) => i + 1),
  dictionary: values,
})
/** Two records: 'account-id' + 'vpc-id' are 16 bytes, and the values are 1 and 5. */
const records: ColumnBatch = {
  rows: 2,
  columns: new Map([
    ['account-id', text('1', '2')],
    ['vpc-id', text('vpc-a', 'vpc-b')],
  ]),
}
const recordBytes = 22

/** A clock, a disk and a log store of one file, which outlive the process that bills. */
function world(t: TestContext, more: Partial<BillingThings> = {}) {
  const path = join(temporaryFolder(t), 'bills.db')
  const state = { now: lastHour + 10, free: 1000, stored: 0n, hasLogstores: true, asked: 0 }
  const stored = new Set<string>()
  const done: string[] = []
  const effect = (name: string) => async (account: string) => void done.push(`${name} ${account}`)
  const start = (other: Partial<BillingThings> = {}) => {
    const db = new DatabaseSync(path)
    db.exec('PRAGMA journal_mode = WAL')
    const billing = new Billing({
      db,
      prices: { list: readPriceList(cloudPrices), plan: 'byFeature' },
      overdue: undefined,
      effects: { suspend: effect('suspend'), resume: effect('resume'), release: effect('release') },
      shape,
      ownerOf: (account = '-', network) => ({
        account,
        region: network === 'vpc-b' ? 'cn-beijing' : 'cn-hangzhou',
      }),
      analyzerOf: () => undefined,
      isStored: ({ id }) => stored.has(`${id.run} ${id.number}`),
      stored: async (targets) => {
        state.asked++
        const there = state.hasLogstores ? targets : []
        return there.map((target) => ({ target, bytes: state.stored, longBytes: 0n }))
      },
      freeBytes: () => state.free,
      now: () => state.now,
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      ...more,
      ...other,
    })
    const put = (number: number) =>
      billing.store(
        { project: 'p', logstore: 'l', id: { flowLog: 'fl-1', run: 'r', number } },
        records,
        async () => void stored.add(`r ${number}`),
      )
    return { db, billing, put }
  }
  return { state, done, start }
}

test('a record counts for its account and region, in the hour and the month it is stored in', async (t) => {
  const { state, start } = world(t)
  const { billing, put } = start()
  await put(0)
  state.now = lastHour + hour // October
  await Promise.all([put(1), put(2), put(2)])
  await billing.stop()
  const rows = (month: string) =>
    billing
      .bill({ month, by: 'hour' })
      .rows.filter(({ item }) => item === 'flow log generation')
      .map(({ of, account, region, bytes }) => [Number(of), account, region, bytes])
  assert.deepEqual(rows('2022-09'), [
    [lastHour, '1', 'cn-hangzhou', recordBytes],
    [lastHour, '2', 'cn-beijing', recordBytes],
  ])
  assert.deepEqual(rows('2022-10'), [
    [lastHour + hour, '1', 'cn-hangzhou', 2 * recordBytes],
    [lastHour + hour, '2', 'cn-beijing', 2 * recordBytes],
  ])
  assert.equal(billing.bill({}).month, '2022-10')
  assert.deepEqual(
    billing.bill({ by: 'day', account: '2' }).rows.map(({ of, bytes }) => [of, bytes])[0],
    ['2022-10-01', 2 * recordBytes],
  )
})

test('bills go on where they were after a restart, and what was due meanwhile is made', async (t) => {
  const { state, start } = world(t)
  let { billing, put, db } = start()
  await put(0)
  state.now = lastHour + 4 * hour - 1
  await billing.tick()
  assert.equal(billing.bill({}).billedThrough, 0)
  await billing.stop()
  db.close()
  state.now = lastHour + 4 * hour
  ;({ billing, put, db } = start())
  await billing.tick()
  assert.equal(billing.bill({}).billedThrough, lastHour + hour)
  await put(1)
  await billing.stop()
  db.close()
  state.now += 40 * day // nothing ran
  ;({ billing, db } = start())
  await billing.tick()
  assert.equal(billing.bill({}).billedThrough, lastHour + 5 * hour)
})

/**
 * "After you stop a flow log, you will no longer be charged for flow log generation. However, Simple Log Service (SLS)
 * continues to incur charges for the stored flow logs." The same sentences stand for one that is deleted.
 */
test('what is stored is measured once an hour, and costs on when nothing is generated', async (t) => {
  const { state, start } = world(t)
  const { billing, put } = start()
  await put(0)
  await billing.stop()
  state.stored = 100n * gb + 500n * 2n ** 20n
  for (let i = 0; i < 24; i++) {
    state.now = lastHour + hour + i * hour
    await billing.tick()
    state.now += 60
    await billing.tick()
  }
  assert.equal(state.asked, 24)
  const { rows } = billing.bill({ month: '2022-10', by: 'flow-log' })
  assert.deepEqual(rows, [
    {
      of: 'p/l',
      account: '1',
      region: 'cn-hangzhou',
      item: 'log service storage',
      bytes: Number(state.stored),
      freeBytes: 500 * 2 ** 20,
      unpricedBytes: 0,
      amount: '1.150000', // 100 GB for a day at 0.0115
      currency: 'CNY',
    },
  ])
  // "To stop all charges, you must go to the Simple Log Service console and delete the corresponding Logstore."
  state.hasLogstores = false
  state.now = lastHour + 25 * hour
  await billing.tick()
  const { total, rows: last } = billing.bill({ month: '2022-10', by: 'hour' })
  assert.deepEqual([total, last.length], ['1.150000', 24])
})

test('"After the VPC flow log is stopped, billing also stops"', async (t) => {
  const list = readPriceList(cloudPrices)
  const dear = {
    list: {
      ...list,
      items: list.items.map((item) => ({ ...item, free: 0n, tiers: [{ price: 10n ** 14n }] })),
    },
    plan: 'byFeature' as const,
  }
  const { state, done, start } = world(t, {
    prices: dear,
    overdue: { protectionLimit: amountOfText('1'), graceSeconds: undefined },
  })
  const { billing, put } = start()
  await put(0)
  await billing.stop()
  state.now = lastHour + 4 * hour
  await billing.tick()
  assert.deepEqual(done, ['suspend 1', 'suspend 2'])
  assert.equal(billing.isSuspended('1'), true)
  const before = billing.bill({ account: '1' }).total
  state.now += hour
  state.stored = 1000n * gb
  await put(1)
  await billing.tick()
  await billing.stop()
  assert.equal(billing.bill({ account: '1' }).total, before)
  const standing = await billing.topUp('1', '1000000')
  assert.equal(standing.state, 'normal')
  await put(2)
  await billing.stop()
  assert.notEqual(billing.bill({ account: '1' }).total, before)
  state.now += 7 * day
  await billing.tick()
  assert.deepEqual(done, ['suspend 1', 'suspend 2', 'resume 1', 'release 2'])
})

test('days left: the disk at the rate of a week, over a restart; the free quota at that of a day', async (t) => {
  const { state, start } = world(t)
  let { billing, db, put } = start()
  await billing.tick()
  assert.deepEqual(billing.bill({}).disk, { freeBytes: 1000 })
  db.close()
  ;({ billing, db, put } = start())
  state.now += 2 * day
  state.free = 800
  await billing.tick()
  const { daysLeft } = billing.bill({}).disk
  assert.equal(Math.round(daysLeft! * 100) / 100, 8)
  state.free = 5000 // somebody cleaned up
  assert.deepEqual(billing.bill({}).disk, { freeBytes: 5000 })
  await put(0)
  await billing.stop()
  state.now += day / 2
  const quota = billing.bill({ account: '1' }).freeQuotas[0]!
  const began = Math.floor((lastHour + 2 * day) / hour) * hour
  assert.deepEqual([quota.bytes, quota.leftBytes], [5 * 2 ** 30, 5 * 2 ** 30 - recordBytes])
  assert.equal(quota.daysLeft, quota.leftBytes / ((recordBytes / (state.now - began)) * day))
})

test('"a free quota of 5 GB per month": at the rate of the last day, also of the month before, and renewed', async (t) => {
  const { state, start } = world(t)
  const { billing, put } = start()
  state.now = lastHour - 11 * hour // 12:00 on September 30
  await put(0)
  await billing.stop()
  const quota = () => billing.bill({ account: '1' }).freeQuotas[0]
  assert.equal(quota()!.renewedInDays, 0.5)
  state.now = lastHour + hour + hour / 2
  assert.equal(quota(), undefined, 'nothing was used in October')
  await put(1)
  await billing.stop()
  const { leftBytes, daysLeft, renewedInDays } = quota()!
  assert.equal(leftBytes, 5 * 2 ** 30 - recordBytes)
  assert.equal(daysLeft, (leftBytes / (2 * recordBytes)) * (12.5 / 24))
  assert.equal(renewedInDays, 31 - 0.5 / 24)
  const [september] = billing.bill({ account: '1', month: '2022-09' }).freeQuotas
  assert.deepEqual([september!.daysLeft, september!.renewedInDays], [undefined, undefined])
})

test('bills keep their currency and their prices when the list is another', async (t) => {
  const yuan = readPriceList(cloudPrices)
  const items = yuan.items.map((item) => ({ ...item, free: 0n, tiers: [{ price: 10n ** 14n }] }))
  const dear = { list: { ...yuan, items }, plan: 'byFeature' as const }
  const { state, start } = world(t, { prices: dear })
  const { billing, put, db } = start()
  await put(0)
  await billing.stop()
  state.now = lastHour + 4 * hour
  await billing.tick()
  const before = billing.bill({ month: '2022-09', account: '1' })
  assert.deepEqual([before.currency, before.others], ['CNY', []])
  assert.ok(Number(before.total) > 0)
  db.close()
  const dollars = { ...dear.list, name: 'mine', currency: 'USD', date: '2026-12-01' }
  const prices = { ...dear, list: dollars }
  const next = start({ prices })
  const after = next.billing.bill({ month: '2022-09', account: '1' })
  assert.deepEqual(
    [after.currency, after.total, after.others, after.prices],
    [
      'USD',
      '0.000000',
      [{ currency: 'CNY', total: before.total, billed: before.total }],
      'cloud list prices, China (mainland), 2026-11-22',
    ],
  )
  assert.ok(after.rows.every(({ currency }) => currency === 'CNY'))
  await next.put(1)
  await next.billing.stop()
  const october = next.billing.bill({ month: '2022-10', account: '1' })
  assert.deepEqual(
    [october.currency, october.others, october.prices],
    ['USD', [], 'mine, 2026-12-01'],
  )
  assert.ok(Number(october.total) > 0)
})

test('what accounts were charged in one currency is not gone on with in another', async (t) => {
  const yuan = readPriceList(cloudPrices)
  const items = yuan.items.map((item) => ({ ...item, free: 0n, tiers: [{ price: 10n ** 14n }] }))
  const overdue = { protectionLimit: amountOfText('100'), graceSeconds: undefined }
  const prices = { list: { ...yuan, items }, plan: 'byFeature' as const }
  const { state, start } = world(t, { prices, overdue })
  const { billing, put, db } = start()
  await put(0)
  await billing.stop()
  state.now = lastHour + 4 * hour
  await billing.tick()
  db.close()
  assert.throws(() => start({ prices: { ...prices, list: { ...prices.list, currency: 'USD' } } }), {
    code: 'ConfigInvalid',
    message: 'accounts were charged in CNY, and the price list is in USD',
  })
})

/**
 * "Simple Log Service charges these fees after it receives the flow logs. These fees cover data writes and storage."
 * "Network Intelligence Service charges these fees after Traffic Analyzer receives the flow logs. These fees cover traffic
 * analysis processing and storage."
 */
test('what an analyzer reads too is counted with it, once', async (t) => {
  const { state, start } = world(t, { analyzerOf: (flowLog) => flowLog.replace('fl', 'nta') })
  const { billing, put } = start()
  await Promise.all([put(0), put(0)])
  await put(0)
  await billing.stop()
  state.now += hour
  state.stored = gb
  await billing.tick()
  assert.deepEqual(
    billing
      .bill({ by: 'flow-log' })
      .rows.map(({ of, item, bytes, unpricedBytes }) => [of, item, bytes, unpricedBytes]),
    [
      ['nta-1', 'traffic analyzer storage', 2 ** 30, 2 ** 30],
      ['p/l', 'log service storage', 2 ** 30, 0],
    ],
  )
  const rows = billing.bill({ month: '2022-09', account: '1' }).rows
  assert.deepEqual(
    rows.map(({ item, bytes }) => [item, bytes]),
    [
      ['traffic analyzer processing', recordBytes],
      ['flow log generation', recordBytes],
      ['log service write traffic', Math.floor(recordBytes / 5)],
      ['log service index traffic', recordBytes],
    ],
  )
})

test('a batch is copied before the call returns: its arrays may be filled again at once', async (t) => {
  const { billing } = world(t).start()
  const codes = Uint32Array.of(1, 2)
  const values = Float64Array.of(7, 8, 9)
  const dictionary = ['1', '2']
  const refilled: ColumnBatch = {
    rows: 2,
    columns: new Map<string, Column>([
      ['account-id', { kind: 'text', codes, dictionary }],
      ['bytes', { kind: 'integer', values }],
    ]),
  }
  const batch = { project: 'p', logstore: 'l', id: { flowLog: 'fl-1', run: 'r', number: 0 } }
  const storing = billing.store(batch, refilled, async (given) => given)
  codes.fill(0)
  values.fill(0)
  dictionary.length = 0
  assert.deepEqual(await storing, {
    rows: 2,
    columns: new Map<string, Column>([
      ['account-id', { kind: 'text', codes: Uint32Array.of(1, 2), dictionary: ['1', '2'] }],
      ['bytes', { kind: 'integer', values: Float64Array.of(7, 8) }],
    ]),
  })
  await billing.stop()
})
