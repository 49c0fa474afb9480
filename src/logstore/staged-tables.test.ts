import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeBatch, encodeBatch } from '../base/batch-codec.ts'
import type { Column } from '../base/columns.ts'
import { defaultLogStoreConfig } from './config.ts'
import type { DuckDBConnection } from './engine.ts'
import { openEngine, quoteName, quoteText } from './engine.ts'
import { mergeParquet } from './parquet.ts'
import { stageRows } from './stage.ts'
import { StagedTables } from './staged-tables.ts'
import { sideBySide } from '../../test/side-by-side.ts'

const test = sideBySide()

type Texts = readonly (string | undefined)[]
const start = 3600 * 10

const awkward = [
  '',
  ' ',
  'a',
  'A',
  'ä',
  'Ä',
  'NULL',
  '-',
  "it's",
  `"quoted"`,
  "'",
  '\\',
  '$$',
  'line\nline',
  '日本語',
  '\u{1f600}',
  'nul\0in',
  'nul\0',
  '\0',
  '\0\0',
  'nul',
  'Ａ',
  'long '.repeat(210_000),
  'a ',
]

function columnOf(texts: Texts): Column {
  const known = new Map<string, number>()
  const codes = Uint32Array.from(texts, (text) => {
    if (text === undefined) return 0
    const code = known.get(text) ?? known.size + 1
    known.set(text, code)
    return code
  })
  return { kind: 'text', dictionary: [...known.keys()], codes }
}

/** Writes the columns, `hours` hours by turns, and returns the files. */
async function write(
  connection: DuckDBConnection,
  folder: string,
  columns: ReadonlyMap<string, Texts>,
  { hours = 1, sortBy = [] as readonly string[] } = {},
): Promise<string[]> {
  const rows = [...columns.values()][0]!.length
  const times = Float64Array.from({ length: rows }, (_, row) => start + (row % hours) * 3600)
  const number = Float64Array.from({ length: rows }, (_, row) => row)
  const batch = {
    rows,
    columns: new Map<string, Column>([
      ['__time__', { kind: 'integer', values: times }],
      ['row', { kind: 'integer', values: number }],
      ...[...columns].map(([name, texts]): [string, Column] => [name, columnOf(texts)]),
    ]),
  }
  const staged = await stageRows(
    [{ batch: decodeBatch(encodeBatch(batch, {})), receiveTime: 7 }],
    [
      { name: 'row', kind: 'integer' },
      ...[...columns.keys()].map((name) => ({ name, kind: 'text' }) as const),
    ],
  )
  const tables = await StagedTables.load(connection, staged)
  const paths: string[] = []
  for (const hour of staged.hours) {
    const path = join(folder, `${rows}-${hour.hour}.parquet`)
    await tables.writeHour(hour, path, sortBy)
    paths.push(path)
  }
  await tables.drop()
  return paths
}

async function read(connection: DuckDBConnection, paths: readonly string[], name: string) {
  const column = quoteName(name)
  const reader = await connection.runAndReadAll(
    `SELECT typeof(${column}), ${column}` +
      ` FROM read_parquet([${paths.map(quoteText).join(', ')}]) ORDER BY "row"`,
  )
  const rows = reader.getRows()
  assert.ok(rows.every(([type]) => type === 'VARCHAR'))
  return rows.map((row) => (row[1] === null ? undefined : String(row[1])))
}

