/** The query language as a list of facts: a statement and what it answers. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { QueryEngine, defaultQueryConfig } from './query.ts'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestLogstore } from '../../test/query-logstore.ts'

const time = testRecord.__time__
const noData = {
  ...testRecord,
  type: null,
  protocol: null,
  srcaddr: null,
  srcport: null,
  dstaddr: null,
  dstport: null,
  direction: null,
  action: null,
  packets: null,
  bytes: null,
  'tcp-flags': null,
  traffic_path: null,
  'log-status': 'NODATA',
}
const records = [
  { ...testRecord, bytes: 100 },
  { ...testRecord, srcaddr: '10.0.0.2', bytes: 200, action: 'REJECT', __time__: time + 60 },
  {
    ...testRecord,
    srcaddr: '10.0.1.3',
    bytes: 300,
    dstport: 443,
    direction: 'out',
    __time__: time + 120,
  },
  {
    ...testRecord,
    type: 'IPv6',
    srcaddr: 'fd00:10::1',
    bytes: 400,
    dstport: 53,
    protocol: 17,
    __time__: time + 180,
  },
  { ...noData, __time__: time + 240 },
]

let store: TestLogstore
let engine: QueryEngine

before(async () => {
  store = await testLogstore([records.slice(0, 3), records.slice(3)])
  engine = new QueryEngine(defaultQueryConfig, store.reader)
})
after(async () => {
  await engine.close()
  await store.remove()
  assert.equal(store.open(), 0)
})

const ask = (query: string, more: { zone?: string; from?: number; to?: number } = {}) =>
  engine.run({ project: 'weir', logstore: 'flow-log', query, from: time, to: time + 300, ...more })

/** What a one-row, one-column query answers. */
async function answers(
  list: readonly (readonly [query: string, want: string | null])[],
  zone = 'UTC',
) {
  for (const [expression, want] of list) {
    const query = /^select|^with/i.test(expression) ? expression : `select ${expression}`
    const result = await ask(`* | ${query}`, { zone })
    assert.deepEqual(
      result.rows.map((row) => row[0]),
      [want],
      expression,
    )
  }
}

async function fails(list: readonly (readonly [query: string, said: string])[]) {
  for (const [query, want] of list) {
    await assert.rejects(
      ask(query),
      (error: Error & { code: string; place?: string; hint?: string }) => {
        const place = error.place === undefined ? '' : ` (${error.place})`
        const hint = error.hint === undefined ? '' : `. ${error.hint}`
        assert.equal(`${error.code}: ${error.message}${place}${hint}`, want, query)
        return true
      },
    )
  }
}

test('search: which records a predicate takes', async () => {
  const f = async (search: string, want: number[]) => {
    const result = await ask(search)
    const column = result.columns.findIndex((each) => each.name === '__time__')
    assert.deepEqual(
      result.rows.map((row) => (Number(row[column]) - time) / 60),
      want,
      search,
    )
  }
  await f('', [0, 1, 2, 3, 4])
  await f('*', [0, 1, 2, 3, 4])
  await f('action:accept', [0, 2, 3])
  await f("direction: 'in' and dstport: 80", [0, 1])
  await f('direction:in', [0, 1, 3])
  await f('srcaddr:10.0.0.*', [0, 1])
  await f('srcaddr:10.0.?.3', [2])
  await f('srcaddr:fd00:10::1', [3])
  await f('srcaddr:FD00:*', [3])
  await f('bytes > 100 bytes <= 300', [1, 2])
  await f('bytes in [100 300)', [0, 1])
  await f('bytes in (100 300]', [1, 2])
  await f('bytes = 200', [1])
  await f('not bytes > 100', [0, 4])
  await f('bytes:*', [0, 1, 2, 3])
  await f('not bytes:*', [4])
  await f('srcaddr:-', [4])
  await f('action:""', [])
  await f('not action:""', [0, 1, 2, 3, 4])
  await f('ACCEPT', [0, 2, 3])
  await f('REJECT or NODATA', [1, 4])
  await f('"accept out"', [2])
  await f('action:ACCEPT not dstport:443', [0, 3])
  await f('action:ACCEPT not dstport:443 or NODATA', [0, 3, 4])
  await f('not action:ACCEPT and dstport:80', [1])
  await f('dstport:80 OR dstport:443 AND direction:in', [0, 1])
  await f('(dstport:80 OR dstport:443) AND direction:in', [0, 1])
  await f('eni-id:eni-web1 and "eni-id":eni-*', [0, 1, 2, 3, 4])
  await f('source:agent-1', [0, 1, 2, 3, 4])
  await f('#"REJECT"', [1])
})

