/** The search part over an index: each row of the documents' table of rules (sls-query.md §1.2 to §1.5). */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { FieldIndex, IndexConfig } from './query.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import { testLogstore } from '../../test/query-logstore.ts'
import type { TestLogstore, TestRow } from '../../test/query-logstore.ts'

const at = 1_700_000_000
const token = Array.from(', \'";=()[]{}?@&<>/:\n\t\r')
const text: FieldIndex = { type: 'text', token, caseSensitive: false, docValue: true }
const index: IndexConfig = {
  line: { token, caseSensitive: false, excludeKeys: ['secret'] },
  keys: new Map<string, FieldIndex>([
    ['method', text],
    ['path', text],
    ['Cased', { ...text, caseSensitive: true }],
    ['whole', { ...text, token: [] }],
    ['latency', { type: 'double', docValue: true }],
    ['size', { type: 'long', docValue: true }],
    [
      'body',
      {
        type: 'json',
        token,
        caseSensitive: false,
        indexAll: true,
        maxDepth: 2,
        docValue: true,
        jsonKeys: new Map([
          ['code', { type: 'long', docValue: true }],
          ['user.name', { type: 'text', docValue: true }],
        ]),
      },
    ],
  ]),
}
const names = 'method path Cased whole latency size body note secret __tag__:host'.split(' ')
const columns = names.map((name) => ({ name, kind: 'text' as const }))
const rows: readonly TestRow[] = [
  { method: 'GET', path: '/shop/cart?item=1', Cased: 'Alpha', whole: 'a b', latency: '1.5' },
  { method: 'get', path: '/shop/pay', Cased: 'alpha', whole: 'a', latency: '12', size: '10' },
  { method: 'POST', path: '/pay/shop', size: '-', note: 'hello world', secret: 'hidden' },
  {
    method: '',
    path: 'cn* x',
    size: '2.5',
    body: '{"code":500,"user":{"name":"Ann Lee"},"l":[1]}',
  },
  { path: 'select and by', size: '1_000', body: 'no json', '__tag__:host': 'web-1' },
  { path: '10.0.0.1', size: '-7', body: '{"code":"12","a":{"b":"x","c":{"d":1}}}' },
].map((row, second) => ({
  ...row,
  __time__: at + second,
  __receive_time__: at + 60,
  __topic__: second < 2 ? 'Web Front' : 'back',
  __source__: '10.9.8.7',
}))

let store: TestLogstore
let engine: QueryEngine
before(async () => {
  store = await testLogstore([rows.slice(0, 3), rows.slice(3)], columns)
  engine = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, store.reader)
})
after(async () => {
  await engine.close()
  await store.remove()
  assert.equal(store.open(), 0)
})

const ask = (query: string, by: IndexConfig = index) =>
  engine.run({ project: 'weir', logstore: 'flow-log', query, from: at, to: at + 60, index: by })

/** Which of the rows a search finds. */
async function finds(list: readonly (readonly [search: string, want: readonly number[]])[]) {
  for (const [search, want] of list) {
    const { rows: found } = await ask(search)
    assert.deepEqual(
      found.map(([time]) => Number(time) - at),
      want,
      search,
    )
  }
}

async function fails(query: string, said: RegExp, by: IndexConfig = index) {
  await assert.rejects(ask(query, by), (error: Error & { code: string; place?: string }) => {
    assert.match(`${error.code} ${error.message} ${error.place}`, said)
    return true
  })
}

test('"Precedence, tightest first: `:`, quotes, ( ), and, not, or": `A not B or C` is `(A - B) or C`', () =>
  finds([
    ['method:get not path:cart or method:post', [1, 2]],
    ['(method:get not path:cart) or method:post', [1, 2]],
    ['method:get not (path:cart or method:post)', [1]],
    ['not method:get and path:shop', [2]],
  ]))

test('"and or not in any case; in only in lower case"', async () => {
  await finds([
    ['method:get AND path:x OR size:10', [1]],
    ['method:get And Not path:cart', [1]],
    ['size in [1 10]', [1]],
  ])
  await fails('size IN [1 10]', /QuerySyntax/)
})

test('"Reserved words need double quotes to be searched as words"', async () => {
  await finds([
    ['path:select path:"by"', [4]],
    ['"by"', [4]],
    ['path:"and"', [4]],
  ])
  for (const word of 'sort asc desc group by avg sum min max limit'.split(' ')) {
    await fails(word, /QuerySyntax "\w+" is a reserved word line 1:1/)
  }
})

