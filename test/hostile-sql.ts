/** SQL of one who wants to read what is not theirs: well-formed as far as it goes, and full of names of others. */
import { functionTable } from '../src/query/functions/table.ts'

type Random = (below: number) => number

const functions = [...functionTable.keys()]

/** @param files paths that exist and must not be read */
export function hostileSql(random: Random, files: readonly string[]): string {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!
  const file = () => `'${pick(files)}'`
  const reading = [
    'read_parquet',
    'parquet_scan',
    'read_csv',
    'read_csv_auto',
    'read_text',
    'read_blob',
    'read_json',
    'sqlite_scan',
    'glob',
    'parquet_metadata',
    'parquet_schema',
    'query',
    'query_table',
    'sniff_csv',
    'getenv',
    'current_setting',
    'duckdb_settings',
    'duckdb_tables',
    'duckdb_secrets',
    'pragma_table_info',
    'which_secret',
    'eval',
    'load_extension',
  ]
  const table = (depth: number): string => (random(2) === 0 ? 'log' : otherTable(depth))
  const otherTable = (depth: number): string =>
    pick([
      () => 'log',
      () => 'own',
      () => 'secret',
      () => '"secret"',
      () => 'vault.secret',
      () => '"vault"."secret"',
      () => '"vault/secret"',
      () => 'mine.own',
      () => file(),
      () => `"${pick(files)}"`,
      () => `${pick(reading)}(${file()})`,
      () => `${pick(reading)}(${file()}, 'x')`,
      () => `${pick(reading)}([${file()}])`,
      () =>
        `${pick(['information_schema.tables', 'information_schema.columns', 'pg_catalog.pg_tables', 'sqlite_master', 'duckdb_tables()', '__store', 'main.__store', 'system.runtime.queries'])}`,
      () => (depth > 2 ? 'log' : `(${select(depth + 1)}) AS t${random(9)}`),
      () => `UNNEST(ARRAY[${expression(depth + 1)}]) AS u(x)`,
      () => `(VALUES (${expression(depth + 1)})) AS v(x)`,
    ])()
  const expression = (depth: number): string =>
    depth > 1 + random(4)
      ? pick(['n', 'text', '1', "'x'", 'NULL', '*', '__time__', 'marker'])
      : pick([
          () =>
            pick(['n', 'text', '1', "'x'", 'NULL', '__time__', 'marker', '"marker"', 't1.marker']),
          () => `${pick(functions)}(${args(depth + 1)})`,
          () => `${pick(functions)}(${args(depth + 1)})`,
          () => `${pick(reading)}(${file()})`,
          () => `(${select(depth + 2)})`,
          () =>
            `${expression(depth + 1)} ${pick(['=', '<', '||', '+', 'LIKE', 'IS DISTINCT FROM', 'IN'])} ${expression(depth + 1)}`,
          () =>
            `CAST(${expression(depth + 1)} AS ${pick(['varchar', 'bigint', 'double', 'json', 'blob', 'regclass'])})`,
          () => `CASE WHEN ${expression(depth + 1)} THEN ${expression(depth + 1)} END`,
          () => `EXISTS (${select(depth + 2)})`,
          () => `transform(ARRAY[${expression(depth + 1)}], x -> ${expression(depth + 1)})`,
        ])()
  const args = (depth: number): string =>
    Array.from({ length: random(4) }, () => expression(depth)).join(', ')
  const select = (depth: number): string => {
    const what = pick([
      '*',
      'count(*)',
      'marker',
      expression(depth),
      `${expression(depth)} AS a, n`,
    ])
    const where = random(3) === 0 ? ` WHERE ${expression(depth)}` : ''
    const joined =
      random(4) === 0 ? ` ${pick(['CROSS JOIN', ', LATERAL', 'JOIN'])} ${table(depth)}` : ''
    const union =
      random(8) === 0 && depth < 3
        ? ` ${pick(['UNION ALL', 'UNION', 'EXCEPT'])} ${select(depth + 1)}`
        : ''
    const limit = random(4) === 0 ? ` LIMIT ${pick(['10', '-1', '1e9', file()])}` : ''
    return `SELECT ${what} FROM ${table(depth)}${joined}${where}${union}${limit}`
  }
  const statement = pick([
    () => select(0),
    () => select(0),
    () => select(0),
    () => `WITH t1 AS (${select(1)}) SELECT * FROM t1`,
    () => `WITH RECURSIVE log AS (${select(1)}) SELECT * FROM log`,
    () => `SELECT ${expression(0)}`,
    () => `SELECT 1; ${select(0)}`,
    () => `SELECT 1 /* */ -- ' \n ; ${select(0)}`,
    () =>
      pick([
        `COPY (${select(1)}) TO '/tmp/weir-stolen.csv'`,
        `ATTACH ${file()} AS other`,
        `INSTALL httpfs`,
        `SET enable_external_access = true`,
        `PRAGMA database_list`,
        `CREATE TABLE x AS ${select(1)}`,
        `EXPLAIN ${select(1)}`,
        `DESCRIBE ${table(1)}`,
        `FROM ${table(1)}`,
        `EXPORT DATABASE '/tmp/weir-stolen'`,
        `IMPORT DATABASE ${file()}`,
        `CALL pragma_version()`,
        `PIVOT ${table(1)} ON n`,
      ]),
  ])()
  return `* | ${statement}`
}