test('search: what is wrong, where, and what to do', async () => {
  await fails([
    [
      'dstprt:80',
      'QuerySyntax: "dstprt" is not a field of this logstore (line 1:1). did you mean dstport?',
    ],
    [
      'action:ACCEPT\nand srcaddr > 5',
      'QuerySyntax: srcaddr is a text and cannot be compared with a number (line 2:5). write srcaddr:value, or compare it in SQL with cast(... as bigint)',
    ],
    ['dstport:', 'QuerySyntax: expected a value after "dstport:" (line 1:9)'],
    [
      'dstport:8*',
      'QuerySyntax: dstport is a number and has no wildcards (line 1:9). write a range, dstport in [80 89]',
    ],
    ['dstport:http', 'QuerySyntax: dstport is a number, not "http" (line 1:9)'],
    [
      'srcaddr:*.1',
      'QuerySyntax: a wildcard cannot come first (line 1:9). search finds prefixes (10.0.*); in SQL, LIKE finds other parts',
    ],
    ['(action:ACCEPT', 'QuerySyntax: expected ")" (line 1:15). a "(" is never closed'],
    [
      'sort',
      'QuerySyntax: "sort" is a reserved word (line 1:1). to search for the word itself write "sort" in double quotes',
    ],
    [
      'action:"ACC',
      'QuerySyntax: the quote " is never closed (line 1:8). to search for the character itself write "\\""',
    ],
    [
      'bytes in [1,2]',
      'QuerySyntax: expected a number at the low end of the range (line 1:11). as in bytes > 1000, [80 443]',
    ],
    ['action:ACCEPT and', 'QuerySyntax: expected a condition (line 1:18)'],
    [
      Array.from({ length: 31 }, () => 'a').join(' '),
      'QueryRefused: a search has at most 30 conditions (line 1:61)',
    ],
    [
      'select srcaddr from log',
      'QuerySyntax: a SQL query must follow a search query (line 1:1). write * | in front of it',
    ],
    ['* | ', 'QuerySyntax: expected SQL after "|" (line 1:3). leave the "|" out to search only'],
  ])
})

