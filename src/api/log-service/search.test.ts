/** Searches of the log service through a listening server, a real log store and real workers (alibaba-api.md 3.6). */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { uncompressSync } from 'lz4-napi'
import { type Answer, failureOf, project, startDataService } from '../../../test/log-data.ts'
import { flowRecordColumns } from '../../record/columns.ts'

const at = 1_700_000_000

type Row = Readonly<Record<string, string>>

const logOf = (time: number, fields: Row) => ({ time, contents: Object.entries(fields) })

async function startSearch(t: TestContext) {
  const server = await startDataService(t)
  const word = { type: 'text', token: [' ', ','], doc_value: true }
  await server.createLogstore('store-1', { keys: { n: { type: 'long', doc_value: true }, word } })
  const about = { topic: 'tp', source: '10.0.0.9', tags: [['host', 'a']] as const }
  const logs = [
    logOf(at, { word: 'one', n: '1' }),
    logOf(at + 60, { word: 'two', n: 'x' }),
    logOf(at + 120, { word: 'two three', n: '3', N: '4' }),
  ]
  await server.put('store-1', { ...about, logs })
  const range = { from: at, to: at + 600 }
  const v2 = (body: object) =>
    server.ask({
      method: 'POST',
      url: '/logstores/store-1/logs',
      project,
      body: { ...range, ...body },
    })
  const v1 = (query: Row) => {
    const all = new URLSearchParams({
      type: 'log',
      from: String(at),
      to: String(at + 600),
      ...query,
    })
    return server.ask({ url: `/logstores/store-1?${all.toString()}`, project })
  }
  return { ...server, v1, v2 }
}

const common = { __topic__: 'tp', __source__: '10.0.0.9', '__tag__:host': 'a' }
const one = { ...common, __time__: String(at), word: 'one', n: '1' }
const two = { ...common, __time__: String(at + 60), word: 'two', n: 'x' }
const three = { ...common, __time__: String(at + 120), word: 'two three', n: '3', N: '4' }

const dataOf = ({ json }: Answer) => (json as { data: unknown }).data
const sqlRow = (fields: Row) => ({ __time__: String(at), __source__: '', ...fields })

test('GetLogsV2, a search: each value a text, an absent key left out, what had no column merged back', async (t) => {
  const { v2 } = await startSearch(t)
  const { json, headers } = await v2({ query: 'word: two', topic: '' })
  const { meta, data } = json as { meta: Record<string, unknown>; data: unknown }
  assert.deepEqual(data, [two, three])
  assert.equal(headers['x-log-progress'], 'Complete')
  const elapsed = Number(meta['elapsedMillisecond'])
  assert.deepEqual(meta, {
    progress: 'Complete',
    count: 2,
    hasSQL: false,
    whereQuery: 'word: two',
    aggQuery: '',
    processedRows: 3,
    elapsedMillisecond: elapsed,
    cpuSec: elapsed / 1000,
    cpuCores: 1,
    keys: [],
    columnTypes: [],
    terms: [{ key: 'word', term: 'two' }],
    mode: 0,
    isAccurate: true,
    limited: 100,
    telementryType: 'None',
    powerSql: false,
    insertedSQL: '',
    marker: null,
    highlights: [],
    phraseQueryInfo: { scanAll: false, beginOffset: 0, endOffset: 0, endTime: 0 },
  })
})

test('GetLogs, SQL: values are texts, NULL is null; headers tell the rest', async (t) => {
  const { v1, v2 } = await startSearch(t)
  const query = '* | select word,\r\n sum(n) as s group by word order by word'
  const { json, headers } = await v1({ query, line: '100', offset: '0' })
  const rows = [
    sqlRow({ word: 'one', s: '1' }),
    sqlRow({ word: 'two', s: 'null' }),
    sqlRow({ word: 'two three', s: '3' }),
  ]
  assert.deepEqual(json, rows)
  const told = ['progress', 'count', 'processed-rows', 'has-sql', 'where-query', 'agg-query']
  assert.deepEqual(
    told.map((name) => headers[`x-log-${name}`]),
    ['Complete', '3', '3', 'true', '*', 'select word,  sum(n) as s group by word order by word'],
  )
  assert.deepEqual(JSON.parse(String(headers['x-log-query-info'])), {
    keys: ['word', 's'],
    terms: [{ key: '', term: '*' }],
    limited: '100',
    mode: 0,
    phraseQueryInfo: { scanAll: false, beginOffset: 0, endOffset: 0, endTime: 0 },
  })
  const { meta, data } = (await v2({ query })).json as { meta: Row; data: unknown }
  assert.deepEqual(data, rows)
  assert.deepEqual(
    [meta['keys'], meta['columnTypes']],
    [
      ['word', 's'],
      ['varchar', 'bigint'],
    ],
  )
})

