import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import { openLogStore } from '../logstore/logstore.ts'
import { flowRecordColumns } from '../record/columns.ts'
import { enableLogAnalysisReport, indexConfigOf, Indexes, readIndex } from './log-service.ts'

async function storeFor(t: TestContext) {
  const store = await openLogStore(temporaryFolder(t))
  t.after(() => store.close())
  store.createProject('shop', { description: '' })
  store.createLogstore('shop', 'flow-log', { columns: flowRecordColumns, ttlDays: 300 })
  store.createLogstore('shop', 'web', { columns: [], openColumns: true, ttlDays: 30 })
  return store
}

test('an index as the query engine reads it', async (t) => {
  const store = await storeFor(t)
  assert.equal(indexConfigOf(store, 'shop', 'web'), undefined)
  const word = { type: 'text', token: [''], caseSensitive: true, alias: 'host', docValue: true }
  const body = readIndex({
    line: { token: [',', ' '], exclude_keys: ['secret'], include_keys: [] },
    keys: {
      word,
      size: { type: 'long', doc_value: true },
      rate: { type: 'double' },
      obj: {
        type: 'json',
        indexAll: true,
        jsonKeys: { 'a.b': { type: 'long', alias: 'ab', docValue: true } },
      },
      __topic__: { type: 'text', token: [] },
    },
  })
  const indexes = new Indexes(store, () => 1_800_000_000_999)
  indexes.create('shop', 'web', body)
  assert.equal(indexes.get('shop', 'web').changedAt, 1_800_000_000)
  const config = indexConfigOf(store, 'shop', 'web')!
  const line = { token: [',', ' '], caseSensitive: false, excludeKeys: ['secret'] }
  assert.deepEqual(config.line, line)
  assert.deepEqual(
    [...config.keys].map(([name, { type }]) => [name, type]),
    [
      ['word', 'text'],
      ['size', 'long'],
      ['rate', 'double'],
      ['obj', 'json'],
      ['__topic__', 'text'],
    ],
  )
  const whole = { type: 'text', token: [], caseSensitive: true, alias: 'host', docValue: true }
  assert.deepEqual(config.keys.get('word'), whole, 'an empty token is none')
  assert.deepEqual(config.keys.get('rate'), { type: 'double', docValue: false })
  const { jsonKeys, token, ...rest } = config.keys.get('obj') as Extract<
    ReturnType<typeof config.keys.get>,
    { type: 'json' }
  >
  assert.deepEqual(rest, {
    type: 'json',
    caseSensitive: false,
    docValue: false,
    indexAll: true,
    maxDepth: -1,
  })
  assert.deepEqual(
    token.join(''),
    ', \'";=()[]{}?@&<>/:\n\t\r',
    'the default tokens of alibaba-api.md 3.4',
  )
  assert.deepEqual([...jsonKeys], [['a.b', { type: 'long', alias: 'ab', docValue: true }]])
  assert.deepEqual(store.columns('shop', 'web'), [{ name: 'size', kind: 'integer' }])
})

test('an index, its columns and settings outlive a restart, and go with their logstore', async (t) => {
  const folder = temporaryFolder(t)
  const first = await openLogStore(folder)
  first.createProject('shop', { description: '' })
  first.createLogstore('shop', 'web', { columns: [], openColumns: true, ttlDays: 30 })
  const body = readIndex({ keys: { size: { type: 'long' } } })
  new Indexes(first).create('shop', 'web', body)
  await first.close()
  const store = await openLogStore(folder)
  t.after(() => store.close())
  assert.deepEqual(new Indexes(store).get('shop', 'web').body, body)
  assert.deepEqual(store.columns('shop', 'web'), [{ name: 'size', kind: 'integer' }])
  await store.deleteLogstore('shop', 'web')
  store.createLogstore('shop', 'web', { columns: [], openColumns: true, ttlDays: 30 })
  assert.equal(new Indexes(store).find('shop', 'web'), undefined)
})

test('"Enable Log Analysis Report": the flow log index, and 7 days', async (t) => {
  const store = await storeFor(t)
  enableLogAnalysisReport(store, 'shop', 'flow-log')
  assert.deepEqual(
    store.logstores('shop').map(({ name, ttlDays }) => [name, ttlDays]),
    [
      ['flow-log', 7],
      ['web', 30],
    ],
  )
  assert.deepEqual(store.columns('shop', 'flow-log'), flowRecordColumns, 'no column is added')
  const { line, keys } = indexConfigOf(store, 'shop', 'flow-log')!
  assert.ok(line !== undefined && line.token.includes(':'), 'full text too')
  const named = (type: string) =>
    [...keys].filter(([, key]) => key.type === type).map(([name]) => name)
  assert.deepEqual(
    named('long').toSorted(),
    flowRecordColumns
      .filter(({ kind }) => kind === 'integer')
      .map(({ name }) => name)
      .toSorted(),
  )
  // "long, doc_value: bytes, packets, start, end, srcport, dstport, protocol; version, tcp-flags, traffic_path"
  for (const name of ['bytes', 'packets', 'start', 'end', 'srcport', 'dstport', 'protocol'])
    assert.deepEqual(keys.get(name), { type: 'long', docValue: true })
  // "Do not make . or - a token for address and id fields: srcaddr:10.0.0.* must be a prefix match on the whole address."
  const oneWord = { type: 'text', token: [], caseSensitive: false, docValue: true }
  for (const name of [
    'srcaddr',
    'dstaddr',
    'eni-id',
    'vm-id',
    'vpc-id',
    'vswitch-id',
    'account-id',
  ])
    assert.deepEqual(keys.get(name), oneWord, name)
  for (const name of ['srctype', 'dsttype', 'region', 'action', 'direction', 'log-status', 'type'])
    assert.equal(keys.get(name)?.type, 'text', name)
  assert.throws(() => enableLogAnalysisReport(store, 'shop', 'none'), { code: 'LogStoreNotExist' })
})