test('SQL: what is wrong, where, and what to do', async () => {
  await fails([
    [
      '* | select srcadr from log',
      'QuerySyntax: column srcadr cannot be resolved (line 1:12). did you mean srcaddr?',
    ],
    [
      '* | select srcaddr,\n summ(bytes) from log',
      'QuerySyntax: the function summ is not known (line 2:2). did you mean sum?',
    ],
    [
      "* | select 1 where dstport = '80'",
      'QuerySyntax: "=" cannot compare a bigint with a varchar (line 1:30). texts are in single quotes; or write cast(... as bigint)',
    ],
    [
      '* | select sum(srcaddr)',
      'QuerySyntax: sum() needs a number here, not a varchar (line 1:16). write cast(... as bigint)',
    ],
    [
      "* | select '5' + 1",
      'QuerySyntax: "+" needs numbers, and this is a varchar (line 1:12). write cast(... as bigint)',
    ],
    [
      '* | select bytes from log where sum(bytes) > 1',
      'QuerySyntax: sum() cannot be used in WHERE (line 1:33)',
    ],
    [
      '* | select sum(sum(bytes))',
      'QuerySyntax: sum() cannot be used in the arguments of sum() (line 1:16)',
    ],
    [
      '* | select sum(bytes) as s, s * 8',
      "QuerySyntax: column s cannot be resolved (line 1:29). texts are in single quotes: 'ACCEPT'",
    ],
    [
      '* | select sum(bytes) as s group by s',
      'QuerySyntax: GROUP BY cannot take s, which holds an aggregate (line 1:37)',
    ],
    ['* | select lower(srcaddr, 1)', 'QuerySyntax: lower() takes 1 arguments, not 2 (line 1:12)'],
    [
      '* | select count(*) from log, log',
      'QuerySyntax: the table name log is used twice (line 1:31). give one an alias',
    ],
    [
      "* | select date_trunc('fortnight', __time__)",
      'QuerySyntax: "fortnight" is not a unit of time (line 1:23). the units are millisecond, second, minute, hour, day, week, month, quarter, year',
    ],
    [
      "* | select date_format(__time__, '%D')",
      'QuerySyntax: the format letter %D is not supported (line 1:34)',
    ],
    [
      '* | select case when 1 then 2 end',
      'QuerySyntax: expected a condition, not a bigint (line 1:5)',
    ],
    ['* | select bytes / 0 from log', 'QueryFailed: Division by zero'],
    ["* | select cast('2.7' as bigint)", "QueryFailed: Cannot cast '2.7' to BIGINT"],
    [
      '* | select srcaddr, sum(bytes) from log',
      'QuerySyntax: column "srcaddr" must appear in the GROUP BY clause or must be part of an aggregate function.',
    ],
    [
      '* | select 1 from',
      'QuerySyntax: the SQL cannot be read: Expected table name or subquery, got From (line 1:14)',
    ],
  ])
})

test('values and operators (traps, 7.1)', () =>
  answers([
    ['7 / 2', '3'],
    ['-7 / 2', '-3'],
    ['7 / 2.0', '3.5'],
    ['7 % 4', '3'],
    ['1e0 / 0', 'Infinity'],
    ['0e0 / 0', 'NaN'],
    ['try(1 / 0)', null],
    ['try(sum(bytes) / 0)', null],
    ['1.5', '1.5'],
    ['cast(2.5e0 as bigint)', '3'],
    ['cast(-2.5e0 as bigint)', '-3'],
    ["try_cast('1.5' as bigint)", null],
    ["try_cast('15' as bigint)", '15'],
    ['cast(1e20 as varchar)', '1.0E20'],
    ['cast(12345678.9 as varchar)', '1.23456789E7'],
    ['cast(0.00012 as varchar)', '1.2E-4'],
    ['cast(1.5e-7 as varchar)', '1.5E-7'],
    ['1e10', '1.0E10'],
    ['1176e0', '1176.0'],
    ["concat('a', null)", null],
    ["'a' || 'b'", 'ab'],
    ['greatest(1, null)', null],
    ['least(3, 2)', '2'],
    ["if(1 > 2, 'a')", null],
    ["if(2 > 1, 'a', 'b')", 'a'],
    ["'a' = 'A'", 'false'],
    ["'ABC' like 'abc'", 'false'],
    ["'a_c' like 'a!_c' escape '!'", 'true'],
    ["length('中文')", '2'],
    ["not 'abc' like 'a%'", 'false'],
    ["'it''s -- not /* a comment */'", "it's -- not /* a comment */"],
    ['nullif(1, 1)', null],
    ['coalesce(null, 2)', '2'],
    ['1 in (2, null)', null],
    ['2 between 1 and 3', 'true'],
    ['null is not distinct from null', 'true'],
    ['sum(bytes)', '1000'],
    ['avg(bytes)', '250.0'],
    ['sum(bytes) / count(*)', '200'],
    ['count(distinct dstport)', '3'],
    ['count(bytes)', '4'],
    ["count_if(action = 'ACCEPT')", '3'],
    ["sum(bytes) filter (where action = 'REJECT')", '200'],
    ['approx_distinct(srcaddr)', '4'],
    ['approx_percentile(bytes, 0.5)', '200'],
    ['max_by(srcaddr, bytes)', 'fd00:10::1'],
    ['array_agg(bytes order by bytes desc) filter (where bytes > 100)', '[400,300,200]'],
    ['map_agg(dstport, bytes)[443]', '300'],
    ['cardinality(map_agg(dstport, bytes))', '3'],
    ['histogram(action)', '{"ACCEPT":3,"REJECT":1}'],
  ]))

