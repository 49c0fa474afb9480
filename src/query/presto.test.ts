/** Statements as users of Presto write them: each gives Presto's answer, or says what to write instead. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { testLogstore, testRecord } from '../../test/query-logstore.ts'
import type { TestLogstore } from '../../test/query-logstore.ts'
import { QueryEngine, defaultQueryConfig } from './query.ts'

const time = testRecord.__time__
let store: TestLogstore
let engine: QueryEngine

before(async () => {
  store = await testLogstore([
    [
      { ...testRecord, bytes: 100 },
      { ...testRecord, bytes: 201, action: 'REJECT', dstport: null, __time__: time + 60 },
    ],
  ])
  engine = new QueryEngine(defaultQueryConfig, store.reader)
})
after(async () => {
  await engine.close()
  await store.remove()
})

/** Columns are parted by ` ; `, rows by ` / `. */
async function ask(sql: string): Promise<string> {
  const range = { from: time, to: time + 300, zone: 'UTC' }
  const request = { project: 'weir', logstore: 'flow-log', query: `* | ${sql}`, ...range }
  const { rows } = await engine.run(request)
  return rows.map((row) => row.map((value) => value ?? 'NULL').join(' ; ')).join(' / ')
}

/** Expressions, and their values. */
const expressions: readonly (readonly [text: string, values: string])[] = [
  ["timestamp '2023-01-01 00:00:00' + interval '1' day", '2023-01-02 00:00:00.000'],
  ["timestamp '2023-01-31 00:00:00' + interval '1' month", '2023-02-28 00:00:00.000'],
  ["date '2023-01-01' + interval '2' day", '2023-01-03'],
  ["date '2023-01-03' - date '2023-01-01'", '2 00:00:00.000'],
  ["interval '2' day + interval '3' hour", '2 03:00:00.000'],
  ["interval '1' year", '1-0'],
  ["date_add('month', 1, timestamp '2023-01-31 10:00:00')", '2023-02-28 10:00:00.000'],
  ["date_diff('hour', timestamp '2023-01-01 00:00:00', timestamp '2023-01-02 03:30:00')", '27'],
  ["date_trunc('quarter', timestamp '2023-05-17 10:00:00')", '2023-04-01 00:00:00.000'],
  ["extract(dow from date '2023-01-01')", '7'],
  ["day_of_week(date '2023-01-01')", '7'],
  ["week(date '2023-01-01'), year_of_week(date '2023-01-01')", '52 ; 2022'],
  ["quarter(date '2023-05-01'), day_of_year(date '2023-02-01')", '2 ; 32'],
  ["last_day_of_month(date '2023-02-10')", '2023-02-28'],
  ["to_unixtime(timestamp '2023-01-01 00:00:00')", '1.6725312E9'],
  ['from_unixtime(1672531200)', '2023-01-01 00:00:00.000'],
  ["from_unixtime(1672531200, 'Asia/Shanghai')", '2023-01-01 08:00:00.000 Asia/Shanghai'],
  [
    "format_datetime(timestamp '2023-01-05 13:04:05', 'yyyy-MM-dd HH:mm:ss')",
    '2023-01-05 13:04:05',
  ],
  [
    "format_datetime(timestamp '2023-01-05 13:04:05', 'EEE, d MMM yyyy hh:mm a')",
    'Thu, 5 Jan 2023 01:04 PM',
  ],
  ["format_datetime(timestamp '2023-01-05 13:04:05.678', 'SSS')", '678'],
  ["date_format(timestamp '2023-01-05 13:04:05', '%Y-%m-%d %H:%i:%s')", '2023-01-05 13:04:05'],
  [
    "date_format(timestamp '2023-01-05 13:04:05', '%W %M %e %j %p %h %T')",
    'Thursday January 5 005 PM 01 13:04:05',
  ],
  ["date_parse('2023-01-05 13', '%Y-%m-%d %H')", '2023-01-05 13:00:00.000'],
  ["from_iso8601_date('2023-01-05')", '2023-01-05'],
  ["to_iso8601(date '2023-01-05')", '2023-01-05'],
  ['human_readable_seconds(96)', '1 minute, 36 seconds'],
  [
    "try(1/0), try_cast('x' as bigint), coalesce(try(cast('z' as double)), 0e0)",
    'NULL ; NULL ; 0.0',
  ],
  [
    "cast('2023-01-01' as date), cast('1.5' as decimal(10,2)), cast(1 as boolean)",
    '2023-01-01 ; 1.50 ; true',
  ],
  ["cast(json '[1,2]' as array(bigint))", '[1,2]'],
  [`cast(json_parse('{"a":1}') as map(varchar, bigint))`, '{"a":1}'],
  ["cast(row(1, 'a') as row(x bigint, y varchar)).x", '1'],
  ['row(1,2) = row(1,2)', 'true'],
  [`json_extract('{"a":[{"b":1}]}', '$.a[0].b')`, '1'],
  [`json_extract_scalar('{"a":{"b c":2}}', '$.a["b c"]')`, '2'],
  ["json_format(cast(map(array['a'], array[1]) as json))", '{"a":1}'],
  ["json_format(json_parse('[1, 2]'))", '[1,2]'],
  ["regexp_extract('a1b22', '\\d+')", '1'],
  ["regexp_extract('a1b22', '([a-z])(\\d+)', 2)", '1'],
  ["regexp_extract_all('a1b22', '\\d+')", '["1","22"]'],
  ["regexp_replace('a1b22', '(\\d+)', '<$1>')", 'a<1>b<22>'],
  [
    "split_part('a.b.c', '.', 2), strpos('abc', 'c'), position('b' in 'abc'), reverse('abc'), lpad('7', 3, '0')",
    'b ; 3 ; 2 ; cba ; 007',
  ],
  ["split_to_map('a=1&b=2', '&', '=')", '{"a":"1","b":"2"}'],
  [
    "substring('abcdef' from 2 for 3), substr('abcdef', -2), trim(both 'x' from 'xax'), trim(leading from ' a')",
    'bcd ; ef ; a ; a',
  ],
  ["format('%s has %d', 'a', 5)", 'a has 5'],
  [
    "chr(65), codepoint('A'), normalize('a'), translate('abc', 'ab', 'xy'), starts_with('abc', 'ab')",
    'A ; 65 ; a ; xyc ; true',
  ],
  ["to_hex(md5(to_utf8('a')))", '0CC175B9C0F1B6A831C399E269772661'],
  [
    "to_base64(to_utf8('abc')), from_utf8(from_base64('YWJj')), to_hex(from_hex('ff'))",
    'YWJj ; abc ; FF',
  ],
  [
    "url_extract_host('http://a.com:80/p'), url_extract_parameter('http://a.com/?x=1', 'x')",
    'a.com ; 1',
  ],
  ["is_subnet_of('10.0.0.0/8', '10.1.2.3')", 'true'],
  [
    'transform(array[1,2,3], x -> x * 2), filter(array[1,2,3], x -> x > 1), reduce(array[1,2,3], 0, (s, x) -> s + x, s -> s * 10)',
    '[2,4,6] ; [2,3] ; 60',
  ],
  ['array[1,2] || array[3], array[1,2] || 3, 0 || array[1]', '[1,2,3] ; [1,2,3] ; [0,1]'],
  [
    "case when 1 = 1 then 'x' else 'y' end, case 3 when 3 then 'three' end, if(1=2, 'a'), nullif(1,1), greatest(1,2,3)",
    'x ; three ; NULL ; NULL ; 3',
  ],
  [
    "1 is distinct from null, null is not distinct from null, 5 between 1 and 10, 'a' not like 'b%', 'a%' like 'a$%' escape '$'",
    'true ; true ; true ; true ; true',
  ],
  ["json_extract('[1,2]', '$[0]')", '1'],
  [`json_size('{"a":{"x":1,"y":2}}', '$.a')`, '2'],
  ["cast('abc' as varchar(2))", 'ab'],
  ['cast(1 as smallint), cast(2 as tinyint), cast(3 as real), cast(4 as int)', '1 ; 2 ; 3.0 ; 4'],
  [
    "cast(timestamp '2023-01-01 10:00:00' as varchar), cast(date '2023-01-01' as varchar), cast(true as varchar)",
    '2023-01-01 10:00:00.000 ; 2023-01-01 ; true',
  ],
  ["date('2023-01-01')", '2023-01-01'],
  ["timestamp '2023-01-01 00:00'", '2023-01-01 00:00:00.000'],
  ["date_add('week', -1, date '2023-01-08')", '2023-01-01'],
  [
    "hour(timestamp '2023-01-01 10:11:12'), minute(timestamp '2023-01-01 10:11:12'), second(timestamp '2023-01-01 10:11:12'), millisecond(timestamp '2023-01-01 10:11:12.345'), day(date '2023-01-02'), month(date '2023-01-02'), year(date '2023-01-02')",
    '10 ; 11 ; 12 ; 345 ; 2 ; 1 ; 2023',
  ],
  [
    'round(-2.5), round(2.345, 2), truncate(-2.7), ceil(-1.2), floor(-1.2), mod(-7, 3), power(2, 0.5), cbrt(8)',
    '-3.0 ; 2.35 ; -2.0 ; -1.0 ; -2.0 ; -1 ; 1.4142135623730951 ; 2.0',
  ],
  ['round(7), abs(-2), sign(-2.5), ln(e())', '7 ; 2 ; -1.0 ; 1.0'],
  ["greatest('a', 'b'), least(1, 2.5)", 'b ; 1.0'],
  [
    "bitwise_left_shift(1, 2), bit_count(7, 64), from_base('ff', 16), to_base(10, 2), width_bucket(5.0, 0, 10, 5)",
    '4 ; 3 ; 255 ; 1010 ; 3',
  ],
  [
    "cardinality(map(array[1], array[2])), element_at(map(array['a'], array[1]), 'b'), map(array['a'], array[1])['a']",
    '1 ; NULL ; 1',
  ],
  [
    "map_filter(map(array['a','b'], array[1,2]), (k, v) -> v > 1), transform_keys(map(array['a'], array[1]), (k, v) -> upper(k)), transform_values(map(array['a'], array[1]), (k, v) -> v * 10)",
    '{"b":2} ; {"A":1} ; {"a":10}',
  ],
  [
    "zip_with(array[1,2], array[3,4], (x, y) -> x + y), zip(array[1], array['a'])",
    '[4,6] ; [{"field0":1,"field1":"a"}]',
  ],
  [
    'any_match(array[1,2], x -> x > 1), all_match(array[1,2], x -> x > 1), none_match(array[1,2], x -> x > 2)',
    'true ; false ; true',
  ],
  [
    "array_join(array[1,null,2], ',', 'x'), array_position(array['a','b'], 'b'), array_distinct(array[1,1,2]), slice(array[1,2,3], -2, 2), flatten(array[array[1], array[2]])",
    '1,x,2 ; 2 ; [1,2] ; [2,3] ; [1,2]',
  ],
  [
    "array_union(array[1], array[2]), array_intersect(array[1,2], array[2]), arrays_overlap(array[1], array[1]), contains(array[1,2], 3), repeat('a', 2), sequence(5, 1, -2)",
    '[1,2] ; [2] ; true ; false ; ["a","a"] ; [5,3,1]',
  ],
  [
    'array_min(array[3,1]), array_max(array[3,1]), shuffle(array[1]), reverse(array[1,2]), concat(array[1], array[2])',
    '1 ; 3 ; [1] ; [2,1] ; [1,2]',
  ],
  ["split('a,b,c', ',', 2), split('a,b', ',')[1]", '["a","b,c"] ; a'],
  [
    "length('日本'), upper('a'), lower('A'), ltrim(' a'), rtrim('a '), replace('aba', 'a'), replace('aba', 'a', 'c'), rpad('a', 3, 'x')",
    '2 ; A ; a ; a ; a ; b ; cbc ; axx',
  ],
  ["'a' || 'b' || cast(1 as varchar), concat('a', 'b', 'c')", 'ab1 ; abc'],
  ["'a' < 'b' and not false or null, null = null, null is null", 'true ; NULL ; true'],
  ["'abc' like 'a_c', 'a%c' like 'a\\%c' escape '\\'", 'true ; true'],
  ["coalesce(null, 'x'), nullif('a', 'b'), if(true, 1, 2)", 'x ; a ; 1'],
  [`json_extract('{"a":[{"b":1},{"b":"x"}]}', '$.a[*].b')`, '[1,"x"]'],
  [`json_extract('{"a":{"x":[1],"y":null}}', '$.a.*')`, '[[1],null]'],
  [`json_extract('{"a":1}', '$.b[*]')`, '[]'],
  [`cast(json_extract('{"a":[1,2]}', '$.a[*]') as array(bigint))`, '[1,2]'],
  [`json_array_length(json_extract('{"a":[1,2]}', '$.a[*]'))`, '2'],
  ["cast(json '[1,2]' as array(bigint))", '[1,2]'],
  [`json '{"a":1}'`, '{"a":1}'],
  [
    "array[1,2] || array[3], array[1,2] || 3, 0 || array[1], array['a'] || 'b', array[array[1]] || array[array[2]]",
    '[1,2,3] ; [1,2,3] ; [0,1] ; ["a","b"] ; [[1],[2]]',
  ],
  ['array[array[1]] || array[2]', '[[1],[2]]'],
  ["'a' || 1", 'a1'],
  ['reduce(array[1.5, 2.5], 0, (s, x) -> s + x, s -> s)', '4.0'],
  ['cosh(0), sinh(0), tanh(0), random(1)', '1.0 ; 0.0 ; 0.0 ; 0'],
]

