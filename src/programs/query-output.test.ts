/** Answers in every format, byte for byte, as a child process writes them to its standard output. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import type { QueryAnswer } from '../api/contract.ts'
import { temporaryFolder } from '../../test/logstore-rows.ts'
import type { QueryFormat } from './query-output.ts'

type Rows = QueryAnswer['rows']

/** @param columns `name type`, separated by commas */
function answerOf(columns: string, rows: Rows, hasSql = true): QueryAnswer {
  return {
    columns: columns.split(', ').map((each) => {
      const [name = '', type = 'varchar'] = each.split(' ')
      return { name, type }
    }),
    rows,
    hasSql,
    exact: true,
    scannedRows: 0,
    scannedFiles: 0,
    elapsedMs: 0,
    limited: false,
  }
}

const script = `
  import { readFileSync } from 'node:fs'
  import { writeAnswer } from '${import.meta.dirname}/query-output.ts'
  const { answer, format } = JSON.parse(readFileSync(0, 'utf8'))
  await writeAnswer(answer, format)`

function written(answer: QueryAnswer, format: QueryFormat): Buffer {
  const input = JSON.stringify({ answer, format })
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    input,
    maxBuffer: 1 << 26,
  })
}

const text = (answer: QueryAnswer, format: QueryFormat): string =>
  written(answer, format).toString()

const traffic = answerOf('srcaddr, packets bigint, rate double, note', [
  ['10.0.0.1', '7', '1176.0', 'web'],
  ['2001:db8::1', '12345', null, null],
])

test('a table: numbers to the right, names and values in columns', () => {
  const lines = [
    ' srcaddr       packets     rate   note ',
    '───────────── ───────── ──────── ──────',
    ' 10.0.0.1            7   1176.0   web  ',
    ' 2001:db8::1     12345     null   null ',
    '',
  ]
  assert.equal(text(traffic, 'table'), lines.join('\n'))
})

test('an absent value is null in a result of SQL and "-" in a record', () => {
  // "If a field is not applicable, the field value is displayed as -."
  const record = answerOf('vm-id, bytes bigint', [[null, null]], false)
  assert.equal(text(record, 'table'), ' vm-id   bytes \n─────── ───────\n -           - \n')
  assert.equal(text(record, 'ndjson'), '{"vm-id":"-","bytes":"-"}\n')
  assert.equal(text(record, 'csv'), 'vm-id,bytes\n-,-\n')
  const result = { ...record, hasSql: true }
  assert.equal(text(result, 'json'), '[\n{"vm-id":"null","bytes":"null"}\n]\n')
  assert.equal(text(result, 'csv'), 'vm-id,bytes\nnull,null\n')
})

test('a table without rows has its names; without columns it is nothing', () => {
  assert.equal(text(answerOf('srcaddr', []), 'table'), ' srcaddr \n')
  assert.equal(text({ ...traffic, columns: [], rows: [] }, 'table'), '')
})

test('what would steer a terminal is shown, not obeyed', () => {
  const bad = '\u001b[2J\u0007\r\n\t\u0000\u007f\u009b31m\u202egnp.exe\u2066\u200f'
  const table = text(answerOf('\u001b[1mname', [[bad], ['héllo 世界 ✓']]), 'table')
  const [head, , first, second] = table.split('\n')
  assert.equal(head!.trim(), '\\u001b[1mname')
  assert.equal(
    first!.trim(),
    '\\u001b[2J\\u0007\\u000d\\u000a\\u0009\\u0000\\u007f\\u009b31m\\u202egnp.exe\\u2066\\u200f',
  )
  assert.equal(second!.trim(), 'héllo 世界 ✓')
  assert.doesNotMatch(table.replaceAll('\n', ''), /\p{Cc}|\p{Bidi_Control}/u)
})

test('json and ndjson: objects of strings, one a line, readable by a parser whatever is in them', () => {
  const value = 'a "quote", a \\, a\nline, \u001b, 世界, \u2028'
  const answer = answerOf('text, n bigint', [
    [value, '9007199254740993'],
    ['', null],
  ])
  const objects = [
    { text: value, n: '9007199254740993' },
    { text: '', n: 'null' },
  ]
  const array = text(answer, 'json')
  assert.deepEqual(JSON.parse(array), objects)
  assert.equal(array.split('\n').length, 5, 'a bracket, two rows, a bracket and the end')
  const lines = text(answer, 'ndjson').split('\n')
  assert.deepEqual([lines.pop(), lines.map((line) => JSON.parse(line) as object)], ['', objects])
  assert.equal(text(answerOf('n', []), 'json'), '[]\n')
  assert.equal(text(answerOf('n', []), 'ndjson'), '')
})

