/** What SQL sees of a logstore through its index, and of other logstores (sls-query.md §1.4, §1.5, §2). */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { openLogStore } from '../logstore/logstore.ts'
import type { Column } from '../base/columns.ts'
import { temporaryFolder } from '../../test/temporary-folder.ts'
import type { FieldIndex, IndexConfig, QueryRequest } from './query.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import { sideBySide } from '../../test/side-by-side.ts'

const test = sideBySide()

const at = 1_767_322_800
const text: FieldIndex = { type: 'text', token: [' ', '/'], caseSensitive: false, docValue: true }
const number = { docValue: true } as const
const keys = (of: Readonly<Record<string, FieldIndex>>): IndexConfig => ({
  line: undefined,
  keys: new Map(Object.entries(of)),
})

type Row = Readonly<Record<string, string>>

async function withStores(
  context: TestContext,
  stores: Readonly<Record<string, readonly Row[]>>,
): Promise<(request: Partial<QueryRequest> & { query: string }) => Promise<(string | null)[][]>> {
  const quiet = { flushIntervalMs: 1e9, maintainIntervalMs: 1e9 }
  const store = await openLogStore(temporaryFolder(context), quiet, { now: () => at })
  const engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store)
  context.after(async () => {
    await engine.close()
    await store.close()
  })
  store.createProject('shop', { description: '' })
  for (const [name, rows] of Object.entries(stores)) {
    store.createLogstore('shop', name, { columns: [], ttlDays: 7, openColumns: true })
    for (const [second, row] of rows.entries()) {
      const columns = Object.entries(row).map(([key, value]): [string, Column] => [
        key,
        { kind: 'text', dictionary: [value], codes: Uint32Array.of(1) },
      ])
      const time: Column = { kind: 'integer', values: Float64Array.of(at + second) }
      const batch = { rows: 1, columns: new Map([['__time__', time], ...columns]) }
      await store.append('shop', name, batch, { topic: 'Front', source: '10.1.2.3' })
    }
  }
  const range = { project: 'shop', logstore: 'web', from: at, to: at + 60 }
  return async (request) => (await engine.run({ ...range, ...request })).rows
}

async function fails(asked: Promise<unknown>, want: string): Promise<void> {
  await assert.rejects(asked, (error: Error & { code: string; place?: string }) => {
    assert.equal(`${error.code} ${error.message} (${error.place})`, want)
    return true
  })
}

const web: readonly Row[] = [
  {
    status: '200',
    took: '1.25',
    path: '/a',
    body: '{"user":{"id":"7"},"n":"3"}',
    hidden: 'h',
    '__tag__:host': 'w1',
  },
  { status: '20x', took: '3', path: '/b', body: '[1]', hidden: 'h' },
  { status: '2.5', took: '-', path: '/c', body: 'text', hidden: 'h' },
]
const index = keys({
  status: { type: 'long', ...number },
  took: { type: 'double', ...number, alias: 'seconds' },
  path: text,
  unasked: { ...text, docValue: false },
  never: { type: 'long', ...number },
  body: {
    type: 'json',
    token: [' '],
    caseSensitive: false,
    indexAll: false,
    maxDepth: -1,
    docValue: true,
    jsonKeys: new Map([
      ['user.id', { type: 'long', docValue: true, alias: 'who' }],
      ['n', { type: 'text', docValue: true }],
    ]),
  },
})

test('"long: bigint; a non-integer value is NULL in SQL"; "double: as long"; "json: varchar per leaf, leaves typed"', async (t) => {
  const ask = await withStores(t, { web })
  const sql = (query: string) => ask({ query: `* | ${query}`, index })
  assert.deepEqual(await sql('select status, seconds, never from log order by __time__'), [
    ['200', '1.25', null],
    [null, '3.0', null],
    [null, null, null],
  ])
  assert.deepEqual(
    await sql('select sum(status), sum(seconds), typeof(status), typeof(seconds)').then(([row]) =>
      row!.slice(0, 2),
    ),
    ['200', '4.25'],
  )
  const leaves =
    'select "body.user.id" + 1, "body.n", who, json_extract(body, \'$.n\') from log limit 1'
  assert.deepEqual(await sql(leaves), [['8', '3', '7', '"3"']])
  assert.deepEqual(await sql('select count("body.n"), count("body.user.id")'), [['1', '1']])
})

test('"SQL can see a field only when it is indexed and has analytics on"; reserved fields always', async (t) => {
  const ask = await withStores(t, { web })
  const sql = (query: string) => ask({ query: `* | ${query}`, index })
  const said = (name: string, place: string) =>
    `QuerySyntax Column '${name}' cannot be resolved; please add the column in the index attribute (${place})`
  await fails(sql('select hidden from log'), said('hidden', 'line 1:12'))
  await fails(sql('select 1\n where log.unasked = 1'), said('unasked', 'line 2:8'))
  await fails(sql('select "body.x" from log'), said('body.x', 'line 1:12'))
  const reserved =
    'select __time__, __topic__, __source__, "__tag__:host" from log order by 1 limit 1'
  assert.deepEqual(await sql(reserved), [[String(at), 'Front', '10.1.2.3', 'w1']])
  assert.deepEqual(await sql('select "__tag__:__receive_time__" from log limit 1'), [[String(at)]])
  assert.deepEqual(await sql('select * from log order by __time__ limit 1'), [
    [String(at), '200', '1.25', '/a', null, web[0]!['body']!, 'Front', '10.1.2.3', 'w1'],
  ])
})

