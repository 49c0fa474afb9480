/** Hostile statements, one a line, and why each is refused. None of them reaches an engine. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { WeirError } from '../base/errors.ts'
import { flowRecordFields } from '../record/fields.ts'
import { checkStatement, createEngine } from './engine.ts'
import type { Engine } from './engine.ts'
import { parseQuery } from './parse.ts'
import { planQuery } from './plan.ts'

let engine: Engine
before(async () => {
  engine = await createEngine({
    memoryBytesMax: 256 * 1024 * 1024,
    threads: 1,
    tempDirectory: '',
    tempBytesMax: 0,
  })
  await engine.connection.run('SET GLOBAL enable_external_access = false')
  await engine.connection.run('CREATE VIEW __store AS SELECT 1 AS one')
  await engine.connection.run('SET GLOBAL lock_configuration = true')
})
after(() => {
  engine.connection.closeSync()
  engine.instance.closeSync()
})

/** A statement after the pipe, and what its refusal says. All that go wrong are shown together. */
async function refuses(list: readonly (readonly [sql: string, said: RegExp])[]) {
  const wrong: string[] = []
  for (const [sql, said] of list) {
    const outcome = await outcomeOf(`* | ${sql}`)
    const shown = sql.slice(0, 100)
    if (!(outcome instanceof WeirError)) wrong.push(`let through: ${shown}: ${String(outcome)}`)
    else if (!said.test(outcome.message)) wrong.push(`${shown}: ${outcome.message}`)
    else if (!/^line \d+:\d+$/.test(outcome.place ?? '')) wrong.push(`no place: ${shown}`)
    else if (!/^Query(Syntax|Refused)$/.test(outcome.code)) wrong.push(`${shown}: ${outcome.code}`)
  }
  assert.deepEqual(wrong, [])
}

async function outcomeOf(text: string): Promise<unknown> {
  try {
    return planQuery(await parseQuery(text), flowRecordFields, { from: 0, to: 1 }, 'UTC', {
      logstore: 'flow-log',
    }).sql
  } catch (error) {
    return error
  }
}

test('files and other tables', () =>
  refuses([
    ["select * from '/etc/passwd'", /a text cannot be a name/],
    ["select * from 'x.parquet'", /a text cannot be a name/],
    ['select * from "/etc/passwd"', /the table \/etc\/passwd is not open/],
    ['select * from "x.parquet"', /the table x\.parquet is not open/],
    ["select * from read_csv('/etc/passwd')", /function is not supported in FROM/],
    ["select * from read_csv_auto('/etc/passwd')", /function is not supported in FROM/],
    ["select * from read_text('/etc/passwd')", /function is not supported in FROM/],
    ["select * from read_blob('/etc/passwd')", /function is not supported in FROM/],
    ["select * from read_json('/etc/passwd')", /function is not supported in FROM/],
    ["select * from read_parquet('/etc/passwd')", /function is not supported in FROM/],
    ["select * from parquet_metadata('x')", /function is not supported in FROM/],
    ["select * from glob('/*')", /function is not supported in FROM/],
    ["select glob('/*')", /the function glob is not known/],
    ["select * from query('select 1')", /function is not supported in FROM/],
    ["select * from query_table('log')", /function is not supported in FROM/],
    ["select query('select 1')", /the function query is not known/],
    ['select * from duckdb_settings()', /function is not supported in FROM/],
    ['select * from duckdb_tables()', /function is not supported in FROM/],
    ['select * from duckdb_secrets()', /function is not supported in FROM/],
    ["select * from pragma_table_info('log')", /function is not supported in FROM/],
    ['select * from pragma_database_list', /the table pragma_database_list is not open/],
    ['select * from sqlite_master', /the table sqlite_master is not open/],
    ['select * from information_schema.tables', /schema is not supported in FROM/],
    ['select * from pg_catalog.pg_tables', /schema is not supported in FROM/],
    ['select * from main.log', /schema is not supported in FROM/],
    ['select * from memory.main.log', /(schema|catalog) is not supported in FROM/],
    ['select * from system.information_schema.tables', /(schema|catalog) is not supported in FROM/],
    ['select * from other', /the table other is not open/],
    ['select * from "web"', /the table web is not open/],
    ['with log as (select * from other) select * from log', /the table other is not open/],
    ['with a as (select * from b), b as (select 1) select * from a', /the table b is not open/],
    ['select * from log where bytes in (select x from secret)', /the table secret is not open/],
    ["select * from table('x')", /function is not supported in FROM/],
    ['select * from lateral (select 1)', /lateral is not supported in FROM/],
    ['select * from range(10)', /function is not supported in FROM/],
    ['select * from generate_series(1, 10)', /function is not supported in FROM/],
    ['select * from repeat(1, 10)', /function is not supported in FROM/],
    ["select * from sniff_csv('x')", /function is not supported in FROM/],
    ["select * from json_execute_serialized_sql('x')", /function is not supported in FROM/],
  ]))