test('names, grouping and order', () =>
  answers([
    ['select count(*) from log', '5'],
    ['select count(*)', '5'],
    ['select count(*) from "flow-log"', '5'],
    ['select 1', '1'],
    ['select "end" - start from log limit 1', '40'],
    ['select "eni-id" from log limit 1', 'eni-web1'],
    [
      "select case when dstport = 80 then 'web' else 'other' end as dstport from log group by dstport order by dstport limit 1",
      'other',
    ],
    [
      'select count(*) from (select case when dstport = 80 then 1 else 2 end as dstport from log group by dstport)',
      '2',
    ],
    ['select bytes as b from log order by bytes desc limit 1', '400'],
    ['select srcaddr from log order by srcaddr desc limit 1', 'fd00:10::1'],
    ['select srcaddr from log order by srcaddr nulls first limit 1', null],
    ['select bytes from log order by bytes limit 2, 1', '300'],
    ['select sum(bytes) as s from log group by action order by s + 1 desc limit 1', '800'],
    ['with log as (select bytes * 2 as bytes from log) select sum(bytes) from log', '2000'],
    ['select sum(a.bytes) from log a join log b using (__time__)', '1000'],
    ['select x from (select 1 as x union all select 2) order by x desc limit 1', '2'],
    [
      'select max(n) from (select row_number() over (partition by action order by bytes) as n from log)',
      '3',
    ],
    [
      'select sum(bytes) over w from log window w as (order by __time__) order by __time__ desc limit 1',
      '1000',
    ],
    ['select count(*) from (values 1, 2) as t(x) where x > 1', '1'],
    ['select sum(x) from unnest(array[1, 2, 3]) as t(x)', '6'],
    [
      'select max(y) from (select 1) cross join unnest(array[5, 6]) with ordinality as t(x, y)',
      '2',
    ],
    ['select count(*) from log where bytes in (select max(bytes) from log)', '1'],
    ['select count(*) from log l where exists (select 1 from log m where m.bytes > l.bytes)', '3'],
    [
      'select count(*) from (select action, direction from log group by rollup(action, direction))',
      '8',
    ],
    ['select distinct type from log where type is not null order by type limit 1', 'IPv4'],
  ]))

