import type { LogstoreEntry } from './catalogue.ts'
import { rollupColumns } from './contract.ts'
import type { Damage, RollupSpec } from './contract.ts'
import { checksumOf, damageOf, describeDamage } from './damage.ts'
import { onlyRow, quoteName, quoteText } from './engine.ts'
import type { DuckDBConnection } from './engine.ts'
import { columnsIn, discard, writtenWrong } from './flush.ts'
import { dayBlocks, dayRollupOptions, sortedParquetOptions, sourceOf } from './parquet.ts'
import type { StoreParts } from './parts.ts'
import type { RollupFile, Segment } from './segments.ts'

/**
 * The segment, finished and not yet catalogued, with its rollups beside it: written under a temporary name,
 * compared with the segment's rows and sums, synced. One that cannot be made is counted and left out. What
 * it throws leaves no file, the segment's own included.
 */
export async function withRollups(
  parts: StoreParts,
  logstore: LogstoreEntry,
  segment: Segment,
): Promise<Segment> {
  const rollups: RollupFile[] = []
  try {
    for (const spec of logstore.rollups) {
      const made = await makeRollup(parts, logstore, segment, spec)
      if (made) rollups.push(made)
      else parts.counters.refusedRollups++
    }
    return { ...segment, rollups }
  } catch (error) {
    await discard(parts, [{ ...segment, rollups }])
    throw error
  }
}

async function makeRollup(
  parts: StoreParts,
  logstore: LogstoreEntry,
  segment: Segment,
  spec: RollupSpec,
): Promise<RollupFile | undefined> {
  const { disk, files } = parts
  const connection = parts.engine.merging
  const path = segment.path.replace(/\.parquet$/, `-${spec.name}.parquet`)
  const final = files.absolute(path)
  const temporary = `${final}.tmp`
  try {
    const select = await totalsSelect(parts, logstore, segment, spec)
    if (select === undefined) return undefined
    const options = segment.level === 3 ? dayRollupOptions(spec) : sortedParquetOptions
    await connection.run(`COPY (${select}) TO ${quoteText(temporary)} (${options})`)
    await checkTotals(connection, temporary, segment, spec)
    const checksum = await checksumOf(disk, temporary)
    await disk.publish(temporary, final)
    return { name: spec.name, path, bytes: await disk.size(final), checksum, parts: 1 }
  } catch (error) {
    await disk.remove(temporary)
    if (error instanceof Error && error.message.startsWith('Out of Memory Error')) return undefined
    throw error
  }
}

/** A SELECT of the rows of a segment's rollup; undefined where they cannot be kept. */
export async function totalsSelect(
  { engine, files }: StoreParts,
  logstore: LogstoreEntry,
  segment: Segment,
  spec: RollupSpec,
): Promise<string | undefined> {
  const held = new Set(columnsIn(segment.sums, logstore).map(({ name }) => name))
  const source = sourceOf([files.absolute(segment.path)], segment.sameAsTime)
  const sums = spec.sums.filter((name) => held.has(name))
  if (!(await fits(engine.merging, source, sums))) return undefined
  const isThere = (name: string) => held.has(name)
  const rows = selectOf(spec, source, isThere, (name) => logstore.kinds.get(name))
  const order = [...spec.by, '__time__'].map(quoteName).join(', ')
  return `SELECT * FROM (${rows}) ORDER BY ${segment.level === 3 ? `${dayBlocks}, ` : ''}${order}`
}

/** Whether every sum of some of the values is a BIGINT: Parquet has no wider integer. */
async function fits(
  connection: DuckDBConnection,
  source: string,
  sums: readonly string[],
): Promise<boolean> {
  if (sums.length === 0) return true
  const each = sums.map((name) => `coalesce(sum(abs(${quoteName(name)}::HUGEINT)), 0)::VARCHAR`)
  const row = await onlyRow(connection, `SELECT ${each.join(', ')} FROM ${source}`)
  return row.every((sum) => BigInt(sum) < 2n ** 63n)
}

