/**
 * Columns that say the time of their row once more, in each row of a file: the file leaves them out, and who reads it
 * takes them from `__time__`. `start` of a flow log record is one, 0.83 bytes a record.
 */
import type { LogstoreEntry } from './catalogue.ts'
import { reservedColumns, shardColumn } from './contract.ts'
import { onlyRow, quoteName } from './engine.ts'
import type { DuckDBConnection } from './engine.ts'
import { sourceOf } from './parquet.ts'
import type { StoreParts } from './parts.ts'
import type { Segment } from './segments.ts'
import { addSums } from './sums.ts'
import type { SumsByColumn } from './sums.ts'

const own = new Set([...reservedColumns, shardColumn].map(({ name }) => name))

/** The columns that may be so by their sums; who does not look at each value knows nothing. */
export function mayBeSameAsTime(sums: SumsByColumn): string[] {
  const time = sums.get('__time__')
  return [...sums]
    .filter(([name, of]) => of.sum === time?.sum && of.values === time.values && !own.has(name))
    .map(([name]) => name)
}

/**
 * The columns that are so in every row of some segments, by what is known of those that leave them out and by a look
 * into the others.
 */
export async function sameAsTimeInAll(
  { engine, files }: StoreParts,
  { kinds }: LogstoreEntry,
  segments: readonly Segment[],
): Promise<string[]> {
  const names = mayBeSameAsTime(addSums(segments.map(({ sums }) => sums)))
  const same: string[] = []
  for (const name of names) {
    if (kinds.get(name) !== 'integer') continue
    const having = segments.filter((each) => !each.sameAsTime.includes(name))
    const paths = having.map(({ path }) => files.absolute(path))
    if (paths.length === 0 || (await isSameInFiles(engine.merging, paths, name))) same.push(name)
  }
  return same
}

async function isSameInFiles(
  connection: DuckDBConnection,
  paths: readonly string[],
  name: string,
): Promise<boolean> {
  const differing = `${quoteName(name)} IS DISTINCT FROM "__time__"`
  const from = `FROM ${sourceOf(paths, [])} WHERE ${differing}`
  const [found] = await onlyRow(connection, `SELECT count(*) FROM (SELECT 1 ${from} LIMIT 1)`)
  return found === '0'
}