test('pages: line, offset and reverse; a topic', async (t) => {
  const { v1, v2 } = await startSearch(t)
  const page = async (more: object) => dataOf(await v2({ query: '', ...more }))
  assert.deepEqual(await page({ reverse: true, line: 2 }), [three, two])
  assert.deepEqual(await page({ line: 1, offset: 1 }), [two])
  assert.deepEqual(await page({ line: 0 }), [])
  assert.deepEqual(await page({ topic: 'tp', offset: 2 }), [three])
  assert.deepEqual(await page({ topic: 'other' }), [])
  const either = await page({ topic: 'tp', query: 'word: one or word: two', reverse: false })
  assert.deepEqual(either, [one, two, three])
  assert.deepEqual((await v1({ query: '*', reverse: 'True', line: '1' })).json, [three])
})

test('requests that are none, each with its code', async (t) => {
  const { ask, createLogstore, store, v1, v2 } = await startSearch(t)
  const code = async (query: Row) => failureOf(await v1(query))[1]
  assert.equal(await code({ from: String(at + 600) }), 'InvalidTimeRange')
  assert.equal(await code({ from: 'x' }), 'InvalidTimeRange')
  assert.equal(await code({ line: '101' }), 'InvalidLine')
  assert.equal(await code({ offset: '-1' }), 'InvalidOffset')
  assert.equal(await code({ reverse: 'yes' }), 'InvalidReverse')
  assert.deepEqual(failureOf(await v2({ query: '* | select 1', offset: 1 })), [
    400,
    'ParameterInvalid',
    'ErrorType:OLSQueryParseError.ErrorMessage:offset is not available for pagination in sql query, please use limit x,y syntax for pagination.',
  ])
  const [status, kind, message] = failureOf(await v2({ query: '* | select nothing from log' }))
  assert.deepEqual([status, kind], [400, 'ParameterInvalid'])
  assert.match(String(message), /^ErrorType:OLSQueryParseError\.ErrorPosition,line:1,column:12\./)
  await createLogstore('other')
  store.createLogstore(project, 'bare', { columns: [], openColumns: true, ttlDays: 7 })
  const search = { method: 'POST', project, body: { from: at, to: at + 1, query: '*' } }
  const noIndex = [400, 'IndexConfigNotExist', 'Logstore without index config']
  assert.deepEqual(failureOf(await ask({ ...search, url: '/logstores/bare/logs' })), noIndex)
  const histogram = `/logstores/bare?type=histogram&from=${at}&to=${at + 60}&query=*`
  assert.deepEqual(failureOf(await ask({ url: histogram, project })), noIndex)
  const none = failureOf(await ask({ ...search, url: '/logstores/none/logs' }))
  assert.deepEqual(none.slice(0, 2), [404, 'LogStoreNotExist'])
})

test('"If a field is not applicable, the field value is displayed as -.", in a logstore of flow logs', async (t) => {
  const { ok, put, store } = await startDataService(t)
  store.createLogstore(project, 'flow', { columns: flowRecordColumns, ttlDays: 3650 })
  const index = { line: { token: [' '], caseSensitive: false } }
  await ok({ method: 'POST', url: '/logstores/flow/index', body: index })
  const sent = { version: '1', 'eni-id': 'eni-1', 'vm-id': '-', bytes: '52', srcport: 'odd' }
  await put('flow', { topic: 'flow_log', source: '', tags: [], logs: [logOf(at, sent)] })
  const body = { from: at, to: at + 1, query: '' }
  const answer = await ok({ method: 'POST', url: '/logstores/flow/logs', body })
  const dashes = Object.fromEntries(flowRecordColumns.map(({ name }) => [name, '-']))
  const about = { __time__: String(at), __topic__: 'flow_log', __source__: '' }
  assert.deepEqual(dataOf(answer), [{ ...dashes, ...sent, ...about }])
})

test('GetLogsV2 is answered as an lz4 block to who asks for one', async (t) => {
  const { ok, put } = await startSearch(t)
  const long = 'x'.repeat(2000)
  await put('store-1', { topic: '', source: '', tags: [], logs: [logOf(at + 180, { long })] })
  const { body, headers } = await ok({
    method: 'POST',
    url: '/logstores/store-1/logs',
    body: { from: at, to: at + 600, query: '*' },
    headers: { 'accept-encoding': 'lz4' },
  })
  assert.equal(headers['x-log-compresstype'], 'lz4')
  const size = Buffer.alloc(4)
  size.writeUInt32LE(Number(headers['x-log-bodyrawsize']))
  const plain = uncompressSync(Buffer.concat([size, body])).toString()
  const { data } = JSON.parse(plain) as { data: unknown }
  const last = { __time__: String(at + 180), __topic__: '', __source__: '', long }
  assert.deepEqual(data, [one, two, three, last])
})

