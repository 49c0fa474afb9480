/** `count_once`: of traffic that two ENIs of one VPC saw, one side (docs/query.md). */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestRow } from '../../test/query-logstore.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import { sideBySide } from '../../test/side-by-side.ts'

const test = sideBySide()

const at = 1_700_000_400 // a bound of a window of any length

interface Side {
  readonly eni?: string
  readonly way?: 'in' | 'out'
  readonly start?: number
  readonly packets?: number
  readonly more?: TestRow
}

const record = ({ eni = 'a', way = 'out', start = 0, packets = 10, more = {} }: Side): TestRow => ({
  ...testRecord,
  'eni-id': eni,
  direction: way,
  __time__: at + start,
  start: at + start,
  end: at + start + 5,
  packets,
  bytes: packets * 100,
  ...more,
})

async function asking(context: TestContext, rows: readonly TestRow[]) {
  const store = await testLogstore([rows])
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store.reader)
  context.after(async () => {
    await engine.close()
    await store.remove()
  })
  const range = { project: 'weir', logstore: 'flow-log', from: at, to: at + 3600 }
  return async (query: string) => (await engine.run({ ...range, query })).rows
}

/** What is kept, as `eni way packets`. */
async function keeps(context: TestContext, sides: readonly Side[], want: readonly string[]) {
  const ask = await asking(context, sides.map(record))
  const rows = await ask(
    '* | select "eni-id", direction, packets from count_once order by start, 1, 2 limit 1000',
  )
  assert.deepEqual(
    rows.map((row) => row.join(' ')),
    want,
  )
}

test('out at one ENI and in at the other: the sender’s record is kept', (context) =>
  keeps(context, [{ eni: 'a' }, { eni: 'b', way: 'in' }], ['a out 10']))

test('the reply is another five-tuple, and has a sender of its own', (context) => {
  const reply = { srcaddr: '10.0.0.2', srcport: 80, dstaddr: '10.0.0.1', dstport: 40000 }
  return keeps(
    context,
    [
      { eni: 'a' },
      { eni: 'b', way: 'in' },
      { eni: 'b', way: 'out', packets: 7, more: reply },
      { eni: 'a', way: 'in', packets: 7, more: reply },
    ],
    ['a out 10', 'b out 7'],
  )
})

test('one side alone is kept: a peer outside, or an ENI without a flow log', async (context) => {
  await keeps(context, [{ eni: 'b', way: 'in' }], ['b in 10'])
  await keeps(context, [{ eni: 'a' }], ['a out 10'])
})

test('one side REJECT: the packets were sent, and the sender’s record counts them', async (context) => {
  const sides = [{ eni: 'a' }, { eni: 'b', way: 'in', more: { action: 'REJECT' } }] as const
  await keeps(context, sides, ['a out 10'])
  const ask = await asking(context, sides.map(record))
  // A search comes first: who asks for what was rejected is told.
  const rejected = 'action:REJECT | select "eni-id", packets from count_once'
  assert.deepEqual(await ask(rejected), [['b', '10']])
})

test('rejected on the way out: there is no other side', (context) =>
  keeps(context, [{ eni: 'a', more: { action: 'REJECT' } }], ['a out 10']))

test('capture windows of one and of ten minutes: sides are compared within ten minutes', (context) => {
  const minutes = Array.from({ length: 10 }, (_, minute) => ({ eni: 'a', start: minute * 60 }))
  return keeps(
    context,
    [...minutes, { eni: 'b', way: 'in', packets: 100 }],
    minutes.map(() => 'a out 10'),
  )
})

test('a sender that was captured in part: the side with more packets is kept', (context) =>
  keeps(
    context,
    [
      { eni: 'a', start: 480, packets: 20 },
      { eni: 'b', way: 'in', packets: 100 },
    ],
    ['b in 100'],
  ))

test('the next ten minutes are decided for themselves', (context) =>
  keeps(
    context,
    [
      { eni: 'b', way: 'in' },
      { eni: 'a', start: 600 },
      { eni: 'b', way: 'in', start: 600 },
    ],
    ['b in 10', 'a out 10'],
  ))

test('NAT in between changes the five-tuple: both sides are kept', (context) =>
  keeps(
    context,
    [{ eni: 'a' }, { eni: 'b', way: 'in', more: { srcaddr: '10.0.9.9' } }],
    ['a out 10', 'b in 10'],
  ))

test('an ENI that forwards has the flow in both directions: three hops are counted once', (context) =>
  keeps(
    context,
    [{ eni: 'z' }, { eni: 'm', way: 'in' }, { eni: 'm', way: 'out' }, { eni: 'b', way: 'in' }],
    ['z out 10'],
  ))

test('ENIs of two VPCs, one ENI in both directions, and receivers alone are no pair', async (context) => {
  await keeps(
    context,
    [{ eni: 'a' }, { eni: 'b', way: 'in', more: { 'vpc-id': 'vpc-2' } }],
    ['a out 10', 'b in 10'],
  )
  await keeps(context, [{ eni: 'a' }, { eni: 'a', way: 'in' }], ['a in 10', 'a out 10'])
  const both = [
    { eni: 'a', way: 'in' },
    { eni: 'b', way: 'in' },
  ] as const
  await keeps(context, both, ['a in 10', 'b in 10'])
})

test('records without a flow stay: NODATA, and a VPC that is not known', async (context) => {
  const none = { srcaddr: null, dstaddr: null, direction: null, packets: null, bytes: null }
  const noData = { ...none, 'log-status': 'NODATA' }
  const ask = await asking(context, [
    record({ more: noData }),
    record({ eni: 'b', more: noData }),
    record({ more: { 'vpc-id': null } }),
    record({ eni: 'b', way: 'in', more: { 'vpc-id': null } }),
  ])
  const counted =
    '* | select count(*), sum(bytes), count_if("log-status" = \'NODATA\') from count_once'
  assert.deepEqual(await ask(counted), [['4', '2000', '2']])
})

test('it joins, groups and spreads as log does', async (context) => {
  const ask = await asking(context, [record({}), record({ eni: 'b', way: 'in' })])
  const both =
    '* | select (select sum(bytes) from log), sum(bytes), min(srcaddr) from count_once where dstport = 80'
  assert.deepEqual(await ask(both), [['2000', '1000', '10.0.0.1']])
  const spread = "* | select flow_time('1m') as t, flow_sum(bytes) as b from count_once group by t"
  assert.deepEqual(await ask(spread), [[String(at), '1000']])
})

test('a logstore that holds no flow logs has no count_once', async (context) => {
  const store = await testLogstore([[{ ...testRecord, a: 'x' }]], [{ name: 'a', kind: 'text' }])
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store.reader)
  context.after(async () => {
    await engine.close()
    await store.remove()
  })
  const query = '* | select count(*) from count_once'
  await assert.rejects(
    engine.run({ project: 'weir', logstore: 'flow-log', query, from: 0, to: 1 }),
    { code: 'QueryRefused', message: 'the table count_once is not open to this query' },
  )
})