/** Columns that the segment lacks are NULL in its rows. */
function selectOf(
  { bucketSeconds, by, sums }: RollupSpec,
  source: string,
  isThere: (name: string) => boolean,
  kindOf: (name: string) => string | undefined,
): string {
  const typed = (name: string) => `NULL::${kindOf(name) === 'text' ? 'VARCHAR' : 'BIGINT'}`
  const value = (name: string) => (isThere(name) ? quoteName(name) : typed(name))
  const keys = by.map((name) => `${value(name)} AS ${quoteName(name)}`)
  const totals = sums.flatMap((name, index) => [
    `sum(${value(name)})::BIGINT AS ${rollupColumns.sum(index)}`,
    `nullif(count(${value(name)}), count(*)) AS ${rollupColumns.values(index)}`,
  ])
  const time = `__time__ - __time__ % ${bucketSeconds} AS __time__`
  const select = [time, ...keys, `count(*) AS ${rollupColumns.rows}`, ...totals].join(', ')
  const places = [...by.map((_, index) => index + 2), 1].join(', ')
  return `SELECT ${select} FROM ${source} GROUP BY ${places}`
}

async function checkTotals(
  connection: DuckDBConnection,
  path: string,
  segment: Segment,
  { sums }: RollupSpec,
): Promise<void> {
  const { rows, sum, values } = rollupColumns
  const totals = sums.flatMap((_, index) => [
    `coalesce(sum(${sum(index)}), 0)::VARCHAR`,
    `coalesce(sum(coalesce(${values(index)}, ${rows})), 0)::VARCHAR`,
  ])
  const select = [`coalesce(sum(${rows}), 0)::VARCHAR`, ...totals].join(', ')
  const found = await onlyRow(connection, `SELECT ${select} FROM read_parquet(${quoteText(path)})`)
  const wanted = sums.flatMap((name) => {
    const of = segment.sums.get(name)
    return [String(of?.sum ?? 0), String(of?.values ?? 0)]
  })
  if (found.join() === [String(segment.rows), ...wanted].join()) return
  throw writtenWrong(path, `totals ${found.join()} instead of ${segment.rows},${wanted.join()}`)
}

/**
 * Drops the rollups of segments whose files are not what was written, by their size or all their bytes: the
 * segments are read instead. Returns what was found, once for each file, and as of the first segment that has it.
 */
export async function dropDamagedRollups(
  parts: StoreParts,
  segments: readonly Segment[],
  by: 'size' | 'content',
): Promise<Damage[]> {
  const files = new Map(
    segments
      .toReversed()
      .flatMap((segment) =>
        segment.rollups.map((rollup) => [rollup.path, { segment, rollup }] as const),
      ),
  )
  const check = async (segment: Segment, rollup: RollupFile): Promise<Damage[]> => {
    const checksum = by === 'size' ? undefined : rollup.checksum
    const damage = await damageOf(parts, { ...rollup, checksum })
    if (damage === undefined || !parts.segments.isRollupFile(rollup.path)) return []
    parts.counters.damages++
    parts.catalogue.transaction(() => parts.segments.dropRollupFile(rollup.path))
    const reason = `${damage}; it held no record of its own and was given up`
    const path = parts.files.absolute(rollup.path)
    return [{ ...describeDamage(parts, segment), path, rows: 0, reason }]
  }
  const found: Damage[] = []
  for (const some of by === 'size'
    ? [[...files.values()]]
    : [...files.values()].map((each) => [each]))
    found.push(...(await Promise.all(some.map((each) => check(each.segment, each.rollup)))).flat())
  return found
}

/** The ids of those segments that have the rollup, in a file of the right size; others are dropped. */
export async function checkedRollups(
  parts: StoreParts,
  segments: readonly Segment[],
  name: string,
): Promise<ReadonlySet<number>> {
  const having = segments.flatMap((segment) => {
    const rollups = segment.rollups.filter((each) => each.name === name)
    return rollups.length === 0 ? [] : [{ ...segment, rollups }]
  })
  const damages = await dropDamagedRollups(parts, having, 'size')
  const gone = new Set(damages.map(({ path }) => path))
  const isThere = ({ rollups }: Segment) =>
    rollups.every(({ path }) => !gone.has(parts.files.absolute(path)))
  return new Set(having.filter(isThere).map(({ id }) => id))
}