test('time (traps, 7.3)', async () => {
  await answers([
    ['from_unixtime(1494985275)', '2017-05-17 01:41:15.000'],
    ["from_unixtime(1494985275, 'Asia/Shanghai')", '2017-05-17 09:41:15.000 Asia/Shanghai'],
    ['to_unixtime(from_unixtime(1494985275))', '1.494985275E9'],
    ["date_format(1494985275, '%Y-%m-%d %H:%i:%s')", '2017-05-17 01:41:15'],
    [
      "date_format(from_unixtime(1494985275), '%W %M %e %c %k %l %p %T %j %y %b %a %v %x %%')",
      'Wednesday May 17 5 1 1 AM 01:41:15 137 17 May Wed 20 2017 %',
    ],
    ["date_parse('2017-05-17 09:45:00', '%Y-%m-%d %H:%i:%s')", '2017-05-17 09:45:00.000'],
    ["date_trunc('minute', 1494985275)", '2017-05-17 01:41:00.000'],
    ["date_trunc('week', timestamp '2021-01-12 03:04:05')", '2021-01-11 00:00:00.000'],
    ["date_add('day', -7, timestamp '2018-08-09 00:00:00')", '2018-08-02 00:00:00.000'],
    ["date_add('month', 1, '2021-01-31 00:00:00')", '2021-02-28 00:00:00.000'],
    ["date_diff('day', timestamp '2018-08-02 23:00:00', timestamp '2018-08-04 01:00:00')", '1'],
    ["date_diff('hour', '2018-08-02 23:59:00', '2018-08-03 00:01:00')", '0'],
    ["date '2021-01-31' + interval '1' day", '2021-02-01'],
    ["timestamp '2020-01-01 00:00:00' - interval '1' month", '2019-12-01 00:00:00.000'],
    ["timestamp '2020-01-01 01:00:00' - timestamp '2020-01-01 00:00:00'", '0 01:00:00.000'],
    ["day_of_week(timestamp '2021-01-10 03:04:05')", '7'],
    ["year_of_week(timestamp '2021-01-01 03:04:05')", '2020'],
    ["extract(hour from timestamp '2021-01-01 03:04:05')", '3'],
    ["format_datetime(timestamp '2020-05-03 00:00:00', 'yyyy/MM/dd')", '2020/05/03'],
    ["to_iso8601(timestamp '2020-05-03 17:30:08')", '2020-05-03T17:30:08.000'],
    ["from_iso8601_timestamp('2020-05-03T17:30:08')", '2020-05-03 17:30:08.000'],
    ["last_day_of_month(date '2020-02-01')", '2020-02-29'],
    [
      "timestamp '2020-01-01 00:00:00' at time zone 'Asia/Shanghai'",
      '2020-01-01 08:00:00.000 Asia/Shanghai',
    ],
    ["from_unixtime(0) < timestamp '1970-01-02 00:00:00'", 'true'],
    ['now() is not null', 'true'],
    ['current_date is not null', 'true'],
  ])
  await answers(
    [
      ['from_unixtime(1494985275)', '2017-05-17 09:41:15.000'],
      ["date_format(1494985275, '%H:%i')", '09:41'],
      ["to_unixtime(timestamp '2017-05-17 09:41:15')", '1.494985275E9'],
      ["from_unixtime(0, 'UTC') = timestamp '1970-01-01 08:00:00'", 'true'],
    ],
    'Asia/Shanghai',
  )
  await answers([["date_trunc('day', 1494985275)", '2017-05-17 00:00:00.000']], '+08:00')
})

test('texts, lists, maps and regular expressions (traps, 7.2)', () =>
  answers([
    ["substr('hello', 0)", ''],
    ["substr('hello', -3)", 'llo'],
    ["substring('hello' from 2 for 2)", 'el'],
    ["position('b' in 'abc')", '2'],
    ["split_part('a,b', ',', 5)", null],
    ["split('a,b,c', ',', 2)", '["a","b,c"]'],
    ["lpad('5', 3, '0')", '005'],
    ["replace('abcb', 'b')", 'ac'],
    ["split_to_map('a=1;b=2', ';', '=')['b']", '2'],
    ["to_hex(md5(to_utf8('a')))", '0CC175B9C0F1B6A831C399E269772661'],
    ["regexp_extract('abc', '\\d+')", null],
    ["regexp_extract('a12', '([a-z])(\\d+)', 2)", '12'],
    ["regexp_replace('1a2', '\\d', 'x')", 'xax'],
    ["regexp_replace('ab', '(a)(b)', '$2$1')", 'ba'],
    ["regexp_like('10.0.0.1', '^10\\.')", 'true'],
    ["json_extract_scalar('{\"a\":[1]}', '$.a')", null],
    ['json_extract_scalar(\'{"a":"x"}\', \'$.a\')', 'x'],
    ['array[1, 2, 3][2]', '2'],
    ['element_at(array[1, 2], -1)', '2'],
    ["element_at(map(array['a'], array[1]), 'a')", '1'],
    ['cardinality(array[1, 2])', '2'],
    ['array_distinct(array[2, 1, 2])', '[2,1]'],
    ['transform(array[1, 2], x -> x + 1)', '[2,3]'],
    ['filter(array[1, 2, 3], x -> x > 1)', '[2,3]'],
    ['reduce(array[1, 2, 3], 0, (s, x) -> s + x, s -> s * 10)', '60'],
    ['any_match(array[1, 2], x -> x > 1)', 'true'],
    ["map_filter(map(array['a', 'b'], array[1, 2]), (k, v) -> v > 1)", '{"b":2}'],
    ['sequence(1, 3)', '[1,2,3]'],
    ["url_encode('a b&c')", 'a+b%26c'],
    ["url_extract_host('http://a.com:80/p')", 'a.com'],
  ]))