test('no value is lost when columns have the same name', () => {
  const same = (columns: string, row: string[]) =>
    text(answerOf(columns, [row]), 'ndjson').trimEnd()
  assert.equal(same('a, a, b, a', ['1', '2', '3', '4']), '{"a":"1","a_1":"2","b":"3","a_3":"4"}')
  assert.equal(same('a_2, a, a', ['1', '2', '3']), '{"a_2":"1","a":"2","a_2_2":"3"}')
  assert.equal(same('a, a, a_1', ['1', '2', '3']), '{"a":"1","a_1":"2","a_1_2":"3"}')
  assert.equal(same('__proto__, A, a', ['1', '2', '3']), '{"__proto__":"1","A":"2","a":"3"}')
  assert.equal(text(answerOf('a, a', [['1', '2']]), 'csv'), 'a,a_1\n1,2\n')
  const head = text(answerOf('a, a', [['1', '2']]), 'table').split('\n')[0]
  assert.equal(head, ' a   a ', 'a table has its own names')
})

test('csv is quoted as RFC 4180 says', () => {
  const row = ['plain', 'a,b', 'say "x"', 'two\nlines', 'a\rb', ' space ', '', '=1+1']
  const answer = answerOf('a, b, c, d, e, f, g, h', [row])
  assert.equal(
    text(answer, 'csv'),
    'a,b,c,d,e,f,g,h\nplain,"a,b","say ""x""","two\nlines","a\rb", space ,,=1+1\n',
  )
  assert.equal(text(answerOf('a,b c', []), 'csv').split('\n').length, 2)
})

/** Names, types and rows of a Parquet file, as DuckDB reads them. */
async function parquetOf(context: TestContext, bytes: Buffer) {
  const path = join(temporaryFolder(context), 'result.parquet')
  writeFileSync(path, bytes)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const reader = await connection.runAndReadAll(`SELECT * FROM '${path}'`)
    return {
      columns: reader.columnNames().map((name, i) => `${name} ${String(reader.columnType(i))}`),
      rows: reader.getRowsJson(),
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

test('parquet has types, nulls and values as they are', async (t) => {
  const answer = answerOf(
    'n bigint, x double, b boolean, t timestamp, d date, s varchar, l array',
    [
      [
        '9007199254740993',
        '1.0E10',
        'true',
        '2026-11-22 16:00:00.123',
        '2026-11-22',
        'it\'s "\u0001"',
        '[1,2]',
      ],
      ['-1', 'NaN', 'false', '1969-12-31 23:59:59.999', '0001-01-01', '', '[]'],
      [null, null, null, null, null, null, null],
    ],
  )
  assert.deepEqual(await parquetOf(t, written(answer, 'parquet')), {
    columns: [
      'n BIGINT',
      'x DOUBLE',
      'b BOOLEAN',
      't TIMESTAMP',
      'd DATE',
      's VARCHAR',
      'l VARCHAR',
    ],
    rows: [
      [
        '9007199254740993',
        10_000_000_000,
        true,
        '2026-11-22 16:00:00.123',
        '2026-11-22',
        'it\'s "\u0001"',
        '[1,2]',
      ],
      ['-1', 'NaN', false, '1969-12-31 23:59:59.999', '0001-01-01', '', '[]'],
      [null, null, null, null, null, null, null],
    ],
  })
})

test('parquet of columns whose names differ in case only, or not at all', async (t) => {
  const answer = answerOf('a_2, A, a, A', [['1', '2', '3', '4']])
  const { columns, rows } = await parquetOf(t, written(answer, 'parquet'))
  assert.equal(new Set(columns.map((each) => each.toLowerCase())).size, 4, columns.join())
  assert.deepEqual(rows, [['1', '2', '3', '4']])
})

test('a large answer is written whole, and a reader that goes away ends the process quietly', () => {
  const rows = Array.from({ length: 50_000 }, (_, i) => [String(i), 'x'.repeat(40)])
  const answer = answerOf('n bigint, text', rows)
  assert.equal(text(answer, 'ndjson').trimEnd().split('\n').length, 50_000)
  const input = JSON.stringify({ answer, format: 'ndjson' })
  const shell = '"$0" --input-type=module -e "$1" | head -c 10; echo " ${PIPESTATUS[0]}"'
  const { stdout, stderr } = spawnSync('bash', ['-c', shell, process.execPath, script], { input })
  assert.equal(stdout.toString(), '{"n":"0"," 141\n')
  assert.equal(stderr.toString(), '')
})
