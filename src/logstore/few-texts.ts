import type { DuckDBConnection } from './engine.ts'
import { quoteName, quoteText } from './engine.ts'

/**
 * A column has few texts when its dictionaries in all files together take fewer bytes a row than this. A search
 * for a text that a file lacks then reads little, without the bloom filter that an ENUM does not get.
 */
const dictionaryBytesARow = 0.5

export interface FewTexts {
  readonly rows: string
  readonly enums: ReadonlySet<string>
}

/**
 * Rows of `source`, which are those of these Parquet files, with columns of few texts as ENUMs: sorted and written
 * without copying and hashing the texts of each row, which was two fifths of a merge of flow logs. A file written
 * from them reads as VARCHAR. Their codes sort as their texts do.
 *
 * @returns a SELECT that is good on this connection until the next call, and which columns are ENUMs in it
 */
export async function withFewTexts(
  connection: DuckDBConnection,
  paths: readonly string[],
  source: string,
): Promise<FewTexts> {
  const names = await fewTexts(connection, paths)
  const casts: string[] = []
  for (const [index, name] of names.entries()) {
    const column = quoteName(name)
    await connection.run(
      `CREATE OR REPLACE TEMP TYPE few_texts_${index} AS ENUM` +
        ` (SELECT DISTINCT ${column} FROM ${source} WHERE ${column} IS NOT NULL ORDER BY 1)`,
    )
    casts.push(`${column}::few_texts_${index} AS ${column}`)
  }
  const replaced = casts.length === 0 ? '' : ` REPLACE (${casts.join(', ')})`
  return { rows: `SELECT *${replaced} FROM ${source}`, enums: new Set(names) }
}

/** Columns that have a dictionary wherever they have values, by what the files say of themselves. */
async function fewTexts(
  connection: DuckDBConnection,
  paths: readonly string[],
): Promise<readonly string[]> {
  const bytes = 'sum(data_page_offset - dictionary_page_offset)'
  const found = await connection.runAndReadAll(
    `SELECT path_in_schema FROM parquet_metadata([${paths.map(quoteText).join(', ')}])` +
      " WHERE type = 'BYTE_ARRAY' AND stats_null_count IS DISTINCT FROM num_values GROUP BY 1" +
      ' HAVING count(*) = count(dictionary_page_offset)' +
      ` AND ${bytes} < ${dictionaryBytesARow} * sum(num_values) ORDER BY 1`,
  )
  return found.getRows().map(([name]) => String(name))
}