const statements: readonly (readonly [sql: string, rows: string])[] = [
  [
    "select count(*) filter (where action = 'ACCEPT') as a, sum(bytes) filter (where action = 'REJECT') from log",
    '1 ; 201',
  ],
  ['select approx_percentile(bytes, 0.95) from log', '201'],
  ['select array_agg(distinct action order by action) from log', '["ACCEPT","REJECT"]'],
  ['select map_agg(action, bytes) from log', '{"ACCEPT":100,"REJECT":201}'],
  ['select max_by(action, bytes) from log', 'REJECT'],
  [
    'select action, sum(bytes) from log group by rollup(action) order by action nulls last',
    'ACCEPT ; 100 / REJECT ; 201 / NULL ; 301',
  ],
  ["select x, y from (values (1, 'a'), (2, 'b')) as t(x, y) order by x desc", '2 ; b / 1 ; a'],
  ["values (1, 'a'), (2, 'b')", '1 ; a / 2 ; b'],
  [
    "select t.v, t.n from unnest(array['a','b']) with ordinality as t(v, n) order by n",
    'a ; 1 / b ; 2',
  ],
  [
    "select k, v from unnest(map(array['a','b'], array[1,2])) as t(k, v) order by k",
    'a ; 1 / b ; 2',
  ],
  [
    "select a, b from unnest(array[1,2,3], array['x','y']) as t(a, b) order by a",
    '1 ; x / 2 ; y / 3 ; NULL',
  ],
  [
    "select action, w from log, unnest(split(action, 'E')) with ordinality as t(w, n) where n = 1 order by 1",
    'ACCEPT ; ACC / REJECT ; R',
  ],
  ['select 1 intersect select 1', '1'],
  ['select 1 except select 2', '1'],
  ['(select 1 as x union all select 2) order by x desc', '2 / 1'],
  ['select x from (values 1,2,2,3) as t(x) except select 2 order by x', '1 / 3'],
  [
    'select x, sum(x) over (order by x rows between 1 preceding and current row) from (values 1,2,3) t(x) order by x',
    '1 ; 1 / 2 ; 3 / 3 ; 5',
  ],
  [
    'select x, lag(x, 1, 0) over (order by x), lead(x) over (order by x) from (values 1,2,3) t(x) order by x',
    '1 ; 0 ; 2 / 2 ; 1 ; 3 / 3 ; 2 ; NULL',
  ],
  [
    'select x, first_value(x) over w, nth_value(x, 2) over w from (values 1,2,3) t(x) window w as (order by x rows between unbounded preceding and unbounded following) order by x',
    '1 ; 1 ; 2 / 2 ; 1 ; 2 / 3 ; 1 ; 2',
  ],
  [
    'select x, rank() over (order by y), dense_rank() over (order by y), percent_rank() over (order by y), cume_dist() over (order by y), ntile(2) over (order by x) from (values (1,1),(2,1),(3,2)) t(x, y) order by x',
    '1 ; 1 ; 1 ; 0.0 ; 0.6666666666666666 ; 1 / 2 ; 1 ; 1 ; 0.0 ; 0.6666666666666666 ; 1 / 3 ; 3 ; 2 ; 1.0 ; 1.0 ; 2',
  ],
  [
    'select x, lag(x) ignore nulls over (order by i) from (values (1, 5), (2, null), (3, 7)) t(i, x) order by i',
    '5 ; NULL / NULL ; 5 / 7 ; 5',
  ],
  [
    'select sum(x) over (order by x range between 1 preceding and 1 following) from (values 1,2,5) t(x) order by 1',
    '3 / 3 / 5',
  ],
  ['with a as (select 1 as x), b(y) as (select x + 1 from a) select * from b', '2'],
  ['select action, count(*) c from log group by 1 order by 1 offset 1 limit 1', 'REJECT ; 1'],
  ['select action from log order by 1 fetch first 1 row only', 'ACCEPT'],
  ['select distinct action from log order by action', 'ACCEPT / REJECT'],
  ['select count(distinct (action, type)) from log', '2'],
  ['select cast(bytes as double) / 3 from log order by 1 limit 1', '33.333333333333336'],
  ["select listagg(action, ',') within group (order by action) from log", 'ACCEPT,REJECT'],
  ['select array_agg(bytes order by bytes desc) filter (where bytes > 1) from log', '[201,100]'],
  ['select * from (values 1) as a(x) join (values 1) as b(x) using (x)', '1'],
  [
    'select a.x from (values 1,2) a(x) left join (values 1) b(x) on a.x = b.x where b.x is null',
    '2',
  ],
  [
    'select a.x, b.x from (values 1,2) a(x) full outer join (values 2,3) b(x) on a.x = b.x order by 1 nulls last',
    '1 ; NULL / 2 ; 2 / NULL ; 3',
  ],
  ['select x from (values 3,1) t(x) union select 3 order by 1', '1 / 3'],
  ['select x from (values 1,2,3) t(x) where x in (select 2 union select 3) order by x', '2 / 3'],
  [
    'select x from (values 1,2,3) t(x) where not exists (select 1 from (values 2) s(y) where s.y = t.x) order by x',
    '1 / 3',
  ],
  [
    "select count(*) from log where action in ('ACCEPT', 'DROP') and bytes between 50 and 150 and srcaddr is not null",
    '1',
  ],
  [
    'select count(*), max(bytes) - min(bytes), sum(bytes) / count(*), sum(bytes) * 1.0 / count(*) from log',
    '2 ; 101 ; 150 ; 150.5',
  ],
  [
    'select action, count(*) * 100.0 / sum(count(*)) over () as pct from log group by action order by 1',
    'ACCEPT ; 50.0 / REJECT ; 50.0',
  ],
  [
    'select action, bytes, row_number() over (partition by action order by bytes desc) rn from log order by 1',
    'ACCEPT ; 100 ; 1 / REJECT ; 201 ; 1',
  ],
  [
    'select * from (select action, row_number() over (order by bytes) r from log) where r = 1',
    'ACCEPT ; 1',
  ],
  ['select last_value(x) over (order by x) from (values 1,2) t(x) order by 1', '1 / 2'],
  ['select count(*) over () from log limit 1', '2'],
  [
    'select min_by(action, bytes), max_by(action, bytes, 2), min(bytes, 1) from log',
    'ACCEPT ; ["REJECT","ACCEPT"] ; [100]',
  ],
  [
    'select arbitrary(type), checksum(type) is not null, count(dstport), corr(bytes, bytes) from log',
    'IPv4 ; true ; 1 ; 1.0',
  ],
  [
    "select url_extract_path('http://a/b?c=1#d'), url_extract_query('http://a/b?c=1#d'), url_extract_fragment('http://a/b?c=1#d'), url_extract_protocol('https://a'), url_extract_port('http://a:8080/'), url_encode('a b/'), url_decode('a%20b')",
    '/b ; c=1 ; d ; https ; 8080 ; a+b%2F ; a b',
  ],
  ["select sum(case when action = 'ACCEPT' then 1 else 0 end) * 1.0 / count(*) from log", '0.5'],
  ['select try(cast(dstport as bigint)) + 1 from log order by 1 limit 1', '81'],
  [`select "dstport" from log where "log-status" = 'OK' order by 1 limit 1`, '80'],
  ['select action from log order by bytes desc nulls last limit 0, 1', 'REJECT'],
  ['select a.action from log a join log b on a.action = b.action order by 1', 'ACCEPT / REJECT'],
  ['select -bytes, +bytes, not true from log order by 1 limit 1', '-201 ; 201 ; false'],
  ['select array_agg(x)[1] from (values 5) t(x)', '5'],
  ["select map_agg(k, v)['a'] from (values ('a', 1)) t(k, v)", '1'],
  ['select sum(x) from unnest(sequence(1, 100)) t(x)', '5050'],
  [
    "select date_add('day', n, date '2023-01-01') from unnest(sequence(0, 2)) t(n) order by 1",
    '2023-01-01 / 2023-01-02 / 2023-01-03',
  ],
  ['select x from (values 3,1,2) t(x) order by x fetch first 2 rows only', '1 / 2'],
  ['select x from (values 3,1,2) t(x) order by x offset 1 fetch next row only', '2'],
  ['select count(*) from log group by ()', '2'],
  ['select count(*) from log where bytes < 0 group by ()', '0'],
  [
    'select action, type, count(*) from log group by (action, type) order by 1',
    'ACCEPT ; IPv4 ; 1 / REJECT ; IPv4 ; 1',
  ],
  [
    'select x, lag(x) ignore nulls over (order by i) from (values (1, 5), (2, null), (3, 7)) t(i, x) order by i',
    '5 ; NULL / NULL ; 5 / 7 ; 5',
  ],
  [
    'select last_value(x) ignore nulls over (order by i rows between unbounded preceding and current row) from (values (1, 5), (2, null), (3, 7)) t(i, x) order by i',
    '5 / 5 / 7',
  ],
  [
    'select first_value(x) ignore nulls over (order by i rows between unbounded preceding and unbounded following) from (values (1, null), (2, 4)) t(i, x)',
    '4 / 4',
  ],
  [
    'select nth_value(x, 1) ignore nulls over (order by i rows between unbounded preceding and unbounded following) from (values (1, null), (2, 4)) t(i, x)',
    '4 / 4',
  ],
  [
    'select lead(x, 1, 9) ignore nulls over (order by i) from (values (1, 5), (2, null), (3, 7)) t(i, x) order by i',
    '7 / 7 / 9',
  ],
  ['select array_agg(x) || 9 from (values 1) t(x)', '[1,9]'],
]

