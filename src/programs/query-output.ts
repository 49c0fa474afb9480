/** Answers as a person or a machine wants them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { QueryAnswer } from '../api/contract.ts'
import { WeirError } from '../base/errors.ts'
import { uniqueNames } from '../base/unique-names.ts'
import { notApplicable } from '../record/fields.ts'
import { plainTable } from './plain-table.ts'
import { writeStandardOutput } from './standard-output.ts'

export const queryFormats = ['table', 'json', 'ndjson', 'csv', 'parquet'] as const
export type QueryFormat = (typeof queryFormats)[number]

/** An absent value: `-` in a record ("If a field is not applicable"), `null` in a result of SQL. */
const absent = (answer: QueryAnswer): string => (answer.hasSql ? 'null' : notApplicable)

export async function writeAnswer(answer: QueryAnswer, format: QueryFormat): Promise<void> {
  switch (format) {
    case 'table':
      return writeStandardOutput(await tableOf(answer))
    case 'json': {
      const rows = answer.rows.map((row) => JSON.stringify(objectOf(answer, row)))
      return writeStandardOutput(rows.length === 0 ? '[]\n' : `[\n${rows.join(',\n')}\n]\n`)
    }
    case 'ndjson':
      for (const row of answer.rows)
        writeStandardOutput(`${JSON.stringify(objectOf(answer, row))}\n`)
      return
    case 'csv':
      return writeStandardOutput(await csvOf(answer))
    case 'parquet':
      return await writeParquet(answer)
  }
}

/** "An array of row objects with values as strings, as in the log service." */
function objectOf(answer: QueryAnswer, row: readonly (string | null)[]): Record<string, string> {
  const names = namesOf(answer)
  return Object.fromEntries(row.map((value, i) => [names[i]!, value ?? absent(answer)]))
}

const namesOf = (answer: QueryAnswer): string[] =>
  uniqueNames(answer.columns.map(({ name }) => name))

const numeric = new Set(['bigint', 'double', 'integer', 'smallint', 'tinyint', 'real'])

async function tableOf(answer: QueryAnswer): Promise<string> {
  if (answer.columns.length === 0) return ''
  return await plainTable(
    answer.columns.map(({ name }) => name),
    answer.rows.map((row) => row.map((value) => value ?? absent(answer))),
    answer.columns.map(({ type }) => (numeric.has(type) ? 'right' : 'left')),
  )
}

async function csvOf(answer: QueryAnswer): Promise<string> {
  const { stringify } = await import('csv-stringify/sync')
  const rows = answer.rows.map((row) => row.map((value) => value ?? absent(answer)))
  return stringify([namesOf(answer), ...rows])
}

async function writeParquet(answer: QueryAnswer): Promise<void> {
  if (process.stdout.isTTY === true)
    throw new WeirError('Usage', 'a Parquet file is not for a terminal', {
      hint: 'Send it into a file: --format parquet > result.parquet',
    })
  const { exportParquet } = await import('../query/export.ts')
  const folder = mkdtempSync(join(tmpdir(), 'weir-export-'))
  try {
    const path = join(folder, 'result.parquet')
    await exportParquet(answer, path)
    writeStandardOutput(readFileSync(path))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