test('other statements than one SELECT', () =>
  refuses([
    ['select 1; select 2', /one statement is needed, not 2/],
    ["select 1; copy log to 'x'", /one statement is needed, not 2/],
    ["copy log to 'x'", /(is not a query|cannot be read)/],
    ["copy (select 1) to 'x'", /(is not a query|cannot be read)/],
    ["attach 'x.db'", /(is not a query|cannot be read)/],
    ["attach ':memory:' as m", /(is not a query|cannot be read)/],
    ['detach memory', /(is not a query|cannot be read)/],
    ['install httpfs', /(is not a query|cannot be read)/],
    ['load httpfs', /(is not a query|cannot be read)/],
    ['pragma database_list', /(is not a query|cannot be read)/],
    ['pragma enable_profiling', /(is not a query|cannot be read)/],
    ['call pragma_version()', /(is not a query|cannot be read)/],
    ["call enable_logging(storage = 'file')", /(is not a query|cannot be read)/],
    ["set memory_limit = '100GB'", /(is not a query|cannot be read)/],
    ['reset all', /(is not a query|cannot be read)/],
    ['set session x = 1; select 1', /the session setting x=1 is not known/],
    ['create table t (a int)', /(is not a query|cannot be read)/],
    ['create view v as select 1', /(is not a query|cannot be read)/],
    ['create macro f(x) as x', /(is not a query|cannot be read)/],
    ['create secret s (type s3)', /(is not a query|cannot be read)/],
    ['drop view __store', /(is not a query|kept for Weir|cannot be read)/],
    ['insert into log select 1', /(is not a query|cannot be read)/],
    ['update log set bytes = 1', /(is not a query|cannot be read)/],
    ['delete from log', /(is not a query|cannot be read)/],
    ['truncate table log', /(is not a query|cannot be read)/],
    ["export database 'x'", /(is not a query|cannot be read)/],
    ['explain select 1', /is not a query/],
    ['explain analyze select 1', /(is not a query|cannot be read)/],
    ['describe log', /is not a query/],
    ['show tables', /(is not a query|cannot be read)/],
    ['summarize log', /(is not a query|cannot be read)/],
    ['vacuum', /(is not a query|cannot be read)/],
    ['checkpoint', /(is not a query|cannot be read)/],
    ['begin', /(is not a query|cannot be read)/],
    ['prepare p as select 1', /(is not a query|cannot be read)/],
    ['execute p', /(is not a query|cannot be read)/],
    ['use memory', /(is not a query|cannot be read)/],
    ['table log', /(is not a query|cannot be read)/],
    ['srcaddr', /(is not a query|cannot be read)/],
    ['with_pack_meta', /not supported/],
    [';', /cannot be read/],
  ]))

/** "Detect it by the first word after the pipe ... and reject with a clear message": language reference, §4. */
test('each first word of the pipeline language is said to be one', async () => {
  const stages = [
    ['where', "bytes > 1 | extend x = 'a'"],
    ['extend', 'x = cast(bytes as bigint) * 8'],
    ['project', 'srcaddr, dstaddr'],
    ['project-away', '__topic__'],
    ['project-rename', 'a=b'],
    ['parse-json', 'content'],
    ['parse-regexp', "content, '(a)' as b"],
    ['parse-csv', 'content as a, b'],
    ['expand-values', 'content'],
    ['stats', 'n = count(*) by srcaddr'],
    ['sort', 'bytes desc'],
    ['limit', '5'],
    ['.let', 't = * | where a'],
  ] as const
  for (const [stage, rest] of stages) {
    for (const word of [stage, stage.toUpperCase()]) {
      const said = {
        code: 'QueryRefused',
        message: `"| ${word}" is a stage of the pipeline language (SPL), which is not supported`,
        place: 'line 1:3',
      }
      await assert.rejects(parseQuery(`*|${word} ${rest}`), said)
      const outcome = await outcomeOf(`* | ${word} ${rest}`)
      assert.ok(outcome instanceof WeirError && outcome.message === said.message)
      assert.match(outcome.hint ?? '', /^after the "\|" write SQL: SELECT /)
    }
  }
  for (const sql of ['select 1 as stats', 'with where_ as (select 1 as a) select a from where_'])
    assert.equal(typeof (await outcomeOf(`* | ${sql}`)), 'string', sql)
})