/** What is not there says where, and what to write instead. */
const refused: readonly (readonly [
  sql: string,
  place: string,
  message: string,
  hint: string | undefined,
])[] = [
  [
    'select regexp_replace(action, action, x -> x) from log',
    'line 1:35',
    'regexp_replace() takes no lambda',
    undefined,
  ],
  [
    "select json_extract_scalar('{}', '$.a[*]')",
    'line 1:38',
    'a path with * has many values',
    'json_extract() gives them all',
  ],
  [
    'select reduce(array[1], row(0, 0), (s, x) -> s, s -> s)',
    'line 1:12',
    'reduce() needs a state like the elements, not a row',
    'CROSS JOIN UNNEST(...) and aggregates do the same',
  ],
  [
    'select sum(bytes) ignore nulls over (order by bytes) from log',
    'line 1:12',
    'sum() cannot have IGNORE NULLS',
    undefined,
  ],
  [
    'select 1 > all (select 2)',
    'line 1:5',
    'all is not supported in an expression',
    'compare with max(...) or min(...) of the query, or write NOT IN',
  ],
  [
    "select action ilike 'a%' from log",
    'line 1:5',
    'i like is not supported in an expression',
    "write lower(name) LIKE 'abc%'",
  ],
  [
    'select 1, ifnull(bytes, 0) from log',
    'line 1:15',
    'function not supported: ifnull',
    'coalesce(a, b), or IS NULL',
  ],
  [
    'select group_concat(action) from log',
    'line 1:12',
    'function not supported: group_concat',
    "listagg(value, ',') WITHIN GROUP (ORDER BY value)",
  ],
  [
    'select median(bytes) from log',
    'line 1:12',
    'function not supported: median',
    'approx_percentile(value, 0.5), exact here',
  ],
]

test('expressions', async () => {
  const left = [...expressions]
  while (left.length > 0) {
    const some = left.splice(0, 15)
    const got = await ask(`select ${some.map(([text]) => text).join(', ')}`).catch(() => '')
    if (got === some.map((each) => each[1]).join(' ; ')) continue
    for (const [text, want] of some) assert.equal(await ask(`select ${text}`), want, text)
    assert.fail(`together they give ${got}`)
  }
})

test('statements', async () => {
  for (const [sql, want] of statements) assert.equal(await ask(sql), want, sql)
})

test('what is not there', async () => {
  for (const [sql, place, message, hint] of refused)
    await assert.rejects(ask(sql), { place, message, hint }, sql)
})