test('GetHistograms by both URLs: about 60 equal parts, counted exactly', async (t) => {
  const { ok } = await startSearch(t)
  const range = `from=${at}&to=${at + 600}`
  const parts = Array.from({ length: 60 }, (_, part) => ({
    from: at + part * 10,
    to: at + part * 10 + 10,
    count: [6, 12].includes(part) ? 1 : 0,
    progress: 'Complete',
  }))
  for (const url of ['/logstores/store-1', '/logstores/store-1/index']) {
    const query = encodeURIComponent('word: two | select count(*)')
    const { json, headers } = await ok({ url: `${url}?type=histogram&${range}&query=${query}` })
    assert.deepEqual(json, parts)
    assert.deepEqual([headers['x-log-progress'], headers['x-log-count']], ['Complete', '2'])
  }
  const odd = await ok({
    url: `/logstores/store-1?type=histogram&from=${at}&to=${at + 121}&query=`,
  })
  const counted = odd.json as { from: number; to: number; count: number }[]
  assert.deepEqual(
    [counted.length, counted.at(-1)],
    [41, { from: at + 120, to: at + 121, count: 1, progress: 'Complete' }],
  )
})

test('with_pack_meta, and the logs before and after one by their arrival', async (t) => {
  const { ok, put, sealed, v2, ask } = await startSearch(t)
  await sealed()
  await put('store-1', {
    topic: '',
    source: '',
    tags: [],
    logs: [logOf(at - 60, { word: 'late' })],
  })
  const found = await v2({ query: 'word: three | with_pack_meta' })
  const [row] = dataOf(found) as Row[]
  const { __pack_id__: id, __pack_meta__: meta, ...log } = row!
  assert.deepEqual(log, three)
  assert.match(id!, /^[0-9A-F]{16}-[0-9A-F]{8}$/)
  const context = (back: number, forward: number, packMeta = meta!) => {
    const asked = {
      pack_id: id!,
      pack_meta: packMeta,
      back_lines: String(back),
      forward_lines: String(forward),
    }
    const query = new URLSearchParams({ type: 'context_log', ...asked })
    return { url: `/logstores/store-1?${query.toString()}`, project }
  }
  const wordsOf = ({ json }: Answer) => {
    const { logs, ...more } = json as { logs: Row[] }
    return [logs.map((each) => `${each['__index_number__']} ${each['word']}`), more]
  }
  const all = await ok(context(100, 100))
  const facts = { progress: 'Complete', total_lines: 4, back_lines: 2, forward_lines: 1 }
  assert.deepEqual(wordsOf(all)[1], facts)
  assert.deepEqual(wordsOf(all)[0], ['-2 one', '-1 two', '0 two three', '1 late'])
  assert.deepEqual(wordsOf(await ok(context(1, 0)))[0], ['-1 two', '0 two three'])
  const first = (all.json as { logs: Row[] }).logs[1]!['__pack_meta__']!
  assert.deepEqual(wordsOf(await ok(context(0, 1, first)))[0], ['0 two', '1 two three'])
  const gone = `${meta!.slice(0, -32)}${'0'.repeat(32)}`
  assert.deepEqual(wordsOf(await ok(context(1, 1, gone))), [
    [],
    { progress: 'Complete', total_lines: 0, back_lines: 0, forward_lines: 0 },
  ])
  assert.equal(failureOf(await ask(context(1, 1, 'x|y')))[1], 'ParameterInvalid')
  assert.equal(failureOf(await ask(context(101, 1)))[1], 'ParameterInvalid')
})

test('GetProjectLogs: SQL whose FROM names the logstore, for who may read it', async (t) => {
  const { ask, keys, ok } = await startSearch(t)
  const url = (sql: string) => `/logs?query=${encodeURIComponent(sql)}&powerSql=false`
  const { json, headers } = await ok({
    url: url(
      `select count(*) as c from store-1 where __time__ >= ${at + 60} and __time__ < ${at + 61}`,
    ),
  })
  assert.deepEqual(json, [{ __time__: String(at + 60), __source__: '', c: '1' }])
  assert.equal(headers['x-log-has-sql'], 'true')
  const quoted = await ok({ url: url('select max(n) as m from "store-1"') })
  assert.deepEqual(quoted.json, [{ __time__: '0', __source__: '', m: '3' }])
  assert.equal(
    failureOf(await ask({ url: url('select 1 from none'), project }))[1],
    'LogStoreNotExist',
  )
  assert.equal(failureOf(await ask({ url: url('select 1'), project }))[1], 'ParameterInvalid')
  const key = keys.create({
    name: 'other',
    policy: {
      Version: '1',
      Statement: [
        { Effect: 'Allow', Action: 'log:*', Resource: 'project/my-proj/logstore/store-2' },
      ],
    },
  })
  const refused = await ask({ url: url('select 1 from store-1'), project, key })
  assert.deepEqual(failureOf(refused).slice(0, 2), [403, 'Unauthorized'])
})