test('constructs that are none of the language', () =>
  refuses([
    ["select columns('.*') from log", /the function columns is not known/],
    ['select columns(*) from log', /the function columns is not known/],
    ['select * exclude (bytes) from log', /(except is not supported|cannot be read)/],
    ['select * replace (1 as bytes) from log', /(replace is not supported|cannot be read)/],
    ['select * rename (bytes as b) from log', /(rename is not supported|cannot be read)/],
    [
      'select * from log pivot (sum(bytes) for action in (1))',
      /(pivot is not supported|cannot be read)/,
    ],
    ['select * from log unpivot (a for b in (bytes))', /(unpivot is not supported|cannot be read)/],
    [
      'select * from log tablesample bernoulli (10)',
      /(table sample is not supported|cannot be read)/,
    ],
    ['select * from log using sample 10', /(sample is not supported|cannot be read)/],
    ['with recursive a as (select 1) select * from a', /recursive is not supported/],
    [
      'with a as materialized (select 1) select * from a',
      /(materialized is not supported|cannot be read)/,
    ],
    ['select ?', /unexpected character "\?"/],
    ['select $1', /unexpected character "\$"/],
    ['select :a', /unexpected character ":"/],
    ['select @a', /unexpected character "@"/],
    ['select #1 from log', /unexpected character "#"/],
    ['select `bytes` from log', /unexpected character "`"/],
    ['select $$a$$', /unexpected character "\$"/],
    ['select 1::bigint', /unexpected character ":"/],
    ['select {1: 2}', /unexpected character "{"/],
    ['select ~1', /unexpected character "~"/],
    ['select 1 & 2', /unexpected character "&"/],
    ['select 1 ^ 2', /unexpected character "\^"/],
    ['select 1 == 1', /unexpected "=="/],
    ["select x'ab'", /a text with the prefix x/],
    ["select U&'\\00'", /a code point is written/],
    ["select U&'a", /never closed/],
    ["select e'\\n'", /a text with the prefix e/],
    ['select 0x1F', /followed by something/],
    ['select 1_000', /followed by something/],
    ['select bytes from log group by all', /all is not supported in GROUP BY/],
    ['select distinct on (action) bytes from log', /distinct on is not supported/],
    ['select top 5 bytes from log', /top is not supported/],
    ['select bytes into x from log', /into is not supported/],
    ['select bytes from log for update', /locks is not supported/],
    ['select bytes from log limit (select 1)', /LIMIT takes a whole number/],
    ['select bytes from log limit -1', /LIMIT takes a whole number/],
    ['select bytes from log limit all', /LIMIT takes a whole number/],
    ['select bytes from log limit 1.5', /LIMIT takes a whole number/],
    ['select bytes from log limit 5 percent', /percent is not supported/],
    ['select bytes from log limit 5 with ties', /WITH TIES is not supported/],
    ['select bytes from log offset (select 1)', /OFFSET takes a whole number/],
    ['select bytes from log fetch first 3 percent rows only', /cannot be read|not supported/],
    ['select bytes from log qualify 1 = 1', /(qualify is not supported|cannot be read)/],
    ['select 1 union by name select 2', /by name is not supported/],
    ['select 1 from log natural join log b', /NATURAL JOIN is not supported/],
    ['select 1 from log semi join log b on true', /JOIN is not supported/],
    ['select 1 from log asof join log b on true', /(JOIN is not supported|cannot be read)/],
    [
      'select sum(bytes) ignore nulls over (order by bytes) from log',
      /sum\(\) cannot have IGNORE NULLS/,
    ],
    ['select a.b.c.d', /(is not supported|cannot be resolved|no table)/],
    ["select srcaddr ilike 'x'", /i like is not supported/],
    ["select srcaddr similar to 'x'", /similar to is not supported/],
    ["select srcaddr glob 'x'", /(glob is not supported|cannot be read)/],
    ['select srcaddr collate nocase', /collation is not supported/],
    ["select srcaddr -> 'x'", /json extract is not supported/],
    ['select bytes[1:2] from log', /unexpected character ":"/],
    ['select bytes = any (select 1)', /any is not supported/],
    ['select cast(1 as ipaddress)', /the type IPADDRESS is not known/],
    ['select cast(1 as hugeint)', /is not known here/],
    ['select /*+ hint */ 1 from other', /the table other is not open/],
    ['select 1 /* never closed', /the comment \/\* is never closed/],
    ["select 'never closed", /never closed/],
    ['select current_user', /current_user cannot be resolved/],
    ['select rowid from log', /rowid cannot be resolved/],
    ['select filename from log', /filename cannot be resolved/],
    ['select "log" from log', /log cannot be resolved/],
    ['select x -> x', /a lambda can only be the argument/],
  ]))