test('"Two conditions side by side are AND"', () =>
  finds([
    ['method:get path:cart', [0]],
    ['shop pay', [1, 2]],
  ]))

test('"At most 30 conditions per search; operators are not counted"', async () => {
  const conditions = (count: number) =>
    Array.from({ length: count }, () => 'method:get').join(' or ')
  await finds([[conditions(30), [0, 1]]])
  await fails(conditions(31), /QueryRefused a search has at most 30 conditions/)
})

test('"`*` alone, empty, or spaces: everything in the time range"', () =>
  finds([
    ['*', [0, 1, 2, 3, 4, 5]],
    ['', [0, 1, 2, 3, 4, 5]],
    ['   ', [0, 1, 2, 3, 4, 5]],
  ]))

test('"Spaces round `:` and comparison signs: allowed"', () =>
  finds([
    ['method : GET', [0, 1]],
    ['size >= 10', [1]],
    ['size>=10', [1]],
  ]))

test('"Exact word match inside the field, not substring"; "`.`, `-`, `_`, `*` are not delimiters"', () =>
  finds([
    ['path:shop', [0, 1, 2]],
    ['path:sho', []],
    ['path:10.0.0.1', [5]],
    ['path:10.0.0', []],
    ['path:item', [0]],
  ]))

test('"Case of text: per index switch; default is case-insensitive"', () =>
  finds([
    ['method:Get', [0, 1]],
    ['Cased:alpha', [1]],
    ['Cased:Alpha', [0]],
    ['Cased:ALPHA', []],
  ]))

test('"The value is cut by the field’s delimiters, all resulting words must be present, order ignored"', () =>
  finds([
    ['path:pay/shop', [1, 2]],
    ['path:shop/pay', [1, 2]],
    ['path:"/shop/cart"', [0]],
  ]))

test('"`key:"a b"`: same as key:a and key:b; quotes switch off operators and wildcards"', () =>
  finds([
    ['path:"pay shop"', [1, 2]],
    ['path:"select and by"', [4]],
    ['path:"sho*"', []],
  ]))

test('"`"cn*"`: literal star, matches only if the star is part of a token"', () =>
  finds([
    ['path:"cn*"', [3]],
    ['"cn*"', [3]],
    ['path:"c*"', []],
  ]))

test('Single quotes are like double ones: the page’s queries have them', () =>
  finds([["method: 'post'", [2]]]))

test('"Phrase: words adjacent and in order, delimiters ignored"; here every row is looked at, not 10,000', async () => {
  await finds([
    ['path:#"shop pay"', [1]],
    ['path:#"pay shop"', [2]],
    ['#"hello world"', [2]],
    ['#"world hello"', []],
  ])
  assert.deepEqual((await ask('path:#"shop pay" | select count(*)')).rows, [['1']])
})

test('"Wildcards: `*` zero or more, `?` one character; 1 to 64 characters; not in first position"', async () => {
  await finds([
    ['path:sh*', [0, 1, 2]],
    ['path:s?op', [0, 1, 2]],
    ['path:shop*', [0, 1, 2]],
    ['path:shop?', []],
    ['path:10.0.*', [5]],
    ['c*t', [0]],
  ])
  await fails('path:*op', /QuerySyntax a wildcard cannot come first line 1:6/)
  await finds([[`path:${'a'.repeat(63)}*`, []]])
  await fails(
    `path:${'a'.repeat(64)}*`,
    /QuerySyntax a word with wildcards has at most 64 characters/,
  )
})

test('"Wildcards on long/double: not allowed; use ranges"', async () => {
  await fails('size:1*', /QuerySyntax size is a number and has no wildcards line 1:6/)
  await fails('latency:1*', /QuerySyntax latency is a number and has no wildcards/)
  await fails('body.code:5*', /QuerySyntax body.code is a number and has no wildcards/)
})

test('"Numbers: > >= < <= = : (same as =), in [a b], in (a b] and mixes"', () =>
  finds([
    ['size > 10', []],
    ['size >= 10', [1]],
    ['size < 0', [5]],
    ['size <= -7', [5]],
    ['size = 10', [1]],
    ['size : 10', [1]],
    ['size in [-7 10]', [1, 5]],
    ['size in (-7 10]', [1]],
    ['size in [-7 10)', [5]],
    ['latency > 1.4', [0, 1]],
    ['latency in [1.5 12)', [0]],
  ]))

