/** "srcaddr: 10.0.0.*": a prefix of a column that every row must have is a part of the order of texts, and the same rows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import type { ColumnSpec } from '../base/columns.ts'
import { randomFrom } from '../../test/random-from.ts'
import { parseQuery } from './parse.ts'
import { quoteText } from './quote.ts'
import { printPredicate } from './search-print.ts'

const seed = Number(process.env['WEIR_SEED'] ?? 20_261_125)
const columns: readonly ColumnSpec[] = [
  { name: 'srcaddr', kind: 'text' },
  { name: 'direction', kind: 'text' },
]

async function print(search: string): Promise<string> {
  const { text, search: predicate } = await parseQuery(search)
  return printPredicate(text, predicate, columns)
}

test('a range where all rows must be in it, a look at the beginning elsewhere', async () => {
  const range = `("srcaddr" >= '10.0.' AND "srcaddr" < '10.0/')`
  const starts = `(starts_with("srcaddr", '10.0.'))`
  assert.equal(await print('srcaddr: 10.0.*'), range)
  assert.equal(
    await print('srcaddr: 10.0.* and direction: 1'),
    `(${range} AND ("direction" = '1'))`,
  )
  assert.equal(await print('srcaddr: 10.0.* or direction: 1'), `(${starts} OR ("direction" = '1'))`)
  assert.equal(await print('not srcaddr: 10.0.*'), `(NOT coalesce(${starts}, FALSE))`)
  assert.equal(await print('direction: in*'), `(starts_with(lower("direction"), 'in'))`)
  assert.equal(await print('srcaddr: 10.0.?*'), `("srcaddr" LIKE '10.0._%' ESCAPE '\\')`)
})

test('the rows of a range are those that begin so (seed in WEIR_SEED)', async (context) => {
  context.diagnostic(`seed ${seed}`)
  const below = randomFrom(seed)
  const pieces = [
    '1',
    '9',
    '10',
    '.',
    '/',
    '0',
    ':',
    '-',
    '~',
    ' ',
    '\0',
    '\x7f',
    'ÿ',
    '😀',
    '\u{10ffff}',
  ]
  const textOf = (length: number) =>
    Array.from({ length }, () => pieces[below(pieces.length)]!).join('')
  const texts = new Set(['', '10.0', '10.0.', '10.0/', '10.0.\u{10ffff}', '10.0.\0', '10.'])
  while (texts.size < 3000) texts.add(textOf(1 + below(6)))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const literals = [...texts].map(
    (text) => `(${text.split('\0').map(quoteText).join(' || chr(0) || ')})`,
  )
  await connection.run(
    `CREATE TABLE t AS SELECT * FROM (VALUES ${literals.join(', ')}) AS v(srcaddr)`,
  )
  await connection.run('INSERT INTO t VALUES (NULL)')
  const found = async (where: string) => {
    const reader = await connection.runAndReadAll(`SELECT srcaddr FROM t WHERE ${where}`)
    return reader.getRows().map(([text]) => String(text))
  }
  let ranges = 0
  const prefixes = ['10.0.', '10', '1', '9.', '9:', '10.0:', '😀', '1😀']
  while (prefixes.length < 150) prefixes.push(`1${textOf(below(3))}`)
  for (const prefix of prefixes.filter((each) => /^[\d.:😀-]+$/u.test(each))) {
    const where = await print(`srcaddr: ${prefix}*`)
    if (where.includes('>=')) ranges++
    const wanted = [...texts].filter((text) => text.startsWith(prefix))
    assert.deepEqual((await found(where)).toSorted(), wanted.toSorted(), where)
  }
  assert.ok(ranges > 20, `${ranges}`)
  connection.closeSync()
  instance.closeSync()
})