test('"leaves typed": a leaf has analytics of its own, whatever the field around it has', async (t) => {
  const ask = await withStores(t, { web })
  const body = index.keys.get('body')!
  assert.equal(body.type, 'json')
  const leaves = new Map([
    ['user.id', { type: 'long', docValue: true, alias: 'who' }],
    ['n', { type: 'text', docValue: false }],
  ] as const)
  const around = { ...body, docValue: false, indexAll: true, jsonKeys: leaves }
  const own = keys({ body: around })
  const sql = (query: string) => ask({ query: `* | ${query}`, index: own })
  assert.deepEqual(await sql('select max("body.user.id"), max(who) from log'), [['7', '7']])
  for (const name of ['body', 'body.n', 'body.x'])
    await assert.rejects(sql(`select "${name}" from log`), {
      message: `Column '${name}' cannot be resolved; please add the column in the index attribute`,
    })
})

test('"Aliases of an index entry work in SQL only; the search part uses the original name"', async (t) => {
  const ask = await withStores(t, { web })
  assert.deepEqual(await ask({ query: 'took > 1 | select max(seconds)', index }), [['3.0']])
  const search = ask({ query: 'seconds > 1', index })
  await assert.rejects(search, { message: /^key \(seconds\) is not config as key value config/ })
})

test('without an index every column is there as it is', async (t) => {
  const ask = await withStores(t, { web })
  assert.deepEqual(await ask({ query: '* | select hidden, status from log limit 1' }), [
    ['h', '200'],
  ])
})

test('a type is how a value is read: what is no plain number is NULL', async (t) => {
  const ask = await withStores(t, {
    web: ['7', '+7', ' 7', '7.0', '0x7', '1_0', '1e1', '9223372036854775808', ''].map((n) => ({
      n,
    })),
  })
  const numbers = {
    query: '* | select n from log order by __time__',
    index: keys({ n: { type: 'long', ...number } }),
  }
  assert.deepEqual((await ask(numbers)).flat(), [
    '7',
    '7',
    null,
    null,
    null,
    null,
    null,
    null,
    null,
  ])
  const doubles = { ...numbers, index: keys({ n: { type: 'double', ...number } }) }
  assert.deepEqual((await ask(doubles)).flat(), [
    '7.0',
    '7.0',
    null,
    '7.0',
    null,
    null,
    '10.0',
    '9.223372036854776E18',
    null,
  ])
  const search = { query: 'n >= 7 | select count(*)' }
  assert.deepEqual(await ask({ ...search, index: numbers.index }), [['2']])
  assert.deepEqual(await ask({ ...search, index: doubles.index }), [['5']])
})

test('"Joins between stores of one project": those the caller may read, each by its own index', async (t) => {
  const users: readonly Row[] = [
    { id: '7', name: 'Ann' },
    { id: 'x', name: 'Bob' },
  ]
  const ask = await withStores(t, { web, users, 'other-logs': [{ a: '1' }] })
  const userIndex = keys({ id: { type: 'long', ...number }, name: text })
  const stores = [{ name: 'users', index: userIndex }]
  const join = 'select u.name, l.path from log l join users u on l.who = u.id'
  assert.deepEqual(await ask({ query: `* | ${join}`, index, stores }), [['Ann', '/a']])
  const inner = 'path:a | select count(*), (select count(*) from users) from web'
  assert.deepEqual(
    await ask({ query: inner, index, stores }),
    [['1', '2']],
    'the search is of the store itself',
  )
  const own = '* | select count(id), count(*) from users'
  assert.deepEqual(await ask({ query: own, index, stores }), [['1', '2']])
  const range = { from: at, to: at + 1 }
  assert.deepEqual(
    await ask({ query: own, index, stores, ...range }),
    [['1', '1']],
    'and the same time range',
  )
  const closed = (name: string, column: number) =>
    `QueryRefused the table ${name} is not open to this query (line 1:${column})`
  await fails(
    ask({ query: '* | select 1 from "other-logs"', index, stores }),
    closed('other-logs', 19),
  )
  await fails(ask({ query: '* | select 1 from users', index }), closed('users', 19))
  const quoted = await ask({
    query: '* | select a from "other-logs"',
    stores: [{ name: 'other-logs' }],
  })
  assert.deepEqual(quoted, [['1']])
  await assert.rejects(ask({ query: '* | select 1 from shop.users', index, stores }), {
    code: 'QueryRefused',
  })
  const hidden = ask({ query: '* | select u.status from log join users u on true', index, stores })
  await fails(
    hidden,
    "QuerySyntax Column 'status' cannot be resolved; please add the column in the index attribute (line 1:12)",
  )
  const cte = '* | with users as (select 5 as id) select id from users'
  assert.deepEqual(await ask({ query: cte, index, stores }), [['5']], 'a name of WITH comes first')
})