test('"Comparison on a text field": refused with the place, where the cloud searches for the pieces', () =>
  fails('method > 5', /QuerySyntax method is a text and cannot be compared with a number line 1:1/))

test('"`key:*`: the field is present"; "`not key:*`: absent"', () =>
  finds([
    ['method:*', [0, 1, 2, 3]],
    ['not method:*', [4, 5]],
    ['size:*', [1, 2, 3, 4, 5]],
  ]))

test('"`key:""`: present and empty; `not key:""` is the complement"', () =>
  finds([
    ['method:""', [3]],
    ['not method:""', [0, 1, 2, 4, 5]],
  ]))

test('"Un-indexed key: error: key is not configured as a key-value index"', async () => {
  const said =
    /QuerySyntax key \(note\) is not config as key value config, if symbol : is in your log, please wrap : with quotation mark " line 1:15/
  await fails('method:get or note:hello', said)
  await fails('secret:*', /key \(secret\) is not config/)
  await fails('body.a.c.d:1', /key \(body.a.c.d\) is not config/) // deeper than maxDepth
})

test('"A term searches all text-indexed fields plus, when a full-text index exists, the rest of the record"', async () => {
  await finds([
    ['hello', [2]], // no index of its own
    ['hidden', []], // excluded
    ['web-1', [4]], // a tag
    ['ann', [3]], // a leaf of JSON
    ['10', []], // long fields are not reached
  ])
  const alone: IndexConfig = { ...index, line: undefined }
  assert.equal((await ask('hello', alone)).rows.length, 0)
  assert.equal((await ask('shop', alone)).rows.length, 3)
  const some: IndexConfig = {
    ...index,
    line: { token, caseSensitive: true, includeKeys: ['secret'] },
  }
  assert.equal((await ask('hidden', some)).rows.length, 1)
  assert.equal((await ask('Hidden', some)).rows.length, 0)
  assert.equal((await ask('hello', some)).rows.length, 0)
})

test('"Escapes: backslash before a quote"', async () => {
  await finds([
    ['path:"a\\"b"', []],
    ['path:"10.0.0.1\\""', [5]],
  ])
})

test('"`not X` is a set complement: a record whose value is missing or not a number satisfies it"', () =>
  finds([
    ['not size > 5', [0, 2, 3, 4, 5]],
    ['not size > -1000000', [0, 2, 3, 4]], // "to find invalid numbers"
  ]))

test('"`__topic__` and `__source__` have an index without delimiters: exact match only"', () =>
  finds([
    ['__topic__:"Web Front"', [0, 1]],
    ['__topic__:web', []],
    ['source:10.9.8.7 and method:post', [2]],
    ['whole:"a b"', [0]],
    ['whole:a', [1]],
    ['__tag__:host:web-1', [4]],
  ]))

test('"json: leaves typed; `a.b > 1`, `a.b:x`; arrays cannot be indexed"', () =>
  finds([
    ['body.code > 100', [3]],
    ['body.code:12', [5]],
    ['body.user.name:lee', [3]],
    ['body.a.b:x', [5]],
    ['body.l:*', []],
    ['body.code:*', [3, 5]],
  ]))

test('a page of one small segment: two conditions, one of them on a number', async (t) => {
  const put = ['lz4', 'lz4', 'lz4', 'plain', 'plain', 'key'].map((by, second) => ({
    bytes: second * 10,
    '__tag__:k': 'v',
    srcaddr: '10.0.0.1',
    by,
    __time__: at + second,
    __receive_time__: at + 60,
    __topic__: 'tp',
    __source__: 'src',
  }))
  const own = await testLogstore(
    [put],
    [
      { name: 'bytes', kind: 'integer' },
      ...['__tag__:k', 'srcaddr', 'by'].map((name) => ({ name, kind: 'text' as const })),
    ],
  )
  const asked = new QueryEngine({ ...defaultQueryConfig, workers: 1 }, own.reader)
  t.after(async () => {
    await asked.close()
    await own.remove()
  })
  const where = { project: 'weir', logstore: 'flow-log', from: at, to: at + 600, line: 10 }
  const { rows: found } = await asked.run({
    ...where,
    query: 'by: lz4 and bytes > 0',
    index: {
      line: undefined,
      keys: new Map<string, FieldIndex>([
        ['by', text],
        ['bytes', { type: 'long', docValue: true }],
      ]),
    },
  })
  assert.equal(found.length, 2)
})