test('functions that are not in the table, and names kept for Weir', () =>
  refuses([
    ["select getenv('HOME')", /the function getenv is not known/],
    ["select current_setting('temp_directory')", /the function current_setting is not known/],
    ["select getvariable('x')", /the function getvariable is not known/],
    ["select error('x')", /the function error is not known/],
    ["select nextval('x')", /the function nextval is not known/],
    ['select version()', /the function version is not known/],
    ['select pg_sleep(1)', /the function pg_sleep is not known/],
    ['select sleep_ms(100000)', /the function sleep_ms is not known/],
    ["select json_serialize_sql('select 1')", /the function json_serialize_sql is not known/],
    ["select which_secret('a', 'b')", /the function which_secret is not known/],
    ["select write_log('a')", /the function write_log is not known/],
    ["select list_aggregate(array[1], 'sum')", /the function list_aggregate is not known/],
    ['select main.sum(1)', /(method call is not supported|cannot be read|is not supported)/],
    ['select sls_nz(1)', /the name sls_nz is kept for Weir/],
    ['select SLS_ip4(srcaddr)', /the name SLS_ip4 is kept for Weir/],
    ['select * from __src', /the name __src is kept for Weir/],
    ['select * from "__src"', /the name __src is kept for Weir/],
    ['select * from __store', /the (name|table) __store is/],
    ['select * from "__store"', /the name __store is kept for Weir/],
    ['with __store as (select 1) select * from log', /the name __store is kept for Weir/],
    ['with "__src" as (select 1) select * from log', /the name __src is kept for Weir/],
    ['select 1 as "sls_x"', /the name sls_x is kept for Weir/],
    ['select wq0', /the name wq0 is kept for Weir/],
    ['select compare(1, 3600)', /compare\(\) needs FROM with a query in parentheses/],
    ["select mobile_carrier('13800000000')", /function not supported: mobile_carrier/],
    ['select ts_smooth_fir(1, 2, 3)', /function not supported: ts_smooth_fir/],
    ['select st_point(1, 2)', /function not supported: st_point/],
    ["select promql_query('up')", /function not supported: promql_query/],
    ["select sls_js_city(srcaddr, '')", /the name sls_js_city is kept for Weir/],
    ['select sum(*)', /sum\(\*\) is not known/],
    ['select lower(distinct srcaddr)', /lower\(\) is not an aggregate/],
    ['select row_number()', /row_number\(\) needs OVER/],
  ]))