async function withEngine(
  work: (connection: DuckDBConnection, folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-staged-'))
  const engine = await openEngine(defaultLogStoreConfig, folder)
  try {
    await work(engine.flushing, folder)
  } finally {
    engine.close()
    rmSync(folder, { recursive: true })
  }
}

const repeated = (texts: readonly string[], rows: number): Texts =>
  Array.from({ length: rows }, (_, row) => texts[row % (texts.length + 1)])

test('texts come back exactly, as VARCHAR, in the dictionary of every size', async () => {
  const plain = awkward.filter((text) => !text.includes('\0'))
  const counted = (count: number) => Array.from({ length: count }, (_, n) => `text ${n}`)
  const columns = new Map<string, Texts>([
    ['with NUL', repeated(awkward, 45_000).map((text, row) => (row < 100 ? text : 'x'))],
    ['without', repeated(plain, 45_000).map((text, row) => (row < 100 ? text : "y'"))],
    ['none', repeated([], 45_000)],
    ...[1, 254, 255, 256, 257, 10_000, 10_001, 14_999, 20_000, 45_000].map(
      (count): [string, Texts] => [`of ${count}`, repeated(counted(count), 45_000)],
    ),
    ['NUL in many', repeated([...awkward, ...counted(30_000)], 45_000)],
  ])
  await withEngine(async (connection, folder) => {
    for (const hours of [1, 5]) {
      const paths = await write(connection, folder, columns, { hours })
      assert.equal(paths.length, hours)
      for (const [name, texts] of hours === 1 ? columns : [...columns].slice(0, 4))
        assert.deepEqual(await read(connection, paths, name), texts, `${name}, ${hours} hours`)
    }
  })
})

test('65,535 and more texts that repeat', async () => {
  await withEngine(async (connection, folder) => {
    for (const count of [65_535, 65_536]) {
      const texts = Array.from({ length: count * 3 + 100 }, (_, row) => `text ${row % count}`)
      const paths = await write(connection, folder, new Map([['t', texts]]))
      assert.deepEqual(await read(connection, paths, 't'), texts)
    }
  })
})

test('500 text columns, small and long dictionaries: each value is in its row', async (t) => {
  await withEngine(async (connection, folder) => {
    const columns = new Map(
      Array.from({ length: 500 }, (_, index): [string, Texts] => [
        `c${index}`,
        Array.from({ length: 200 }, (_, row) => `${index} ${row % (index % 50)}`),
      ]),
    )
    const began = performance.now()
    const paths = await write(connection, folder, columns)
    t.diagnostic(`500 text columns of 200 rows: ${(performance.now() - began).toFixed(0)} ms`)
    for (const index of [0, 1, 9, 49, 250, 499])
      assert.deepEqual(await read(connection, paths, `c${index}`), columns.get(`c${index}`))
  })
})

test('files of ENUMs, sorted by sortBy, merge with those of plain texts', async () => {
  await withEngine(async (connection, folder) => {
    const rows = Array.from({ length: 3000 }, (_, row) => `eni-${(row * 7) % 10}`)
    const [path] = await write(connection, folder, new Map([['eni', rows]]), { sortBy: ['eni'] })
    const runs = await connection.runAndReadAll(
      `SELECT count(*) FILTER (eni <> before)::INTEGER FROM (SELECT eni, lag(eni) OVER () AS before` +
        ` FROM read_parquet(${quoteText(path!)}))`,
    )
    assert.deepEqual(runs.getRows(), [[9]])
    const none = new Map([['eni', [undefined]]])
    const empty = await write(connection, folder, none, { sortBy: ['eni', 'no column'] })
    assert.deepEqual(await read(connection, empty, 'eni'), [undefined])
    const older = join(folder, 'older.parquet')
    await connection.run(
      `COPY (SELECT * REPLACE ("row" + 3000 AS "row", 'old' AS eni) FROM ${quoteText(path!)}) TO ${quoteText(older)}`,
    )
    const merged = join(folder, 'merged.parquet')
    const files = [path!, older].map((each) => ({ path: each, sameAsTime: [] }))
    const inputs = { files, alike: true, sortBy: ['eni'], sameAsTime: [], isDay: false }
    await mergeParquet(connection, inputs, merged)
    const wanted = [...rows, ...rows.map(() => 'old')]
    assert.deepEqual(await read(connection, [path!, older], 'eni'), wanted)
    assert.deepEqual(await read(connection, [merged], 'eni'), wanted)
  })
})