test('addresses, IPv4 and IPv6', () =>
  answers([
    ["ip_prefix('192.168.1.37', 24)", '192.168.1.0/24'],
    ["ip_subnet_range('192.168.1.37/24')", '["192.168.1.0","192.168.1.255"]'],
    ["is_subnet_of('192.168.0.1/24', '192.168.0.77')", 'true'],
    ["is_subnet_of('10.0.0.0/8', '-')", null],
    ["is_subnet_of('0.0.0.0/0', '1.2.3.4')", 'true'],
    ["is_prefix_subnet_of('192.168.0.0/16', '192.168.5.0/24')", 'true'],
    ["ip_to_domain('10.1.2.3')", 'intranet'],
    ["ip_to_domain('120.26.1.1')", 'internet'],
    ["is_subnet_of('fd00::/8', 'fd12::1')", 'true'],
    ["is_subnet_of('fd00::/8', '2001:db8::1')", 'false'],
    ["is_subnet_of('::/0', 'fd12::1')", 'true'],
    ["ip_prefix('2001:db8:1:2:3:4:5:6', 48)", '2001:db8:1::/48'],
    ["ip_subnet_max('fd00:1::/64')", 'fd00:1::ffff:ffff:ffff:ffff'],
    ["ip_to_domain('fe80::1')", 'intranet'],
    ["count_if(is_subnet_of('fd00:10::/32', srcaddr))", '1'],
  ]))

test('results: default limit, range, names and types', async () => {
  const many = await ask('* | select x from unnest(sequence(1, 150)) as t(x)')
  assert.equal(many.rows.length, 100)
  assert.equal(many.limited, true)
  const all = await ask('* | select x from unnest(sequence(1, 150)) as t(x) limit 150')
  assert.equal(all.rows.length, 150)
  assert.equal(all.limited, false)
  const typed = await ask(
    '* | select srcaddr, count(*), avg(bytes) as mean, max(__time__) > 0, from_unixtime(min(__time__)) t group by 1 limit 1',
  )
  assert.deepEqual(typed.columns, [
    { name: 'srcaddr', type: 'varchar' },
    { name: '_col1', type: 'bigint' },
    { name: 'mean', type: 'double' },
    { name: '_col3', type: 'boolean' },
    { name: 't', type: 'timestamp' },
  ])
  assert.deepEqual(
    [typed.hasSql, typed.exact, typed.scannedRows, typed.scannedFiles],
    [true, true, 5, 2],
  )
  const half = await ask('* | select count(*)', { from: time + 60, to: time + 120 })
  assert.deepEqual(half.rows, [['1']])
  const none = await ask('* | select count(*), sum(bytes)', { from: 0, to: 10 })
  assert.deepEqual([none.rows, none.scannedFiles], [[['0', null]], 0])
  await assert.rejects(ask('*', { from: time, to: time }), { code: 'InvalidTimeRange' })
  await assert.rejects(ask('*', { zone: 'Mars/Olympus' }), { code: 'ParameterInvalid' })
})

test('results: raw records by page, in order of time', async () => {
  const page = async (line: number, offset: number, reverse: boolean) => {
    const request = {
      project: 'weir',
      logstore: 'flow-log',
      query: 'dstport:*',
      from: time,
      to: time + 300,
    }
    const result = await engine.run({ ...request, line, offset, reverse })
    return { rows: result.rows.map((row) => (Number(row[0]) - time) / 60), limited: result.limited }
  }
  assert.deepEqual(await page(2, 0, false), { rows: [0, 1], limited: true })
  assert.deepEqual(await page(2, 2, false), { rows: [2, 3], limited: false })
  assert.deepEqual(await page(3, 0, true), { rows: [3, 2, 1], limited: true })
  assert.deepEqual(await page(0, 0, false), { rows: [], limited: true })
  const whole = await ask('NODATA')
  assert.equal(whole.columns.length, 25)
  assert.equal(whole.rows[0]![whole.columns.findIndex((each) => each.name === 'bytes')], null)
})