test('work without bound', () =>
  refuses([
    [
      'select unnest(sequence(1, 10000000000))',
      /the function unnest is not known|unnest is not supported/,
    ],
    ['select * from unnest(sequence(1, 10000000000))', /at most 10000 elements/],
    ['select sequence(0, 10000)', /at most 10000 elements/],
    ["select rpad('x', 2000000000, 'y')", /more than 10000 can be made/],
    ["select lpad('x', 2000000000, 'y')", /more than 10000 can be made/],
    ['select repeat(1, 4000000000)', /more than 10000 can be made/],
    [`select ${'('.repeat(40)}1${')'.repeat(40)}`, /nested too deeply/],
    [`select ${Array.from({ length: 10_000 }, () => '1').join(' + ')}`, /nested too deeply/],
    [`select ${'not '.repeat(3000)}true`, /nested too deeply/],
    [`select ${'lower('.repeat(600)}'x'${')'.repeat(600)}`, /nested too deeply/],
    [`select ${'(select '.repeat(31)}1${')'.repeat(31)}`, /nested/],
    [`select '${'x'.repeat(70_000)}'`, /the query has 700\d\d characters/],
    ["select regexp_like(srcaddr, '(?=a')", /the regular expression cannot be read: /],
    ["select regexp_replace(srcaddr, 'a++')", /possessive groups are not supported/],
    ['select date_format(__time__, srcaddr)', /the format must be a literal/],
    ['select 9223372036854775808', /does not fit in a bigint/],
    ["select interval '99999999999' day", /an interval has a whole number/],
  ]))

test('hostile names and texts stay names and texts', async () => {
  const f = async (sql: string, want: string) => {
    const outcome = await outcomeOf(`* | ${sql}`)
    assert.equal(typeof outcome, 'string', outcome instanceof Error ? outcome.stack : '')
    assert.ok(String(outcome).includes(want), `${sql} gives ${String(outcome)}`)
    await checkStatement(engine, String(outcome))
  }
  await f('select 1 as "x"" from secret --"', 'AS "x"" from secret --"')
  await f("select '''; drop view __store; --'", "'''; drop view __store; --'")
  await f("select 'a\\' as b", "'a\\' AS")
  await f('select 1 as "select"', 'AS "select"')
  await f('with "a""b" as (select \'x\' as "c""d") select * from "a""b"', '"a""b"')
  await f('/* a */ select -- b\n 1 /* c */', 'SELECT 1 AS "_col0" LIMIT 101')
  await f('select 1;', 'SELECT 1')
  await f('set session parallel_sql=true; select 1', 'SELECT 1')
})

test('the second fence alone refuses what a translation never holds', async () => {
  const f = async (sql: string, said: string) => {
    await assert.rejects(
      checkStatement(engine, sql),
      { code: 'QueryRefused', message: new RegExp(said) },
      sql,
    )
  }
  await f("SELECT * FROM read_csv('/etc/passwd')", 'TABLE_FUNCTION')
  await f('SELECT * FROM secret', 'the table secret')
  await f('SELECT * FROM main.__store', 'of a schema')
  await f('SELECT getenv($$HOME$$)', 'the function getenv')
  await f('SELECT 1; SELECT 2', 'not one statement')
  await f('SELECT COLUMNS(*) FROM __store', 'a star')
  await f('SELECT * EXCLUDE (one) FROM __store', 'a star')
  await f('SELECT $1', 'PARAMETER')
  await f('SELECT #1 FROM __store', 'POSITIONAL')
  await f(
    'WITH RECURSIVE a AS (SELECT 1 UNION ALL SELECT 1 FROM a) SELECT 1 FROM a',
    'RECURSIVE_CTE_NODE',
  )
  await f('SELECT one FROM __store TABLESAMPLE 10%', 'a sample')
  await f('SELECT one FROM __store USING SAMPLE 10', 'a sample|SAMPLE')
  await f("SELECT * FROM query('select 1')", 'TABLE_FUNCTION')
  await f("COPY (SELECT 1) TO '/tmp/x'", 'cannot be read')
  await f('PIVOT __store ON one', '.')
  await f('SELECT other.sum(1)', 'another schema|function')
  await checkStatement(engine, 'WITH a AS (SELECT one FROM __store) SELECT sum(one) FROM a')
})

test('what the fence let through it lets through again, for what it may read alone', async () => {
  const sql = 'SELECT one FROM __store'
  await checkStatement(engine, sql)
  await checkStatement(engine, sql)
  const refused = { code: 'QueryRefused', message: /the table __store/ }
  await assert.rejects(checkStatement(engine, sql, ['__store2']), refused)
  await assert.rejects(checkStatement(engine, sql, []), refused)
  for (let each = 0; each < 300; each++) await checkStatement(engine, `SELECT ${each} FROM __store`)
  assert.ok(engine.passed.size <= 100)
  for (let times = 0; times < 2; times++)
    await assert.rejects(checkStatement(engine, 'SELECT 1 FROM secret'), { code: 'QueryRefused' })
})
